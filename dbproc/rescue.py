"""Files of the catalogue that a code moved into its own directory: they are put back before that is removed.

No code may change its inputs, and some do: ``mv "$1" "$2"``, ``mv "$1" "$1.done"``. Such a job has failed, and what it
moved is put back when it still has its bytes; when it has not, the job's directory is kept in quarantine as it is.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from dbproc import moves, placement
from dbproc.catalogue import files, placements, quarantine
from dbproc.catalogue.files import Part
from dbproc.digest import algorithm_of, digest_file
from dbproc.errors import PlacementError
from dbproc.model import Mission, Move
from dbproc.removal import open_up
from dbproc.report import Event, Report
from dbproc.store import Store
from dbproc.triage import storable


def put_back(
    store: Store,
    mission: Mission,
    directories: Sequence[str],
    inputs: Sequence[int],
    report: Report,
    stats: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """Put back what lies in directories of jobs and is missing from its place.

    Parameters
    ----------
    store, mission
        The mission.
    directories
        Those of the jobs.
    inputs
        The numbers of the files that the jobs read.
    report
        Told what is put back.
    stats
        Paths, and what the system said of them before the jobs began (:class:`dbproc.inputs.Inputs`): under another
        name they are found beside their places, too.

    Returns
    -------
    list of str
        The paths of inputs that are still missing.
    """
    by_size = _files_by_size(directories)
    with store.begin() as connection:
        of_jobs = list(files.parts_of(connection, inputs))
        alike = list(files.parts_of_sizes(connection, list(by_size))) if by_size else []
    missing = {_home(mission, part): part for part in (*of_jobs, *alike)}
    missing = {path: part for path, part in missing.items() if not os.path.lexists(path)}
    beside = {path: _beside(path, stat) for path, stat in stats if path in missing}
    found = {path: [*by_size[part.size], *beside.get(path, ())] for path, part in missing.items()}
    back = {path for path, part in missing.items() if _is_put_back(path, part, found[path], report)}
    return sorted({_home(mission, part) for part in of_jobs} & (missing.keys() - back))


def keep_aside(
    store: Store, mission: Mission, directory: str, lost: Sequence[str], run_id: int, report: Report
) -> None:
    """Move the directory of a job, as it is, to quarantine: inputs are missing that it may hold with other bytes."""
    name = os.path.basename(directory)
    move = Move("quarantine", directory, placement.set_aside_path(mission.quarantine, f"job-{name}"))
    message = (
        f"the directory of a job that moved or removed its input {', '.join(lost)}; it may hold what is left of it"
    )
    with store.begin() as connection:
        placements.announce(connection, [move])
    try:
        moves.move(move)
    except PlacementError as error:
        report.add(Event.PROBLEM, name, str(error))
        return
    entry = quarantine.Entry(
        filename=storable(name),
        stored_name=os.path.basename(move.target),
        came_from=storable(directory),
        reason="input_missing",
        message=storable(message),
    )
    with store.begin() as connection:
        quarantine.insert_entries(connection, run_id, [entry])
        placements.withdraw(connection, [move])
    report.add(Event.QUARANTINED, name, message, reason=entry.reason)


def holds_files(directory: str) -> bool:
    """Whether there is anything in the directory of a job that could be of use."""
    return bool(_files_by_size([directory]))


def _home(mission: Mission, part: Part) -> str:
    return os.path.join(mission.root, part.path)


def _is_put_back(path: str, part: Part, candidates: Sequence[str], report: Report) -> bool:
    for candidate in candidates:
        try:
            if os.path.lexists(candidate) and digest_file(candidate, algorithm_of(part.digest)) == part.digest:
                moves.put(candidate, path)
                report.add(Event.NOTE, os.path.basename(path), "a code had moved it; it is put back")
                return True
        except OSError as error:
            report.add(Event.PROBLEM, path, f"cannot be put back from {candidate}: {error.strerror or error}")
    return False


def _beside(path: str, stat_text: str) -> list[str]:
    """The file beside a place that has the inode of what was there."""
    inode = stat_text.rpartition(":")[2]
    try:
        with os.scandir(os.path.dirname(path)) as entries:
            return [entry.path for entry in entries if str(entry.inode()) == inode]
    except OSError:
        return []


def _files_by_size(directories: Iterable[str]) -> dict[int, list[str]]:
    """The regular files below some directories."""
    found: dict[int, list[str]] = defaultdict(list)
    for directory in directories:
        for path in _files_below(directory):
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                found[status.st_size].append(path)
    return found


def _files_below(directory: str) -> Iterator[str]:
    """Everything below the directory of a job that is not a directory; what may not be looked into is opened up."""
    open_up(directory)
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(entry.path)
        else:
            yield entry.path
