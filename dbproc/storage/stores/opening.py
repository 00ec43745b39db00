"""A place opened by its URL; the module of its protocol, and its library, are imported now."""

from __future__ import annotations

from importlib import import_module
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
    try:
        module = import_module(f"dbproc.storage.stores.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("dbproc"):
            raise
        words = f"{spec.scheme}: places need a package that is not installed ({error.name})"
        raise PermanentError(f"{words}: pip install 'dbproc[{name}]'") from None
    return cast(Place, module.place(spec))
