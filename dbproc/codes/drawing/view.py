"""What of a field is drawn: values of two axes or one, and the range that their colours span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from dbproc.codes.drawing import sides
from dbproc.codes.idx import slabs, slicing
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.idx_reader import IdxDataset
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.slicing import Cut

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

PERCENTILES = (2.0, 98.0)
MOST = 1 << 22
"""Of more values than this every second, third … one along the longer side is drawn, so that memory holds them."""
BUDGET = 64 << 20
SKEW = 3.0
"""Extremes wash out the rest when the whole range is more than this many times the one between the percentiles."""


@dataclass(frozen=True)
class View:
    """What is drawn: values with rows upwards, missing ones masked, and what lies along the two sides.

    Of a single line of values ``vertical`` is None. ``steps`` are the distances between the indices that are drawn,
    as the values have their axes.
    """

    values: Any
    vertical: Axis | None
    horizontal: Axis
    slice: str
    steps: tuple[int, ...]


def view(dataset: IdxDataset, field: Field, cuts: Sequence[Cut] = ()) -> View:
    """What of a field is to be drawn.

    Parameters
    ----------
    dataset, field
        The dataset and one of its fields.
    cuts
        Name (or number) of each axis to cut and the index on it. Where more than two axes are left, the first of them
        are cut in the middle.
    """
    import numpy as np

    from dbproc.codes.idx.values import missing, unpacked

    box, chosen = _cut(dataset, cuts)
    steps = _steps(slabs.shape_of(box))
    axes = [axis for i, axis in enumerate(dataset.description.axes) if i not in chosen]
    kept = tuple(step for i, step in enumerate(steps) if i not in chosen)
    told = "".join(f", {_place(dataset.description.axes[i], index)}" for i, index in chosen.items())
    stored = np.squeeze(_sampled(dataset, field, box, steps), axis=tuple(chosen))
    values = np.ma.masked_array(unpacked(stored, field), mask=missing(stored, field))
    if len(axes) == 1:
        return View(values, None, axes[0], told, kept)
    if _lies(axes[0]) and not _lies(axes[1]):
        values, axes, kept = values.swapaxes(0, 1), axes[::-1], kept[::-1]
    return View(values, axes[0], axes[1], told, kept)


def colour_range(values: Any) -> tuple[float, float]:
    """The range that colours are to span: all valid finite values, or their percentiles where those are skewed."""
    import numpy as np

    valid = np.ma.masked_invalid(values).compressed().astype(np.float64)
    if valid.size == 0:
        return 0.0, 1.0
    low, high = float(valid.min()), float(valid.max())
    inner_low, inner_high = (float(each) for each in np.percentile(valid, PERCENTILES))
    if inner_high == inner_low and high > low:  # nearly all are one value: span the others
        rest = valid[valid != inner_low]
        inner_low, inner_high = (float(each) for each in np.percentile([inner_low, *rest], PERCENTILES))
    if high - low > SKEW * (inner_high - inner_low) > 0:
        return inner_low, inner_high
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _cut(dataset: IdxDataset, cuts: Sequence[Cut]) -> tuple[Box, dict[int, int]]:
    """The box to read, and the index on each axis that it cuts."""
    axes = dataset.description.axes
    _, chosen = slicing.box(dataset, cuts)
    if len(chosen) == len(axes):
        raise Refusal(dataset.path, f"a slice of its {len(axes)} axes leaves no picture", "Leave out a --slice")
    left = [i for i in range(len(axes)) if i not in chosen]
    middle = [(str(i), axes[i].size // 2) for i in left[:-2]]
    return slicing.box(dataset, [*middle, *((str(i), index) for i, index in chosen.items())])


def _steps(shape: Sequence[int]) -> list[int]:
    """Of each axis the distance of the indices that are drawn."""
    steps, sizes = [1] * len(shape), list(shape)
    while prod(sizes) > MOST:
        longest = sizes.index(max(sizes))
        steps[longest] += 1
        sizes[longest] = -(-shape[longest] // steps[longest])
    return steps


def _sampled(dataset: IdxDataset, field: Field, box: Box, steps: Sequence[int]) -> Values:
    """Every so-many-th value on each axis of a box, no more than a slab of the others being in memory."""
    import numpy as np

    shape = [-(-size // step) for size, step in zip(slabs.shape_of(box), steps, strict=True)]
    values = np.empty(shape if field.components == 1 else [*shape, field.components], field.dtype)
    sample = values.itemsize * field.components
    for part in slabs.plan(slabs.shape_of(box), sample, BUDGET):
        spans = list(zip(part, steps, strict=True))
        target = tuple(slice(-(-side.start // step), -(-side.stop // step)) for side, step in spans)
        if all(side.start < side.stop for side in target):
            read = dataset.read(field.name, slabs.shifted(part, box))
            values[target] = read[tuple(slice(-side.start % step, None, step) for side, step in spans)]
    return values


def _place(axis: Axis, index: int) -> str:
    """An index on an axis with the coordinate it stands for."""
    positions = axis.positions()
    if positions is None:
        return f"{axis.name}={index}"
    dates = sides.dates(axis, positions[index : index + 1])
    told = f"{dates[0]:%Y-%m-%d %H:%M:%S}" if dates else f"{positions[index]:g} {axis.units}".strip()
    return f"{axis.name}={index} ({told})"


def _is_time(axis: Axis) -> bool:
    return " since " in axis.units or axis.standard_name == "time" or axis.name.lower() == "time"


def _lies(axis: Axis) -> bool:
    """Whether an axis belongs along the bottom: time does, and longitude."""
    return _is_time(axis) or axis.standard_name == "longitude" or axis.units in ("degrees_east", "degree_east")
