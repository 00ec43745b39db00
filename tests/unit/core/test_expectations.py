"""How often files come, and of which keys."""

from __future__ import annotations

import datetime as dt

import pytest

from dbproc.core.expectations import NAMED, key_names, read_expectation, read_key
from dbproc.core.model import Timebase
from dbproc.core.periods import Cadence


@pytest.mark.parametrize(
    ("text", "cadence"),
    [
        ("hourly", Cadence(Timebase.PART, dt.timedelta(hours=1))),
        ("daily", Cadence(Timebase.DAILY)),
        ("weekly", Cadence(Timebase.WEEKLY)),
        ("monthly", Cadence(Timebase.MONTHLY)),
        ("yearly", Cadence(Timebase.YEARLY)),
        ("15 min", Cadence(Timebase.PART, dt.timedelta(minutes=15))),
    ],
)
def test_files_come_as_periods_follow_each_other(text: str, cadence: Cadence) -> None:
    assert read_expectation(text) == cadence
    assert text in NAMED or text == "15 min"


@pytest.mark.parametrize("text", ["", "DAILY", "HOURLY", "FILE", "file", "run", "per orbit", "7 h", "1 day", "PART"])
def test_anything_else_is_no_expectation(text: str) -> None:
    assert read_expectation(text) is None


def test_the_time_of_day_is_no_part_of_a_key() -> None:
    assert key_names({"station", "H", "M", "band"}) == ("band", "station")


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("ANK", ["st"], {"st": "ANK"}),
        ("st=ANK", ["st"], {"st": "ANK"}),
        ("two words", ["st"], {"st": "two words"}),
        ("a=1", ["st"], None),
        ("st=1 n=2", ["n", "st"], {"st": "1", "n": "2"}),
        ("1 2", ["n", "st"], None),
        ("st=1", ["n", "st"], None),
        ("st=1 st=2", ["st"], None),
        ("st=1 n=2 x=3", ["n", "st"], None),
        ("", ["st"], None),
        (" ", ["st"], None),
        ("a", [], None),
    ],
)
def test_a_key_is_one_value_or_all_keywords_with_theirs(
    text: str, names: list[str], values: dict[str, str] | None
) -> None:
    assert read_key(text, names) == values
