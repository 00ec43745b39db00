"""Which axes become the timesteps of a dataset: time, and what is beyond the three axes that viewers show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile
from math import prod

from dbproc.codes.idx.description import Axis, Description

SHOWN = 3
"""Axes that viewers show at once."""
LEAST = 2
"""Axes longer than one that must be left beside time: fewer are better seen with it, as a picture or a line."""
MANY, LARGE = 2_000, 4_096
"""So many timesteps may be small; of more each must have so many values."""
NAMES = ("time", "times", "timestamp", "timestamps", "epoch", "frame_time", "t")
"""Names of axes that are time, in lower case."""


def chosen(description: Description) -> str:
    """The axes that become timesteps, by name with commas between them; empty where all stay axes."""
    return ",".join(description.axes[i].name for i in places(description.axes, description.timesteps))


def places(axes: Sequence[Axis], told: str = "") -> list[int]:
    """The places of the axes that become timesteps: time first, then what is too much for a viewer."""
    time = next((i for i, axis in enumerate(axes) if axis.name == told), None) if told else _time(axes)
    rest = [i for i in range(len(axes)) if i != time]
    if time is not None and not (told or _worth(axes, [time], rest)):
        time, rest = None, list(range(len(axes)))
    first = [] if time is None else [time]
    beyond = _beyond(axes, rest)
    inside = [i for i in rest if i not in beyond]
    return [*first, *beyond] if _few(axes, [*first, *beyond], inside) else first


def _beyond(axes: Sequence[Axis], rest: Sequence[int]) -> list[int]:
    """What is too much for a viewer: the slowest of more than three, or those of size 1 between or behind others."""
    long = _without_singles(axes, rest)
    beyond = long[: max(0, len(long) - SHOWN)]
    shown = _without_singles(axes, long[len(beyond) :])
    wide = [i for i in long if axes[i].size > 1]
    if len(shown) < SHOWN or len(wide) == len(long) or len(wide) < LEAST:
        return beyond
    return [i for i in long if i not in wide[-SHOWN:]]


def _without_singles(axes: Sequence[Axis], places: Sequence[int]) -> list[int]:
    """Axes without those of size 1 before all others, which are not stored."""
    return list(dropwhile(lambda i: axes[i].size == 1, places))


def is_time(axis: Axis) -> bool:
    """Whether an axis is time, by what CF, CDF, OME or its name tell."""
    words = str(axis.attributes.get("axis", "")).upper()
    return (
        axis.name.lower() in NAMES
        or axis.standard_name == "time"
        or " since " in axis.units
        or words == "T"
        or "time_type" in axis.attributes
    )


def _time(axes: Sequence[Axis]) -> int | None:
    found = [i for i, axis in enumerate(axes) if is_time(axis)]
    named = [i for i in found if axes[i].standard_name == "time"] or found
    return named[0] if named else None


def _worth(axes: Sequence[Axis], time: Sequence[int], rest: Sequence[int]) -> bool:
    return sum(axes[i].size > 1 for i in rest) >= LEAST and _few(axes, time, rest)


def _few(axes: Sequence[Axis], outer: Sequence[int], inner: Sequence[int]) -> bool:
    """Whether timesteps are few, or large."""
    return prod(axes[i].size for i in outer) <= MANY or prod(axes[i].size for i in inner) >= LARGE
