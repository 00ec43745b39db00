"""Which way the rows and columns of a picture run, as far as the coordinates of the axes tell. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dbproc.codes.idx.description import Axis

ENDS = {"latitude": ("northernmost", "southernmost"), "longitude": ("easternmost", "westernmost")}
"""What the highest and the lowest coordinate of a kind of axis are called."""
UNITS = {
    "degrees_north": "latitude",
    "degrees_east": "longitude",
    "degree_north": "latitude",
    "degree_east": "longitude",
}


def top_first(rows: Axis) -> bool:
    """Whether the first row of a picture is its top: it is, unless coordinates rise, as those of maps do."""
    return rows.regular is None or rows.regular.step < 0


def told(axes: Sequence[Axis]) -> str:
    """How the last two axes run, rows first."""
    places = list(zip(("column", "row"), reversed(axes), strict=False))
    return "; ".join(_told(place, axis) for place, axis in reversed(places))


def _told(place: str, axis: Axis) -> str:
    positions = axis.positions()
    if not positions or len(positions) < 2 or positions[0] == positions[-1]:
        return f"{place}s in the order of the source, {axis.name} has no direction"
    rises = positions[0] < positions[-1]
    kind = axis.standard_name if axis.standard_name in ENDS else UNITS.get(axis.units, "")
    end = f", the first {place} is the {ENDS[kind][int(rises)]}" if kind else ""
    down = ", positive is down" if axis.attributes.get("positive") == "down" else ""
    return f"{axis.name} {'rises' if rises else 'falls'} from {place} to {place}{end}{down}"
