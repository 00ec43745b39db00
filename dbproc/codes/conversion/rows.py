"""Which axes are stored from their last index to the first: OpenVisus' viewers draw the first row at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from dbproc.codes.idx.description import Axis, Description, Regular

NORTHWARD = ("latitude", "grid_latitude", "projection_y_coordinate")
"""Standard names of coordinates that belong upwards."""
UNITS = ("degrees_north", "degree_north", "degrees_N", "degree_N", "degreesN", "degreeN")
NAMES = ("latitude", "lat")
"""Names that tell as much where the coordinates can be latitudes."""
NOTE = "stored "
"""How the notes begin."""
MOST = 90
"""The latitude of the pole."""


def upright(description: Description, steps: Sequence[str] = ()) -> Description:
    """The description with what is to be stored in reverse, noted: pictures' rows, and latitudes that fall.

    Axes that become timesteps, ``steps``, are none of these.
    """
    rows = [axis for axis in description.axes[-2:-1] if description.top_first and axis.name not in steps]
    others = [axis for axis in description.axes if axis not in rows and axis.name not in steps]
    falling = [axis for axis in others if _is_northward(axis) and _falls(axis)]
    notes = [f"{NOTE}bottom row first, as viewers draw it" for axis in rows if axis.size > 1]
    notes += [f"{NOTE}with {axis.name} rising, as viewers draw it" for axis in falling]
    names = tuple(axis.name for axis in (*rows, *falling) if axis.size > 1)
    told = "".join(f"; in the IDX {name} runs from the last to the first" for name in names)
    found = replace(description, reversed=names, orientation=description.orientation + told)
    return found.noting(*notes)


def as_found(description: Description) -> Description:
    """A description that a dataset was stored with, without what :func:`upright` said."""
    orientation = description.orientation.partition("; in the IDX ")[0]
    notes = tuple(each for each in description.notes if not each.startswith(NOTE) or "as viewers draw it" not in each)
    return replace(description, reversed=(), orientation=orientation, notes=notes)


def turned(axis: Axis) -> Axis:
    """An axis from its last index to the first; what rises then falls is told as the way from there."""
    line = axis.regular
    if line is None:
        return axis
    if line.step > 0:
        return replace(axis, regular=Regular(0, line.step))
    return replace(axis, regular=Regular(line.start + line.step * (axis.size - 1), -line.step))


def _is_northward(axis: Axis) -> bool:
    if axis.standard_name in NORTHWARD or axis.units in UNITS:
        return True
    ends = axis.positions() or ()
    return axis.name.lower() in NAMES and all(abs(each) <= MOST for each in ends)


def _falls(axis: Axis) -> bool:
    if axis.regular is not None:
        return axis.regular.step < 0
    positions = axis.positions() or []
    return len(positions) > 1 and all(a > b for a, b in pairwise(positions))
