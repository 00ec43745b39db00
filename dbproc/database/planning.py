"""What the planner asks of the catalogue, in a handful of queries however many slots there are."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from dbproc.core.expectations import Presence, seen_of
from dbproc.core.facts import Baseline, Facts, Output, Seen, Tried
from dbproc.core.model import Definition, File, Period, Product, Slot, Timebase
from dbproc.core.needs import Needs
from dbproc.core.periods import DayRange, coalesced
from dbproc.core.states import AttemptStatus
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import (
    FILE,
    FILE_COLUMNS,
    OF_CLOCK,
    batches,
    begins_in,
    dated_in,
    file_of,
    is_last_attempt,
    is_newest,
    next_try_of,
    overlaps,
    slot_columns,
    streamed,
    version_columns,
)

_ATTEMPT = schema.attempt
_FIRST_CODE = func.coalesce(schema.code.c.same_as, schema.code.c.code_id)


def load_facts(connection: Connection, definition: Definition, asked: Needs, slots: Sequence[Slot]) -> Facts:
    """Everything that :class:`dbproc.core.plan.Planner` needs to decide `slots`."""
    return Facts(
        by_time={key: _newest_files(connection, key, overlaps(ranges)) for key, ranges in asked.by_time.items()},
        by_date={
            key: _newest_files(connection, key, dated_in(FILE.c.utc_file_date, ranges))
            for key, ranges in asked.by_date.items()
        },
        outputs=_outputs(connection, asked.outputs, every_version=asked.every_version),
        tried=_tried(connection, definition, slots),
        by_start={key: _newest_files(connection, key, begins_in(ranges)) for key, ranges in asked.by_start.items()},
        seen={key: load_seen(connection, definition.products[key]) for key in asked.seen},
        made_from=made_from(connection, asked.made_from),
    )


def load_seen(connection: Connection, product: Product) -> Seen:
    """What was seen of a product: the keys of its files, and when they came first. What is gone from disk came, and is
    expected back; what was taken back counts for nothing."""
    is_gone = and_(FILE.c.replaced_by.is_(None), FILE.c.correction_id.is_(None))
    statement = (
        select(FILE.c.process_keywords, func.min(FILE.c.utc_file_date))
        .where(FILE.c.product_id == product.product_id, or_(FILE.c.exists_on_disk, is_gone))
        .group_by(FILE.c.process_keywords)
    )
    return seen_of(product, (tuple(row) for row in connection.execute(statement)))


def presence_of(connection: Connection, product: Product) -> Presence:
    """What is there of a product, however long ago."""
    times = select(FILE.c.process_keywords, FILE.c.utc_start_time, FILE.c.utc_stop_time)
    rows = streamed(connection, times.where(FILE.c.product_id == product.product_id, is_newest(existing=True)))
    return Presence(product, ((row[0], Period(row[1], row[2])) for row in rows), load_seen(connection, product))


def _newest_files(connection: Connection, product_id: int, condition: ColumnElement[bool]) -> list[File]:
    statement = select(*FILE_COLUMNS).where(FILE.c.product_id == product_id, condition, is_newest(existing=True))
    return [file_of(row) for row in connection.execute(statement)]


def _outputs(
    connection: Connection, asked: Mapping[int, Sequence[DayRange]], *, every_version: bool
) -> dict[tuple[int, dt.date], list[Output]]:
    in_place = FILE.c.exists_on_disk if every_version else is_newest(existing=True)
    rows: list[Row[*tuple[Any, ...]]] = []
    for product_id, ranges in asked.items():
        statement = (
            select(*FILE_COLUMNS, _FIRST_CODE, *version_columns(schema.code))
            .outerjoin(schema.filecodelink, schema.filecodelink.c.resulting_file == FILE.c.file_id)
            .outerjoin(schema.code, schema.code.c.code_id == schema.filecodelink.c.source_code)
            .where(FILE.c.product_id == product_id, dated_in(FILE.c.utc_file_date, ranges))
            .where(or_(is_newest(existing=False), in_place))
        )
        rows.extend(connection.execute(statement))
    inputs = inputs_of(connection, [row[0] for row in rows])
    baselines = _baselines(connection, [row[0] for row in rows])
    outputs: dict[tuple[int, dt.date], list[Output]] = defaultdict(list)
    for row in rows:
        file = file_of(row)
        code_id, *version = row[-4:]
        made_by = None if code_id is None else Version(*version)
        made_from, baseline = tuple(inputs.get(file.file_id, ())), baselines.get(file.file_id)
        outputs[file.product_id, file.date].append(Output(file, code_id, made_by, made_from, baseline))
    return outputs


def _baselines(connection: Connection, file_ids: Sequence[int]) -> dict[int, Baseline]:
    """By imported file: what it counts as made from."""
    counted, source = schema.baselinecode, schema.baseline
    columns = (counted.c.resulting_file, _FIRST_CODE, counted.c.other_name)
    of_code = select(*columns).outerjoin(schema.code, schema.code.c.code_id == counted.c.source_code)
    of_file = select(*FILE_COLUMNS, source.c.resulting_file).join(source, source.c.source_file == FILE.c.file_id)
    found: dict[int, Baseline] = {}
    for some in batches(file_ids):
        rows = list(connection.execute(of_code.where(counted.c.resulting_file.in_(some))))
        if not rows:
            continue
        inputs: dict[int, list[File]] = defaultdict(list)
        for row in connection.execute(of_file.where(source.c.resulting_file.in_([row[0] for row in rows]))):
            inputs[row.resulting_file].append(file_of(row))
        found.update((row[0], Baseline(row[1], tuple(inputs[row[0]]), row[2])) for row in rows)
    return found


def made_from(connection: Connection, file_ids: Collection[int]) -> dict[int, list[Slot]]:
    """By file: the slot that it was made for, and those of the files in place that were made from it."""
    link, further = schema.filefilelink.c, schema.attemptoutput
    slots: dict[int, list[Slot]] = defaultdict(list)
    for some in batches(sorted(file_ids)):
        own = select(FILE.c.file_id, FILE.c.file_id.label("made")).where(FILE.c.file_id.in_(some))
        from_it = select(link.source_file, link.resulting_file).where(link.source_file.in_(some))
        in_place = from_it.join(FILE, FILE.c.file_id == link.resulting_file).where(FILE.c.exists_on_disk)
        of = own.union(in_place).subquery()
        of_slot = select(of.c.file_id, *slot_columns(_ATTEMPT))
        first = of_slot.join(_ATTEMPT, _ATTEMPT.c.output_file == of.c.made)
        besides = of_slot.join(further, further.c.file_id == of.c.made)
        besides = besides.join(_ATTEMPT, _ATTEMPT.c.attempt_id == further.c.attempt_id)
        for file_id, *slot in connection.execute(first.union(besides)):
            slots[file_id].append(Slot(*slot))
    return slots


def inputs_of(connection: Connection, file_ids: Sequence[int]) -> dict[int, list[File]]:
    """By file: the files that it was made from."""
    inputs: dict[int, list[File]] = defaultdict(list)
    link = schema.filefilelink
    for some in batches(file_ids):
        statement = (
            select(*FILE_COLUMNS, link.c.resulting_file)
            .join(link, link.c.source_file == FILE.c.file_id)
            .where(link.c.resulting_file.in_(some))
        )
        for row in connection.execute(statement):
            inputs[row.resulting_file].append(file_of(row))
    return inputs


def _tried(connection: Connection, definition: Definition, slots: Sequence[Slot]) -> dict[Slot, Tried]:
    """The last attempt of each slot, if it failed or was refused; for timebase RUN, with any status."""
    days: dict[int, list[DayRange]] = defaultdict(list)
    for slot in slots:
        days[slot.process_id].append((slot.date, slot.date))
    rows: list[Row[*tuple[Any, ...]]] = []
    for process_id, ranges in days.items():
        statuses = [AttemptStatus.FAILED, AttemptStatus.REFUSED]
        if definition.processes[process_id].timebase is Timebase.RUN:
            statuses.append(AttemptStatus.SUCCEEDED)
        rows.extend(connection.execute(_last_attempts(process_id, coalesced(ranges), statuses)))
    return _tried_of(connection, rows)


def _last_attempts(
    process_id: int, ranges: Sequence[DayRange], statuses: Sequence[AttemptStatus]
) -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(_ATTEMPT.c.attempt_id, *slot_columns(_ATTEMPT), _ATTEMPT.c.status, _FIRST_CODE, _ATTEMPT.c.code_shasum),
            *(_ATTEMPT.c.failures, _ATTEMPT.c.next_try_time, *OF_CLOCK),
            *(_ATTEMPT.c.message, *version_columns(schema.code)),
        )
        .join(schema.code, schema.code.c.code_id == _ATTEMPT.c.code_id)
        .where(_ATTEMPT.c.process_id == process_id, _ATTEMPT.c.status.in_(statuses))
        .where(dated_in(_ATTEMPT.c.utc_file_date, ranges), is_last_attempt())
    )


def _tried_of(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> dict[Slot, Tried]:
    inputs: dict[int, set[int]] = defaultdict(set)
    link = schema.attemptinput
    for some in batches([row[0] for row in rows]):
        statement = select(link.c.attempt_id, link.c.file_id).where(link.c.attempt_id.in_(some))
        for attempt_id, file_id in connection.execute(statement):
            inputs[attempt_id].add(file_id)
    now = dt.datetime.now(dt.UTC)
    tried: dict[Slot, Tried] = {}
    for row in rows:
        attempt_id, *slot, status, code_id, digest, failures = row[:8]
        next_try, created, ended, longest, message, *version = row[8:]
        tried[Slot(*slot)] = Tried(
            attempt_id=attempt_id,
            status=AttemptStatus(status),
            code_id=code_id,
            code_digest=digest or "",
            code_version=Version(*version),
            inputs=frozenset(inputs[attempt_id]),
            failures=failures,
            next_try=next_try_of(next_try, created, ended, longest, now),
            message=message or "",
        )
    return tried


def instruments(connection: Connection) -> dict[int, int]:
    """By product: the number of its instrument."""
    product = schema.product.c
    rows = connection.execute(select(product.product_id, product.instrument_id))
    return {row[0]: row[1] for row in rows}
