"""Text for people and for the database: one line, and what every database can hold."""

from __future__ import annotations

import datetime as dt
import math

_EARLIEST, _LATEST = (dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp() for year in (1, 9999))
_UNITS = ("kB", "MB", "GB", "TB", "PB")


def time_of(seconds: float) -> dt.datetime:
    """The time that a file bears; the beginning of the calendar or its end for what lies outside of it."""
    return dt.datetime.fromtimestamp(min(max(seconds, _EARLIEST), _LATEST), dt.UTC)


def storable(name: str) -> str:
    """A name as text that any database takes: bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def one_line(text: str) -> str:
    """Text in which nothing can forge a line: control characters and surrogates are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def number_words(count: int, noun: str, several: str = "") -> str:
    """So many of something: ``1 file``, ``2,000 files``; `several`: the plural that is not the noun with an s."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"


def size_words(size: float | None) -> str:
    """Bytes for people: ``812 B``, ``1.5 MB``; ``-`` when nobody knows."""
    if size is None:
        return "-"
    if size < 1000:
        return f"{size:.0f} B"
    power = min(int(math.log10(size) // 3), len(_UNITS))
    return f"{size / 1000**power:.1f} {_UNITS[power - 1]}"
