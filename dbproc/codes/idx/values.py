"""What stored values mean: which are missing, what range the others have, and what they are once unpacked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dbproc.codes.idx.description import Field, Number, Regular, Tally, number

Values = NDArray[Any]
Mask = NDArray[np.bool_]

SPAN = 1 << 62
"""Whole numbers less than this apart have differences of 64 bits."""
REGULAR_TOLERANCE = 1e-3
"""How far, in steps, a coordinate may be from its place on a regular axis."""


def native(array: Any) -> Values:
    """``array`` as a contiguous array in this machine's byte order, its bits otherwise unchanged."""
    values = np.asarray(array)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))


def missing(values: Values, field: Field) -> Mask:
    """Where ``values`` (as stored) are NaN, fill or out of their valid range."""
    bits = _readable(values, field)
    nan, fill, outside = _kinds(bits, field)
    return nan | fill | outside


def unpacked(values: Values, field: Field) -> Values:
    """``values`` as the numbers they stand for: float64 where the field is packed, else as they are."""
    bits = _readable(values, field)
    if not field.packed:
        return bits
    scale = 1.0 if field.scale_factor is None else float(field.scale_factor)
    offset = 0.0 if field.add_offset is None else float(field.add_offset)
    return bits.astype(np.float64) * scale + offset


def measure(values: Values, field: Field) -> Tally:
    """Count and range ``values``, all components of a sample together."""
    bits = _readable(values, field)
    low, high = bits.min(), bits.max()
    if _all_valid(low, high, field, bits.dtype):
        return Tally(valid=bits.size, minimum=number(low), maximum=number(high))
    nan, fill, outside = _kinds(bits, field)
    infinite = np.isinf(bits) & ~(nan | fill | outside) if bits.dtype.kind == "f" else np.zeros_like(nan)
    usable = ~(nan | fill | outside | infinite)
    low, high = _range(bits, usable)
    return Tally(_count(usable), _count(nan), _count(fill), _count(outside), _count(infinite), low, high)


def total(tallies: Iterable[Tally]) -> Tally:
    """The tally of all values of several slabs."""
    found = list(tallies)
    return Tally(
        valid=sum(each.valid for each in found),
        nan=sum(each.nan for each in found),
        fill=sum(each.fill for each in found),
        out_of_range=sum(each.out_of_range for each in found),
        infinite=sum(each.infinite for each in found),
        minimum=min((each.minimum for each in found if each.minimum is not None), key=_bound, default=None),
        maximum=max((each.maximum for each in found if each.maximum is not None), key=_bound, default=None),
    )


def regular(coordinates: Values) -> Regular | None:
    """Start and step of evenly spaced coordinates; None where they are not, or are fewer than two.

    Those of whole numbers, of any size, are whole numbers.
    """
    points = np.asarray(coordinates)
    if points.size < 2 or (points.dtype.kind == "f" and not np.all(np.isfinite(points))):
        return None
    if points.dtype.kind == "f":
        points = points.astype(np.float64)
    first, last, steps = points[:1].tolist()[0], points[-1:].tolist()[0], points.size - 1
    whole, rest = divmod(last - first, steps)
    step = (last - first) / steps if rest or points.dtype.kind == "f" else whole
    if abs(last - first) >= SPAN:
        points = points.astype(object)
    is_whole = points.dtype.kind in "iu"
    offsets = (points - points[0]).astype(np.int64 if is_whole else np.float64)  # unsigned ones wrap, and back
    ideal = np.arange(points.size) * (step if is_whole else float(step))
    if step == 0 or float(np.max(np.abs(offsets - ideal))) > REGULAR_TOLERANCE * abs(step):
        return None
    return Regular(first, step)


def _all_valid(low: Any, high: Any, field: Field, dtype: np.dtype[Any]) -> bool:
    """Whether nothing between two values can be missing or infinite; NaN makes its way into both."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return False
    fills = [_stored(each, dtype, field) for each in field.fills]
    outside = [field.valid_min is not None and low < _bound(field.valid_min)]
    outside.append(field.valid_max is not None and high > _bound(field.valid_max))
    return not any(outside) and not any(low <= each <= high for each in fills)


def _readable(values: Values, field: Field) -> Values:
    if field.unsigned and values.dtype.kind == "i":
        return values.view(np.dtype(f"u{values.dtype.itemsize}"))
    return values


def _kinds(values: Values, field: Field) -> tuple[Mask, Mask, Mask]:
    """Masks of NaN, of fill, and of values out of range; no value is in two of them."""
    nan = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=np.bool_)
    fill = np.zeros(values.shape, dtype=np.bool_)
    for each in field.fills:
        fill |= values == _stored(each, values.dtype, field)
    outside = np.zeros(values.shape, dtype=np.bool_)
    if field.valid_min is not None:
        outside |= values < _bound(field.valid_min)
    if field.valid_max is not None:
        outside |= values > _bound(field.valid_max)
    fill &= ~nan
    return nan, fill, outside & ~nan & ~fill


def _stored(fill: Number, dtype: np.dtype[Any], field: Field) -> Any:
    """A fill value as a value of the array's type; one that this type cannot hold equals nothing."""
    if dtype.kind == "f":
        return dtype.type(float(fill))
    limits = np.iinfo(dtype)
    if isinstance(fill, str) or fill != int(fill):
        return np.nan
    wrapped = int(fill) + (1 << limits.bits) if field.unsigned and fill < 0 else int(fill)
    return dtype.type(wrapped) if limits.min <= wrapped <= limits.max else np.nan


def _bound(value: Number) -> int | float:
    return float(value) if isinstance(value, str) else value


def _range(values: Values, usable: Mask) -> tuple[Number | None, Number | None]:
    if not usable.any():
        return None, None
    limits: Any = np.finfo(values.dtype) if values.dtype.kind == "f" else np.iinfo(values.dtype)
    low = np.min(values, where=usable, initial=values.dtype.type(limits.max))
    high = np.max(values, where=usable, initial=values.dtype.type(limits.min))
    return number(low), number(high)


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))
