"""What of a NetCDF file is converted: all data variables of most dimensions that have the same."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbproc.codes.automatic.arrays import Array, by_depth, groups, told
from dbproc.codes.automatic.choice import NO_ARRAY, Choice
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

PROGRAM = "netcdf_to_idx"
MOST = 6
"""Dimensions that a variable may have; one of six becomes timesteps."""
BOUNDS = re.compile(r"(.*_)?(bnds|bounds?|vertices|nv|nvertex|corners?)", re.IGNORECASE)
"""Names of dimensions along which a cell's corners lie."""
POINTERS = (
    "bounds",
    "climatology",
    "coordinates",
    "grid_mapping",
    "ancillary_variables",
    "cell_measures",
    "formula_terms",
)
"""Attributes that name variables which serve another one."""
TOPOLOGY = re.compile(r".*(_connectivity|_coordinates)")
"""Attributes with which UGRID's mesh names what it is made of."""


def choices(files: Sequence[Path], wanted: Sequence[str] = ()) -> Iterator[Choice]:
    """The ways to convert NetCDF files, by what the first holds; ``wanted`` are variables by name."""
    if wanted:
        yield Choice(PROGRAM, tuple(files), ({"variables": list(wanted)},), "variables")
        return
    arrays, others = _listed(files[0])
    if not arrays:
        what = NO_ARRAY if not others else f"it holds no array that is supported: {', '.join(others[:8])}"
        raise Refusal(files[0], what, "There is nothing to convert")
    for chosen, left in groups(arrays, by_depth):
        names = [each.name for each in chosen]
        beside = told([each for each in left if each.rank >= 0])
        yield Choice(PROGRAM, tuple(files), ({"variables": names},), "variables", left_out=(*beside, *others))


def _listed(path: Path) -> tuple[list[Array], list[str]]:
    """The variables that can be converted, and in words those that cannot."""
    from dbproc.codes.formats.classic import require_sound

    require_sound(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = importlib.import_module("netCDF4").Dataset(path)
        except OSError as error:
            raise Refusal(path, f"it seems damaged, the library cannot open it: {error}", GET_AGAIN) from error
        with dataset:
            found = list(_walk(dataset))
            serving = {name for each in found for name in _pointed(each)}
            arrays = [array for each in found if (array := _array(each, serving))]
            others = [f"{_path(each)} ({why})" for each in found if each.ndim and (why := _odd(each))]
    return arrays, others


def _array(variable: Any, serving: set[str]) -> Array | None:
    """A variable as it can be chosen: coordinates, bounds and flags come after data."""
    if not variable.ndim or _odd(variable) or 0 in variable.shape:
        return None
    serves = variable.name in variable.dimensions or variable.name in serving or _is_bounds(variable)
    shape = tuple(int(size) for size in variable.shape)
    return Array(_path(variable), shape, (variable.dimensions, _places(variable)), -1 if serves else 0)


def _odd(variable: Any) -> str:
    """Why a variable is none that can be converted; empty when it is."""
    if getattr(variable, "_isvlen", False):
        return "text" if variable.dtype is str else "values of various lengths"
    kind = getattr(variable.dtype, "kind", "")
    if kind not in ("i", "u", "f"):
        return {"S": "text", "U": "text", "V": "compound"}.get(kind, str(variable.dtype))
    return f"{variable.ndim} dimensions" if variable.ndim > MOST else ""


def _places(variable: Any) -> tuple[str, ...]:
    """The groups in which the dimensions are: those of one name may be different ones."""
    return tuple(str(each.group().path) for each in variable.get_dims())


def _is_bounds(variable: Any) -> bool:
    return bool(BOUNDS.fullmatch(variable.dimensions[-1])) and variable.ndim > 1


def _pointed(variable: Any) -> list[str]:
    """The variables that one names as serving it."""
    attributes: Mapping[str, Any] = {name: _value(variable, name) for name in variable.ncattrs()}
    is_mesh = attributes.get("cf_role") == "mesh_topology"
    words = [
        str(value) for name, value in attributes.items() if name in POINTERS or (is_mesh and TOPOLOGY.fullmatch(name))
    ]
    return [word for text in words for word in re.split(r"[\s:]+", text) if word]


def _value(variable: Any, name: str) -> Any:
    try:
        return variable.getncattr(name)
    except (UnicodeDecodeError, TypeError, KeyError, AttributeError):
        return ""


def _walk(group: Any) -> Iterator[Any]:
    yield from group.variables.values()
    for each in group.groups.values():
        yield from _walk(each)


def _path(variable: Any) -> str:
    return f"{variable.group().path}/{variable.name}".strip("/").replace("//", "/")
