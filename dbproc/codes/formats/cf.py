"""What the attributes of a variable mean by the conventions of NetCDF: CF, and the users' guide before it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from dbproc.codes.idx.description import Number

Range = tuple[Number | None, Number | None]

POINTERS = (
    *("bounds", "climatology", "coordinates", "grid_mapping", "ancillary_variables"),
    *("cell_measures", "formula_terms", "mesh"),
)
"""Attributes that name variables which only serve another one."""
TOPOLOGY = re.compile(r".*_(connectivity|coordinates|dimension)")
"""Attributes with which a mesh of UGRID names what it is made of."""
PLACES = ("latitude", "longitude")
PLACE_UNITS = re.compile(r"degrees?_?(north|east|n|e)", re.IGNORECASE)
PACKING = ("scale_factor", "add_offset")
SPECIAL = ("NaN", "Infinity", "-Infinity")
"""The numbers that a description holds as text."""


def text(attributes: Mapping[str, Any], name: str) -> str:
    """An attribute as text, empty where there is none."""
    return str(attributes.get(name, ""))


def pointed(attributes: Mapping[str, Any]) -> list[str]:
    """The variables that serve this one, as its attributes name them."""
    is_mesh = text(attributes, "cf_role") == "mesh_topology"
    names = [name for name in attributes if name in POINTERS or (is_mesh and TOPOLOGY.fullmatch(name))]
    return [word for name in names for word in text(attributes, name).split()]


def is_place(attributes: Mapping[str, Any]) -> bool:
    """Whether a variable says of itself that it holds latitudes or longitudes."""
    return text(attributes, "standard_name") in PLACES or bool(PLACE_UNITS.fullmatch(text(attributes, "units")))


def unsigned(attributes: Mapping[str, Any]) -> bool:
    """Whether the stored bits are meant as an unsigned number."""
    return text(attributes, "_Unsigned").lower() == "true"


def declared_fills(attributes: Mapping[str, Any]) -> tuple[Number, ...]:
    """The values that stand for missing ones, ``_FillValue`` first, each once."""
    declared = [each for key in ("_FillValue", "missing_value") for each in all_of(attributes.get(key))]
    return tuple(dict.fromkeys(each for each in declared if not isinstance(each, str) or each in SPECIAL))


def valid_range(dtype: np.dtype[Any], attributes: Mapping[str, Any]) -> Range:
    """The range of valid stored values; none where it is told in unpacked units."""
    low, high = _declared_range(attributes)
    if _tells_unpacked(dtype, attributes, (low, high)):
        return None, None
    if not unsigned(attributes) or dtype.kind != "i":
        return low, high
    return _wrapped(low, dtype), _wrapped(high, dtype)


def unpacked_range(dtype: np.dtype[Any], attributes: Mapping[str, Any]) -> Range:
    """The range of valid unpacked values, where it is told in their units: as floats, for packed whole numbers."""
    pair = _declared_range(attributes)
    return pair if _tells_unpacked(dtype, attributes, pair) else (None, None)


def packed(attributes: Mapping[str, Any]) -> bool:
    """Whether the values are to be scaled."""
    return any(alone(attributes.get(name)) is not None for name in PACKING)


def alone(value: Any) -> Number | None:
    """The number that an attribute is, or holds alone; None for text and for several."""
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    return one if isinstance(one, int | float) and not isinstance(one, bool) else None


def odd_packing(attributes: Mapping[str, Any]) -> list[str]:
    """The names of attributes that should be one number to scale or to move values by, and are not."""
    return [name for name in PACKING if name in attributes and alone(attributes[name]) is None]


def odd_packing_notes(where: str, attributes: Mapping[str, Any]) -> list[str]:
    """The notes on these attributes of a variable."""
    return [f"{where}: its {name} is no number, and does not scale the values" for name in odd_packing(attributes)]


def with_numbers(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of which scale and offset are numbers, or go by another name."""
    odd = odd_packing(attributes)
    kept = {f"source_{key}" if key in odd else key: value for key, value in attributes.items()}
    return {key: alone(value) if key in PACKING else value for key, value in kept.items()}


def all_of(value: Any) -> list[Any]:
    """The values of an attribute, whether it holds none, one or several."""
    return value if isinstance(value, list) else [] if value is None else [value]


def first(value: Any) -> Any:
    """The first value of an attribute."""
    return next(iter(all_of(value)), None)


def _declared_range(attributes: Mapping[str, Any]) -> Range:
    pair = all_of(attributes.get("valid_range"))
    if len(pair) != 2:
        pair = [first(attributes.get("valid_min")), first(attributes.get("valid_max"))]
    usable = not any(isinstance(each, str) for each in pair)
    return (pair[0], pair[1]) if usable else (None, None)


def _tells_unpacked(dtype: np.dtype[Any], attributes: Mapping[str, Any], pair: Range) -> bool:
    return packed(attributes) and dtype.kind in "iu" and any(isinstance(each, float) for each in pair)


def _wrapped(value: Number | None, dtype: np.dtype[Any]) -> Number | None:
    """A bound that is written in the signed type, as the unsigned number that its bits mean."""
    negative = isinstance(value, int) and value < 0
    return value + (1 << 8 * dtype.itemsize) if negative and isinstance(value, int) else value
