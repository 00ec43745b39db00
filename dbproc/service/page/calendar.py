"""Coverage as a calendar: years of products and keys, each a strip of stretches that stand alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from dbproc.core.coverage import Bucket, Mark, buckets, clipped
from dbproc.core.model import Period
from dbproc.core.slot_text import period_words
from dbproc.explain.coverage import Coverage, CoveredSeries

_MOST_YEARS = 40
_MOST_SERIES = 200
WIDTH = 1000.0
_LEAST = 1.2


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a strip: from and how far it goes, its colour, and what it says."""

    left: float
    width: float
    mark: Mark
    words: str
    start: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A product and key in a year."""

    series: CoveredSeries
    percent: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Year:
    """A year, or all the time there is."""

    title: str
    strips: tuple[Strip, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """All years, the latest first."""

    span: str
    marks: tuple[Mark, ...]
    years: tuple[Year, ...]
    left_out: int  #: how many products and keys are not shown


def calendar(answer: Coverage) -> Calendar | None:
    """Coverage as a calendar; None where there is nothing, and nothing is expected."""
    if answer.span is None:
        return None
    shown = answer.series[:_MOST_SERIES]
    years = buckets(answer.span, Bucket.YEAR)
    if len(years) > _MOST_YEARS:
        years = [answer.span]
    used = {part.mark for each in shown for part in each.stretches}
    return Calendar(
        span=period_words(answer.span),
        marks=tuple(mark for mark in Mark if mark in used),
        years=tuple(_year(shown, year, answer.span) for year in reversed(years)),
        left_out=len(answer.series) - len(shown),
    )


def _year(series: tuple[CoveredSeries, ...], year: Period, whole: Period) -> Year:
    span = Period(max(year.start, whole.start), min(year.stop, whole.stop))
    strips = (Strip(each, _percent(each, span), parts) for each in series if (parts := tuple(_parts(each, span))))
    return Year(period_words(span), tuple(strips))


def _percent(series: CoveredSeries, span: Period) -> str:
    within = clipped(series.series, span)
    return f"{100 * within.there // wanted}%" if (wanted := within.wanted) else ""


def _parts(series: CoveredSeries, span: Period) -> Iterator[Part]:
    length = span.stop - span.start

    def place(time: dt.datetime) -> float:
        return WIDTH * float(min(max((time - span.start) / length, 0.0), 1.0))

    for each in series.stretches:
        if span.overlaps(each.start, each.stop):
            left, right = place(each.start), place(each.stop)
            words = f"{period_words(Period(each.start, each.stop))}: {each.mark}{f': {each.why}' if each.why else ''}"
            start = max(each.start, span.start)
            yield Part(round(left, 1), round(max(right - left, _LEAST), 1), each.mark, words, f"{start:%Y-%m-%d}")
