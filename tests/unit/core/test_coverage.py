"""Stretches of time that are alike, and the calendar made of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pytest

from dbproc.core.coverage import (
    Aim,
    Basis,
    Bucket,
    Covered,
    Mark,
    Series,
    Stretch,
    bucket_for,
    buckets,
    cells,
    clipped,
    lacks,
    rhythm,
    running_fields,
    stretches,
)
from dbproc.core.expectations import line_of
from dbproc.core.model import Period, Timebase
from dbproc.core.periods import Cadence, days_period

DAILY, WEEKLY = Cadence(Timebase.DAILY), Cadence(Timebase.WEEKLY)
HOURLY = Cadence(Timebase.PART, dt.timedelta(hours=1))
NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)


def day(number: int) -> dt.date:
    return dt.date(2024, 5, 1) + dt.timedelta(days=number - 1)


def days(first: int, last: int | None = None) -> Period:
    return days_period(day(first), day(first if last is None else last))


def moment(number: int, hour: int = 0) -> dt.datetime:
    return dt.datetime.combine(day(number), dt.time(hour), dt.UTC)


def told(found: Iterable[Stretch]) -> list[tuple[int, int, str, str]]:
    return [(each.period.start.day, each.period.stop.day, str(each.mark), each.why) for each in found]


def series(*parts: Stretch, cadence: Cadence = DAILY, key: str = "", name: str = "raw") -> Series:
    return Series(name, key, Basis.EXPECTED, cadence, parts)


def letters(one: Series, columns: list[Period]) -> str:
    return "".join(each.letter for each in cells(one, columns))


# --- stretches ---


def test_what_files_do_not_cover_is_missing_once_it_is_over() -> None:
    aim = Aim(DAILY, days(1, 9), due=moment(8))
    found = stretches(aim, line_of([days(1, 2), days(4), days(5)]), why="no file")
    assert told(found) == [
        (1, 2, "there", ""),
        (3, 3, "missing", "no file"),
        (4, 5, "there", ""),
        (6, 7, "missing", "no file"),
        (8, 9, "not due", ""),
    ]


def test_what_has_a_limit_is_late_when_that_has_passed() -> None:
    aim = Aim(DAILY, days(1, 9), due=moment(5), late=moment(5))
    assert told(stretches(aim, line_of([days(2)]))) == [
        (1, 1, "late", ""),
        (2, 2, "there", ""),
        (3, 4, "late", ""),
        (5, 9, "not due", ""),
    ]


def test_what_happened_to_a_period_counts_more_than_what_its_inputs_lack() -> None:
    aim = Aim(DAILY, days(1, 6), due=NOW)
    lacking = [Stretch(days(2, 5), Mark.MISSING, "raw is late", "raw")]
    happened = [Stretch(days(3), Mark.WITHDRAWN, "bad"), Stretch(days(3, 4), Mark.FAILED, "exit 1")]
    found = stretches(aim, line_of([days(1)]), lacking, happened)
    assert told(found) == [
        (1, 1, "there", ""),
        (2, 2, "missing", "raw is late"),
        (3, 4, "failed", "exit 1"),
        (5, 5, "missing", "raw is late"),
        (6, 6, "missing", ""),
    ]


def test_what_is_not_over_is_not_due_whatever_its_inputs_lack() -> None:
    aim = Aim(DAILY, days(1, 4), due=moment(3))
    found = stretches(aim, line_of([]), [Stretch(days(1, 4), Mark.MISSING, "raw is missing", "raw")])
    assert told(found) == [(1, 2, "missing", "raw is missing"), (3, 4, "not due", "")]


def test_what_lacks_an_input_and_is_late_is_late_for_that_reason() -> None:
    aim = Aim(DAILY, days(1, 2), due=NOW, late=NOW)
    found = stretches(aim, line_of([]), [Stretch(days(1), Mark.MISSING, "raw is gone", "raw")])
    assert told(found) == [(1, 1, "late", "raw is gone"), (2, 2, "late", "")]


def test_of_a_period_that_is_there_it_is_told_only_that_it_could_not_be_made_anew() -> None:
    aim = Aim(DAILY, days(1, 2), due=NOW)
    assert told(stretches(aim, line_of([days(1, 2)]), [], [Stretch(days(1), Mark.WITHDRAWN)])) == [(1, 2, "there", "")]
    failed = [Stretch(days(2), Mark.FAILED, "exit 1")]
    assert told(stretches(aim, line_of([days(1, 2)]), [], failed)) == [(1, 1, "there", ""), (2, 2, "stale", "exit 1")]


def test_a_period_of_which_files_cover_a_part_is_there() -> None:
    aim = Aim(DAILY, days(1, 3), due=NOW)
    line = line_of([Period(moment(2, 5), moment(2, 6))])
    assert told(stretches(aim, line)) == [(1, 1, "missing", ""), (2, 2, "there", ""), (3, 3, "missing", "")]


def test_a_run_of_alike_days_is_one_stretch_however_many_reports_there_are_of_it() -> None:
    aim = Aim(DAILY, days(1, 20), due=NOW)
    happened = [Stretch(days(number), Mark.WITHDRAWN, "bad", files=(f"raw_{number}",)) for number in range(3, 18)]
    found = stretches(aim, line_of([days(1, 2), days(18, 20)]), [], happened)
    assert told(found) == [(1, 2, "there", ""), (3, 17, "withdrawn", "bad"), (18, 20, "there", "")]
    assert found[1].files == ("raw_3", "raw_4", "raw_5", "raw_6")
    of_one_day = [Stretch(days(1), Mark.WITHDRAWN, "bad", files=(name,)) for name in ("one", "other")]
    assert set(stretches(aim, line_of([days(2, 20)]), [], of_one_day)[0].files) == {"one", "other"}


def test_periods_are_counted() -> None:
    aim = Aim(HOURLY, days(1, 2), due=NOW)
    one = series(*stretches(aim, line_of([Period(moment(1, 6), moment(2, 5) - dt.timedelta(microseconds=1))])))
    one = Series("raw", "", Basis.EXPECTED, HOURLY, one.stretches)
    assert (one.periods(Mark.THERE), one.periods(Mark.MISSING)) == (23, 25)


def test_a_series_is_cut_at_whole_periods() -> None:
    weeks = stretches(Aim(WEEKLY, Period(moment(6), days(26).stop), due=NOW), line_of([days(6, 12)]))
    within = clipped(series(*weeks, cadence=WEEKLY), days(8, 14))
    assert told(within.stretches) == [(6, 12, "there", ""), (13, 19, "missing", "")]


# --- inputs ---


def test_an_output_lacks_an_input_when_that_has_nothing_of_its_whole_period() -> None:
    hours = series(
        Stretch(Period(moment(6), moment(6, 12)), Mark.THERE),
        Stretch(Period(moment(6, 13), days(8).stop), Mark.MISSING, "no file of it came"),
        Stretch(days(9, 12), Mark.THERE),
        cadence=HOURLY,
    )
    assert told(lacks([hours], "", DAILY)) == [(7, 8, "missing", "raw is missing")]
    assert list(lacks([hours], "", WEEKLY)) == []


def test_the_cause_of_a_gap_is_that_of_the_first_product_that_lacks() -> None:
    made = series(Stretch(days(1), Mark.MISSING, "raw is late", "raw"), name="clean")
    (found,) = lacks([made], "", DAILY)
    assert (found.why, found.root) == ("raw is late", "raw")


def test_inputs_of_other_keys_do_not_matter() -> None:
    one = series(Stretch(days(1), Mark.THERE), key="station=A")
    other = series(Stretch(days(1), Mark.MISSING), key="station=B")
    assert list(lacks([one, other], "station=A", DAILY)) == []
    assert list(lacks([one, other], "", DAILY)) == []
    assert [each.mark for each in lacks([one, other], "station=B", DAILY)] == [Mark.MISSING]


# --- what was seen ---


@pytest.mark.parametrize(
    ("steps", "timebase"),
    [
        ([1, 1, 1, 4, 1, 1], Timebase.DAILY),
        ([7, 7, 7], Timebase.WEEKLY),
        ([31, 29, 31, 30], Timebase.MONTHLY),
        ([365, 366, 365], Timebase.YEARLY),
        ([1, 9, 30, 4, 60], None),
        ([1], None),
    ],
)
def test_the_rhythm_is_that_of_three_quarters_of_the_steps(steps: list[int], timebase: Timebase | None) -> None:
    starts = [moment(1)]
    for step in steps:
        starts.append(starts[-1] + dt.timedelta(days=step))
    found = rhythm([starts])
    assert (found.timebase if found else None) == timebase


def test_the_rhythm_within_days_is_exact() -> None:
    starts = [moment(1) + number * dt.timedelta(minutes=15) for number in range(9)]
    assert rhythm([starts]) == Cadence(Timebase.PART, dt.timedelta(minutes=15))
    assert rhythm([[each + dt.timedelta(seconds=index**2) for index, each in enumerate(starts)]]) is None


def test_a_number_that_goes_up_with_time_tells_no_series_apart() -> None:
    found = [Covered(f"camera=L orbit={number}", days(number), 1) for number in range(1, 9)]
    found += [Covered(f"camera=R orbit={number}", days(number), 1) for number in range(1, 9)]
    assert running_fields(found) == {"orbit"}


# --- the calendar ---


def test_a_small_letter_stands_where_a_part_is_there() -> None:
    one = series(
        Stretch(days(1, 10), Mark.THERE),
        Stretch(days(11, 22), Mark.MISSING),
        Stretch(days(23), Mark.FAILED),
        Stretch(days(24, 31), Mark.NOT_DUE),
    )
    assert letters(one, buckets(days(1, 31), Bucket.DAY)) == "##########MMMMMMMMMMMMF........"
    assert letters(one, buckets(days(6, 31), Bucket.WEEK)) == "mMF."
    assert letters(one, [days(-5, -1)]) == " "


@pytest.mark.parametrize(
    ("count", "bucket"), [(40, Bucket.DAY), (60, Bucket.WEEK), (900, Bucket.MONTH), (9000, Bucket.YEAR)]
)
def test_the_calendar_is_as_fine_as_fits(count: int, bucket: Bucket) -> None:
    span = days(1, count)
    assert bucket_for(span, 45) is bucket
    assert len(buckets(span, bucket)) <= 45
