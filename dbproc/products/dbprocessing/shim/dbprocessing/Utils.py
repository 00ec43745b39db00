"""The helpers of dbprocessing that have a use inside an inspector."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from . import Version

_DAY = datetime.timedelta(days=1)


def datetimeToDate(dt: datetime.date) -> datetime.date:
    """The date of a time; a date stays."""
    return dt.date() if isinstance(dt, datetime.datetime) else dt


def toDatetime(dt: datetime.date | str, end: bool = False) -> datetime.datetime:
    """The beginning, or with `end` the last microsecond, of a date or of the text of one; a time stays."""
    if isinstance(dt, datetime.datetime):
        return dt
    day = parseDate(dt) if isinstance(dt, str) else datetime.datetime.combine(dt, datetime.time())
    return datetime.datetime.combine(day, datetime.time.max) if end else day


def dateForPrinting(
    dt: datetime.datetime | None = None, microseconds: bool = False, brackets: Sequence[str] = "[]"
) -> str:
    """A time, by default now, in brackets."""
    time = datetime.datetime.now() if dt is None else dt
    shown = time if microseconds else time.replace(microsecond=0)
    return f"{brackets[0]}{shown.isoformat()}{brackets[1]}"


def chunker(seq: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The sequence in pieces of `size`."""
    return (seq[first : first + size] for first in range(0, len(seq), size))


def unique(seq: Iterable[Any]) -> list[Any]:
    """Each element once, in the order of its first appearance."""
    return list(dict.fromkeys(seq))


def expandDates(start_time: datetime.datetime, stop_time: datetime.datetime) -> Iterator[datetime.datetime]:
    """Every day from `start_time` to `stop_time`."""
    return (start_time + number * _DAY for number in range((stop_time - start_time) // _DAY + 1))


def daterange_to_dates(daterange: Sequence[datetime.datetime]) -> list[datetime.datetime]:
    """Every day of a range given by its two ends."""
    return list(expandDates(daterange[0], daterange[1]))


def parseDate(inval: str) -> datetime.datetime:
    """Read ``2016-01-31``."""
    return datetime.datetime.strptime(inval, "%Y-%m-%d")


def parseVersion(inval: str) -> Version.Version:
    """Read ``1.0.0``."""
    return Version.Version.fromString(inval)


def flatten(l: Iterable[Any]) -> Iterator[Any]:  # noqa: E741
    """The leaves of nested lists."""
    for item in l:
        if isinstance(item, Iterable) and not isinstance(item, str | bytes):
            yield from flatten(item)
        else:
            yield item


def toBool(value: Any) -> bool:
    """Whether the value is one of the usual ways to say yes."""
    return value in (True, "True", "true", "Yes", "yes", "Y", "y")


def toNone(value: Any) -> Any:
    """None for the usual ways to say none, else the value."""
    return None if value in (None, "", "None", "none", "NONE") else value


def strargs_to_args(strargs: str | Sequence[str] | None) -> dict[str, str] | None:
    """Read ``"a=1 b=2"``, or several of them; what follows a word without ``=`` is not read."""
    if strargs is None:
        return None
    found: dict[str, str] = {}
    for text in [strargs] if isinstance(strargs, str) else strargs:
        for word in text.split():
            key, equals, rest = word.partition("=")
            if not equals:
                break
            found[key] = rest.partition("=")[0]
    return found


def split_code_args(args: str) -> list[str]:
    """Split arguments at spaces, keeping an option and the word after it together."""
    words = iter(args.split())
    return [f"{word} {next(words, '')}".rstrip() if _is_option(word) else word for word in words]


def processRunning(pid: int) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_option(word: str) -> bool:
    return len(word) >= 2 and word[0] == "-"


def __getattr__(name: str) -> Any:
    raise AttributeError(f"dbprocessing.Utils.{name} is not available inside an inspector run by dbproc")
