"""The coordinates of axes: kept one by one in the metadata, which is read as a whole, unless start and step tell them.

Where they are too many for that, an axis has none, and its attributes say how to keep them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from dbproc.codes.idx.description import Axis, Number, Regular, number

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

MOST = 250_000
"""Numbers that are kept for an axis."""
MOST_OF_A_PART = 5_000_000
"""Numbers that are read for an axis of which a part is to be converted."""
LISTED = 10_000
"""Regular coordinates up to which they are kept one by one all the same."""
LEFT_OUT = "coordinates_left_out"
"""The attribute of an axis that says why it has no coordinates, though the source has some for it."""

_is_of_a_part: ContextVar[bool] = ContextVar("_is_of_a_part", default=False)


@contextmanager
def of_a_part(is_one: bool) -> Iterator[None]:
    """While a part is to be converted, more coordinates are read than are kept; :func:`kept` is for the part."""
    token = _is_of_a_part.set(is_one)
    try:
        yield
    finally:
        _is_of_a_part.reset(token)


def kept(axis: Axis) -> Axis:
    """An axis with no more coordinates than are kept."""
    import numpy as np

    if axis.coordinates is None or axis.size <= LISTED:
        return axis
    values = np.asarray([float(each) if isinstance(each, str) else each for each in axis.coordinates])
    return placed(replace(axis, coordinates=None, regular=None), values)


def placed(axis: Axis, values: Values, fills: Sequence[Number] = (), further: int = 0) -> Axis:
    """An axis with coordinates.

    Parameters
    ----------
    axis
        The axis, its attributes among it.
    values
        The coordinates as the source has them, one for each index.
    fills
        Values that stand for missing ones: with one of these among them, they are no coordinates.
    further
        How many numbers are kept for it besides.
    """
    import numpy as np

    most = MOST_OF_A_PART if _is_of_a_part.get() else MOST
    absent = sum(int(np.count_nonzero(values == each)) for each in fills if not isinstance(each, str))
    if absent:
        why = f"{absent} of {axis.size} are fill values"
        kept = {"source_coordinates": [number(each) for each in values]} if axis.size <= most else {}
        return replace(axis, attributes={**axis.attributes, LEFT_OUT: why, **kept})
    if axis.size + further <= LISTED:
        return listed(axis, values)
    line, off = _line(axis, values)
    if line is not None and (off == 0 or axis.size + further > most):
        within = {"coordinates_within": off} if off else {}
        return replace(axis, regular=line, attributes={**axis.attributes, **within})
    return listed(axis, values) if axis.size + further <= most else without(axis, too_many(axis.size))


def listed(axis: Axis, values: Values) -> Axis:
    """An axis with each of its coordinates, and their start and step where they are regular."""
    from dbproc.codes.idx.values import regular

    return replace(axis, coordinates=tuple(number(each) for each in values), regular=regular(_points(axis, values)))


def lined(axis: Axis, line: Regular) -> Axis:
    """An axis with the coordinates of a line, one by one where they are not many."""
    if axis.size > LISTED:
        return replace(axis, regular=line)
    return replace(axis, coordinates=tuple(line.start + line.step * i for i in range(axis.size)), regular=line)


def without(axis: Axis, why: str) -> Axis:
    """An axis that has no coordinates, and says why."""
    return replace(axis, coordinates=None, regular=None, attributes={**axis.attributes, LEFT_OUT: why})


def left_out(axes: Sequence[Axis]) -> list[str]:
    """Notes on axes that have no coordinates, though the source has some for them."""
    return [
        f"axis {each.name} has no coordinates: {each.attributes[LEFT_OUT]}"
        for each in axes
        if LEFT_OUT in each.attributes
    ]


def too_many(count: int) -> str:
    """Why so many coordinates are not kept."""
    return f"they are {count}, more than the {MOST} that are kept one by one; convert them as a field of their own"


def _line(axis: Axis, values: Values) -> tuple[Regular | None, float]:
    """Start and step of regular coordinates, and how far from that the farthest is."""
    import numpy as np

    from dbproc.codes.idx.values import regular

    points = _points(axis, values)
    line = regular(points)
    if line is None:
        return None, 0.0
    kind = points.dtype if isinstance(line.step, int) and isinstance(line.start, int) else np.dtype(np.float64)
    ideal = np.arange(axis.size).astype(kind) * kind.type(line.step) + kind.type(line.start)
    if np.array_equal(ideal, points):
        return line, 0.0
    return line, float(np.max(np.abs(ideal.astype(np.float64) - points.astype(np.float64))))


def _points(axis: Axis, values: Values) -> Values:
    """Coordinates as they are meant: unpacked where the axis is packed."""
    import numpy as np

    scale, offset = axis.attributes.get("scale_factor"), axis.attributes.get("add_offset")
    if scale is None and offset is None:
        return np.asarray(values)
    found: Values = values.astype(np.float64) * float(1 if scale is None else scale) + float(offset or 0)
    return found
