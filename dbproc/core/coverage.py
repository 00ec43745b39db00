"""Which periods there are of each product and key, which are not, and why: stretches of time that are alike. Pure.

A *series* is a product and a key. Its time, from the first to the last period that is looked for, is one stretch after
another; neighbours differ in how they stand or why. Nothing is kept for each file or period, so long times cost little.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from dbproc.core.expectations import Line, count_within, line_of, periods_in, within
from dbproc.core.model import NO_TIME, Period, Timebase
from dbproc.core.periods import ALWAYS, MOMENT, ONE_DAY, Cadence, extended, is_part_of_day
from dbproc.core.slots import joined, restricted, values_of

_REGULAR = 0.75
_LEAST_STARTS = 3
MOST_FILES = 3
"""So many files that are to blame are named one by one."""


class Mark(StrEnum):
    """How a period of a series stands; the later ones here are shown before the earlier ones."""

    NOT_DUE = "not due"  #: nothing is to be there: it is not over yet, or nothing tells that something comes
    THERE = "there"  #: its file is there
    WAITING = "waiting"  #: it is made later, as its process says
    STALE = "stale"  #: its file is there, and could not be made anew: that failed or was refused
    MISSING = "missing"  #: it is not there
    LATE = "late"  #: it is not there, so long after its period that it is late
    GONE = "gone"  #: its file is gone from disk
    WITHDRAWN = "withdrawn"  #: its file is withdrawn
    DISMISSED = "dismissed"  #: its job failed, and a person said that nobody will mend it
    FAILED = "failed"  #: its job failed or was refused

    @property
    def is_gap(self) -> bool:
        """Whether something should be there and is not."""
        return self not in (Mark.NOT_DUE, Mark.THERE, Mark.WAITING, Mark.STALE)

    @property
    def is_there(self) -> bool:
        """Whether there is a file, good or not."""
        return self in (Mark.THERE, Mark.STALE)

    @property
    def letter(self) -> str:
        """The mark in a calendar."""
        return _LETTERS[self]


_RANK = {mark: rank for rank, mark in enumerate(Mark)}
_LETTERS = dict(zip(Mark, ".#~SMLGWDF", strict=True))


class Basis(StrEnum):
    """What tells which periods a series should have."""

    EXPECTED = "expected"  #: its product says how often files come
    PROCESS = "process"  #: the slots of its process
    SEEN = "seen"  #: the rhythm of the files so far
    NONE = "none"  #: nothing: its files come at any time


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which every period of a series stands alike, for the same reason.

    `root` is the product that is to blame, where that is another one; `files` are the first of those to blame, one more
    than a person wants to read at most; `log` is of the first period.
    """

    period: Period
    mark: Mark
    why: str = ""
    root: str = ""
    files: tuple[str, ...] = field(default=(), compare=False)
    log: str = field(default="", compare=False)

    @property
    def sort(self) -> tuple[Mark, str, str]:
        """What it has in common with all its periods."""
        return self.mark, self.why, self.root

    def also(self, other: Stretch) -> Stretch:
        """The same, with the files that are to blame for another one that is alike."""
        return replace(self, files=tuple(dict.fromkeys((*self.files, *other.files)))[: MOST_FILES + 1])


@dataclass(frozen=True, slots=True)
class Series:
    """A product and a key, with all its time; `count` is the number of files that are there."""

    product: str
    key: str
    basis: Basis
    cadence: Cadence
    stretches: tuple[Stretch, ...]
    count: int = 0

    @property
    def extent(self) -> Period | None:
        """From its first to its last moment."""
        return Period(self.stretches[0].period.start, self.stretches[-1].period.stop) if self.stretches else None

    @property
    def there(self) -> int:
        """How many periods have a file."""
        return sum(self.periods(mark) for mark in Mark if mark.is_there)

    @property
    def wanted(self) -> int:
        """How many periods should have one."""
        return self.there + sum(self.periods(mark) for mark in Mark if mark.is_gap)

    def periods(self, mark: Mark) -> int:
        """How many periods stand so."""
        return sum(count_within(self.cadence, each.period) for each in self.stretches if each.mark is mark)


class Covered(NamedTuple):
    """A time that files cover without a break, and how many there are."""

    keywords: str
    period: Period
    files: int


# --- the rhythm and the keys of what was seen ---

_USUAL = (
    (Timebase.DAILY, 1, 1),
    (Timebase.WEEKLY, 7, 7),
    (Timebase.MONTHLY, 28, 31),
    (Timebase.YEARLY, 365, 366),
)


def rhythm(starts: Iterable[Sequence[dt.datetime]]) -> Cadence | None:
    """How often files come whose times begin so, key by key; None where three quarters of them keep to no rhythm."""
    steps = sorted(later - one for times in starts for one, later in pairwise(sorted(set(times))))
    if len(steps) < _LEAST_STARTS - 1:
        return None
    step = steps[len(steps) // 2]
    if is_part_of_day(step):
        return Cadence(Timebase.PART, step) if steps.count(step) >= _REGULAR * len(steps) else None
    for timebase, least, most in _USUAL:
        alike = sum(least * ONE_DAY <= each + ONE_DAY / 2 < (most + 1) * ONE_DAY for each in steps)
        if alike >= _REGULAR * len(steps):
            return Cadence(timebase)
    return None


def running_fields(covered: Iterable[Covered]) -> frozenset[str]:
    """The keywords that only number the files, as the number of an orbit does: hardly two of their values are seen at
    the same time, and there are three at least."""
    extents: dict[tuple[str, str], Period] = {}
    for each in covered:
        for pair in values_of(each.keywords).items():
            extents[pair] = hull((extents.get(pair, each.period), each.period))
    by_field: dict[str, list[Period]] = defaultdict(list)
    for (name, _), extent in extents.items():
        by_field[name].append(extent)
    return frozenset(name for name, times in by_field.items() if _follow_each_other(sorted(times)))


def _follow_each_other(times: Sequence[Period]) -> bool:
    apart = sum(one.stop <= later.start for one, later in pairwise(times))
    return len(times) >= _LEAST_STARTS and apart >= _REGULAR * (len(times) - 1)


def hull(periods: Iterable[Period]) -> Period:
    """From the first to the last moment of some periods, one at least."""
    some = list(periods)
    return Period(min(each.start for each in some), max(each.stop for each in some))


def lines(covered: Iterable[Covered], fields: frozenset[str]) -> dict[str, tuple[Line, int]]:
    """The time that files cover, and how many there are, by the values of these keywords."""
    times: dict[str, list[Period]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for each in covered:
        key = restricted(each.keywords, fields)
        times[key].append(each.period)
        counts[key] += each.files
    return {key: (line_of(some), counts[key]) for key, some in times.items()}


# --- one series ---


@dataclass(frozen=True, slots=True)
class Aim:
    """What a series should have: a file for each period of `cadence` in `extent`; what is not there is `base`.

    A period that ended at `due` or before should be there, and is late when it ended at `late` or before.
    """

    cadence: Cadence
    extent: Period
    due: dt.datetime
    late: dt.datetime | None = None
    base: Mark = Mark.MISSING


def stretches(
    aim: Aim, line: Line, lacking: Iterable[Stretch] = (), troubles: Iterable[Stretch] = (), why: str = ""
) -> tuple[Stretch, ...]:
    """The time of a series in stretches: where files cover it, and whether these could not be made anew; where they do
    not, with what is known of that.

    Parameters
    ----------
    aim
        What should be there.
    line
        The time that its files cover.
    lacking, troubles
        What is known of periods whose files are not there: what their inputs lack, and what happened to themselves,
        which counts more; of several of a kind that meet the worst counts.
    why
        Why a file is missing of which nothing is known.
    """
    layers = _Layers(aim.cadence, (lacking, troubles))
    found: list[Stretch] = []
    begin = aim.extent.start
    for gap in line.gaps(aim.extent):
        whole = whole_periods(aim.cadence, gap)
        if whole is None:
            continue
        if begin < whole.start:
            found.extend(_there(Period(begin, whole.start - MOMENT), layers))
        lacks_here, troubles_here = layers.meeting(whole)
        found.extend(_painted(whole, [*_due(aim, whole, why), *lacks_here, *_undue(aim, whole), *troubles_here]))
        begin = _after(whole)
    if begin <= aim.extent.stop and (not found or found[-1].period.stop < aim.extent.stop):
        found.extend(_there(Period(begin, aim.extent.stop), layers))
    return tuple(together(found))


def _there(span: Period, layers: _Layers) -> Iterator[Stretch]:
    """A time that files cover, with what could not be made anew."""
    _, troubles = layers.meeting(span)
    stale = (replace(each, mark=Mark.STALE) for each in troubles if each.mark is Mark.FAILED)
    return _painted(span, [Stretch(span, Mark.THERE), *stale])


class _Layers:
    """What is known of periods, asked for time by time from the first to the last."""

    def __init__(self, cadence: Cadence, layers: Iterable[Iterable[Stretch]]) -> None:
        snap = [[replace(each, period=snapped(cadence, each.period)) for each in layer] for layer in layers]
        self._left = [sorted(layer, key=lambda each: each.period, reverse=True) for layer in snap]
        self._near: list[list[Stretch]] = [[] for _ in snap]

    def meeting(self, whole: Period) -> list[list[Stretch]]:
        """What meets a time, layer by layer, the worst last."""
        return [self._meeting(number, whole) for number in range(len(self._near))]

    def _meeting(self, number: int, whole: Period) -> list[Stretch]:
        near, left = self._near[number], self._left[number]
        near[:] = [each for each in near if each.period.stop >= whole.start]
        while left and left[-1].period.start <= whole.stop:
            near.append(left.pop())
        some = [
            replace(each, period=Period(max(each.period.start, whole.start), min(each.period.stop, whole.stop)))
            for each in near
            if whole.overlaps(*each.period)
        ]
        return sorted(some, key=lambda each: _RANK[each.mark])


def whole_periods(cadence: Cadence, span: Period) -> Period | None:
    """The time of the periods that lie in `span`; None: none does."""
    first = next(within(cadence, span), None)
    if first is None:
        return None
    if cadence.timebase is Timebase.PART:
        return Period(
            first.start, first.start + (span.stop - first.start + MOMENT) // cadence.step * cadence.step - MOMENT
        )
    last = snapped(cadence, Period(span.stop, span.stop))
    return Period(first.start, last.stop if last.stop <= span.stop else last.start - MOMENT)


def snapped(cadence: Cadence, span: Period) -> Period:
    """The time of the periods that have a moment of `span`."""
    first, last = (next(periods_in(cadence, Period(time, time))) for time in span)
    return Period(first.start, last.stop)


def _due(aim: Aim, whole: Period, why: str) -> Iterator[Stretch]:
    """What a gap is without further knowledge, and what of it is late."""
    yield Stretch(whole, aim.base, why if aim.base.is_gap else "")
    late = None if aim.late is None else _until(aim.cadence, whole, aim.late)
    if late is not None and aim.base.is_gap:
        yield Stretch(late, Mark.LATE, why)


def _undue(aim: Aim, whole: Period) -> Iterator[Stretch]:
    """What of a gap is not over yet."""
    over = _until(aim.cadence, whole, aim.due)
    start = whole.start if over is None else _after(over)
    if start < whole.stop:
        yield Stretch(Period(start, whole.stop), Mark.NOT_DUE)


def _until(cadence: Cadence, whole: Period, time: dt.datetime) -> Period | None:
    """The periods of a gap that ended before a time."""
    stop = min(whole.stop, time)
    return None if stop < whole.start else whole_periods(cadence, Period(whole.start, stop))


def _painted(whole: Period, layers: Sequence[Stretch]) -> Iterator[Stretch]:
    """A gap cut where what is known of it changes; what comes later in `layers` lies on top."""
    cuts = sorted({time for each in layers for time in (each.period.start, _after(each.period))} | {whole.start})
    on_top: dict[int, Stretch] = {}
    for each in layers:
        for place in range(bisect_left(cuts, each.period.start), bisect_left(cuts, _after(each.period))):
            on_top[place] = _laid(each, on_top.get(place))
    for place, top in sorted(on_top.items()):
        stop = cuts[place + 1] - MOMENT if place + 1 < len(cuts) else whole.stop
        yield replace(top, period=Period(cuts[place], min(stop, whole.stop)))


def _laid(upper: Stretch, lower: Stretch | None) -> Stretch:
    """What is seen where one thing lies on another: what is missing for lack of an input is late all the same."""
    if lower is not None and lower.sort == upper.sort:
        return lower.also(upper)
    is_late = lower is not None and lower.mark is Mark.LATE and upper.mark is Mark.MISSING
    return replace(upper, mark=Mark.LATE) if is_late else upper


def together(parts: Iterable[Stretch]) -> Iterator[Stretch]:
    """Stretches in their order; those that follow each other and are alike are one."""
    last: Stretch | None = None
    for each in parts:
        if last is not None and last.sort == each.sort:
            last = replace(last.also(each), period=Period(last.period.start, each.period.stop))
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def clipped(series: Series, span: Period) -> Series:
    """A series within a time, widened to whole periods."""
    if span == ALWAYS:
        return series
    span = snapped(series.cadence, span)
    some = [
        replace(each, period=Period(max(each.period.start, span.start), min(each.period.stop, span.stop)))
        for each in series.stretches
        if span.overlaps(*each.period)
    ]
    return replace(series, stretches=tuple(some))


def _after(period: Period) -> dt.datetime:
    return extended(period, NO_TIME, MOMENT).stop


# --- what is made: what its inputs lack ---


def lacks(series: Iterable[Series], key: str, cadence: Cadence) -> Iterator[Stretch]:
    """What is known of the outputs of periods in which an input has no file: of a key that agrees with `key`.

    An output is made when some file of an input is of its period, so nothing but whole periods without one count.
    """
    agreeing = [each for each in series if joined(each.key, key) is not None]
    there = line_of(part.period for each in agreeing for part in each.stretches if part.mark.is_there)
    for each in agreeing:
        for part in each.stretches:
            if part.mark.is_there:
                continue
            for gap in there.gaps(snapped(cadence, part.period)):
                whole = whole_periods(cadence, gap)
                if whole is not None:
                    yield _for_lack(each, part, whole)


def holding(series: Series, after: dt.timedelta | None, until: dt.datetime) -> Series:
    """The files of a series, in their places or not, as long `after` their time as they hold, or for good, as far as
    that is of interest; nothing of periods without one, as none is needed."""
    known = (each for each in series.stretches if each.mark.is_there or each.mark in (Mark.GONE, Mark.WITHDRAWN))
    return replace(series, stretches=tuple(replace(each, period=_held(each.period, after, until)) for each in known))


def _held(period: Period, after: dt.timedelta | None, until: dt.datetime) -> Period:
    last = until if after is None else min(extended(period, NO_TIME, after).stop, until)
    return Period(period.start, max(period.stop, last))


def _for_lack(series: Series, part: Stretch, period: Period) -> Stretch:
    """What is known of an output for lack of an input; where one file of that was withdrawn, it is to blame by name."""
    if not part.mark.is_gap:
        return Stretch(period, part.mark, part.why)
    why, root = (part.why, part.root) if part.root else (f"{series.product} is {part.mark}", series.product)
    files = part.files if part.mark is Mark.WITHDRAWN and len(part.files) == 1 else ()
    return Stretch(period, Mark.MISSING, why, root, files, part.log)


def extent_of(inputs: Iterable[Iterable[Series]], key: str) -> Period | None:
    """The time in which all of some inputs have files, or should: from the latest first to the earliest last one."""
    spans = [
        [each.extent for each in some if each.extent is not None and joined(each.key, key) is not None]
        for some in inputs
    ]
    if not spans or not all(spans):
        return None
    hulls = [hull(some) for some in spans]
    start, stop = max(each.start for each in hulls), min(each.stop for each in hulls)
    return Period(start, stop) if start <= stop else None


# --- as a calendar ---


class Bucket(StrEnum):
    """What one mark of a calendar stands for."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_CADENCES: Mapping[Bucket, Cadence] = {
    Bucket.HOUR: Cadence(Timebase.PART, dt.timedelta(hours=1)),
    Bucket.DAY: Cadence(Timebase.DAILY),
    Bucket.WEEK: Cadence(Timebase.WEEKLY),
    Bucket.MONTH: Cadence(Timebase.MONTHLY),
    Bucket.YEAR: Cadence(Timebase.YEARLY),
}


def bucket_for(span: Period, most: int, least: Bucket = Bucket.DAY) -> Bucket:
    """The finest bucket of which `span` has at most so many."""
    days = (span.stop - span.start) / ONE_DAY
    lengths = {Bucket.HOUR: 1 / 24, Bucket.DAY: 1, Bucket.WEEK: 7, Bucket.MONTH: 28, Bucket.YEAR: 365}
    order = list(Bucket)
    fine = (each for each in order[order.index(least) :] if days / lengths[each] <= most - 2)
    return next(fine, Bucket.YEAR)


def buckets(span: Period, bucket: Bucket) -> list[Period]:
    """The buckets that have a moment of `span`."""
    return list(periods_in(_CADENCES[bucket], span))


@dataclass(frozen=True, slots=True)
class Cell:
    """A mark of a calendar; `is_part`: some of its time is there."""

    mark: Mark | None = None
    is_part: bool = False

    @property
    def letter(self) -> str:
        """The mark as one character: a capital one, a small one where a part is there; a blank for no time at all."""
        if self.mark is None:
            return " "
        return self.mark.letter.lower() if self.is_part else self.mark.letter


def cells(series: Series, columns: Sequence[Period]) -> list[Cell]:
    """The marks of a series in a calendar."""
    starts = [each.period.start for each in series.stretches]
    found = []
    for column in columns:
        first = max(bisect_right(starts, column.start) - 1, 0)
        marks = _marks(series.stretches[first : bisect_right(starts, column.stop)], column)
        worst = max(marks, key=_RANK.__getitem__, default=None)
        found.append(Cell(worst, worst is not None and worst.is_gap and any(mark.is_there for mark in marks)))
    return found


def _marks(some: Iterable[Stretch], column: Period) -> Collection[Mark]:
    return {each.mark for each in some if column.overlaps(*each.period)}
