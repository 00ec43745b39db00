"""Codes whose bytes changed under an unchanged version, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from dbproc import schema

_CODE = schema.code


def accept(connection: Connection, code_id: int, digest: str, stat: str) -> None:
    """Record a digest in place: the code counts as the same."""
    connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(shasum=digest, stat=stat))


def bump(connection: Connection, code_id: int, digest: str, stat: str) -> int:
    """Retire the code and enter the same one again with the next free revision and the new digest; its id."""
    row = dict(connection.execute(select(_CODE).where(_CODE.c.code_id == code_id)).mappings().one())
    row.pop("code_id")
    row.update(shasum=digest, stat=stat, revision_version=_next_revision(connection, row))
    connection.execute(update(_CODE).where(_CODE.c.code_id == code_id).values(active_code=False, newest_version=False))
    new_id: int = connection.execute(insert(_CODE).values(**row).returning(_CODE.c.code_id)).scalar_one()
    return new_id


def _next_revision(connection: Connection, row: dict[str, object]) -> int:
    taken: Sequence[int] = connection.scalars(
        select(_CODE.c.revision_version).where(
            _CODE.c.process_id == row["process_id"],
            _CODE.c.interface_version == row["interface_version"],
            _CODE.c.quality_version == row["quality_version"],
        )
    ).all()
    return max(taken) + 1
