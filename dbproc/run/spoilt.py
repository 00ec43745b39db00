"""Files whose bytes here are gone or others, and that a store keeps: they count as offloaded until they come back."""

from __future__ import annotations

from collections.abc import Sequence

from dbproc.core.copies import counting
from dbproc.core.errors import PlacementError, StorageError
from dbproc.core.events import Event, Report
from dbproc.core.model import KnownFile, Mission
from dbproc.core.states import Standing
from dbproc.database import directories, files, queue, replication
from dbproc.database import moves as placements
from dbproc.database.store import Store, Transaction
from dbproc.run.inputs import spoilt
from dbproc.run.recall import foreseen
from dbproc.run.withdrawal import moved
from dbproc.storage.aside import move_aside

_BACK = "in stores"
"""Why a file is queued that was gone, and is found to be in a store."""


def leave_to_stores(store: Store, mission: Mission, file_ids: Sequence[int], report: Report) -> set[int]:
    """Those of some files that count as offloaded from now on: what is in their places goes aside."""
    with store.begin() as connection:
        rows = files.files_numbered(connection, file_ids)
    here = [row.file_id for row in rows if row.standing is Standing.IN_PLACE]
    lost = [row.file_id for row in rows if row.standing is Standing.LOST]
    doubtful = [*spoilt(store, mission, here), *lost]
    if not doubtful:
        return set()
    with store.begin() as connection:
        good = kept(connection, mission, doubtful)
        known = files.known_by_number(connection, sorted(good))
        if directories.away(connection, mission, known) is not None:
            return set()  # its disk may not be mounted
    return {file.file_id for file in known if _is_left(store, mission, file, report)}


def to_recall(store: Store, mission: Mission, file_ids: Sequence[int]) -> set[int]:
    """Those of some files that a job would have to wait for, and that a store has; changes nothing."""
    if not mission.stores:
        return set()
    with store.begin() as connection:
        rows = files.files_numbered(connection, file_ids)
    away = [row.file_id for row in rows if row.standing is Standing.OFFLOADED]
    here = [row.file_id for row in rows if row.standing is Standing.IN_PLACE]
    bad = spoilt(store, mission, here)
    with store.begin() as connection:
        _, nowhere = foreseen(connection, mission, away)
        return (set(away) - nowhere) | kept(connection, mission, bad)


def kept(connection: Transaction, mission: Mission, file_ids: Sequence[int]) -> set[int]:
    """Those of some files of which a store whose copies count has a verified one."""
    return replication.kept_elsewhere(connection, file_ids, [store.name for store in counting(mission.stores)])


def _is_left(store: Store, mission: Mission, file: KnownFile, report: Report) -> bool:
    """Move what is in the place of a file aside, and have it count as offloaded."""
    move = move_aside(mission, file)
    wanted = [] if move is None else [move]
    try:
        with moved(store, wanted), store.begin() as connection:
            replication.set_offloaded(connection, [file.file_id])
            if file.standing is Standing.LOST:
                queue.push(connection, [file.file_id], _BACK)
            placements.withdraw(connection, wanted)
    except (PlacementError, StorageError) as error:
        report.add(Event.PROBLEM, file.filename, f"its place is not free for a good copy: {error}")
        return False
    what = "is gone from disk" if move is None else f"had other bytes, which are now {move.target}"
    report.add(Event.NOTE, file.filename, f"{what}; it counts as offloaded, for a store has a verified copy")
    return True
