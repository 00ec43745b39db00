"""The slots of a run that are not settled yet, and which of them may be decided now.

A slot waits while another slot that could change its inputs is unsettled: undecided, or being built. There is no
barrier between levels: a slot waits for what reaches it through the graph of processes and the windows of days, and
for nothing else.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from dbproc.core.model import Definition, Input, Process, Slot, Timebase, Validity
from dbproc.core.periods import LONGEST, ONE_DAY, widened

Reach = tuple[int, int]
Place = tuple[int, dt.date]
"""A process and a date."""

_EVER = dt.date.max.toordinal()
_SLACK_DAYS = 1  # an inspector may find that a file reaches a little over the day of its name


class _Places:
    """Processes and dates of slots, ordered."""

    def __init__(self) -> None:
        self._dates: dict[int, list[dt.date]] = defaultdict(list)
        self._counts: dict[Place, int] = defaultdict(int)

    def enter(self, slot: Slot) -> None:
        """Add a slot."""
        place = (slot.process_id, slot.date)
        if not self._counts[place]:
            insort(self._dates[slot.process_id], slot.date)
        self._counts[place] += 1

    def leave(self, slot: Slot) -> bool:
        """Take a slot out; whether it was the last one at its place."""
        place = (slot.process_id, slot.date)
        self._counts[place] -= 1
        if self._counts[place]:
            return False
        del self._counts[place]
        dates = self._dates[slot.process_id]
        del dates[bisect_left(dates, slot.date)]
        return True

    def first(self, process_id: int, first: dt.date, last: dt.date) -> Place | None:
        """The first place of a process in a range of days."""
        dates = self._dates.get(process_id)
        if not dates:
            return None
        at = bisect_left(dates, first)
        return (process_id, dates[at]) if at < len(dates) and dates[at] <= last else None


class Frontier:
    """Which slots wait for which; a slot is added, becomes open, and is settled.

    A *spare* slot can wait: others do not wait for it before it has been started.
    """

    def __init__(self, definition: Definition) -> None:
        self._upstream = upstream_reach(definition)
        self._live = _Places()
        self._spare_places = _Places()
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
        for process_id, (before, after) in self._upstream.get(slot.process_id, {}).items():
            first, last = widened(slot.date, slot.date, before, after)
            for places in waits_for:
                found = places.first(process_id, first, last)
                if found is not None:
                    return found
        return None

    def _places(self, slot: Slot) -> _Places:
        return self._spare_places if slot in self._spare else self._live

    def _leave(self, slot: Slot) -> None:
        if self._places(slot).leave(slot):
            self._to_check.extend(self._waiting.pop((slot.process_id, slot.date), ()))


def upstream_reach(definition: Definition) -> dict[int, dict[int, Reach]]:
    """By process: every process whose output at date d can, through any number of steps, change a slot at date D;
    d lies between D - before and D + after days."""
    makers = {product_id: p for p in definition.processes.values() for product_id in p.outputs}
    reach: dict[int, dict[int, Reach]] = {}
    for process in _makers_first(definition, makers):
        result = reach[process.process_id] = {}
        for link in process.inputs:
            maker = makers.get(link.product_id)
            if maker is None:
                continue
            before, after = _direct(process, maker, link)
            _widen(result, maker.process_id, before, after)
            for process_id, (more_before, more_after) in reach.get(maker.process_id, {}).items():
                _widen(result, process_id, before + more_before, after + more_after)
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


def _direct(process: Process, maker: Process, link: Input) -> Reach:
    """How many days before and after the date of a slot the date of a file may be that is an input of it.

    Nobody knows how long the files of a driving product are, or how long ago began what is valid until the next one
    begins.
    """
    span = _EVER if maker.timebase is Timebase.PER else LONGEST.get(maker.timebase, 1) - 1
    length = _EVER if process.timebase is Timebase.PER else LONGEST.get(process.timebase, 1) - 1
    if link.valid is Validity.LATEST:
        return (_EVER if link.max_age is None else _days(link.max_age)) + _SLACK_DAYS, _SLACK_DAYS
    before, after = link.yesterday + _days(link.before), link.tomorrow + _days(link.after)
    return before + span + _SLACK_DAYS, length + after + _SLACK_DAYS


def _days(duration: dt.timedelta) -> int:
    """The days that a duration begins."""
    return -(-duration // ONE_DAY)


def _widen(result: dict[int, Reach], process_id: int, before: int, after: int) -> None:
    old = result.get(process_id, (0, 0))
    result[process_id] = (max(old[0], before), max(old[1], after))
