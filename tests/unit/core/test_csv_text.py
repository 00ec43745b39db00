"""Answers as comma-separated values: what each kind of value becomes."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass, field

from dbproc.core.answers import HIDDEN, INLINE, OPTIONAL, key
from dbproc.core.csv_text import csv_keys, csv_line, csv_values
from dbproc.core.version import Version


@dataclass(frozen=True)
class Inner:
    day: dt.date  #: a day
    words: str  #: any


@dataclass(frozen=True)
class Answer:
    number: int  #: a number
    inner: Inner = field(metadata=INLINE)
    secret: str = field(metadata=HIDDEN)
    version: Version = field(metadata=key("v"))
    time: dt.datetime | None  #: a time
    is_good: bool  #: a truth
    parts: tuple[Inner, ...]  #: what has parts
    maybe: str | None = field(default=None, metadata=OPTIONAL)


NOON = dt.datetime(2024, 5, 6, 12, tzinfo=dt.UTC)
WHOLE = Answer(0, Inner(NOON.date(), 'a "b",\n\x1b[2J'), "x", Version(1, 2, 0), NOON, False, (Inner(NOON.date(), "c"),))


def test_the_head_has_the_keys_of_the_json() -> None:
    assert csv_keys(Answer) == ["number", "day", "words", "v", "time", "is_good", "parts", "maybe"]


def test_values_stand_in_the_order_of_the_head() -> None:
    line = csv_line(csv_values(WHOLE, csv_keys(Answer)))
    assert "\n" not in line
    assert "\x1b" not in line
    (values,) = csv.reader([line])
    assert values == [
        "0",
        "2024-05-06",
        'a "b",\\n\\x1b[2J',
        "1.2.0",
        "2024-05-06T12:00:00+00:00",
        "false",
        '[ { "day": "2024-05-06", "words": "c" } ]',
        "",
    ]


def test_nothing_is_empty() -> None:
    empty = Answer(1, Inner(NOON.date(), ""), "", Version(1, 0, 0), None, True, ())
    assert list(csv_values(empty, csv_keys(Answer)))[4:] == ["", "true", "", ""]
