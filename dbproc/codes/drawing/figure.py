"""The drawing of a view, by matplotlib: an image, cells or lines, with units, dates and a colour bar."""

from __future__ import annotations

import importlib
import textwrap
from dataclasses import dataclass
from typing import Any

from dbproc.codes.drawing import sides
from dbproc.codes.drawing.view import View, colour_range
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slicing import Cut, Sliceable

SIZE = (10.0, 5.6)
DPI = 120
MARKED = 200
"""Lines of up to so many values have their points marked."""


@dataclass(frozen=True)
class Options:
    """How to draw: the field and its slices, a colour map of matplotlib, the values that colours span, and a title."""

    field: str | None = None
    cuts: tuple[Cut, ...] = ()
    cmap: str = "viridis"
    span: tuple[float, float] | None = None
    title: str = ""


def figure(seen: View, field: Field, options: Options, dataset: Sliceable) -> Any:
    """Matplotlib's figure of what is seen of a field of a dataset."""
    matplotlib = importlib.import_module("matplotlib")
    _check_map(matplotlib, options.cmap)
    layout = "compressed" if aspect(seen) == "equal" else "constrained"
    made = importlib.import_module("matplotlib.figure").Figure(figsize=SIZE, dpi=DPI, layout=layout)
    area = made.subplots()
    if seen.vertical is None:
        _draw_line(area, seen, field, options.span)
    elif is_coloured(field):
        _draw(area, seen, seen.vertical, {"values": colours(seen.values)})
    else:
        low, high = options.span or colour_range(single(seen.values, field))
        values = _without_fill(single(seen.values, field), low)
        image = _draw(area, seen, seen.vertical, {"values": values, "cmap": options.cmap, "vmin": low, "vmax": high})
        made.colorbar(image, ax=area, extend=_extend(values, low, high), label=label(field))
    _label_sides(area, seen, field)
    area.set_title(options.title or _title(dataset, field, seen), fontsize=10, wrap=True)
    return made


def is_coloured(field: Field) -> bool:
    """Whether components are red, green and blue, with or without opacity; or, of whole numbers, grey and opacity."""
    return field.components in (3, 4) or (field.components == 2 and field.dtype.startswith("uint"))


def _without_fill(values: Any, low: float) -> Any:
    """The same, what is missing being one of the values that are drawn: a fill value of 1e37 cannot be scaled."""
    ma = importlib.import_module("numpy").ma
    return values if values.dtype.kind != "f" else ma.array(values.filled(low), mask=ma.getmaskarray(values))


def single(values: Any, field: Field) -> Any:
    """The values, or of several components that are no colours the first."""
    return values if field.components == 1 else values[..., 0]


def _draw_line(area: Any, seen: View, field: Field, span: tuple[float, float] | None) -> None:
    """Draw values along one axis, one line for each component."""
    side = _side(seen, seen.horizontal, 0)
    few = len(side) <= MARKED
    for i in range(field.components):
        values = seen.values if field.components == 1 else seen.values[:, i]
        area.plot(side, values, marker="." if few else None, linewidth=1, label=f"component {i}")
    if field.components > 1:
        area.legend()
    area.set_xlim(*sides.outer(side) if sides.is_even(side) else (side.min(), side.max()))
    if span:
        area.set_ylim(*span)
    area.grid(alpha=0.3)


def _draw(area: Any, seen: View, vertical: Axis, style: dict[str, Any]) -> Any:
    """Draw the values: as an image where cells are as good as even, else cell by cell."""
    values = style.pop("values")
    places = [_side(seen, seen.horizontal, 1), _side(seen, vertical, 0)]
    area.set_facecolor("0.85")
    if all(sides.is_even(side) for side in places):
        (left, right), (bottom, top) = (sides.outer(side) for side in places)
        image = area.imshow(values, extent=(left, right, bottom, top), origin="lower", aspect=aspect(seen), **style)
    else:
        image = area.pcolormesh(*(sides.edges(side) for side in places), values, rasterized=True, **style)
    area.set_xlim(*sides.direction(seen.horizontal, *sides.outer(places[0])))
    area.set_ylim(*sides.direction(vertical, *sides.outer(places[1])))
    return image


def _side(seen: View, axis: Axis, number: int) -> Any:
    """The positions of what is drawn along an axis of the values."""
    return sides.positions(axis)[seen.firsts[number] :: seen.steps[number]][: seen.values.shape[number]]


def aspect(seen: View) -> str:
    """Equal for maps and images, whose two sides have one unit; else whatever fills the picture."""
    return "equal" if seen.vertical is not None and sides.are_alike(seen.vertical, seen.horizontal) else "auto"


def _label_sides(area: Any, seen: View, field: Field) -> None:
    area.set_xlabel(sides.label(seen.horizontal))
    area.set_ylabel(label(field) if seen.vertical is None else sides.label(seen.vertical))
    for axis, side in ((seen.horizontal, area.xaxis), (seen.vertical, area.yaxis)):
        days = sides.days(axis) if axis else []
        if days:
            dates = importlib.import_module("matplotlib.dates")
            locator = dates.AutoDateLocator()
            side.set_major_locator(locator)
            side.set_major_formatter(dates.ConciseDateFormatter(locator, show_offset=len(days) > 1))


def label(field: Field) -> str:
    name = field.long_name or field.variable
    return textwrap.fill(f"{name} ({field.units})" if field.units else name, 60)


def _title(dataset: Sliceable, field: Field, seen: View) -> str:
    origins = dataset.description.origins
    source = origins[0].name if origins else dataset.path.name
    more = f" and {len(origins) - 1} more" if len(origins) > 1 else ""
    return f"{field.variable}{seen.slice}\n{source}{more}"


def _extend(values: Any, low: float, high: float) -> str:
    """Which ends of the colour bar get an arrow, there being values beyond."""
    below, above = values.min() < low, values.max() > high
    return "both" if below and above else "min" if below else "max" if above else "neither"


def colours(values: Any) -> Any:
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
