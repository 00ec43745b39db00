"""What jobs took and what they made, in bulk: for statistics, and for what more of them would take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from dbproc.core.states import AttemptStatus
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import FILE, batches, version_columns

_ATTEMPT = schema.attempt
_CODE = schema.code
_RECENT = 500
"""How many of the latest jobs tell what the next one takes."""


class CodeRow(NamedTuple):
    """A code of a process, of any time."""

    code_id: int
    process_id: int
    process: str
    name: str
    version: Version
    active: bool


class JobRow(NamedTuple):
    """A job that ended: seconds, bytes of memory, and bytes of all that it made; None where it is not known."""

    attempt_id: int
    run_id: int
    code_id: int
    status: AttemptStatus
    seconds: float | None
    cpu_seconds: float | None
    memory: int | None
    size: int | None


def codes_of(connection: Connection, process_ids: Collection[int] | None = None) -> list[CodeRow]:
    """Every version of every code, of some processes or of all; by process, then by version."""
    process = schema.process
    of_process = (_CODE.c.code_id, _CODE.c.process_id, process.c.process_name, _CODE.c.filename, _CODE.c.active_code)
    statement = select(*of_process, *version_columns(_CODE))
    statement = statement.join(process, process.c.process_id == _CODE.c.process_id)
    if process_ids is not None:
        statement = statement.where(_CODE.c.process_id.in_(process_ids))
    rows = [CodeRow(*row[:4], Version(*row[5:]), bool(row[4])) for row in connection.execute(statement)]
    return sorted(rows, key=lambda row: (row.process, row.version, row.code_id))


def codes_of_run(connection: Connection, run_id: int) -> list[tuple[int, int]]:
    """The codes (process, code) of which jobs succeeded in a run."""
    statement = (
        select(_ATTEMPT.c.process_id, _ATTEMPT.c.code_id)
        .where(_ATTEMPT.c.logging_id == run_id, _ATTEMPT.c.status == AttemptStatus.SUCCEEDED)
        .distinct()
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]


def jobs_of(connection: Connection, code_ids: Sequence[int], *, recent: int | None = None) -> list[JobRow]:
    """The jobs of some codes that succeeded or failed, in their order; with `recent` the latest of each code only."""
    rows: list[Any] = []
    for code_id in code_ids:
        statement = _jobs().where(_ATTEMPT.c.code_id == code_id).order_by(_ATTEMPT.c.attempt_id.desc())
        rows.extend(connection.execute(statement if recent is None else statement.limit(recent)))
    sizes = _sizes(connection, [row[0] for row in rows if row[3] == AttemptStatus.SUCCEEDED])
    return sorted(_job(row, sizes) for row in rows)


def recent_cpu(connection: Connection, process_ids: Collection[int]) -> dict[int, list[float]]:
    """By process: the CPU seconds of its latest jobs."""
    cpu: dict[int, list[float]] = {}
    for process_id in process_ids:
        is_known = (_ATTEMPT.c.status == AttemptStatus.SUCCEEDED, _ATTEMPT.c.cpu_seconds.is_not(None))
        statement = select(_ATTEMPT.c.cpu_seconds).where(_ATTEMPT.c.process_id == process_id, *is_known)
        latest = statement.order_by(_ATTEMPT.c.attempt_id.desc()).limit(_RECENT)
        cpu[process_id] = list(connection.scalars(latest))
    return cpu


def recent_seconds(connection: Connection, process_ids: Collection[int]) -> dict[int, list[float]]:
    """By process: how long its latest jobs took."""
    seconds: dict[int, list[float]] = {}
    times = (_ATTEMPT.c.start_time, _ATTEMPT.c.end_time)
    for process_id in process_ids:
        is_known = (_ATTEMPT.c.status == AttemptStatus.SUCCEEDED, *(time.is_not(None) for time in times))
        statement = select(*times).where(_ATTEMPT.c.process_id == process_id, *is_known)
        latest = statement.order_by(_ATTEMPT.c.attempt_id.desc()).limit(_RECENT)
        seconds[process_id] = [(end - start).total_seconds() for start, end in connection.execute(latest)]
    return seconds


def recent_sizes(connection: Connection, product_ids: Collection[int]) -> dict[int, list[int]]:
    """By product: the bytes of its latest files, companion directories included."""
    link = schema.filecodelink
    is_made = FILE.c.file_id.in_(select(link.c.resulting_file))
    sizes: dict[int, list[int]] = {}
    for product_id in product_ids:
        statement = (
            select(FILE.c.file_id, FILE.c.file_size)
            .where(FILE.c.product_id == product_id, FILE.c.file_size.is_not(None), is_made)
            .order_by(FILE.c.file_id.desc())
            .limit(_RECENT)
        )
        rows = [(row[0], row[1]) for row in connection.execute(statement)]
        members = _members(connection, [file_id for file_id, _ in rows])
        sizes[product_id] = [size + members.get(file_id, 0) for file_id, size in rows]
    return sizes


def _jobs() -> Select[*tuple[Any, ...]]:
    attempt = _ATTEMPT.c
    which = (attempt.attempt_id, attempt.logging_id, attempt.code_id, attempt.status)
    took = (attempt.start_time, attempt.end_time, attempt.cpu_seconds, attempt.memory_bytes)
    return select(*which, *took).where(attempt.status.in_((AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)))


def _job(row: Any, sizes: Mapping[int, int]) -> JobRow:
    attempt_id, run_id, code_id, status, start, end, cpu, memory = row
    seconds = None if start is None or end is None else (end - start).total_seconds()
    return JobRow(attempt_id, run_id, code_id, AttemptStatus(status), seconds, cpu, memory, sizes.get(attempt_id))


def _sizes(connection: Connection, attempt_ids: Sequence[int]) -> dict[int, int]:
    """By attempt: the bytes of all that it made, companion directories included."""
    beside, member = schema.attemptoutput, schema.filemember
    first = select(_ATTEMPT.c.attempt_id, _ATTEMPT.c.output_file.label("file_id"))
    sizes: dict[int, int] = defaultdict(int)
    for some in batches(attempt_ids):
        made = (
            first.where(_ATTEMPT.c.attempt_id.in_(some), _ATTEMPT.c.output_file.is_not(None))
            .union_all(select(beside.c.attempt_id, beside.c.file_id).where(beside.c.attempt_id.in_(some)))
            .subquery()
        )
        own = select(made.c.attempt_id, FILE.c.file_size).join(FILE, FILE.c.file_id == made.c.file_id)
        members = select(made.c.attempt_id, member.c.member_size).join(member, member.c.file_id == made.c.file_id)
        every = own.union_all(members).subquery()
        total = select(every.c.attempt_id, func.sum(every.c.file_size)).group_by(every.c.attempt_id)
        for attempt_id, size in connection.execute(total):
            sizes[attempt_id] += int(size or 0)
    return dict(sizes)


def _members(connection: Connection, file_ids: Sequence[int]) -> dict[int, int]:
    member = schema.filemember.c
    total = select(member.file_id, func.sum(member.member_size)).group_by(member.file_id)
    rows = (row for some in batches(file_ids) for row in connection.execute(total.where(member.file_id.in_(some))))
    return {row[0]: int(row[1]) for row in rows}
