"""Which slots a file may be an input of. Pure."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dbproc.core.expectations import expected_span
from dbproc.core.model import NO_TIME, Build, Definition, File, Input, Period, Process, Slot, Timebase, Validity
from dbproc.core.needs import Needs, by_product
from dbproc.core.periods import ALWAYS, LONGEST, ONE_DAY, DayRange, extended, widened
from dbproc.core.slots import joined, key_of_file, period_of, reach, slots_at, window
from dbproc.core.staleness import alternatives

_MANY = 400


@dataclass(frozen=True, slots=True)
class Queued:
    """A file of the process queue. `spans` are the times of all versions of it: a version that covers less than
    the one it replaces changes what is no longer covered, too."""

    file_id: int
    product_id: int
    date: dt.date
    keywords: str
    spans: tuple[Period, ...]
    version_bump: int | None = None
    campaign_id: int | None = None  #: the campaign that it was made for
    is_taken_back: bool = False  #: it may be no input any more: what was made from it is to be looked at


@dataclass(frozen=True, slots=True)
class Reach:
    """The slots of a process, of keys that agree with `key`, that have a moment of `span`, wherever there are others of
    their inputs."""

    process: Process
    key: str
    span: Period
    required: tuple[Input, ...] = ()  #: of these there is one in the window of each of its slots

    @property
    def whole(self) -> Period:
        """The time of its slots: a period that begins within the span may have all its files behind it."""
        if not self.process.timebase.is_grid:
            return self.span
        *_, last = slots_at(self.process, Period(self.span.stop, self.span.stop))
        return Period(self.span.start, period_of(self.process, last).stop)


Consumers = Mapping[int, Sequence[tuple[Process, Input]]]
"""By product: the processes that have it as an input."""


def consumers(definition: Definition) -> dict[int, list[tuple[Process, Input]]]:
    """By product: the processes that have it as an input."""
    result: dict[int, list[tuple[Process, Input]]] = defaultdict(list)
    for process in definition.processes.values():
        for link in process.inputs:
            result[link.product_id].append((process, link))
    return result


# --- from a file to slots ---


def affected(process: Process, link: Input, item: Queued) -> Iterator[Slot | Reach]:
    """The slots of one process that a file may have made stale; some of them may lack a part of their key.

    Where only others of their inputs tell which slots there are, their reach.
    """
    key = key_of_file(process, link, item.keywords)
    if link.product_id == process.driver:
        yield Slot(process.process_id, item.date, key)
    elif link.valid is not None or process.timebase is Timebase.PER:
        yield from (Reach(process, key, _span_of_reach(link, span)) for span in item.spans)
    elif process.timebase.by_time:
        spans = [reach(link, span) for span in item.spans]
        required = _required_besides(process, link)
        if required and any(_is_long(process, span) for span in spans):
            yield from (Reach(process, key, span, required) for span in spans)
        else:
            yield from dict.fromkeys(slot for span in spans for slot in slots_at(process, span, key))
    else:
        first, last = days_before(item.date, link)
        days = range(first.toordinal(), last.toordinal() + 1)
        yield from (Slot(process.process_id, dt.date.fromordinal(day), key) for day in days)


def _is_long(process: Process, span: Period) -> bool:
    """Whether a time has so many periods that it is better to ask in which of them there is anything."""
    length = process.step or ONE_DAY * LONGEST.get(process.timebase, 1)
    return span.stop - span.start > _MANY * length


def _required_besides(process: Process, link: Input) -> tuple[Input, ...]:
    """A required input besides one, with those that stand for it; none where there is no other."""
    for links in alternatives(process.inputs):
        if link not in links and not links[0].optional and links[0].valid is None:
            return tuple(links)
    return ()


def completed(definition: Definition, process: Process, link: Input, item: Queued) -> Iterator[Reach]:
    """What a file may complete: all that waits for the whole period in which it was expected."""
    product = definition.products[item.product_id]
    if process.build is Build.WHEN_COMPLETE and product.expect and link.valid is None:
        key = key_of_file(process, link, item.keywords)
        yield from (Reach(process, key, reach(link, expected_span(product, span))) for span in item.spans)


def _span_of_reach(link: Input, span: Period) -> Period:
    """The time in which periods may begin that take a file with this span."""
    if link.valid is Validity.LATEST:
        longest = (
            ALWAYS.stop
            if link.max_age is None
            else extended(span._replace(stop=span.start), NO_TIME, link.max_age).stop
        )
        return Period(span.start, longest)
    return span if link.valid is not None else reach(link, span)


def until_next(begun: Reach, starts: Sequence[dt.datetime]) -> Reach:
    """A reach of a file that is valid until the next one begins; `starts` are those of its kind, in order."""
    place = bisect_right(starts, begun.span.start)
    last = starts[place] if place < len(starts) else begun.span.stop
    return replace(begun, span=Period(begun.span.start, min(last, begun.span.stop)))


def anchors(process: Process) -> list[Input]:
    """The inputs one of which there is wherever a slot of a process is due."""
    if process.timebase is Timebase.PER:
        return [link for link in process.inputs if link.product_id == process.driver]
    return [link for link in process.inputs if link.valid is None]


def needs_of_reaches(reaches: Iterable[Reach]) -> Needs:
    """What to ask the catalogue to know the slots of reaches."""
    by_time: dict[int, list[DayRange]] = defaultdict(list)
    by_date: dict[int, list[DayRange]] = defaultdict(list)
    for each in reaches:
        for link in each.required or anchors(each.process):
            asked = by_time if each.process.timebase.by_time else by_date
            asked[link.product_id].append(_window_of(each, link).days)
    return Needs(by_product(by_time), by_product(by_date), {}, {})


def _window_of(each: Reach, link: Input) -> Period:
    """The time of the files of an input that tell the slots of a reach."""
    return window(link, each.whole) if each.required else each.whole


class Anchors:
    """Files that tell which slots there are, by product and day."""

    def __init__(self, by_time: Mapping[int, Sequence[File]], by_date: Mapping[int, Sequence[File]]) -> None:
        self._by_time = {
            product_id: _by_day(files, lambda file: file.period.days) for product_id, files in by_time.items()
        }
        self._by_date = {
            product_id: _by_day(files, lambda file: (file.date, file.date)) for product_id, files in by_date.items()
        }

    def slots(self, each: Reach) -> Iterator[Slot]:
        """The slots of a reach, of which some may lack a part of their key."""
        process, whole, found = each.process, each.whole, dict[Slot, None]()
        for link in each.required or anchors(process):
            days = (self._by_time if process.timebase.by_time else self._by_date).get(link.product_id, {})
            for file in _in_days(days, _window_of(each, link).days):
                key = joined(key_of_file(process, link, file.keywords), each.key)
                time = reach(link, file.period) if each.required else file.period
                if key is not None:
                    found.update(dict.fromkeys(_slots_in(process, file, time, key, whole)))
        yield from found


_ByDay = Mapping[int, Sequence[File]]


def _by_day(files: Iterable[File], days_of_file: Callable[[File], DayRange]) -> _ByDay:
    days: dict[int, list[File]] = defaultdict(list)
    for file in files:
        first, last = days_of_file(file)
        for day in range(first.toordinal(), last.toordinal() + 1):
            days[day].append(file)
    return days


def _in_days(by_day: _ByDay, days: DayRange) -> Iterable[File]:
    """The files of some days, each once."""
    first, last = days[0].toordinal(), days[1].toordinal()
    is_long = last - first > len(by_day)
    some = (day for day in by_day if first <= day <= last) if is_long else range(first, last + 1)
    return {file.file_id: file for day in some for file in by_day.get(day, ())}.values()


def _slots_in(process: Process, file: File, time: Period, key: str, span: Period) -> Iterator[Slot]:
    """The slots of a file's date, or of its `time`, that have a moment of `span`."""
    if process.timebase is Timebase.PER:
        if span.overlaps(*time):
            yield Slot(process.process_id, file.date, key)
    elif not process.timebase.by_time:
        slot = Slot(process.process_id, file.date, key)
        if span.overlaps(*period_of(process, slot)):
            yield slot
    elif span.overlaps(*time):
        yield from slots_at(process, Period(max(span.start, time.start), min(span.stop, time.stop)), key)


def days_before(date: dt.date, link: Input) -> DayRange:
    """The dates of the slots, for timebases that go by dates, that take a file of this date."""
    return widened(date, date, link.tomorrow + link.after.days, link.yesterday + link.before.days)


# --- from slots to what follows ---


def descendants(definition: Definition, slot: Slot) -> list[Slot]:
    """The slots that wait for an output of `slot`, level by level down to the last, as far as that can be told without
    the catalogue; some may lack a part of their key."""
    by_product = consumers(definition)
    found: dict[Slot, None] = {}
    todo = [slot]
    while todo:
        outputs = [made for each in todo for made in _future_outputs(definition, each)]
        todo = [
            each
            for item in outputs
            for process, link in by_product.get(item.product_id, ())
            for each in affected(process, link, item)
            if isinstance(each, Slot) and each not in found
        ]
        todo = list(dict.fromkeys(todo))
        found.update(dict.fromkeys(todo))
    return list(found)


def _future_outputs(definition: Definition, slot: Slot) -> Iterator[Queued]:
    """The outputs of a slot as if they had been made and queued."""
    process = definition.processes[slot.process_id]
    for product_id in process.outputs:
        yield Queued(0, product_id, slot.date, slot.keywords, (period_of(process, slot),))
