"""What is to outlive a power cut."""

from __future__ import annotations

import os
from contextlib import suppress

from dbproc.core.errors import StorageError
from dbproc.storage import permissions


def sync(path: str) -> None:
    """Have a file's bytes, or a directory's entries, outlive a power cut; on a fifo nobody waits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: str) -> None:
    """:func:`sync` of a directory, where its filesystem can do that."""
    with suppress(OSError):
        sync(path)


def write_whole(path: str, text: str) -> None:
    """Write a file that is there as a whole or not at all, and outlives a power cut; with the mission's rights.

    Raises
    ------
    StorageError
        It cannot be written.
    """
    partial = f"{path}.part"
    try:
        permissions.make_directories(os.path.dirname(path))
        with open(partial, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        permissions.give(partial)
        os.rename(partial, path)
        sync_directory(os.path.dirname(path))
    except OSError as error:
        with suppress(OSError):
            os.unlink(partial)
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
