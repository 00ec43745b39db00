"""What is in an archive, whatever its kind: files, directories and links, under names that stay inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

from dbproc.codes.idx.refusal import Refusal

FILE_MODE, DIRECTORY_MODE, LINK_MODE = 0o644, 0o755, 0o777
"""The rights of what was packed without any."""

_DRIVE = re.compile(r"[A-Za-z]:")


class Kind(StrEnum):
    """What a member is; all else, such as devices, is in no archive that is read."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "symbolic link"
    HARD_LINK = "hard link"


@dataclass(frozen=True)
class Member:
    """One member of an archive.

    Parameters
    ----------
    name
        Its path in the archive, parts between ``/``.
    kind
        What it is.
    size
        Bytes of a file; 0 of everything else.
    mode
        Its rights.
    time
        Seconds since 1970 of its last change; none where the archive does not tell.
    target
        Where a link leads, as it is written there; of a hard link, the name of a member before it.
    """

    name: str
    kind: Kind
    size: int
    mode: int
    time: float | None = None
    target: str = ""


class Stream(Protocol):
    """The bytes of a member, while it is the last that was read."""

    def read(self, size: int = -1, /) -> bytes:
        """Read on."""


Members = Iterator[tuple[Member, Stream]]


class Writer(Protocol):
    """An archive that is being made."""

    def held(self, member: Member) -> Member:
        """A member as such an archive can hold it; raises :class:`Refusal` where it cannot."""

    def add(self, member: Member, stream: Stream) -> None:
        """Add a member as it can be held, with all bytes of a stream."""


def inside(archive: Path, name: str) -> PurePosixPath:
    """Where in its archive a member of that name is; refused where that is outside."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or _DRIVE.match(name) or "\0" in name:
        raise Refusal(archive, f"it would write {name!r} outside of its directory", "Do not trust it")
    return path


def is_root(name: str) -> bool:
    """Whether a member is the directory itself in which all others are."""
    return name in (".", "./", "")


def no_file(archive: Path, name: str) -> Refusal:
    """That a member is something that no archive should hold."""
    return Refusal(archive, f"{name!r} in it is neither a file nor a directory", "Pack it without links and devices")


def encrypted(archive: Path) -> Refusal:
    """That nobody can read it without a password."""
    return Refusal(archive, "it is encrypted", "Unpack it by hand")
