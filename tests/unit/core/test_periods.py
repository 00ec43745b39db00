"""Days, weeks, months and years."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.model import Timebase
from dbproc.core.periods import (
    LONGEST,
    NAMED,
    Cadence,
    coalesced,
    is_part_of_day,
    period_end,
    period_start,
    period_starts,
    read_timebase,
    widened,
)

D = dt.date
PERIODS = (Timebase.WEEKLY, Timebase.MONTHLY, Timebase.YEARLY)
DAYS = st.dates()


@pytest.mark.parametrize(
    ("timebase", "day", "first", "last"),
    [
        (Timebase.FILE, D(2020, 1, 1), D(2020, 1, 1), D(2020, 1, 1)),
        (Timebase.DAILY, D(2020, 1, 1), D(2020, 1, 1), D(2020, 1, 1)),
        (Timebase.RUN, D(2020, 1, 1), D(2020, 1, 1), D(2020, 1, 1)),
        (Timebase.WEEKLY, D(2020, 1, 1), D(2019, 12, 30), D(2020, 1, 5)),
        (Timebase.WEEKLY, D(2019, 12, 30), D(2019, 12, 30), D(2020, 1, 5)),
        (Timebase.WEEKLY, D(2020, 1, 5), D(2019, 12, 30), D(2020, 1, 5)),
        (Timebase.MONTHLY, D(2020, 2, 29), D(2020, 2, 1), D(2020, 2, 29)),
        (Timebase.MONTHLY, D(2019, 2, 1), D(2019, 2, 1), D(2019, 2, 28)),
        (Timebase.YEARLY, D(2020, 12, 31), D(2020, 1, 1), D(2020, 12, 31)),
    ],
)
def test_a_day_belongs_to_its_period(timebase: Timebase, day: D, first: D, last: D) -> None:
    assert period_start(timebase, day) == first
    assert period_end(timebase, first) == last


@pytest.mark.parametrize("timebase", list(Timebase))
def test_the_calendar_ends_without_a_fault(timebase: Timebase) -> None:
    start = period_start(timebase, dt.date.max)
    assert period_end(timebase, start) == dt.date.max
    assert list(period_starts(timebase, dt.date.max, dt.date.max)) == [start]
    assert period_start(timebase, dt.date.min) == dt.date.min
    assert widened(dt.date.min, dt.date.max, 3, 3) == (dt.date.min, dt.date.max)


@given(st.sampled_from(PERIODS), DAYS)
def test_a_period_holds_its_day_and_is_no_longer_than_the_longest(timebase: Timebase, day: D) -> None:
    first = period_start(timebase, day)
    last = period_end(timebase, first)
    assert first <= day <= last
    assert (last - first).days < LONGEST[timebase]
    assert period_start(timebase, last) == first


@given(st.sampled_from(list(Timebase)), DAYS, st.integers(0, 900))
def test_the_periods_of_a_range_are_those_of_its_days(timebase: Timebase, first: D, length: int) -> None:
    days = [D.fromordinal(o) for o in range(first.toordinal(), min(first.toordinal() + length, D.max.toordinal()) + 1)]
    starts = list(period_starts(timebase, days[0], days[-1]))
    assert starts == sorted({period_start(timebase, day) for day in days})


def test_a_week_at_the_turn_of_the_year_is_of_both_years() -> None:
    assert list(period_starts(Timebase.YEARLY, D(2019, 12, 30), D(2020, 1, 5))) == [D(2019, 1, 1), D(2020, 1, 1)]


def test_a_range_is_widened_by_days() -> None:
    assert widened(D(2020, 3, 1), D(2020, 3, 1), 1, 2) == (D(2020, 2, 29), D(2020, 3, 3))


def test_ranges_that_touch_or_overlap_become_one() -> None:
    ranges = [(D(2020, 1, 5), D(2020, 1, 6)), (D(2020, 1, 1), D(2020, 1, 3)), (D(2020, 1, 4), D(2020, 1, 4))]
    assert coalesced(ranges) == [(D(2020, 1, 1), D(2020, 1, 6))]
    inside = [(D(2020, 1, 1), D(2020, 1, 9)), (D(2020, 1, 2), D(2020, 1, 3)), (D(2020, 1, 11), D(2020, 1, 11))]
    assert coalesced(inside) == [(D(2020, 1, 1), D(2020, 1, 9)), (D(2020, 1, 11), D(2020, 1, 11))]


def test_the_smallest_gaps_are_filled_when_there_are_too_many_ranges() -> None:
    days = [D(2020, 1, 1), D(2020, 1, 3), D(2020, 2, 1), D(2020, 2, 4)]
    assert coalesced([(day, day) for day in days], most=2) == [(days[0], days[1]), (days[2], days[3])]
    assert coalesced([(day, day) for day in days], most=1) == [(days[0], days[3])]
    assert coalesced([]) == []


@given(st.lists(st.tuples(DAYS, st.integers(0, 30)), max_size=12), st.integers(1, 5))
def test_no_day_is_lost_and_no_range_overlaps_another(spans: list[tuple[D, int]], most: int) -> None:
    ranges = [widened(day, day, 0, length) for day, length in spans]
    merged = coalesced(ranges, most)
    assert len(merged) <= most
    assert all(any(a <= first and last <= b for a, b in merged) for first, last in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(merged))


@pytest.mark.parametrize("timebase", [each for each in Timebase if each not in (Timebase.PART, Timebase.PER)])
def test_a_timebase_is_written_by_its_name(timebase: Timebase) -> None:
    assert timebase.value in NAMED
    assert read_timebase(timebase.value) == Cadence(timebase)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("HOURLY", dt.timedelta(hours=1)),
        ("1 h", dt.timedelta(hours=1)),
        ("15 min", dt.timedelta(minutes=15)),
        ("12 h", dt.timedelta(hours=12)),
        ("1 s", dt.timedelta(seconds=1)),
    ],
)
def test_a_part_of_a_day_is_written_as_its_length(text: str, step: dt.timedelta) -> None:
    assert read_timebase(text) == Cadence(Timebase.PART, step)


def test_periods_that_come_from_files_are_written_by_their_product() -> None:
    assert read_timebase("per orbit") == Cadence(Timebase.PER, driver="orbit")
    assert read_timebase("per  my orbits ") == Cadence(Timebase.PER, driver="my orbits")


@pytest.mark.parametrize(
    "text", ["", "PART", "PER", "per", "per ", "daily", "DAYLY", "7 h", "25 h", "1 day", "0 s", "0.5 s", "HOURLY "]
)
def test_anything_else_is_no_timebase(text: str) -> None:
    assert read_timebase(text) is None


@given(st.integers(1, 86_399))
def test_a_part_of_a_day_divides_it_without_rest(seconds: int) -> None:
    assert is_part_of_day(dt.timedelta(seconds=seconds)) == (86_400 % seconds == 0)
