"""What is recorded of sources, stores and areas: it hinders that they are removed, and goes along with new names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Select, delete, func, select, update

from dbproc.core.places import Recorded, renamed
from dbproc.core.spec import MissionSpec
from dbproc.core.states import ReplicaState, StageState
from dbproc.core.transfers import OPEN
from dbproc.database import schema

_THERE = (ReplicaState.VERIFIED, ReplicaState.UNVERIFIED)


def recorded_places(connection: Connection) -> Recorded:
    """Open transfers, copies and placed files, by the names of their places."""
    replica, stage, stagefile = schema.replica, schema.stage, schema.stagefile
    placed = (
        select(stage.c.area, func.count())
        .join(stagefile, stagefile.c.stage_id == stage.c.stage_id)
        .where(stagefile.c.state == StageState.PLACED)
        .group_by(stage.c.area)
    )
    return Recorded(
        transfers=_open_transfers(connection),
        copies=_counted(connection, select(replica.c.store, func.count()).group_by(replica.c.store)),
        kept_in=_kept_in(connection),
        placed=_counted(connection, placed),
    )


def _counted(connection: Connection, query: Select[*tuple[Any, ...]]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def _open_transfers(connection: Connection) -> Mapping[str, int]:
    columns: tuple[Column[str], ...] = (schema.transfer.c.origin_place, schema.transfer.c.target_place)
    found: Counter[str] = Counter()
    for place in columns:
        is_open = schema.transfer.c.state.in_(OPEN)
        found.update(_counted(connection, select(place, func.count()).where(is_open).group_by(place)))
    return found


def _kept_in(connection: Connection) -> dict[frozenset[str], int]:
    """How many offloaded files there are, by the set of the stores that have them with all of their members."""
    file, replica = schema.file, schema.replica
    copies = (
        select(replica.c.file_id, replica.c.member, replica.c.store)
        .join(file, file.c.file_id == replica.c.file_id)
        .where(file.c.offloaded_time.is_not(None), replica.c.state.in_(_THERE))
    )
    members: dict[int, dict[str, set[str]]] = {}
    for file_id, member, store in connection.execute(copies):
        members.setdefault(file_id, {}).setdefault(member, set()).add(store)
    return dict(Counter(frozenset(set.intersection(*each.values())) for each in members.values()))


def rename_places(connection: Connection, old: MissionSpec, new: MissionSpec) -> None:
    """Take what is recorded of sources, stores and areas along with their new names."""
    for name, former in renamed(old.sources, new.sources).items():
        for table in (schema.remotefile, schema.remotelook):
            connection.execute(delete(table).where(table.c.source == name))  # of a former source of this name
            _rename(connection, table.c.source, former, name)
        _rename(connection, schema.transfer.c.rule, f"source {former}", f"source {name}")
        _rename_in_transfers(connection, f"source {former}", f"source {name}")
    for name, former in renamed(old.stores, new.stores).items():
        _rename(connection, schema.replica.c.store, former, name)
        _rename(connection, schema.stagefile.c.origin_place, f"store {former}", f"store {name}")
        _rename_in_transfers(connection, f"store {former}", f"store {name}")
    for name, former in renamed(old.areas, new.areas).items():
        _rename(connection, schema.stage.c.area, former, name)
        _rename_in_transfers(connection, f"area {former}", f"area {name}")


def _rename_in_transfers(connection: Connection, former: str, name: str) -> None:
    for column in (schema.transfer.c.origin_place, schema.transfer.c.target_place):
        _rename(connection, column, former, name)


def _rename(connection: Connection, column: Column[Any], former: str, name: str) -> None:
    connection.execute(update(column.table).where(column == former).values({column: name}))
