"""Codes in the database: their bundles, what happened to them, and what to do when one was edited."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, update

from dbproc.core.bundle import Bundle, Part
from dbproc.core.model import InputsBy
from dbproc.core.spec import with_code_version
from dbproc.core.states import CodeEvent
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import batches, columns_of, insert_row, insert_rows, version_columns, version_of
from dbproc.system.machine import user_name

_CODE = schema.code
_INSPECTOR = schema.inspector
_SAMENESS = (
    *("process_id", "interface_version", "quality_version", "revision_version"),
    *("shasum", "arguments", "output_interface_version", "inputs_by"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOfFile:
    """The code that a file was made by."""

    code_id: int  #: its number
    code: str  #: the name of its file
    interface_version: int  #: the first part of its version
    quality_version: int  #: the second part of its version
    revision_version: int  #: the third part of its version
    shasum: str | None  #: its digest; null: never taken
    version: Version  #: its version


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeInUse:
    """A code that is not replaced, with the dates of data that it is for."""

    name: str
    version: Version
    first: dt.date
    last: dt.date
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeVersion:
    """A version of a code, of any time."""

    code_id: int
    process: str
    directory: str
    filename: str
    declared: str  #: the version as it was declared
    version: Version
    first: dt.date
    last: dt.date
    is_active: bool
    digest: str | None
    uses: tuple[str, ...]  #: patterns of the files that it uses
    inputs_by: InputsBy
    files: int  #: how many files it has made
    released: dt.datetime | None
    is_kept: bool  #: whether it is run from the bytes that were kept

    @property
    def path(self) -> str:
        """Its file as the mission file names it."""
        return os.path.normpath(with_code_version(os.path.join(self.directory, self.filename), self.declared))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """What happened to a code."""

    event: CodeEvent  #: what
    event_time: dt.datetime  #: when
    user: str  #: by whom
    reason: str  #: why
    old_code: int | None  #: the number of the code that it replaced
    old_shasum: str | None  #: the digest before
    shasum: str | None  #: the digest since


def record_event(
    connection: Connection,
    code_id: int | None,
    event: CodeEvent,
    *,
    inspector_id: int | None = None,
    old_code: int | None = None,
    old_digest: str | None = None,
    digest: str | None = None,
    reason: str = "",
) -> None:
    """Note what happened to a code or an inspector, when and by whom."""
    connection.execute(
        insert(schema.codeevent).values(
            code_id=code_id,
            inspector_id=inspector_id,
            event=event,
            event_time=dt.datetime.now(dt.UTC),
            user=user_name(),
            old_code=old_code,
            old_shasum=old_digest,
            shasum=digest,
            reason=reason,
        )
    )


def enter_bundle(connection: Connection, code_id: int, bundle: Bundle) -> None:
    """Record the digest of a code and its files, in the place of those that were recorded before."""
    connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(shasum=bundle.digest, stat=bundle.stat))
    connection.execute(delete(schema.codefile).where(schema.codefile.c.code_id == code_id))
    rows = [
        {"code_id": code_id, "path": part.path, "file_size": part.size, "shasum": part.digest} for part in bundle.parts
    ]
    insert_rows(connection, schema.codefile, rows)


def touch(connection: Connection, code_id: int, stat: str) -> None:
    """Record that the files of a code were touched, and are what they were."""
    connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(stat=stat))


def accept(connection: Connection, code_id: int, bundle: Bundle, reason: str) -> None:
    """Record edited files in place: the code counts as the same."""
    old = connection.scalar(select(_CODE.c.shasum).where(_CODE.c.code_id == code_id))
    enter_bundle(connection, code_id, bundle)
    record_event(connection, code_id, CodeEvent.ACCEPTED, old_digest=old, digest=bundle.digest, reason=reason)


def bump(connection: Connection, code_id: int, bundle: Bundle, reason: str) -> int:
    """Retire the code and enter the same one again with the next free revision and its edited files; its id."""
    row = dict(connection.execute(select(_CODE).where(_CODE.c.code_id == code_id)).mappings().one())
    row.pop("code_id")
    row.update(
        revision_version=_next_revision(connection, row, bundle.digest),
        release_time=dt.datetime.now(dt.UTC),
        same_as=None,
    )
    connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(active_code=False, newest_version=False))
    new_id = insert_row(connection, _CODE, row)
    enter_bundle(connection, new_id, bundle)
    enter_sameness(connection, new_id)
    old = str(row["shasum"])
    record_event(
        connection, new_id, CodeEvent.BUMPED, old_code=code_id, old_digest=old, digest=bundle.digest, reason=reason
    )
    return new_id


def enter_sameness(connection: Connection, code_id: int) -> None:
    """Note which earlier code is the same as one: of its process, with its version, bytes and way to be called."""
    row = connection.execute(select(_CODE).where(_CODE.c.code_id == code_id)).mappings().one()
    if row["shasum"] is None:
        return
    first = _first_alike(connection, dict(row), _CODE.c.code_id < code_id)
    if first is not None:
        connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(same_as=first))


def next_bump(connection: Connection, code_id: int, digest: str) -> tuple[Version, int]:
    """The version that :func:`bump` will give, and the number of the first code that is the same, 0: there is none."""
    row = dict(connection.execute(select(_CODE).where(_CODE.c.code_id == code_id)).mappings().one())
    revision = _next_revision(connection, row, digest)
    first = _first_alike(connection, {**row, "revision_version": revision, "shasum": digest})
    return Version(row["interface_version"], row["quality_version"], revision), first or 0


def _first_alike(connection: Connection, row: Mapping[str, Any], *conditions: ColumnElement[bool]) -> int | None:
    alike = [_CODE.c[name].is_not_distinct_from(row[name]) for name in _SAMENESS]
    first = select(func.coalesce(_CODE.c.same_as, _CODE.c.code_id)).where(*alike, *conditions)
    found: int | None = connection.scalar(first.order_by(_CODE.c.code_id).limit(1))
    return found


def versions(connection: Connection) -> list[CodeVersion]:
    """Every version of every code: process by process, in the order of their release."""
    made = schema.filecodelink
    counted = select(made.c.source_code, func.count().label("files")).group_by(made.c.source_code).subquery()
    statement = (
        select(schema.process.c.process_name.label("process"), _CODE, func.coalesce(counted.c.files, 0).label("files"))
        .join(schema.process, schema.process.c.process_id == _CODE.c.process_id)
        .outerjoin(counted, counted.c.source_code == _CODE.c.code_id)
        .order_by(schema.process.c.process_name, _CODE.c.code_id)
    )
    return [_version(row) for row in connection.execute(statement).mappings()]


def _version(row: RowMapping) -> CodeVersion:
    return CodeVersion(
        code_id=row["code_id"],
        process=row["process"],
        directory=row["relative_path"],
        filename=row["filename"],
        declared=row["declared_version"],
        version=version_of(row),
        first=row["code_start_date"],
        last=row["code_stop_date"],
        is_active=row["active_code"],
        digest=row["shasum"],
        uses=tuple(json.loads(row["uses"] or "[]")),
        inputs_by=InputsBy(row["inputs_by"]),
        files=row["files"],
        released=row["release_time"],
        is_kept=bool(row["kept"]),
    )


def events_of(connection: Connection, code_id: int) -> list[EventRow]:
    """What happened to a code, in its order."""
    event = schema.codeevent
    statement = select(*columns_of(EventRow, event)).where(event.c.code_id == code_id).order_by(event.c.codeevent_id)
    found = connection.execute(statement)
    return [EventRow(**{**row, "event": CodeEvent(row["event"])}) for row in found.mappings()]


def parts_of(connection: Connection, code_id: int) -> list[Part]:
    """The files of a code as they were recorded."""
    table = schema.codefile
    found = connection.execute(select(table).where(table.c.code_id == code_id).order_by(table.c.path))
    return [Part(row.path, row.file_size, row.shasum) for row in found]


def enter_inspector(
    connection: Connection,
    inspector_id: int,
    digest: str,
    stat: str,
    *,
    event: CodeEvent | None = None,
    reason: str = "",
) -> None:
    """Record the bytes of an inspector, and what happened to it: those ``bumped`` count as its next revision."""
    mine = _INSPECTOR.c.inspector_id == inspector_id
    old = connection.scalar(select(_INSPECTOR.c.shasum).where(mine))
    risen = {"revision_version": _INSPECTOR.c.revision_version + 1} if event is CodeEvent.BUMPED else {}
    connection.execute(update(_INSPECTOR).where(mine).values(shasum=digest, stat=stat, **risen))
    if event:
        record_event(connection, None, event, inspector_id=inspector_id, old_digest=old, digest=digest, reason=reason)


def _next_revision(connection: Connection, row: dict[str, Any], digest: str) -> int:
    """The revision above all others, or the higher one that had these bytes already."""
    same = [_CODE.c[name] == row[name] for name in ("process_id", "interface_version", "quality_version")]
    taken = connection.execute(select(_CODE.c.revision_version, _CODE.c.shasum).where(*same)).all()
    known = [revision for revision, other in taken if other == digest and revision > row["revision_version"]]
    return int(max(known) if known else max(revision for revision, _ in taken) + 1)


def codes_of_file(connection: Connection, file_id: int) -> list[CodeOfFile]:
    """The code that a file was made by."""
    link, code = schema.filecodelink, schema.code
    statement = select(*columns_of(CodeOfFile, code, code=code.c.filename))
    statement = statement.join(link, link.c.source_code == code.c.code_id).where(link.c.resulting_file == file_id)
    return [CodeOfFile(**row, version=version_of(row)) for row in connection.execute(statement).mappings()]


def code_parts(connection: Connection, code_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """By code: the digest of each file that belongs to it, by its path."""
    table = schema.codefile.c
    parts: dict[int, dict[str, str]] = {code_id: {} for code_id in code_ids}
    rows = connection.execute(select(table.code_id, table.path, table.shasum).where(table.code_id.in_(code_ids)))
    for code_id, path, digest in rows:
        parts[code_id][path] = digest
    return parts


def codes_in_use(connection: Connection, process_id: int) -> list[CodeInUse]:
    """The codes of a process that are not replaced, with the dates that they are for; none when it is retired."""
    code = schema.code.c
    statement = (
        select(code.filename, code.code_start_date, code.code_stop_date, code.active_code, *version_columns(_CODE))
        .where(code.process_id == process_id, code.newest_version)
        .order_by(code.code_start_date)
    )
    return [
        CodeInUse(name=name, version=Version(*version), first=first, last=last, is_active=is_active)
        for name, first, last, is_active, *version in connection.execute(statement)
    ]


def codes_of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, str]:
    """By file: the code that made it, with its version."""
    link, code = schema.filecodelink, schema.code
    result: dict[int, str] = {}
    for some in batches(file_ids):
        statement = (
            select(link.c.resulting_file, code.c.filename, *version_columns(code))
            .join(code, code.c.code_id == link.c.source_code)
            .where(link.c.resulting_file.in_(some))
        )
        for file_id, filename, *version in connection.execute(statement):
            result[file_id] = f"{filename} {'.'.join(map(str, version))}"
    return result
