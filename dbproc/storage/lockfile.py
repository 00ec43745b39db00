"""The file ``.dbproc/lock``, locked by the process that works on a mission; the kernel unlocks it when that ends.

The lock (``flock``) holds across users, PID namespaces and containers, and cannot be imitated. The file bears a mark, a
random word that the holder's row repeats: so it is known later that it is the file that this holder had locked. A copy
of the file does not bear it, because the mark names its inode.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from dbproc.core.errors import StorageError
from dbproc.storage import permissions
from dbproc.storage.durable import sync_directory
from dbproc.storage.layout import PRIVATE
from dbproc.system.machine import Evidence

NAME = "lock"
Making = Callable[[], AbstractContextManager[None]]
"""Gives what is made inside of it the mission's umask and group."""

_PATIENCE = 0.2  # seconds: who only looks whether the file is locked has it for a moment
_PAUSE = 0.02
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Grip:
    """The file, locked as long as this is not closed and its process lives.

    `mark` is that of the file, None where a file cannot be locked, or has no mark and cannot get one.
    """

    descriptor: int | None
    mark: str | None

    def evidence(self, marks: str | None) -> Evidence:
        """What it says of a process that recorded `marks`: this one holds the file now."""
        return _evidence(self.mark, marks)

    def close(self) -> None:
        """Let the file go."""
        if self.descriptor is not None:
            os.close(self.descriptor)


NO_GRIP = Grip(None, None)
"""Where there is no file to lock."""


def path_of(root: str) -> str:
    """Where the file of a root is."""
    return os.path.join(root, PRIVATE, NAME)


def take(root: str, making: Making | None) -> Grip | None:
    """Lock the file of a root that is there; None when somebody else keeps it locked.

    The file and its directory are made by `making` when they are missing; with None they are not, and there is
    :data:`NO_GRIP`. StorageError when it can be neither made nor opened.
    """
    path = path_of(root)
    try:
        return _taken(path, making)
    except OSError as error:
        raise StorageError(
            f"cannot lock {path}: {error.strerror}; every run does: see to its disk, and to who may write there"
        ) from error


def probe(root: str, marks: str | None) -> Evidence:
    """What the file says of a process that recorded `marks`; nothing is made, and it is not kept locked."""
    try:
        descriptor = os.open(path_of(root), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return Evidence.NONE
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return _evidence(_mark(descriptor), marks)
    except BlockingIOError:
        return Evidence.HELD
    except OSError:
        return Evidence.NONE
    finally:
        os.close(descriptor)


def _evidence(mark: str | None, marks: str | None) -> Evidence:
    is_it = mark is not None and mark in (marks or "").split()
    return Evidence.RELEASED if is_it else Evidence.NONE


def _taken(path: str, making: Making | None) -> Grip | None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        descriptor = _opened(path, making)
        if descriptor is None:
            return NO_GRIP
        try:
            grip = _gripped(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        if grip is not None:
            return grip
        os.close(descriptor)
        if time.monotonic() > deadline:
            return None
        time.sleep(_PAUSE)


def _opened(path: str, making: Making | None) -> int | None:
    """The file for reading and writing, or for reading alone: that is enough to lock it on a local disk.

    No program that is started inherits it, as nothing that Python opens: the lock ends with this process alone.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None if making is None else _made(path, making)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def _made(path: str, making: Making) -> int:
    with making():
        permissions.make_directories(os.path.dirname(path))
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CREAT, 0o666)
        permissions.give(path)
    return descriptor


def _gripped(descriptor: int, path: str) -> Grip | None:
    """The grip on an open file; None when another has it, or when it is not the file of that name any more."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:
        return Grip(descriptor, None)  # this filesystem locks no files
    if not _is_at(descriptor, path):
        return None
    return Grip(descriptor, _mark(descriptor) or _marked(descriptor, path))


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


def _mark(descriptor: int) -> str | None:
    """The mark of an open file, None when it has none of its own."""
    words = os.pread(descriptor, _LONGEST, 0).decode(errors="replace").split()
    status = os.fstat(descriptor)
    is_own = len(words) == 2 and words[1] == str(status.st_ino) and stat.S_ISREG(status.st_mode)
    return words[0] if is_own else None


def _marked(descriptor: int, path: str) -> str | None:
    """Give an open file a mark that outlives a power cut; None when it may only be read."""
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        return None
    mark = os.urandom(16).hex()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{mark} {os.fstat(descriptor).st_ino}\n".encode(), 0)
    os.fsync(descriptor)
    sync_directory(os.path.dirname(path))
    return mark
