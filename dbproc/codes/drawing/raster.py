"""A view as pixels: each value is one, or a block of them, and what is missing is transparent."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from dbproc.codes.drawing import sides
from dbproc.codes.drawing.figure import aspect, colours, is_coloured, single
from dbproc.codes.drawing.view import View, colour_range
from dbproc.codes.idx.description import Axis, Field

LEAST = 800
"""Pixels along the longer side: of fewer values each becomes a block."""
THIN = 4
"""Where one side is so many times as long as the other, and proportions need not be kept, the other is stretched."""
GREY, COLOURS = "gray", "viridis"
_BYTE = 255


@dataclass(frozen=True)
class Raster:
    """The pixels, first row on top: red, green, blue and opacity.

    `span` is what the colours span, None where values are colours; `extremes` are the least and the greatest of the
    values that are drawn, where there are any.
    """

    pixels: Any
    span: tuple[float, float] | None
    extremes: tuple[float, float] | None


def raster(seen: View, field: Field, span: tuple[float, float] | None = None, colour_map: str = COLOURS) -> Raster:
    """The pixels of what is seen of a field along two axes, turned as :func:`~dbproc.codes.drawing.figure.figure` does.

    Parameters
    ----------
    seen, field
        What is seen.
    span
        The values that colours are to span; those of :func:`~dbproc.codes.drawing.view.colour_range` by default.
    colour_map
        One of matplotlib's.
    """
    import numpy as np

    assert seen.vertical is not None
    if is_coloured(field):
        used, pixels = None, _opaque(colours(seen.values))
        absent = np.ma.getmaskarray(seen.values).reshape(*pixels.shape[:2], -1).any(axis=2)
        extremes = None
    else:
        values = single(seen.values, field)
        used = span or colour_range(values)
        absent = np.ma.getmaskarray(np.ma.masked_invalid(values))
        extremes = _extremes(values, absent)
        pixels = _mapped(np.where(absent, used[0], np.ma.getdata(values)), used, colour_map)
    pixels[absent] = 0
    for number, axis in enumerate((seen.vertical, seen.horizontal)):
        if is_turned(axis, is_upward=number == 0):
            pixels = np.flip(pixels, number)
    return Raster(_enlarged(pixels, is_even=aspect(seen) == "equal"), used, extremes)


def _extremes(values: Any, absent: Any) -> tuple[float, float] | None:
    import numpy as np

    valid = np.ma.getdata(values)[~absent]
    return (float(valid.min()), float(valid.max())) if valid.size else None


def _mapped(values: Any, span: tuple[float, float], colour_map: str) -> Any:
    import numpy as np

    low, high = span
    share = (values.astype(np.float64) - low) / ((high - low) or 1.0)
    return importlib.import_module("matplotlib").colormaps[colour_map](np.clip(share, 0, 1), bytes=True)


def _opaque(values: Any) -> Any:
    """Colours of bytes, or between 0 and 1, as bytes with opacity."""
    import numpy as np

    pixels = values if values.dtype == np.uint8 else np.rint(np.nan_to_num(values) * _BYTE).astype(np.uint8)
    if pixels.shape[-1] == 4:
        return pixels.copy()
    return np.concatenate([pixels, np.full((*pixels.shape[:2], 1), _BYTE, np.uint8)], axis=2)


def is_turned(axis: Axis, *, is_upward: bool) -> bool:
    """Whether the first index is not where the first pixel is."""
    side = sides.positions(axis)
    beginning, _ = sides.direction(axis, float(side[0]), float(side[-1]))
    begins_first = bool(beginning == side[0])
    return begins_first if is_upward and side.size > 1 else not begins_first


def _enlarged(pixels: Any, *, is_even: bool) -> Any:
    """Each pixel as a block, where there are few; a thin picture is stretched, where proportions need not be kept."""
    longest = max(pixels.shape[:2])
    block = max(1, LEAST // longest)
    thin = longest // THIN
    down, along = [block if is_even or size >= thin else block * longest // 2 // size for size in pixels.shape[:2]]
    return pixels.repeat(down, axis=0).repeat(along, axis=1)
