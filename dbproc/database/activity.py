"""What runs took in, made and could not make since a time, in numbers."""

from __future__ import annotations

import datetime as dt
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, select

from dbproc.core.slot_text import SlotShown
from dbproc.core.states import AttemptStatus
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import FILE, is_here, recorded_columns, recorded_slot, streamed, version_columns

_RUN, _ATTEMPT, _PROCESS = schema.logging, schema.attempt, schema.process
_BEGAN = _RUN.c.processing_start_time


class SlowJob(NamedTuple):
    """A job that succeeded: its process, what it is for, its code, and how long it took."""

    process: str
    slot: SlotShown
    code: str
    seconds: float


Counts = dict[tuple[dt.date, str], Counter[str]]
"""By the day of the run, and by product, or process without one: how many ingested, made, failed, refused."""


def counts(connection: Connection, since: dt.datetime) -> Counts:
    """What runs did that began since."""
    found: Counts = defaultdict(Counter)
    for began, name, what, count in (*_files(connection, since), *_failures(connection, since)):
        found[began.date(), name][what] += count
    return found


def runs(connection: Connection, since: dt.datetime) -> int:
    """How many runs began since."""
    is_meant = (_RUN.c.purpose == "run", _since(since))
    return int(connection.scalar(select(func.count()).where(*is_meant)) or 0)


def quarantined(connection: Connection, since: dt.datetime) -> int:
    """How many files went to quarantine since."""
    return int(connection.scalar(select(func.count()).where(schema.quarantine.c.quarantine_time >= since)) or 0)


def slowest(connection: Connection, since: dt.datetime, most: int) -> list[SlowJob]:
    """The jobs that took longest of those that ended since, the longest first."""
    code = schema.code
    times = (_ATTEMPT.c.start_time, _ATTEMPT.c.end_time)
    statement = select(
        *(_PROCESS.c.process_name, _PROCESS.c.output_timebase, code.c.filename, *version_columns(code), *times),
        *recorded_columns(_ATTEMPT),
    )
    statement = statement.join(_PROCESS, _PROCESS.c.process_id == _ATTEMPT.c.process_id)
    statement = statement.join(code, code.c.code_id == _ATTEMPT.c.code_id)
    has_ended = (_ATTEMPT.c.status == AttemptStatus.SUCCEEDED, *(time.is_not(None) for time in times))
    rows = streamed(connection, statement.where(*has_ended, _ATTEMPT.c.end_time >= since))
    latest = heapq.nlargest(most, rows, key=lambda row: row.end_time - row.start_time)
    return [
        SlowJob(
            row.process_name,
            recorded_slot(row.output_timebase, row._mapping),
            f"{row.filename} {Version(row.interface_version, row.quality_version, row.revision_version)}",
            (row.end_time - row.start_time).total_seconds(),
        )
        for row in latest
    ]


def grown(connection: Connection, since: dt.datetime) -> tuple[int, dt.datetime | None]:
    """Bytes of the files on the disk that runs took in or made that began since; and when the first such run did."""
    run = _RUN.c
    before = select(func.max(run.logging_id)).where(run.processing_start_time < since).scalar_subquery()
    counts = and_(is_here(FILE), FILE.c.replaced_by.is_(None))  # as a condition it would lead away from the index
    size = func.coalesce(func.sum(case((counts, FILE.c.file_size))), 0)
    recent = select(size, func.min(FILE.c.logging_id)).where(FILE.c.logging_id > func.coalesce(before, 0))
    total, first = connection.execute(recent).one()
    return int(total), connection.scalar(select(_BEGAN).where(run.logging_id == first))


def _since(since: dt.datetime) -> ColumnElement[bool]:
    return _RUN.c.processing_start_time >= since


def _files(connection: Connection, since: dt.datetime) -> Iterator[tuple[dt.datetime, str, str, int]]:
    link, product = schema.filecodelink.c, schema.product.c
    is_made = exists().where(link.resulting_file == FILE.c.file_id)
    columns = (_BEGAN, product.product_name, is_made)
    statement = select(*columns, func.count()).select_from(
        FILE.join(_RUN, _RUN.c.logging_id == FILE.c.logging_id).join(
            schema.product, product.product_id == FILE.c.product_id
        )
    )
    for began, name, made, count in connection.execute(statement.where(_since(since)).group_by(*columns)):
        yield began, name, "made" if made else "ingested", count


def _failures(connection: Connection, since: dt.datetime) -> Iterator[tuple[dt.datetime, str, str, int]]:
    product = schema.product.c
    name = func.coalesce(product.product_name, _PROCESS.c.process_name)
    columns = (_BEGAN, name, _ATTEMPT.c.status)
    statement = select(*columns, func.count()).select_from(
        _ATTEMPT.join(_RUN, _RUN.c.logging_id == _ATTEMPT.c.logging_id)
        .join(_PROCESS, _PROCESS.c.process_id == _ATTEMPT.c.process_id)
        .outerjoin(schema.product, product.product_id == _PROCESS.c.output_product)
    )
    is_meant = (_since(since), _ATTEMPT.c.status.in_((AttemptStatus.FAILED, AttemptStatus.REFUSED)))
    for began, told, status, count in connection.execute(statement.where(*is_meant).group_by(*columns)):
        yield began, told, str(AttemptStatus(status)), count
