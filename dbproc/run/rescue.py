"""Put back files of the catalogue that a code moved, before its directory is removed.

No code may change its inputs, and some do: ``mv "$1" "$2"``, ``mv "$1" "$1.done"``, ``mv "$1" old; sed … old > "$1"``.
Such a job has failed. A moved file is put back if it still has its bytes, even when its place was taken;
otherwise the job's directory is kept unchanged in quarantine.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbproc.core.errors import PlacementError, StorageError
from dbproc.core.events import Event, Report
from dbproc.core.model import Mission, Move
from dbproc.core.states import Purpose, RefusalReason
from dbproc.core.text import storable
from dbproc.database import files, log, quarantine, queue
from dbproc.database import moves as placements
from dbproc.database.files import Part
from dbproc.database.store import Store
from dbproc.run.inputs import Inputs, Sight, changed_since, is_as_before
from dbproc.storage import layout, moves, permissions
from dbproc.storage.digest import algorithm_of, digest_file, state_of
from dbproc.storage.removal import open_up

_TICK = 0.02
"""Seconds by which the clock of a filesystem may be behind."""

KEPT = "kept"
"""The directory in ``.dbproc`` for what could not be moved to quarantine."""


@dataclass(frozen=True, slots=True)
class Found:
    """The harm of a job to files of the catalogue, in words, or None.

    `lost` are the inputs that were not put back; with `is_kept` its directory must not be removed.
    """

    changed: str | None = None
    lost: tuple[str, ...] = ()
    is_kept: bool = False


def after_job(
    store: Store, mission: Mission, inputs: Inputs, directory: str, started: dt.datetime, report: Report
) -> Found:
    """Check a job's inputs, and put back what it moved: inputs or other files of the catalogue.

    Parameters
    ----------
    store, mission
        The mission.
    inputs
        The job's inputs as they were before.
    directory, started
        The job's directory and start time: older files in it were not made by it.
    report
        Told what is put back.
    """
    changed = changed_since(inputs)
    if changed is None and not _holds_older(directory, started):
        return Found()
    loose = [] if changed is None else _loose_beside(directory)
    before = {sight.path: sight for sight in inputs.sights}
    parts = [sight.part for sight in inputs.sights]
    lost, is_disturbed = put_back(store, mission, [directory, *loose], parts, report, before)
    is_kept = is_disturbed or bool(lost and holds_files(directory)) or _holds_any_of(directory, inputs)
    return Found(changed, tuple(lost), is_kept)


def put_back(
    store: Store,
    mission: Mission,
    places: Sequence[str],
    inputs: Sequence[Part],
    report: Report,
    before: Mapping[str, Sight] | None = None,
) -> tuple[list[str], bool]:
    """Put back misplaced files of the catalogue from directories of jobs, or from single files beside them.

    Parameters
    ----------
    store, mission
        The mission.
    places
        The directories of the jobs, and files that lie beside them.
    inputs
        What the jobs read.
    report
        Told what is put back.
    before
        The inputs by path, as they were before the jobs.

    Returns
    -------
    lost : list of str
        The paths of inputs that are gone.
    is_disturbed : bool
        Whether a job's directory now holds something that had taken an input's place.
    """
    by_size = _files_by_size(places)
    with store.begin() as connection:
        alike = list(files.parts_of_sizes(connection, list(by_size))) if by_size else []
    rescue = _Rescue(store, mission, places, report, before or {})
    lost = [path for part in inputs if (path := rescue.bring(part, by_size, is_input=True))]
    known = {(part.file_id, part.member) for part in inputs}
    for part in alike:
        if (part.file_id, part.member) not in known:
            rescue.bring(part, by_size, is_input=False)
    return sorted(lost), rescue.is_disturbed


def keep_aside(
    store: Store, mission: Mission, path: str, lost: Sequence[str], run_id: int | None, report: Report
) -> str:
    """Move a job's directory, or a file of it, unchanged to quarantine: it may hold the rest of an input.

    Returns its new place: where quarantine cannot take it, in ``.dbproc``.
    """
    name = os.path.basename(path)
    of_what = ", ".join(lost) or "an input"
    message = f"of a job that moved, changed or removed {of_what}: it holds what the job made of it, or left"
    move = Move(Purpose.QUARANTINE, path, layout.set_aside_path(mission.quarantine, f"job-{name}"))
    with store.begin() as connection:
        placements.announce(connection, [move])
    try:
        moves.move(move)
    except PlacementError as error:
        with store.begin() as connection:
            placements.withdraw(connection, [move])
        kept = keep_here(mission, path)
        report.add(Event.PROBLEM, name, f"{message}; {error}; it is now {kept}")
        return kept
    entry = quarantine.Entry(
        filename=storable(name),
        stored_name=os.path.basename(move.target),
        came_from=storable(path),
        reason=RefusalReason.INPUT_MISSING,
        message=storable(message),
    )
    with store.begin() as connection:
        quarantine.insert_entries(connection, run_id, [entry])
        placements.withdraw(connection, [move])
    text = f"{message} (now {entry.stored_name} in {mission.quarantine})"
    report.add(Event.QUARANTINED, name, text, reason=entry.reason)
    return move.target


def keep_here(mission: Mission, path: str) -> str:
    """Move a job's directory out of the way, on its own filesystem; return its new place.

    Raises
    ------
    StorageError
        It cannot be moved, and going on would remove it: the attempt stays open for the next run.
    """
    directory = os.path.join(mission.root, layout.PRIVATE, KEPT)
    target = layout.set_aside_path(directory, f"job-{os.path.basename(path)}")
    try:
        permissions.make_directories(directory)
        os.rename(path, target)
    except OSError as error:
        raise StorageError(
            f"{path} may hold what is left of an input, and cannot be moved to {target}: {error.strerror}; it stays "
            "where it is, and nothing is done before it is out of the way: see to the disk, and to who may write there"
        ) from error
    return target


def holds_files(path: str) -> bool:
    """Whether a job's directory holds any file."""
    return bool(_files_by_size([path]))


class _Rescue:
    """Restores files after some jobs."""

    def __init__(
        self, store: Store, mission: Mission, places: Sequence[str], report: Report, before: Mapping[str, Sight]
    ) -> None:
        self._store = store
        self._mission = mission
        self._places = [os.path.realpath(place) for place in places]
        self._report = report
        self._before = before
        self.is_disturbed = False

    def bring(self, part: Part, by_size: Mapping[int, Sequence[str]], *, is_input: bool) -> str | None:
        """Bring a misplaced file back; return its path when it is gone for good."""
        path = os.path.join(self._mission.root, part.path)
        if self._is_there(part, path, is_input=is_input):
            return None
        for candidate in (*by_size.get(part.size or 0, ()), *(self._beside(part, path) if is_input else ())):
            if _has_digest(candidate, part.digest) and self._is_brought(candidate, path, part):
                return None
        return path if is_input and not os.path.exists(path) else None

    def _is_there(self, part: Part, path: str, *, is_input: bool) -> bool:
        """Whether a file is at its place, or belongs in stores alone; for inputs, also unchanged."""
        sight = self._before.get(path)
        if sight is not None:
            return is_as_before(sight)
        if part.is_offloaded:
            return True
        if not os.path.lexists(path):
            return False
        if self._is_ours(os.path.realpath(path)):
            return False
        return not is_input or (os.path.isfile(path) and _is_recorded(path, part))

    def _is_brought(self, candidate: str, path: str, part: Part) -> bool:
        try:
            self._make_room(path)
            moves.put(candidate, path)
        except (OSError, PlacementError) as error:
            self._report.add(Event.PROBLEM, path, f"cannot be put back from {candidate}: {error}")
            self.is_disturbed = True
            return False
        self._report.add(Event.NOTE, os.path.basename(path), "a code had moved it; it is put back")
        if not part.exists and not self._store.read_only:
            with self._store.begin() as connection:
                files.set_existing(connection, [part.file_id], exists=True)
                log.note_files(connection, log.BACK, [part.file_id])
                queue.push(connection, [part.file_id], "restored")
        return True

    def _make_room(self, path: str) -> None:
        """Remove what has taken a place: links into directories of jobs, and what a job put there."""
        place = self._mission.root
        for name in os.path.relpath(path, place).split(os.sep):
            place = os.path.join(place, name)
            if os.path.islink(place) and self._is_ours(os.path.realpath(place)):
                os.unlink(place)
        if os.path.islink(path):
            os.unlink(path)
        elif os.path.lexists(path):
            self.is_disturbed = True
            away = next(place for place in self._places if os.path.isdir(place))
            os.rename(path, layout.set_aside_path(away, os.path.basename(path)))

    def _is_ours(self, real: str) -> bool:
        return any(real == place or real.startswith(place + os.sep) for place in self._places)

    def _beside(self, part: Part, path: str) -> list[str]:
        """The files beside a place that it may have been renamed to: of its size, and not of the catalogue."""
        found = []
        try:
            with os.scandir(os.path.dirname(path)) as entries:
                found = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError:
            return []
        names = [entry.name for entry in found if entry.path != path and entry.stat().st_size == part.size]
        with self._store.begin() as connection:
            known = files.known_by_name(connection, [storable(name) for name in names])
        return [os.path.join(os.path.dirname(path), name) for name in names if name not in known]


def _is_recorded(path: str, part: Part) -> bool:
    try:
        return state_of(os.stat(path)) == part.state or _has_digest(path, part.digest)
    except OSError:
        return False


def _has_digest(path: str, digest: str) -> bool:
    try:
        return os.path.lexists(path) and digest_file(path, algorithm_of(digest)) == digest
    except OSError:
        return False


def _holds_older(directory: str, started: dt.datetime) -> bool:
    """Whether a job's directory holds a file older than the job."""
    moment = started.timestamp() - _TICK
    return any(stat.S_ISREG(status.st_mode) and status.st_mtime < moment for _, status in _seen_below(directory))


def _holds_any_of(directory: str, inputs: Inputs) -> bool:
    """Whether a job's directory holds one of the inputs with changed bytes."""
    numbers = {tuple(sight.identity.split(":")[1:3]) for sight in inputs.sights if not is_as_before(sight)}
    return any((str(status.st_dev), str(status.st_ino)) in numbers for _, status in _seen_below(directory))


def _loose_beside(directory: str) -> list[str]:
    """Files beside the directories and logs of jobs, which no job should have put there."""
    work = os.path.dirname(directory)
    logs = os.path.join(os.path.dirname(work), "jobs")
    return [path for place in (work, logs) for path in _entries(place) if not path.endswith(".log") and _is_file(path)]


def _files_by_size(places: Iterable[str]) -> dict[int, list[str]]:
    """The regular files among and below some paths, by size."""
    found: dict[int, list[str]] = defaultdict(list)
    for place in places:
        for path, status in _seen_below(place):
            if stat.S_ISREG(status.st_mode):
                found[status.st_size].append(path)
    return found


def _seen_below(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """All files below a directory, or the file itself; links are not followed."""
    try:
        status = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        yield path, status
        return
    open_up(path)  # what a job may have locked
    for entry in _entries(path):
        yield from _seen_below(entry)


def _entries(directory: str) -> list[str]:
    try:
        return sorted(entry.path for entry in os.scandir(directory))
    except OSError:
        return []


def _is_file(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)
