"""The quarantine's records: what was refused, why, and where it is now."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, insert, or_, select, update

from dbproc.core.errors import ConflictError, NotFoundError
from dbproc.core.model import Member
from dbproc.core.states import NoticeEvent, RefusalReason
from dbproc.database import notices, schema
from dbproc.database.moves import members_text

_TABLE = schema.quarantine
_STILL_THERE = and_(_TABLE.c.released_time.is_(None), _TABLE.c.discarded_time.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file that is refused; `verdicts` is a JSON list of each product's answer."""

    filename: str
    stored_name: str
    came_from: str
    reason: RefusalReason
    message: str
    verdicts: str = "[]"
    size: int | None = None
    digest: str | None = None
    other_digest: str | None = None
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """A file that was refused."""

    quarantine_id: int  #: the number of the entry
    filename: str  #: the name that it came with
    stored_name: str  #: its name in the quarantine
    came_from: str  #: the path that it had
    reason: str  #: why, in one word
    message: str  #: why, in a sentence
    verdicts: str  #: what each product said: JSON text; in ``dbproc quarantine`` a list of ``product`` and ``reason``
    file_size: int | None  #: bytes
    shasum: str | None  #: its digest
    other_shasum: str | None  #: the digest of the file that it contradicts
    quarantine_time: dt.datetime  #: when
    logging_id: int | None  #: the number of the run
    released_time: dt.datetime | None  #: when it was put back into incoming
    discarded_time: dt.datetime | None  #: when it was deleted
    comment: str | None  #: why it was released or discarded
    members: str  #: JSON text: what is in its companion directory

    @property
    def is_open(self) -> bool:
        """Whether its file is in quarantine."""
        return self.released_time is None and self.discarded_time is None

    @property
    def answers(self) -> tuple[ProductAnswer, ...]:
        """What each product said of it."""
        return tuple(ProductAnswer(each.get("product"), each.get("reason")) for each in json.loads(self.verdicts))


@dataclass(frozen=True, slots=True)
class ProductAnswer:
    """What a product said of a file that was refused."""

    product: str | None  #: the name of the product
    reason: str | None  #: why the file is not of it


def insert_entries(connection: Connection, run_id: int | None, entries: Sequence[Entry]) -> None:
    """Record refused files."""
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "filename": entry.filename,
            "stored_name": entry.stored_name,
            "came_from": entry.came_from,
            "reason": entry.reason,
            "message": entry.message,
            "verdicts": entry.verdicts,
            "file_size": entry.size,
            "shasum": entry.digest,
            "other_shasum": entry.other_digest,
            "quarantine_time": now,
            "logging_id": run_id,
            "members": members_text(entry.members),
        }
        for entry in entries
    ]
    if not rows:
        return
    ids = connection.scalars(insert(_TABLE).returning(_TABLE.c.quarantine_id, sort_by_parameter_order=True), rows)
    named = zip(ids, entries, strict=True)
    happened = [(f"entry {number}", f"{entry.filename}: {entry.reason}: {entry.message}") for number, entry in named]
    notices.enter(connection, NoticeEvent.QUARANTINED, happened)


def stored_names(connection: Connection) -> dict[int, str]:
    """What is in quarantine, the latest first: the names of the files by their entries."""
    statement = select(_TABLE.c.quarantine_id, _TABLE.c.stored_name).where(_STILL_THERE)
    return {row[0]: row[1] for row in connection.execute(statement.order_by(_TABLE.c.quarantine_id.desc()))}


def entries(
    connection: Connection,
    limit: int | None = 100,
    after: int | None = None,
    reasons: Collection[RefusalReason] = (),
    text: str = "",
) -> list[QuarantineRow]:
    """What is in quarantine, the latest first; at most so much of it, after an entry; refused for some reasons, with
    `text` in the name or in what is wrong, in capitals or not."""
    statement = select(_TABLE).where(_STILL_THERE).order_by(_TABLE.c.quarantine_id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(_TABLE.c.quarantine_id < after)
    if reasons:
        statement = statement.where(_TABLE.c.reason.in_(sorted(reasons)))
    if text:
        texts = (_TABLE.c.filename, _TABLE.c.message)
        statement = statement.where(or_(*(column.icontains(text, autoescape=True) for column in texts)))
    return [QuarantineRow(**row) for row in connection.execute(statement).mappings()]


def open_entries(connection: Connection) -> list[QuarantineRow]:
    """Every file that is in quarantine, in the order of the numbers."""
    statement = select(_TABLE).where(_STILL_THERE).order_by(_TABLE.c.quarantine_id)
    return [QuarantineRow(**row) for row in connection.execute(statement).mappings()]


def entry(connection: Connection, quarantine_id: int) -> QuarantineRow:
    """One entry, whether its file is still there or not.

    Raises
    ------
    NotFoundError
        There is none of this number.
    """
    row = connection.execute(select(_TABLE).where(_TABLE.c.quarantine_id == quarantine_id)).mappings().first()
    if row is None:
        raise NotFoundError(f"no entry {quarantine_id} in quarantine; they are listed by: dbproc quarantine list")
    return QuarantineRow(**row)


def close_entry(connection: Connection, quarantine_id: int, *, discarded: bool, comment: str) -> None:
    """Record that the file of an entry was released or discarded.

    Raises
    ------
    ConflictError
        It was already.
    """
    now = dt.datetime.now(dt.UTC)
    times = {"discarded_time": now} if discarded else {"released_time": now}
    closing = update(_TABLE).where(_TABLE.c.quarantine_id == quarantine_id, _STILL_THERE)
    if connection.execute(closing.values(comment=comment, **times)).rowcount != 1:
        raise ConflictError(f"entry {quarantine_id} has left the quarantine already")
