"""The process queue: files still to be looked at as inputs of new work.

A file leaves the queue in the same transaction that records what was decided for it, never before.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, exists, func, null, or_, select, update

from dbproc.core.candidates import Queued
from dbproc.core.model import Period
from dbproc.core.states import Quality
from dbproc.database import links, schema
from dbproc.database._queries import batches, columns_of, insert_rows, is_newest, newest_as_queued

_QUEUE = schema.processqueue
_FILE = schema.file
_VERSION = _FILE.alias()
_TAKEN_BACK = or_(
    _FILE.c.replaced_by.is_not(None),
    and_(_FILE.c.correction_id.is_not(None), ~_FILE.c.exists_on_disk),
    _FILE.c.quality != Quality.UNKNOWN,  # inputs may not take it
)
_HEAD = (_FILE.c.file_id, _FILE.c.product_id, _FILE.c.utc_file_date, _FILE.c.process_keywords, _TAKEN_BACK)

MADE = "made"
"""Why an output is queued: a job made it."""

MARKED = "marked"
"""Why a file is queued that was marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A file that is still to be looked at as an input of new work."""

    file_id: int  #: the number of the file
    filename: str  #: its name
    product_id: int  #: the number of its product
    product_name: str  #: the name of its product
    utc_file_date: dt.date  #: the day that it is of
    data_level: float  #: its level
    reason: str  #: why it is queued
    version_bump: int | None  #: the part that is raised of the versions of what is made from it
    queued_time: dt.datetime  #: since when


def push(connection: Connection, file_ids: Sequence[int], reason: str, version_bump: int | None = None) -> None:
    """Put files into the queue; one that is there already stays as it is."""
    there: set[int] = set()
    for some in batches(file_ids):
        there.update(connection.scalars(select(_QUEUE.c.file_id).where(_QUEUE.c.file_id.in_(some))))
    now = dt.datetime.now(dt.UTC)
    rows = [
        {"file_id": file_id, "reason": reason, "version_bump": version_bump, "queued_time": now}
        for file_id in dict.fromkeys(file_ids)
        if file_id not in there
    ]
    insert_rows(connection, _QUEUE, rows)


def push_marked(connection: Connection, file_ids: Sequence[int]) -> None:
    """Put files into the queue that were marked; one that is there already is to be looked at once more."""
    now = dt.datetime.now(dt.UTC)
    for some in batches(file_ids):
        there = update(_QUEUE).where(_QUEUE.c.file_id.in_(some))
        connection.execute(there.values(reason=MARKED, queued_time=now))
    push(connection, file_ids, MARKED)


def marked(connection: Connection) -> set[tuple[int, dt.datetime]]:
    """The files that are queued because they were marked, and since when."""
    statement = select(_QUEUE.c.file_id, _QUEUE.c.queued_time).where(_QUEUE.c.reason == MARKED)
    return {(row[0], row[1]) for row in connection.execute(statement)}


def push_back(connection: Connection, file_ids: Sequence[int], reason: str) -> None:
    """Put files into the queue that are in their places again, or make way for such: those of which something may come,
    because a process takes them, and no newer version is there. The others leave it."""
    link = schema.productprocesslink.c
    is_input = exists().where(link.input_product_id == _FILE.c.product_id)
    may_matter = or_(and_(is_newest(existing=True), is_input), _TAKEN_BACK)
    useful: list[int] = []
    for some in batches(file_ids):
        useful += connection.scalars(select(_FILE.c.file_id).where(_FILE.c.file_id.in_(some), may_matter))
    push(connection, useful, reason)
    for some in batches([*set(file_ids).difference(useful)]):
        connection.execute(delete(_QUEUE).where(_QUEUE.c.file_id.in_(some), _QUEUE.c.version_bump.is_(None)))


def remove(connection: Connection, file_ids: Iterable[int]) -> None:
    """Take files out of the queue."""
    for some in batches(list(file_ids)):
        connection.execute(delete(_QUEUE).where(_QUEUE.c.file_id.in_(some)))


def file_ids(connection: Connection) -> set[int]:
    """The numbers of all queued files."""
    return set(connection.scalars(select(_QUEUE.c.file_id)))


def length(connection: Connection) -> int:
    """How many files are queued."""
    return connection.scalar(select(func.count()).select_from(_QUEUE)) or 0


def flush(connection: Connection) -> int:
    """Empty the queue; returns how many files were in it."""
    links.outdate(connection)
    return connection.execute(delete(_QUEUE)).rowcount


def entries(connection: Connection, products: Sequence[str] = (), limit: int | None = None) -> list[QueueRow]:
    """What is queued, for people, at most so much: file, product, date, since when and why; in the order of levels and
    dates."""
    statement = (
        select(*columns_of(QueueRow, _QUEUE, schema.product, _FILE))
        .join(_FILE, _FILE.c.file_id == _QUEUE.c.file_id)
        .join(schema.product, schema.product.c.product_id == _FILE.c.product_id)
        .order_by(_FILE.c.data_level, _FILE.c.utc_file_date, _FILE.c.filename)
        .limit(limit)
    )
    if products:
        statement = statement.where(schema.product.c.product_name.in_(products))
    return [QueueRow(**row) for row in connection.execute(statement).mappings()]


def load(connection: Connection, file_ids: Sequence[int] | None = None) -> list[Queued]:
    """The queued files as the planner sees them: all, or those of `file_ids`."""
    if file_ids is None:
        return _load(connection, None)
    return [item for some in batches(file_ids) for item in _load(connection, some)]


def newest(connection: Connection, product_ids: Collection[int]) -> list[Queued]:
    """The newest existing files of some products, as if they were queued for their own days alone."""
    return list(newest_as_queued(connection, _FILE.c.product_id.in_(product_ids)))


def as_queued(
    connection: Connection, *, file_ids: Sequence[int] | None = None, product_ids: Sequence[int] = ()
) -> list[Queued]:
    """Files as the planner would see them if they were queued: those of `file_ids`, or else the newest existing ones of
    some products."""
    heads = select(*_HEAD, null(), null())
    if file_ids is None:
        return _seen(connection, heads.where(_FILE.c.product_id.in_(product_ids), is_newest(existing=True)))
    some = (heads.where(_FILE.c.file_id.in_(some)) for some in batches(file_ids))
    return [item for statement in some for item in _seen(connection, statement)]


def _load(connection: Connection, file_ids: Sequence[int] | None) -> list[Queued]:
    statement = select(*_HEAD, _QUEUE.c.version_bump, _campaign_of_made())
    statement = statement.join(_QUEUE, _QUEUE.c.file_id == _FILE.c.file_id)
    if file_ids is not None:
        statement = statement.where(_QUEUE.c.file_id.in_(file_ids))
    return _seen(connection, statement)


def _seen(connection: Connection, heads: Select[*tuple[Any, ...]]) -> list[Queued]:
    """Files with the times of all their versions; `heads` gives the other columns."""
    statement = heads.add_columns(_VERSION.c.utc_start_time, _VERSION.c.utc_stop_time).join(
        _VERSION,
        and_(
            _VERSION.c.product_id == _FILE.c.product_id,
            _VERSION.c.utc_file_date == _FILE.c.utc_file_date,
            _VERSION.c.process_keywords == _FILE.c.process_keywords,
        ),
    )
    spans: dict[int, list[Period]] = defaultdict(list)
    known: dict[int, tuple[Any, ...]] = {}
    for file_id, product_id, date, keywords, is_back, bump, campaign_id, start, stop in connection.execute(statement):
        known[file_id] = (product_id, date, keywords, bump, campaign_id, bool(is_back))
        spans[file_id].append(Period(start, stop))
    return [
        Queued(file_id, product_id, date, keywords, tuple(spans[file_id]), bump, campaign_id, is_back)
        for file_id, (product_id, date, keywords, bump, campaign_id, is_back) in known.items()
    ]


def _campaign_of_made() -> ColumnElement[int | None]:
    """The campaign of the attempt that made a queued file, when that is why it is queued."""
    attempt, further = schema.attempt, schema.attemptoutput
    of_file = select(attempt.c.campaign_id).where(attempt.c.output_file == _QUEUE.c.file_id)
    first = of_file.order_by(attempt.c.attempt_id.desc()).limit(1)  # a file may have been made again
    besides = (
        select(attempt.c.campaign_id)
        .join(further, further.c.attempt_id == attempt.c.attempt_id)
        .where(further.c.file_id == _QUEUE.c.file_id)
    )
    return case((_QUEUE.c.reason == MADE, func.coalesce(first.scalar_subquery(), besides.scalar_subquery())))
