"""Codes whose bytes changed under an unchanged version, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from dbproc import schema

_CODE = schema.Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the database remembers of an active code's bytes."""

    code_id: int
    process_id: int
    digest: str | None
    stat: str | None


def recorded(connection: Connection) -> list[Recorded]:
    """The active codes."""
    statement = select(_CODE.code_id, _CODE.process_id, _CODE.shasum, _CODE.stat).where(_CODE.active_code)
    return [
        Recorded(code_id=row[0], process_id=row[1], digest=row[2], stat=row[3]) for row in connection.execute(statement)
    ]


def accept(connection: Connection, code_id: int, digest: str, stat: str) -> None:
    """Record a digest in place: the code counts as the same."""
    connection.execute(update(_CODE).where(_CODE.code_id == code_id).values(shasum=digest, stat=stat))


def bump(connection: Connection, code_id: int, digest: str, stat: str) -> int:
    """Retire the code and enter the same one again with the next free revision and the new digest; its id."""
    row = dict(connection.execute(select(_CODE.__table__).where(_CODE.code_id == code_id)).mappings().one())
    row.pop("code_id")
    row.update(shasum=digest, stat=stat, revision_version=_next_revision(connection, row))
    connection.execute(update(_CODE).where(_CODE.code_id == code_id).values(active_code=False, newest_version=False))
    return connection.execute(insert(_CODE).values(**row).returning(_CODE.code_id)).scalar_one()


def _next_revision(connection: Connection, row: dict[str, object]) -> int:
    taken: Sequence[int] = connection.scalars(
        select(_CODE.revision_version).where(
            _CODE.process_id == row["process_id"],
            _CODE.interface_version == row["interface_version"],
            _CODE.quality_version == row["quality_version"],
        )
    ).all()
    return max(taken) + 1
