"""What ``dbproc check`` asks of the database: everything in bulk, and of faults the faulty rows alone."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, union

from dbproc.core.candidates import Queued
from dbproc.core.model import File, Member, Move, Slot
from dbproc.core.states import AttemptStatus, ReplicaState, Standing
from dbproc.database import schema
from dbproc.database._queries import (
    FILE,
    FILE_COLUMNS,
    batches,
    file_of,
    is_newest,
    newest_as_queued,
    slot_columns,
    standing,
    streamed,
)
from dbproc.database.moves import announced, members_of
from dbproc.database.moving_in import IMPORT

_ATTEMPT = schema.attempt
_LINK = schema.filefilelink
_CODELINK = schema.filecodelink
_SUCCESSOR, _LATER, _LINKS = FILE.alias(), _ATTEMPT.alias(), _LINK.alias()
_INPUT = schema.attemptinput
_BELONGS_IN_PLACE = FILE.c.replaced_by.is_(None) & FILE.c.correction_id.is_(None)
_MADE = (FILE.c.file_id, FILE.c.filename, _ATTEMPT.c.attempt_id)


class FileRow(NamedTuple):
    """A file as far as it is compared with the disk; `directory` is relative to the root."""

    file_id: int
    filename: str
    directory: str
    size: int | None
    digest: str
    exists: bool
    is_made: bool = False  #: by a code of the mission
    is_offloaded: bool = False  #: its bytes are in stores alone
    has_copy: bool = False  #: a store has a verified copy of it


class MemberRow(NamedTuple):
    """A member of a file's companion directory."""

    file_id: int
    path: str
    size: int
    digest: str


class MadeRow(NamedTuple):
    """A file, and the attempt that made it, where there is one."""

    file_id: int
    filename: str
    attempt_id: int | None


class QueuedRow(NamedTuple):
    """A file of the queue, whether it exists, and whether it is the newest of those that do."""

    file_id: int
    filename: str
    exists: bool
    is_newest: bool


class Quarantined(NamedTuple):
    """A file in quarantine: its name there, the name it came with, and whether it has a companion directory there."""

    stored_name: str
    filename: str
    has_companion: bool


class ProductPlace(NamedTuple):
    """Where the files of a product are, and how they are called; of retired products as well."""

    name: str
    directory: str
    format: str
    has_companions: bool = False


def product_places(connection: Connection) -> list[ProductPlace]:
    """Every product."""
    product = schema.product.c
    rows = connection.execute(select(product.product_name, product.relative_path, product.format, product.companion))
    return [ProductPlace(*row) for row in rows]


def products_without_files(connection: Connection) -> frozenset[str]:
    """The products of which the catalogue never had a file."""
    product = schema.product.c
    has_files = exists().where(FILE.c.product_id == product.product_id)
    return frozenset(connection.scalars(select(product.product_name).where(~has_files)))


def directories_in_use(connection: Connection) -> list[str]:
    """The directories that files of the catalogue are in."""
    return list(connection.scalars(select(FILE.c.relative_path).distinct()))


def file_rows(connection: Connection, file_ids: Sequence[int] | None = None) -> Iterator[FileRow]:
    """Every file that is in its place, or should be; or those of some."""
    is_made = exists().where(_CODELINK.c.resulting_file == FILE.c.file_id)
    is_offloaded = FILE.c.offloaded_time.is_not(None)
    place = (FILE.c.file_id, FILE.c.filename, FILE.c.relative_path)
    copy = schema.replica.c
    has_copy = exists().where(copy.file_id == FILE.c.file_id, copy.state == ReplicaState.VERIFIED.value)
    facts = (FILE.c.file_size, FILE.c.shasum, FILE.c.exists_on_disk, is_made, is_offloaded, has_copy)
    statement = select(*place, *facts).where(_BELONGS_IN_PLACE).order_by(FILE.c.file_id)
    return (FileRow(*row) for row in _of_some(connection, statement, file_ids))


def kept_rows(connection: Connection) -> Iterator[tuple[FileRow, bool]]:
    """Every file that could come back, its bytes kept aside, and whether it was reaped; `exists` of one whose bytes are
    no more, were lost before, or are in stores alone, is false."""
    stands = standing(FILE)
    corrected = schema.correctionfile.c
    is_same = exists().where(_SUCCESSOR.c.file_id == FILE.c.replaced_by, _SUCCESSOR.c.shasum == FILE.c.shasum)
    was_lost = exists().where(corrected.file_id == FILE.c.file_id, corrected.former.contains("exists_on_disk"))
    is_kept = FILE.c.deleted_time.is_(None) & FILE.c.offloaded_time.is_(None) & ~was_lost & ~is_same
    facts = (FILE.c.file_size, FILE.c.shasum, is_kept)
    comes_back = exists().where(corrected.file_id == FILE.c.file_id, corrected.undone_time.is_(None))
    statement = select(FILE.c.file_id, FILE.c.filename, FILE.c.relative_path, *facts, stands)
    statement = statement.where(~_BELONGS_IN_PLACE, comes_back)
    for *row, stood in streamed(connection, statement.order_by(FILE.c.file_id)):
        yield FileRow(*row), stood == Standing.REAPED


def _of_some(
    connection: Connection, statement: Select[*tuple[Any, ...]], file_ids: Sequence[int] | None
) -> Iterator[Any]:
    """The rows of every file, or of some."""
    if file_ids is None:
        yield from streamed(connection, statement)
        return
    for some in batches(file_ids):
        yield from connection.execute(statement.where(FILE.c.file_id.in_(some)))


def newest_of(connection: Connection, product_id: int) -> list[File]:
    """The newest files of a product that are in their places."""
    statement = select(*FILE_COLUMNS).where(FILE.c.product_id == product_id, is_newest(existing=True))
    return [file_of(row) for row in connection.execute(statement)]


def member_rows(connection: Connection, file_ids: Sequence[int] | None = None) -> Iterator[MemberRow]:
    """Every member of a companion directory, by file; or those of some files."""
    member = schema.filemember.c
    columns = (member.file_id, member.member_path, member.member_size, member.shasum)
    of_file = schema.filemember.join(FILE, FILE.c.file_id == member.file_id)
    statement = select(*columns).select_from(of_file).where(_BELONGS_IN_PLACE)
    statement = statement.order_by(member.file_id, member.member_path)
    return (MemberRow(*row) for row in _of_some(connection, statement, file_ids))


def recorded(connection: Connection, file_ids: Sequence[int]) -> dict[int, tuple[int | None, str, frozenset[Member]]]:
    """By file: the size, the digest and the members that were recorded."""
    found: dict[int, tuple[int | None, str, frozenset[Member]]] = {}
    member = schema.filemember.c
    for some in batches(file_ids):
        members: dict[int, set[Member]] = defaultdict(set)
        columns = (member.file_id, member.member_path, member.member_size, member.shasum)
        for file_id, *facts in connection.execute(select(*columns).where(member.file_id.in_(some))):
            members[file_id].add(Member(*facts))
        whole = select(FILE.c.file_id, FILE.c.file_size, FILE.c.shasum).where(FILE.c.file_id.in_(some))
        for file_id, size, digest in connection.execute(whole):
            found[file_id] = (size, digest, frozenset(members[file_id]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the database says besides its files; of faults, the faulty rows alone."""

    open_run: int | None
    moves: Sequence[Move]  #: announced, and neither recorded nor undone
    running: Sequence[tuple[int, str, dt.date]]  #: attempts that have not ended: number, process, date
    job_logs: Collection[str]  #: the logs that attempts name
    quarantined: Sequence[Quarantined]
    queue: Sequence[QueuedRow]
    without_attempt: Sequence[MadeRow]  #: files that have a code or inputs, and no attempt that made them
    without_code: Sequence[MadeRow]  #: files that an attempt made, and that have no code
    without_inputs: Sequence[MadeRow]  #: files that an attempt made from something, and that have no inputs at all
    made_otherwise: Sequence[MadeRow]  #: files that have inputs or a code, but not those of their attempt
    without_output: Sequence[tuple[int, str | None]]  #: attempts that succeeded without a file: number, promised name
    links: Sequence[tuple[int, int]]  #: every link (source, result), if there may be a circle among them


def records(connection: Connection) -> Records:
    """Read all of it."""
    run = schema.logging.c
    return Records(
        open_run=connection.scalar(select(run.logging_id).where(run.currently_processing)),
        moves=announced(connection),
        running=_running_attempts(connection),
        job_logs=job_logs(connection),
        quarantined=_quarantined(connection),
        queue=_queued_rows(connection),
        without_attempt=_made_without_attempt(connection),
        without_code=_made_without_code(connection),
        without_inputs=_made_without_inputs(connection),
        made_otherwise=_made_otherwise(connection),
        without_output=_attempts_without_output(connection),
        links=_lineage_if_doubtful(connection),
    )


def _quarantined(connection: Connection) -> list[Quarantined]:
    """Every file in quarantine."""
    entry = schema.quarantine.c
    is_there = and_(entry.released_time.is_(None), entry.discarded_time.is_(None))
    rows = connection.execute(select(entry.stored_name, entry.filename, entry.members).where(is_there))
    return [Quarantined(row[0], row[1], bool(members_of(row[2]))) for row in rows]


def job_logs(connection: Connection) -> set[str]:
    """The paths of the logs that attempts name."""
    return set(connection.scalars(select(_ATTEMPT.c.log_path).where(_ATTEMPT.c.log_path.is_not(None))))


def _running_attempts(connection: Connection) -> list[tuple[int, str, dt.date]]:
    """The attempts that have not ended: number, process, date."""
    statement = (
        select(_ATTEMPT.c.attempt_id, schema.process.c.process_name, _ATTEMPT.c.utc_file_date)
        .join(schema.process, schema.process.c.process_id == _ATTEMPT.c.process_id)
        .where(_ATTEMPT.c.status == AttemptStatus.RUNNING)
        .order_by(_ATTEMPT.c.attempt_id)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


# --- lineage ---


def _made_without_attempt(connection: Connection) -> list[MadeRow]:
    """The files that have a code or inputs, and no attempt that made them; but for :func:`_attempts_without_output`,
    and for what came with inputs alone when its mission was imported."""
    derived = union(select(_CODELINK.c.resulting_file), select(_LINK.c.resulting_file)).subquery()
    run = schema.logging.c
    is_imported = exists().where(run.logging_id == FILE.c.logging_id, run.purpose == IMPORT)
    has_code = exists().where(_CODELINK.c.resulting_file == FILE.c.file_id)
    named = exists().where(
        _ATTEMPT.c.status == AttemptStatus.SUCCEEDED,
        _ATTEMPT.c.output_file.is_(None),
        _ATTEMPT.c.output_filename == FILE.c.filename,
        _ATTEMPT.c.utc_file_date == FILE.c.utc_file_date,
    )
    statement = (
        select(FILE.c.file_id, FILE.c.filename)
        .join(derived, derived.c.resulting_file == FILE.c.file_id)
        .where(
            ~exists().where(_ATTEMPT.c.output_file == FILE.c.file_id, _ATTEMPT.c.status == AttemptStatus.SUCCEEDED),
            ~exists().where(schema.attemptoutput.c.file_id == FILE.c.file_id),
            ~named,
            ~and_(is_imported, ~has_code),
        )
        .order_by(FILE.c.filename)
    )
    return [MadeRow(row[0], row[1], None) for row in connection.execute(statement)]


def _made_without_code(connection: Connection) -> list[MadeRow]:
    """The files that an attempt made, and that have no code."""
    return _made(connection, ~exists().where(_CODELINK.c.resulting_file == FILE.c.file_id))


def _made_without_inputs(connection: Connection) -> list[MadeRow]:
    """The files that an attempt made from something, and that have no inputs at all."""
    inputs = exists().where(_INPUT.c.attempt_id == _ATTEMPT.c.attempt_id)
    return _made(connection, inputs & ~exists().where(_LINK.c.resulting_file == FILE.c.file_id))


def _made_otherwise(connection: Connection) -> list[MadeRow]:
    """The files that have inputs or a code, but not those of their attempt."""
    has_links = exists().where(_LINKS.c.resulting_file == FILE.c.file_id)
    is_input = exists().where(_INPUT.c.attempt_id == _ATTEMPT.c.attempt_id, _INPUT.c.file_id == _LINKS.c.source_file)
    is_linked = exists().where(_LINKS.c.resulting_file == FILE.c.file_id, _LINKS.c.source_file == _INPUT.c.file_id)
    not_of_attempt = exists().where(_LINKS.c.resulting_file == FILE.c.file_id, ~is_input.correlate(_ATTEMPT, _LINKS))
    not_linked = exists().where(_INPUT.c.attempt_id == _ATTEMPT.c.attempt_id, ~is_linked.correlate(FILE, _INPUT))
    code = _CODELINK.c
    other_code = exists().where(code.resulting_file == FILE.c.file_id, code.source_code != _ATTEMPT.c.code_id)
    return _made(connection, or_(not_of_attempt, and_(has_links, not_linked), other_code))


def _attempts_without_output(connection: Connection) -> list[tuple[int, str | None]]:
    """The attempts that succeeded and should have made a file, but name none: number, and the promised name."""
    statement = (
        select(_ATTEMPT.c.attempt_id, _ATTEMPT.c.output_filename)
        .join(schema.process, schema.process.c.process_id == _ATTEMPT.c.process_id)
        .where(
            _ATTEMPT.c.status == AttemptStatus.SUCCEEDED,
            _ATTEMPT.c.output_file.is_(None),
            schema.process.c.output_product.is_not(None),
        )
        .order_by(_ATTEMPT.c.attempt_id)
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]


def _lineage_if_doubtful(connection: Connection) -> list[tuple[int, int]]:
    """Every link (source, result), if one leads to an older row: files are entered after those they were made from."""
    if not connection.scalar(select(exists().where(_LINK.c.source_file >= _LINK.c.resulting_file))):
        return []
    return [(row[0], row[1]) for row in connection.execute(select(_LINK.c.source_file, _LINK.c.resulting_file))]


def _made(connection: Connection, condition: ColumnElement[bool]) -> list[MadeRow]:
    first = select(*_MADE).join(_ATTEMPT, _ATTEMPT.c.output_file == FILE.c.file_id)
    further = schema.attemptoutput.c
    others = select(*_MADE).join(schema.attemptoutput, further.file_id == FILE.c.file_id)
    others = others.join(_ATTEMPT, _ATTEMPT.c.attempt_id == further.attempt_id)
    made_again = exists().where(
        _LATER.c.output_file == FILE.c.file_id,
        _LATER.c.attempt_id > _ATTEMPT.c.attempt_id,
        _LATER.c.status == AttemptStatus.SUCCEEDED,
    )
    is_meant = (_ATTEMPT.c.status == AttemptStatus.SUCCEEDED, ~made_again, condition)
    rows = (row for each in (first, others) for row in connection.execute(each.where(*is_meant)))
    return sorted((MadeRow(*row) for row in rows), key=lambda row: row.filename)


# --- what is stale ---


def newest_files(connection: Connection) -> Iterator[Queued]:
    """Every newest existing file that is an input, as if it were queued."""
    return newest_as_queued(connection, FILE.c.product_id.in_(select(schema.productprocesslink.c.input_product_id)))


def built_slots(connection: Connection) -> Iterator[Slot]:
    """Every slot that something was built for."""
    has_built = (_ATTEMPT.c.status == AttemptStatus.SUCCEEDED, _ATTEMPT.c.output_file.is_not(None))
    statement = select(*slot_columns(_ATTEMPT)).where(*has_built).distinct()
    return (Slot(*row) for row in streamed(connection, statement))


def _queued_rows(connection: Connection) -> list[QueuedRow]:
    """The queue."""
    statement = (
        select(FILE.c.file_id, FILE.c.filename, FILE.c.exists_on_disk, is_newest(existing=True))
        .join(schema.processqueue, schema.processqueue.c.file_id == FILE.c.file_id)
        .order_by(FILE.c.filename)
    )
    return [QueuedRow(row[0], row[1], bool(row[2]), bool(row[3])) for row in connection.execute(statement)]
