"""Durations as people write them: ``"90 min"``, ``"6 h"``, ``"2 days"``."""

from __future__ import annotations

import datetime as dt
import re

from dbproc.core.keys import Codec

ALLOWED = "a number and one of s, min, h, days, weeks, such as '90 min' or '2 days'"
"""What a duration is, in words."""

_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("week", "weeks"), 7 * 86_400),
}
_WRITTEN = re.compile(r"(\d{1,10}(?:\.\d{1,6})?)\s*([a-z]+)")
_SHOWN = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def _of_column(seconds: float) -> dt.timedelta:
    return dt.timedelta(seconds=seconds)


SECONDS = Codec(dt.timedelta.total_seconds, _of_column)
"""A duration in a column: seconds."""


def read_duration(text: str) -> dt.timedelta | None:
    """The duration that a text is; None for anything else, or one that no interval of time can have."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or found[2] not in _SECONDS:
        return None
    try:
        return dt.timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
    except OverflowError:
        return None


def rough_text(seconds: float) -> str:
    """About how long something takes, in the unit that people would take: ``0.2 s``, ``3 min``, ``5 h``, ``2 days``."""
    for unit, length in _SHOWN:
        if seconds >= 2 * length or (unit == "s" and seconds >= 1):
            return f"{round(seconds / length):,} {unit}{'s' if unit == 'day' else ''}"
    return f"{seconds:.1g} s"


def duration_text(duration: dt.timedelta) -> str:
    """The shortest text of which :func:`read_duration` makes the duration again."""
    for unit, seconds in _SHOWN:
        count, rest = divmod(duration, dt.timedelta(seconds=seconds))
        if not rest and count:
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".") + " s"
