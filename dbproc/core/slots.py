"""Slots, and the periods and keys that they stand for. Pure.

A slot is told by a process, a date and keywords, just as the file that is made for it. Its keywords are its *key*, the
values that tell the outputs of one period apart, and for timebase PART the time of day at which its period begins.
Where nothing says how a key goes on, it is a part of one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from dbproc.core.filenames import TIME_OF_DAY, keywords_of, keywords_text, render, time_named
from dbproc.core.model import NO_TIME, Input, Keying, Period, Process, Slot, Timebase
from dbproc.core.periods import (
    MOMENT,
    days_period,
    extended,
    parts_of_days,
    period_end,
    period_starts,
    whole_days,
)

_CLOCK = (("H", dt.timedelta(hours=1), 24), ("M", dt.timedelta(minutes=1), 60), ("S", dt.timedelta(seconds=1), 60))


def key_fields(
    timebase: Timebase, keywords: Keying, outputs: Sequence[Iterable[str]], inputs: Sequence[Iterable[str]]
) -> frozenset[str]:
    """The keywords whose values tell the outputs of one period apart.

    Parameters
    ----------
    timebase, keywords
        Those of the process.
    outputs, inputs
        The keyword fields of the formats of its outputs, and of those inputs that its periods come from. The time of
        day in the name of an output is that of its period, unless periods come from files: then it is a keyword as any
        other, where an input has it.
    """
    if keywords.is_merged:
        return frozenset()
    made = frozenset(field for fields in outputs for field in fields)
    if timebase.is_grid:
        return made - TIME_OF_DAY
    given = frozenset(field for fields in inputs for field in fields)
    return frozenset(field for field in made if field not in TIME_OF_DAY or field in given)


# --- keywords as text ---


@lru_cache(maxsize=65_536)
def values_of(keywords: str) -> Mapping[str, str]:
    """The values of keywords; not to be changed."""
    return keywords_of(keywords)


@lru_cache(maxsize=65_536)
def restricted(keywords: str, fields: frozenset[str]) -> str:
    """Those of the keywords that are among `fields`."""
    return keywords_text({name: value for name, value in values_of(keywords).items() if name in fields})


@lru_cache(maxsize=65_536)
def fields_of(keywords: str) -> frozenset[str]:
    """The names of keywords."""
    return frozenset(values_of(keywords))


@lru_cache(maxsize=65_536)
def joined(one: str, other: str) -> str | None:
    """The keywords of both; None when they disagree."""
    if not one or not other:
        return one or other
    first, second = values_of(one), values_of(other)
    if any(second.get(name, value) != value for name, value in first.items()):
        return None
    return keywords_text({**first, **second})


def without_clock(keywords: str) -> str:
    """Keywords but the time of day."""
    return restricted(keywords, fields_of(keywords) - TIME_OF_DAY)


# --- keys ---


def shared_fields(process: Process, link: Input) -> frozenset[str]:
    """The keywords in which a slot and the files of an input agree.

    Where these are chosen by their time, the time of day in their names says nothing of the key; of a driving product
    it does.
    """
    goes_by_time = link.valid is not None or process.timebase is Timebase.PER
    return (
        process.key_fields - TIME_OF_DAY if goes_by_time and link.product_id != process.driver else process.key_fields
    )


def key_of_file(process: Process, link: Input, keywords: str) -> str:
    """What the keywords of a file say of the key of a slot that it is an input of."""
    if process.keywords.is_merged:
        return keywords if process.timebase is Timebase.FILE and link.valid is None else ""
    return restricted(keywords, shared_fields(process, link))


def key_of(process: Process, slot: Slot) -> str:
    """The key of a slot, without the time of day of its period."""
    return slot.keywords if process.timebase is not Timebase.PART else restricted(slot.keywords, process.key_fields)


def is_whole(process: Process, slot: Slot) -> bool:
    """Whether a slot has its whole key."""
    return not process.key_fields or process.key_fields <= fields_of(slot.keywords)


# --- periods ---


def period_of(process: Process, slot: Slot) -> Period:
    """The period of a slot; for timebase PER, which goes by files, its day."""
    return period_at(process.timebase, process.step, slot.date, slot.keywords)


def period_at(timebase: Timebase, step: dt.timedelta, date: dt.date, keywords: str) -> Period:
    """The period of a slot of a timebase; for FILE, the time of day that its keywords tell."""
    if timebase is Timebase.PART:
        start = days_period(date, date).start + _clock_of(keywords)
        return Period(start, start + (step - MOMENT))  # of the last part of time, too
    if timebase is Timebase.FILE and not TIME_OF_DAY.isdisjoint(fields_of(keywords)):
        return Period(*time_named(date, values_of(keywords)))
    return days_period(date, period_end(timebase, date))


@lru_cache(maxsize=65_536)
def _clock_of(keywords: str) -> dt.timedelta:
    values = values_of(keywords)
    return sum((unit * int(values.get(name, 0)) for name, unit, _ in _CLOCK), NO_TIME)


@lru_cache(maxsize=65_536)
def _keywords_at(step: dt.timedelta, clock: dt.timedelta, key: str) -> str:
    """The keywords of a slot whose period begins at a time of day: hours, and what else it takes."""
    count = next(number for number, (_, unit, _) in enumerate(_CLOCK, start=1) if not step % unit)
    time = {name: f"{clock // unit % most:02d}" for name, unit, most in _CLOCK[:count]}
    return keywords_text({**values_of(key), **time})


@lru_cache(maxsize=65_536)
def clock_values(clock: dt.time) -> Mapping[str, str]:
    """A time of day as the values of the fields of a format; not to be changed."""
    return {name: render(f"{{{name}}}", dt.datetime.combine(dt.date.min, clock), "", {}) for name in TIME_OF_DAY}


def time_of_output(process: Process, period: Period, named: Period) -> Period:
    """The time of an output of which nothing but its name tells one, `named`: names tell less than slots."""
    return period if process.timebase.by_time else named


def slots_at(process: Process, span: Period, key: str = "") -> Iterator[Slot]:
    """The slots of a process whose periods have a moment of `span`; not for timebase PER."""
    if process.timebase is Timebase.PART:
        for day, clock in parts_of_days(process.step, span):
            yield Slot(process.process_id, day, _keywords_at(process.step, clock, key))
        return
    for date in period_starts(process.timebase, *span.days):
        yield Slot(process.process_id, date, key)


def window(link: Input, period: Period) -> Period:
    """The time in which files are an input of a slot of this period."""
    return whole_days(extended(period, link.before, link.after), link.yesterday, link.tomorrow)


def reach(link: Input, span: Period) -> Period:
    """The time in which the periods lie of which a file with this `span` is an input."""
    return whole_days(extended(span, link.after, link.before), link.tomorrow, link.yesterday)
