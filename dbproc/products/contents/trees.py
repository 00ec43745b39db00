"""NetCDF and HDF5 files as trees of groups, dimensions and variables, whose values are read piece by piece."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_OBJECT_BYTES = 256
"""What a value of variable length is taken for."""

_OF_DIMENSION_SCALES = {"REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict"}
"""Attributes of HDF5 that libraries keep for themselves, and that say nothing that is not said elsewhere."""


@dataclass(frozen=True)
class Unreadable:
    """A value that cannot be read, and so is equal to none."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable or dataset. `read` takes a slice for each axis; `unreadable` says why its values cannot be read."""

    type: str
    shape: tuple[int, ...]
    dimensions: tuple[str, ...]
    attributes: Mapping[str, Any]
    sample_bytes: int
    read: Callable[[tuple[slice, ...]], Any]
    unreadable: str = ""


@dataclass(frozen=True)
class Tree:
    """What is in a file, by path: ``/`` is the file itself."""

    groups: dict[str, Mapping[str, Any]] = field(default_factory=dict)  #: the attributes of each
    variables: dict[str, Variable] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)  #: dimensions, links, types, in words
    unreadable: list[str] = field(default_factory=list)  #: what the library leaves out


@contextmanager
def netcdf_tree(path: str) -> Iterator[Tree]:
    """A NetCDF file, classic or 4; values as they are stored."""
    import netCDF4

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = netCDF4.Dataset(path)
    with dataset:
        dataset.set_auto_maskandscale(False)
        dataset.set_auto_chartostring(False)
        tree = Tree(unreadable=[str(warning.message) for warning in caught])
        _add_netcdf_group(tree, dataset)
        yield tree


def _add_netcdf_group(tree: Tree, group: Any) -> None:
    place = group.path.rstrip("/") + "/"
    tree.groups[group.path] = {name: group.getncattr(name) for name in group.ncattrs()}
    for name, dimension in group.dimensions.items():
        size = f"{len(dimension)}, unlimited" if dimension.isunlimited() else str(len(dimension))
        tree.others[f"{place}{name} (dimension)"] = size
    for name, variable in group.variables.items():
        tree.variables[place + name] = _netcdf_variable(variable)
    for child in group.groups.values():
        _add_netcdf_group(tree, child)


def _netcdf_variable(variable: Any) -> Variable:
    return Variable(
        type=_netcdf_type(variable),
        shape=tuple(variable.shape),
        dimensions=tuple(variable.dimensions),
        attributes={name: variable.getncattr(name) for name in variable.ncattrs()},
        sample_bytes=getattr(variable.dtype, "itemsize", 0) or _OBJECT_BYTES,
        read=lambda box: variable[box or ...],
    )


def _netcdf_type(variable: Any) -> str:
    import netCDF4

    kind = variable.datatype
    if kind is str or getattr(kind, "dtype", None) is str:
        return "text"
    if isinstance(kind, netCDF4.VLType):
        return f"lists of {_type_name(kind.dtype)}"
    if isinstance(kind, netCDF4.EnumType):
        return f"{_type_name(kind.dtype)} {dict(sorted(kind.enum_dict.items()))}"
    if isinstance(kind, netCDF4.CompoundType):
        return _type_name(kind.dtype)
    return _type_name(kind)


@contextmanager
def hdf5_tree(path: str) -> Iterator[Tree]:
    """An HDF5 file; every object once, further names of it as links."""
    import h5py

    with h5py.File(path, "r") as file:
        tree = Tree()
        _add_hdf5_group(tree, file, "/", {})
        yield tree


def _add_hdf5_group(tree: Tree, group: Any, path: str, seen: dict[object, str]) -> None:
    import h5py

    seen[_address(group)] = path
    tree.groups[path] = _hdf5_attributes(group)
    for name in group:
        place = f"{path.rstrip('/')}/{name}"
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            tree.others[place] = f"link to {link.path} of {link.filename}"
        elif isinstance(link, h5py.SoftLink):
            tree.others[place] = f"link to {link.path}"
        else:
            _add_hdf5_object(tree, group[name], place, seen)


def _add_hdf5_object(tree: Tree, item: Any, place: str, seen: dict[object, str]) -> None:
    import h5py

    known = seen.setdefault(_address(item), place)
    if known != place:
        tree.others[place] = f"the same as {known}"
    elif isinstance(item, h5py.Group):
        _add_hdf5_group(tree, item, place, seen)
    elif isinstance(item, h5py.Dataset):
        tree.variables[place] = _hdf5_variable(item)
    else:
        tree.others[place] = f"type {_type_name(item.dtype)}"


def _address(item: Any) -> object:
    import h5py

    facts = h5py.h5o.get_info(item.id)
    return facts.fileno, facts.addr


def _hdf5_variable(dataset: Any) -> Variable:
    import h5py

    try:
        kind, unreadable = dataset.dtype, ""
    except TypeError as error:
        return _unreadable(dataset, str(error))
    if dataset.shape is None:
        return _unreadable(dataset, "")
    references = _references(kind)
    if h5py.RegionReference in references:
        unreadable = "it refers to regions"
    return Variable(
        type=_hdf5_type(kind),
        shape=dataset.shape,
        dimensions=tuple(map(_axis, dataset.dims, dataset.maxshape)),
        attributes=_hdf5_attributes(dataset),
        sample_bytes=_OBJECT_BYTES if kind.hasobject else kind.itemsize,
        read=lambda box: _named(dataset.file, dataset[box]) if references else dataset[box],
        unreadable=unreadable,
    )


def _unreadable(dataset: Any, why: str) -> Variable:
    """A dataset of no known type, or without any value."""
    return Variable(
        type=why or "nothing",
        shape=(0,),
        dimensions=(),
        attributes=_hdf5_attributes(dataset),
        sample_bytes=1,
        read=lambda box: None,
        unreadable=why,
    )


def _axis(dimension: Any, most: int | None) -> str:
    return f"{dimension.label or '-'}{', unlimited' if most is None else ''}"


def _hdf5_type(kind: Any) -> str:
    import h5py

    inner = h5py.check_vlen_dtype(kind)
    if h5py.check_string_dtype(kind) is not None and kind.kind == "O":
        return "text"
    if inner is not None:
        return f"lists of {_hdf5_type(inner)}"
    members = h5py.check_enum_dtype(kind)
    return f"{_type_name(kind)} {dict(sorted(members.items()))}" if members else _type_name(kind)


def _hdf5_attributes(item: Any) -> dict[str, Any]:
    found = {}
    for name in item.attrs:
        if name not in _OF_DIMENSION_SCALES:
            try:
                found[name] = _named(item.file, item.attrs[name])
            except (TypeError, OSError, KeyError, ValueError) as error:
                found[name] = Unreadable(str(error))
    return found


def _references(kind: Any) -> set[Any]:
    """The types of references in a type: to objects, to regions."""
    import h5py

    if kind.names:
        return set().union(*(_references(kind[name]) for name in kind.names))
    return {h5py.check_ref_dtype(kind.base)} - {None}


def _named(file: Any, value: Any) -> Any:
    """The value with names of objects in the place of references to them."""
    import h5py
    import numpy as np

    if isinstance(value, h5py.RegionReference):
        return Unreadable("it refers to a region")
    if isinstance(value, h5py.Reference):
        return file[value].name if value else None
    if isinstance(value, np.void) and value.dtype.names:
        return tuple(_named(file, value[name]) for name in value.dtype.names)
    if isinstance(value, np.ndarray) and (value.dtype.hasobject or value.dtype.kind == "O"):
        named = np.empty(value.size, object)
        for position, item in enumerate(value.reshape(-1)):
            named[position] = _named(file, item)
        return named.reshape(value.shape)
    return value


def _type_name(kind: Any) -> str:
    """The type without the order of its bytes, which is not part of the contents."""
    if kind.names:
        return "{" + ", ".join(f"{name}: {_type_name(kind[name])}" for name in kind.names) + "}"
    if kind.subdtype:
        return f"{_type_name(kind.subdtype[0])}{list(kind.shape)}"
    return f"bytes[{kind.itemsize}]" if kind.kind == "S" else str(kind.newbyteorder("=").name)
