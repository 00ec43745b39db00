"""What numbers and texts may be: each is a function that gives what is wrong with a value, and what is allowed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from dbproc.core.filenames import HIGHEST, UNFIT
from dbproc.core.version import Version

_YEAR = 366 * 24 * 3600
_LONGEST_PATH = 4000


@dataclass(frozen=True, slots=True)
class Bound:
    """From where to where a number may be, both included; `above`: the first of them is not."""

    low: float
    high: float
    unit: str = ""
    above: bool = False
    what: str = ""

    def __call__(self, value: float) -> str | None:
        """What is wrong with a value, and what is allowed; None when it is within."""
        is_enough = value > self.low if self.above else value >= self.low
        if is_enough and value <= self.high and math.isfinite(value):
            return None
        low = f"more than {_plain(self.low)}, and at most" if self.above else f"from {_plain(self.low)} to"
        return f"must be {self.what}{low} {_plain(self.high)}{self.unit}, not {_plain(value)}"


@dataclass(frozen=True, slots=True)
class Longest:
    """How many characters a text may have."""

    most: int

    def __call__(self, text: str) -> str | None:
        """What is wrong with a text; None when it is short enough."""
        if len(text) <= self.most:
            return None
        return f"has {len(text)} characters, {text[:20]!r} …; at most {self.most} are taken"


SECONDS = Bound(0, _YEAR, " seconds")
SOME_SECONDS = Bound(0, _YEAR, " seconds", above=True)
SECONDS_OF_A_DAY = Bound(0, 24 * 3600, " seconds", above=True)
MEMORY = Bound(0, 2**20, " GiB")
COUNT = Bound(0, 32767)
FROM_ONE = Bound(1, 32767)
INTERFACE = Bound(1, HIGHEST)
LEVEL = Bound(-1000, 1000)
DAYS = Bound(0, 36525, what="a number of days ")
NAME = Longest(200)
FORMAT = Longest(1000)
PATH = Longest(_LONGEST_PATH)
WORD = Longest(100_000)


def directory(path: str) -> str | None:
    """What is wrong with the path of a directory of the mission."""
    if UNFIT.search(path):
        return f"{path!r} has control characters or bytes that are not UTF-8 in it; give the directory another name"
    return PATH(path)


def version(value: Version) -> str | None:
    """What is wrong with a version."""
    if max(value.interface, value.quality, value.revision) > HIGHEST:
        return f"{value} has a part above {HIGHEST}; the parts of a version go up to that"
    return None


def umask(text: str) -> str | None:
    """What is wrong with a umask."""
    if re.fullmatch(r"0?0[0-7]{2}", text):
        return None
    return f"{text!r} is no umask that leaves the owner all rights; write three octal digits, such as 027"


def name(text: str) -> str | None:
    """What is wrong with the name of a mission, a product or a process."""
    if NAME(text):
        return NAME(text)
    if not text.strip() or text != text.strip() or not text.isprintable() or "{" in text or "}" in text:
        return f"{text!r} is no name: write printable text without braces and without blanks around it"
    return None


def _plain(value: float) -> str:
    """A number as it is written: whole ones without a fraction."""
    return str(int(value)) if math.isfinite(value) and float(value).is_integer() and abs(value) < 1e15 else str(value)
