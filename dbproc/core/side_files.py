"""Digests of files that stand in files beside them: ``sha256sum``'s lists, or one file for each. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}
"""The algorithm of a digest by how many digits it has."""

_LINE = re.compile(r"(\\?)([0-9a-fA-F]{32,128})(?:[ \t]+\*?(.+))?")
_BSD_LINE = re.compile(r"[A-Za-z0-9-]+ ?\((.+)\) ?= ?([0-9a-fA-F]{32,128})")


def side_path(path: str, digests: str) -> str:
    """Where the side file of a file is: beside it, or from the top where `digests` begins with a slash."""
    directory, name = posixpath.split(path)
    return posixpath.normpath(
        posixpath.join("" if digests.startswith("/") else directory, digests.removeprefix("/"))
    ).replace("{name}", name)


def side_names(names: Iterable[str], digests: str) -> set[str]:
    """Those names in a directory that can be side files."""
    if not digests:
        return set()
    side = posixpath.basename(digests)
    return {side.replace("{name}", name) for name in names} if "{name}" in side else {side}


def digests_in(text: str, directory: str, only: str | None = None) -> dict[str, str]:
    """The digests that a side file in `directory` tells, by the paths of their files.

    The lines of ``sha256sum`` and ``md5sum``, of BSD's ``SHA256 (name) = digest``, or a digest alone, which is that of
    the file `only`; what is none of these is passed over.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        read = _digest_line(line.strip())
        if read is None:
            continue
        name, digest = read
        path = only if only is not None and (name is None or _is_name(name, only)) else None
        if path is None and name is not None:
            path = posixpath.normpath(posixpath.join(directory, name))
        if path is not None:
            found[path] = digest
    return found


def _is_name(name: str, path: str) -> bool:
    return posixpath.basename(name) == posixpath.basename(path)


def _digest_line(line: str) -> tuple[str | None, str] | None:
    """The name, if there is one, and the digest of a line."""
    plain, bsd = _LINE.fullmatch(line), _BSD_LINE.fullmatch(line)
    if plain is not None:
        escape, digits, name = plain.groups()
        if escape and name:
            name = re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), name)
    elif bsd is not None:
        name, digits = bsd.groups()
    else:
        return None
    algorithm = _ALGORITHMS.get(len(digits))
    return None if algorithm is None else (name, f"{algorithm}:{digits.lower()}")
