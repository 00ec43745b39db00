"""What of a field is drawn: values of two axes or one, and the range that their colours span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as also
from math import prod
from typing import TYPE_CHECKING, Any

from dbproc.codes.drawing import sides
from dbproc.codes.idx import slabs, slicing
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.slicing import Cut, Sliceable

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

PERCENTILES = (2.0, 98.0)
MOST = 1 << 22
"""Of more values than this every second, third … one along the longer side is drawn, so that memory holds them."""
BUDGET = 64 << 20
THIN = 4
"""An axis of fewer than this part of the values along a side is not thinned out with the longer one."""
SKEW = 3.0
"""Extremes wash out the rest when the whole range is more than this many times the one between the percentiles."""


@dataclass(frozen=True)
class View:
    """What is drawn: values with rows upwards, missing ones masked, and what lies along the two sides.

    Of a single line of values ``vertical`` is None. ``steps`` are the distances between the indices that are drawn,
    ``firsts`` the first of them, as the values have their axes.
    """

    values: Any
    vertical: Axis | None
    horizontal: Axis
    slice: str
    steps: tuple[int, ...]
    firsts: tuple[int, ...] = (0, 0)


@dataclass(frozen=True)
class Window:
    """How much is drawn.

    Of each side one ``zoom``-th, about the index that ``centre`` has for the number of its axis, else about the middle;
    of more than ``side`` values along it every second, third ….
    """

    zoom: int = 1
    centre: Mapping[int, int] = also(default_factory=dict)
    side: int = MOST

    def part(self, number: int, axis: Axis) -> slice:
        """What of an axis is drawn."""
        size = -(-axis.size // max(1, self.zoom))
        first = min(max(0, self.centre.get(number, axis.size // 2) - size // 2), axis.size - size)
        return slice(first, first + size)


WHOLE = Window()


def view(dataset: Sliceable, field: Field, cuts: Sequence[Cut] = (), window: Window = WHOLE) -> View:
    """What of a field is to be drawn.

    Parameters
    ----------
    dataset, field
        The dataset and one of its fields.
    cuts
        Name (or number) of each axis to cut and the index on it. Where more than two axes are left, the first of them
        are cut in the middle.
    window
        How much of the others is drawn.
    """
    import numpy as np

    from dbproc.codes.idx.values import missing, unpacked

    box, chosen = _cut(dataset, cuts)
    parts = enumerate(zip(box, dataset.description.axes, strict=True))
    box = tuple(part if i in chosen else window.part(i, axis) for i, (part, axis) in parts)
    axes = [axis for i, axis in enumerate(dataset.description.axes) if i not in chosen]
    steps = _steps(slabs.shape_of(box), window.side, is_even=sides.are_alike(axes[0], axes[-1]))
    firsts = tuple(part.start for i, part in enumerate(box) if i not in chosen)
    kept = tuple(step for i, step in enumerate(steps) if i not in chosen)
    told = "".join(f", {place(dataset.description.axes[i], index)}" for i, index in chosen.items())
    stored = np.squeeze(_sampled(dataset, field, box, steps), axis=tuple(chosen))
    values = np.ma.masked_array(unpacked(stored, field), mask=missing(stored, field))
    if len(axes) == 1:
        return View(values, None, axes[0], told, kept, firsts)
    if _lies(axes[0]) and not _lies(axes[1]):
        values, axes, kept, firsts = values.swapaxes(0, 1), axes[::-1], kept[::-1], firsts[::-1]
    return View(values, axes[0], axes[1], told, kept, firsts)


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


def _cut(dataset: Sliceable, cuts: Sequence[Cut]) -> tuple[Box, dict[int, int]]:
    """The box to read, and the index on each axis that it cuts."""
    axes = dataset.description.axes
    _, chosen = slicing.box(dataset, cuts)
    if len(chosen) == len(axes):
        raise Refusal(dataset.path, f"a slice of its {len(axes)} axes leaves no picture", "Leave out a --slice")
    left = [i for i in range(len(axes)) if i not in chosen]
    middle = [(str(i), axes[i].size // 2) for i in left[:-2]]
    return slicing.box(dataset, [*middle, *((str(i), index) for i, index in chosen.items())])


def _steps(shape: Sequence[int], side: int, *, is_even: bool) -> list[int]:
    """Of each axis the distance of the indices that are drawn: one for all, but for an axis that is short."""
    step = -(-max(shape) // side)
    steps = [step if is_even or size * THIN >= side * step else -(-size // side) for size in shape]
    sizes = [-(-size // step) for size, step in zip(shape, steps, strict=True)]
    while prod(sizes) > MOST:
        longest = sizes.index(max(sizes))
        steps[longest] += 1
        sizes[longest] = -(-shape[longest] // steps[longest])
    return steps


def _sampled(dataset: Sliceable, field: Field, box: Box, steps: Sequence[int]) -> Values:
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


def place(axis: Axis, index: int) -> str:
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
