"""What is to outlive a power cut."""

from __future__ import annotations

import os
from contextlib import suppress


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
