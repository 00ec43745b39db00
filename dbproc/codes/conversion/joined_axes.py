"""One axis of several files as one: coordinates after one another, in the units and the calendar of the first."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx import coordinates
from dbproc.codes.idx.attributes import shared
from dbproc.codes.idx.description import UTC_ENDS, Axis
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

PACKING = ("scale_factor", "add_offset")
CALENDARS = {"": "standard", "gregorian": "standard", "365_day": "noleap", "366_day": "all_leap"}
"""Names of calendars that go by another one, too."""
MICROSECONDS = (
    (r"microsec(ond)?s?", 1),
    (r"(millisec(ond)?s?|msecs?|ms)", 1000),
    (r"(sec(ond)?s?|s)", 1_000_000),
    (r"(min(ute)?s?)", 60_000_000),
    (r"(h(ou)?rs?|h)", 3_600_000_000),
    (r"(days?|d)", 86_400_000_000),
)
"""Units of time, and their microseconds."""
PROLEPTIC = "proleptic_gregorian"
ZONE = re.compile(
    r"(?P<date>.*(?::[\d.]+|\s))\s*(?:(?P<word>[A-Za-z]+)|(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d\d)?)"
)
"""A date with the zone that its clock shows the time of, as CF writes it: ``2000-01-01 00:00 -6:00``."""
UTC = ("utc", "gmt", "z")
REFORM = 1582, 10, 15
"""The first day from which on the standard and the proleptic calendar are the same."""
Change = tuple[Fraction, Fraction]
UNCHANGED = Fraction(1), Fraction(0)


def joined_axis(inputs: Sequence[Path], axes: Sequence[Axis]) -> Axis:
    """One axis after the other, in the units of the first."""
    size, attributes = sum(axis.size for axis in axes), _attributes(axes)
    whole = replace(axes[0], size=size, coordinates=None, regular=None, attributes=attributes)
    if any(not axis.is_placed or (axis.coordinates is None and _is_packed(axis)) for axis in axes):
        return whole
    changes = [_change(path, axis, axes[0]) for path, axis in zip(inputs, axes, strict=True)]
    return coordinates.placed(whole, _values(axes, changes))


def measure(axis: Axis) -> str:
    """The units of an axis, and its calendar by the one name it has."""
    return f"{axis.units} {_calendar(axis)}" if " since " in axis.units else axis.units


def _values(axes: Sequence[Axis], changes: Sequence[Change]) -> Values:
    import numpy as np

    found = [
        each
        for axis, change in zip(axes, changes, strict=True)
        for each in _moved(axis.coordinates if axis.coordinates is not None else axis.positions() or [], change)
    ]
    return np.asarray(found)


def _moved(values: Sequence[Any], change: Change) -> list[Any]:
    """Coordinates in other units: whole numbers stay whole where they are."""
    scale, shift = change
    numbers = [float(each) if isinstance(each, str) else each for each in values]
    if change == UNCHANGED:
        return numbers
    moved = [Fraction(each) * scale + shift if abs(each) < float("inf") else each for each in numbers]
    is_whole = all(isinstance(each, int) for each in numbers) and all(Fraction(each).denominator == 1 for each in moved)
    return [int(each) if is_whole else float(each) for each in moved]


def _attributes(axes: Sequence[Axis]) -> dict[str, Any]:
    """Attributes of a joined axis: those that are the same in all files, and those that tell of each index."""
    found = shared([axis.attributes for axis in axes])
    for key in axes[0].attributes:
        lists = [axis.attributes.get(key) for axis in axes]
        if key == UTC_ENDS and all(lists):
            found[key] = [lists[0][0], lists[-1][-1]]  # type: ignore[index]
        elif all(isinstance(each, list) and len(each) == axis.size for each, axis in zip(lists, axes, strict=True)):
            found[key] = [item for each in lists for item in each or ()]
    return found


def _change(path: Path, axis: Axis, first: Axis) -> Change:
    """By what coordinates in one file's units are to be scaled and moved to have them in the first's."""
    if measure(axis) == measure(first):
        return UNCHANGED
    unit, since, _ = axis.units.partition(" since ")
    mine, theirs = _microseconds(unit), _microseconds(first.units.partition(" since ")[0])
    if since and mine and theirs and _are_of_one_calendar(axis, first) and not _is_packed(axis):
        with suppress(ValueError):  # of a date or a calendar that there is not
            return Fraction(mine, theirs), Fraction(_microseconds_between(first, axis), theirs)
    what = f"its axis {axis.name} is in {_told(axis)}, not in {_told(first)}"
    raise Refusal(path, what, "Files of one dataset must have the same units; convert them apart")


def _microseconds_between(first: Axis, other: Axis) -> int:
    """From the date that one axis counts from to the other's."""
    return _microseconds_from_reform(other) - _microseconds_from_reform(first)


def _microseconds_from_reform(axis: Axis) -> int:
    """From a day that calendars have in common to the date that an axis counts from."""
    cftime, calendar = importlib.import_module("cftime"), _named(axis)
    units, ahead = _in_utc(axis.units)
    date = cftime.num2date(0, units, calendar, only_use_cftime_datetimes=True)
    passed: timedelta = date - cftime.datetime(*REFORM, calendar=calendar) - ahead
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _in_utc(units: str) -> tuple[str, timedelta]:
    """Units without the zone of their date, and how far that is ahead; ValueError for a zone that is not known."""
    found = ZONE.fullmatch(units.strip())
    if found is None:
        return units, timedelta(0)
    if found["word"] and found["word"].lower() not in UTC:
        raise ValueError(f"time zone {found['word']}")
    ahead = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    return found["date"].strip(), -ahead if found["sign"] == "-" else ahead


def _are_of_one_calendar(axis: Axis, first: Axis) -> bool:
    """Whether two axes have one calendar, or two that are the same for all their dates."""
    if _named(axis) == _named(first):
        return True
    return {_named(axis), _named(first)} == {"standard", PROLEPTIC} and all(map(_is_after_reform, (axis, first)))


def _is_after_reform(axis: Axis) -> bool:
    """Whether all dates of an axis are those of either calendar."""
    size = _microseconds(axis.units.partition(" since ")[0])
    line = axis.regular
    places = axis.coordinates or ((line.start, line.start + line.step * (axis.size - 1)) if line else ())
    try:
        start = _microseconds_from_reform(axis)
    except ValueError:  # of a date that there is not
        return False
    return bool(size and places) and start + min(map(float, places)) * size >= 0


def _microseconds(unit: str) -> int:
    return next((size for pattern, size in MICROSECONDS if re.fullmatch(pattern, unit.strip().lower())), 0)


def _is_packed(axis: Axis) -> bool:
    return any(key in axis.attributes for key in PACKING)


def _named(axis: Axis) -> str:
    """The calendar of an axis by the one name it has."""
    told = axis.calendar.lower()
    return CALENDARS.get(told, told)


def _calendar(axis: Axis) -> str:
    """The same; the standard one where all dates, and that which is counted from, are those of it, too."""
    is_standard = _named(axis) == PROLEPTIC and _is_after_reform(axis) and _is_after_reform(_counted_from(axis))
    return "standard" if is_standard else _named(axis)


def _counted_from(axis: Axis) -> Axis:
    return replace(axis, size=1, coordinates=(0,), regular=None)


def _told(axis: Axis) -> str:
    return f"{axis.units!r}" + (f" ({axis.calendar})" if axis.calendar else "")
