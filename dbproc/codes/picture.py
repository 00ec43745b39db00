#!/usr/bin/env python3
"""Draw a field of an IDX dataset as PNG: ``[--field F] [--slice AXIS=INDEX]... INPUT.idx OUTPUT.png``.

Two axes of a field, with units and a colour bar, or one as a line; the other axes are cut, in the middle where no
``--slice`` says otherwise. Missing values stay blank. Colours span the values' range, or where a few extremes would
wash out the rest, their 2nd to 98th percentile.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
import importlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx import slabs, slicing
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx
from dbproc.codes.idx.refusal import Refusal, run
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.slicing import Cut

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

NAME = "picture"
SIZE = (10.0, 5.6)
DPI = 120
MARKED = 200
"""Lines of up to so many values have their points marked."""
PERCENTILES = (2.0, 98.0)
MOST = 1 << 22
"""Of more values than this every second, third … one along the longer side is drawn, so that memory holds them."""
BUDGET = 64 << 20
SKEW = 3.0
"""Extremes wash out the rest when the whole range is more than this many times the one between the percentiles."""
UPWARD = ("height", "altitude", "range", "depth", "lev", "level", "plev", "z")
DOWNWARD_UNITS = ("hpa", "pa", "mbar", "mb", "millibar")


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


@dataclass(frozen=True)
class Options:
    """How to draw: the field and its slices, a colour map of matplotlib, the values that colours span, and a title."""

    field: str | None = None
    cuts: tuple[Cut, ...] = ()
    cmap: str = "viridis"
    span: tuple[float, float] | None = None
    title: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    given = _parser().parse_args(arguments)
    span = tuple(given.range) if given.range else None
    options = Options(given.field, tuple(given.slice), given.cmap, span, given.title or "")
    return run(NAME, lambda: print(draw(given.input, given.output, options)))


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


def draw(path: Path, output: Path, options: Options, *, verify: bool = True) -> str:
    """Draw a field of a dataset; returns one line that says what was drawn.

    Parameters
    ----------
    path
        The ``.idx``.
    output
        The ``.png``, which is not there yet.
    options
        How to draw it.
    verify
        Whether to read all of the dataset first; see :func:`dbproc.codes.idx.idx_reader.open_idx`.

    Raises
    ------
    Refusal
        When there is nothing to draw, or the picture is there already.
    """
    if output.suffix.lower() != ".png":
        raise Refusal(output, "the output's name does not end in .png", "Name it something.png")
    with slicing.placed(output) as place:
        dataset = open_idx(path, verify=verify)
        field = dataset.field(options.field)
        seen = view(dataset, field, options.cuts)
        _figure(seen, field, options, dataset).savefig(place, format="png", metadata={"Software": None})
    return f"{output.name}: {field.name}{seen.slice}"


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
        sides = list(zip(part, steps, strict=True))
        target = tuple(slice(-(-side.start // step), -(-side.stop // step)) for side, step in sides)
        if all(side.start < side.stop for side in target):
            read = dataset.read(field.name, slabs.shifted(part, box))
            values[target] = read[tuple(slice(-side.start % step, None, step) for side, step in sides)]
    return values


def _place(axis: Axis, index: int) -> str:
    """An index on an axis with the coordinate it stands for."""
    positions = axis.positions()
    if positions is None:
        return f"{axis.name}={index}"
    dates = _dates(axis, positions[index : index + 1])
    told = f"{dates[0]:%Y-%m-%d %H:%M:%S}" if dates else f"{positions[index]:g} {axis.units}".strip()
    return f"{axis.name}={index} ({told})"


def _is_time(axis: Axis) -> bool:
    return " since " in axis.units or axis.standard_name == "time" or axis.name.lower() == "time"


def _lies(axis: Axis) -> bool:
    """Whether an axis belongs along the bottom: time does, and longitude."""
    return _is_time(axis) or axis.standard_name == "longitude" or axis.units in ("degrees_east", "degree_east")


def _figure(seen: View, field: Field, options: Options, dataset: IdxDataset) -> Any:
    matplotlib = importlib.import_module("matplotlib")
    _check_map(matplotlib, options.cmap)
    layout = "compressed" if _aspect(seen) == "equal" else "constrained"
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=SIZE, dpi=DPI, layout=layout)
    area = figure.subplots()
    if seen.vertical is None:
        _draw_line(area, seen, field, options.span)
    elif _is_coloured(field):
        _draw(area, seen, seen.vertical, {"values": _colours(seen.values)})
    else:
        low, high = options.span or colour_range(_single(seen.values, field))
        values = _single(seen.values, field)
        image = _draw(area, seen, seen.vertical, {"values": values, "cmap": options.cmap, "vmin": low, "vmax": high})
        figure.colorbar(image, ax=area, extend=_extend(values, low, high), label=_label(field))
    _label_sides(area, seen, field)
    area.set_title(options.title or _title(dataset, field, seen), fontsize=10, wrap=True)
    return figure


def _is_coloured(field: Field) -> bool:
    """Whether components are red, green and blue, with or without opacity; or, of whole numbers, grey and opacity."""
    return field.components in (3, 4) or (field.components == 2 and field.dtype.startswith("uint"))


def _single(values: Any, field: Field) -> Any:
    """The values, or of several components that are no colours the first."""
    return values if field.components == 1 else values[..., 0]


def _draw_line(area: Any, seen: View, field: Field, span: tuple[float, float] | None) -> None:
    """Draw values along one axis, one line for each component."""
    side = _side(seen.horizontal)[:: seen.steps[0]]
    few = len(side) <= MARKED
    for i in range(field.components):
        values = seen.values if field.components == 1 else seen.values[:, i]
        area.plot(side, values, marker="." if few else None, linewidth=1, label=f"component {i}")
    if field.components > 1:
        area.legend()
    area.set_xlim(*_outer(side) if _even(side) else (side.min(), side.max()))
    if span:
        area.set_ylim(*span)
    area.grid(alpha=0.3)


def _draw(area: Any, seen: View, vertical: Axis, style: dict[str, Any]) -> Any:
    """Draw the values: as an image where cells are as good as even, else cell by cell."""
    values, (down, along) = style.pop("values"), seen.steps
    sides = [_side(seen.horizontal)[::along], _side(vertical)[::down]]
    area.set_facecolor("0.85")
    if all(_even(side) for side in sides):
        (left, right), (bottom, top) = (_outer(side) for side in sides)
        image = area.imshow(values, extent=(left, right, bottom, top), origin="lower", aspect=_aspect(seen), **style)
    else:
        image = area.pcolormesh(*(_edges(side) for side in sides), values, rasterized=True, **style)
    area.set_xlim(*_direction(seen.horizontal, *_outer(sides[0])))
    area.set_ylim(*_direction(vertical, *_outer(sides[1])))
    return image


def _side(axis: Axis) -> Values:
    """Positions along a side: coordinates, dates as matplotlib counts them, or indices."""
    import numpy as np

    positions = axis.positions()
    if positions is None or not _monotonic(positions):
        return np.arange(axis.size, dtype=np.float64)
    dates = _dates(axis, positions)
    if dates:
        numbers: Values = np.asarray(importlib.import_module("matplotlib.dates").date2num(dates))
        return numbers
    return np.asarray(positions)


def _monotonic(positions: Sequence[float]) -> bool:
    import numpy as np

    steps = np.diff(np.asarray(positions))
    return bool(np.all(np.isfinite(positions)) and (np.all(steps > 0) or np.all(steps < 0)))


def _dates(axis: Axis, positions: Sequence[float]) -> list[Any]:
    """The positions as dates, where they are times of the calendar in use; else nothing."""
    if axis.ends_in_utc():
        return _between(axis, positions)
    if " since " not in axis.units:
        return []
    try:
        convert, wanted = importlib.import_module("netCDF4").num2date, {"only_use_python_datetimes": True}
        calendar = axis.calendar or "standard"
        return list(convert(positions, axis.units, calendar, only_use_cftime_datetimes=False, **wanted))
    except (ValueError, OverflowError):
        return []


def _between(axis: Axis, positions: Sequence[float]) -> list[Any]:
    """Positions as dates between the first and the last time, which are told in UTC; leap seconds are passed over."""
    import datetime as dt

    ends, all_of_them = axis.ends_in_utc(), axis.positions()
    assert ends
    assert all_of_them
    try:
        first, last = (dt.datetime.fromisoformat(each[:26]) for each in ends)
    except ValueError:
        return []
    low, high = all_of_them[0], all_of_them[-1]
    return [first + (last - first) * ((each - low) / (high - low) if high > low else 0) for each in positions]


def _even(side: Values) -> bool:
    """Whether drawing the positions as evenly spaced moves none by more than half a cell."""
    import numpy as np

    if side.size < 2:
        return True
    ideal = np.linspace(side[0], side[-1], side.size)
    return bool(np.max(np.abs(side - ideal)) <= 0.5 * abs(ideal[1] - ideal[0]))


def _edges(side: Values) -> Values:
    """The borders of cells around positions: halfway to the neighbours."""
    import numpy as np

    if side.size < 2:
        return np.asarray([side[0] - 0.5, side[0] + 0.5])
    middles = (side[1:] + side[:-1]) / 2
    return np.concatenate([[2 * side[0] - middles[0]], middles, [2 * side[-1] - middles[-1]]])


def _outer(side: Values) -> tuple[float, float]:
    """The outer borders of the first and the last cell."""
    half = (side[-1] - side[0]) / (side.size - 1) / 2 if side.size > 1 else 0.5
    return float(side[0] - half), float(side[-1] + half)


def _direction(axis: Axis, first: float, last: float) -> tuple[float, float]:
    """The limits of a side: rising, but a picture has its first row at the top, and pressures fall upwards."""
    low, high = sorted((first, last))
    image_rows = not axis.is_placed and axis.units == "pixel" and axis.name == "y"
    downward = axis.attributes.get("positive") == "down" or axis.units.lower() in DOWNWARD_UNITS
    return (high, low) if image_rows or downward else (low, high)


def _aspect(seen: View) -> str:
    """Equal for maps and images, whose two sides have one unit; else whatever fills the picture."""
    if seen.vertical is None:
        return "auto"
    vertical, horizontal = seen.vertical.units, seen.horizontal.units
    degrees = vertical.startswith("degree") and horizontal.startswith("degree")
    return "equal" if degrees or vertical == horizontal == "pixel" else "auto"


def _label_sides(area: Any, seen: View, field: Field) -> None:
    area.set_xlabel(_side_label(seen.horizontal))
    area.set_ylabel(_label(field) if seen.vertical is None else _side_label(seen.vertical))
    for axis, side in ((seen.horizontal, area.xaxis), (seen.vertical, area.yaxis)):
        days = _days(axis) if axis else []
        if days:
            dates = importlib.import_module("matplotlib.dates")
            locator = dates.AutoDateLocator()
            side.set_major_locator(locator)
            side.set_major_formatter(dates.ConciseDateFormatter(locator, show_offset=len(days) > 1))


def _days(axis: Axis) -> list[str]:
    """The first and the last day of a time axis, which may be one; none on other axes."""
    positions = axis.positions()
    if positions is None or not _monotonic(positions):
        return []
    found = _dates(axis, [positions[0], positions[-1]])
    return list(dict.fromkeys(f"{date:%Y-%m-%d}" for date in found))


def _side_label(axis: Axis) -> str:
    name = axis.name if axis.is_placed or axis.units else f"{axis.name} (index)"
    days = _days(axis)
    if days:
        return f"{name}, {days[0]} (UTC)" if len(days) == 1 else f"{name} (UTC)"
    return f"{name} ({axis.units})" if axis.units else name


def _label(field: Field) -> str:
    name = field.long_name or field.variable
    return textwrap.fill(f"{name} ({field.units})" if field.units else name, 60)


def _title(dataset: IdxDataset, field: Field, seen: View) -> str:
    origins = dataset.description.origins
    source = origins[0].name if origins else dataset.path.name
    more = f" and {len(origins) - 1} more" if len(origins) > 1 else ""
    return f"{field.variable}{seen.slice}\n{source}{more}"


def _extend(values: Any, low: float, high: float) -> str:
    """Which ends of the colour bar get an arrow, there being values beyond."""
    below, above = values.min() < low, values.max() > high
    return "both" if below and above else "min" if below else "max" if above else "neither"


def _colours(values: Any) -> Any:
    """Colour components as matplotlib wants them: bytes as they are, others between 0 and 1."""
    import numpy as np

    if values.shape[-1] == 2:
        values = values[..., [0, 0, 0, 1]]

    if values.dtype == np.uint8:
        return values.data
    if values.dtype.kind in "iu":
        return (values.data / np.iinfo(values.dtype).max).astype(np.float64)
    return np.clip(values.data.astype(np.float64), 0, 1)


def _check_map(matplotlib: Any, name: str) -> None:
    if name not in matplotlib.colormaps:
        raise Refusal(f"--cmap {name}", "matplotlib has no such colour map", "Try viridis, cividis, magma or gray")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, description="Draw a field of an IDX dataset as PNG.")
    parser.add_argument("--field", metavar="NAME", help="the field, where there are several")
    parser.add_argument(
        "--slice",
        type=_slice,
        action="append",
        default=[],
        metavar="AXIS=INDEX",
        help="cut an axis there; may be repeated (default: the middle of all but two)",
    )
    parser.add_argument("--cmap", default="viridis", metavar="MAP", help="a colour map (default: %(default)s)")
    parser.add_argument("--range", type=float, nargs=2, metavar=("LO", "HI"), help="the values that colours span")
    parser.add_argument("--title", metavar="TEXT", help="the picture's title")
    parser.add_argument("input", type=Path, metavar="INPUT.idx")
    parser.add_argument("output", type=Path, metavar="OUTPUT.png")
    return parser


def _slice(text: str) -> Cut:
    try:
        return slicing.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
