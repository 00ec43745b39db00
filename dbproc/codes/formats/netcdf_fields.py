"""What variables of a NetCDF file are as fields, and what belongs to them: axes, further coordinates, packing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.formats import cf, chunks, hdf5_storage
from dbproc.codes.formats.field_names import distinct_axes
from dbproc.codes.formats.netcdf import attributes_of, foreign_kind, found_from, path_of, places, words_of
from dbproc.codes.formats.unpacking import Unpacking
from dbproc.codes.idx import coordinates
from dbproc.codes.idx.description import Axis, Field, Number, number, plain
from dbproc.codes.idx.refusal import Refusal

NOT_KEPT = "not kept"
"""How it is begun to say why the values of a further coordinate are not in the metadata."""


def axes(variable: Any) -> tuple[Axis, ...]:
    """The axes of a variable, slowest first."""
    return distinct_axes([_axis(variable, i, int(size)) for i, size in enumerate(variable.shape)])


def field(name: str, variable: Any) -> Field:
    """The field of a variable, with what its attributes say of the values."""
    attributes = attributes_of(variable)
    low, high = cf.valid_range(variable.dtype, attributes)
    meanings = {"enum": plain(variable.datatype.enum_dict)} if hasattr(variable.datatype, "enum_dict") else {}
    return Field(
        name=name,
        variable=path_of(variable),
        dtype=variable.dtype.newbyteorder("=").name,
        units=cf.text(attributes, "units"),
        long_name=cf.text(attributes, "long_name"),
        standard_name=cf.text(attributes, "standard_name"),
        scale_factor=cf.alone(attributes.get("scale_factor")),
        add_offset=cf.alone(attributes.get("add_offset")),
        fills=_fills(variable, attributes),
        valid_min=low,
        valid_max=high,
        unsigned=cf.unsigned(attributes),
        attributes={**attributes, **meanings},
    )


def unpacking(stored: Field, variable: Any) -> Unpacking | None:
    """How a field is to be unpacked; None where it is not packed."""
    if not stored.packed:
        return None
    packing = [np.asarray(variable.getncattr(key)) for key in cf.PACKING if getattr(stored, key) is not None]
    single = all(each.dtype == np.float32 for each in packing)
    return Unpacking(stored, "float32" if single else "float64", cf.unpacked_range(variable.dtype, stored.attributes))


def notes(path: Path, variables: Sequence[Any]) -> Iterator[str]:
    """What is to be told of variables: values that were never written, attributes that are not what they should be.

    Raises
    ------
    Refusal
        Where values were never written and there is no fill value for them.
    """
    for each in variables:
        yield from _unwritten(path, each)
        yield from cf.odd_packing_notes(path_of(each), attributes_of(each))


def left_out(told: Mapping[str, Any]) -> Iterator[str]:
    """The note on further coordinates whose values are too many."""
    further = told.get("auxiliary_coordinates", {})
    large = [name for name, each in further.items() if str(each["values"]).startswith(f"{NOT_KEPT}: they are")]
    if large:
        yield f"{', '.join(large)} are too large for the metadata; convert them as fields (--variable NAME)"


def auxiliary(variables: Sequence[Any]) -> dict[str, Any]:
    """What serves the variables besides the axes: further coordinates, the grid mapping."""
    found, mappings = {}, {}
    for each in variables:
        attributes = attributes_of(each)
        for name, serving in _serving(each, cf.text(attributes, "coordinates").split()).items():
            found[name] = _further(each, serving)
        for name in cf.text(attributes, "grid_mapping").replace(":", " ").split():
            mapping = found_from(each.group(), name)
            if mapping is not None:
                mappings[name] = attributes_of(mapping)
    told = {"auxiliary_coordinates": found, "grid_mappings": mappings}
    return {name: content for name, content in told.items() if content}


def group_attributes(variables: Sequence[Any]) -> dict[str, Any]:
    """The attributes of the groups that the variables lie in, by the groups' paths."""
    found: dict[str, Any] = {}
    for each in variables:
        group = each.group()
        while group is not None and group.parent is not None:
            found[group.path] = attributes_of(group)
            group = group.parent
    return {"groups": found} if found else {}


def _axis(variable: Any, i: int, size: int) -> Axis:
    """The axis of a dimension, with its coordinate variable's values where there is one, and its bounds."""
    name = variable.dimensions[i]
    found = _coordinate(variable, i)
    if found is None:
        return Axis(name, size)
    told = cf.with_numbers(attributes_of(found))
    axis = Axis(
        name,
        size,
        units=cf.text(told, "units"),
        long_name=cf.text(told, "long_name"),
        standard_name=cf.text(told, "standard_name"),
        calendar=cf.text(told, "calendar"),
        attributes=told,
    )
    if foreign_kind(found):
        return Axis(name, size, attributes={**told, "labels": words_of(found)})
    bounds, further = _bounds(found, told)
    kept = {"dtype": found.dtype.newbyteorder("=").name, **bounds}
    whole = replace(axis, attributes={**told, **kept})
    try:
        list(_unwritten(Path(found.group().filepath()), found))
    except Refusal as refusal:
        return coordinates.without(whole, refusal.what)
    return coordinates.placed(whole, np.asarray(found[...]), _fills(found, told), further)


def _bounds(coordinate: Any, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The bounds of a coordinate variable's cells, or why they are not kept; and how many numbers are."""
    name = cf.text(attributes, "bounds") or cf.text(attributes, "climatology")
    found = found_from(coordinate.group(), name)
    if found is None or foreign_kind(found) or found.ndim != 2 or places(found)[:1] != places(coordinate):
        return {}, 0
    if found.size > coordinates.MOST:
        return {"bounds_values": f"{NOT_KEPT}: {coordinates.too_many(found.size)}"}, 0
    return {"bounds_values": plain(found[...])}, found.size


def _coordinate(variable: Any, i: int) -> Any:
    """The coordinate variable of a dimension: of its name, in this group or the nearest one above, and along it."""
    place = places(variable)[i]
    found = found_from(variable.group(), place[1])
    if found is None or places(found)[:1] != [place]:
        return None
    letters = found.ndim == 2 and found.dtype == "S1"
    return found if foreign_kind(found) in ("", "text") and (found.ndim == 1 or letters) else None


def _serving(variable: Any, named: Sequence[str]) -> dict[str, Any]:
    """The variables that hold further coordinates: those that are named, latitudes and longitudes, and words."""
    own = set(places(variable))
    found = {name: found_from(variable.group(), name) for name in named if name not in variable.dimensions}
    group = variable.group()
    while group is not None:
        for name, each in group.variables.items():
            if name not in variable.dimensions and name != variable.name and name not in found and each.ndim:
                is_word = foreign_kind(each) == "text" and set(places(each)[:1]) <= own
                is_place = not foreign_kind(each) and cf.is_place(attributes_of(each)) and set(places(each)) <= own
                if is_word or is_place:
                    found[name] = each
        group = group.parent
    return {name: each for name, each in found.items() if each is not None}


def _further(variable: Any, serving: Any) -> dict[str, Any]:
    """A further coordinate with its values; of one that is too large, or lies along other dimensions, what it is."""
    told = {"dimensions": list(serving.dimensions), "shape": list(serving.shape), **attributes_of(serving)}
    letters = foreign_kind(serving) == "text" and serving.dtype == "S1"
    if not set(places(serving)[: -1 if letters else None]) <= set(places(variable)):
        return {**told, "values": f"{NOT_KEPT}: it has other dimensions"}
    if serving.size > coordinates.MOST:
        return {**told, "values": f"{NOT_KEPT}: {coordinates.too_many(serving.size)}"}
    if foreign_kind(serving) == "text":
        return {**told, "values": words_of(serving)}
    return {**told, "values": NOT_KEPT if foreign_kind(serving) else plain(serving[...])}


def _fills(variable: Any, attributes: Mapping[str, Any]) -> tuple[Number, ...]:
    """Declared fill and missing values; for want of a fill value the library's own, which bytes have not."""
    declared = cf.declared_fills(attributes)
    if "_FillValue" in attributes or variable.dtype.itemsize == 1:
        return declared
    fills = importlib.import_module("netCDF4").default_fillvals
    default = number(variable.dtype.type(fills[variable.dtype.str[1:]]))
    return declared if default in declared else (*declared, default)


def _unwritten(path: Path, variable: Any) -> Iterator[str]:
    """The note on how much of a variable of an HDF5 file has no place in it; a refusal where nothing stands for it."""
    import h5py

    if not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:
        dataset = file.get(path_of(variable))
        if not isinstance(dataset, h5py.Dataset) or not variable.size:
            return
        where = path_of(variable)
        if dataset.chunks is None:
            absent = 0 if dataset.id.get_storage_size() else variable.size
            yield from hdf5_storage.unwritten(path, dataset, where, absent, f"{variable.size} values")
            return
        needed = chunks.count(variable.shape, dataset.chunks)
        absent = needed - int(dataset.id.get_num_chunks())
        yield from hdf5_storage.unwritten(path, dataset, where, absent, f"{needed} chunks")
