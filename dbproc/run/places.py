"""Directories of files that changed since all that should be in them was last seen there.

A file that vanishes changes its directory. So a run with nothing to do costs one look at each directory, not at each
file, and reads those through that changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.model import Mission
from dbproc.database import directories
from dbproc.database.store import Store
from dbproc.storage.absence import is_another, state_of_directory

_SETTLED_NS = 2 * 10**9  # what changed just now may change again within a tick of the clock of its disk


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that files of the catalogue should be in; its path is relative to the root.

    `state`: what the system says of it, nothing when it is not there; `before`: what it said when it was last seen to
    be whole.
    """

    path: str
    state: str
    before: str

    @property
    def is_another(self) -> bool:
        """Whether another directory than before has its path, or none, as where a disk is not mounted."""
        return is_another(self.state, self.before)

    @property
    def is_settled(self) -> bool:
        """Whether every later change will show."""
        return bool(self.state) and time.time_ns() - int(self.state.rpartition(":")[2]) > _SETTLED_NS


def changed(store: Store, mission: Mission) -> list[Place]:
    """The directories that changed; none where the root itself is not there."""
    if not os.path.isdir(mission.root):
        return []
    with store.begin() as connection:
        before = directories.seen(connection)
        paths = directories.in_use(connection)
    return list(_changed(mission.root, paths, before))


def _changed(root: str, paths: list[str], before: dict[str, str]) -> Iterator[Place]:
    for path in paths:
        state, former = state_of_directory(os.path.join(root, path)), before.get(path, "")
        if not state or state != former:
            yield Place(path, state, former)
