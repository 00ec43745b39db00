"""A place opened by its URL; the module of its protocol, and its libraries, are imported now."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import cast

from dbproc.core.errors import PermanentError
from dbproc.core.places import PlaceSpec
from dbproc.storage.stores.base import Place

_MODULES = {
    "file": "local",
    "sftp": "sftp",
    "http": "http",
    "https": "http",
    "s3": "s3",
    "gdrive": "gdrive",
    "vos": "vos",
}
"""The module of each protocol; the extra with its libraries has the same name."""

LIBRARIES = {
    "local": (),
    "sftp": ("ssh2",),
    "http": ("defusedxml", "urllib3"),
    "s3": ("botocore", "defusedxml", "urllib3"),
    "gdrive": ("cryptography", "jwt", "urllib3"),
    "vos": ("defusedxml", "urllib3"),
}
"""What each of them imports that dbproc does not need otherwise."""


_IMPORTING = Lock()
"""Threads open places at the same time, and libraries that import themselves in a circle stand no two of them."""


def open_place(spec: PlaceSpec) -> Place:
    """The place of a specification; nothing is connected before it is used.

    Raises
    ------
    PermanentError
        Its protocol is not known, its library is not installed, or a credential is missing.
    """
    name = _MODULES.get(spec.scheme)
    if name is None:
        raise PermanentError(f"{spec.name}: {spec.url!r} begins with none of {', '.join(_MODULES)}")
    lacking = missing(spec.scheme)
    if lacking is not None:
        raise PermanentError(lacking)
    with _IMPORTING:
        module = import_module(f"dbproc.storage.stores.{name}")
    return cast(Place, module.place(spec))


def open_url(spec: PlaceSpec, most: int) -> Place:
    """The place of one file at the URL of a specification, of which at most so many bytes are read.

    Raises
    ------
    PermanentError
        Its library is not installed.
    """
    lacking = missing(spec.scheme)
    if lacking is not None:
        raise PermanentError(lacking)
    with _IMPORTING:
        module = import_module("dbproc.storage.stores.url")
    return cast(Place, module.place(spec, most))


def missing(scheme: str) -> str | None:
    """Why places of a protocol cannot be used here, as a library is not installed, and what installs it; or None."""
    name = _MODULES.get(scheme, "local")
    library = next((each for each in LIBRARIES[name] if find_spec(each) is None), None)
    if library is None:
        return None
    return f"{scheme}: places need a package that is not installed ({library}): pip install 'dbproc[{name}]'"
