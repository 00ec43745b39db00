"""Files that are not in their directories: gone by themselves, or with all that was there.

Where all of a directory is gone at once its disk may not be mounted: nothing is concluded from that.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping, Set

from dbproc.core.reasons import some_names


def names_in(directory: str) -> Set[str] | None:
    """What is in a directory, nothing where it is not there; None where nobody can tell."""
    try:
        return set(os.listdir(directory))
    except OSError as error:
        return set() if error.errno in (errno.ENOENT, errno.ENOTDIR) else None


def has_entries(directory: str) -> bool:
    """Whether anything is in a directory, without all of it being read."""
    try:
        with os.scandir(directory) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def state_of_directory(path: str) -> str:
    """What the system says of a directory: which it is, and when it changed; nothing when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}"


def is_another(state: str, before: str) -> bool:
    """Whether another directory than `before` has its path, or none, as where a disk is not mounted."""
    return not state or (bool(before) and state.rpartition(":")[0] != before.rpartition(":")[0])


def is_away(wanted: Collection[str], there: Collection[str], *, is_another: bool) -> bool:
    """Whether a directory, or all that was in it, is gone; a file that was there alone may be gone by itself."""
    is_empty = not any(name in there for name in wanted)
    return is_empty and bool(wanted) and (len(wanted) > 1 or is_another)


def away_words(counts: Mapping[str, int]) -> str | None:
    """A sentence on directories that lack all their files, so many of each."""
    if not counts:
        return None
    count = sum(counts.values())
    return (
        f"none of the {count:,} file{'' if count == 1 else 's'} of {some_names(list(counts))} is there; mount the "
        "disk, or if they are gone for good: dbproc check --repair"
    )
