"""The catalogue in numbers for who watches over it: each of a few statements groups one table."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Float, and_, case, cast, extract, func, or_, select

from dbproc.core.metrics import Spread
from dbproc.core.states import AttemptStatus, Standing
from dbproc.core.transfers import Task, TransferState
from dbproc.database import schema
from dbproc.database._queries import FILE, standing

BOUNDS = (1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0)
"""Seconds that jobs are told apart by."""

_RUN, _ATTEMPT, _TRANSFER = schema.logging, schema.attempt.c, schema.transfer.c
_ENDED = (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED, AttemptStatus.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Moved:
    """Transfers between two places: how many, their bytes that were moved, and those that are still to come."""

    task: Task
    state: TransferState
    origin: str
    target: str
    count: int
    bytes: int
    left: int


def last_success(connection: Connection) -> dt.datetime | None:
    """When the latest run ended that could do all there was to do."""
    run = _RUN.c
    statement = select(run.processing_end_time).where(run.purpose == "run", run.exit_status == 0)
    return connection.scalar(statement.order_by(run.logging_id.desc()).limit(1))


def queue_age(connection: Connection) -> tuple[int, dt.datetime | None]:
    """How many files are queued, and since when the oldest is."""
    count, since = connection.execute(select(func.count(), func.min(schema.processqueue.c.queued_time))).one()
    return int(count), since


def files(connection: Connection) -> list[tuple[str, Standing, int]]:
    """How many files of each product stand how. Most are in their places: they are counted by an index, as all that
    there are without those that are not."""
    product = schema.product.c
    names = _names(connection, product.product_id, product.product_name)
    counts: Counter[tuple[int, Standing]] = Counter()
    for number, count in connection.execute(select(FILE.c.product_id, func.count()).group_by(FILE.c.product_id)):
        counts[number, Standing.IN_PLACE] = count
    is_offloaded = and_(FILE.c.exists_on_disk, FILE.c.offloaded_time.is_not(None))
    is_away = or_(~FILE.c.exists_on_disk, is_offloaded, FILE.c.replaced_by.is_not(None))
    each = select(FILE.c.product_id, standing(FILE).label("how")).where(is_away).subquery()
    away = select(each.c.product_id, each.c.how, func.count()).group_by(each.c.product_id, each.c.how)
    for number, how, count in connection.execute(away):
        counts[number, Standing(how)] += count
        counts[number, Standing.IN_PLACE] -= count
    return [(names[number], how, count) for (number, how), count in counts.items()]


def latest_data(connection: Connection) -> dict[str, dt.datetime]:
    """By product: the end of the time that its latest file is of."""
    product = schema.product.c
    latest = select(FILE.c.utc_stop_time).where(FILE.c.product_id == product.product_id, FILE.c.exists_on_disk)
    latest = latest.order_by(FILE.c.utc_start_time.desc()).limit(1)
    rows = connection.execute(select(product.product_name, latest.scalar_subquery()))
    return {name: time for name, time in rows if time is not None}


def open_attempts(connection: Connection) -> list[tuple[int, int, AttemptStatus]]:
    """The attempts that run, failed or were refused: their numbers, and those of their processes."""
    statement = select(_ATTEMPT.attempt_id, _ATTEMPT.process_id, _ATTEMPT.status)
    rows = connection.execute(statement.where(_ATTEMPT.status.in_(schema.OPEN_ATTEMPTS)))
    return [(number, process, AttemptStatus(status)) for number, process, status in rows]


def attempts(connection: Connection) -> list[tuple[str, AttemptStatus, Spread]]:
    """How many attempts of each process came to what, and how long they took."""
    process, seconds = schema.process.c, _seconds(connection)
    within = [func.coalesce(func.sum(case((seconds <= bound, 1), else_=0)), 0) for bound in BOUNDS]
    each = select(
        _ATTEMPT.process_id, _ATTEMPT.status, func.count(seconds), func.coalesce(func.sum(seconds), 0), *within
    ).where(_ATTEMPT.status.in_(_ENDED))
    found = connection.execute(each.group_by(_ATTEMPT.process_id, _ATTEMPT.status)).all()
    names = _names(connection, process.process_id, process.process_name)
    return [
        (names[number], AttemptStatus(status), Spread(BOUNDS, tuple(map(int, some)), int(count), float(total)))
        for number, status, count, total, *some in found
    ]


def _seconds(connection: Connection) -> ColumnElement[float]:
    """How long an attempt took."""
    begun = func.coalesce(_ATTEMPT.start_time, _ATTEMPT.created_time)
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", _ATTEMPT.end_time - begun), Float)
    return (func.julianday(_ATTEMPT.end_time) - func.julianday(begun)) * 86_400


def transfers(connection: Connection) -> list[Moved]:
    """Transfers by what they are for, what they are at, and the places."""
    places = (_TRANSFER.task, _TRANSFER.state, _TRANSFER.origin_place, _TRANSFER.target_place)
    left = func.coalesce(func.sum(_TRANSFER.file_size - _TRANSFER.durable_bytes), 0)
    moved = func.coalesce(func.sum(_TRANSFER.moved_bytes), 0)
    rows = connection.execute(select(*places, func.count(), moved, left).group_by(*places))
    return [
        Moved(Task(task), TransferState(state), origin, target, int(count), int(size), max(0, int(rest)))
        for task, state, origin, target, count, size, rest in rows
    ]


def in_quarantine(connection: Connection) -> int:
    """How many files are recorded there."""
    record = schema.quarantine.c
    is_there = (record.released_time.is_(None), record.discarded_time.is_(None))
    return int(connection.scalar(select(func.count()).where(*is_there)) or 0)


def secrets(connection: Connection) -> list[tuple[str, dt.datetime]]:
    """The words of tokens that are in force, and when they expire."""
    token = schema.token.c
    statement = select(token.word, token.expires_time)
    rows = connection.execute(statement.where(token.revoked_time.is_(None), token.expires_time.is_not(None)))
    return [(word, time) for word, time in rows]


def _names(connection: Connection, number: ColumnElement[int], name: ColumnElement[str]) -> dict[int, str]:
    return {row[0]: row[1] for row in connection.execute(select(number, name))}
