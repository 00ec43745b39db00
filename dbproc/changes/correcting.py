"""What every correction of files does around itself: the lock, the repair of what a dead run left, the mission."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dbproc.core.errors import UserError
from dbproc.core.events import Report
from dbproc.core.model import KnownFile, Mission
from dbproc.core.states import Standing
from dbproc.database import directories, files, lock, root
from dbproc.database.definition.load import load_mission
from dbproc.database.files import FileRow
from dbproc.database.store import Store
from dbproc.run.recovery import recover_at_once
from dbproc.storage.workspace import Workspace

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Correcting:
    """A correction under way: nothing else changes the mission meanwhile; or only a look at one, of no run."""

    store: Store
    mission: Mission
    run_id: int | None


@contextmanager
def correcting(store: Store, purpose: str, *, only_look: bool) -> Iterator[Correcting]:
    """Keep runs away, and repair what a dead one left, before files are corrected; nothing of it for a look.

    Raises
    ------
    BusyError, LockError
        A run is live, and may be using the files; try again when it has ended.
    RepairError
        What a dead run left cannot be repaired.
    """
    if only_look:
        root.require(store)
        yield Correcting(store, _mission(store), None)
        return
    acquired = lock.acquire(store, purpose)
    comment = "ended by an exception"
    try:
        mission = _mission(store)
        workspace = Workspace(mission.root)
        workspace.prepare()
        recover_at_once(store, mission, workspace, acquired.run_id, Report())
        yield Correcting(store, mission, acquired.run_id)
        comment = "done"
    except UserError as error:
        comment = f"refused: {error}"
        raise
    finally:
        lock.release(store, acquired, comment)


def _mission(store: Store) -> Mission:
    with store.begin() as connection:
        return load_mission(connection)


def known(store: Store, rows: Sequence[FileRow]) -> list[KnownFile]:
    """Files with their members and states, in the order of their rows."""
    with store.begin() as connection:
        found = {file.file_id: file for file in files.known_by_number(connection, [row.file_id for row in rows])}
    return [found[row.file_id] for row in rows]


def require_there(ground: Correcting, some: Sequence[KnownFile]) -> None:
    """See that files which make way are where the catalogue has them, or gone by themselves.

    Raises
    ------
    UserError
        All of a directory is gone: its disk may not be mounted.
    """
    with ground.store.begin() as connection:
        trouble = directories.away(connection, ground.mission, some)
    if trouble is not None:
        raise UserError(f"{trouble}; nothing was changed")


def require_home(ground: Correcting, places: Collection[str]) -> None:
    """See that directories that files are to be put into have the files that should be there.

    Raises
    ------
    UserError
        None of them is: its disk may not be mounted.
    """
    with ground.store.begin() as connection:
        trouble = directories.away_places(connection, ground.mission, places)
    if trouble is not None:
        raise UserError(f"{trouble}; nothing was changed")


def require_some(rows: Sequence[FileRow], what: str) -> None:
    """See that files are meant at all; `what` is to be done with them.

    Raises
    ------
    UserError
        None is.
    """
    if not rows:
        raise UserError(f"nothing to {what}: no file is chosen; see what there is: dbproc files")


def refuse(rows: Sequence[FileRow], what: str, remedy: str) -> None:
    """Refuse files of which something is not so, if there are any.

    Raises
    ------
    UserError
        It names the first of them.
    """
    if rows:
        names = ", ".join(row.filename for row in rows[:_MOST_NAMED])
        more = f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
        raise UserError(f"{names}{more}: {what}; {remedy}")


def is_withdrawn(row: FileRow) -> bool:
    """Whether a file was withdrawn, by a person or with an input."""
    return row.standing in (Standing.WITHDRAWN, Standing.FOLLOWING)
