"""The slots of a run that are not settled yet, and which of them may be decided now.

A slot waits while another slot that could change its inputs is unsettled: undecided, or being built. There is no
barrier between levels: a slot waits for what reaches it through the graph of processes, the windows of days and the
keywords that their keys share, and for nothing else.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from dbproc.core.model import Definition, Input, Process, Product, Slot, Timebase, Validity
from dbproc.core.periods import LONGEST, ONE_DAY, DayRange, widened
from dbproc.core.slots import restricted, shared_fields


class Reach(NamedTuple):
    """How many days before and after the date of a slot the date of another one may be that can change its inputs; they
    agree in these keywords."""

    before: int
    after: int
    fields: frozenset[str] = frozenset()


class Place(NamedTuple):
    """Slots of one process and date, with these keywords of one kind."""

    process_id: int
    fields: frozenset[str]
    keywords: str
    date: dt.date


_EVER = dt.date.max.toordinal()
_SLACK_DAYS = 1  # an inspector may find that a file reaches a little over the day of its name


class _Places:
    """The places of slots, each by all the kinds of keywords that are asked for."""

    def __init__(self, kinds: Mapping[int, Collection[frozenset[str]]]) -> None:
        self._kinds = kinds
        self._dates: dict[tuple[int, frozenset[str], str], list[dt.date]] = defaultdict(list)
        self._counts: dict[Place, int] = defaultdict(int)

    def enter(self, slot: Slot) -> None:
        """Add a slot."""
        for place in self._places(slot):
            if not self._counts[place]:
                insort(self._dates[place[:3]], slot.date)
            self._counts[place] += 1

    def leave(self, slot: Slot) -> list[Place]:
        """Take a slot out; the places of which it was the last one."""
        left = []
        for place in self._places(slot):
            self._counts[place] -= 1
            if self._counts[place]:
                continue
            del self._counts[place]
            dates = self._dates[place[:3]]
            del dates[bisect_left(dates, slot.date)]
            if not dates:
                del self._dates[place[:3]]
            left.append(place)
        return left

    def first(self, process_id: int, fields: frozenset[str], keywords: str, days: DayRange) -> Place | None:
        """The first place of a process in a range of days."""
        dates = self._dates.get((process_id, fields, keywords))
        if not dates:
            return None
        at = bisect_left(dates, days[0])
        return Place(process_id, fields, keywords, dates[at]) if at < len(dates) and dates[at] <= days[1] else None

    def _places(self, slot: Slot) -> Iterator[Place]:
        for fields in self._kinds.get(slot.process_id, ()):
            yield Place(slot.process_id, fields, _restricted(slot, fields), slot.date)


def _restricted(slot: Slot, fields: frozenset[str]) -> str:
    return restricted(slot.keywords, fields) if fields else ""


class Frontier:
    """Which slots wait for which; a slot is added, becomes open, and is settled.

    A *spare* slot can wait: others do not wait for it before it has been started.
    """

    def __init__(self, definition: Definition) -> None:
        self._upstream = upstream_reach(definition)
        kinds: dict[int, set[frozenset[str]]] = defaultdict(set)
        for reached in self._upstream.values():
            for process_id, reach in reached.items():
                kinds[process_id].add(reach.fields)
        self._live = _Places(kinds)
        self._spare_places = _Places(kinds)
        self._waiting: dict[Place, list[Slot]] = defaultdict(list)
        self._to_check: list[Slot] = []
        self._undecided: set[Slot] = set()
        self._opened: set[Slot] = set()
        self._again: set[Slot] = set()
        self._spare: set[Slot] = set()

    def add(self, slots: Iterable[Slot], *, spare: bool = False) -> None:
        """Add candidates. One that is being built is looked at again when it is settled."""
        for slot in slots:
            if slot in self._opened:
                self._again.add(slot)
            elif slot not in self._undecided:
                self._undecided.add(slot)
                self._to_check.append(slot)
                if spare:
                    self._spare.add(slot)
                self._places(slot).enter(slot)
                continue
            if not spare:
                self.hurry(slot)

    def is_spare(self, slot: Slot) -> bool:
        """Whether others need not wait for a slot."""
        return slot in self._spare

    def hurry(self, slot: Slot) -> None:
        """A slot is no longer spare: it is started, or something that is not spare asks for it."""
        if slot in self._spare:
            self._leave(slot)
            self._spare.discard(slot)
            self._live.enter(slot)
            self._to_check.append(slot)

    def reopen(self, slots: Iterable[Slot]) -> None:
        """Look again at slots that were given as open, and were not started."""
        for slot in slots:
            self._opened.discard(slot)
            self._again.discard(slot)
            self._undecided.add(slot)
            self._to_check.append(slot)

    def withdraw(self, slots: Iterable[Slot]) -> None:
        """Take out slots that were not started, as if they had not been added."""
        for slot in slots:
            self._opened.discard(slot)
            self._undecided.discard(slot)
            self._again.discard(slot)
            self._leave(slot)
            self._spare.discard(slot)

    def open(self) -> list[Slot]:
        """The undecided slots that wait for nothing; each is given once, then it must be settled."""
        opened = []
        to_check, self._to_check = self._to_check, []
        for slot in dict.fromkeys(to_check):
            if slot not in self._undecided:
                continue
            blocker = self._blocker(slot)
            if blocker is None:
                self._undecided.discard(slot)
                self._opened.add(slot)
                opened.append(slot)
            else:
                self._waiting[blocker].append(slot)
        return opened

    def settle(self, slot: Slot) -> bool:
        """Nothing more comes of `slot`; False when it was added anew in the meantime and stays unsettled."""
        self._opened.discard(slot)
        if slot in self._again:
            self._again.discard(slot)
            self._undecided.add(slot)
            self._to_check.append(slot)
            return False
        self._leave(slot)
        self._spare.discard(slot)
        return True

    def _blocker(self, slot: Slot) -> Place | None:
        waits_for = (self._live, self._spare_places) if slot in self._spare else (self._live,)
        for process_id, (before, after, fields) in self._upstream.get(slot.process_id, {}).items():
            days, keywords = widened(slot.date, slot.date, before, after), _restricted(slot, fields)
            for places in waits_for:
                found = places.first(process_id, fields, keywords, days)
                if found is not None:
                    return found
        return None

    def _places(self, slot: Slot) -> _Places:
        return self._spare_places if slot in self._spare else self._live

    def _leave(self, slot: Slot) -> None:
        for place in self._places(slot).leave(slot):
            self._to_check.extend(self._waiting.pop(place, ()))


def upstream_reach(definition: Definition) -> dict[int, dict[int, Reach]]:
    """By process: every process whose output at date d can, through any number of steps, change a slot at date D;
    d lies between D - before and D + after days, and the keys of both agree in some fields."""
    makers = {product_id: p for p in definition.processes.values() for product_id in p.outputs}
    reach: dict[int, dict[int, Reach]] = {}
    for process in _makers_first(definition, makers):
        result = reach[process.process_id] = {}
        for link in process.inputs:
            maker = makers.get(link.product_id)
            if maker is None:
                continue
            fields = shared_fields(process, link) & maker.key_fields
            if fields and not definition.products[link.product_id].inspector.is_builtin:
                fields = frozenset()  # it may find other keywords than the name says
            direct = _direct(process, maker, link, fields, definition.products.get(link.product_id))
            _widen(result, maker.process_id, direct)
            for process_id, more in reach.get(maker.process_id, {}).items():
                _widen(result, process_id, _through(direct, more))
    return reach


def _makers_first(definition: Definition, makers: Mapping[int, Process]) -> Iterator[Process]:
    """Every process after those that make its inputs; without recursion, because a chain may be long."""
    entered: set[int] = set()
    left: set[int] = set()
    todo = list(definition.processes.values())[::-1]
    while todo:
        process = todo[-1]
        if process.process_id not in entered:
            entered.add(process.process_id)
            inputs = (makers.get(link.product_id) for link in process.inputs)
            todo.extend(maker for maker in inputs if maker is not None and maker.process_id not in entered)
            continue
        todo.pop()
        if process.process_id not in left:
            left.add(process.process_id)
            yield process


def _direct(process: Process, maker: Process, link: Input, fields: frozenset[str], product: Product | None) -> Reach:
    """The reach of what makes an input.

    Nobody knows how long the files of a driving product are, or how long ago began what is valid until the next one
    begins.
    """
    span = _EVER if maker.timebase is Timebase.PER else LONGEST.get(maker.timebase, 1) - 1
    if product is not None and product.covers is not None:
        span = max(span, _days(product.covers))
    length = _EVER if process.timebase is Timebase.PER else LONGEST.get(process.timebase, 1) - 1
    if link.valid is Validity.LATEST:
        return Reach((_EVER if link.max_age is None else _days(link.max_age)) + _SLACK_DAYS, _SLACK_DAYS, fields)
    before, after = link.yesterday + _days(link.before), link.tomorrow + _days(link.after)
    return Reach(before + span + _SLACK_DAYS, length + after + _SLACK_DAYS, fields)


def _through(direct: Reach, more: Reach) -> Reach:
    """The reach of what is made of something with the reach `more`, which is within `direct`."""
    return Reach(direct.before + more.before, direct.after + more.after, direct.fields & more.fields)


def _days(duration: dt.timedelta) -> int:
    """The days that a duration begins."""
    return -(-duration // ONE_DAY)


def _widen(result: dict[int, Reach], process_id: int, reach: Reach) -> None:
    old = result.get(process_id, reach)
    result[process_id] = Reach(max(old.before, reach.before), max(old.after, reach.after), old.fields & reach.fields)
