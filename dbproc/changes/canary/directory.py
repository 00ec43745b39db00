"""The directory of a canary's sample in ``.dbproc``, with a lock that ends with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from dbproc.core.errors import BusyError, StorageError
from dbproc.core.events import Report
from dbproc.core.model import Mission
from dbproc.database.store import Store
from dbproc.run.rescue import put_back
from dbproc.storage.removal import remove_tree
from dbproc.storage.workspace import Workspace

_OF_REPORT = ("report.html", "pictures")


class Place:
    """The directory of one canary: jobs work in ``work``, their logs are in ``jobs``, and ``report.html`` stays."""

    def __init__(self, mission: Mission, canary_id: int) -> None:
        self.canary_id = canary_id
        self._mission = mission
        self.workspace = Workspace(mission.root, os.path.join("canary", str(canary_id)))
        self.path = self.workspace.path
        self.report = os.path.join(self.path, "report.html")
        self.pictures = os.path.join(self.path, "pictures")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock this canary against other commands; first end the jobs that a dead one left running.

        Raises
        ------
        BusyError
            Another command is at work on it.
        StorageError
            Its directory cannot be made.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
            descriptor = os.open(os.path.join(self.path, "lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"cannot write in {self.path}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(f"canary {self.canary_id} is being worked on; wait until that has ended") from None
            yield
        finally:
            os.close(descriptor)

    def clear(self, store: Store) -> None:
        """Clear the directory for a new sample."""
        self._give_back(store)
        for name in os.listdir(self.path):
            if name != "lock":
                remove_tree(os.path.join(self.path, name))
        self.workspace.prepare()
        os.makedirs(self.pictures)

    @property
    def is_tidy(self) -> bool:
        """Whether only the report is left."""
        return not os.path.isdir(self.path) or set(os.listdir(self.path)) <= set(_OF_REPORT)

    def tidy(self, store: Store) -> None:
        """Remove everything except the report."""
        if not os.path.isdir(self.path):
            return
        self._give_back(store)
        stays = _OF_REPORT if os.path.exists(self.report) else ()
        for name in os.listdir(self.path):
            if name not in stays:
                remove_tree(os.path.join(self.path, name))
        if not os.listdir(self.path):
            os.rmdir(self.path)

    def _give_back(self, store: Store) -> None:
        """Put back what dead jobs had moved into their directories.

        Raises
        ------
        StorageError
            Something cannot be put back; nothing was removed.
        """
        self.workspace.end_orphans()
        problems: list[str] = []
        report = Report(lambda line, wrong: problems.append(line) if wrong else None)
        _, is_disturbed = put_back(store, self._mission, self.workspace.leftovers(), [], report)
        if is_disturbed:
            raise StorageError(f"nothing of {self.path} is removed: {'; '.join(problems)}; see to it, and try again")
