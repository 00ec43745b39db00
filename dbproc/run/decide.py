"""From slots to decisions: load facts and decide, some thousand slots at a time."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from dbproc.core.candidates import Anchors, Consumers, Queued, Reach, affected, completed, needs_of_reaches, until_next
from dbproc.core.facts import Facts
from dbproc.core.model import Definition, File, Input, Period, Process, Slot, Timebase, Validity
from dbproc.core.needs import Needs, driven_periods, needs, needs_of_drivers
from dbproc.core.plan import Decision, Planner
from dbproc.core.slot_text import SlotChoice
from dbproc.core.slots import is_whole, slots_at, without_clock
from dbproc.core.version import Part
from dbproc.database.planning import load_facts
from dbproc.database.store import Store, Transaction

AT_ONCE = 2000

FactsOf = Callable[[Needs, Sequence[Slot]], Facts]
"""Gives the facts by which slots are decided: of the database, or of an overlay over it."""


def decide(
    definition: Definition,
    facts: FactsOf,
    slots: Sequence[Slot],
    now: dt.datetime,
    forced: Mapping[Slot, Part] | None = None,
) -> Iterator[Decision]:
    """Decide slots in their order.

    Facts are loaded lazily: those of later slots include what the caller did with earlier decisions. `forced` are slots
    to build even when up to date, with the part of the version to raise; it is looked up late, too.
    """
    parts = {} if forced is None else forced
    for planner, some in planners(definition, facts, slots, now):
        yield from (planner.decide(slot, parts.get(slot)) for slot in some)


def planners(
    definition: Definition, facts: FactsOf, slots: Sequence[Slot], now: dt.datetime, *, every_version: bool = False
) -> Iterator[tuple[Planner, Sequence[Slot]]]:
    """Planners, each with the slots whose facts it has; for callers that need more than :func:`decide`.

    `every_version`: they know every version in place of what stands there, not only the newest.
    """
    for start in range(0, len(slots), AT_ONCE):
        some = slots[start : start + AT_ONCE]
        periods = periods_of(definition, facts, some)
        asked = replace(needs(definition, some, periods), every_version=every_version)
        yield Planner(definition, facts(asked, some), asked, now, periods), some


def candidates(
    definition: Definition, facts: FactsOf, consumers: Consumers, queued: Iterable[Queued]
) -> Iterator[tuple[Slot, Queued]]:
    """The slots that a queued file may have made stale, each with the file that is the cause.

    Where a file does not tell which slots there are, because it is shared by several keys, or valid for long, or an
    input of periods that go by other files, the catalogue is asked for those that its other inputs tell.
    """
    parts: dict[Slot, list[Queued]] = defaultdict(list)
    reaches: list[tuple[Reach, Input, Queued]] = []
    queued = list(queued)
    yield from _made_from(definition, facts, {item.file_id: item for item in queued if item.is_taken_back})
    for item in queued:
        for process, link in consumers.get(item.product_id, ()):
            for found in (*affected(process, link, item), *completed(definition, process, link, item)):
                if isinstance(found, Reach):
                    reaches.append((found, link, item))
                elif is_whole(process, found):
                    yield found, item
                else:
                    parts[found].append(item)
    for slot, item in _in_reach(facts, reaches):
        if is_whole(definition.processes[slot.process_id], slot):
            yield slot, item
        else:
            parts[slot].append(item)
    for slot, whole in _whole(definition, facts, list(parts)):
        yield from ((whole, item) for item in parts[slot])


def _made_from(definition: Definition, facts: FactsOf, back: Mapping[int, Queued]) -> Iterator[tuple[Slot, Queued]]:
    """The slots of files that were taken back, and of what was made from them: no input may tell of them any more."""
    if not back:
        return
    for file_id, slots in facts(Needs({}, {}, {}, {}, made_from=frozenset(back)), ()).made_from.items():
        yield from ((slot, back[file_id]) for slot in slots if slot.process_id in definition.processes)


def _in_reach(facts: FactsOf, reaches: Sequence[tuple[Reach, Input, Queued]]) -> Iterator[tuple[Slot, Queued]]:
    """The slots in the reach of files that do not tell them by themselves."""
    if not reaches:
        return
    lasting: dict[int, dt.date] = {}
    for reach, link, _ in reaches:
        if link.valid is Validity.LATEST:
            first = reach.span.start.date()
            lasting[link.product_id] = min(first, lasting.get(link.product_id, first))
    starts = _starts(facts, lasting) if lasting else {}
    ended = [
        (
            until_next(reach, _taken(link, starts.get((item.product_id, without_clock(item.keywords)), ())))
            if link.valid is Validity.LATEST
            else reach,
            item,
        )
        for reach, link, item in reaches
    ]
    known = facts(needs_of_reaches(reach for reach, _ in ended), ())
    anchors = Anchors(known.by_time, known.by_date)
    for reach, item in ended:
        yield from ((slot, item) for slot in anchors.slots(reach))


def _taken(link: Input, files: Sequence[File]) -> list[dt.datetime]:
    """When those files begin that are marked as an input takes them."""
    return [file.start for file in files if link.takes(file.quality)]


def _starts(facts: FactsOf, products: Mapping[int, dt.date]) -> dict[tuple[int, str], list[File]]:
    """The files of products that begin, each from a day on, in order, by product and keywords but the time of day."""
    found: dict[tuple[int, str], list[File]] = defaultdict(list)
    later = {product_id: [(first, dt.date.max)] for product_id, first in products.items()}
    for product_id, files in facts(Needs({}, {}, {}, later), ()).by_start.items():
        for file in sorted(files, key=lambda file: file.start):
            found[product_id, without_clock(file.keywords)].append(file)
    return found


def _whole(definition: Definition, facts: FactsOf, slots: Sequence[Slot]) -> Iterator[tuple[Slot, Slot]]:
    """For slots that may lack a part of their key: each with those that it stands for."""
    for planner, some in planners(definition, facts, slots, dt.datetime.now(dt.UTC)):
        yield from ((slot, whole) for slot in some for whole in planner.whole(slot))


def slots_in(definition: Definition, facts: FactsOf, process: Process, choice: SlotChoice) -> list[Slot]:
    """The slots of a process that are meant, as its inputs tell them; where they tell no key, or no period, one with
    what is given of it."""
    if process.timebase is Timebase.PER:
        reach = Reach(process, choice.key, choice.span)
        known = facts(needs_of_reaches([reach]), ())
        parts = list(Anchors(known.by_time, known.by_date).slots(reach)) or [
            Slot(process.process_id, choice.span.start.date(), choice.key)
        ]
    else:
        parts = list(slots_at(process, choice.span, choice.key))
    found: dict[Slot, list[Slot]] = {slot: [] for slot in parts}
    for slot, whole in _whole(definition, facts, parts):
        found[slot].append(whole)
    slots = dict.fromkeys(each for slot, whole in found.items() for each in whole or [slot])
    periods = periods_of(definition, facts, list(slots))
    return [slot for slot in slots if choice.has(process, slot, periods.get(slot))]


def periods_of(definition: Definition, facts: FactsOf, slots: Sequence[Slot]) -> dict[Slot, Period]:
    """The periods of those slots whose periods go by files."""
    drivers = needs_of_drivers(definition, slots)
    return {} if drivers is None else driven_periods(definition, slots, facts(drivers, ()).by_date)


def facts_in(transaction: Transaction, definition: Definition) -> FactsOf:
    """The facts of the database in one transaction."""
    return partial(load_facts, transaction, definition)


def facts_of(store: Store, definition: Definition) -> FactsOf:
    """The facts of the database, each time in a transaction of its own: none is open while decisions are used."""

    def facts(asked: Needs, slots: Sequence[Slot]) -> Facts:
        with store.begin() as transaction:
            return load_facts(transaction, definition, asked, slots)

    return facts
