"""The helpers of dbprocessing that have a use inside an inspector."""

from __future__ import annotations

import configparser
import datetime
import os
import string
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import Version

_DAY = datetime.timedelta(days=1)
_OF_THE_DATABASE: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "INSTRUMENT": lambda rows: rows["instrument"].instrument_name,
    "SATELLITE": lambda rows: rows["satellite"].satellite_name,
    "SPACECRAFT": lambda rows: rows["satellite"].satellite_name,
    "MISSION": lambda rows: rows["mission"].mission_name,
    "PRODUCT": lambda rows: rows["product"].product_name,
}


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


def dirSubs(
    path: str,
    filename: str,
    utc_file_date: datetime.date,
    utc_start_time: datetime.datetime,
    version: Any,
    dbu: Any = None,
) -> str:
    """The directory with its fields filled in, for the file of a name; fields that are not known stay."""
    fields = f"{utc_file_date:Y=%Y m=%m b=%b d=%d y=%y j=%j DATE=%Y%m%d} {utc_start_time:H=%H M=%M S=%S}"
    known = dict(field.split("=") for field in fields.split()) | {"VERSION": str(version)}

    def filled(name: str) -> str:
        if name in _OF_THE_DATABASE and dbu is not None:
            return str(_OF_THE_DATABASE[name](dbu.getTraceback("File", filename)))
        return known.get(name, "{" + name + "}")

    parts = string.Formatter().parse(path)
    return "".join(literal + ("" if name is None else filled(name)) for literal, name, _, _ in parts)


def progressbar(count: int, blocksize: int, totalsize: int, text: str = "Download Progress") -> None:
    """Show on one line of stdout how much of it is done."""
    percent = min(100, count * blocksize * 100 // totalsize) if totalsize else 100
    sys.stdout.write(f"\r{text} ...{percent}%" + ("\n" if percent == 100 else ""))
    sys.stdout.flush()


def readconfig(config_filepath: str) -> dict[str, dict[str, Any]]:
    """A configuration file as ``{section: {key: value}}``; inputs are ``(product, yesterday, tomorrow)``."""
    parser = configparser.ConfigParser()
    with open(config_filepath, encoding="utf-8") as stream:
        parser.read_file(stream)
    return {name: {key: _config_value(key, value) for key, value in parser.items(name)} for name in parser.sections()}


def _config_value(key: str, value: str) -> Any:
    if not key.startswith(("required_input", "optional_input")):
        return value
    words = [word.strip().strip("'\"") for word in value.strip().strip("()").split(",")]
    product, yesterday, tomorrow = (*words, "0", "0")[:3]
    return product, int(yesterday or 0), int(tomorrow or 0)


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
