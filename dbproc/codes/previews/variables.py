"""Variables of NetCDF files and datasets of HDF5 files: values as their units mean them, missing ones as NaN."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.drawing.raster import COLOURS
from dbproc.codes.formats.hdf5_links import require_own
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal
from dbproc.codes.idx.slicing import Sliceable
from dbproc.codes.previews.array import array
from dbproc.codes.previews.content import Content, Listed

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

MOST = 500
"""Variables that are listed."""
PLACES = 1 << 16
"""Coordinates of so many values are read."""


def netcdf(path: Path) -> Content:
    """A NetCDF file."""
    require_own(path)
    file = _opened(path, lambda: importlib.import_module("netCDF4").Dataset(path))
    found = {_path(each): each for each in islice(_variables(file), MOST)}

    def opened(name: str) -> tuple[Sliceable, str]:
        variable = found[name]
        axes = [_axis(variable, dimension, size) for dimension, size in _sides(variable)]
        return array(path, axes, _field(name, _attributes(variable)), lambda box: _numbers(variable[box])), name

    fields = [
        _listed(name, tuple(each.shape), each.dtype, _attributes(each), is_place=each.dimensions == (each.name,))
        for name, each in found.items()
    ]
    return Content("NetCDF file", fields, opened, COLOURS)


def hdf5(path: Path) -> Content:
    """An HDF5 file."""
    require_own(path)
    with suppress(ImportError):
        importlib.import_module("hdf5plugin")  # filters
    file = _opened(path, lambda: importlib.import_module("h5py").File(path, "r"))
    found = {each.name.lstrip("/"): each for each in islice(_datasets(file), MOST)}

    def opened(name: str) -> tuple[Sliceable, str]:
        item = found[name]
        axes = [Axis(_dimension(item, number), size) for number, size in enumerate(item.shape)]
        return array(path, axes, _field(name, _texts(item)), lambda box: _numbers(item[box])), name

    fields = [
        _listed(name, tuple(each.shape or ()), each.dtype, _texts(each), is_place=each.is_scale)
        for name, each in found.items()
    ]
    return Content("HDF5 file", fields, opened, COLOURS)


def _opened(path: Path, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (OSError, RuntimeError) as error:
        raise Refusal(path, f"it cannot be opened: {error}", GET_AGAIN) from error


def _variables(group: Any) -> Iterator[Any]:
    yield from group.variables.values()
    for each in group.groups.values():
        yield from _variables(each)


def _path(variable: Any) -> str:
    group = variable.group().path.strip("/")
    return f"{group}/{variable.name}" if group else str(variable.name)


def _datasets(group: Any) -> Iterator[Any]:
    """The datasets of a file, each once, those behind links left out."""
    h5py = importlib.import_module("h5py")
    names: list[str] = []
    group.visit(names.append)
    for name in names:
        item = group[name]
        if isinstance(item, h5py.Dataset):
            yield item


def _sides(variable: Any) -> Iterator[tuple[str, int]]:
    return zip(variable.dimensions, variable.shape, strict=True)


def _axis(variable: Any, dimension: str, size: int) -> Axis:
    """A dimension with its coordinates, where there are numbers for it."""
    group = variable.group()
    while group is not None and dimension not in group.dimensions:
        group = group.parent
    found = None if group is None else group.variables.get(dimension)
    if found is None or found.shape != (size,) or found.dtype == str or found.dtype.kind not in "iuf" or size > PLACES:
        return Axis(dimension, size)
    told, places = _attributes(found), _numbers(found[:]).tolist()
    return Axis(
        dimension,
        size,
        told.get("units", ""),
        told.get("long_name", ""),
        told.get("standard_name", ""),
        told.get("calendar", ""),
        tuple(places),
        attributes={"positive": told["positive"]} if "positive" in told else {},
    )


def _dimension(item: Any, number: int) -> str:
    """The name of a dimension of HDF5."""
    scales = item.dims[number]
    name = scales.label or (next(iter(scales.keys()), "") if len(scales) else "")
    return str(name) or f"axis{number}"


def _field(name: str, told: Mapping[str, str]) -> Field:
    short = name.rpartition("/")[2]
    return Field(name, short, "float64", 1, told.get("units", ""), told.get("long_name", ""))


def _listed(name: str, shape: tuple[int, ...], dtype: Any, told: Mapping[str, str], *, is_place: bool) -> Listed:
    kind = "" if dtype is str else getattr(dtype, "kind", "")
    words = "text" if dtype is str or kind in ("O", "S", "U") else str(getattr(dtype, "name", dtype))
    why_not = _why_not(name, kind, shape)
    return Listed(name, shape, words, told.get("units", ""), told.get("long_name", ""), why_not, is_place)


def _why_not(name: str, kind: str, shape: tuple[int, ...]) -> str:
    """Why it cannot be drawn."""
    if not name.isprintable():
        return "its name is no text"
    if not kind or kind not in "iufb":
        return "it holds no numbers"
    if not shape or shape.count(1) == len(shape):
        return "it is a single value"
    return "it is empty" if 0 in shape else ""


def _attributes(variable: Any) -> dict[str, str]:
    """The attributes of a variable that are text."""
    found = {name: variable.getncattr(name) for name in variable.ncattrs()}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _texts(item: Any) -> dict[str, str]:
    found = {}
    for name in ("units", "long_name"):
        value = item.attrs.get(name)
        if isinstance(value, bytes | str):
            found[name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return found


def _numbers(values: Any) -> Values:
    """As floating-point numbers, NaN where one is missing."""
    import numpy as np

    return np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
