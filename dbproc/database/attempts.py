"""Attempts: one row for each execution of a code, entered before it starts and closed with what came of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, not_, or_, select, tuple_, update

from dbproc.core.answers import INLINE
from dbproc.core.errors import NotFoundError
from dbproc.core.model import Slot, Task, Timebase
from dbproc.core.slot_text import SlotShown
from dbproc.core.states import AttemptStatus, NoticeEvent
from dbproc.core.version import Version
from dbproc.database import notices, schema
from dbproc.database._queries import (
    LARGEST_NUMBER,
    OF_CLOCK,
    RECORDED,
    batches,
    columns_of,
    insert_rows,
    is_last_attempt,
    is_last_of_startup,
    next_try_of,
    recorded_columns,
    recorded_slot,
    slot_columns,
    startup_processes,
    version_of,
)
from dbproc.database.campaigns import is_held
from dbproc.system.machine import user_name

_ATTEMPT = schema.attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttempt:
    """A task that is about to be executed, or is refused for the reason in `message`."""

    task: Task
    command: tuple[str, ...]
    log: str | None = None
    message: str | None = None

    @property
    def status(self) -> AttemptStatus:
        """What stands in the row."""
        return AttemptStatus.RUNNING if self.message is None else AttemptStatus.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What came of an attempt."""

    attempt_id: int
    status: AttemptStatus
    output_files: tuple[int, ...]
    started: dt.datetime
    ended: dt.datetime
    exit_status: int | None
    message: str | None
    log: str | None
    failures: int
    next_try: dt.datetime | None
    cpu_seconds: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One execution of a code, or the decision not to execute it."""

    attempt_id: int  #: its number
    process_id: int  #: the number of its process
    process: str  #: the name of its process
    timebase: str  #: what one output of the process stands for
    slot: SlotShown = field(metadata=INLINE)
    status: AttemptStatus  #: what came of it
    reasons: tuple[str, ...]  #: why it was due
    command_line: tuple[str, ...]  #: the words that were executed
    output: str | None  #: the name of its first output
    code: str  #: the name of the code's file
    interface_version: int  #: the first part of the code's version
    quality_version: int  #: the second part of the code's version
    revision_version: int  #: the third part of the code's version
    created: dt.datetime  #: when it was decided
    started: dt.datetime | None  #: when its job began
    ended: dt.datetime | None  #: when its job ended
    exit_status: int | None  #: the exit status of its job
    message: str | None  #: why it failed or was refused
    log: str | None  #: the path of what its job wrote; null: that is not kept
    failures: int  #: how many in a row failed with the same inputs and code, this one included
    next_try: dt.datetime | None  #: when it is tried again; null: not by itself
    code_version: Version  #: the code's version
    dismissed_time: dt.datetime | None  #: when a person said that nobody will mend it
    dismissed_by: str | None  #: who said so
    dismissed_reason: str | None  #: why

    @property
    def place(self) -> Slot:
        """The slot that it is for."""
        return Slot(self.process_id, self.slot.date, self.slot.keywords)


def insert_attempts(connection: Connection, run_id: int, attempts: Sequence[NewAttempt]) -> list[int]:
    """Enter attempts with their inputs; their ids, in the same order."""
    if not attempts:
        return []
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "logging_id": run_id,
            "process_id": attempt.task.slot.process_id,
            "utc_file_date": attempt.task.slot.date,
            "process_keywords": attempt.task.slot.keywords,
            "utc_start_time": attempt.task.period.start,
            "utc_stop_time": attempt.task.period.stop,
            "code_id": attempt.task.code.code_id,
            "code_shasum": attempt.task.code.digest,
            "status": attempt.status,
            "reasons": json.dumps([reason.text for reason in attempt.task.reasons]),
            "command_line": json.dumps(attempt.command),
            "output_filename": attempt.task.output_name,
            "created_time": now,
            "log_path": attempt.log,
            "message": attempt.message,
            "failures": attempt.task.failures,
            "campaign_id": attempt.task.campaign_id,
        }
        for attempt in attempts
    ]
    statement = insert(_ATTEMPT).returning(_ATTEMPT.c.attempt_id, sort_by_parameter_order=True)
    ids = list(connection.scalars(statement, rows))
    inputs = [
        {"attempt_id": attempt_id, "file_id": file.file_id, "position": position}
        for attempt_id, attempt in zip(ids, attempts, strict=True)
        for position, file in enumerate(attempt.task.inputs)
    ]
    insert_rows(connection, schema.attemptinput, inputs)
    refused = [number for number, each in zip(ids, attempts, strict=True) if each.status is AttemptStatus.REFUSED]
    _note(connection, NoticeEvent.FAILED, refused)
    return ids


def close_attempts(connection: Connection, closings: Sequence[Closing]) -> None:
    """Record what came of attempts that are running."""
    if not closings:
        return
    is_meant = _ATTEMPT.c.attempt_id == bindparam("closed"), _ATTEMPT.c.status == AttemptStatus.RUNNING
    rows = [
        {
            "closed": closing.attempt_id,
            "status": closing.status,
            "output_file": closing.output_files[0] if closing.output_files else None,
            "start_time": closing.started,
            "end_time": closing.ended,
            "exit_status": closing.exit_status,
            "message": closing.message,
            "log_path": closing.log,
            "failures": closing.failures,
            "next_try_time": closing.next_try,
            "cpu_seconds": closing.cpu_seconds,
            "memory_bytes": closing.memory_bytes,
        }
        for closing in closings
    ]
    connection.execute(update(_ATTEMPT).where(*is_meant), rows)
    further = [
        {"file_id": file_id, "attempt_id": closing.attempt_id}
        for closing in closings
        for file_id in closing.output_files[1:]
    ]
    insert_rows(connection, schema.attemptoutput, further)
    failed = [closing for closing in closings if closing.status is AttemptStatus.FAILED]
    _note(connection, NoticeEvent.FAILED, [each.attempt_id for each in failed if each.failures == 1])
    _note(connection, NoticeEvent.GIVEN_UP, [each.attempt_id for each in failed if each.next_try is None])


def _note(connection: Connection, event: NoticeEvent, ids: Sequence[int]) -> None:
    """Note attempts that failed, for hooks that tell people of that; what every run begins with is never given up."""
    if not ids or not notices.hooks_for(connection, event):
        return
    for each in attempts_numbered(connection, ids):
        if event is NoticeEvent.FAILED or each.timebase != Timebase.STARTUP:
            happened = f"{each.process} {each.slot}: {each.message}" + (f"; its log: {each.log}" if each.log else "")
            notices.enter(connection, event, [(_failure(connection, each), happened)])


def _failure(connection: Connection, row: AttemptRow) -> str:
    """What tells a failure from others, not from a repetition: its slot, its inputs, its code, and when that succeeded
    last."""
    table = schema.attemptinput.c
    inputs = select(table.file_id).where(table.attempt_id == row.attempt_id).order_by(table.file_id)
    code = select(_ATTEMPT.c.code_id, _ATTEMPT.c.code_shasum).where(_ATTEMPT.c.attempt_id == row.attempt_id)
    place = zip(slot_columns(_ATTEMPT), (row.place.process_id, row.place.date, row.place.keywords), strict=True)
    is_success = _ATTEMPT.c.status == AttemptStatus.SUCCEEDED, _ATTEMPT.c.attempt_id < row.attempt_id
    success = select(func.max(_ATTEMPT.c.attempt_id)).where(*(one == other for one, other in place), *is_success)
    facts = [*connection.scalars(inputs), *connection.execute(code).one(), connection.scalar(success)]
    return f"{row.process} {row.slot} {hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"


def running_inputs(connection: Connection) -> list[int]:
    """The files that attempts read which have not ended."""
    table = schema.attemptinput
    joined = select(table.c.file_id).join(schema.attempt, schema.attempt.c.attempt_id == table.c.attempt_id)
    return list(connection.scalars(joined.where(schema.attempt.c.status == AttemptStatus.RUNNING).distinct()))


def running_of(connection: Connection, run_id: int) -> list[AttemptRow]:
    """The attempts of a run that have not ended, the latest first."""
    return _attempts(connection, _ATTEMPT.c.logging_id == run_id, _ATTEMPT.c.status == AttemptStatus.RUNNING)


def first_of(connection: Connection, run_id: int) -> dt.datetime | None:
    """When the first job of a run was begun."""
    first: dt.datetime | None = connection.scalar(
        select(func.min(_ATTEMPT.c.created_time)).where(_ATTEMPT.c.logging_id == run_id)
    )
    return first


def interrupt_running(connection: Connection, message: str) -> int:
    """Close all running attempts of dead runs; return their number."""
    statement = (
        update(_ATTEMPT)
        .where(_ATTEMPT.c.status == AttemptStatus.RUNNING)
        .values(status=AttemptStatus.INTERRUPTED, end_time=dt.datetime.now(dt.UTC), message=message)
    )
    return connection.execute(statement).rowcount


def due_retries(connection: Connection, now: dt.datetime) -> list[Slot]:
    """The slots whose failed last attempt is due for a retry, without items of paused campaigns."""
    statement = (
        select(*slot_columns(_ATTEMPT), _ATTEMPT.c.next_try_time, *OF_CLOCK)
        .join(schema.code, schema.code.c.code_id == _ATTEMPT.c.code_id)
        .where(*is_to_be_tried(), is_last_attempt(), ~is_held(_ATTEMPT.c))
    )
    found = ((Slot(*row[:3]), next_try_of(*row[3:], now)) for row in connection.execute(statement))
    return [slot for slot, next_try in found if next_try is not None and next_try <= now]


def is_to_be_tried() -> tuple[ColumnElement[bool], ...]:
    """A job failed, and will be retried."""
    return _ATTEMPT.c.status == AttemptStatus.FAILED, _ATTEMPT.c.next_try_time.is_not(None)


def arm(connection: Connection, process_ids: Collection[int] | None, among: Sequence[int] | None = None) -> int:
    """Make failed and refused slots due for another try now, given-up ones too; how many attempts there were.

    `among`: only these attempts. What every run begins with is run by the next one anyway. That an attempt was
    dismissed stays recorded; it is no more so because it has a next try.
    """
    chosen: list[ColumnElement[bool]] = [
        _ATTEMPT.c.status.in_((AttemptStatus.FAILED, AttemptStatus.REFUSED)),
        _ATTEMPT.c.process_id.not_in(startup_processes()),
    ]
    if process_ids is not None:
        chosen.append(_ATTEMPT.c.process_id.in_(process_ids))
    past = _ATTEMPT.c.created_time  # even when the clock was wrong
    arming = update(_ATTEMPT).where(*chosen, is_last_attempt())
    arming = arming.values(status=AttemptStatus.FAILED, failures=0, next_try_time=past)
    if among is None:
        return connection.execute(arming).rowcount
    return sum(connection.execute(arming.where(_ATTEMPT.c.attempt_id.in_(some))).rowcount for some in batches(among))


def dismiss(connection: Connection, attempt_ids: Sequence[int], reason: str) -> None:
    """Record that nobody will mend failures; they are not tried again by themselves. What is tried again because its
    inputs or its code changed is another attempt."""
    by = {"dismissed_time": dt.datetime.now(dt.UTC), "dismissed_by": user_name(), "dismissed_reason": reason}
    for some in batches(attempt_ids):
        statement = update(_ATTEMPT).where(_ATTEMPT.c.attempt_id.in_(some))
        connection.execute(statement.values(next_try_time=None, **by))


def failed_slots(connection: Connection, *, dismissed: bool = False) -> list[tuple[int, Slot, list[str]]]:
    """The slots whose last attempt failed or was refused, the latest first: number and reasons of that attempt; of
    those that are not `dismissed`, or that are."""
    is_in_vain = _ATTEMPT.c.status.in_((AttemptStatus.FAILED, AttemptStatus.REFUSED))
    is_dismissed = and_(_ATTEMPT.c.dismissed_time.is_not(None), _ATTEMPT.c.next_try_time.is_(None))
    is_meant = is_dismissed if dismissed else not_(is_dismissed)
    statement = (
        select(_ATTEMPT.c.attempt_id, *slot_columns(_ATTEMPT), _ATTEMPT.c.reasons)
        .where(is_in_vain, is_meant, is_last_attempt(), is_last_of_startup())
        .order_by(_ATTEMPT.c.attempt_id.desc())
    )
    return [(number, Slot(*slot), json.loads(reasons)) for number, *slot, reasons in connection.execute(statement)]


def attempts_numbered(connection: Connection, attempt_ids: Sequence[int]) -> list[AttemptRow]:
    """The attempts of these numbers, the latest first."""
    return _attempts(connection, _ATTEMPT.c.attempt_id.in_(attempt_ids))


class Message(NamedTuple):
    """Why an attempt failed or was refused."""

    attempt_id: int
    process: str
    message: str
    time: dt.datetime  #: when it ended, or was decided
    next_try: dt.datetime | None


def messages_of(connection: Connection, attempt_ids: Sequence[int]) -> list[Message]:
    """Why attempts failed, of very many."""
    process, now = schema.process.c, dt.datetime.now(dt.UTC)
    times = (_ATTEMPT.c.next_try_time, *OF_CLOCK)
    statement = (
        select(_ATTEMPT.c.attempt_id, process.process_name, func.coalesce(_ATTEMPT.c.message, ""), *times)
        .join(schema.process, process.process_id == _ATTEMPT.c.process_id)
        .join(schema.code, schema.code.c.code_id == _ATTEMPT.c.code_id)
    )
    return [
        Message(number, name, words, ended or created, next_try_of(next_try, created, ended, longest, now))
        for some in batches(attempt_ids)
        for number, name, words, next_try, created, ended, longest in connection.execute(
            statement.where(_ATTEMPT.c.attempt_id.in_(some))
        )
    ]


def attempt_numbered(connection: Connection, number: int) -> AttemptRow:
    """One attempt.

    Raises
    ------
    NotFoundError
        There is none of this number.
    """
    found = attempts_numbered(connection, [number]) if number <= LARGEST_NUMBER else []
    if not found:
        raise NotFoundError(f"no attempt {number}; what failed: dbproc status")
    return found[0]


def attempt_of_output(connection: Connection, file_id: int) -> AttemptRow | None:
    """The attempt that made a file, None for a file that was delivered."""
    further = schema.attemptoutput.c
    besides = select(further.attempt_id).where(further.file_id == file_id)
    is_maker = or_(_ATTEMPT.c.output_file == file_id, _ATTEMPT.c.attempt_id.in_(besides))
    return next(iter(_attempts(connection, is_maker, limit=1)), None)


def last_attempt(connection: Connection, slot: Slot) -> AttemptRow | None:
    """The last attempt for a slot."""
    is_of_slot = tuple_(*slot_columns(_ATTEMPT)) == (slot.process_id, slot.date, slot.keywords)
    return next(iter(_attempts(connection, is_of_slot, limit=1)), None)


def slots_of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, Slot]:
    """By file: the slot of the attempt that made it; of those that were made."""
    further = schema.attemptoutput.c
    where = slot_columns(_ATTEMPT)
    slots: dict[int, Slot] = {}
    for some in batches(file_ids):
        first = select(_ATTEMPT.c.output_file, *where).where(_ATTEMPT.c.output_file.in_(some))
        others = select(further.file_id, *where).join(_ATTEMPT, _ATTEMPT.c.attempt_id == further.attempt_id)
        for statement in (first, others.where(further.file_id.in_(some))):
            slots.update((row[0], Slot(*row[1:])) for row in connection.execute(statement))
    return slots


def tried_slots(connection: Connection, process_id: int, first: dt.date, last: dt.date) -> list[Slot]:
    """The slots of a process that were tried, dated from one day to another."""
    is_meant = (_ATTEMPT.c.process_id == process_id, _ATTEMPT.c.utc_file_date.between(first, last))
    return [Slot(*row) for row in connection.execute(select(*slot_columns(_ATTEMPT)).where(*is_meant).distinct())]


def _attempts(connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None) -> list[AttemptRow]:
    """Attempts, the latest first."""
    process, code = schema.process, schema.code
    columns = columns_of(
        AttemptRow,
        *(_ATTEMPT, code),
        process=process.c.process_name,
        timebase=process.c.output_timebase,
        output=_ATTEMPT.c.output_filename,
        code=code.c.filename,
        created=_ATTEMPT.c.created_time,
        started=_ATTEMPT.c.start_time,
        ended=_ATTEMPT.c.end_time,
        log=_ATTEMPT.c.log_path,
        next_try=_ATTEMPT.c.next_try_time,
    )
    statement = (
        select(*columns, *recorded_columns(_ATTEMPT), code.c.retry_longest_seconds.label("longest"))
        .join(process, process.c.process_id == _ATTEMPT.c.process_id)
        .join(code, code.c.code_id == _ATTEMPT.c.code_id)
        .where(*conditions)
        .order_by(_ATTEMPT.c.attempt_id.desc())
        .limit(limit)
    )
    now = dt.datetime.now(dt.UTC)
    return [_attempt(dict(row), now) for row in connection.execute(statement).mappings()]


def _attempt(row: dict[str, Any], now: dt.datetime) -> AttemptRow:
    if row["next_try"] is not None:  # whatever was dismissed: it is tried again
        row.update(dict.fromkeys(("dismissed_time", "dismissed_by", "dismissed_reason")))
    row["next_try"] = next_try_of(row["next_try"], row["created"], row["ended"], row.pop("longest"), now)
    row["status"] = AttemptStatus(row["status"])
    row["reasons"], row["command_line"] = (tuple(json.loads(row[name])) for name in ("reasons", "command_line"))
    recorded = {name: row.pop(name) for name in RECORDED}
    return AttemptRow(**row, slot=recorded_slot(row["timebase"], recorded), code_version=version_of(row))
