"""How often files come and of which keys, and what of that is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbproc.core.expectations import (
    NAMED,
    Expected,
    Late,
    Presence,
    expected_span,
    key_names,
    read_expectation,
    read_key,
    some_words,
    time_words,
    waits_until,
    written_key,
)
from dbproc.core.facts import Seen
from dbproc.core.model import Build, Inspector, Period, Process, Product, Timebase
from dbproc.core.periods import Cadence, days_period
from tests.kit.facts import MISSION

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
MOMENT = dt.timedelta(microseconds=1)
FIRST = dt.date(2024, 5, 6)
BOTH = frozenset({"station=ANK", "station=BOL"})


def raw(expect: str = "daily", format: str = "raw_{station}_{Y}{m}{d}.txt", **keys: Any) -> Product:
    return Product(
        product_id=1,
        name="raw",
        level=0,
        directory="raw",
        format=format,
        instrument="i",
        satellite="s",
        mission=MISSION.name,
        inspector=Inspector(inspector_id=1, name="filename"),
        expect=expect,
        **keys,
    )


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def day(number: int) -> Period:
    date = FIRST + (number - 1) * DAY
    return days_period(date, date)


def hours(first: str, count: int = 1) -> Period:
    return Period(at(first), at(first) + count * HOUR - MOMENT)


def presence(product: Product, *files: tuple[str, Period], keys: Iterable[str] = BOTH, first: Any = FIRST) -> Presence:
    return Presence(product, files, Seen({} if first is None else dict.fromkeys(keys, first)))


def words(found: Iterable[Expected]) -> list[str]:
    return [each.words for each in found]


# --- as it is written ---


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


def test_a_key_that_is_written_is_that_of_files() -> None:
    assert written_key(raw(), "BOL") == written_key(raw(), "station=BOL") == "station=BOL"
    assert written_key(raw(format="raw_{station}_{Y}{m}{d}T{H}.txt"), "a b") == "station=a%20b"
    two = raw(format="raw_{station}_{band}_{Y}{m}{d}.txt")
    assert written_key(two, "station=BOL band=red") == "band=red station=BOL"


# --- what is missing ---


def test_a_file_is_expected_for_each_period_and_key() -> None:
    found = presence(raw(), ("station=ANK", day(1)), ("station=BOL", day(2)))
    two = Period(day(1).start, day(2).stop)
    assert words(found.missing(two)) == ["raw 2024-05-07 station=ANK", "raw 2024-05-06 station=BOL"]
    assert words(found.missing(two, "station=BOL")) == ["raw 2024-05-06 station=BOL"]
    assert words(found.missing(day(1), "station=ANK")) == []
    assert words(found.missing(day(1), "band=red")) == ["raw 2024-05-06 station=BOL"]


def test_the_keys_that_a_product_names_are_expected_and_no_other() -> None:
    found = presence(raw(keys=("ANK", "CIZ")), ("station=ANK", day(1)), ("station=BOL", day(1)))
    assert words(found.missing(day(1))) == ["raw 2024-05-06 station=CIZ"]


def test_files_of_one_day_differ_in_their_time_of_day_and_have_one_key() -> None:
    product = raw("hourly", "raw_{Y}{m}{d}T{H}.txt")
    there = [(f"H={hour:02d}", hours(f"2024-05-06T{hour:02d}:00")) for hour in range(24) if hour not in (3, 22, 23)]
    found = presence(product, *there, keys=[""])
    assert words(found.missing(day(1))) == ["raw 2024-05-06T03", "raw 2024-05-06T22", "raw 2024-05-06T23"]


def test_files_are_expected_from_the_day_of_the_first_one_on_or_as_the_product_says() -> None:
    two = Period(day(1).start, day(3).stop)
    nothing = presence(raw(format="raw_{Y}{m}{d}.txt"), keys=[""], first=FIRST + DAY)
    assert words(nothing.missing(two)) == ["raw 2024-05-07", "raw 2024-05-08"]
    bounded = raw(format="raw_{Y}{m}{d}.txt", expect_from=FIRST, expect_to=FIRST)
    assert words(presence(bounded, keys=[""], first=FIRST + DAY).missing(two)) == ["raw 2024-05-06"]
    assert words(presence(bounded, keys=[""], first=None).missing(day(2))) == []


def test_nothing_is_expected_of_which_nothing_ever_came_and_nothing_is_said() -> None:
    assert words(presence(raw(), keys=[], first=None).missing(day(1))) == []
    assert words(presence(raw(keys=("ANK",)), keys=[], first=None).missing(day(1))) == []
    assert words(presence(raw("")).missing(day(1))) == []
    first_of_all = raw(format="raw_{Y}{m}{d}.txt", expect_from=FIRST)
    assert words(presence(first_of_all, keys=[], first=None).missing(day(1))) == ["raw 2024-05-06"]


def test_a_period_that_reaches_beyond_the_window_is_expected_whole() -> None:
    monthly = raw("monthly", "raw_{Y}{m}.txt")
    assert expected_span(monthly, day(1)) == days_period(dt.date(2024, 5, 1), dt.date(2024, 5, 31))
    found = presence(monthly, keys=[""], first=dt.date(2024, 5, 20))
    assert words(found.missing(day(1))) == ["raw 2024-05-01 to 2024-05-31"]
    late = presence(monthly, ("", day(20)), keys=[""])
    assert words(late.missing(day(1))) == []
    six = raw("6 h", "raw_{Y}{m}{d}T{H}.txt")
    assert words(presence(six, keys=[""]).missing(hours("2024-05-06T05:00", 2))) == [
        "raw 2024-05-06T00",
        "raw 2024-05-06T06",
    ]


def test_a_moment_of_its_time_makes_a_period_present() -> None:
    hourly = raw("hourly", "raw_{Y}{m}{d}T{H}.txt")
    last = Period(at("2024-05-06T01:59:59"), at("2024-05-06T02:00:00"))
    found = presence(hourly, ("", last), keys=[""])
    assert words(found.missing(hours("2024-05-06T00:00", 4))) == ["raw 2024-05-06T00", "raw 2024-05-06T03"]


SPANS = st.tuples(st.integers(0, 47), st.integers(0, 5)).map(
    lambda each: Period(day(1).start + each[0] * HOUR / 2, day(1).start + (each[0] + each[1] + 1) * HOUR / 2 - MOMENT)
)


@given(st.lists(SPANS, max_size=12), SPANS)
def test_what_is_missing_is_what_no_file_has_a_moment_of(files: list[Period], span: Period) -> None:
    """Held against looking at each hour by itself."""
    product = raw("hourly", "raw_{Y}{m}{d}T{H}.txt")
    every = [hours(f"2024-05-06T{hour:02d}:00") for hour in range(24)] + [hours("2024-05-07T00:00", 1)]
    every += [hours(f"2024-05-07T{hour:02d}:00") for hour in range(1, 6)]
    meant = [hour for hour in every if span.overlaps(*hour) and not any(hour.overlaps(*file) for file in files)]
    found = presence(product, *(("", file) for file in files), keys=[""])
    assert [each.period for each in found.missing(span)] == meant


# --- what is late ---


def test_late_is_what_ended_longer_ago_than_the_product_allows() -> None:
    product = raw(late_after=2 * DAY)
    found = presence(product, ("station=ANK", day(2)), ("station=BOL", day(1)))
    assert words(found.late(at("2024-05-10T00:00")).oldest) == [
        "raw 2024-05-06 station=ANK",
        "raw 2024-05-07 station=BOL",
    ]
    assert words(found.late(at("2024-05-09T23:59")).oldest) == ["raw 2024-05-06 station=ANK"]
    assert words(found.late(at("2024-05-08T23:59")).oldest) == []
    assert words(found.late(at("2024-05-01T00:00")).oldest) == []


def test_nothing_is_late_of_a_product_that_does_not_say_when() -> None:
    assert presence(raw()).late(at("2025-01-01T00:00")) == Late()
    assert presence(raw("", late_after=DAY)).late(at("2025-01-01T00:00")) == Late()
    ended = raw(late_after=DAY, expect_to=FIRST)
    assert words(presence(ended).late(at("2025-01-01T00:00")).oldest) == [
        "raw 2024-05-06 station=ANK",
        "raw 2024-05-06 station=BOL",
    ]


# --- until when, and in words ---


def waiting(build: Build, wait: dt.timedelta | None = None) -> Process:
    return Process(process_id=1, name="p", timebase=Timebase.DAILY, outputs=(), inputs=(), build=build, wait=wait)


def test_an_output_is_made_when_its_period_is_over_and_the_wait_has_passed() -> None:
    assert waits_until(waiting(Build.WHEN_OVER), day(1)) == day(2).start
    assert waits_until(waiting(Build.WHEN_OVER, 2 * DAY), day(1)) == day(4).start
    assert waits_until(waiting(Build.WHEN_COMPLETE, 2 * DAY), day(1)) == day(4).start
    assert waits_until(waiting(Build.WHEN_COMPLETE), day(1)) is None
    end = days_period(dt.date.max, dt.date.max)
    assert waits_until(waiting(Build.WHEN_OVER, DAY), end) == end.stop


def test_what_is_missing_is_said_by_name_the_first_few() -> None:
    product = raw("15 min", "raw_{Y}{m}{d}T{H}{M}.txt")
    found = list(presence(product, keys=[""]).missing(hours("2024-05-06T03:00", 2)))
    assert some_words(found) == "raw 2024-05-06T03:00, raw 2024-05-06T03:15, raw 2024-05-06T03:30 and 5 more"
    assert some_words(found[1:2]) == "raw 2024-05-06T03:15"
    assert time_words(at("2024-05-06T03:15")) == "2024-05-06 03:15Z"
    assert time_words(at("2024-05-06T03:15:07")) == "2024-05-06 03:15:07Z"


def test_a_key_that_nobody_named_is_expected_from_its_own_first_file_on() -> None:
    there = Presence(raw(), [], Seen({"station=ANK": FIRST, "station=BOL": FIRST + 2 * DAY}))
    assert words(there.missing(Period(day(1).start, day(3).stop))) == [
        *(f"raw 2024-05-{number:02d} station=ANK" for number in (6, 7, 8)),
        "raw 2024-05-08 station=BOL",
    ]


def test_of_very_many_that_are_late_the_oldest_are_told_and_all_are_counted() -> None:
    product = raw("1 min", "raw_{station}_{Y}{m}{d}_{H}{M}.txt", keys=["ANK"], expect_from=FIRST, late_after=DAY)
    there = Presence(product, [("station=ANK H=00 M=02", hours("2024-05-06T00:02", 1))], Seen())
    late = there.late(at("2044-05-06T00:00"), most=3)
    days = (dt.date(2044, 5, 5) - FIRST).days
    assert late.count == days * 24 * 60 - 60
    assert words(late.oldest) == [f"raw 2024-05-06T{clock} station=ANK" for clock in ("00:00", "00:01", "01:02")]
