"""Times as scientific files write them, as aware UTC times."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from dbproc.products.base import NotMine

_EXIF = "%Y:%m:%d %H:%M:%S"
_OFFSET = re.compile(r"[+-]([01]\d|2[0-3]):[0-5]\d")
_FRACTION = re.compile(r"(\.\d{6})\d+")
_YEARS = range(1900, 2101)


def is_cf(units: object) -> bool:
    """Whether `units` are CF units of time, ``seconds since 1970-01-01``."""
    return " since " in as_text(units)


def as_text(value: object) -> str:
    """The text of an attribute or a one-element array of text, in whichever way a library hands it out."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\x00 ")
    if isinstance(value, str):
        return value.strip("\x00 ")
    size = getattr(value, "size", None)
    if size == 1:
        return as_text(value.item())  # type: ignore[attr-defined]
    return ""


def clock(text: str, pattern: str = "") -> dt.datetime | None:
    """Read an ISO 8601 time, or one written as `pattern` (of ``strptime``) says; naive is UTC; None if it is none."""
    text = _FRACTION.sub(r"\1", text.strip().strip('"'))
    try:
        time = dt.datetime.strptime(text, pattern) if pattern else dt.datetime.fromisoformat(text)
        return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def exif_clock(text: str, offset: str = "") -> dt.datetime | None:
    """Read EXIF's ``2019:01:02 03:04:05``; without an offset it is UTC; None for anything else."""
    offset = offset.strip("\x00 ")
    try:
        time = dt.datetime.strptime(text.strip("\x00 "), _EXIF)
        zone = dt.datetime.strptime(offset, "%z").tzinfo if _OFFSET.fullmatch(offset) else dt.UTC
        return time.replace(tzinfo=zone).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def ends(variable: Any) -> tuple[float, float] | None:
    """The first and the last value of an array variable, of all values when one is missing; None without any."""
    import numpy as np

    shape: tuple[int, ...] = tuple(variable.shape)
    if 0 in shape:
        return None
    corners = (tuple(0 for _ in shape), tuple(size - 1 for size in shape))
    found = _numbers(np.ma.stack([np.ma.asarray(variable[corner]) for corner in corners]))
    if len(found) < 2:
        found = _numbers(np.ma.asarray(variable[...]))
    return (float(min(found)), float(max(found))) if len(found) else None


def cf_times(values: tuple[float, float], units: str, calendar: str = "") -> tuple[dt.datetime, dt.datetime]:
    """Two values of a CF time variable as UTC times; NotMine when they are none of our calendar and age."""
    import cftime

    try:
        decoded: Sequence[Any] = cftime.num2date(list(values), units, calendar or "standard")
        first, last = (_real(time) for time in decoded)
    except (ValueError, OverflowError, TypeError) as error:
        raise NotMine(f"its times {values[0]:g} and {values[1]:g} {units} are none: {error}") from error
    for time in (first, last):
        if time.year not in _YEARS:
            raise NotMine(f"its time {time.isoformat()} is outside {_YEARS[0]}..{_YEARS[-1]}")
    return first, last


def _numbers(values: Any) -> Any:
    import numpy as np

    flat = np.ma.compressed(values.astype("float64"))
    return flat[np.isfinite(flat)]


def _real(time: Any) -> dt.datetime:
    """A calendar's time as one of ours; ValueError for days such as 30 February of a 360-day year."""
    return dt.datetime(
        time.year, time.month, time.day, time.hour, time.minute, time.second, time.microsecond, tzinfo=dt.UTC
    )
