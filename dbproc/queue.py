"""The process queue: files still to be looked at as inputs of new work.

A file leaves the queue in the same transaction that records what was decided for it, never before.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select
from sqlalchemy.orm import aliased

from dbproc import schema
from dbproc.catalogue._select import batches
from dbproc.periods import DayRange
from dbproc.plan import Queued

_QUEUE = schema.ProcessQueue
_FILE = schema.File


def push(connection: Connection, file_ids: Sequence[int], reason: str, version_bump: int | None = None) -> None:
    """Put files into the queue; one that is there already stays as it is."""
    there: set[int] = set()
    for some in batches(file_ids):
        there.update(connection.scalars(select(_QUEUE.file_id).where(_QUEUE.file_id.in_(some))))
    now = dt.datetime.now(dt.UTC)
    rows = [
        {"file_id": file_id, "reason": reason, "version_bump": version_bump, "queued_time": now}
        for file_id in dict.fromkeys(file_ids)
        if file_id not in there
    ]
    if rows:
        connection.execute(insert(_QUEUE), rows)


def remove(connection: Connection, file_ids: Iterable[int]) -> None:
    """Take files out of the queue."""
    for some in batches(list(file_ids)):
        connection.execute(delete(_QUEUE).where(_QUEUE.file_id.in_(some)))


def length(connection: Connection) -> int:
    """How many files are queued."""
    return connection.scalar(select(func.count()).select_from(_QUEUE)) or 0


def flush(connection: Connection) -> int:
    """Empty the queue; returns how many files were in it."""
    return connection.execute(delete(_QUEUE)).rowcount


def entries(connection: Connection, products: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What is queued, for people: file, product, date, since when and why; in the order of levels and dates."""
    statement = (
        select(
            _QUEUE.file_id,
            _FILE.filename,
            schema.Product.product_id,
            schema.Product.product_name,
            _FILE.utc_file_date,
            _FILE.data_level,
            _QUEUE.reason,
            _QUEUE.version_bump,
            _QUEUE.queued_time,
        )
        .join(_FILE, _FILE.file_id == _QUEUE.file_id)
        .join(schema.Product, schema.Product.product_id == _FILE.product_id)
        .order_by(_FILE.data_level, _FILE.utc_file_date, _FILE.filename)
    )
    if products:
        statement = statement.where(schema.Product.product_name.in_(products))
    return [dict(row._mapping) for row in connection.execute(statement)]


def load(connection: Connection, file_ids: Sequence[int] | None = None) -> list[Queued]:
    """The queued files as the planner sees them: all, or those of `file_ids`."""
    if file_ids is None:
        return _load(connection, None)
    return [item for some in batches(file_ids) for item in _load(connection, some)]


def _load(connection: Connection, file_ids: Sequence[int] | None) -> list[Queued]:
    version = aliased(_FILE)
    statement = (
        select(
            _QUEUE.file_id,
            _FILE.product_id,
            _FILE.utc_file_date,
            _FILE.process_keywords,
            _QUEUE.version_bump,
            version.utc_start_time,
            version.utc_stop_time,
        )
        .join(_FILE, _FILE.file_id == _QUEUE.file_id)
        .join(
            version,
            and_(
                version.product_id == _FILE.product_id,
                version.utc_file_date == _FILE.utc_file_date,
                version.process_keywords == _FILE.process_keywords,
            ),
        )
    )
    if file_ids is not None:
        statement = statement.where(_QUEUE.file_id.in_(file_ids))
    spans: dict[int, list[DayRange]] = defaultdict(list)
    heads: dict[int, tuple[Any, ...]] = {}
    for file_id, product_id, date, keywords, bump, start, stop in connection.execute(statement):
        heads[file_id] = (product_id, date, keywords, bump)
        spans[file_id].append((start.date(), stop.date()))
    return [
        Queued(file_id, product_id, date, keywords, tuple(spans[file_id]), bump)
        for file_id, (product_id, date, keywords, bump) in heads.items()
    ]
