#!/usr/bin/env python3
"""Convert variables of a NetCDF file to an IDX dataset: ``[--variable NAME]... INPUT OUTPUT.idx``.

Classic, 64-bit and NetCDF-4 files, groups included; variables of one to five dimensions. Values are kept exactly as
they are stored: packed ones stay packed (scale and offset go into the metadata) unless ``--unpack`` is given, missing
ones keep their fill.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats.field_names import distinct
from dbproc.codes.formats.selection import Selection, require_alike
from dbproc.codes.idx.coordinates import require_few
from dbproc.codes.idx.description import Axis, Description, Field, Number, number, plain

if TYPE_CHECKING:
    from dbproc.codes.formats.plain_reading import PlainNetcdf
    from dbproc.codes.formats.unpacking import Unpacking
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "netcdf_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".nc", ".nc4", ".cdf"))
DIMENSIONS = range(1, 7)
"""How many dimensions a variable may have."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert variables of a NetCDF file to IDX, exactly.")
    parser.add_argument(
        "--variable", action="append", metavar="NAME", help="a variable of 1 to 5 dimensions (group/name); repeatable"
    )
    parser.add_argument(
        "--unpack",
        action="store_true",
        help="store packed values as the floats they stand for, missing ones as NaN (default: as they are)",
    )
    return CONVERTER.main(parser, arguments, lambda given: {"variables": given.variable, "unpack": given.unpack})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[NetcdfSource]:
    """Open a NetCDF file.

    ``options["variables"]`` names the variables wanted, none meaning the only one there is; ``options["unpack"]`` says
    whether packed ones are unpacked.
    """
    from dbproc.codes.formats.classic import require_whole
    from dbproc.codes.formats.hdf5_links import require_own

    (path,) = inputs
    require_whole(path)
    require_own(path)
    with ExitStack() as stack, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        dataset = stack.enter_context(importlib.import_module("netCDF4").Dataset(path))
        dataset.set_auto_maskandscale(False)
        dataset.set_always_mask(False)
        variables = _Variables(path, dataset, [str(each.message) for each in heard])
        source = NetcdfSource(path, dataset, variables.chosen(options), bool(options.get("unpack")))
        stack.callback(source.close)
        yield source


class NetcdfSource:
    """Variables of one shape in an open NetCDF file, as the writer wants them."""

    def __init__(self, path: Path, dataset: Any, variables: Sequence[Any], unpack: bool) -> None:
        kinds = [(f"{_path(each)} {_shape(each)}", (each.dimensions, each.shape)) for each in variables]
        for each in kinds[1:]:
            require_alike(path, [kinds[0], each], "{} have different dimensions")
        names = distinct(path, [_path(each) for each in variables])
        self._path, self._stack = path, ExitStack()
        self._plain: PlainNetcdf | None = None
        self._stored = {name: _Stored(path, each) for name, each in zip(names, variables, strict=True)}
        fields = {name: _field(name, each) for name, each in zip(names, variables, strict=True)}
        self._unpacking: dict[str, Unpacking] = {}
        if unpack:
            found = {name: _unpacking(fields[name], each.variable) for name, each in self._stored.items()}
            self._unpacking = {name: each for name, each in found.items() if each is not None}
        fields.update((name, each.field) for name, each in self._unpacking.items())
        notes = [note for each in self._stored.values() for note in each.notes()]
        notes += [f"{name} = {each.formula}" for name, each in self._unpacking.items()]
        self.description = replace(_describe(path, dataset, variables), fields=tuple(fields.values()), notes=(*notes,))

    def read(self, field: str, box: Box) -> Values:
        """The values of a field inside ``box``."""
        from dbproc.codes.idx.values import native

        values = self._stored[field].read(box)
        return self._unpacking[field].apply(native(values)) if field in self._unpacking else values

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The values that the library has in ``box``, from the file opened anew."""
        from dbproc.codes.formats.plain_reading import PlainNetcdf
        from dbproc.codes.idx.values import native

        if self._plain is None:
            self._plain = PlainNetcdf(self._path, self._stack)
        for inside, values in self._plain.read(_path(self._stored[field].variable), box):
            yield inside, self._unpacking[field].apply(native(values)) if field in self._unpacking else values

    def close(self) -> None:
        """Give back what copies took."""
        self._stack.close()
        for each in self._stored.values():
            each.close()


class _Stored:
    """The stored values of one variable, no chunk decoded again and again."""

    def __init__(self, path: Path, variable: Any) -> None:
        from dbproc.codes.formats import chunks

        self._path, self.variable = path, variable
        self._copy: Any = None
        self._chunk: tuple[int, ...] | None = None
        found = variable.chunking()
        if isinstance(found, list):
            layer = chunks.layer_bytes(variable.shape, tuple(found), variable.dtype.itemsize)
            if layer > chunks.LAYER:
                self._chunk = tuple(found)
            else:
                count = chunks.count(variable.shape, tuple(found))
                variable.set_var_chunk_cache(size=min(2 * layer, chunks.CACHE), nelems=2 * min(count, 50_000) + 1)

    def read(self, box: Box) -> Values:
        """The values inside ``box``, from a copy in the order of slabs where the chunks lie across it."""
        if self._chunk is not None and self._copy is None:
            self._copy = self._copied(self._chunk)
        return self._decoded(box) if self._copy is None else self._copy.read(box)

    def notes(self) -> Iterator[str]:
        """What is to be told about how the values are kept."""
        unwritten = _unwritten(self._path, self.variable)
        if unwritten:
            yield f"{_path(self.variable)}: {unwritten} never written; they read as the fill value"

    def close(self) -> None:
        """Give back what a copy took."""
        if self._copy is not None:
            self._copy.close()

    def _decoded(self, box: Box) -> Values:
        import numpy as np

        values = np.asarray(self.variable[box])
        return values.view(self.variable.dtype) if values.dtype.kind == "b" else values

    def _copied(self, chunk: tuple[int, ...]) -> Any:
        from dbproc.codes.formats import array_file, chunks

        shape, dtype = self.variable.shape, self.variable.dtype.newbyteorder("=")
        steps = chunks.steps(shape, chunk, dtype.itemsize, array_file.WINDOW)
        return array_file.Copy(self._path, shape, dtype, array_file.tiles(shape, steps), self._decoded)


class _Variables:
    """The variables of a file by their paths, and what of them may be meant."""

    def __init__(self, path: Path, dataset: Any, complaints: Sequence[str]) -> None:
        from dbproc.codes.formats import cf

        self._selection = Selection(path, "--variable", self._told)
        self._complaints = complaints
        self._all = {_path(each): each for each in _walk(dataset)}
        serving = {name for each in self._all.values() for name in cf.pointed(_attributes(each))}
        self._data = {name: each for name, each in self._all.items() if _is_data(each, serving)}

    def chosen(self, options: Mapping[str, Any]) -> list[Any]:
        """The variables that are named, or the only one of data."""
        names = options.get("variables") or [
            self._selection.only(
                list(self._data),
                "several variables could be meant",
                "it has no data variable that can be converted",
            )
        ]
        return [self._named(name) for name in names]

    def _named(self, name: str) -> Any:
        found = self._all.get(name.strip("/"))
        if found is None:
            unread = [each for each in self._complaints if f"'{name.strip('/').split('/')[-1]}'" in each]
            what = f"variable {name!r} is of an unsupported type" if unread else f"it has no variable {name!r}"
            raise self._selection.refusal(what)
        if why := _unfit(found):
            raise self._selection.refusal(f"variable {name!r} {why}")
        return found

    def _told(self) -> tuple[list[str], list[str]]:
        """What can be converted, and what there is besides."""
        fit = [f"{name} {_shape(each)}" for name, each in self._data.items() if each.ndim in DIMENSIONS]
        deep = [f"{name} ({each.ndim}D)" for name, each in self._data.items() if each.ndim > max(DIMENSIONS)]
        kinds = {name: _foreign(each) for name, each in self._all.items()}
        return fit, deep + [f"{name} ({kind})" for name, kind in kinds.items() if kind]


def _describe(path: Path, dataset: Any, variables: Sequence[Any]) -> Description:
    from dbproc.codes.formats import orientation
    from dbproc.codes.idx.files import origins

    first = variables[0]
    axes = tuple(_axis(first, name, int(size)) for name, size in zip(first.dimensions, first.shape, strict=True))
    return Description(
        code=NAME,
        origins=origins([path]),
        shape=tuple(int(size) for size in first.shape),
        axes=axes,
        fields=(),
        orientation=orientation.told(axes),
        attributes={
            **_attributes(dataset),
            **_group_attributes(variables),
            **_auxiliary(variables),
            "axes_without_coordinates": [axis.name for axis in axes if axis.coordinates is None],
        },
    )


def _axis(variable: Any, name: str, size: int) -> Axis:
    """The axis of a dimension, with its coordinate variable's values where there is one, and its bounds."""
    import numpy as np

    from dbproc.codes.formats import cf
    from dbproc.codes.idx.values import regular

    found = _coordinate(variable.group(), name)
    if found is None:
        return Axis(name, size)
    attributes = _attributes(found)
    bounds = _found(found.group(), cf.text(attributes, "bounds") or cf.text(attributes, "climatology"))
    require_few(f"axis {name}", size if bounds is None else size + bounds.size)
    values = np.asarray(found[...])
    told = {**attributes, "dtype": found.dtype.newbyteorder("=").name}
    if bounds is not None and not _foreign(bounds) and bounds.ndim == 2:
        told["bounds_values"] = plain(bounds[...])
    axis = Axis(
        name,
        size,
        units=cf.text(attributes, "units"),
        long_name=cf.text(attributes, "long_name"),
        standard_name=cf.text(attributes, "standard_name"),
        calendar=cf.text(attributes, "calendar"),
        coordinates=tuple(number(each) for each in values),
        attributes=told,
    )
    return replace(axis, regular=regular(np.asarray(axis.positions())))


def _coordinate(group: Any, name: str) -> Any:
    """The coordinate variable of a dimension: of its name, in this group or the nearest one above."""
    found = _found(group, name)
    return found if found is not None and found.dimensions == (name,) and not _foreign(found) else None


def _found(group: Any, name: str) -> Any:
    """The variable of that name in this group or the nearest one above; None where there is none."""
    while group is not None:
        if name in group.variables:
            return group.variables[name]
        group = group.parent
    return None


def _auxiliary(variables: Sequence[Any]) -> dict[str, Any]:
    """What serves the variables besides the axes: further coordinates, the grid mapping."""
    from dbproc.codes.formats import cf

    coordinates, mappings = {}, {}
    for each in variables:
        attributes = _attributes(each)
        for name in cf.text(attributes, "coordinates").split():
            found = _found(each.group(), name)
            if found is not None and name not in each.dimensions:
                coordinates[name] = _auxiliary_coordinate(found)
        for name in cf.text(attributes, "grid_mapping").replace(":", " ").split():
            found = _found(each.group(), name)
            if found is not None:
                mappings[name] = _attributes(found)
    told = {"auxiliary_coordinates": coordinates, "grid_mappings": mappings}
    return {name: content for name, content in told.items() if content}


def _auxiliary_coordinate(variable: Any) -> dict[str, Any]:
    """A scalar or one-dimensional coordinate with its values; of larger ones what they are."""
    told = {"dimensions": list(variable.dimensions), "shape": list(variable.shape), **_attributes(variable)}
    if variable.dtype == "S1" and variable.ndim in (1, 2):
        return {**told, "values": plain(importlib.import_module("netCDF4").chartostring(variable[...]))}
    if variable.ndim > 1 or _foreign(variable) not in ("", "text"):
        return {**told, "values": "not kept"}
    return {**told, "values": plain(variable[...])}


def _group_attributes(variables: Sequence[Any]) -> dict[str, Any]:
    """The attributes of the groups that the variables lie in, by the groups' paths."""
    found: dict[str, Any] = {}
    for each in variables:
        group = each.group()
        while group is not None and group.parent is not None:
            found[group.path] = _attributes(group)
            group = group.parent
    return {"groups": found} if found else {}


def _field(name: str, variable: Any) -> Field:
    from dbproc.codes.formats import cf

    attributes = _attributes(variable)
    low, high = cf.valid_range(variable.dtype, attributes)
    meanings = {"enum": plain(variable.datatype.enum_dict)} if hasattr(variable.datatype, "enum_dict") else {}
    return Field(
        name=name,
        variable=_path(variable),
        dtype=variable.dtype.newbyteorder("=").name,
        units=cf.text(attributes, "units"),
        long_name=cf.text(attributes, "long_name"),
        standard_name=cf.text(attributes, "standard_name"),
        scale_factor=cf.first(attributes.get("scale_factor")),
        add_offset=cf.first(attributes.get("add_offset")),
        fills=_fills(variable, attributes),
        valid_min=low,
        valid_max=high,
        unsigned=cf.unsigned(attributes),
        attributes={**attributes, **meanings},
    )


def _fills(variable: Any, attributes: Mapping[str, Any]) -> tuple[Number, ...]:
    """Declared fill and missing values; for want of a fill value the library's own, which bytes have not."""
    from dbproc.codes.formats import cf

    declared = cf.declared_fills(attributes)
    if "_FillValue" in attributes or variable.dtype.itemsize == 1:
        return declared
    fills = importlib.import_module("netCDF4").default_fillvals
    default = number(variable.dtype.type(fills[variable.dtype.str[1:]]))
    return declared if default in declared else (*declared, default)


def _unpacking(field: Field, variable: Any) -> Unpacking | None:
    """How a field is to be unpacked; None where it is not packed."""
    import numpy as np

    from dbproc.codes.formats import cf
    from dbproc.codes.formats.unpacking import Unpacking

    if not field.packed:
        return None
    packing = [
        np.asarray(variable.getncattr(key)) for key in ("scale_factor", "add_offset") if key in variable.ncattrs()
    ]
    single = all(each.dtype == np.float32 for each in packing)
    return Unpacking(field, "float32" if single else "float64", cf.unpacked_range(variable.dtype, field.attributes))


def _unwritten(path: Path, variable: Any) -> str:
    """How much of a variable of an HDF5 file has no place in it; empty where all has."""
    import h5py

    from dbproc.codes.formats import chunks

    if not h5py.is_hdf5(path):
        return ""
    with h5py.File(path, "r") as file:
        dataset = file.get(_path(variable))
        if not isinstance(dataset, h5py.Dataset) or not dataset.size:
            return ""
        if dataset.chunks is None:
            return "" if dataset.id.get_storage_size() else "its values were"
        missing = chunks.count(dataset.shape, dataset.chunks) - int(dataset.id.get_num_chunks())
        return f"{missing} of {missing + int(dataset.id.get_num_chunks())} chunks were" if missing else ""


def _attributes(holder: Any) -> dict[str, Any]:
    return {name: plain(holder.getncattr(name)) for name in holder.ncattrs()}


def _walk(group: Any) -> Iterator[Any]:
    yield from group.variables.values()
    for each in group.groups.values():
        yield from _walk(each)


def _is_data(variable: Any, serving: set[str]) -> bool:
    """Whether a variable holds data, and does not only serve others as coordinates, bounds or a quality flag."""
    serves = variable.name in serving or variable.name in variable.dimensions
    return not _foreign(variable) and not serves and variable.ndim > 0


def _unfit(variable: Any) -> str:
    """Why a variable cannot be converted; empty when it can."""
    if kind := _foreign(variable):
        return f"is {kind}, not of numbers"
    if variable.ndim not in DIMENSIONS:
        return f"is {variable.ndim}D {_shape(variable)}; one to five dimensions are supported"
    return f"holds no values: its shape is {variable.shape}" if 0 in variable.shape else ""


def _foreign(variable: Any) -> str:
    """What a variable is that does not hold numbers; empty when it does."""
    if getattr(variable, "_isvlen", False):
        return "text" if variable.dtype is str else "of variable length"
    kind = getattr(variable.dtype, "kind", "")
    return "" if kind in ("i", "u", "f") else {"S": "text", "U": "text", "V": "compound"}.get(kind, str(variable.dtype))


def _path(variable: Any) -> str:
    return f"{variable.group().path}/{variable.name}".strip("/").replace("//", "/")


def _shape(variable: Any) -> str:
    return f"({', '.join(f'{name}={size}' for name, size in zip(variable.dimensions, variable.shape, strict=True))})"


if __name__ == "__main__":
    sys.exit(main())
