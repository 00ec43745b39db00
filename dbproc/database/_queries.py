"""Pieces of queries that several of the catalogue's modules share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    Select,
    Table,
    and_,
    case,
    exists,
    insert,
    literal,
    null,
    or_,
    select,
    tuple_,
)

from dbproc.core.candidates import Queued
from dbproc.core.model import LONGEST_DELAY, File, Period, Timebase
from dbproc.core.periods import DayRange
from dbproc.core.retry import meant_try
from dbproc.core.slot_text import SlotShown, recorded_shown
from dbproc.core.states import AttemptStatus, Correction, Quality, Standing
from dbproc.core.version import Version
from dbproc.database import schema

FILE = schema.file
Item = TypeVar("Item")

LARGEST_NUMBER = 2**31 - 1
"""The largest number that a row can have on every database."""

_OTHER, _LATER = FILE.alias(), schema.attempt.alias()
"""Made once: an alias copies every column of its table, which takes longer than a small query."""
_MOST_DIGITS = 20
_FETCHED_AT_ONCE = 10_000


def version_columns(table: FromClause) -> tuple[Any, Any, Any]:
    """The three parts of the version in a table that has one."""
    return table.c.interface_version, table.c.quality_version, table.c.revision_version


def slot_columns(table: FromClause) -> tuple[Any, Any, Any]:
    """What tells a slot from others in a table that has one."""
    return table.c.process_id, table.c.utc_file_date, table.c.process_keywords


RECORDED = ("slot_date", "slot_keywords", "slot_start", "slot_stop")
"""What :func:`recorded_slot` needs of a row."""


def recorded_columns(table: FromClause) -> tuple[Label[Any], ...]:
    """The columns :data:`RECORDED` of a table that has slots, and of some the times of their periods."""
    known = (table.c.utc_file_date, table.c.process_keywords)
    times = (table.c.get("utc_start_time", null()), table.c.get("utc_stop_time", null()))
    return tuple(column.label(name) for name, column in zip(RECORDED, (*known, *times), strict=True))


def recorded_slot(timebase: str, row: Mapping[Any, Any]) -> SlotShown:
    """The slot of a row, for people; `timebase` is that of its process."""
    date, keywords, start, stop = (row[name] for name in RECORDED)
    return recorded_shown(timebase, date, keywords, None if start is None or stop is None else Period(start, stop))


def columns_of(answer: type[Any], *tables: FromClause, **named: ColumnElement[Any]) -> list[Label[Any]]:
    """A column for each field of a dataclass: `named`, or of the field's name in the first table that has it.

    A field for which there is none is left out: it is given by whoever makes the answer of the row.
    """
    known = {column.name: column for table in reversed(tables) for column in table.c} | named
    return [known[each.name].label(each.name) for each in fields(answer) if each.name in known]


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Enter rows, if there are any."""
    if rows:
        connection.execute(insert(table), rows)


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Enter a row; its number."""
    (key,) = table.primary_key.columns
    return int(connection.execute(insert(table).values(values).returning(key)).scalar_one())


def standing(file: FromClause) -> ColumnElement[str]:
    """The :class:`~dbproc.core.states.Standing` of a file."""
    correction, corrected = schema.correction.c, schema.correctionfile.c
    by = select(
        case(
            (correction.kind == Correction.REAP, literal(Standing.REAPED.value)),
            (corrected.cause_file.is_(None), literal(Standing.WITHDRAWN.value)),
            else_=literal(Standing.FOLLOWING.value),
        )
    )
    by = by.where(correction.correction_id == file.c.correction_id, corrected.correction_id == correction.correction_id)
    return case(
        (file.c.replaced_by.is_not(None), literal(Standing.REPLACED.value)),
        (~file.c.exists_on_disk & file.c.correction_id.is_(None), literal(Standing.LOST.value)),
        (file.c.exists_on_disk & file.c.offloaded_time.is_not(None), literal(Standing.OFFLOADED.value)),
        (file.c.exists_on_disk, literal(Standing.IN_PLACE.value)),
        else_=by.where(corrected.file_id == file.c.file_id).correlate(file).scalar_subquery(),
    )


def is_here(file: FromClause) -> ColumnElement[bool]:
    """Whether the bytes of a file are on the disk, as far as is known, and not in stores alone."""
    return and_(file.c.exists_on_disk, file.c.offloaded_time.is_(None))


FILE_COLUMNS = (
    *(FILE.c.file_id, FILE.c.product_id, FILE.c.filename, FILE.c.utc_file_date),
    *(FILE.c.utc_start_time, FILE.c.utc_stop_time, *version_columns(FILE)),
    *(FILE.c.process_keywords, FILE.c.relative_path, FILE.c.same_as, standing(FILE), FILE.c.quality),
)
"""What :func:`file_of` needs, in its order."""


def file_of(row: Sequence[Any]) -> File:
    """The first columns of a row, :data:`FILE_COLUMNS`, as a :class:`~dbproc.core.model.File`."""
    number, product_id, name, date, start, stop, *version, keywords, directory, same_as, stands, quality = row[
        : len(FILE_COLUMNS)
    ]
    parsed, same, how = Version(*version), same_as or 0, (Standing(stands), Quality(quality))
    return File(number, product_id, name, date, start, stop, parsed, keywords, directory, same, *how)


def newest_as_queued(connection: Connection, condition: ColumnElement[bool]) -> Iterator[Queued]:
    """The newest existing files that meet a condition, as if they were queued; not all in memory at once."""
    statement = select(*FILE_COLUMNS).where(condition, is_newest(existing=True))
    for file in map(file_of, streamed(connection, statement)):
        yield Queued(file.file_id, file.product_id, file.date, file.keywords, (file.period,))


def streamed(connection: Connection, statement: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    """The rows, without all of them in memory at once."""
    yield from connection.execute(statement, execution_options={"yield_per": _FETCHED_AT_ONCE})


def is_newest(*, existing: bool) -> ColumnElement[bool]:
    """No file of the same product, date and keywords has a higher version (and exists on disk, with `existing`); what
    was replaced counts for nothing."""
    higher = and_(
        _OTHER.c.replaced_by.is_(None),
        _OTHER.c.product_id == FILE.c.product_id,
        _OTHER.c.utc_file_date == FILE.c.utc_file_date,
        _OTHER.c.process_keywords == FILE.c.process_keywords,
        tuple_(*version_columns(_OTHER)) > tuple_(*version_columns(FILE)),
    )
    in_place = FILE.c.replaced_by.is_(None)
    if existing:
        return and_(in_place, FILE.c.exists_on_disk, ~exists().where(higher, _OTHER.c.exists_on_disk))
    return and_(in_place, ~exists().where(higher))


def is_last_attempt() -> ColumnElement[bool]:
    """No later attempt for the same process, date and keywords came to an end of its own."""
    one, later = schema.attempt.c, _LATER.c
    return ~exists().where(
        later.process_id == one.process_id,
        later.utc_file_date == one.utc_file_date,
        later.process_keywords == one.process_keywords,
        later.attempt_id > one.attempt_id,
        later.status.in_((AttemptStatus.FAILED, AttemptStatus.REFUSED, AttemptStatus.SUCCEEDED)),
    )


def startup_processes() -> Select[tuple[int]]:
    """The processes that every run begins with."""
    process = schema.process.c
    return select(process.process_id).where(process.output_timebase == Timebase.STARTUP)


def is_last_of_startup() -> ColumnElement[bool]:
    """For a STARTUP process: no later attempt, on any date, has finished by itself."""
    one, later = schema.attempt.c, _LATER.c
    superseded = exists().where(
        later.process_id == one.process_id,
        later.attempt_id > one.attempt_id,
        later.status.in_((AttemptStatus.FAILED, AttemptStatus.SUCCEEDED)),
    )
    return or_(one.process_id.not_in(startup_processes()), ~superseded)


OF_CLOCK = (schema.attempt.c.created_time, schema.attempt.c.end_time, schema.code.c.retry_longest_seconds)
"""What :func:`next_try_of` needs besides of an attempt, which is joined with its code."""


def next_try_of(
    next_try: dt.datetime | None,
    created: dt.datetime,
    ended: dt.datetime | None,
    longest: float | None,
    now: dt.datetime,
) -> dt.datetime | None:
    """When a failed job is tried again, even if the clock was wrong when that was recorded."""
    return meant_try(next_try, max(created, ended or created), LONGEST_DELAY if longest is None else longest, now)


def overlaps(ranges: Sequence[DayRange]) -> ColumnElement[bool]:
    """The file's data overlap one of the ranges of days."""
    begin, end = FILE.c.utc_start_time, FILE.c.utc_stop_time
    first, last = _hull(ranges)
    any_of = or_(*(and_(begin <= _end_of(last), end >= _start_of(first)) for first, last in ranges))
    return and_(begin <= _end_of(last), end >= _start_of(first), any_of)


def begins_in(ranges: Sequence[DayRange]) -> ColumnElement[bool]:
    """The file's data begin on one of the days of the ranges."""
    begin = FILE.c.utc_start_time
    first, last = _hull(ranges)
    any_of = or_(*(begin.between(_start_of(first), _end_of(last)) for first, last in ranges))
    return and_(begin.between(_start_of(first), _end_of(last)), any_of)


def dated_in(column: Any, ranges: Sequence[DayRange]) -> ColumnElement[bool]:
    """The date is in one of the ranges of days; of few days they are named, and an index leads to each."""
    first, last = _hull(ranges)
    if sum((last - first).days for first, last in ranges) < _NAMED:
        days = {first + dt.timedelta(days=n) for first, last in ranges for n in range((last - first).days + 1)}
        named: ColumnElement[bool] = column.in_(sorted(days))
        return named
    return and_(column.between(first, last), or_(*(column.between(first, last) for first, last in ranges)))


_NAMED = 100  # days


def _hull(ranges: Sequence[DayRange]) -> DayRange:
    """All the time from the first to the last: databases find it by an index, and several ranges they do not."""
    return min((first for first, _ in ranges), default=dt.date.min), max(
        (last for _, last in ranges), default=dt.date.min
    )


def batches(items: Sequence[Item], size: int = 5000) -> Iterator[Sequence[Item]]:
    """Slices of `items` that fit the number of parameters of one statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def number_of(text: str) -> int | None:
    """The number of a row that a text is, None for what no row can have."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
    return number if number is not None and number <= LARGEST_NUMBER else None


def _start_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, dt.UTC)


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.max, dt.UTC)


def version_of(row: Mapping[Any, Any]) -> Version:
    """The version of a row that has its three columns."""
    return Version(row["interface_version"], row["quality_version"], row["revision_version"])
