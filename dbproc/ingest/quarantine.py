"""Taking files out of quarantine: back through ingest, or away for good, by a person's order."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dbproc.core.errors import PlacementError, UserError
from dbproc.core.model import Move
from dbproc.core.states import Purpose
from dbproc.database import lock, quarantine
from dbproc.database import moves as placements
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store
from dbproc.storage import moves


@dataclass(frozen=True, slots=True)
class Settled:
    """An entry whose file left the quarantine, or would leave it."""

    quarantine_id: int  #: its number
    file: str | None  #: the path where the file is now, or was; null where nothing was done


def release(store: Store, quarantine_id: int, comment: str) -> str:
    """Put a file back into incoming under the name it came with; the next run takes it. Gives its path.

    UserError when it has left the quarantine, is missing, or incoming has a file of its name; BusyError and LockError
    while a run is live.
    """
    with lock.holding(store, f"quarantine entry {quarantine_id} released"):
        row, source, target = _releasable(store, quarantine_id)
        with store.begin() as connection:
            move = Move(Purpose.QUARANTINE, source, target, row.shasum or "", placements.members_of(row.members))
            placements.announce(connection, [move])
        try:
            moves.move(move)
        except PlacementError as error:
            with store.begin() as connection:
                placements.withdraw(connection, [move])
            raise UserError(f"{error}; entry {quarantine_id} stays in quarantine") from error
        with store.begin() as connection:
            quarantine.close_entry(connection, quarantine_id, discarded=False, comment=comment)
            placements.withdraw(connection, [move])
    return target


def require_releasable(store: Store, quarantine_id: int) -> None:
    """See that a file could be put back into incoming now; UserError as :func:`release`."""
    _releasable(store, quarantine_id)


def _releasable(store: Store, quarantine_id: int) -> tuple[quarantine.QuarantineRow, str, str]:
    """The entry, where its file is, and where it would go."""
    row, source = present(store, quarantine_id)
    with store.begin() as connection:
        target = os.path.join(load_mission(connection).incoming, row.filename)
    if os.path.lexists(target):
        raise UserError(f"{target} exists; let a run take it first, then release entry {quarantine_id}")
    return row, source, target


def discard(store: Store, quarantine_id: int, comment: str) -> str:
    """Delete a file from quarantine; its entry stays, with the comment. Gives the path that is gone."""
    with lock.holding(store, f"quarantine entry {quarantine_id} discarded"):
        row, source = present(store, quarantine_id)
        with store.begin() as connection:
            quarantine.close_entry(connection, quarantine_id, discarded=True, comment=comment)
        remove_file(row, source)
    return source


def remove_file(row: quarantine.QuarantineRow, path: str) -> None:
    """Remove the file of an entry, if it is there.

    Raises
    ------
    UserError
        It cannot be removed.
    """
    try:
        moves.remove(path, placements.members_of(row.members))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path} of entry {row.quarantine_id} cannot be removed: {error.strerror or error}") from error


def present(store: Store, quarantine_id: int) -> tuple[quarantine.QuarantineRow, str]:
    """The entry and where its file is."""
    with store.begin() as connection:
        row = quarantine.entry(connection, quarantine_id)
        directory = load_mission(connection).quarantine
    ended = "released" if row.released_time else "discarded" if row.discarded_time else None
    if ended:
        raise UserError(f"entry {quarantine_id} ({row.filename}) was {ended} already")
    path = os.path.join(directory, row.stored_name)
    if not os.path.lexists(path):
        raise UserError(f"the file of entry {quarantine_id} is missing: {path}; see: dbproc check")
    return row, path
