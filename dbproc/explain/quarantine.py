"""What is in quarantine, and what each product said of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, fields

from dbproc.core.states import RefusalReason
from dbproc.database import quarantine
from dbproc.database.quarantine import ProductAnswer, QuarantineRow
from dbproc.database.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A file that was refused."""

    quarantine_id: int  #: the number of the entry
    filename: str  #: the name that it came with
    stored_name: str  #: its name in the quarantine
    came_from: str  #: the path that it had
    reason: str  #: why, in one word
    message: str  #: why, in a sentence
    verdicts: tuple[ProductAnswer, ...]  #: what each product said
    file_size: int | None  #: bytes
    shasum: str | None  #: its digest
    other_shasum: str | None  #: the digest of the file that it contradicts
    quarantine_time: dt.datetime  #: when
    logging_id: int | None  #: the number of the run
    released_time: dt.datetime | None  #: when it was put back into incoming
    discarded_time: dt.datetime | None  #: when it was deleted
    comment: str | None  #: why it was released or discarded
    members: str  #: JSON text: what is in its companion directory


def refused(row: QuarantineRow) -> Refused:
    """An entry for people."""
    values = {field.name: getattr(row, field.name) for field in fields(Refused)}
    return Refused(**{**values, "verdicts": row.answers})


def entries(
    store: Store,
    limit: int | None = None,
    after: int | None = None,
    reasons: Collection[RefusalReason] = (),
    text: str = "",
) -> list[Refused]:
    """What is in quarantine, the latest first: at most so much of it, after an entry; refused for some reasons, with
    `text` in the name or in what is wrong."""
    with store.begin() as connection:
        return [refused(row) for row in quarantine.entries(connection, limit, after, reasons, text)]


def entry(store: Store, number: int) -> Refused:
    """One entry, whether its file is still there or not.

    Raises
    ------
    NotFoundError
        There is none of this number.
    """
    with store.begin() as connection:
        return refused(quarantine.entry(connection, number))
