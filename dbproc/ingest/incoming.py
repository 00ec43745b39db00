"""Which files of the incoming directory have settled, and may be taken.

A name that is hidden or ends in ``.part`` or ``.tmp`` is somebody's unfinished work; so is what changed a moment ago.
The inode's change time is what counts: every write and every rename sets it from this machine's clock, whatever
modification time the sender gave the file.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from dbproc.core.errors import UserError
from dbproc.core.filenames import UNFINISHED_SUFFIXES, companion_of, is_unfinished
from dbproc.core.model import Definition, Mission
from dbproc.database.store import Store
from dbproc.storage.digest import state_of
from dbproc.storage.stores.base import is_partial

NOTHING: Mapping[str, str] = {}


class Kind(StrEnum):
    """What an entry of the incoming directory is."""

    FILE = "file"
    LINK = "link"
    IN_PLACE = "in place"  #: a file that lies in a directory of products, not in incoming
    OTHER = "other"  #: a fifo, socket or device: never opened
    DIRECTORY = "directory"  #: a directory that is not a file's companion


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry that has settled; `size` in bytes of a file, `state` what the system says of it, `changed` when it did
    last, in seconds since 1970.

    With `has_companion` the directory of its stem, if there is one, belongs to it.
    """

    path: str
    name: str
    kind: Kind
    size: int
    state: str = ""
    has_companion: bool = False
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Scan:
    """What is in incoming: what may be taken, what is left for a later run, and what cannot be looked at."""

    settled: tuple[Arrival, ...]
    unsettled: int
    names: tuple[str, ...] = ()  #: of what is left for a later run
    unreadable: tuple[tuple[str, str], ...] = ()  #: name, and why


def scan(
    directory: str,
    *,
    settle_seconds: float,
    now: float,
    pattern: str = "*",
    returned: frozenset[str] = frozenset(),
    fetched: Mapping[str, str] = NOTHING,
    has_companion: Callable[[str], bool] = lambda name: False,
) -> Scan:
    """Look at the incoming directory, names in order; UserError when it cannot be read.

    Of the names that match the glob `pattern`, those are settled that were unchanged for `settle_seconds` before `now`,
    or are `returned`: dbproc itself moved them away and back since they had settled; or `fetched`: it put them there
    whole, and by their names what the system said of them then is what it says now. `has_companion` says whether a file
    of this name owns the directory of its stem.
    """
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise UserError(f"cannot read the incoming directory {directory}: {error.strerror}") from error
    companions = _companions(found, has_companion)
    settled: list[Arrival] = []
    unsettled: list[str] = []
    unreadable: list[tuple[str, str]] = []
    for entry in found:
        if entry.name in companions or not fnmatchcase(entry.name, pattern) or _is_nobodys(entry):
            continue
        if is_unfinished(entry.name):
            unsettled.append(entry.name)
            continue
        try:
            arrival, changed = _arrival(
                entry,
                has_companion(entry.name),
                was_moved=entry.path in returned,
                state_then=fetched.get(entry.name, ""),
            )
        except FileNotFoundError:
            continue  # it, or something in it, went away in this moment
        except OSError as error:
            unreadable.append((entry.name, f"cannot look into {error.filename or entry.path}: {error.strerror}"))
            continue
        if abs(now - changed) < settle_seconds:
            unsettled.append(entry.name)
        else:
            settled.append(arrival)
    return Scan(tuple(settled), len(unsettled), tuple(unsettled), tuple(unreadable))


def scan_mission(
    store: Store, definition: Definition, pattern: str = "*", returned: frozenset[str] = frozenset()
) -> Scan:
    """What has settled in a mission's incoming directory now; ``DBPROC_SETTLE_SECONDS`` stands above the mission's."""
    mission = definition.mission
    return scan(
        mission.incoming,
        settle_seconds=_settle_seconds(mission),
        now=time.time(),
        pattern=pattern,
        returned=returned,
        fetched=_fetched(store, mission.incoming),
        has_companion=companion_names(definition),
    )


def _fetched(store: Store, directory: str) -> Mapping[str, str]:
    """What the system said of the files that came into incoming by transfers, and were not taken yet."""
    with suppress(OSError):
        if not os.listdir(directory):
            return NOTHING
    from dbproc.database import transfers

    with store.begin() as connection:
        return {each.filename: each.placed for each in transfers.arrived(connection) if each.placed}


def companion_names(definition: Definition) -> Callable[[str], bool]:
    """Whether a filename is that of a product whose files have companion directories."""
    formats = [product.compiled for product in definition.products.values() if product.companion]
    return lambda name: any(format.match(name) is not None for format in formats)


def arrival_at(path: str, definition: Definition) -> Arrival:
    """A file as it would be seen if it were in incoming, settled; FileNotFoundError where there is nothing."""
    path = os.path.abspath(path)
    status, name = os.lstat(path), os.path.basename(path)
    has_companion = companion_names(definition)(name)
    return Arrival(path, name, _kind(status.st_mode), status.st_size, state_of(status), has_companion, status.st_ctime)


def _settle_seconds(mission: Mission) -> float:
    given = os.environ.get("DBPROC_SETTLE_SECONDS", "")
    try:
        return float(given) if given else mission.settle_seconds
    except ValueError as error:
        raise UserError(f"DBPROC_SETTLE_SECONDS={given!r} is not a number of seconds") from error


def _is_nobodys(entry: os.DirEntry[str]) -> bool:
    """Whether nobody delivers it: a transfer has begun it, or a filesystem check puts there what it found, at the top
    of a filesystem of its own."""
    return is_partial(entry.name) or (entry.name == "lost+found" and entry.is_dir(follow_symlinks=False))


def _companions(entries: list[os.DirEntry[str]], has_companion: Callable[[str], bool]) -> set[str]:
    """The directories that belong to a file that is there, or on its way."""
    directories = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    if not directories:
        return set()
    names = [entry.name for entry in entries if entry.name not in directories]
    owners = [name for name in (*names, *map(finished_name, names)) if has_companion(name)]
    return directories & {companion_of(name) for name in owners}


def finished_name(name: str) -> str:
    """The name that an unfinished file will have, and that a finished one has."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in UNFINISHED_SUFFIXES else name.rstrip("~")


def _arrival(
    entry: os.DirEntry[str], has_companion: bool, *, was_moved: bool, state_then: str
) -> tuple[Arrival, float]:
    """The entry and when it, or anything that belongs to it, last changed.

    `was_moved`: then the time of the entry itself and its companion directory is that of the move; so it is of a file
    of which the system says what it said then, when it came there whole.
    """
    status = entry.stat(follow_symlinks=False)
    was_moved = was_moved or state_of(status) == state_then
    is_directory = stat.S_ISDIR(status.st_mode)
    tree = entry.path if is_directory else companion_of(entry.path)
    inside = list(_change_times(tree)) if is_directory or has_companion else []
    changed = max(inside[1:], default=0.0) if was_moved else max([status.st_ctime, *inside])
    if stat.S_ISLNK(status.st_mode):
        changed = max(changed, _target_change_time(entry.path))
    kind = _kind(status.st_mode)
    last = max([status.st_ctime, *inside])
    return Arrival(entry.path, entry.name, kind, status.st_size, state_of(status), has_companion, last), changed


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.DIRECTORY if stat.S_ISDIR(mode) else Kind.OTHER


def _change_times(tree: str) -> Iterator[float]:
    """When a directory and all below it changed, the directory itself first; a link is none."""
    if not os.path.isdir(tree) or os.path.islink(tree):
        return
    for place, _, names in os.walk(tree, onerror=_raise):
        yield os.lstat(place).st_ctime
        for name in names:
            yield os.lstat(os.path.join(place, name)).st_ctime


def _raise(error: OSError) -> None:
    raise error


def _target_change_time(path: str) -> float:
    try:
        return os.stat(path).st_ctime
    except OSError:
        return 0.0
