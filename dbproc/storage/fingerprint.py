"""The size and digest of a file and of the members of its companion directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePath

from dbproc.core.errors import PlacementError, UnsettledError
from dbproc.core.filenames import UNFIT, companion_of
from dbproc.core.model import Member
from dbproc.storage.digest import digest_file, state_of

_WORTH_A_THREAD = 4 << 20  # bytes; hashing releases the interpreter
_LONGEST_MEMBER = 1_000  # bytes; an index of the database takes not much more


Unmeasured = OSError | UnsettledError | PlacementError
"""Why something could not be measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Size in bytes, digest, the members of the companion directory by path, and what the system said of the file."""

    size: int
    digest: str
    members: tuple[Member, ...] = ()
    state: str = field(default="", compare=False)
    modified: float = field(default=0.0, compare=False)  #: seconds since the epoch


def measure(path: str, algorithm: str, *, companion: bool = False) -> Measured:
    """Read a file through and, where it owns the directory of its stem, everything in that.

    Raises OSError when something cannot be read, UnsettledError when it was changed meanwhile, and PlacementError when
    the companion directory holds something other than files and directories, or a name that cannot be recorded.
    """
    if companion:
        require_directory(companion_of(path))
    members = tuple(_members(companion_of(path), algorithm)) if companion else ()
    status, digest = _read(path, algorithm)
    return Measured(status.st_size, digest, members, state_of(status), status.st_mtime)


def measure_recorded(path: str, algorithm: str, members: Sequence[Member]) -> Measured:
    """As :func:`measure`, of a file of the catalogue with the members that were recorded; others may lie beside."""
    directory = companion_of(path)
    if members:
        require_directory(directory)
    for below in sorted({str(parent) for member in members for parent in PurePath(member.path).parents}):
        require_directory(os.path.join(directory, below))
    found = tuple(_member(directory, member.path, algorithm) for member in members)
    status, digest = _read(path, algorithm)
    return Measured(status.st_size, digest, found, state_of(status), status.st_mtime)


def measure_all(wanted: Sequence[tuple[str, bool]], algorithm: str) -> list[Measured | Unmeasured]:
    """Measure many files, each with whether it has a companion directory, large ones at the same time.

    A failure stands in the place of its result.
    """

    def attempt(item: tuple[str, bool]) -> Measured | Unmeasured:
        path, companion = item
        try:
            return measure(path, algorithm, companion=companion)
        except (OSError, UnsettledError, PlacementError) as error:
            return error

    if len(wanted) < 2 or not any(companion or _is_large(path) for path, companion in wanted):
        return [attempt(item) for item in wanted]
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(attempt, wanted))


def require_directory(path: str) -> None:
    """See that a companion directory, if it is there, is a directory: what a link leads to is somebody else's."""
    if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
        text = "is not a directory but a link" if os.path.islink(path) else "is not a directory"
        raise PlacementError(f"{ascii(path)[1:-1]} {text}; a companion directory is a directory of the file's own")


def _is_large(path: str) -> bool:
    try:
        return os.stat(path).st_size > _WORTH_A_THREAD
    except OSError:
        return False


def _read(path: str, algorithm: str) -> tuple[os.stat_result, str]:
    """The status and digest of a file that stayed what it was while it was read."""
    before = os.stat(path)
    digest = digest_file(path, algorithm)
    after = os.stat(path)
    if state_of(before) != state_of(after) or not os.path.samestat(before, after):
        raise UnsettledError(f"{os.path.basename(path)!a} was changed while it was read")
    return after, digest


def _members(companion: str, algorithm: str) -> Iterator[Member]:
    for place, directories, names in os.walk(companion, onerror=_refuse):
        directories.sort()
        for name in directories:
            _status(os.path.join(place, name))
        for name in sorted(names):
            yield _member(companion, os.path.relpath(os.path.join(place, name), companion), algorithm)


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _member(companion: str, name: str, algorithm: str) -> Member:
    path = os.path.join(companion, name)
    _status(path)
    status, digest = _read(path, algorithm)
    return Member(_storable(name), status.st_size, digest, state_of(status))


def _status(path: str) -> os.stat_result:
    """What a member is; a link is none, wherever it leads."""
    status = os.lstat(path)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise PlacementError(f"{ascii(path)[1:-1]} is not a regular file; a companion directory holds files alone")
    return status


def _storable(path: str) -> str:
    """The path of a member, when a database can hold it and a line of a log show it."""
    if UNFIT.search(path):
        raise PlacementError(f"the name {path!a} in its companion directory holds control characters or is not UTF-8")
    if len(path.encode()) > _LONGEST_MEMBER:
        raise PlacementError(f"a path in its companion directory has more than {_LONGEST_MEMBER} bytes: {path[:80]}…")
    return path
