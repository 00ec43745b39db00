"""Filename formats and filenames: one into the other and back.

A format is text with fields in braces, as in dbprocessing: ``met_{Y}{m}{d}_v{VERSION}.nc``. The fields of
:data:`FIELDS` have a meaning of their own; any other field, ``{station}``, is a keyword: what stands there in the
filename becomes a process keyword of the file.
"""

from __future__ import annotations

import calendar
import datetime as dt
import posixpath
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from urllib.parse import quote, unquote

from dbproc.core.errors import FormatError, VersionError
from dbproc.core.version import Version

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HIGHEST = 30_000
"""The highest part of a version that is read: the database takes 32767, and rebuilding raises it further."""
_LONGEST = 255
"""Bytes of the name of a file or a directory: more than that no filesystem takes."""
_UNFIT = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_STRANGE = "/" + _UNFIT
_IS_STRANGE = re.compile(f"[{_STRANGE}]")

UNFIT = re.compile(f"[{_UNFIT}]")
"""What no name may hold: characters that end a line or move a cursor, and bytes that are not UTF-8."""

_BRACED = re.compile(r"\{([^{}]*)\}")
_KEYWORD = f"[^{_STRANGE}]+?"
_DAY = r"(?:19|2\d)\d\d(?:0\d|1[0-2])[0-3]\d"

FIELDS: dict[str, str] = {
    "Y": r"(?:19|2\d)\d\d",
    "m": r"(?:0\d|1[0-2])",
    "b": "(?:" + "|".join(_MONTHS) + ")",
    "d": r"[0-3]\d",
    "y": r"\d\d",
    "j": r"[0-3]\d\d",
    "H": r"[0-2]\d",
    "M": r"[0-5]\d",
    "S": r"[0-6]\d",
    "MILLI": r"\d{3}",
    "MICRO": r"\d{3}",
    "QACODE": r"(?:ok|ignore|problem)",
    "VERSION": r"\d+\.\d+\.\d+",
    "DATE": _DAY,
    "datetime": r"(?:(?:19|2\d)\d\d-(?:0\d|1[0-2])-[0-3]\d|" + _DAY + ")",
    "mday": r"-?\d+",
    "APID": r"[\da-fA-F]+",
    "??": f"[^{_STRANGE}]{{2}}",
    "???": f"[^{_STRANGE}]{{3}}",
    "????": f"[^{_STRANGE}]{{4}}",
    "nn": r"\d\d",
    "nnn": r"\d{3}",
    "nnnn": r"\d{4}",
}
"""Every field with a meaning, and the regular expression that reads it."""

_TIME_FIELDS: dict[str, Callable[[dt.datetime], object]] = {
    "Y": lambda t: f"{t.year:04d}",
    "m": lambda t: f"{t.month:02d}",
    "b": lambda t: _MONTHS[t.month - 1],
    "d": lambda t: f"{t.day:02d}",
    "y": lambda t: f"{t.year % 100:02d}",
    "j": lambda t: f"{t.timetuple().tm_yday:03d}",
    "H": lambda t: f"{t.hour:02d}",
    "M": lambda t: f"{t.minute:02d}",
    "S": lambda t: f"{t.second:02d}",
    "MILLI": lambda t: f"{t.microsecond // 1000:03d}",
    "MICRO": lambda t: f"{t.microsecond % 1000:03d}",
    "DATE": lambda t: f"{t.year:04d}{t.month:02d}{t.day:02d}",
    "datetime": lambda t: t.date().isoformat(),
}

_OF_ANY_LENGTH = frozenset({"QACODE", "VERSION", "datetime", "mday", "APID"})
"""The fields of :data:`FIELDS` that may be longer or shorter."""

TIME_OF_DAY = frozenset({"H", "M", "S", "MILLI", "MICRO"})
"""Fields that are keywords as well: several files of a product on one day differ in them."""

Keywords = Mapping[str, str]


class _Impossible(Exception):
    """What stands in a field of a name cannot be; the sentence says what."""


_INSTANT = dt.timedelta(microseconds=1)


def last_moment(start: dt.datetime, length: dt.timedelta) -> dt.datetime:
    """The last moment of a time: stop times are inclusive."""
    return start + length - _INSTANT


@dataclass(frozen=True, slots=True)
class NameFacts:
    """What a filename says about its file; `start` and `stop` are aware UTC times, stop inclusive."""

    date: dt.date | None
    start: dt.datetime | None
    stop: dt.datetime | None
    version: Version | None
    keywords: dict[str, str] = field(default_factory=dict)

    def lasting(self, length: dt.timedelta | None) -> NameFacts:
        """The same of a file whose time is `length` from its start on; None: as long as the name says."""
        if self.start is None or length is None:
            return self
        return replace(self, stop=last_moment(self.start, length))


@dataclass(frozen=True, slots=True)
class Format:
    """A compiled filename format; make one with :func:`compile_format`."""

    text: str
    pattern: re.Pattern[str]
    groups: tuple[tuple[str, str], ...]
    fields: frozenset[str]  #: the names of the fields that occur
    keyword_fields: frozenset[str]  #: those that become process keywords

    @property
    def has_version(self) -> bool:
        """Whether two versions of a file can have two names."""
        return "VERSION" in self.fields

    def match(self, filename: str) -> NameFacts | None:
        """Read `filename`; None when it is not of this format or names a date that does not exist."""
        found = self.pattern.fullmatch(filename)
        try:
            return None if found is None else self._read(found)
        except _Impossible:
            return None

    def fault(self, filename: str) -> str | None:
        """What is impossible in a name that looks like one of this format; None when it is one, or does not."""
        found = self.pattern.fullmatch(filename)
        try:
            if found is not None:
                self._read(found)
        except _Impossible as error:
            return str(error)
        return None

    def values(self, filename: str) -> dict[str, str] | None:
        """What stands in `filename` for each field; None when it is not of this format."""
        found = self.pattern.fullmatch(filename)
        if found is None or self.match(filename) is None:
            return None
        return {name: found[group] for name, group in self.groups}

    def _read(self, found: re.Match[str]) -> NameFacts:
        values: dict[str, str] = {}
        for name, group in self.groups:
            if values.setdefault(name, found[group]) != found[group]:
                raise _Impossible(f"its field {{{name}}} is {values[name]} in one place and {found[group]} in another")
        return _facts(values, self.keyword_fields)

    def render(self, time: dt.datetime, version: str, keywords: Keywords) -> str:
        """The filename for `time`, `version` and `keywords`.

        Raises
        ------
        FormatError
            The format has a keyword that `keywords` does not give, or what comes of it is not a filename.
        """
        return render(self.text, time, version, keywords)


def render(text: str, time: dt.datetime, version: str, keywords: Keywords) -> str:
    """Replace the fields of `text`, a filename format or a directory pattern.

    For all keywords, each name between the slashes of `text` stays one name, and none of them leads upwards.

    Raises
    ------
    FormatError
        A field is neither one of :data:`FIELDS` that can be written nor given in `keywords`, or with what is given a
        name would hold a slash or a control character, would be ``.``, ``..`` or empty, or longer than a name can be.
    """
    return "/".join(_name(text, part, time, version, keywords) for part in text.split("/"))


def _name(text: str, part: str, time: dt.datetime, version: str, keywords: Keywords) -> str:
    """Replace the fields of one name of a pattern."""
    parts: list[str] = []
    has_fields = False
    for literal, name, spec, _ in _parsed(part):
        parts.append(literal)
        if name is not None:
            has_fields = True
            parts.append(_value(text, name, spec or "", time, version, keywords))
    rendered = "".join(parts)
    if has_fields and (rendered in ("", ".", "..") or len(rendered.encode()) > _LONGEST):
        raise FormatError(f"{text!r}: {part!r} becomes {_shown(rendered)}, which no file and no directory can be named")
    return rendered


def _value(text: str, name: str, spec: str, time: dt.datetime, version: str, keywords: Keywords) -> str:
    """What stands for a field."""
    if name in keywords:
        if _IS_STRANGE.search(keywords[name]):
            raise FormatError(f"{text!r}: its keyword {{{name}}} is {_shown(keywords[name])}, which no name can hold")
        return keywords[name]
    if name == "VERSION":
        return version
    if name in _TIME_FIELDS:
        value = str(_TIME_FIELDS[name](time))
        return format(int(value), spec) if spec.endswith("d") else value
    raise FormatError(f"{text!r} needs the keyword {{{name}}}, and none of the inputs gives it")


def _shown(value: str) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


@lru_cache(maxsize=4096)
def compile_format(text: str) -> Format:
    """Compile a filename format.

    Raises
    ------
    FormatError
        Unbalanced braces, an empty field, a directory separator, or a format specification other than ``0Nd``.
    """
    if "/" in text or not text:
        raise FormatError(f"{text!r} is not a filename format: it must be one name without '/'")
    pieces: list[_Piece] = []
    groups: list[tuple[str, str]] = []
    for literal, name, spec, conversion in _parsed(text):
        pieces.append(_Piece(re.escape(literal), is_fixed=not _IS_STRANGE.search(literal)))
        if name is None:
            continue
        if not name or conversion:
            raise FormatError(f"{text!r}: every field needs a name and takes no conversion, for example {{Y}}")
        group = f"g{len(groups)}"
        groups.append((name, group))
        field_regex = _field_regex(text, name, spec or "")
        is_fixed = field_regex != _KEYWORD and name not in _OF_ANY_LENGTH
        pieces.append(_Piece(f"(?P<{group}>{field_regex})", is_fixed=is_fixed, is_keyword=field_regex == _KEYWORD))
    fields = frozenset(name for name, _ in groups)
    timeless = fields - (_TIME_FIELDS.keys() - TIME_OF_DAY) - {"VERSION"}
    return Format(text, re.compile(_in_one_pass(pieces), re.DOTALL | re.ASCII), tuple(groups), fields, timeless)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a format as a regular expression; what is fixed always has the same length."""

    regex: str
    is_fixed: bool
    is_keyword: bool = False


def _in_one_pass(pieces: Sequence[_Piece]) -> str:
    """The pieces one after the other, without trying a name in every way in which keywords may share it.

    A keyword ends where what stands between it and the next keyword is found first, and for good: the next one takes
    the rest. So it is as long as what stands between them has one length; else, and at the end, all is tried.
    """
    starts = [number for number, piece in enumerate(pieces) if piece.is_keyword]
    if not starts:
        return "".join(piece.regex for piece in pieces)
    regex = [piece.regex for piece in pieces[: starts[0]]]
    for start, end in pairwise(starts):
        part = "".join(piece.regex for piece in pieces[start:end])
        regex.append(f"(?>{part})" if all(piece.is_fixed for piece in pieces[start + 1 : end]) else part)
    return "".join([*regex, *(piece.regex for piece in pieces[starts[-1] :])])


def substitute(text: str, constants: Mapping[str, str]) -> str:
    """Replace ``{MISSION}``, ``{INSTRUMENT}`` and other constants of a definition; other fields stay.

    What is put in is not expanded again.
    """
    return _BRACED.sub(lambda found: constants.get(found[1], found[0]), text)


def keywords_text(keywords: Keywords) -> str:
    """Keywords as they stand in the database: ``"a=1 b=2"``, sorted, values percent-encoded where they must be."""
    return " ".join(f"{key}={quote(value, safe='/:+,;@()[]*!.~')}" for key, value in sorted(keywords.items()))


def keywords_of(text: str | None) -> dict[str, str]:
    """The reverse of :func:`keywords_text`; reads dbprocessing's ``k=v k=v`` as well, in any order."""
    pairs = (word.partition("=") for word in (text or "").split())
    return {key: unquote(value) for key, equals, value in pairs if equals}


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    try:
        return tuple(string.Formatter().parse(text))
    except ValueError as error:
        raise FormatError(f"{text!r}: {error}; write {{Y}} for a field, {{{{ and }}}} for braces") from error


def _field_regex(text: str, name: str, spec: str) -> str:
    if not spec:
        return FIELDS.get(name, _KEYWORD)
    digits = re.fullmatch(r"0?(\d{1,6})d", spec)
    if digits is None or int(digits[1]) > _LONGEST:
        raise FormatError(f"{text!r}: the format specification {spec!r} is not known; only 0Nd (N digits) is")
    return rf"\d{{{int(digits[1])}}}"


def filled(text: str, values: Mapping[str, str]) -> str:
    """A format with values for its fields as they stand in a name: the reverse of :meth:`Format.values`."""
    return "".join(literal + (values[name] if name is not None else "") for literal, name, _, _ in _parsed(text))


def without_ending(format: Format, filename: str) -> str:
    """A name of a format without the ending that is fixed there, from its first point on: ``.nc``, ``.tar.gz``; a part
    of a field is none."""
    *_, (literal, name, _, _) = _parsed(format.text)
    point = literal.find(".") if name is None else -1
    return filename if point < 0 else filename.removesuffix(literal[point:])


def field_pattern(format: Format, name: str) -> str:
    """The regular expression of what may stand for a field of a format."""
    specs = (spec or "" for _, field_name, spec, _ in _parsed(format.text) if field_name == name)
    return _field_regex(format.text, name, next(specs, ""))


_DIGITS = {"Y": 4, "j": 3, "MILLI": 3, "MICRO": 3, **dict.fromkeys(("m", "d", "y", "H", "M", "S"), 2)}
"""How many digits the fields of time have that are numbers."""


def misread_field(text: str) -> str | None:
    """What is wrong with a field of time that would be read otherwise than it is written; None when none would be."""
    for _, name, spec, _ in _parsed(text):
        if name is None or not spec or name not in (*_TIME_FIELDS, "VERSION"):
            continue
        digits = int(spec.rstrip("d"))
        usual = 8 if name == "DATE" else _DIGITS.get(name)
        if usual is None:
            return f"the field {{{name}}} has no digits to be counted; write it without {spec!r}"
        is_full = digits == usual if name == "DATE" else digits >= usual
        if not is_full or ((digits > usual or name not in ("Y", "DATE")) and not spec.startswith("0")):
            return f"what {{{name}:{spec}}} writes is not what it reads; write {{{name}}}"
    return None


def digits_of(text: str) -> dict[str, int]:
    """The keywords of a format that have a fixed number of digits, and how many."""
    found: dict[str, int] = {}
    for _, name, spec, _ in _parsed(text):
        if name is not None and (spec or name in TIME_OF_DAY):
            found[name] = int(spec.rstrip("d") or 0) if spec else _DIGITS[name]
    return {name: digits for name, digits in found.items() if name not in _TIME_FIELDS or name in TIME_OF_DAY}


def _facts(values: dict[str, str], keyword_fields: frozenset[str]) -> NameFacts:
    keywords = {name: value for name, value in values.items() if name in keyword_fields}
    version = _named_version(values["VERSION"]) if "VERSION" in values else None
    try:
        first, last = _dates(values)
    except (ValueError, OverflowError) as error:
        raise _Impossible("its date does not exist") from error
    if first is None or last is None:
        return NameFacts(None, None, None, version, keywords)
    start = dt.datetime.combine(first, _time(values), dt.UTC)
    finest = next((length for name, length in _LENGTHS if name in values), None)
    if finest is not None and first == last:
        return NameFacts(first, start, last_moment(start, finest), version, keywords)
    return NameFacts(first, start, dt.datetime.combine(last, dt.time.max, dt.UTC), version, keywords)


_LENGTHS = (
    ("MICRO", _INSTANT),
    ("MILLI", dt.timedelta(milliseconds=1)),
    ("S", dt.timedelta(seconds=1)),
    ("M", dt.timedelta(minutes=1)),
    ("H", dt.timedelta(hours=1)),
)
"""How long the time is that a name says to each field of the time of day, the finest first."""


def time_named(date: dt.date, keywords: Keywords) -> tuple[dt.datetime, dt.datetime]:
    """The first and the last moment of the time of day that keywords tell of a date; without any, of the date."""
    finest = next((length for name, length in _LENGTHS if name in keywords), None)
    try:
        clock = _time(keywords)
    except (ValueError, _Impossible):  # an inspector may give them any value
        finest = None
    if finest is None:
        return dt.datetime.combine(date, dt.time.min, dt.UTC), dt.datetime.combine(date, dt.time.max, dt.UTC)
    start = dt.datetime.combine(date, clock, dt.UTC)
    return start, last_moment(start, finest)


def _named_version(text: str) -> Version:
    try:
        return read_version(text)
    except VersionError as error:
        raise _Impossible(f"its version cannot be taken: {error}") from error


def read_version(text: str) -> Version:
    """A version that a file gives itself.

    Raises
    ------
    VersionError
        It is none, or higher than the database can hold.
    """
    version = Version.parse(text)
    if max(version.interface, version.quality, version.revision) > HIGHEST:
        raise VersionError(f"{text} has a part above {HIGHEST}")
    return version


def days_named(values: Mapping[str, str]) -> tuple[dt.date, dt.date] | None:
    """The first and the last day of what stands for fields of dates; None where they tell none, or one that is not."""
    try:
        first, last = _dates(values)
    except (ValueError, OverflowError):
        return None
    return None if first is None or last is None else (first, last)


def _dates(values: Mapping[str, str]) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day that the fields name; a month or a year without a day is the whole of it."""
    day = values.get("DATE") or values.get("datetime", "").replace("-", "")
    if day:
        date = dt.datetime.strptime(day, "%Y%m%d").date()
        return date, date
    year = _year(values)
    if year is None:
        return None, None
    if "j" in values:
        date = dt.date(year, 1, 1) + dt.timedelta(days=int(values["j"]) - 1)
        if date.year != year:
            raise ValueError(f"day {values['j']} of {year} does not exist")
        return date, date
    month = int(values["m"]) if "m" in values else _MONTHS.index(values["b"]) + 1 if "b" in values else None
    if month is None:
        return dt.date(year, 1, 1), dt.date(year, 12, 31)
    if "d" in values:
        date = dt.date(year, month, int(values["d"]))
        return date, date
    return dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1])


def _year(values: Mapping[str, str]) -> int | None:
    if "Y" in values:
        return int(values["Y"])
    if "y" not in values:
        return None
    short = int(values["y"])
    if short > 99:
        raise ValueError(f"year {short} does not have two digits")
    return short + (1900 if short >= 70 else 2000)


_UNITS = {"H": ("hour", 23), "M": ("minute", 59), "S": ("second", 60)}
"""What the fields of the time of day count, and how far; second 60 is a leap second."""


def _time(values: Keywords) -> dt.time:
    for name, (unit, last) in _UNITS.items():
        if int(values.get(name, 0)) > last:
            raise _Impossible(f"its {unit} {values[name]} does not exist; there are {unit}s from 00 to {last}")
    micro = int(values.get("MILLI", 0)) * 1000 + int(values.get("MICRO", 0))
    if micro > 999_999:
        raise _Impossible("its part of a second is more than a second")
    second = min(int(values.get("S", 0)), 59)
    return dt.time(int(values.get("H", 0)), int(values.get("M", 0)), second, micro)


def companion_of(path: str) -> str:
    """The directory that is the companion of a file of this path or name, where its product says that it has one."""
    return posixpath.splitext(path)[0]


UNFINISHED_SUFFIXES = (".part", ".tmp", ".partial", ".filepart", ".crdownload")


def is_unfinished(name: str) -> bool:
    """Whether a name says that its file is still being written."""
    return name.startswith(".") or name.lower().endswith(UNFINISHED_SUFFIXES) or name.endswith("~")
