#!/usr/bin/env python3
"""Convert variables of a NetCDF file to an IDX dataset: ``[--variable NAME]... INPUT OUTPUT.idx``.

Classic, 64-bit and NetCDF-4 files, groups included; variables of two or three dimensions. Values are kept exactly as
they are stored: packed ones stay packed (scale and offset go into the metadata), missing ones keep their fill.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.converter import Converter
from dbproc.codes.description import Axis, Description, Field, Number, number, plain
from dbproc.codes.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.slabs import Box
    from dbproc.codes.values import Values

NAME = "netcdf_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".nc", ".nc4", ".cdf"))
DIMENSIONS = (2, 3)
POINTERS = ("bounds", "climatology", "coordinates", "grid_mapping", "ancillary_variables")
"""CF attributes that name variables which only serve another one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert variables of a NetCDF file to IDX, exactly.")
    parser.add_argument(
        "--variable", action="append", metavar="NAME", help="a 2D or 3D variable (group/name); may be repeated"
    )
    return CONVERTER.main(parser, arguments, lambda given: {"variables": given.variable})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[NetcdfSource]:
    """Open a NetCDF file; ``options["variables"]`` names the variables wanted, none meaning the only one there is."""
    from dbproc.codes.classic import require_whole
    from dbproc.codes.hdf5_links import require_own

    (path,) = inputs
    require_whole(path)
    require_own(path)
    with importlib.import_module("netCDF4").Dataset(path) as dataset:
        dataset.set_auto_maskandscale(False)
        dataset.set_always_mask(False)
        variables = _Variables(path, dataset)
        names = options["variables"] or [variables.only()]
        yield NetcdfSource(path, dataset, [variables.named(name) for name in names])


class NetcdfSource:
    """Variables of one shape in an open NetCDF file, as the writer wants them."""

    def __init__(self, path: Path, dataset: Any, variables: Sequence[Any]) -> None:
        _require_same_dimensions(path, variables)
        names = [_safe(_path(each)) for each in variables]
        if len(set(names)) < len(names):
            raise Refusal(path, f"the variables would have the same field names: {names}", "Convert one at a time")
        self._variables = dict(zip(names, variables, strict=True))
        self.description = _describe(path, dataset, self._variables)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        import numpy as np

        values = np.asarray(self._variables[field][box])
        return values.view(self._variables[field].dtype) if values.dtype.kind == "b" else values


class _Variables:
    """The numeric variables of a file by their paths, and what of them may be meant."""

    def __init__(self, path: Path, dataset: Any) -> None:
        self._path = path
        self._all = {_path(each): each for each in _walk(dataset)}
        serving = {name for each in self._all.values() for name in _pointed(each)}
        self._data = {name: each for name, each in self._all.items() if _is_data(each, serving)}

    def only(self) -> str:
        """The one data variable that can be converted, when nothing else could be meant."""
        plausible = [name for name, each in self._data.items() if each.ndim > 1]
        if len(plausible) == 1 and self._data[plausible[0]].ndim in DIMENSIONS:
            return plausible[0]
        what = "several variables could be meant" if plausible else "no data variable has two or three dimensions"
        raise Refusal(self._path, what, self._choices())

    def named(self, name: str) -> Any:
        """The variable of that path, or a refusal that lists the choices."""
        found = self._all.get(name.strip("/"))
        if found is None:
            raise Refusal(self._path, f"it has no variable {name!r}", self._choices())
        if not _is_numeric(found):
            raise Refusal(self._path, f"variable {name!r} is of type {found.dtype}, not of numbers", self._choices())
        if found.ndim not in DIMENSIONS:
            what = f"variable {name!r} is {found.ndim}D {_shape(found)}; two and three dimensions are supported"
            raise Refusal(self._path, what, self._choices())
        if 0 in found.shape:
            raise Refusal(self._path, f"variable {name!r} holds no values: its shape is {found.shape}", self._choices())
        return found

    def _choices(self) -> str:
        fit = [f"{name} {_shape(each)}" for name, each in self._data.items() if each.ndim in DIMENSIONS]
        other = [f"{name} ({each.ndim}D)" for name, each in self._data.items() if each.ndim > max(DIMENSIONS)]
        told = f"Choose with --variable: {', '.join(fit)}" if fit else "There is none that can be converted"
        return told + (f". Not supported: {', '.join(other)}" if other else "")


def _describe(path: Path, dataset: Any, variables: Mapping[str, Any]) -> Description:
    from dbproc.codes.source import origins

    first = next(iter(variables.values()))
    return Description(
        code=NAME,
        origins=origins([path]),
        shape=tuple(int(size) for size in first.shape),
        axes=tuple(_axis(first, name, int(size)) for name, size in zip(first.dimensions, first.shape, strict=True)),
        fields=tuple(_field(name, each) for name, each in variables.items()),
        orientation="as the coordinates say",
        attributes=_attributes(dataset),
    )


def _axis(variable: Any, name: str, size: int) -> Axis:
    """The axis of a dimension, with its coordinate variable's values where there is one."""
    import numpy as np

    from dbproc.codes.values import regular

    found = _coordinate(variable.group(), name)
    if found is None:
        return Axis(name, size)
    values, attributes = np.asarray(found[...]), _attributes(found)
    axis = Axis(
        name,
        size,
        units=_text(attributes, "units"),
        long_name=_text(attributes, "long_name"),
        standard_name=_text(attributes, "standard_name"),
        calendar=_text(attributes, "calendar"),
        coordinates=tuple(number(each) for each in values),
        attributes=attributes,
    )
    return replace(axis, regular=regular(np.asarray(axis.positions())))


def _coordinate(group: Any, name: str) -> Any:
    """The coordinate variable of a dimension: of its name, in this group or the nearest one above."""
    while group is not None:
        found = group.variables.get(name)
        if found is not None:
            return found if found.dimensions == (name,) and _is_numeric(found) else None
        group = group.parent
    return None


def _field(name: str, variable: Any) -> Field:
    attributes = _attributes(variable)
    low, high = _valid_range(variable, attributes)
    return Field(
        name=name,
        variable=_path(variable),
        dtype=variable.dtype.newbyteorder("=").name,
        units=_text(attributes, "units"),
        long_name=_text(attributes, "long_name"),
        standard_name=_text(attributes, "standard_name"),
        scale_factor=_first(attributes.get("scale_factor")),
        add_offset=_first(attributes.get("add_offset")),
        fills=_fills(variable, attributes),
        valid_min=low,
        valid_max=high,
        unsigned=str(attributes.get("_Unsigned", "")).lower() == "true",
        attributes=attributes,
    )


def _fills(variable: Any, attributes: Mapping[str, Any]) -> tuple[Number, ...]:
    """Declared fill and missing values; for want of a fill value the library's own, which bytes have not."""
    declared = [each for key in ("_FillValue", "missing_value") for each in _all_of(attributes.get(key))]
    if "_FillValue" not in attributes and variable.dtype.itemsize > 1:
        fills = importlib.import_module("netCDF4").default_fillvals
        declared.append(number(variable.dtype.type(fills[variable.dtype.str[1:]])))
    return tuple(
        dict.fromkeys(
            each for each in declared if not isinstance(each, str) or each in ("NaN", "Infinity", "-Infinity")
        )
    )


def _valid_range(variable: Any, attributes: Mapping[str, Any]) -> tuple[Number | None, Number | None]:
    """The range of valid stored values. Floats given for packed whole numbers mean unpacked ones: not used here."""
    pair = _all_of(attributes.get("valid_range"))
    if len(pair) != 2:
        pair = [_first(attributes.get("valid_min")), _first(attributes.get("valid_max"))]
    packed = "scale_factor" in attributes or "add_offset" in attributes
    usable = [each for each in pair if not isinstance(each, str)]
    if len(usable) < 2 or (packed and variable.dtype.kind in "iu" and any(isinstance(each, float) for each in pair)):
        return None, None
    return pair[0], pair[1]


def _text(attributes: Mapping[str, Any], name: str) -> str:
    return str(attributes.get(name, ""))


def _attributes(holder: Any) -> dict[str, Any]:
    return {name: plain(holder.getncattr(name)) for name in holder.ncattrs()}


def _all_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(value: Any) -> Any:
    return next(iter(_all_of(value)), None)


def _require_same_dimensions(path: Path, variables: Sequence[Any]) -> None:
    first = variables[0]
    for each in variables[1:]:
        if (each.dimensions, each.shape) != (first.dimensions, first.shape):
            what = f"{_path(first)} {_shape(first)} and {_path(each)} {_shape(each)} have different dimensions"
            raise Refusal(path, what, "Convert them one at a time")


def _walk(group: Any) -> Iterator[Any]:
    yield from group.variables.values()
    for each in group.groups.values():
        yield from _walk(each)


def _pointed(variable: Any) -> list[str]:
    texts = (str(variable.getncattr(name)) for name in variable.ncattrs() if name in POINTERS)
    return [word for text in texts for word in text.split()]


def _is_data(variable: Any, serving: set[str]) -> bool:
    """Whether a variable holds data, and does not only serve others as coordinates, bounds or a quality flag."""
    return _is_numeric(variable) and variable.name not in serving and variable.name not in variable.dimensions


def _is_numeric(variable: Any) -> bool:
    return getattr(variable.dtype, "kind", "") in ("i", "u", "f")


def _path(variable: Any) -> str:
    return f"{variable.group().path}/{variable.name}".strip("/").replace("//", "/")


def _shape(variable: Any) -> str:
    return f"({', '.join(f'{name}={size}' for name, size in zip(variable.dimensions, variable.shape, strict=True))})"


def _safe(name: str) -> str:
    """``name`` with what OpenVisus could stumble over replaced."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return safe if re.match(r"[A-Za-z_]", safe) else f"v_{safe}"


if __name__ == "__main__":
    sys.exit(main())
