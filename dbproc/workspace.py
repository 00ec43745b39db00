"""The mission's private directory ``.dbproc`` below its root: where jobs run, their logs, the daily log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dbproc import access
from dbproc.bundle import PARTIAL
from dbproc.errors import StorageError
from dbproc.moves import remove_tree
from dbproc.placement import PRIVATE

if TYPE_CHECKING:
    from psutil import Process

NAME = PRIVATE

JOB_MARK = "DBPROC_JOB"
"""Names a job's directory in its environment, so that what it started is known when its run is no more."""

INPUT_LIST = ".dbproc-inputs"
"""The file in a job's directory that lists its inputs, for a code with ``inputs_by = "file"``: none of its outputs."""


class Workspace:
    """Paths of the private directory; it is on the filesystem of the root, so that outputs are moved by a rename.

    `place` is a directory in it that has jobs of its own.
    """

    def __init__(self, root: str, place: str = "") -> None:
        self.path = os.path.normpath(os.path.join(root, NAME, place))
        self.work = os.path.join(self.path, "work")
        self.job_logs = os.path.join(self.path, "jobs")
        self.logs = os.path.join(self.path, "logs")
        self.codes = os.path.join(self.path, "codes")

    def prepare(self) -> None:
        """Make the directories."""
        for path in (self.path, self.work, self.job_logs, self.logs):
            try:
                access.make_directories(path)
                access.give(path)
            except OSError as error:
                raise StorageError(f"cannot make {path}: {error.strerror}; every run writes there") from error

    def job_directory(self, name: str) -> str:
        """Where the job of this name runs."""
        return os.path.join(self.work, name)

    def job_log(self, name: str) -> str:
        """Where the job of this name writes what it prints."""
        return os.path.join(self.job_logs, f"{name}.log")

    def leftovers(self) -> list[str]:
        """The directories of jobs of runs that are no more, and copies of codes that were not finished."""
        copies = (path for path in _paths_in(self.codes) if path.endswith(PARTIAL))
        return sorted([*_paths_in(self.work), *copies])

    def sweep(self) -> int:
        """End what still runs for dead runs, and remove its directories; how many there were."""
        leftovers = self.leftovers()
        if leftovers:
            self.end_orphans()
        for path in leftovers:
            remove_tree(path)
        return len(leftovers)

    def end_orphans(self) -> None:
        """End every process that a job started and that is still there: no job is running."""
        for process in list(self._orphans()):
            _end(process)

    def _orphans(self) -> Iterator[Process]:
        """Processes of dead runs: those that run in one of our directories, or carry its name in the environment."""
        import psutil

        inside = str(Path(self.work).resolve()) + os.sep
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and _is_inside(process, (inside, self.work + os.sep)):
                    yield process
            except psutil.Error:
                continue


def _paths_in(directory: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(directory)]
    except FileNotFoundError:
        return []


def _end(process: Process) -> None:
    import psutil

    try:
        process.kill()
        process.wait(timeout=10)
    except psutil.Error:
        return


def _is_inside(process: Process, directories: tuple[str, ...]) -> bool:
    places: list[str] = [process.cwd(), process.environ().get(JOB_MARK, "")]
    return any(place.startswith(directories) for place in places)
