"""What the catalogue must give before slots can be decided. Pure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dbproc.core.expectations import expected_span, expecting
from dbproc.core.model import NO_TIME, Build, Definition, File, Input, Period, Process, Slot, Validity
from dbproc.core.periods import DayRange, coalesced, extended, widened
from dbproc.core.slots import joined, key_of, key_of_file, period_of, window


@dataclass(frozen=True, slots=True)
class Needs:
    """What the catalogue must give to decide some slots: files by product."""

    by_time: Mapping[int, Sequence[DayRange]]  #: those of these days
    by_date: Mapping[int, Sequence[DayRange]]  #: those dated on these days
    outputs: Mapping[int, Sequence[DayRange]]  #: what stands on these dates
    by_start: Mapping[int, Sequence[DayRange]]  #: those that begin on these days
    seen: frozenset[int] = frozenset()  #: what was seen of these products at all
    made_from: frozenset[int] = frozenset()  #: what was made from these files
    every_version: bool = False  #: what stands: with every version in place, not only the newest


def days_of(date: dt.date, link: Input) -> DayRange:
    """The dates of the files that a slot of this date takes, for timebases that go by dates."""
    return widened(date, date, link.yesterday + link.before.days, link.tomorrow + link.after.days)


def needs_of_drivers(definition: Definition, slots: Iterable[Slot]) -> Needs | None:
    """What to ask the catalogue to know the periods of slots whose periods go by files; None when there are none."""
    by_date: dict[int, list[DayRange]] = defaultdict(list)
    for slot in slots:
        driver = definition.processes[slot.process_id].driver
        if driver is not None:
            by_date[driver].append((slot.date, slot.date))
    return Needs({}, by_product(by_date), {}, {}) if by_date else None


def driven_periods(
    definition: Definition, slots: Iterable[Slot], files: Mapping[int, Sequence[File]]
) -> dict[Slot, Period]:
    """The periods of slots that go by files: those of the newest existing file of the driving product."""
    of_date: dict[tuple[int, dt.date], list[File]] = defaultdict(list)
    for product_id, some in files.items():
        for file in some:
            of_date[product_id, file.date].append(file)
    periods: dict[Slot, Period] = {}
    for slot in slots:
        process = definition.processes[slot.process_id]
        for link in process.inputs:
            if link.product_id == process.driver:
                found = [
                    file.period for file in of_date[link.product_id, slot.date] if _is_of(process, link, slot, file)
                ]
                if found:
                    periods[slot] = Period(min(found).start, max(found, key=lambda period: period.stop).stop)
    return periods


def _is_of(process: Process, link: Input, slot: Slot, file: File) -> bool:
    """Whether a file of the driving product is that of a slot."""
    return joined(key_of_file(process, link, file.keywords), key_of(process, slot)) is not None


def needs(definition: Definition, slots: Iterable[Slot], periods: Mapping[Slot, Period] | None = None) -> Needs:
    """What to ask the catalogue before `slots` can be decided; `periods` are those that go by files."""
    driven = {} if periods is None else periods
    by_time: dict[int, list[DayRange]] = defaultdict(list)
    by_date: dict[int, list[DayRange]] = defaultdict(list)
    by_start: dict[int, list[DayRange]] = defaultdict(list)
    outputs: dict[int, list[DayRange]] = defaultdict(list)
    seen: set[int] = set()
    for slot in slots:
        process = definition.processes[slot.process_id]
        period = driven.get(slot) or period_of(process, slot)
        if process.build is Build.WHEN_COMPLETE:
            for link, product in expecting(definition, process):
                by_time[link.product_id].append(expected_span(product, window(link, period)).days)
                seen.add(link.product_id)
        for link in process.inputs:
            if link.valid is Validity.LATEST:
                by_start[link.product_id].append(_starts(link, period))
            elif link.valid is not None:
                by_time[link.product_id].append(period.days)
            elif link.product_id == process.driver:
                by_date[link.product_id].append((slot.date, slot.date))
            elif process.timebase.by_time:
                by_time[link.product_id].append(window(link, period).days)
            else:
                by_date[link.product_id].append(days_of(slot.date, link))
        for product_id in process.outputs:
            outputs[product_id].append((slot.date, slot.date))
    return Needs(by_product(by_time), by_product(by_date), by_product(outputs), by_product(by_start), frozenset(seen))


def _starts(link: Input, period: Period) -> DayRange:
    """The days on which files begin of which the latest may be valid at the beginning of a period."""
    if link.max_age is None:
        return dt.date.min, period.start.date()
    return extended(period, link.max_age, NO_TIME).start.date(), period.start.date()


def by_product(asked: Mapping[int, Iterable[DayRange]]) -> dict[int, Sequence[DayRange]]:
    """The days asked for, in few ranges."""
    return {product_id: coalesced(ranges) for product_id, ranges in asked.items()}
