"""What waits for its period to be over or its inputs to be complete, and what should have come and is late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.expectations import Expected
from dbproc.core.model import Definition
from dbproc.core.slots import key_of, period_words
from dbproc.database import planning, waitingslots
from dbproc.database.store import Transaction

_LATE_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSlot:
    """What is to be made, and waits as its process says."""

    process: str  #: the name of the process
    product: str | None  #: the name of its first product
    date: dt.date  #: the date
    period: str  #: the time that it is of
    key: str  #: the keywords that tell it from others of that time
    until: dt.datetime | None  #: when it is made at the latest; null: when something comes
    why: str  #: why it is to be made, and what it waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFile:
    """A file that should have come."""

    period: str  #: the time that it is of
    key: str  #: its keywords
    start: dt.datetime  #: the first moment of that time
    stop: dt.datetime  #: its last moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LateProduct:
    """A product of which files should have come."""

    product: str  #: its name
    count: int  #: how many files
    oldest: tuple[LateFile, ...]  #: the first few of them


def waiting_slots(connection: Transaction, definition: Definition) -> Iterator[WaitingSlot]:
    """What was found to wait by the last run that looked at it; not of processes that are retired."""
    for row in waitingslots.entries(connection):
        process = definition.processes.get(row.slot.process_id)
        if process is None or process.process_id not in definition.codes:
            continue
        product = process.output_product
        yield WaitingSlot(
            process=process.name,
            product=None if product is None else definition.products[product].name,
            date=row.slot.date,
            period=period_words(process, row.slot),
            key=key_of(process, row.slot),
            until=row.until,
            why=row.why,
        )


def late_products(connection: Transaction, definition: Definition, now: dt.datetime) -> Iterator[LateProduct]:
    """The products of which something is late, by their own words."""
    for product in definition.products.values():
        if product.late_after is None:
            continue
        found = planning.presence_of(connection, product).late(now)
        if found:
            oldest = tuple(map(_late_file, found[:_LATE_SHOWN]))
            yield LateProduct(product=product.name, count=len(found), oldest=oldest)


def _late_file(late: Expected) -> LateFile:
    return LateFile(period=late.period_words, key=late.key, start=late.period.start, stop=late.period.stop)
