"""The words for periods and keys of slots, and what is read of those that people give."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.durations import read_duration
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.model import NO_TIME, Period, Process, Slot, Timebase
from dbproc.core.periods import ALWAYS, MOMENT, days_period
from dbproc.core.slot_text import (
    EVERY_SLOT,
    SlotChoice,
    between,
    between_days,
    has_key,
    period_words,
    read_key,
    read_time,
    recorded_shown,
    require_fields,
    slot_shown,
    slot_words,
    time_shown,
)
from dbproc.core.slots import period_of

DAY = dt.date(2024, 5, 6)
MIDNIGHT = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)
ONE_HOUR = dt.timedelta(hours=1)


def process(timebase: Timebase, step: str = "", *fields: str) -> Process:
    length = read_duration(step) if step else NO_TIME
    assert length is not None
    return Process(
        process_id=1,
        name="make",
        timebase=timebase,
        outputs=(2,),
        inputs=(),
        step=length,
        key_fields=frozenset(fields),
        driver=3 if timebase is Timebase.PER else None,
    )


def lasting(start: dt.timedelta, length: dt.timedelta) -> Period:
    return Period(MIDNIGHT + start, MIDNIGHT + start + length - MOMENT)


# --- as they are shown ---


@pytest.mark.parametrize(
    ("timebase", "step", "keywords", "words"),
    [
        (Timebase.DAILY, "", "", "2024-05-06"),
        (Timebase.DAILY, "", "station=BOL", "2024-05-06 station=BOL"),
        (Timebase.WEEKLY, "", "band=red station=BOL", "2024-05-06 to 2024-05-12 band=red station=BOL"),
        (Timebase.PART, "1 h", "H=03 station=BOL", "2024-05-06T03 station=BOL"),
        (Timebase.PART, "6 h", "H=06", "2024-05-06T06"),
        (Timebase.PART, "15 min", "H=03 M=00", "2024-05-06T03:00"),
        (Timebase.PART, "10 s", "H=03 M=00 S=00", "2024-05-06T03:00:00"),
        (Timebase.FILE, "", "station=BOL", "2024-05-06 station=BOL"),
        (Timebase.FILE, "", "H=03 M=15 station=BOL", "2024-05-06T03:15 station=BOL"),
        (Timebase.FILE, "", "H=03 M=15 MILLI=020 S=01", "2024-05-06T03:15:01.020000"),
        (Timebase.RUN, "", "", "2024-05-06"),
    ],
)
def test_the_words_of_a_slot_are_its_period_and_its_key(
    timebase: Timebase, step: str, keywords: str, words: str
) -> None:
    slot = Slot(1, DAY, keywords)
    made = process(timebase, step)
    assert slot_words(made, slot) == words
    shown = slot_shown(made, slot)
    assert shown.period is not None
    assert Period(shown.period.start, shown.period.stop) == period_of(made, slot)
    written = step if timebase is Timebase.PART else timebase.value
    assert recorded_shown(written, DAY, keywords) == shown


def test_the_period_of_a_file_is_told_by_both_its_ends() -> None:
    orbit, slot = process(Timebase.PER, "", "H", "M", "orbit"), Slot(1, DAY, "H=03 M=12 orbit=7")
    period = lasting(3.2 * ONE_HOUR, 1.5 * ONE_HOUR)
    words = "2024-05-06T03:12:00 to 2024-05-06T04:41:59 orbit=7"
    assert slot_words(orbit, slot, period) == words
    assert str(recorded_shown("per orbit", DAY, slot.keywords, period)) == words
    unknown = slot_shown(orbit, slot)
    assert (unknown.period, unknown.key, unknown.words) == (None, "orbit=7", "2024-05-06T03:12 orbit=7")
    assert unknown.facts() == {"date": "2024-05-06", "period": None, "key": "orbit=7"}


def test_what_a_report_says_of_a_slot_can_be_written_as_json() -> None:
    assert slot_shown(process(Timebase.PART, "1 h"), Slot(1, DAY, "H=03 station=BOL")).facts() == {
        "date": "2024-05-06",
        "period": {"start": "2024-05-06T03:00:00+00:00", "stop": "2024-05-06T03:59:59.999999+00:00"},
        "key": "station=BOL",
    }


def test_a_slot_of_a_timebase_that_nobody_knows_has_its_date() -> None:
    shown = recorded_shown("FORTNIGHTLY", DAY, "station=BOL")
    assert (str(shown), shown.period) == ("2024-05-06 station=BOL", None)


@pytest.mark.parametrize(
    ("start", "length", "words"),
    [
        (NO_TIME, 24 * ONE_HOUR, "2024-05-06"),
        (NO_TIME, 48 * ONE_HOUR, "2024-05-06 to 2024-05-07"),
        (ONE_HOUR, 2 * ONE_HOUR, "2024-05-06T01:00:00 to 2024-05-06T02:59:59"),
        (2 * ONE_HOUR, 2 * ONE_HOUR, "2024-05-06T02"),
        (23 * ONE_HOUR, 5 * ONE_HOUR, "2024-05-06T23:00:00 to 2024-05-07T03:59:59"),
    ],
)
def test_only_a_whole_part_of_a_day_is_told_by_its_beginning(
    start: dt.timedelta, length: dt.timedelta, words: str
) -> None:
    assert period_words(lasting(start, length)) == words


# --- as they are given ---


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("2024-05-06", NO_TIME, 24 * ONE_HOUR),
        ("20240506", NO_TIME, 24 * ONE_HOUR),
        (" 2024-05-06T03 ", 3 * ONE_HOUR, ONE_HOUR),
        ("2024-05-06T03Z", 3 * ONE_HOUR, ONE_HOUR),
        ("2024-05-06 03:15", 3.25 * ONE_HOUR, ONE_HOUR / 60),
        ("2024-05-06T03:15:30", 3.25 * ONE_HOUR + dt.timedelta(seconds=30), dt.timedelta(seconds=1)),
    ],
)
def test_a_time_is_the_day_hour_minute_or_second_that_is_named(
    text: str, start: dt.timedelta, length: dt.timedelta
) -> None:
    assert read_time(text) == lasting(start, length)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2024", "2024-05", "2024-13-01", "2024-02-30", "0000-01-01", "2024-05-06Z", "٢٠٢٤-05-06"),
        *("2024-05-06T24", "2024-05-06T3", "2024-05-06T03:15+02"),
    ],
)
def test_what_is_no_time_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(UserError) as refused:
        read_time(text)
    assert str(refused.value).startswith(f"{text!r} is not a date or time; write 2024-05-06, 2024-05-06T03, ")


@given(
    number=st.integers(0, 10**6),
    made=st.sampled_from(
        [process(Timebase.PART, step) for step in ("1 h", "15 min", "1 min", "90 min", "10 s")]
        + [process(each) for each in (Timebase.DAILY, Timebase.FILE)]
    ),
)
def test_the_words_of_a_period_are_read_as_the_time_in_which_it_begins(number: int, made: Process) -> None:
    length = made.step or 24 * ONE_HOUR
    period = lasting(number * length % (90 * 24 * ONE_HOUR), length)
    read = read_time(period_words(period))
    assert read.start == period.start
    assert period.overlaps(*read)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ([], ""),
        (["station=BOL"], "station=BOL"),
        (["station=BOL band=red"], "band=red station=BOL"),
        (["station=BOL", "band=red", "station=BOL"], "band=red station=BOL"),
        (["site=a%20b"], "site=a%20b"),
        (["site=ä"], "site=%C3%A4"),
        (["x=1=2"], "x=1%3D2"),
    ],
)
def test_a_key_is_what_the_words_say_together(words: list[str], key: str) -> None:
    assert read_key(words) == key


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["BOL"], "'BOL' is no part of a key; write it as station=BOL"),
        (["=BOL"], "'=BOL' is no part of a key"),
        (["station="], "'station=' is no part of a key"),
        (["station=BOL", "station=ANK"], "two values are given for station: BOL and ANK"),
    ],
)
def test_what_is_no_key_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        read_key(words)
    assert str(refused.value).startswith(message)


def test_a_keyword_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    require_fields("station=BOL", {"station", "band"}, "product day")
    with pytest.raises(NotFoundError) as refused:
        require_fields("statoin=BOL", {"station", "band"}, "product day")
    assert str(refused.value) == "product day has no keyword statoin in its key; it has: band, station"
    with pytest.raises(NotFoundError, match="it has: none"):
        require_fields("station=BOL", (), "process make")


# --- what is chosen ---


def test_every_part_of_a_key_must_agree() -> None:
    assert has_key("band=red station=BOL", "station=BOL")
    assert has_key("station=BOL", "")
    assert not has_key("band=red station=BOL", "band=nir station=BOL")
    assert not has_key("", "station=BOL")


def test_a_slot_is_chosen_when_its_period_has_a_moment_of_the_time() -> None:
    hour, slot = process(Timebase.PART, "1 h"), Slot(1, DAY, "H=03 station=BOL")
    for time, is_chosen in (("T02", False), ("T03", True), ("T03:59:59", True), ("T04", False), ("", True)):
        assert SlotChoice(read_time(f"2024-05-06{time}")).has(hour, slot) is is_chosen
    assert not SlotChoice(read_time("2024-05-06"), "station=ANK").has(hour, slot)
    week = Slot(1, DAY)
    assert SlotChoice(read_time("2024-05-09T03")).has(process(Timebase.WEEKLY), week)
    assert EVERY_SLOT.is_empty
    assert not SlotChoice(key="station=BOL").is_empty


def test_a_slot_of_a_file_is_chosen_by_the_time_of_the_file_and_by_its_date() -> None:
    orbit, slot = process(Timebase.PER), Slot(1, DAY, "orbit=7")
    period = Period(MIDNIGHT - ONE_HOUR, MIDNIGHT - MOMENT)
    assert SlotChoice(read_time("2024-05-05T23")).has(orbit, slot, period)
    assert SlotChoice(read_time("2024-05-06")).has(orbit, slot, period)
    assert not SlotChoice(read_time("2024-05-06T12")).has(orbit, slot, period)


def test_a_time_may_be_open_at_either_end_and_is_not_reversed() -> None:
    assert between(None, None) == ALWAYS
    assert between(read_time("2024-05-06T03"), read_time("2024-05-06T05")) == lasting(3 * ONE_HOUR, 3 * ONE_HOUR)
    assert between_days(DAY, None) == Period(MIDNIGHT, ALWAYS.stop)
    assert between_days(DAY, DAY) == days_period(DAY, DAY)
    assert between(read_time("2024-05-06T03"), read_time("2024-05-06")).start == MIDNIGHT + 3 * ONE_HOUR
    with pytest.raises(UserError, match="2024-05-06T03 is after 2024-05-06T02; exchange them"):
        between(read_time("2024-05-06T03"), read_time("2024-05-06T02"))


def test_delivered_files_are_told_by_their_time_and_key() -> None:
    shown = time_shown(lasting(3 * ONE_HOUR, ONE_HOUR), "H=03 station=BOL")
    assert (str(shown), shown.key, shown.date) == ("2024-05-06T03 station=BOL", "station=BOL", DAY)
