"""A code's files as they were at one moment, and where the copy that is kept of them is."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a code."""

    path: str  #: relative to the code's directory
    size: int  #: bytes
    digest: str  #: with the name of the algorithm in front


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of a code as they are now. `digest` covers all of them, `stat` tells cheaply that none was touched."""

    digest: str
    stat: str
    parts: tuple[Part, ...]


def kept_path(store: str, digest: str, path: str) -> str:
    """Where the copy of a code is that had this digest, and this path."""
    return posixpath.join(store, directory_name(digest), posixpath.basename(path))


def directory_name(digest: str) -> str:
    """The name of the directory that a bundle of this digest is kept in."""
    return digest.replace(":", "-", 1)
