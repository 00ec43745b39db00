"""Draw a part of a file: what is asked for comes as JSON on standard input, what is there and was drawn goes as JSON to
standard output; the picture is written to the path that was given."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from dbproc.codes.drawing.figure import Options, figure, is_coloured, label
from dbproc.codes.drawing.raster import is_turned, raster
from dbproc.codes.drawing.view import View, Window, place, view
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slicing import Sliceable
from dbproc.codes.previews.content import Content, Listed
from dbproc.codes.previews.datasets import dataset
from dbproc.codes.previews.images import IMAGE, PAGE, picture
from dbproc.codes.previews.variables import hdf5, netcdf

SIDE = 1024
"""Values along a side that are drawn."""
LEAST_SIDE = 16
"""No part with fewer values than this along its longer side is drawn for itself."""

_HDF5, _CLASSIC = b"\x89HDF\r\n\x1a\n", (b"CDF\x01", b"CDF\x02", b"CDF\x05")
_NETCDF_NAMES = (".nc", ".nc4", ".cdf", ".netcdf")


@dataclass(frozen=True)
class Asked:
    """What is to be drawn: a file with the members of its companion directory, one of its fields, the indices on its
    axes by their numbers, the axes that are seen, how large a part, and what the colours span: ``seen`` or ``all``."""

    path: str
    members: Sequence[str]
    output: str
    field: str = ""
    at: Mapping[str, int] | None = None
    axes: Sequence[int] = ()
    zoom: int = 1
    colours: str = "seen"

    @property
    def indices(self) -> dict[int, int]:
        """The index on each axis for which one is given."""
        return {int(number): index for number, index in (self.at or {}).items()}


def main() -> None:
    """Draw what is asked for."""
    asked = Asked(**json.load(sys.stdin))
    try:
        told = drawn(asked)
    except Refusal as refusal:
        told = {"refusal": f"{refusal.what}. {refusal.todo}".rstrip(". ")}
    except MemoryError:
        told = {"refusal": "it needs more memory than a picture may take; a smaller part may be drawn"}
    except Exception as error:
        told = {"refusal": f"it cannot be read: {type(error).__name__}: {error}"}
    json.dump(told, sys.stdout, allow_nan=False)


def drawn(asked: Asked) -> dict[str, Any]:
    """Draw it; what there is to be chosen, and what is seen."""
    content = _content(asked)
    told = {"kind": content.kind, "fields": [asdict(each) for each in content.fields]}
    chosen = _chosen(content, asked.field)
    if chosen is None or chosen.why_not:
        why = "there is nothing in it that could be drawn" if chosen is None else f"{chosen.name}: {chosen.why_not}"
        return {**told, "field": chosen.name if chosen else "", "why_not": why}
    source, name = content.opened(chosen.name)
    return {**told, "field": name, **_drawn_field(content, source, name, asked)}


def _content(asked: Asked) -> Content:
    path = Path(asked.path)
    if path.suffix == ".idx":
        return dataset(path, frozenset(asked.members))
    with path.open("rb") as stream:
        beginning = stream.read(8)
    if beginning.startswith(_CLASSIC):
        return netcdf(path)
    if beginning == _HDF5:
        return netcdf(path) if path.suffix.lower() in _NETCDF_NAMES else hdf5(path)
    return picture(path, asked.indices.get(0, 0))


def _chosen(content: Content, name: str) -> Listed | None:
    """The field that is meant; by default the one of most axes that can be drawn, no mere places along
    an axis, the first of these."""
    named = {each.name: each for each in content.fields}
    if name:
        if name not in named:
            raise Refusal(name, f"it has no field {name!r}", "Choose one that is listed")
        return named[name]
    drawn = [each for each in content.fields if not each.why_not]
    return max(drawn, key=lambda each: (_extent(each.shape), not each.is_place), default=None)


def _extent(shape: Sequence[int]) -> int:
    return sum(size > 1 for size in shape)


def _drawn_field(content: Content, source: Sliceable, name: str, asked: Asked) -> dict[str, Any]:
    axes, field = source.description.axes, source.description.named(name)
    pairs = _pairs(axes)
    across = next((each for each in pairs if list(each) == list(asked.axes)), pairs[-1])
    at = {i: _index(content, axis, asked.indices.get(i)) for i, axis in enumerate(axes)}
    longest = max(axes[i].size for i in across)
    zoom = max(1, min(asked.zoom, longest // LEAST_SIDE))
    window = Window(zoom, {i: at[i] for i in across}, SIDE) if len(across) > 1 else Window()
    seen = view(source, field, [(str(i), at[i]) for i in at if i not in across], window)
    whole = content.span(name)
    told = {
        "axes": [_axis(axis, at[i], is_cut=i not in across) for i, axis in enumerate(axes)],
        "pairs": [{"axes": each, "words": " × ".join(axes[i].name for i in each)} for each in pairs],
        "across": across,
        "zoom": zoom,
        "zooms": [each for each in (1 << i for i in range(24)) if each == 1 or each <= longest // LEAST_SIDE],
        "has_range": whole is not None and not is_coloured(field),
        "units": field.units,
        "label": label(field),
        "where": seen.slice.lstrip(", "),
        "sides": _sides(seen),
        "steps": seen.steps,
    }
    span = whole if asked.colours == "all" or content.kind == IMAGE else None
    return {**told, **_painted(content, source, seen, field, span, Path(asked.output))}


def _pairs(axes: Sequence[Axis]) -> list[tuple[int, ...]]:
    """The axes that can be seen together; the last of these by default."""
    long = [i for i, axis in enumerate(axes) if axis.size > 1 and axis.name != PAGE]
    if len(long) < 2:
        return [(long[0] if long else len(axes) - 1,)]
    return list(combinations(long, 2))


def _index(content: Content, axis: Axis, asked: int | None) -> int:
    """The index on an axis: by default the middle, of the pages of an image the first."""
    default = 0 if content.kind == IMAGE else axis.size // 2
    return min(max(0, default if asked is None else asked), axis.size - 1)


def _axis(axis: Axis, index: int, *, is_cut: bool) -> dict[str, Any]:
    return {"name": axis.name, "size": axis.size, "index": index, "place": place(axis, index), "is_cut": is_cut}


def _sides(seen: View) -> list[str]:
    """What lies along the sides: from top to bottom, from left to right; along a curve from the first on."""
    axes = [axis for axis in (seen.vertical, seen.horizontal) if axis is not None]
    return [_ends(seen, axis, number, is_upward=number < len(axes) - 1) for number, axis in enumerate(axes)]


def _ends(seen: View, axis: Axis, number: int, *, is_upward: bool) -> str:
    first, step, count = seen.firsts[number], seen.steps[number], seen.values.shape[number]
    ends = [place(axis, first), place(axis, first + (count - 1) * step)]
    if seen.vertical is not None and is_turned(axis, is_upward=is_upward):
        ends.reverse()
    return " to ".join(ends)


def _painted(
    content: Content, source: Sliceable, seen: View, field: Field, span: tuple[float, float] | None, output: Path
) -> dict[str, Any]:
    """Write the picture; what its colours mean."""
    import numpy as np

    if seen.vertical is None:
        figure(seen, field, Options(title=label(field)), source).savefig(
            output, format="png", metadata={"Software": None}
        )
        valid = np.ma.masked_invalid(seen.values).compressed()
        ends = [float(valid.min()), float(valid.max())] if valid.size else None
        return {"is_curve": True, "extremes": ends, "span": None, "is_whole_range": True, "missing": 0}
    made = raster(seen, field, span, content.colour_map)
    from PIL import Image

    Image.fromarray(made.pixels).save(output, format="png")
    return {
        "is_curve": False,
        "extremes": made.extremes,
        "span": made.span,
        "is_whole_range": made.extremes is None or made.span is None or _holds(made.span, made.extremes),
        "missing": int((np.ma.getmaskarray(np.ma.masked_invalid(seen.values))).sum()),
        "size": [made.pixels.shape[1], made.pixels.shape[0]],
        "colour_map": content.colour_map,
    }


def _holds(span: tuple[float, float], extremes: tuple[float, float]) -> bool:
    return span[0] <= extremes[0] and extremes[1] <= span[1]


if __name__ == "__main__":
    main()
