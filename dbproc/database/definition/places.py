"""What is recorded of sources, stores and areas: as long as there is something, they cannot simply be removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Select, func, select

from dbproc.core.places import Recorded
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
