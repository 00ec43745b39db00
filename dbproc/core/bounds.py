"""Bounds of numbers and texts: each function says what is wrong with a value and what is allowed, or gives None."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass

from dbproc.core.filenames import HIGHEST, UNFIT
from dbproc.core.states import Quality
from dbproc.core.version import Version

_YEAR = 366 * 24 * 3600
_LONGEST_PATH = 4000


@dataclass(frozen=True, slots=True)
class Bound:
    """The lowest and highest number allowed, both included; `above`: the lowest is excluded."""

    low: float
    high: float
    unit: str = ""
    above: bool = False
    what: str = ""

    def __call__(self, value: float) -> str | None:
        """The fault of a value and what is allowed, or None."""
        is_enough = value > self.low if self.above else value >= self.low
        if is_enough and value <= self.high and math.isfinite(value):
            return None
        low = f"more than {_plain(self.low)}, and at most" if self.above else f"from {_plain(self.low)} to"
        return f"must be {self.what}{low} {_plain(self.high)}{self.unit}, not {_plain(value)}"


@dataclass(frozen=True, slots=True)
class Longest:
    """The greatest number of characters of a text."""

    most: int

    def __call__(self, text: str) -> str | None:
        """The fault of a text, or None."""
        if len(text) <= self.most:
            return None
        return f"has {len(text)} characters, {text[:20]!r} …; at most {self.most} are allowed"


@dataclass(frozen=True, slots=True)
class Lasting:
    """The shortest and longest duration allowed, in seconds; `above`: the shortest is excluded."""

    shortest: float
    longest: float
    above: bool = False

    def __call__(self, value: dt.timedelta) -> str | None:
        """The fault of a duration, or None."""
        seconds = value.total_seconds()
        is_enough = seconds > self.shortest if self.above else seconds >= self.shortest
        if is_enough and seconds <= self.longest:
            return None
        return f"must be a duration {'above' if self.above else 'from'} 0 and up to 100 years, not {_plain(seconds)} s"


def quality(text: str) -> str | None:
    """The fault of a word that says how good a file is, or None."""
    if text in [each.value for each in Quality]:
        return None
    return f"{text!r} is not allowed; choose of {', '.join(Quality)}"


SECONDS = Bound(0, _YEAR, " seconds")
SOME_SECONDS = Bound(0, _YEAR, " seconds", above=True)
SECONDS_OF_A_DAY = Bound(0, 24 * 3600, " seconds", above=True)
MEMORY = Bound(0, 2**20, " GiB")
COUNT = Bound(0, 32767)
FROM_ONE = Bound(1, 32767)
INTERFACE = Bound(1, HIGHEST)
LEVEL = Bound(-1000, 1000)
DAYS = Bound(0, 36525, what="a number of days ")
TIME = Lasting(0, 36525 * 24 * 3600)
SOME_TIME = Lasting(0, 36525 * 24 * 3600, above=True)
NAME = Longest(200)
FORMAT = Longest(1000)
PATH = Longest(_LONGEST_PATH)
WORD = Longest(100_000)


def directory(path: str) -> str | None:
    """The fault of the path of a mission directory, or None."""
    if UNFIT.search(path):
        return f"{path!r} has control characters or bytes that are not UTF-8 in it; give the directory another name"
    return PATH(path)


def absolute(path: str) -> str | None:
    """The fault of a directory that must be absolute, or None."""
    if not path.startswith("/"):
        return f"{path!r} is not absolute; write the whole path of the directory"
    return directory(path)


def path_entry(word: str) -> str | None:
    """The fault of a word of ``path``, or None."""
    if word in ("first", "last"):
        return None
    if ":" in word or not word.startswith("/"):
        return f'{word!r} is neither "first" nor "last" nor the whole path of a directory'
    return directory(word)


def version(value: Version) -> str | None:
    """The fault of a version, or None."""
    if max(value.interface, value.quality, value.revision) > HIGHEST:
        return f"{value} has a part above {HIGHEST}; the parts of a version go up to that"
    return None


def umask(text: str) -> str | None:
    """The fault of a umask, or None."""
    if re.fullmatch(r"0?0[0-7]{2}", text):
        return None
    return f"{text!r} is not a umask that leaves the owner all rights; write three octal digits, such as 027"


def name(text: str) -> str | None:
    """The fault of the name of a mission, product or process, or None."""
    if NAME(text):
        return NAME(text)
    if not text.strip() or text != text.strip() or not text.isprintable() or "{" in text or "}" in text:
        return f"{text!r} is not a name: write printable text without braces and without blanks around it"
    return None


def _plain(value: float) -> str:
    """A number as text; whole numbers without a fraction."""
    return str(int(value)) if math.isfinite(value) and float(value).is_integer() and abs(value) < 1e15 else str(value)
