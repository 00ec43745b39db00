"""Which files of the incoming directory have settled, and may be taken.

A name that is hidden or ends in ``.part`` or ``.tmp`` is somebody's unfinished work; so is what changed a moment ago.
The inode's change time is what counts: every write and every rename sets it from this machine's clock, whatever
modification time the sender gave the file.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from dbproc.errors import UserError
from dbproc.model import Mission

UNFINISHED_SUFFIXES = (".part", ".tmp", ".partial", ".filepart", ".crdownload")


class Kind(StrEnum):
    """What an entry of the incoming directory is."""

    FILE = "file"
    LINK = "link"
    OTHER = "other"  #: a fifo, socket or device: never opened
    DIRECTORY = "directory"  #: a directory that is no file's companion


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry that has settled; `size` in bytes of a file."""

    path: str
    name: str
    kind: Kind
    size: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What is in incoming: what may be taken, and how many entries are left for a later run."""

    settled: tuple[Arrival, ...]
    unsettled: int
    names: tuple[str, ...] = ()  #: of what is left for a later run


def scan(
    directory: str, *, settle_seconds: float, now: float, pattern: str = "*", returned: frozenset[str] = frozenset()
) -> Scan:
    """Look at the incoming directory, names in order.

    Parameters
    ----------
    directory
        The incoming directory.
    settle_seconds
        How long an entry must have been unchanged.
    now
        Seconds since the epoch.
    pattern
        Only names that match this glob are looked at.
    returned
        Paths of files that had settled, and were moved away and back by dbproc itself since.

    Raises
    ------
    UserError
        The directory does not exist or cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise UserError(f"cannot read the incoming directory {directory}: {error.strerror}") from error
    companions = _companions(found)
    settled: list[Arrival] = []
    unsettled: list[str] = []
    for entry in found:
        if entry.name in companions or not fnmatchcase(entry.name, pattern):
            continue
        if is_unfinished(entry.name):
            unsettled.append(entry.name)
            continue
        arrival, changed = _arrival(entry, was_moved=entry.path in returned)
        if arrival is None:
            continue
        if abs(now - changed) < settle_seconds:
            unsettled.append(entry.name)
        else:
            settled.append(arrival)
    return Scan(tuple(settled), len(unsettled), tuple(unsettled))


def scan_mission(mission: Mission, pattern: str = "*", returned: frozenset[str] = frozenset()) -> Scan:
    """What has settled in a mission's incoming directory now; ``DBPROC_SETTLE_SECONDS`` stands above the mission's."""
    settle_seconds = _settle_seconds(mission)
    return scan(mission.incoming, settle_seconds=settle_seconds, now=time.time(), pattern=pattern, returned=returned)


def arrival_at(path: str) -> Arrival:
    """A file as it would be seen if it were in incoming, settled.

    Raises
    ------
    FileNotFoundError
        There is nothing.
    """
    path = os.path.abspath(path)
    status = os.lstat(path)
    return Arrival(path, os.path.basename(path), _kind(status.st_mode), status.st_size)


def _settle_seconds(mission: Mission) -> float:
    given = os.environ.get("DBPROC_SETTLE_SECONDS", "")
    try:
        return float(given) if given else mission.settle_seconds
    except ValueError as error:
        raise UserError(f"DBPROC_SETTLE_SECONDS={given!r} is no number of seconds") from error


def is_unfinished(name: str) -> bool:
    """Whether a name says that its file is still being written."""
    return name.startswith(".") or name.lower().endswith(UNFINISHED_SUFFIXES) or name.endswith("~")


def _companions(entries: list[os.DirEntry[str]]) -> set[str]:
    """The directories that belong to a file of the same stem."""
    directories = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    if not directories:
        return set()
    names = [entry.name for entry in entries if entry.name not in directories]
    stems = {os.path.splitext(name)[0] for name in (*names, *map(finished_name, names))}
    return directories & stems


def finished_name(name: str) -> str:
    """The name that an unfinished file will have, and that a finished one has."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in UNFINISHED_SUFFIXES else name.rstrip("~")


def _arrival(entry: os.DirEntry[str], *, was_moved: bool) -> tuple[Arrival | None, float]:
    """The entry and when it, or anything that belongs to it, last changed; None when it vanished.

    `was_moved`: of the entry itself and its companion directory the time tells of that move alone.
    """
    try:
        status = entry.stat(follow_symlinks=False)
        tree = entry.path if stat.S_ISDIR(status.st_mode) else os.path.splitext(entry.path)[0]
        inside = list(_change_times(tree))
        changed = max(inside[1:], default=0.0) if was_moved else max([status.st_ctime, *inside])
        if stat.S_ISLNK(status.st_mode):
            changed = max(changed, _target_change_time(entry.path))
    except FileNotFoundError:
        return None, 0.0
    return Arrival(entry.path, entry.name, _kind(status.st_mode), status.st_size), changed


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.DIRECTORY if stat.S_ISDIR(mode) else Kind.OTHER


def _change_times(tree: str) -> Iterator[float]:
    if not os.path.isdir(tree) or os.path.islink(tree):
        return
    for place, _, names in os.walk(tree):
        yield os.lstat(place).st_ctime
        for name in names:
            yield os.lstat(os.path.join(place, name)).st_ctime


def _target_change_time(path: str) -> float:
    try:
        return os.stat(path).st_ctime
    except OSError:
        return 0.0
