"""What lies along a side of a picture: positions, dates, the borders of cells, and their names."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx.description import Axis

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

DOWNWARD_UNITS = ("hpa", "pa", "mbar", "mb", "millibar")


def positions(axis: Axis) -> Values:
    """Positions along a side: coordinates, dates as matplotlib counts them, or indices."""
    import numpy as np

    told = axis.positions()
    if told is None or not _monotonic(told):
        return np.arange(axis.size, dtype=np.float64)
    side: Values = np.asarray(told)
    found = dates(axis, told[:1] + told[-1:])  # time passes evenly between them: not each needs to be a date
    if not found:
        return side
    first, last = importlib.import_module("matplotlib.dates").date2num(found)
    placed: Values = first + (side - side[0]) * ((last - first) / (side[-1] - side[0]) if side.size > 1 else 0)
    return placed


def _monotonic(positions: Sequence[float]) -> bool:
    import numpy as np

    steps = np.diff(np.asarray(positions))
    return bool(np.all(np.isfinite(positions)) and (np.all(steps > 0) or np.all(steps < 0)))


def dates(axis: Axis, positions: Sequence[float]) -> list[Any]:
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


def is_even(side: Values) -> bool:
    """Whether drawing the positions as evenly spaced moves none by more than half a cell."""
    import numpy as np

    if side.size < 2:
        return True
    ideal = np.linspace(side[0], side[-1], side.size)
    return bool(np.max(np.abs(side - ideal)) <= 0.5 * abs(ideal[1] - ideal[0]))


def edges(side: Values) -> Values:
    """The borders of cells around positions: halfway to the neighbours."""
    import numpy as np

    if side.size < 2:
        return np.asarray([side[0] - 0.5, side[0] + 0.5])
    middles = (side[1:] + side[:-1]) / 2
    return np.concatenate([[2 * side[0] - middles[0]], middles, [2 * side[-1] - middles[-1]]])


def outer(side: Values) -> tuple[float, float]:
    """The outer borders of the first and the last cell."""
    half = (side[-1] - side[0]) / (side.size - 1) / 2 if side.size > 1 else 0.5
    return float(side[0] - half), float(side[-1] + half)


def direction(axis: Axis, first: float, last: float) -> tuple[float, float]:
    """The limits of a side: rising, but a picture has its first row at the top, and pressures fall upwards."""
    low, high = sorted((first, last))
    image_rows = not axis.is_placed and axis.units == "pixel" and axis.name == "y"
    downward = axis.attributes.get("positive") == "down" or axis.units.lower() in DOWNWARD_UNITS
    return (high, low) if image_rows or downward else (low, high)


def days(axis: Axis) -> list[str]:
    """The first and the last day of a time axis, which may be one; none on other axes."""
    told = axis.positions()
    if told is None or not _monotonic(told):
        return []
    found = dates(axis, [told[0], told[-1]])
    return list(dict.fromkeys(f"{date:%Y-%m-%d}" for date in found))


def are_alike(vertical: Axis, horizontal: Axis) -> bool:
    """Whether two sides have one unit, as those of maps and images have: proportions are kept then."""
    degrees = vertical.units.startswith("degree") and horizontal.units.startswith("degree")
    return degrees or vertical.units == horizontal.units == "pixel"


def label(axis: Axis) -> str:
    """What stands beside a side: the name of its axis and the unit, or the day."""
    name = axis.name if axis.is_placed or axis.units else f"{axis.name} (index)"
    told = days(axis)
    if told:
        return f"{name}, {told[0]} (UTC)" if len(told) == 1 else f"{name} (UTC)"
    return f"{name} ({axis.units})" if axis.units else name
