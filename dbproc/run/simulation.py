"""Predict the next run: the scheduler and campaigns of a run in which every job succeeds at once.

Outputs become hypothetical files (:mod:`dbproc.core.overlay`) that later decisions see and that queue what depends on
them. Nothing is changed.
"""

from __future__ import annotations

import gc
import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from dbproc.core.candidates import Queued
from dbproc.core.facts import Facts
from dbproc.core.model import Definition, File, Slot, Task
from dbproc.core.needs import Needs
from dbproc.core.overlay import Overlay
from dbproc.core.plan import Decision, State
from dbproc.core.version import Part
from dbproc.database import campaigns
from dbproc.database.campaigns import Campaign, Item
from dbproc.database.store import Store, Transaction
from dbproc.run.campaigns import Campaigns
from dbproc.run.decide import facts_of
from dbproc.run.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Assumed events before the run, in addition to the database.

    Attributes
    ----------
    definition
        The mission as it would be.
    queued
        Files of the catalogue that would be queued.
    delivered
        Files that would be in the catalogue; of several versions of one file, the lower ones first.
    replaced
        Files that would take over the names of others: these, and the new ones.
    lost
        Files that are gone from disk, each with what is the newest of its versions then.
    forced, forced_part
        Slots that a new campaign would make again, and the part of their versions that would rise.
    """

    definition: Definition
    queued: Sequence[Queued] = ()
    delivered: Sequence[File] = ()
    replaced: Sequence[tuple[File, File]] = ()
    lost: Sequence[tuple[File, File | None]] = ()
    forced: Sequence[Slot] = ()
    forced_part: Part | None = None


Faults = Callable[[Sequence[Task]], Sequence[str | None]]
"""Says of each task why its job cannot begin, None where it can."""


def no_faults(tasks: Sequence[Task]) -> Sequence[str | None]:
    """Every job can begin."""
    return [None] * len(tasks)


def simulate(
    store: Store, hypothesis: Hypothesis, allowed: frozenset[int], faults: Faults = no_faults
) -> Iterator[Decision]:
    """Yield the decisions of the next run: tasks in a possible order, what is hindered, what waits no longer although
    nothing is built, and at last what waits.

    `allowed` are the processes that may run.
    """
    with _no_collection():
        yield from _Simulation(store, hypothesis, allowed, faults).run()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Stop the cyclic garbage collector: none of the many objects here is in a cycle, and all are still needed."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Simulation:
    """One run without an engine: urgent work first, then campaigns, batch by batch."""

    def __init__(self, store: Store, hypothesis: Hypothesis, allowed: frozenset[int], faults: Faults) -> None:
        self._hypothesis = hypothesis
        self._faults = faults
        self._overlay = Overlay(hypothesis.definition)
        self._of_database = facts_of(store, hypothesis.definition)
        self._ended: set[tuple[int, Slot]] = set()
        self._scheduler = Scheduler(store, hypothesis.definition, allowed, self._facts, self._open_items)
        self._campaigns = Campaigns(self._scheduler)
        self._spare: list[tuple[tuple[float, ...], int, Task, Decision]] = []
        self._count = 0
        self._waiting: dict[Slot, Decision] = {}
        self._withdrawn: set[int] = set()

    def run(self) -> Iterator[Decision]:
        for lost, before in self._hypothesis.lost:
            self._overlay.lose(lost, before)
        self._scheduler.begin()
        self._scheduler.enqueue(self._hypothesis.queued)
        self._scheduler.enqueue([self._overlay.deliver(file) for file in self._hypothesis.delivered])
        for former, file in self._hypothesis.replaced:
            self._scheduler.enqueue(self._overlay.replace(former, file))
        while True:
            yield from self._decide()
            if self._spare:
                _, _, task, decision = heapq.heappop(self._spare)
                self._succeed(task)
                yield decision
            elif not self._campaigns.have_items or not self._campaigns.admit():
                yield from self._waiting.values()
                return

    def _decide(self) -> Iterator[Decision]:
        """Decide what waits for nothing and build it, except what can wait."""
        for decision, fault, has_waited in self._decided():
            task = decision.task
            self._waiting.pop(decision.slot, None)
            if decision.state is State.WAITING:
                self._waiting[decision.slot] = decision
            elif decision.state is State.WITHDRAW:
                gone = {file.file_id for file, _ in decision.withdraws}
                if gone <= self._withdrawn:  # nothing more comes of it; a run says what hinders it
                    self._settle([decision.slot])
                    continue
                self._withdrawn |= gone
                self._scheduler.enqueue([self._overlay.withdraw(file) for file, _ in decision.withdraws])
                self._scheduler.enqueue([self._overlay.deliver(file) for file in decision.successors])
                self._scheduler.reopen([decision.slot])
                yield decision
            elif decision.state is not State.STALE or task is None:
                if decision.state in (State.REFUSED, State.DELAYED) or has_waited:
                    yield decision
            elif fault is not None:
                self._fail(task)
                yield replace(decision, state=State.HINDERED, explanation=fault)
            elif self._scheduler.can_wait(task.slot):
                self._count += 1
                heapq.heappush(self._spare, ((*self._campaigns.rank(task), task.level), self._count, task, decision))
            else:
                self._succeed(task)
                yield decision

    def _decided(self) -> Iterator[tuple[Decision, str | None, bool]]:
        """What can be decided now and as long as it goes on, each with the reason why its job cannot begin, and whether
        it waited and does so no longer: that is asked before others of the batch succeed, which settles them all."""
        while decisions := list(self._scheduler.decide()):
            waited = {each.slot for each in decisions if self._scheduler.has_waited(each.slot)}
            tasks = [each.task for each in decisions if each.state is State.STALE and each.task is not None]
            faults = dict(zip((task.slot for task in tasks), self._faults(tasks), strict=True))
            yield from ((each, faults.get(each.slot), each.slot in waited) for each in decisions)

    def _fail(self, task: Task) -> None:
        self._ended.update((number, task.slot) for number in task.carries_out)
        self._settle([task.slot])

    def _succeed(self, task: Task) -> None:
        self._campaigns.predict(task)
        queued = self._overlay.make(task)
        self._ended.update((number, task.slot) for number in task.carries_out)
        self._settle([task.slot])
        self._scheduler.enqueue(queued)
        if self._campaigns.must_stop:
            stopped = self._campaigns.withdraw()
            self._spare = [entry for entry in self._spare if entry[2].slot not in stopped]
            heapq.heapify(self._spare)

    def _settle(self, slots: Sequence[Slot]) -> None:
        self._ended.update((end.campaign_id, end.slot) for end in self._scheduler.settle(slots).items)

    def _facts(self, asked: Needs, slots: Sequence[Slot]) -> Facts:
        return self._overlay.over(self._of_database(asked, slots), asked)

    def _open_items(self, connection: Transaction) -> list[Item]:
        """Open items of campaigns in this run, the hypothetical campaign last."""
        items = campaigns.open_items(connection)
        if self._hypothesis.forced:
            number = 1 + max((item.campaign.campaign_id for item in items), default=0)
            campaign = Campaign(campaign_id=number, name="", part=self._hypothesis.forced_part)
            items += [Item(campaign, slot, has_failed=False) for slot in self._hypothesis.forced]
        self._settle(())
        return [item for item in items if (item.campaign.campaign_id, item.slot) not in self._ended]
