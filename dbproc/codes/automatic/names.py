"""What the names of files tell: times, places of tiles, and the shape and type of raw values. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from dbproc.codes.idx.description import Axis, Regular

SINCE = "seconds since 1970-01-01 00:00:00"
DAY = r"(?P<year>19\d\d|20\d\d)(?P<a>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=a)(?P<day>0[1-9]|[12]\d|3[01])"
CLOCK = r"(?:[T_. -]?(?P<hour>[01]\d|2[0-3])[-_:.]?(?P<minute>[0-5]\d)(?:[-_:.]?(?P<second>[0-5]\d))?(?!\d))?"
DATE = re.compile(rf"(?<!\d){DAY}{CLOCK}")
DAY_OF_YEAR = re.compile(r"(?<!\d)(?P<year>19\d\d|20\d\d)[-_.]?(?P<yday>[0-3]\d\d)(?!\d)")
STEP = re.compile(r"(?:^|[^A-Za-z])(?:t|time|timestep|step|frame|ts)[-_ ]?(\d+)(?!\d)", re.IGNORECASE)
SLICE = re.compile(r"(\d+)(?!.*\d)")
"""The last number of a name."""
GRIDS = (
    re.compile(r"(?:row|r|y)[-_ ]?(\d+)[-_ x]*(?:column|col|c|x)[-_ ]?(\d+)", re.IGNORECASE),
    re.compile(r"(?:tile|part|mosaic)[-_ ]?(\d+)[-_x](\d+)", re.IGNORECASE),
)
PAIR = re.compile(r"(.*?(?<!\d))(\d{1,3})([-_x])(\d{1,3})((?!\d)\D*)")
TURNED = re.compile(r"(?:column|col|c|x)[-_ ]?(\d+)[-_ x]*(?:row|r|y)[-_ ]?(\d+)", re.IGNORECASE)
BAND = re.compile(
    r"(.*?[-_. ])(B\d{1,2}A?|band[-_ ]?\d{1,2}|red|green|blue|nir\d?|red[-_ ]?edge\d?|swir\d?|coastal|cirrus|pan)"
    r"((?:[-_ ]\d+m)?\.[^.]*)",
    re.IGNORECASE,
)
"""A name that ends in a band's."""
SIZES = re.compile(r"(?<!\d)(?<!\d[.xX*×])(\d+(?:[xX*×]\d+){1,5})(?!\d)")
APART = re.compile(r"(?<![\dA-Za-z])(?<!\d\.)(\d+(?:([-_,])\d+)(?:\2\d+){0,4})(?![\dA-Za-z])")
"""Sizes with another sign between them, the same each time."""
LETTERED = re.compile(r"(?<![A-Za-z])([xyzwhd])[-_=]?(\d+)(?!\d)", re.IGNORECASE)
"""Sizes with the letters of their axes."""
LETTERS = "xyz", "whd"
"""Letters of axes, quickest first: their names, or width, height and depth."""
TYPES = {
    "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8", "int8": "i1", "int16": "i2", "int32": "i4",
    "int64": "i8", "float16": "f2", "float32": "f4", "float64": "f8", "u8": "u1", "u16": "u2", "u32": "u4", "i8": "i1",
    "i16": "i2", "i32": "i4", "f32": "f4", "f64": "f8", "uchar": "u1", "ubyte": "u1", "byte": "u1", "8bit": "u1",
    "8u": "u1", "ushort": "u2", "16u": "u2", "16bit": "u2", "short": "i2", "16s": "i2", "uint": "u4", "int": "i4",
    **{each: each for each in ("u2", "u4", "i2", "i4", "f2", "f4", "f8")},
    "float": "f4", "32f": "f4", "double": "f8", "64f": "f8", "real32": "f4", "real64": "f8", "single": "f4",
}  # fmt: skip
"""Types by the words for them."""
BIG, LITTLE = ("be", "big", "bigendian", "msb"), ("le", "little", "littleendian", "lsb")


@dataclass(frozen=True)
class Raw:
    """What a name tells of raw values: their shape, slowest axis first, and numpy's type."""

    shape: tuple[int, ...]
    dtype: str


def times(names: Sequence[str]) -> Axis | None:
    """The axis of time that names tell of, where each tells another one: dates, or numbers of steps."""
    dates = [_date(name) for name in names]
    if len(names) > 1 and None not in dates and len(set(dates)) == len(names):
        return _axis([each.timestamp() for each in dates if each], SINCE, "standard")
    steps = [STEP.findall(name) for name in names]
    numbers = [int(each[-1]) for each in steps if each]
    if len(names) > 1 and len(numbers) == len(names) == len(set(numbers)) and _alike(names, STEP):
        return _axis(numbers, "", "")
    return None


def moments(dates: Sequence[str | None]) -> Axis | None:
    """The axis of times that are told as ISO 8601, where each is another one; without an offset they count as UTC."""
    found = []
    for each in dates:
        try:
            moment = dt.datetime.fromisoformat(each or "")
        except ValueError:
            return None
        found.append((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
    return _axis(found, SINCE, "standard") if len(found) > 1 and len(set(found)) == len(found) else None


def tiles(names: Sequence[str]) -> str:
    """The pattern that tells rows and columns of tiles by their names, as ``--tiles`` takes it; empty for none."""
    for pattern, order in ((GRIDS[0], "{row} {column}"), (TURNED, "{column} {row}"), (GRIDS[1], "{row} {column}")):
        found = [pattern.search(name) for name in names]
        cells = {each.groups() for each in found if each}
        if len(names) < 2 or not all(found) or len(cells) < len(names):
            continue
        match = found[0]
        assert match is not None
        name, (one, other) = names[0], order.split()
        between = re.sub(r"\d+", "*", name[match.end(1) : match.start(2)])
        lead = re.sub(r"[^A-Za-z_-]+", "*", name[: match.start(1)][match.start() - match.start(1) :])
        return f"*{lead}{one}{between}{other}*"
    return _grid(names)


def bands(names: Sequence[str]) -> list[str]:
    """The bands that names tell, where they are the same but for these; none where they do not."""
    found = [BAND.fullmatch(name) for name in names]
    told = [each[2] for each in found if each]
    rests = {(each[1], each[3]) for each in found if each}
    return told if len(names) > 1 and len(rests) == 1 and len({each.lower() for each in told}) == len(names) else []


def are_numbered(names: Sequence[str]) -> bool:
    """Whether names are the same but for a number."""
    return all(SLICE.search(name) for name in names) and _alike(names, SLICE)


def _grid(names: Sequence[str]) -> str:
    """The pattern of names that end in two numbers, which from 0 or 1 on fill all rows and columns of a grid."""
    found = [PAIR.fullmatch(name) for name in names]
    cells = {(int(each[2]), int(each[4])) for each in found if each}
    rows, columns = {row for row, _ in cells}, {column for _, column in cells}
    is_full = len(cells) == len(names) == len(rows) * len(columns) and min(len(rows), len(columns)) > 1
    is_run = is_full and all(min(each) in (0, 1) and max(each) - min(each) == len(each) - 1 for each in (rows, columns))
    if not is_run or not all(found) or len({(each[1], each[3]) for each in found if each}) > 1:
        return ""
    match = found[0]
    assert match is not None
    return f"{match[1]}{{row}}{match[3]}{{column}}*"


def raw(name: str, size: int) -> Raw | None:
    """What a name tells of raw values, where it agrees with the file's ``size``.

    Sizes are told quickest axis first; where the first is 1 and the last is not, slowest first.
    """
    words = [word for each in re.split(r"[^A-Za-z0-9]+", name.lower()) for word in _split(each)]
    kinds = [TYPES[word] for word in words if word in TYPES]
    order = ">" if set(words) & set(BIG) else "<"
    for sizes, is_plain in _sizes(name):
        for kind in kinds or (["u1"] if is_plain else []):
            if 0 < prod(sizes) * int(kind[1]) == size:
                return Raw(tuple(reversed(sizes)), f"{order}{kind}")
    return None


def _sizes(name: str) -> Iterator[tuple[list[int], bool]]:
    """Sizes that a name may tell, quickest axis first, and whether they can be nothing else."""
    for match in SIZES.finditer(name):
        yield _turned(re.split(r"[xX*×]", match[1])), True
    told = {letter.lower(): int(size) for letter, size in LETTERED.findall(name)}
    for letters in LETTERS:
        if set(letters[:2]) <= set(told):
            yield [told[letter] for letter in letters if letter in told], True
    for match in APART.finditer(name):
        yield _turned(match[1].split(match[2])), False


def _turned(words: Sequence[str]) -> list[int]:
    """Sizes quickest axis first, as they are told; but where the first is 1 and the last is not, slowest first."""
    sizes = [int(each) for each in words]
    return sizes[::-1] if sizes[0] == 1 < sizes[-1] else sizes


def _split(word: str) -> list[str]:
    """A word, and where a type and the order of its bytes are written as one, both."""
    ends = [end for end in (*BIG, *LITTLE) if word.endswith(end) and word.removesuffix(end) in TYPES]
    return [word.removesuffix(ends[0]), ends[0]] if ends else [word]


def _date(name: str) -> dt.datetime | None:
    match = DATE.search(name)
    if match is not None:
        clock = [int(match[part] or 0) for part in ("hour", "minute", "second")]
        return _moment(int(match["year"]), int(match["month"]), int(match["day"]), *clock)
    match = DAY_OF_YEAR.search(name)
    if match is None or not 1 <= int(match["yday"]) <= 366:
        return None
    return dt.datetime(int(match["year"]), 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=int(match["yday"]) - 1)


def _moment(*parts: int) -> dt.datetime | None:
    try:
        return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None


def _alike(names: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Whether names are the same but for the last number that the pattern finds."""
    rest = set()
    for name in names:
        last = list(pattern.finditer(name))[-1]
        rest.add(name[: last.start(1)] + "#" + name[last.end(1) :])
    return len(rest) == 1


def _axis(values: Sequence[float], units: str, calendar: str) -> Axis:
    whole = [int(each) if float(each).is_integer() else each for each in values]
    steps = {b - a for a, b in pairwise(whole)}
    regular = Regular(float(whole[0]), float(next(iter(steps)))) if len(steps) == 1 else None
    return Axis(
        "time", len(whole), units=units, standard_name="time" if units else "", calendar=calendar,
        coordinates=tuple(whole), regular=regular,
    )  # fmt: skip
