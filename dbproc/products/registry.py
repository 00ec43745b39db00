"""The built-in inspectors, by name."""

from __future__ import annotations

import inspect
from importlib import import_module

from dbproc.products.base import Inspector

BUILT_IN = {
    "filename": "FilenameInspector",
    "netcdf": "NetcdfInspector",
    "hdf5": "Hdf5Inspector",
    "tiff": "TiffInspector",
    "image": "ImageInspector",
    "idx": "IdxInspector",
}
"""The class of each, in the module of its name."""


def built_in(name: str) -> type[Inspector]:
    """The class of the built-in inspector `name`; LookupError where there is none."""
    if name not in BUILT_IN:
        raise LookupError(
            f"there is no inspector {name!r}; the built-in ones are {', '.join(BUILT_IN)}, "
            "and one of your own is named by its Python file, which ends in .py"
        )
    found: type[Inspector] = getattr(import_module(f"dbproc.products.{name}"), BUILT_IN[name])
    return found


def arguments_of(name: str) -> tuple[str, ...]:
    """The arguments that the built-in inspector `name` takes; LookupError where there is none."""
    parameters = inspect.signature(built_in(name).inspect).parameters.values()
    return tuple(each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY)
