"""The disks that a mission writes to: what is free, and when they will be full."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from dbproc.core.model import Mission
from dbproc.database import activity
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store, Transaction
from dbproc.storage.disk import Room, room

_RECENT = dt.timedelta(days=30)
_DAY = dt.timedelta(days=1)
_GIB = 1 << 30
_ROOT = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """A disk that a mission writes to."""

    area: str  #: what of the mission lies on it: ``root``, ``incoming``, ``database``, or ``area`` and its name
    free: int  #: bytes that are free
    size: int  #: bytes that it has
    reserve: int  #: bytes that are to stay free
    bytes_per_day: int | None = None  #: bytes by which the mission's files on it grow a day; null: that is not known
    full: dt.datetime | None = None  #: when no more than the reserve is free at that pace; null: that is not known

    @property
    def is_short(self) -> bool:
        """Whether less is free than is to stay free."""
        return self.free < self.reserve


def disk_spaces(store: Store) -> tuple[DiskSpace, ...]:
    """Each disk that a mission writes to, with when it will be full at the pace of the last month."""
    with store.begin() as connection:
        return forecast(connection, store)


def forecast(connection: Transaction, store: Store) -> tuple[DiskSpace, ...]:
    """The same within a transaction."""
    now = dt.datetime.now(dt.UTC)
    pace = daily(*activity.grown(connection, now - _RECENT), now)
    return tuple(_foreseen(each, pace, now) for each in disks(load_mission(connection), store))


def disks(mission: Mission, store: Store) -> list[DiskSpace]:
    """Each disk as it is now, by the first thing that lies on it; the database is not asked."""
    reserve = int(mission.service.reserve * _GIB)
    return [
        DiskSpace(area=area, free=found.free, size=found.size, reserve=reserve)
        for area, found in _distinct(mission, store)
    ]


def daily(grown: int, since: dt.datetime | None, now: dt.datetime) -> float | None:
    """Bytes a day, of what came since a time; None where that is too short a time to tell."""
    return None if since is None or now - since < _DAY else grown / ((now - since) / _DAY)


def full_at(free: int, reserve: int, pace: float | None, now: dt.datetime) -> dt.datetime | None:
    """When no more than the reserve is free at a pace, bytes a day; None where that is not known, or never comes."""
    if not pace:
        return None
    try:
        return now + max(free - reserve, 0) / pace * _DAY
    except OverflowError:
        return None


def _foreseen(space: DiskSpace, pace: float | None, now: dt.datetime) -> DiskSpace:
    """With when it is full, where the files of products lie on it."""
    if space.area != _ROOT or pace is None:
        return space
    return replace(space, bytes_per_day=round(pace), full=full_at(space.free, space.reserve, pace, now))


def _distinct(mission: Mission, store: Store) -> Iterator[tuple[str, Room]]:
    """Of what lies on one disk the first."""
    seen: set[int] = set()
    for area, path in _places(mission, store):
        with suppress(OSError):  # it is not there, as check and readyz say
            found = room(path)
            if found.device not in seen:
                seen.add(found.device)
                yield area, found


def _places(mission: Mission, store: Store) -> Iterator[tuple[str, str]]:
    yield _ROOT, mission.root
    yield "incoming", mission.incoming
    if store.file is not None:
        yield "database", os.path.dirname(os.path.abspath(store.file))
    for area in mission.areas:
        yield f"area {area.name}", area.directory
