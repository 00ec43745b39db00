"""The size and digest of a file and of the members of its companion directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dbproc.digest import digest_file
from dbproc.errors import PlacementError
from dbproc.model import Member
from dbproc.names import UNFIT
from dbproc.placement import companion_of

_WORTH_A_THREAD = 4 << 20  # bytes; hashing releases the interpreter
_LONGEST_MEMBER = 1_000  # bytes; an index of the database takes not much more


@dataclass(frozen=True, slots=True)
class Measured:
    """Size in bytes, digest, and the members of the companion directory by path."""

    size: int
    digest: str
    members: tuple[Member, ...] = ()


def measure(path: str, algorithm: str) -> Measured:
    """Read a file and its companion directory through.

    Raises
    ------
    OSError
        Something cannot be read.
    PlacementError
        The companion directory holds something other than files and directories, or a name that cannot be recorded.
    """
    size = os.stat(path).st_size
    companion = companion_of(path)
    members = tuple(_members(companion, algorithm)) if companion else ()
    return Measured(size, digest_file(path, algorithm), members)


def measure_all(paths: Sequence[str], algorithm: str) -> list[Measured | OSError | PlacementError]:
    """Measure many files, large ones at the same time; a failure stands in the place of its result."""

    def attempt(path: str) -> Measured | OSError | PlacementError:
        try:
            return measure(path, algorithm)
        except (OSError, PlacementError) as error:
            return error

    if len(paths) < 2 or not any(_is_large(path) for path in paths):
        return [attempt(path) for path in paths]
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(attempt, paths))


def _is_large(path: str) -> bool:
    try:
        return os.stat(path).st_size > _WORTH_A_THREAD or companion_of(path) is not None
    except OSError:
        return False


def _members(companion: str, algorithm: str) -> Iterator[Member]:
    for place, directories, names in os.walk(companion):
        directories.sort()
        for name in directories:
            _status(os.path.join(place, name))
        for name in sorted(names):
            path = os.path.join(place, name)
            status = _status(path)
            yield Member(_storable(os.path.relpath(path, companion)), status.st_size, digest_file(path, algorithm))


def _status(path: str) -> os.stat_result:
    """What a member is; a link is none, wherever it leads."""
    status = os.lstat(path)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise PlacementError(f"{ascii(path)[1:-1]} is no regular file; a companion directory holds files alone")
    return status


def _storable(path: str) -> str:
    """The path of a member, when a database can hold it and a line of a log show it."""
    if UNFIT.search(path):
        raise PlacementError(f"the name {path!a} in its companion directory holds control characters or is not UTF-8")
    if len(path.encode()) > _LONGEST_MEMBER:
        raise PlacementError(f"a path in its companion directory has more than {_LONGEST_MEMBER} bytes: {path[:80]}…")
    return path
