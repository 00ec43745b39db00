"""The walk through the dependency queue of one run: candidates, decisions, and which queued files are done with."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from dbproc import queue
from dbproc.catalogue.attempts import due_retries
from dbproc.catalogue.facts import load_facts
from dbproc.frontier import Frontier
from dbproc.model import Definition, Slot
from dbproc.plan import Confirmation, Decision, Planner, Queued, State, candidates, consumers, needs
from dbproc.store import Store
from dbproc.version import Part

_DECIDED_AT_ONCE = 2000


class Walk:
    """The dependency queue of one run: which slots are candidates, what was decided, which files are done with.

    Parameters
    ----------
    allowed
        The processes that may run; files whose candidates are of other processes stay queued.
    """

    def __init__(self, store: Store, definition: Definition, allowed: frozenset[int]) -> None:
        self.store = store
        self.definition = definition
        self.done_with: list[int] = []  #: queued files for which everything is decided
        self.confirmed: list[Confirmation] = []  #: what is up to date because newer inputs equal the older ones
        self._allowed = allowed
        self._consumers = consumers(definition)
        self._frontier = Frontier(definition)
        self._causes: dict[Slot, set[int]] = defaultdict(set)
        self._open_slots: Counter[int] = Counter()
        self._forced: dict[Slot, Part] = {}
        self._kept: set[int] = set()

    def begin(self) -> None:
        """Take up the whole queue, and what failed before and is to be tried again."""
        with self.store.begin() as connection:
            queued = queue.load(connection)
            retries = due_retries(connection, dt.datetime.now(dt.UTC))
        self._frontier.add(slot for slot in retries if slot.process_id in self._allowed)
        self.enqueue(queued)

    def enqueue(self, queued: Sequence[Queued]) -> None:
        """Make candidates of what depends on queued files."""
        for slot, item in candidates(self._consumers, queued):
            if slot.process_id not in self._allowed:
                self._kept.add(item.file_id)
            elif item.file_id not in self._causes[slot]:
                self._causes[slot].add(item.file_id)
                self._open_slots[item.file_id] += 1
                if item.version_bump is not None:
                    self._forced[slot] = Part(item.version_bump)
        self.done_with.extend(
            item.file_id for item in queued if not self._open_slots[item.file_id] and item.file_id not in self._kept
        )
        self._frontier.add(slot for slot, _ in candidates(self._consumers, queued) if slot.process_id in self._allowed)

    def decide(self) -> Iterator[Decision]:
        """Decide every slot that waits for nothing; those that are not to be built are settled on the way."""
        while slots := self._frontier.open():
            for start in range(0, len(slots), _DECIDED_AT_ONCE):
                yield from self._decide(slots[start : start + _DECIDED_AT_ONCE])

    def settle(self, slot: Slot) -> None:
        """What was decided for a slot is done, or is recorded with what is in `done_with`."""
        if not self._frontier.settle(slot):
            return
        self._forced.pop(slot, None)
        for file_id in self._causes.pop(slot, ()):
            self._open_slots[file_id] -= 1
            if not self._open_slots[file_id] and file_id not in self._kept:
                self.done_with.append(file_id)

    def waiting(self) -> dict[Slot, tuple[int, dt.date]]:
        """The slots that wait for another one to be built: for which process and date."""
        return self._frontier.waiting()

    def take_done_with(self) -> tuple[list[int], list[Confirmation]]:
        """The queued files that may leave the queue with the next transaction, and what was confirmed for them."""
        done, self.done_with = self.done_with, []
        confirmed, self.confirmed = self.confirmed, []
        return done, confirmed

    def _decide(self, slots: Sequence[Slot]) -> Iterator[Decision]:
        asked = needs(self.definition, slots)
        with self.store.begin() as connection:
            facts = load_facts(connection, self.definition, asked, slots)
        planner = Planner(self.definition, facts, asked, dt.datetime.now(dt.UTC))
        for slot in slots:
            decision = planner.decide(slot, self._forced.get(slot))
            if decision.state is not State.STALE:
                self.confirmed += decision.confirmed
                self.settle(slot)
            yield decision


def descendants(definition: Definition, decisions: Iterable[Decision]) -> set[str]:
    """The products further down that may be rebuilt after the stale ones among `decisions`."""
    makes: dict[int, set[int]] = defaultdict(set)
    for process in definition.processes.values():
        for link in process.inputs:
            makes[link.product_id].update(process.outputs)
    found: set[int] = set()
    todo = [made for item in decisions if item.state is State.STALE and item.task for made in item.task.process.outputs]
    while todo:
        new = makes[todo.pop()] - found
        found |= new
        todo.extend(new)
    return {definition.products[product].name for product in found}
