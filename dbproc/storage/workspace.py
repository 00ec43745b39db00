"""The mission's private directory ``.dbproc`` below its root: where jobs run, their logs, the daily log."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dbproc.core.errors import StorageError
from dbproc.storage import permissions
from dbproc.storage.bundle import PARTIAL
from dbproc.storage.layout import PRIVATE
from dbproc.storage.removal import remove_tree
from dbproc.system import processes

_ORPHANS_SECONDS = 1.0

INPUT_LIST = ".dbproc-inputs"
"""The file in a job's directory that lists its inputs, for a code with ``inputs_by = "file"``: none of its outputs."""


class Workspace:
    """Paths of the private directory; it is on the filesystem of the root, so that outputs are moved by a rename.

    `place` is a directory in it that has jobs of its own.
    """

    def __init__(self, root: str, place: str = "") -> None:
        self.path = os.path.normpath(os.path.join(root, PRIVATE, place))
        self.work = os.path.join(self.path, "work")
        self.job_logs = os.path.join(self.path, "jobs")
        self.kept_logs = os.path.join(self.path, "kept-logs")
        self.logs = os.path.join(self.path, "logs")
        self.codes = os.path.join(self.path, "codes")
        self.releases = os.path.join(self.path, "releases")
        self._stays = os.path.join(self.path, "unremovable")

    def prepare(self) -> None:
        """Make the directories."""
        for path in (self.path, self.work, self.job_logs, self.logs):
            try:
                permissions.make_directories(path)
                permissions.give(path)
            except OSError as error:
                raise StorageError(f"cannot make {path}: {error.strerror}; every run writes there") from error

    def job_directory(self, name: str) -> str:
        """Where the job of this name runs."""
        return os.path.join(self.work, name)

    def job_log(self, name: str) -> str:
        """Where the job of this name writes what it prints."""
        return os.path.join(self.job_logs, f"{name}.log")

    def kept_log(self, log: str, ended: dt.datetime) -> str:
        """Where the log of a job that succeeded is kept: by the day on which that ended."""
        return os.path.join(self.kept_logs, f"{ended:%Y-%m-%d}", os.path.basename(log))

    def keep_log(self, log: str, kept: str) -> None:
        """Move a log to where it is kept; where that cannot be, it is gone."""
        try:
            permissions.make_directories(os.path.dirname(kept))
            os.rename(log, kept)
        except OSError:
            with suppress(OSError):
                os.unlink(log)

    def manifest(self, release: str) -> str:
        """Where the manifest of a release of data is."""
        return os.path.join(self.releases, f"{release}.jsonl")

    def drop_logs(self, before: dt.date) -> None:
        """Remove the kept logs of the days before one; what cannot be removed is tried again by the next run."""
        for path in _paths_in(self.kept_logs):
            if os.path.basename(path) < before.isoformat():
                remove_tree(path)

    def leftovers(self) -> list[str]:
        """The directories of jobs of dead runs, and unfinished copies of codes; but for what
        could not be removed, and was named."""
        found = self._found()
        return sorted(found.difference(self._given_up()) if found else found)

    def sweep(self) -> list[str]:
        """End what still runs for dead runs, and remove its directories; gives a sentence about each thing that stays,
        the first time."""
        leftovers = self.leftovers()
        return [*self.end_orphans(), *self.give_up(leftovers)] if leftovers else []

    def give_up(self, paths: Iterable[str]) -> list[str]:
        """Name those of the directories that cannot be removed, once: they do not count as left over any more."""
        reasons = {path: remove_tree(path) for path in paths if os.path.lexists(path)}
        stay = {path: reason for path, reason in reasons.items() if reason is not None}
        if stay:
            self._remember(stay)
        advice = "it stays, and is not named again; to see what is left: dbproc check"
        return [f"{path} cannot be removed ({reason}); {advice}" for path, reason in stay.items()]

    def given_up(self) -> list[str]:
        """What could not be removed, and is still there."""
        return sorted(path for path in self._given_up() if os.path.lexists(path))

    def try_again(self) -> None:
        """Remove what could not be removed before, where that can be done by now; nothing is said of what stays."""
        given_up = self._given_up()
        if not given_up:
            return
        stay = [path for path in given_up & self._found() if remove_tree(path) is not None]
        if not stay:
            with suppress(OSError):
                os.unlink(self._stays)

    def _found(self) -> set[str]:
        """All that can be left over; nothing else is ever removed, even if it is listed."""
        return {*_paths_in(self.work), *(path for path in _paths_in(self.codes) if path.endswith(PARTIAL))}

    def _given_up(self) -> set[str]:
        try:
            with open(self._stays, encoding="utf-8", errors="surrogateescape") as lines:
                return {os.path.join(self.path, line.rstrip("\n")) for line in lines}
        except OSError:
            return set()

    def _remember(self, paths: Iterable[str]) -> None:
        new = sorted(set(paths) - self._given_up())
        with suppress(OSError), open(self._stays, "a", encoding="utf-8", errors="surrogateescape") as lines:
            lines.writelines(f"{os.path.relpath(path, self.path)}\n" for path in new)

    def end_orphans(self) -> list[str]:
        """End every process that a job started and that is still there: no job is running.

        They bear the mark in their environment; a process that merely has its working directory there is not ours.
        Gives a sentence about those that cannot be ended.
        """
        inside = tuple({str(Path(self.work).resolve()) + os.sep, self.work + os.sep})
        left = processes.end_all(lambda: processes.marked(lambda mark: mark.startswith(inside)), _ORPHANS_SECONDS)
        return [
            f"{process}, which a job left, cannot be ended: it waits for a disk, or is not ours" for process in left
        ]


def _paths_in(directory: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(directory)]
    except OSError:
        return []
