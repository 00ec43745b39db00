"""What an HDF5 dataset holds, as a field and its axes: types, meaning of the values, dimension scales."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats.cf import alone, odd_packing_notes, packed, with_numbers
from dbproc.codes.formats.field_names import distinct_axes, safe
from dbproc.codes.formats.hdf5 import Tree, attributes, decoded, is_dataset, name_of, one_attribute, text
from dbproc.codes.formats.hdf5_members import is_member, members
from dbproc.codes.formats.hdf5_storage import filters, require_readable, stored
from dbproc.codes.formats.selection import Candidate
from dbproc.codes.idx import coordinates
from dbproc.codes.idx.description import Axis, Field, Number, number, plain
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import whole

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

RANK = 6
"""Axes that a dataset may have; with as many, one must become timesteps."""
SAMPLE_BYTES = 32
"""The largest sample (all components of a point) that OpenVisus stores."""
SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}
"""Bytes that numbers of each kind may have."""
SERVING = ("DIMENSION_SCALE", "PALETTE")
"""Classes of datasets which only serve other ones."""
NOT_READ = "its type is not read"
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
"""How NetCDF-4 names a dimension scale that has no values."""


@dataclass(frozen=True)
class Form:
    """How the values of a dataset are stored: ``dtype``, ``components`` to a sample, and what is to be noted."""

    dtype: str
    components: int = 1
    note: str = ""


def unfit(dataset: Any) -> str:
    """Why a dataset cannot be converted; empty when it can."""
    import h5py

    kinds = {
        h5py.h5t.STRING: "text",
        h5py.h5t.BITFIELD: "bit fields",
        h5py.h5t.OPAQUE: "opaque bytes",
        h5py.h5t.REFERENCE: "references",
        h5py.h5t.VLEN: "sequences of various lengths",
    }
    kind = dataset.id.get_type().get_class()
    if kind in kinds:
        return f"it holds {kinds[kind]}, not numbers"
    if dataset.shape is None or dataset.shape == () or 0 in dataset.shape:
        return "it is a single value" if dataset.shape == () else "it holds no values"
    if text(one_attribute(dataset, "NAME")).startswith(NO_VARIABLE):
        return "it holds no values: it is a dimension of NetCDF"
    if len(dataset.shape) > RANK:
        return f"it has {len(dataset.shape)} axes; at most {RANK} are supported"
    return _unfit_type(dataset)


def candidate(path: str, dataset: Any) -> Candidate:
    """A dataset as one that may be chosen; what is of an odd type is told among the choices."""
    name, why = path.strip("/"), unfit(dataset)
    if why:
        is_odd = dataset.shape and "text" not in why
        return Candidate(name, name, (), unfit=f"cannot be converted: {why}", kind=_in_short(why) if is_odd else "")
    serves = text(one_attribute(dataset, "CLASS")) in SERVING or is_member(dataset)
    return Candidate(name, f"{name} {shape(dataset)}", dataset.shape, serves=serves, is_second=len(dataset.shape) == 1)


def candidates(path: str, dataset: Any) -> list[Candidate]:
    """A dataset and the members of its values, which are meant only where they are named, or there is nothing else."""
    found = (candidate(f"{path}/{name}", each) for name, each in members(dataset))
    return [candidate(path, dataset), *(each for each in found if not each.unfit)]


def form(dataset: Any) -> Form:
    """How a dataset that is fit is stored."""
    import h5py
    import numpy as np

    base, shape = dataset.dtype.subdtype or (dataset.dtype, (1,))
    if base.kind == "b":
        return Form("uint8", shape[0], "truth values are stored as 0 and 1")
    if base.kind == "c":
        return Form(f"float{base.itemsize * 4}", 2, "complex numbers are stored as two components, real and imaginary")
    named = "enumerated values are stored as their numbers" if h5py.check_enum_dtype(base) else ""
    return Form(np.dtype(base.str).newbyteorder("=").name, shape[0], named)


def notes(path: str, dataset: Any) -> Iterator[str]:
    """What is to be told of how a dataset is stored, and of attributes that are not what they should be."""
    if form(dataset).note:
        yield f"{path}: {form(dataset).note}"
    yield from odd_packing_notes(path, attributes(dataset))


def read(tree: Tree, dataset: Any, box: Box) -> Values:
    """The stored values of a dataset inside ``box``, components last."""
    import numpy as np

    values = stored(tree, dataset, box)
    if values.dtype.kind == "b":
        return values.view(np.uint8)
    if values.dtype.kind == "c":
        parts = np.dtype(f"{values.dtype.byteorder}f{values.dtype.itemsize // 2}")
        return values[..., np.newaxis].view(parts)
    return values.view(values.dtype.str)


def field(name: str, path: str, dataset: Any) -> Field:
    """The field of a dataset, with what its attributes say of the values."""
    found, kept = attributes(dataset), form(dataset)
    low, high = _valid_range(found, kept)
    return Field(
        name=name,
        variable=path,
        dtype=kept.dtype,
        components=kept.components,
        units=text(found.get("units")),
        long_name=text(found.get("long_name")),
        standard_name=text(found.get("standard_name")),
        scale_factor=alone(found.get("scale_factor")),
        add_offset=alone(found.get("add_offset")),
        fills=_fills(dataset, found),
        valid_min=low,
        valid_max=high,
        unsigned=text(found.get("_Unsigned")).lower() == "true",
        attributes={**found, "hdf5": _storage(dataset)},
    )


def axes(tree: Tree, path: str, dataset: Any) -> tuple[Axis, ...]:
    """The axes of a dataset by its dimension scales; those that have none are called ``dim_0`` and so on."""
    return distinct_axes([_axis(tree, path, dataset, i) for i in range(len(dataset.shape))])


def axis(tree: Tree, name: str, size: int, scale: Any, where: str, further: Mapping[str, Any] | None = None) -> Axis:
    """The axis that a dataset of one dimension gives coordinates for; ``further`` attributes join its own.

    Coordinates that are not as many as the axis is long are left out, and its attributes say so; one more than that
    are edges, whose middles are the coordinates. Words are kept as labels.
    """
    import h5py

    found = with_numbers({**attributes(scale), **(further or {})})
    told = Axis(
        name,
        size,
        units=text(found.get("units")),
        long_name=text(found.get("long_name")),
        standard_name=text(found.get("standard_name")),
        calendar=text(found.get("calendar")),
        attributes=found,
    )
    if scale.shape not in ((size,), (size + 1,)):
        return coordinates.without(
            told, f"{where} has the shape {scale.shape}: none of its values is kept as a coordinate"
        )
    if unfit(scale).startswith(NOT_READ):
        return coordinates.without(told, f"{where}: {unfit(scale)}")
    if h5py.check_string_dtype(scale.dtype):
        require_readable(tree, scale, where)
        labels = [plain(decoded(each)) for each in scale[...]]
        return replace(told, attributes={**found, "labels": labels}) if len(labels) == size else told
    if unfit(scale) or form(scale).components > 1:
        return coordinates.without(told, f"{where} holds no plain numbers: {scale.dtype}")
    require_readable(tree, scale, where)
    return _placed(told, read(tree, scale, whole(scale.shape)), _fills(scale, found))


def common(tree: Tree, all_axes: Mapping[str, Sequence[Axis]]) -> tuple[Axis, ...]:
    """The axes of datasets of one shape: of each axis the one that has coordinates or a name.

    Raises
    ------
    Refusal
        Where two datasets have different ones.
    """
    chosen: list[Axis] = []
    for i, each in enumerate(zip(*all_axes.values(), strict=True)):
        told = [one for one in each if one != Axis(f"dim_{i}", one.size)]
        if any(one != told[0] for one in told[1:]):
            what = f"{' and '.join(all_axes)} have different coordinates on axis {i}: {', '.join(a.name for a in told)}"
            raise Refusal(tree.path, what, "Convert them one at a time")
        chosen.append(told[0] if told else each[0])
    return tuple(chosen)


def field_names(paths: Sequence[str]) -> list[str]:
    """Names that OpenVisus takes: the last part of each path, the whole path where that is not one of its kind."""
    short = [safe(path.rpartition("/")[2]) for path in paths]
    names = short if len(set(short)) == len(short) else [safe(path.strip("/")) for path in paths]
    return names if len(set(names)) == len(names) else [f"{name}_{i}" for i, name in enumerate(names)]


def shape(dataset: Any) -> str:
    """A dataset's shape and type, for messages."""
    sizes = ", ".join(str(size) for size in dataset.shape or ())
    base, inner = dataset.dtype.subdtype or (dataset.dtype, ())
    return f"({sizes}) {base.str}{list(inner) if inner else ''}"


def _unfit_type(dataset: Any) -> str:
    try:
        base, inner = dataset.dtype.subdtype or (dataset.dtype, (1,))
    except (TypeError, ValueError) as error:
        return f"{NOT_READ}: {error}"
    if base.names:
        return f"it is compound ({', '.join(base.names)}); members are named by path, such as NAME/{base.names[0]}"
    if len(inner) > 1 or (inner != (1,) and base.kind == "c"):
        return f"every value is an array of shape {inner}"
    if base.itemsize not in SIZES.get(base.kind, ()):
        return f"values of {base} are not supported"
    if base.itemsize * inner[0] > SAMPLE_BYTES:
        return f"every value is an array of {inner[0]}, more than the {SAMPLE_BYTES} bytes that are supported"
    return ""


def _axis(tree: Tree, path: str, dataset: Any, i: int) -> Axis:
    """The axis that the dataset's label or its dimension scales tell of."""
    import h5py

    size, label, scales = dataset.shape[i], "", []
    with suppress(KeyError, OSError, RuntimeError, ValueError):  # what DIMENSION_LIST tells need not be there
        label = str(decoded(h5py.h5ds.get_label(dataset.id, i)))
        scales = [each for each in dataset.dims[i].values() if each.name]
    if not scales and text(attributes(dataset).get("CLASS")) == "DIMENSION_SCALE" and len(dataset.shape) == 1:
        return axis(tree, _last(path), size, dataset, path)
    if not scales:
        return Axis(label or f"dim_{i}", size)
    first, *rest = map(name_of, scales)
    scale = tree.find(first, dataset)
    name = label or _last(first)
    if not is_dataset(scale) or text(attributes(scale).get("NAME")).startswith(NO_VARIABLE):
        return Axis(name, size)
    found = axis(tree, name, size, scale, first)
    return replace(found, attributes={**found.attributes, "other_scales": rest}) if rest else found


def _placed(told: Axis, values: Values, fills: Sequence[Number]) -> Axis:
    """An axis with coordinates: ``values``, or the middles between them where they are one more than it is long."""
    import numpy as np

    if len(values) != told.size + 1:
        return coordinates.placed(told, values, fills)
    absent = sum(int(np.count_nonzero(values == each)) for each in fills if not isinstance(each, str))
    if absent:
        return coordinates.without(told, f"{absent} of its {len(values)} edges are fill values")
    middles = values[:-1].astype(np.float64) / 2 + values[1:].astype(np.float64) / 2
    if len(values) > coordinates.MOST:
        return coordinates.placed(told, middles)
    edges = tuple(number(each) for each in values)
    attributes = {**told.attributes, "edges": edges}
    return coordinates.placed(replace(told, attributes=attributes), middles, further=len(edges))


def _in_short(kind: str) -> str:
    told = re.sub(r"^(it is|it has|it holds|values of) ", "", re.split(r"[:;]", kind)[0])
    return told.removesuffix(" are not supported").removesuffix(", not numbers")


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _fills(dataset: Any, found: Mapping[str, Any]) -> tuple[Number, ...]:
    """Declared fill and missing values, and what the creation list declares unless it is 0, which may well be data."""
    if dataset.dtype.subdtype or dataset.dtype.kind == "c":
        return ()
    values = [found.get("_FillValue"), found.get("missing_value"), _declared_fill(dataset) or None]
    each = [one for value in values for one in (value if isinstance(value, list) else [value])]
    usable = [one for one in each if isinstance(one, int | float) or one in ("NaN", "Infinity", "-Infinity")]
    return tuple(dict.fromkeys(int(one) if isinstance(one, bool) else one for one in usable))


def _declared_fill(dataset: Any) -> Any:
    """The fill value that whoever made the dataset gave it."""
    import h5py

    made = dataset.id.get_create_plist()
    if made.fill_value_defined() != h5py.h5d.FILL_VALUE_USER_DEFINED:
        return None
    return plain(dataset.fillvalue)


def _storage(dataset: Any) -> dict[str, Any]:
    """What is known of how the source stores the values."""
    import h5py

    told = {
        "dtype": str(dataset.dtype),
        "chunks": plain(dataset.chunks),
        "filters": filters(dataset),
        "fill_value": _declared_fill(dataset),
        "enumeration": plain(h5py.check_enum_dtype(dataset.dtype)),
    }
    return {name: value for name, value in told.items() if value not in (None, [])}


def _valid_range(found: Mapping[str, Any], kept: Form) -> tuple[Number | None, Number | None]:
    """The range of valid stored values. Floats given for packed whole numbers mean unpacked ones: not used here."""
    pair = found.get("valid_range")
    if not isinstance(pair, list) or len(pair) != 2:
        pair = [alone(found.get("valid_min")), alone(found.get("valid_max"))]
    if any(isinstance(each, str | bool | list) for each in pair):
        return None, None
    if packed(found) and "float" not in kept.dtype and any(isinstance(each, float) for each in pair):
        return None, None
    return pair[0], pair[1]
