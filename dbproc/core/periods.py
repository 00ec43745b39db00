"""Periods: parts of a day, days, weeks, months and years; which one a time belongs to, and how it is widened."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from dbproc.core.durations import read_duration
from dbproc.core.model import NO_TIME, Period, Timebase

ONE_DAY = dt.timedelta(days=1)
MOMENT = dt.timedelta(microseconds=1)
"""The shortest time: a period ends so long before the next one begins."""

DayRange = tuple[dt.date, dt.date]

LONGEST = {Timebase.WEEKLY: 7, Timebase.MONTHLY: 31, Timebase.YEARLY: 366}
"""The most days that a period has; every other timebase has one."""


_ONE_HOUR = dt.timedelta(hours=1)
_WRITTEN = {each.value: each for each in Timebase if each not in (Timebase.PART, Timebase.PER)}

HOURLY = "HOURLY"
PER = "per "
"""How a timebase begins that goes by the files of a product."""

NAMED = (Timebase.FILE.value, HOURLY, *(name for name in _WRITTEN if name != Timebase.FILE))
"""The timebases that have a name."""


ALWAYS = Period(
    dt.datetime.combine(dt.date.min, dt.time.min, dt.UTC), dt.datetime.combine(dt.date.max, dt.time.max, dt.UTC)
)
"""All the time that can be written."""


class Cadence(NamedTuple):
    """A timebase as it is written: of PART with its step, of PER with the name of its driving product."""

    timebase: Timebase
    step: dt.timedelta = NO_TIME
    driver: str = ""


def read_timebase(text: str) -> Cadence | None:
    """What a timebase means: ``DAILY``, ``"15 min"``, ``"per orbit"``; None for what is none."""
    if text in _WRITTEN:
        return Cadence(_WRITTEN[text])
    if text == HOURLY:
        return Cadence(Timebase.PART, _ONE_HOUR)
    if text.startswith(PER) and text[len(PER) :].strip():
        return Cadence(Timebase.PER, driver=text[len(PER) :].strip())
    step = read_duration(text)
    return Cadence(Timebase.PART, step) if step is not None and is_part_of_day(step) else None


def is_part_of_day(step: dt.timedelta) -> bool:
    """Whether a day has a whole number of steps, two at least, of whole seconds."""
    return NO_TIME < step < ONE_DAY and not ONE_DAY % step and not step.microseconds


def period_start(timebase: Timebase, day: dt.date) -> dt.date:
    """The first day of the period that holds `day`: Monday for a week."""
    if timebase is Timebase.WEEKLY:
        return day - dt.timedelta(days=day.weekday())
    if timebase is Timebase.MONTHLY:
        return day.replace(day=1)
    if timebase is Timebase.YEARLY:
        return day.replace(month=1, day=1)
    return day


def period_end(timebase: Timebase, start: dt.date) -> dt.date:
    """The last day of the period that begins on `start`."""
    if timebase is Timebase.WEEKLY:
        return _plus(start, 6)
    if timebase is Timebase.MONTHLY:
        return start.replace(day=calendar.monthrange(start.year, start.month)[1])
    if timebase is Timebase.YEARLY:
        return start.replace(month=12, day=31)
    return start


def period_starts(timebase: Timebase, first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """The start of each period that holds one of the days from `first` to `last`, both included."""
    start = period_start(timebase, first)
    while start <= last:
        yield start
        end = period_end(timebase, start)
        if end == dt.date.max:
            return
        start = end + ONE_DAY


@lru_cache(maxsize=65_536)
def days_period(first: dt.date, last: dt.date) -> Period:
    """The period of whole days, both included."""
    return Period(dt.datetime.combine(first, dt.time.min, dt.UTC), dt.datetime.combine(last, dt.time.max, dt.UTC))


def parts_of_days(step: dt.timedelta, span: Period) -> Iterator[tuple[dt.date, dt.timedelta]]:
    """The day and time of day at which each part of a day begins that has a moment of `span`."""
    day, last = span.days
    clock = (span.start - dt.datetime.combine(day, dt.time.min, dt.UTC)) // step * step
    while True:
        start = dt.datetime.combine(day, dt.time.min, dt.UTC) + clock
        if start > span.stop:
            return
        yield day, clock
        clock += step
        if clock >= ONE_DAY:
            if day >= last:
                return
            day, clock = day + ONE_DAY, NO_TIME


def extended(period: Period, before: dt.timedelta, after: dt.timedelta) -> Period:
    """The period with so much time put in front and behind, kept within the calendar."""
    return Period(_shifted(period.start, -before), _shifted(period.stop, after))


def whole_days(period: Period, before: int, after: int) -> Period:
    """The period with so many whole days put in front of its first day and behind its last one; nothing for none."""
    if not (before or after):
        return period
    first, last = widened(*period.days, before, after)
    days = days_period(first, last)
    return Period(days.start if before else period.start, days.stop if after else period.stop)


def _shifted(time: dt.datetime, by: dt.timedelta) -> dt.datetime:
    if not by:
        return time
    try:
        return time + by
    except OverflowError:
        return ALWAYS.start if by < NO_TIME else ALWAYS.stop


def widened(first: dt.date, last: dt.date, before: int, after: int) -> DayRange:
    """The range of days with `before` days put in front and `after` behind, kept within the calendar."""
    return _plus(first, -before), _plus(last, after)


def coalesced(ranges: Iterable[DayRange], most: int = 40) -> list[DayRange]:
    """At most `most` ranges that together hold all days of `ranges`, with the smallest gaps filled."""
    merged: list[DayRange] = []
    for first, last in sorted(ranges):
        if merged and first <= _plus(merged[-1][1], 1):
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    if len(merged) <= most:
        return merged
    gaps = sorted(range(1, len(merged)), key=lambda i: merged[i][0] - merged[i - 1][1], reverse=True)
    cuts = sorted(gaps[: most - 1])
    starts, ends = [0, *cuts], [*cuts, len(merged)]
    return [(merged[a][0], merged[b - 1][1]) for a, b in zip(starts, ends, strict=True)]


def _plus(day: dt.date, days: int) -> dt.date:
    if not days:
        return day
    ordinal = min(max(day.toordinal() + days, 1), dt.date.max.toordinal())
    return dt.date.fromordinal(ordinal)
