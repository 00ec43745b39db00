"""From what an inspector returned to facts that can be recorded, or a clear word why not."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from dbproc.core.errors import VersionError
from dbproc.core.filenames import NameFacts, keywords_text, last_moment
from dbproc.core.version import Version
from dbproc.products.base import Facts, Nonsense, NotMine

if TYPE_CHECKING:
    from dbproc.core.model import Extra

FIRST_VERSION = Version(1, 0, 0)
_YEARS = range(1900, 2101)
_LONGEST = 10_000
_KEY = re.compile(r"[^\s=\x00-\x1f\x7f]+")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_NO_NAME = NameFacts(None, None, None, None)


class CheckedFacts(NamedTuple):
    """Checked facts, in the types of :class:`dbproc.core.model.FileFacts`."""

    date: dt.date
    start: dt.datetime
    stop: dt.datetime
    version: Version
    keywords: str
    extra: dict[str, Extra]


def settle(facts: object, name: NameFacts = _NO_NAME, covers: dt.timedelta | None = None) -> CheckedFacts:
    """Complete `facts` by what the name says, and check them.

    Where they have no stop, it is the name's; where that is before the start, the file `covers` so much from there on,
    or that moment alone.

    NotMine when there is no date anywhere, or contents and name contradict each other; Nonsense for wrong types, a
    start after the stop, dates before 1900 or after 2100, text that cannot be stored.
    """
    if not isinstance(facts, Facts):
        raise Nonsense(f"it returned {_shown(facts)}, not Facts, a reason or None")
    start = _moment("start", facts.start)
    stop = _moment("stop", facts.stop)
    _agree(facts, start, stop, name)
    start, stop = _span(start, stop, name, covers)
    date = day("date", facts.date) or name.date or start.date()
    keywords = {**name.keywords, **_texts("keywords", facts.keywords)}
    extra = extra_of(facts.extra)
    version = version_of(facts.version) or name.version or FIRST_VERSION
    return checked(CheckedFacts(date, start, stop, version, keywords_text(keywords), extra))


def checked(facts: CheckedFacts) -> CheckedFacts:
    """`facts`, when its dates are in order and in range; Nonsense otherwise."""
    if facts.start > facts.stop:
        raise Nonsense(f"its start {facts.start.isoformat()} is after its stop {facts.stop.isoformat()}")
    for what, value in (("date", facts.date), ("start", facts.start), ("stop", facts.stop)):
        if value.year not in _YEARS:
            raise Nonsense(f"its {what} {value.isoformat()} is outside {_YEARS[0]}..{_YEARS[-1]}")
    return facts


def moment(what: str, value: object) -> dt.datetime:
    """`value` as an aware UTC time, naive times and bare dates are UTC; Nonsense when it is not a time."""
    if isinstance(value, dt.datetime):
        try:
            time = value.replace(tzinfo=dt.UTC) if value.utcoffset() is None else value.astimezone(dt.UTC)
        except (OverflowError, ValueError) as error:
            raise Nonsense(f"its {what} {_shown(value)} is not a time: {error}") from error
        return dt.datetime.combine(time.date(), time.timetz())
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time.min, dt.UTC)
    raise Nonsense(f"its {what} is {_shown(value)}, not a datetime")


def day(what: str, value: object) -> dt.date | None:
    """`value` as a date, of a time its UTC day, None for None; Nonsense when it is not a date."""
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return moment(what, value).date()
    if isinstance(value, dt.date):
        return dt.date(value.year, value.month, value.day)
    raise Nonsense(f"its {what} is {_shown(value)}, not a date")


def version_of(value: object) -> Version | None:
    """`value` as a version: a Version, text such as ``"1.0.0"``, or anything with its three parts; None for None."""
    try:
        if value is None or isinstance(value, Version):
            return value
        if isinstance(value, str):
            return Version.parse(value)
        parts = [getattr(value, part) for part in ("interface", "quality", "revision")]
    except (AttributeError, VersionError) as error:
        raise Nonsense(f"its version is {_shown(value)}; it must be like '1.0.0'") from error
    if not all(type(part) is int for part in parts):
        raise Nonsense(f"its version is {_shown(value)}; its parts must be whole numbers")
    try:
        return Version(*parts)
    except VersionError as error:
        raise Nonsense(f"its version is nonsense: {error}") from error


def text(what: str, value: object) -> str:
    """`value`, when it is text that a database can hold and a log can show; Nonsense otherwise."""
    if not isinstance(value, str):
        raise Nonsense(f"its {what} is {_shown(value)}, not text")
    if len(value) > _LONGEST:
        raise Nonsense(f"its {what} has {len(value)} characters; at most {_LONGEST} are kept")
    if any(not (char.isprintable() or char in "\n\t") for char in value):
        raise Nonsense(f"its {what} holds control characters: {_shown(value)}")
    return str(value)


def extra_of(values: object) -> dict[str, Extra]:
    """What an inspector gives for further columns, in their types, from values or texts; Nonsense for what does not
    fit. What is None is left out."""
    if not isinstance(values, Mapping):
        raise Nonsense(f"its extra are {_shown(values)}, not a dict")
    unknown = next((key for key in values if key not in EXTRA), None)
    if unknown is not None:
        raise Nonsense(f"extra has {_shown(unknown)}; it may hold {', '.join(sorted(EXTRA))}")
    return {key: EXTRA[key](key, value) for key, value in values.items() if value is not None}


def _number(what: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Nonsense(f"its {what} is {_shown(value)}, not a number")
    return number


def _flag(what: str, value: object) -> bool:
    flag = _FLAGS.get(str(value).lower())
    if flag is None:
        raise Nonsense(f"its {what} is {_shown(value)}, neither true nor false")
    return flag


def _time(what: str, value: object) -> dt.datetime:
    try:
        return moment(what, dt.datetime.fromisoformat(value) if isinstance(value, str) else value)
    except ValueError as error:
        raise Nonsense(f"its {what} is {_shown(value)}, not a time") from error


def _moment(what: str, value: object) -> dt.datetime | None:
    return None if value is None else moment(what, value)


def _agree(facts: Facts, start: dt.datetime | None, stop: dt.datetime | None, name: NameFacts) -> None:
    """See that contents with times of their own lie where the name says, unless the inspector gave the date itself."""
    if type(facts.tolerance) is not int or facts.tolerance < 0:
        raise Nonsense(f"its tolerance is {_shown(facts.tolerance)}, not a number of days")
    if start is None or facts.date is not None or name.start is None or name.stop is None:
        return
    last = start if stop is None else stop
    days_off = max((start.date() - name.stop.date()).days, (name.start.date() - last.date()).days)
    if days_off > facts.tolerance and start <= last:
        raise NotMine(f"its contents are of {_between(start, last)}, but its name says {name.date}")


def _between(start: dt.datetime, stop: dt.datetime) -> str:
    first, last = start.date().isoformat(), stop.date().isoformat()
    return first if first == last else f"{first} to {last}"


def _span(
    start: dt.datetime | None, stop: dt.datetime | None, name: NameFacts, covers: dt.timedelta | None
) -> tuple[dt.datetime, dt.datetime]:
    if start is None:
        start = name.start
    if start is None:
        raise NotMine("neither its name nor its contents say of which date it is")
    if stop is None and name.stop is not None and start <= name.stop:
        stop = name.stop
    if stop is None:
        stop = start if covers is None else last_moment(start, covers)
    return start, stop


def _texts(what: str, values: object) -> dict[str, str]:
    if not isinstance(values, Mapping):
        raise Nonsense(f"its {what} are {_shown(values)}, not a dict of texts")
    for key in values:
        if not (isinstance(key, str) and _KEY.fullmatch(key) and key.isprintable()):
            raise Nonsense(f"its {what} have the key {_shown(key)}; a key is one word without '='")
    return {key: text(f"{what}[{key!r}]", value) for key, value in values.items()}


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


EXTRA: Mapping[str, Callable[[str, object], Extra]] = {
    "quality_comment": text,
    "caveats": text,
    "verbose_provenance": text,
    "check_date": _time,
    "quality_checked": _flag,
    "met_start_time": _number,
    "met_stop_time": _number,
}
"""The columns of the file's row that an inspector may fill besides its facts, and how each is read."""
