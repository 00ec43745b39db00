"""How much room there is on the disk that a path lies on, and whether it can be written to."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """A disk: its number, the bytes that it has, those of them that are free, and whether it only can be read."""

    device: int
    size: int
    free: int
    is_read_only: bool


def room(path: str) -> Room:
    """The disk that a path lies on; OSError where there is no such path."""
    found = os.statvfs(path)
    return Room(
        device=os.stat(path).st_dev,
        size=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
    )


def fault(path: str) -> str | None:
    """Why nothing can be put into a directory, or None; nothing is put there."""
    try:
        found = room(path)
    except OSError as error:
        return error.strerror or "it cannot be looked at"
    if not os.path.isdir(path):
        return "it is no directory"
    if found.is_read_only:
        return "its disk can only be read"
    return (
        None if os.access(path, os.W_OK | os.X_OK, effective_ids=True) else "dbproc's user has no right to write there"
    )
