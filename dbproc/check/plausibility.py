"""Dates and times of files that are unlikely: nothing is wrong by itself, and a person should look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator

from dbproc.check.faults import Fault, Kind
from dbproc.core.model import Definition
from dbproc.core.plausibility import doubts
from dbproc.database import audit
from dbproc.database.store import Transaction


def doubtful(connection: Transaction, definition: Definition, chosen: Collection[int] | None) -> Iterator[Fault]:
    """What is unlikely of the newest files, or of those that are `chosen`; product by product."""
    now = dt.datetime.now(dt.UTC)
    for product in definition.products.values():
        for file, text in doubts(product, audit.newest_of(connection, product.product_id), now):
            if chosen is None or file.file_id in chosen:
                yield Fault(
                    kind=Kind.IMPLAUSIBLE,
                    place=file.filename,
                    text=text,
                    remedy="if its inspector errs, mend that, then: dbproc reinspect; if the file is bad: dbproc mark",
                )
