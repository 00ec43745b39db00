"""Codes in the database: their bundles, what happened to them, and what to do when one was edited."""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from dbproc.core.bundle import Bundle, Part
from dbproc.core.states import CodeEvent
from dbproc.core.version import Version
from dbproc.database import schema
from dbproc.database._queries import Row, batches, read_rows, with_version

_CODE = schema.code
_INSPECTOR = schema.inspector
_SAMENESS = (
    *("process_id", "interface_version", "quality_version", "revision_version"),
    *("shasum", "arguments", "output_interface_version", "inputs_by"),
)


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
            user=_user(),
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
    if rows:
        connection.execute(insert(schema.codefile), rows)


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
    new_id: int = connection.execute(insert(_CODE).values(**row).returning(_CODE.c.code_id)).scalar_one()
    enter_bundle(connection, new_id, bundle)
    enter_sameness(connection, new_id)
    record_event(
        connection,
        new_id,
        CodeEvent.BUMPED,
        old_code=code_id,
        old_digest=str(row["shasum"]),
        digest=bundle.digest,
        reason=reason,
    )
    return new_id


def enter_sameness(connection: Connection, code_id: int) -> None:
    """Note which earlier code is the same as one: of its process, with its version, bytes and way to be called."""
    row = connection.execute(select(_CODE).where(_CODE.c.code_id == code_id)).mappings().one()
    if row["shasum"] is None:
        return
    alike = [_CODE.c[name].is_not_distinct_from(row[name]) for name in _SAMENESS]
    first = connection.scalar(select(func.min(_CODE.c.code_id)).where(_CODE.c.code_id < code_id, *alike))
    if first is not None:
        known = connection.scalar(select(func.coalesce(_CODE.c.same_as, first)).where(_CODE.c.code_id == first))
        connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(same_as=known))


def versions(connection: Connection, process: str | None = None) -> list[Row]:
    """Every version of every code, or those of one process: process by process, in the order of their release."""
    made = schema.filecodelink
    counted = select(made.c.source_code, func.count().label("files")).group_by(made.c.source_code).subquery()
    statement = (
        select(schema.process.c.process_name.label("process"), _CODE, func.coalesce(counted.c.files, 0).label("files"))
        .join(schema.process, schema.process.c.process_id == _CODE.c.process_id)
        .outerjoin(counted, counted.c.source_code == _CODE.c.code_id)
        .order_by(schema.process.c.process_name, _CODE.c.code_id)
    )
    if process is not None:
        statement = statement.where(schema.process.c.process_name == process)
    return [dict(row) for row in connection.execute(statement).mappings()]


def events_of(connection: Connection, code_id: int) -> list[Row]:
    """What happened to a code, in its order."""
    event = schema.codeevent
    columns = (event.c.event, event.c.event_time, event.c.user, event.c.reason)
    statement = select(*columns, event.c.old_code, event.c.old_shasum, event.c.shasum)
    found = connection.execute(statement.where(event.c.code_id == code_id).order_by(event.c.codeevent_id))
    return [dict(row) for row in found.mappings()]


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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def codes_of_file(connection: Connection, file_id: int) -> list[Row]:
    """The code that a file was made by."""
    link, code = schema.filecodelink, schema.code
    statement = (
        select(
            code.c.code_id,
            code.c.filename.label("code"),
            code.c.interface_version,
            code.c.quality_version,
            code.c.revision_version,
            code.c.shasum,
        )
        .join(link, link.c.source_code == code.c.code_id)
        .where(link.c.resulting_file == file_id)
    )
    return [with_version(row) for row in read_rows(connection, statement)]


def code_parts(connection: Connection, code_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """By code: the digest of each file that belongs to it, by its path."""
    table = schema.codefile.c
    parts: dict[int, dict[str, str]] = {code_id: {} for code_id in code_ids}
    rows = connection.execute(select(table.code_id, table.path, table.shasum).where(table.code_id.in_(code_ids)))
    for code_id, path, digest in rows:
        parts[code_id][path] = digest
    return parts


def codes_in_use(connection: Connection, process_id: int) -> list[Row]:
    """The codes of a process that are not replaced, with the dates that they are for; none when it is retired."""
    code = schema.code.c
    statement = (
        select(
            code.filename.label("code"),
            code.interface_version,
            code.quality_version,
            code.revision_version,
            code.code_start_date.label("first"),
            code.code_stop_date.label("last"),
            code.active_code.label("active"),
        )
        .where(code.process_id == process_id, code.newest_version)
        .order_by(code.code_start_date)
    )
    return [with_version(dict(row)) for row in connection.execute(statement).mappings()]


def codes_of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, str]:
    """By file: the code that made it, with its version."""
    link, code = schema.filecodelink, schema.code
    result: dict[int, str] = {}
    for some in batches(file_ids):
        statement = (
            select(
                link.c.resulting_file,
                code.c.filename,
                code.c.interface_version,
                code.c.quality_version,
                code.c.revision_version,
            )
            .join(code, code.c.code_id == link.c.source_code)
            .where(link.c.resulting_file.in_(some))
        )
        for file_id, filename, *version in connection.execute(statement):
            result[file_id] = f"{filename} {'.'.join(map(str, version))}"
    return result


def codes_of_process(connection: Connection) -> Mapping[int, tuple[int, str, Version]]:
    """Every code there ever was: its process, its file's name and its version, by its number."""
    columns = (_CODE.c.code_id, _CODE.c.process_id, _CODE.c.filename, _CODE.c.interface_version)
    statement = select(*columns, _CODE.c.quality_version, _CODE.c.revision_version)
    return {
        code_id: (process_id, filename, Version(*version))
        for code_id, process_id, filename, *version in connection.execute(statement)
    }
