"""Where Rucio keeps a file: the deterministic path of ``scope:name``. Pure.

``testing:a.txt`` lies in ``testing/HH/HH/a.txt``, where the two pairs are the first digits of the MD5 of
``testing:a.txt``. The dots of a scope that begins with ``user`` or ``group`` become directories.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from dbproc.core.errors import PermanentError
from dbproc.core.filenames import UNFIT

_SCOPES_WITH_DIRECTORIES = ("user", "group")


def path(scope: str, name: str) -> str:
    """The path of a file below the directory of a storage element whose layout is ``hash``.

    Raises
    ------
    PermanentError
        No path can be made of them that stays in there.
    """
    digits = hashlib.md5(f"{scope}:{name}".encode(errors="surrogateescape"), usedforsecurity=False).hexdigest()
    return _checked(f"{_directory(scope)}/{digits[:2]}/{digits[2:4]}/{name}", scope, name)


def identity(scope: str, name: str) -> str:
    """:func:`path` where the layout is ``identity``: the scope, then the name."""
    return _checked(f"{_directory(scope)}/{name}", scope, name)


def did_of(place: str) -> str | None:
    """The ``scope:name`` whose path a path is, or None."""
    parts = place.split("/")
    for at in range(1, len(parts) - 2):
        scope, name = ".".join(parts[:at]), "/".join(parts[at + 2 :])
        if fault(scope, name) is None and path(scope, name) == place:
            return f"{scope}:{name}"
    return None


def quoted(place: str) -> str:
    """A path as it stands in a URL: each of its parts quoted."""
    return "/".join(quote(part, safe="", errors="surrogateescape") for part in place.split("/"))


def fault(scope: str, name: str) -> str | None:
    """Why no path can be made of a scope and a name, or None."""
    if not scope or not name:
        return "its scope is empty" if not scope else "its name is empty"
    if "/" in scope or ":" in scope:
        return f"its scope {scope!r} has a / or : in it"
    if UNFIT.search(scope) or UNFIT.search(name):
        return "it has control characters or bytes that are not UTF-8 in it"
    if any(part in ("", ".", "..") for part in f"{_directory(scope)}/{name}".split("/")):
        return "a part of it is empty, . or .. and would lead elsewhere"
    return None


def _directory(scope: str) -> str:
    return scope.replace(".", "/") if scope.startswith(_SCOPES_WITH_DIRECTORIES) else scope


def _checked(path: str, scope: str, name: str) -> str:
    problem = fault(scope, name)
    if problem is not None:
        raise PermanentError(f"{f'{scope}:{name}'!a} is no name that a file can have in Rucio: {problem}")
    return path
