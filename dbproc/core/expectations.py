"""What products say about how often their files come and of which keys, and what of that is missing. Pure."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import NamedTuple

from dbproc.core.facts import Facts, Seen
from dbproc.core.filenames import TIME_OF_DAY, keywords_text
from dbproc.core.model import NO_TIME, Build, Definition, File, Input, Period, Process, Product, Slot, Timebase
from dbproc.core.periods import (
    ALWAYS,
    MOMENT,
    Cadence,
    days_period,
    extended,
    parts_of_days,
    period_end,
    period_start,
    period_starts,
    read_timebase,
)
from dbproc.core.slot_text import time_shown
from dbproc.core.slots import joined, key_of, restricted, window

_SHOWN = 3
_NOTHING_SEEN = Seen()


# --- as it is written ---

NAMED = ("hourly", "daily", "weekly", "monthly", "yearly")
"""How often a file comes, by name."""

ALLOWED = f"{', '.join(NAMED)}, or a part of a day such as '15 min'"
"""The same in words."""


def read_expectation(text: str) -> Cadence | None:
    """How often a file of each key comes: ``daily``, ``"15 min"``; None for anything else."""
    if text in NAMED:
        return read_timebase(text.upper())
    cadence = read_timebase(text)
    is_part = cadence is not None and cadence.timebase is Timebase.PART and text[0].isdigit()
    return cadence if is_part else None


def key_names(fields: Collection[str]) -> tuple[str, ...]:
    """The keywords of a format that tell the files of one period apart: all but the time of day."""
    return tuple(sorted(field for field in fields if field not in TIME_OF_DAY))


def read_key(text: str, names: Collection[str]) -> Mapping[str, str] | None:
    """An expected key: the value alone where there is one keyword, else ``"a=1 b=2"``; None for anything else."""
    words = text.split()
    pairs = [word.partition("=") for word in words]
    if words and all(name and equals and value for name, equals, value in pairs):
        values = {name: value for name, _, value in pairs}
        return values if len(values) == len(words) and values.keys() == set(names) else None
    return {next(iter(names)): text} if len(names) == 1 and text.strip() else None


# --- which files are expected ---


class Expected(NamedTuple):
    """A file that is expected of a product: for a period, and of a key."""

    product: Product
    period: Period
    key: str

    @property
    def words(self) -> str:
        """What it is, for people."""
        return f"{self.product.name} {time_shown(self.period, self.key)}"


_DAILY = Cadence(Timebase.DAILY)


def cadence_of(product: Product) -> Cadence | None:
    """How often files of a product come; None where nobody knows."""
    return read_expectation(product.expect) if product.expect else None


def key_of_product(product: Product, keywords: str) -> str:
    """The key of a file of a product: its keywords, without the time of day."""
    return restricted(keywords, product.compiled.keyword_fields - TIME_OF_DAY)


def written_key(product: Product, text: str) -> str:
    """A key as the mission file has it, as the keywords of a file."""
    return keywords_text(read_key(text, key_names(product.compiled.keyword_fields)) or {})


def expecting(definition: Definition, process: Process) -> Iterator[tuple[Input, Product]]:
    """The inputs of which something is expected before an output is made."""
    if process.build is Build.WHEN_COMPLETE:
        for link in process.inputs:
            product = definition.products[link.product_id]
            if link.valid is None and cadence_of(product) is not None:
                yield link, product


def expected_span(product: Product, span: Period) -> Period:
    """All the time of the periods in which files of a product come and that have a moment of `span`."""
    first, last = (next(periods_in(cadence_of(product) or _DAILY, Period(time, time))) for time in span)
    return Period(first.start, last.stop)


def expected_keys(product: Product, seen: Seen) -> Iterable[str]:
    """The keys of which files are expected: those that the product names, or else those seen, if it has any."""
    if not key_names(product.compiled.keyword_fields):
        return ("",)
    return dict.fromkeys(written_key(product, text) for text in product.keys) or sorted(seen.firsts)


def seen_of(product: Product, files: Iterable[tuple[str, dt.date]]) -> Seen:
    """What is seen of a product by the keywords and dates of files."""
    firsts: dict[str, dt.date] = {}
    for keywords, date in files:
        key = key_of_product(product, keywords)
        firsts[key] = min(date, firsts.get(key, date))
    return Seen(firsts)


def expected_extent(product: Product, cadence: Cadence, seen: Seen, key: str) -> Period | None:
    """From when on, and until when, files of a key are expected; None where none has come and nothing is said.

    One that is not named is expected from its own first file on.
    """
    is_named = bool(product.keys) or not key_names(product.compiled.keyword_fields)
    seen_first = seen.first if is_named else seen.firsts.get(key)
    first = None if seen_first is None else period_start(cadence.timebase, seen_first)
    if product.expect_from is not None:
        first = product.expect_from if is_named or first is None else max(first, product.expect_from)
    if first is None:
        return None
    return days_period(first, product.expect_to or dt.date.max)


def periods_in(cadence: Cadence, span: Period) -> Iterator[Period]:
    """The periods that have a moment of `span`."""
    if cadence.timebase is Timebase.PART:
        for day, clock in parts_of_days(cadence.step, span):
            start = days_period(day, day).start + clock
            yield Period(start, start + (cadence.step - MOMENT))
    else:
        for first in period_starts(cadence.timebase, *span.days):
            yield days_period(first, period_end(cadence.timebase, first))


def within(cadence: Cadence, span: Period) -> Iterator[Period]:
    """The periods that lie in `span`."""
    return (each for each in periods_in(cadence, span) if span.start <= each.start and each.stop <= span.stop)


def count_within(cadence: Cadence, span: Period) -> int:
    """How many periods lie in `span`; of parts of days there may be millions."""
    if cadence.timebase not in _ALIKE:
        return sum(1 for _ in within(cadence, span))
    first = next(within(cadence, span), None)
    return 0 if first is None else (span.stop - first.stop) // (first.stop - first.start + MOMENT) + 1


_ALIKE = (Timebase.PART, Timebase.DAILY, Timebase.WEEKLY)
"""The timebases of which all periods have one length."""


# --- what is there ---


class Line(NamedTuple):
    """The times that files cover, in order and apart from each other."""

    starts: Sequence[dt.datetime]
    stops: Sequence[dt.datetime]

    def gaps(self, span: Period) -> Iterator[Period]:
        """The times within `span` that no file covers."""
        begin = span.start
        for place in range(bisect_left(self.stops, span.start), len(self.starts)):
            if self.starts[place] > span.stop:
                break
            if self.starts[place] > begin:
                yield Period(begin, self.starts[place] - MOMENT)
            if self.stops[place] >= span.stop:
                return
            begin = self.stops[place] + MOMENT
        if begin <= span.stop:
            yield Period(begin, span.stop)


NO_LINE = Line((), ())


def line_of(times: Iterable[Period]) -> Line:
    starts: list[dt.datetime] = []
    stops: list[dt.datetime] = []
    for start, stop in sorted(times):
        if stops and start - MOMENT <= stops[-1]:
            stops[-1] = max(stops[-1], stop)
        else:
            starts.append(start)
            stops.append(stop)
    return Line(starts, stops)


@dataclass(frozen=True, slots=True)
class Late:
    """How many files are late, and the oldest of them."""

    count: int = 0
    oldest: tuple[Expected, ...] = ()


class Presence:
    """What is there of a product: the times that its files cover, by keys.

    Parameters
    ----------
    product
        The product.
    files
        Keywords and time of each of its newest existing files.
    seen
        What was seen of it at all.
    """

    def __init__(self, product: Product, files: Iterable[tuple[str, Period]], seen: Seen) -> None:
        self._product = product
        self._seen = seen
        times: dict[str, list[Period]] = defaultdict(list)
        for keywords, time in files:
            times[key_of_product(product, keywords)].append(time)
        self._lines = {key: line_of(some) for key, some in times.items()}

    def missing(self, span: Period, key: str = "") -> Iterator[Expected]:
        """What is expected in `span`, of the keys that agree with `key`, and not there."""
        return self._missing(expected_span(self._product, span), key)

    def late(self, now: dt.datetime, span: Period = ALWAYS, key: str = "", most: int = 10) -> Late:
        """What is not there so long after its period that it is late: of `span`, and of the keys with all of `key`."""
        limit = self._product.late_after
        whole = span if span == ALWAYS else expected_span(self._product, span)
        until = min(whole.stop, extended(Period(now, now), limit or NO_TIME, NO_TIME).start - MOMENT)
        if limit is None or until < whole.start:
            return Late()
        gaps = [each for each in self._gaps(Period(whole.start, until), "") if joined(each[0], key) == each[0]]
        first = (
            Expected(self._product, period, expected)
            for expected, cadence, gap in gaps
            for period in islice(within(cadence, gap), most)
        )
        oldest = nsmallest(most, first, key=lambda each: (each.period, each.key))
        return Late(sum(count_within(cadence, gap) for _, cadence, gap in gaps), tuple(oldest))

    def _missing(self, span: Period, key: str) -> Iterator[Expected]:
        for expected, cadence, gap in self._gaps(span, key):
            yield from (Expected(self._product, period, expected) for period in within(cadence, gap))

    def _gaps(self, span: Period, key: str) -> Iterator[tuple[str, Cadence, Period]]:
        """The times that no file covers, of each key that is expected."""
        cadence = cadence_of(self._product)
        for expected in expected_keys(self._product, self._seen) if cadence is not None else ():
            extent = expected_extent(self._product, cadence, self._seen, expected) if cadence is not None else None
            if cadence is None or extent is None or joined(expected, key) is None:
                continue
            bounds = Period(max(span.start, extent.start), min(span.stop, extent.stop))
            if bounds.start <= bounds.stop:
                yield from ((expected, cadence, gap) for gap in self._lines.get(expected, NO_LINE).gaps(bounds))


class Expectations:
    """What slots wait for, by the facts that the catalogue gave for them."""

    def __init__(self, definition: Definition, facts: Facts) -> None:
        self._definition = definition
        self._facts = facts
        self._presences: dict[int, Presence] = {}

    def missing(self, process: Process, slot: Slot, period: Period) -> list[Expected]:
        """What is expected of the inputs of a slot, and not there."""
        key = key_of(process, slot)
        return [
            each
            for link, product in expecting(self._definition, process)
            for each in self._presence(product).missing(window(link, period), key)
        ]

    def _presence(self, product: Product) -> Presence:
        number = product.product_id
        if number not in self._presences:
            files: Sequence[File] = self._facts.by_time.get(number, ())
            seen = self._facts.seen.get(number, _NOTHING_SEEN)
            self._presences[number] = Presence(product, ((file.keywords, file.period) for file in files), seen)
        return self._presences[number]


# --- when an output is made ---


def waits_until(process: Process, period: Period) -> dt.datetime | None:
    """The time from which on an output is made in any case; None: there is none, it waits until it is complete."""
    if process.build is Build.WHEN_COMPLETE and process.wait is None:
        return None
    return extended(period, NO_TIME, MOMENT + (process.wait or NO_TIME)).stop


def some_words(missing: Sequence[Expected]) -> str:
    """What is missing, the first few by name."""
    more = len(missing) - _SHOWN
    named = ", ".join(each.words for each in missing[:_SHOWN])
    return f"{named} and {more} more" if more > 0 else named


def time_words(time: dt.datetime) -> str:
    """A time, to the minute where it is a whole one."""
    return f"{time:%Y-%m-%d %H:%M:%S}Z" if time.second or time.microsecond else f"{time:%Y-%m-%d %H:%M}Z"
