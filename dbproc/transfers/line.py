"""Who works at the transfers of a rule: one process at a time, by a file that it keeps locked below ``.dbproc``.

The kernel unlocks it when that process ends, however it does; so whatever is at work when it is locked anew was left by
one that is gone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from dbproc.core.errors import StorageError
from dbproc.core.model import Mission
from dbproc.storage import permissions
from dbproc.storage.layout import PRIVATE

DIRECTORY = "transfers"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


@contextmanager
def held(mission: Mission, rule: str) -> Iterator[bool]:
    """Keep the line of a rule; False when another process has it.

    Raises
    ------
    StorageError
        The file cannot be made.
    """
    descriptor = _opened(path_of(mission, rule))
    try:
        yield _is_locked(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    try:
        permissions.make_directories(os.path.dirname(path))
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise StorageError(f"cannot make {path}: {error.strerror}; who moves files locks it") from error


def path_of(mission: Mission, rule: str) -> str:
    """The file of a rule's line: the rule in its name, with what no name may hold written otherwise."""
    name = _UNSAFE.sub(lambda found: f"%{ord(found[0]):x}", rule)
    return os.path.join(mission.root, PRIVATE, DIRECTORY, f"{name}.lock")


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # this filesystem locks no files; the run's own lock keeps most of them apart
    return True


@contextmanager
def claimed(mission: Mission, rule: str, first: int, count: int = 1) -> Iterator[bool]:
    """Keep some numbers below a rule's line to oneself; False when somebody has one of them.

    They are bytes of one file that are locked: whoever ends, however it does, holds none any more.

    Raises
    ------
    StorageError
        The file cannot be made.
    """
    descriptor = _opened(path_of(mission, rule))
    try:
        yield _are_locked(descriptor, first, count)
    finally:
        os.close(descriptor)


def _are_locked(descriptor: int, first: int, count: int) -> bool:
    """Locks belong to the opened file, not to the process: so threads of one keep each other out, too."""
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, first, count, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)  # any other: this filesystem locks no bytes
    return True
