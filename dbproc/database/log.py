"""What runs and people did, as the rows of the catalogue tell it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, exists, func, or_, select

from dbproc.core.states import AttemptStatus, Correction
from dbproc.database import lock, schema
from dbproc.database._queries import FILE, RECORDED, batches, recorded_columns, recorded_slot

_RUN, _ATTEMPT = schema.logging, schema.attempt
_LAST_RUNS = 10

RETRY = "retry"
"""The purpose of the row of ``logging`` by which a person has failed jobs tried again."""

RENAME = "rename"
"""The purpose of the row of ``logging`` by which a product or a process has another name; see :func:`rename_words`."""

GONE, BACK = "gone", "back"
"""The purposes of rows of ``logging`` that say which files were seen to be gone from disk, or are there again."""

_OF_FILES = ("withdraw", "restore", "replace", "reinspect", "mark", "reap", "accept")
"""The purposes of rows of ``logging`` whose work is told file by file."""

_OF_WORDS = {RETRY: "retried", RENAME: "renamed"}
_OF_DISK = {GONE: ("gone", "from disk"), BACK: ("restored", "it was gone from disk")}
_OF_ATTEMPT = {AttemptStatus.SUCCEEDED: "made", AttemptStatus.RUNNING: "started"}
_OF_CORRECTION = {
    Correction.WITHDRAW: "withdrawn",
    Correction.REPLACE: "replaced",
    Correction.REINSPECT: "reinspected",
    Correction.RENAME: "renamed",
    Correction.MARK: "marked",
    Correction.REAP: "reaped",
    Correction.ACCEPT: "accepted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """Something that happened."""

    time: dt.datetime  #: when; of a file that was taken in: when its run began
    run: int | None  #: the number of the run that did it; null: a person did
    event: str  #: what: `run`, `ingested`, `made`, `failed`, `refused`, `quarantined`, `withdrawn`, `gone` …
    subject: str  #: the name of a file, or a process and the time that it is for
    message: str  #: why, or how it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for: since when, of one process, of some files."""

    since: dt.datetime | None = None
    process_id: int | None = None
    file_ids: tuple[int, ...] = ()
    most: int | None = None  #: so many of each kind at most, the latest of them

    @property
    def is_of_all(self) -> bool:
        """Whether it is neither of a process nor of files."""
        return self.process_id is None and not self.file_ids


def log(connection: Connection, asked: Asked) -> list[LogEntry]:
    """What happened, in its order: since a time, or else in the last runs; of a process or a file since ever. Of a
    correction, what it did is told for each file; one that was refused did nothing."""
    since = asked.since or (_start_of_last(connection) if asked.is_of_all else None)
    kinds = [_of_attempts, _of_dismissals]
    if asked.process_id is None:
        kinds += [_of_files, _of_corrections]
    found = [entry for kind in kinds for entry in _earliest_first(kind(connection, asked, since), asked)]
    if asked.process_id is None:
        found += _of_disk(connection, asked, since)
    if asked.is_of_all:
        found += _of_runs(connection, since)
        found += _of_quarantine(connection, since)
    return sorted(found, key=lambda each: (each.time, each.event != "run"))


def note_files(connection: Connection, what: str, file_ids: Iterable[int]) -> None:
    """Record that files are :data:`GONE`, or :data:`BACK`, and the run that saw it."""
    numbers = sorted(file_ids)
    if numbers:
        run = connection.scalar(select(_RUN.c.logging_id).where(_RUN.c.currently_processing))
        lock.note(connection, what, json.dumps({"run": run, "files": numbers}))


def rename_words(kind: str, former: str, name: str = "") -> str:
    """What is recorded of another name, or how that begins."""
    return f"{kind} {former} → {name}"


def named_now(connection: Connection, kind: str, former: str) -> str | None:
    """The name that a product or a process has, which had another one; None where it is not known to have had it."""
    name = former
    rows = select(_RUN.c.comment).where(_RUN.c.purpose == RENAME).order_by(_RUN.c.logging_id)
    for words in connection.scalars(rows):
        begin = rename_words(kind, name)
        if words is not None and words.startswith(begin):
            name = words.removeprefix(begin)
    return None if name == former else name


def _start_of_last(connection: Connection) -> dt.datetime | None:
    """When the first of the last runs began."""
    is_run = _RUN.c.purpose == "run"
    begun = select(_RUN.c.processing_start_time).where(is_run).order_by(_RUN.c.logging_id.desc()).limit(_LAST_RUNS)
    return min(connection.scalars(begun), default=None)


def _from(
    statement: Select[*tuple[Any, ...]], column: ColumnElement[Any], since: dt.datetime | None
) -> Select[*tuple[Any, ...]]:
    return statement if since is None else statement.where(column >= since)


def _latest(statement: Select[*tuple[Any, ...]], asked: Asked, *order: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """The last rows in some order, the last one first; all of them, in any order, where that is asked for."""
    if asked.most is None:
        return statement
    return statement.order_by(*(column.desc() for column in order)).limit(asked.most)


def _earliest_first(entries: Iterator[LogEntry], asked: Asked) -> Iterable[LogEntry]:
    """So that of what happened at one time the same is left out, however many are asked for."""
    return entries if asked.most is None else reversed([*entries])


def _of_runs(connection: Connection, since: dt.datetime | None) -> Iterator[LogEntry]:
    is_told = or_(_RUN.c.purpose.not_in(_OF_FILES), _RUN.c.comment.is_(None))
    is_told = or_(is_told, and_(_RUN.c.comment != "done", _RUN.c.comment.not_like("refused: %")))
    statement = _from(select(_RUN).where(is_told, _RUN.c.purpose.not_in(_OF_DISK)), _RUN.c.processing_start_time, since)
    for row in connection.execute(statement):
        if row.purpose in _OF_WORDS:
            time, event, by = row.processing_start_time, _OF_WORDS[row.purpose], f"by {row.user}"
            yield LogEntry(time=time, run=None, event=event, subject=row.comment, message=by)
            continue
        yield LogEntry(
            time=row.processing_start_time,
            run=row.logging_id,
            event="run",
            subject=row.purpose,
            message=f"by {row.user} on {row.hostname}: {row.comment or 'not ended'}",
        )


def _of_files(connection: Connection, asked: Asked, since: dt.datetime | None) -> Iterator[LogEntry]:
    """The deliveries that were taken in; what took the place of others is told as that."""
    link, product = schema.filecodelink.c, schema.product
    statement = (
        select(_RUN.c.processing_start_time, _RUN.c.logging_id, FILE.c.filename, product.c.product_name)
        .join(_RUN, _RUN.c.logging_id == FILE.c.logging_id)
        .join(product, product.c.product_id == FILE.c.product_id)
        .where(~exists().where(link.resulting_file == FILE.c.file_id), _is_first_state())
    )
    statement = _among(statement, FILE.c.file_id, asked.file_ids)
    if since is not None:
        runs = select(_RUN.c.logging_id).where(_RUN.c.processing_start_time >= since)
        statement = statement.where(FILE.c.logging_id.in_(runs))  # else every file is looked at
    for time, run, name, kind in connection.execute(_latest(statement, asked, FILE.c.file_id)):
        yield LogEntry(time=time, run=run, event="ingested", subject=name, message=kind)


def _is_first_state() -> ColumnElement[bool]:
    """No file had the name and place before: of one that took them over the correction is told."""
    other = FILE.alias()
    has_same = or_(
        other.c.replaced_by == FILE.c.file_id,
        other.c.replaced_by == FILE.c.replaced_by,
        other.c.file_id == FILE.c.replaced_by,
    )
    return ~exists().where(other.c.file_id < FILE.c.file_id, has_same)


def _of_disk(connection: Connection, asked: Asked, since: dt.datetime | None) -> Iterator[LogEntry]:
    """The files that were gone from disk, or were there again."""
    statement = select(_RUN.c.processing_start_time, _RUN.c.purpose, _RUN.c.comment)
    statement = statement.where(_RUN.c.purpose.in_(_OF_DISK))
    for time, purpose, comment in connection.execute(_from(statement, _RUN.c.processing_start_time, since)):
        said, (event, message) = json.loads(comment), _OF_DISK[purpose]
        numbers = [each for each in said["files"] if not asked.file_ids or each in asked.file_ids]
        for some in batches(numbers):
            for name in connection.scalars(select(FILE.c.filename).where(FILE.c.file_id.in_(some))):
                yield LogEntry(time=time, run=said["run"], event=event, subject=name, message=message)


def _among(
    statement: Select[*tuple[Any, ...]], column: ColumnElement[Any], numbers: Sequence[int]
) -> Select[*tuple[Any, ...]]:
    return statement.where(column.in_(numbers)) if numbers else statement


def _attempts(
    connection: Connection, asked: Asked, time: ColumnElement[Any], since: dt.datetime | None
) -> Iterator[tuple[RowMapping, str]]:
    """Attempts since a `time` of them, each with its process and slot in words."""
    process, further = schema.process, schema.attemptoutput.c
    columns = (_ATTEMPT.c.logging_id, _ATTEMPT.c.status, _ATTEMPT.c.output_filename, _ATTEMPT.c.message)
    dismissed = (_ATTEMPT.c.dismissed_by, _ATTEMPT.c.dismissed_reason)
    statement = select(time.label("time"), *columns, *dismissed, process.c.process_name, process.c.output_timebase)
    statement = statement.add_columns(*recorded_columns(_ATTEMPT))
    statement = statement.join(process, process.c.process_id == _ATTEMPT.c.process_id)
    if asked.process_id is not None:
        statement = statement.where(_ATTEMPT.c.process_id == asked.process_id)
    if asked.file_ids:
        besides = select(further.attempt_id).where(further.file_id.in_(asked.file_ids))
        made = _ATTEMPT.c.output_file.in_(asked.file_ids)
        statement = statement.where(or_(made, _ATTEMPT.c.attempt_id.in_(besides)))
    statement = _latest(_from(statement.where(time.is_not(None)), time, since), asked, time, _ATTEMPT.c.attempt_id)
    for row in connection.execute(statement).mappings():
        slot = recorded_slot(row["output_timebase"], {name: row[name] for name in RECORDED})
        yield row, f"{row['process_name']} {slot}".rstrip()


def _of_dismissals(connection: Connection, asked: Asked, since: dt.datetime | None) -> Iterator[LogEntry]:
    for row, of_slot in _attempts(connection, asked, _ATTEMPT.c.dismissed_time, since):
        message = f"by {row['dismissed_by']}: {row['dismissed_reason']}"
        yield LogEntry(time=row["time"], run=None, event="dismissed", subject=of_slot, message=message)


def _of_attempts(connection: Connection, asked: Asked, since: dt.datetime | None) -> Iterator[LogEntry]:
    time = func.coalesce(_ATTEMPT.c.end_time, _ATTEMPT.c.created_time, type_=schema.UtcTime())
    for row, of_slot in _attempts(connection, asked, time, since):
        is_made = row["status"] == AttemptStatus.SUCCEEDED and row["output_filename"]
        yield LogEntry(
            time=row["time"],
            run=row["logging_id"],
            event=_OF_ATTEMPT.get(AttemptStatus(row["status"]), row["status"]),
            subject=row["output_filename"] if is_made else of_slot,
            message=of_slot if is_made else row["message"] or "",
        )


def _of_quarantine(connection: Connection, since: dt.datetime | None) -> Iterator[LogEntry]:
    table = schema.quarantine.c
    statement = select(table.quarantine_time, table.logging_id, table.filename, table.message)
    for time, run, name, message in connection.execute(_from(statement, table.quarantine_time, since)):
        yield LogEntry(time=time, run=run, event="quarantined", subject=name, message=message)


def _of_corrections(connection: Connection, asked: Asked, since: dt.datetime | None) -> Iterator[LogEntry]:
    done, of = schema.correction, schema.correctionfile
    statement = (
        select(done, of.c.undone_time, of.c.undone_by, FILE.c.filename)
        .join(of, of.c.correction_id == done.c.correction_id)
        .join(FILE, FILE.c.file_id == of.c.file_id)
    )
    statement = _among(statement, FILE.c.file_id, asked.file_ids)
    if since is not None:
        statement = statement.where(or_(done.c.correction_time >= since, of.c.undone_time >= since))
    last = func.coalesce(of.c.undone_time, done.c.correction_time, type_=schema.UtcTime())
    for row in connection.execute(_latest(statement, asked, last, done.c.correction_id, FILE.c.file_id)):
        event, by = _OF_CORRECTION[Correction(row.kind)], f"by {row.user}"
        message = f"{by}: {row.reason}" if row.reason else by
        if since is None or row.correction_time >= since:
            yield LogEntry(
                time=row.correction_time, run=row.logging_id, event=event, subject=row.filename, message=message
            )
        if row.undone_time is not None:
            back = f"by {row.undone_by}; it was {event}"
            yield LogEntry(time=row.undone_time, run=None, event="restored", subject=row.filename, message=back)
