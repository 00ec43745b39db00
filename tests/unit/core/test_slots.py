"""Keys and periods of slots, and the windows of their inputs."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.durations import read_duration
from dbproc.core.model import NO_TIME, Input, Keying, Period, Process, Slot, Timebase
from dbproc.core.periods import days_period
from dbproc.core.slots import key_fields, key_of, period_of, reach, slots_at, window

EACH, MERGED, _ = Keying
GRID = [each for each in Timebase if each.is_grid]
BY_FILES = [Timebase.FILE, Timebase.PER]


@pytest.mark.parametrize("timebase", [*GRID, *BY_FILES])
def test_a_key_has_the_keywords_of_the_output_whatever_the_inputs_have(timebase: Timebase) -> None:
    assert key_fields(timebase, EACH, [{"station"}], [{"station", "band"}]) == {"station"}
    assert key_fields(timebase, EACH, [{"station"}], [set()]) == {"station"}
    assert key_fields(timebase, EACH, [set()], [{"station"}]) == set()
    assert key_fields(timebase, EACH, [{"station"}, {"station"}], [{"station"}]) == {"station"}


@pytest.mark.parametrize("timebase", GRID)
def test_the_time_of_day_of_a_period_of_the_calendar_is_no_part_of_its_key(timebase: Timebase) -> None:
    assert key_fields(timebase, EACH, [{"station", "H", "M"}], [{"station", "H", "M"}]) == {"station"}


@pytest.mark.parametrize("timebase", BY_FILES)
def test_the_time_of_day_of_a_file_is_part_of_its_key_where_an_input_has_it(timebase: Timebase) -> None:
    assert key_fields(timebase, EACH, [{"H", "M"}], [{"H"}, {"M"}]) == {"H", "M"}
    assert key_fields(timebase, EACH, [{"H", "M"}], [{"H"}]) == {"H"}
    assert key_fields(timebase, EACH, [{"H"}], [set()]) == set()


@pytest.mark.parametrize("timebase", list(Timebase))
def test_merged_keywords_make_no_key(timebase: Timebase) -> None:
    assert key_fields(timebase, MERGED, [{"station", "H"}], [{"station", "H"}]) == set()


# --- periods ---

DAY = dt.date(2024, 5, 8)
MIDNIGHT = dt.datetime(2024, 5, 8, tzinfo=dt.UTC)
ONE_HOUR, MOMENT = dt.timedelta(hours=1), dt.timedelta(microseconds=1)


def process(timebase: Timebase, step: dt.timedelta = NO_TIME, *fields: str) -> Process:
    return Process(
        process_id=1,
        name="make",
        timebase=timebase,
        outputs=(2,),
        inputs=(),
        step=step,
        key_fields=frozenset(fields),
    )


@pytest.mark.parametrize(
    ("step", "keywords", "start"),
    [
        ("1 h", "H=03", dt.timedelta(hours=3)),
        ("6 h", "H=18", dt.timedelta(hours=18)),
        ("15 min", "H=23 M=45", dt.timedelta(hours=23, minutes=45)),
        ("90 min", "H=01 M=30", dt.timedelta(minutes=90)),
        ("10 s", "H=00 M=00 S=50", dt.timedelta(seconds=50)),
    ],
)
def test_the_keywords_of_a_part_of_a_day_tell_its_beginning(step: str, keywords: str, start: dt.timedelta) -> None:
    length = read_duration(step)
    assert length is not None
    made = process(Timebase.PART, length, "station")
    expected = Slot(1, DAY, f"{keywords} station=a")
    period = period_of(made, expected)
    assert period == Period(MIDNIGHT + start, MIDNIGHT + start + length - MOMENT)
    assert list(slots_at(made, period, "station=a")) == [expected]
    assert key_of(made, expected) == "station=a"


@pytest.mark.parametrize(
    ("timebase", "date", "last"),
    [
        (Timebase.DAILY, DAY, DAY),
        (Timebase.FILE, DAY, DAY),
        (Timebase.WEEKLY, dt.date(2024, 5, 6), dt.date(2024, 5, 12)),
        (Timebase.MONTHLY, dt.date(2024, 5, 1), dt.date(2024, 5, 31)),
    ],
)
def test_other_periods_are_of_whole_days(timebase: Timebase, date: dt.date, last: dt.date) -> None:
    made, slot = process(timebase), Slot(1, date)
    assert period_of(made, slot) == days_period(date, last)
    assert list(slots_at(made, Period(MIDNIGHT, MIDNIGHT))) == [slot]


def test_the_period_of_a_file_is_the_time_of_day_that_its_keywords_tell() -> None:
    made = process(Timebase.FILE, NO_TIME, "H", "station")
    period = period_of(made, Slot(1, DAY, "H=03 station=a"))
    assert period == Period(MIDNIGHT + 3 * ONE_HOUR, MIDNIGHT + 4 * ONE_HOUR - MOMENT)
    assert period_of(made, Slot(1, DAY, "H=noon station=a")) == days_period(DAY, DAY)


hours = st.integers(0, 96).map(lambda number: MIDNIGHT + number * ONE_HOUR / 2)
durations = st.integers(0, 60).map(lambda number: number * dt.timedelta(minutes=30))
days = st.integers(0, 2)
links = st.tuples(days, days, durations, durations).map(
    lambda drawn: Input(
        product_id=1,
        yesterday=drawn[0],
        tomorrow=drawn[1],
        before=NO_TIME if drawn[0] else drawn[2],
        after=NO_TIME if drawn[1] else drawn[3],
    )
)


@given(
    made=st.sampled_from([process(Timebase.DAILY), process(Timebase.WEEKLY), process(Timebase.PART, 3 * ONE_HOUR)]),
    link=links,
    start=hours,
    length=durations,
)
def test_a_file_reaches_just_the_periods_in_whose_windows_it_is(
    made: Process, link: Input, start: dt.datetime, length: dt.timedelta
) -> None:
    far = days_period(DAY - dt.timedelta(days=21), DAY + dt.timedelta(days=21))
    file = Period(start, start + length)
    expected = [slot for slot in slots_at(made, far) if window(link, period_of(made, slot)).overlaps(*file)]
    assert list(slots_at(made, reach(link, file))) == expected
