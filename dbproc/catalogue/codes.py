"""Codes in the database: their bundles, what happened to them, and what to do when one was edited."""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from dbproc import schema
from dbproc.bundle import Bundle

_CODE = schema.code
_INSPECTOR = schema.inspector


def record_event(
    connection: Connection,
    code_id: int,
    event: str,
    *,
    old_code: int | None = None,
    old_digest: str | None = None,
    digest: str | None = None,
    reason: str = "",
) -> None:
    """Note what happened to a code, when and by whom."""
    connection.execute(
        insert(schema.codeevent).values(
            code_id=code_id,
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
    record_event(connection, code_id, "accepted", old_digest=old, digest=bundle.digest, reason=reason)


def bump(connection: Connection, code_id: int, bundle: Bundle, reason: str) -> int:
    """Retire the code and enter the same one again with the next free revision and its edited files; its id."""
    row = dict(connection.execute(select(_CODE).where(_CODE.c.code_id == code_id)).mappings().one())
    row.pop("code_id")
    row.update(revision_version=_next_revision(connection, row), release_time=dt.datetime.now(dt.UTC))
    connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(active_code=False, newest_version=False))
    new_id: int = connection.execute(insert(_CODE).values(**row).returning(_CODE.c.code_id)).scalar_one()
    enter_bundle(connection, new_id, bundle)
    record_event(
        connection,
        new_id,
        "bumped",
        old_code=code_id,
        old_digest=str(row["shasum"]),
        digest=bundle.digest,
        reason=reason,
    )
    return new_id


def enter_inspector(connection: Connection, inspector_id: int, digest: str, stat: str, *, is_new: bool) -> None:
    """Record the bytes of an inspector; with `is_new` they count as its next revision."""
    values = {"shasum": digest, "stat": stat}
    statement = update(_INSPECTOR).where(_INSPECTOR.c.inspector_id == inspector_id).values(**values)
    connection.execute(statement)
    if is_new:
        risen = update(_INSPECTOR).where(_INSPECTOR.c.inspector_id == inspector_id)
        connection.execute(risen.values(revision_version=_INSPECTOR.c.revision_version + 1))


def _next_revision(connection: Connection, row: dict[str, object]) -> int:
    taken: Sequence[int] = connection.scalars(
        select(_CODE.c.revision_version).where(
            _CODE.c.process_id == row["process_id"],
            _CODE.c.interface_version == row["interface_version"],
            _CODE.c.quality_version == row["quality_version"],
        )
    ).all()
    return max(taken) + 1


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
