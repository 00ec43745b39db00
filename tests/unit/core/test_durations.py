"""Durations as people write them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.durations import SECONDS, duration_text, read_duration

LONGEST = dt.timedelta(days=36525)
DURATIONS = st.timedeltas(dt.timedelta(0), LONGEST) | st.integers(0, 36525 * 24 * 60).map(
    lambda minutes: dt.timedelta(minutes=minutes)
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90 min", 5400),
        ("90min", 5400),
        ("1 minute", 60),
        ("6 h", 21_600),
        ("2 hours", 7200),
        ("1 day", 86_400),
        ("2 days", 172_800),
        ("3 weeks", 1_814_400),
        ("1.5 h", 5400),
        ("0.25 s", 0.25),
        (" 30 s ", 30),
        ("0 s", 0),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert read_duration(text) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90",
        "min",
        "-1 h",
        "1 h 30 min",
        "1 month",
        "1 H",
        "one hour",
        "1e3 s",
        "nan s",
        "9999999999 weeks",
        "1 h\n2",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert read_duration(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (60, "1 min"),
        (5400, "90 min"),
        (7200, "2 h"),
        (86_400, "1 day"),
        (172_800, "2 days"),
        (90_001, "90001 s"),
        (1_234_567.5, "1234567.5 s"),
        (0.000001, "0.000001 s"),
    ],
)
def test_a_duration_is_shown_in_the_largest_unit_that_it_is_a_multiple_of(seconds: float, text: str) -> None:
    assert duration_text(dt.timedelta(seconds=seconds)) == text


@given(DURATIONS)
def test_a_shown_duration_and_one_from_a_column_are_the_same_again(duration: dt.timedelta) -> None:
    assert read_duration(duration_text(duration)) == duration
    assert SECONDS.from_column(SECONDS.to_column(duration)) == duration
