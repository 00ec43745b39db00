"""Which slots a file may be an input of, and the facts needed to decide them. Pure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbproc.core.model import Definition, Input, Process, Slot, Timebase
from dbproc.core.periods import DayRange, coalesced, period_end, period_starts, widened


@dataclass(frozen=True, slots=True)
class Queued:
    """A file of the process queue. `spans` are the days of all versions of it: a version that covers fewer days than
    the one it replaces changes the days that are no longer covered, too."""

    file_id: int
    product_id: int
    date: dt.date
    keywords: str
    spans: tuple[DayRange, ...]
    version_bump: int | None = None
    campaign_id: int | None = None  #: the campaign that it was made for


@dataclass(frozen=True, slots=True)
class Needs:
    """The days of which the catalogue must give files to decide some slots, by product."""

    by_time: Mapping[int, Sequence[DayRange]]
    by_date: Mapping[int, Sequence[DayRange]]
    outputs: Mapping[int, Sequence[DayRange]]


def consumers(definition: Definition) -> dict[int, list[tuple[Process, Input]]]:
    """By product: the processes that have it as an input."""
    result: dict[int, list[tuple[Process, Input]]] = defaultdict(list)
    for process in definition.processes.values():
        for link in process.inputs:
            result[link.product_id].append((process, link))
    return result


def candidates(
    by_product: Mapping[int, Sequence[tuple[Process, Input]]], queued: Iterable[Queued]
) -> Iterator[tuple[Slot, Queued]]:
    """The slots that a queued file may have made stale, each with the file that is the cause."""
    for item in queued:
        for process, link in by_product.get(item.product_id, ()):
            for slot in _slots_of(process, link, item):
                yield slot, item


def _slots_of(process: Process, link: Input, item: Queued) -> Iterator[Slot]:
    if not process.timebase.by_time:
        first, last = widened(item.date, item.date, link.tomorrow, link.yesterday)
        keywords = item.keywords if process.timebase is Timebase.FILE else ""
        for date in period_starts(process.timebase, first, last):
            yield Slot(process.process_id, date, keywords)
        return
    for span in coalesced(item.spans):
        first, last = widened(*span, link.tomorrow, link.yesterday)
        for date in period_starts(process.timebase, first, last):
            yield Slot(process.process_id, date)


def descendants(definition: Definition, slot: Slot) -> list[Slot]:
    """The slots that wait for an output of `slot`, level by level down to the last."""
    by_product = consumers(definition)
    found: dict[Slot, None] = {}
    todo = [slot]
    while todo:
        outputs = [made for each in todo for made in _future_outputs(definition, each)]
        todo = [each for each, _ in candidates(by_product, outputs) if each not in found]
        found.update(dict.fromkeys(todo))
    return list(found)


def _future_outputs(definition: Definition, slot: Slot) -> Iterator[Queued]:
    """The outputs of a slot as if they had been made and queued."""
    process = definition.processes[slot.process_id]
    span = (slot.date, period_end(process.timebase, slot.date))
    for product_id in process.outputs:
        yield Queued(0, product_id, slot.date, slot.keywords, (span,))


def needs(definition: Definition, slots: Iterable[Slot]) -> Needs:
    """What to ask the catalogue before `slots` can be decided."""
    by_time: dict[int, list[DayRange]] = defaultdict(list)
    by_date: dict[int, list[DayRange]] = defaultdict(list)
    outputs: dict[int, list[DayRange]] = defaultdict(list)
    for slot in slots:
        process = definition.processes[slot.process_id]
        last = period_end(process.timebase, slot.date)
        inputs = by_time if process.timebase.by_time else by_date
        for link in process.inputs:
            inputs[link.product_id].append(widened(slot.date, last, link.yesterday, link.tomorrow))
        for product_id in process.outputs:
            outputs[product_id].append((slot.date, slot.date))
    return Needs(*({key: coalesced(ranges) for key, ranges in asked.items()} for asked in (by_time, by_date, outputs)))
