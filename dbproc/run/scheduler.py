"""The queue of one run: candidates, decisions, and finished queued files."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dbproc.core.candidates import Queued, consumers
from dbproc.core.frontier import Frontier
from dbproc.core.model import Definition, Slot
from dbproc.core.plan import Confirmation, Decision, Planner, State
from dbproc.core.states import CampaignStatus, ItemStatus
from dbproc.core.version import Part
from dbproc.database import campaigns, queue, waitingslots
from dbproc.database.attempts import due_retries
from dbproc.database.campaigns import Item, ItemEnd
from dbproc.database.store import Store, Transaction
from dbproc.database.waitingslots import WaitingRow
from dbproc.run.decide import FactsOf, candidates, facts_of, planners

_ENDS = {State.REFUSED: ItemStatus.FAILED, State.DELAYED: ItemStatus.FAILED}
"""What becomes of a campaign's item that is not built; otherwise it is not needed."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Finished with the recording of results: queued files, their confirmations, items of campaigns without anything
    to build, what waits from now on, and what waits no longer."""

    files: Sequence[int] = ()
    confirmed: Sequence[Confirmation] = ()
    items: Sequence[ItemEnd] = ()
    waiting: Sequence[Decision] = ()
    waited: Sequence[Slot] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to record."""
        return not (self.files or self.confirmed or self.items or self.waiting or self.waited)


class Scheduler:
    """The dependency queue of one run: candidate slots, decisions, finished files.

    Parameters
    ----------
    allowed
        The processes that may run; files with candidates of other processes stay queued.
    facts, open_items
        The facts for decisions, and the open items of campaigns; None: from the database.
    """

    def __init__(
        self,
        store: Store,
        definition: Definition,
        allowed: frozenset[int],
        facts: FactsOf | None = None,
        open_items: Callable[[Transaction], Sequence[Item]] = campaigns.open_items,
    ) -> None:
        self.store = store
        self.definition = definition
        self._facts = facts or facts_of(store, definition)
        self._open_items = open_items
        self.touched: dict[int, set[dt.date]] = defaultdict(set)  #: by product: the days of which files were queued
        self._done_with: list[int] = []  # queued files for which everything is decided
        self._confirmed: list[Confirmation] = []  # what is up to date because newer inputs equal the older ones
        self._ended_items: list[ItemEnd] = []  # items of campaigns for which nothing is built
        self._allowed = allowed
        self._consumers = consumers(definition)
        self._frontier = Frontier(definition)
        self._causes: dict[Slot, set[int]] = defaultdict(set)
        self._open_slots: Counter[int] = Counter()
        self._forced: dict[Slot, Part] = {}
        self._kept: set[int] = set()
        self._known: set[int] = set()
        self._marked: set[tuple[int, dt.datetime]] = set()  # of these, which were marked, and when
        self._items: dict[Slot, list[Item]] = {}
        self._admitted: set[Slot] = set()
        self._campaign_of: dict[Slot, int] = {}
        self._retried: set[Slot] = set()
        self._waiting: dict[Slot, Decision] = {}  # decided to wait
        self._recorded: set[Slot] = set()  # as waiting
        self._waited: set[Slot] = set()  # of these, what waits no longer

    def begin(self) -> None:
        """Take up the whole queue, the failures whose retry is due, and what has waited long enough."""
        with self.store.begin() as connection:
            queued = queue.load(connection)
            self._marked = queue.marked(connection)
            self._take_up(waitingslots.entries(connection), dt.datetime.now(dt.UTC))
        due = self.load_items()
        self._retried = {slot for slot in due if slot.process_id in self._allowed and not self._has_failed_item(slot)}
        self._frontier.add(slot for slot in due if slot in self._retried)
        self.enqueue(queued)

    def _take_up(self, rows: Sequence[WaitingRow], now: dt.datetime) -> None:
        """Take up what has waited long enough; what is of no process any more waits no longer."""
        self._recorded = {row.slot for row in rows}
        self._waited = {slot for slot in self._recorded if slot.process_id not in self.definition.processes}
        over = (row.slot for row in rows if row.is_over(now))
        self._frontier.add(slot for slot in over if slot.process_id in self._allowed)

    def load_items(self) -> list[Slot]:
        """Load the open items of campaigns; return failed slots whose retry is due."""
        with self.store.begin() as connection:
            items = self._open_items(connection)
            due = due_retries(connection, dt.datetime.now(dt.UTC))
        self._items = {}
        for item in items:
            if item.slot.process_id in self.definition.processes:
                self._items.setdefault(item.slot, []).append(item)
            else:
                text = "its process is no longer defined"
                self._ended_items.append(ItemEnd(item.campaign.campaign_id, item.slot, ItemStatus.NOT_NEEDED, text))
        return due

    @property
    def items(self) -> Iterator[Item]:
        """The open items of campaigns, of processes that may run."""
        return (item for items in self._items.values() for item in items if item.slot.process_id in self._allowed)

    @property
    def admitted(self) -> frozenset[Slot]:
        """The slots admitted for campaigns and not started."""
        return frozenset(self._admitted)

    def admit(self, slots: Collection[Slot]) -> None:
        """Admit these slots for campaigns; they can wait."""
        self._admitted.update(slots)
        self._frontier.add(slots, spare=True)

    def withdraw(self, slots: Collection[Slot]) -> None:
        """Withdraw admitted slots that have not started, unless something else also requires them."""
        for slot in slots:
            self._admitted.discard(slot)
            if self._causes.get(slot):
                self._frontier.reopen([slot])
            else:
                self._frontier.withdraw([slot])

    def enqueue(self, queued: Sequence[Queued]) -> None:
        """Make candidates of what depends on queued files; what depends on a campaign's files can wait."""
        self._known.update(item.file_id for item in queued)
        for item in queued:
            self.touched[item.product_id].add(item.date)
        for slot, item in candidates(self.definition, self._facts, self._consumers, queued):
            if slot.process_id not in self._allowed:
                self._kept.add(item.file_id)
                continue
            if item.file_id not in self._causes[slot]:
                self._trace(slot, item)
                self._causes[slot].add(item.file_id)
                self._open_slots[item.file_id] += 1
                if item.version_bump is not None:
                    self._forced[slot] = Part(item.version_bump)
            self._frontier.add([slot], spare=item.campaign_id is not None)
        self._done_with.extend(
            item.file_id for item in queued if not self._open_slots[item.file_id] and item.file_id not in self._kept
        )

    def enqueue_new(self) -> bool:
        """Make candidates of what was queued since, or marked; return whether there was any."""
        with self.store.begin() as connection:
            marked = queue.marked(connection)
            new = queue.file_ids(connection) - self._known | {file_id for file_id, _ in marked - self._marked}
            self._marked = marked
            queued = queue.load(connection, sorted(new)) if new else []
        self.enqueue(queued)
        return bool(queued)

    def decide(self) -> Iterator[Decision]:
        """Decide every slot that waits for nothing; settle those with nothing to build."""
        while slots := self._frontier.open():
            for planner, some in planners(self.definition, self._facts, slots, dt.datetime.now(dt.UTC)):
                yield from self._settled(self._of_every_version([self._decided(planner, slot) for slot in some]))

    def _of_every_version(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Decisions, those to withdraw something looked at again with every version in place: all go at once."""
        slots = [decision.slot for decision in decisions if decision.state is State.WITHDRAW]
        now = dt.datetime.now(dt.UTC)
        asked = planners(self.definition, self._facts, slots, now, every_version=True)
        again = {slot: planner.decide(slot, self._forced.get(slot)) for planner, some in asked for slot in some}
        return [again.get(decision.slot, decision) for decision in decisions]

    def can_wait(self, slot: Slot) -> bool:
        """Whether only campaigns require a slot."""
        return self._frontier.is_spare(slot)

    def has_waited(self, slot: Slot) -> bool:
        """Whether a slot that waited was decided, and does so no longer."""
        return slot in self._waited

    def start(self, slot: Slot) -> None:
        """Mark a slot as being built: others wait for it now."""
        self._admitted.discard(slot)
        self._items.pop(slot, None)
        self._frontier.hurry(slot)

    def reopen(self, slots: Iterable[Slot]) -> None:
        """Reopen the decisions that were not started."""
        self._frontier.reopen(slots)

    def settle(self, slots: Iterable[Slot]) -> Settled:
        """Mark the decisions on slots as done; return what to record with these and earlier decisions."""
        for slot in slots:
            self._settle(slot)
        waiting, waited = tuple(self._waiting.values()), tuple(self._waited)
        settled = Settled(self._done_with, self._confirmed, self._ended_items, waiting, waited)
        self._known.difference_update(self._done_with)
        self._recorded.difference_update(waited)
        self._recorded.update(self._waiting)
        self._done_with, self._confirmed, self._ended_items = [], [], []
        self._waiting, self._waited = {}, set()
        return settled

    def _settle(self, slot: Slot, waiting: Decision | None = None) -> None:
        """Nothing more comes of a slot, unless something came for it in the meantime; `waiting`: it is to wait."""
        self._forced.pop(slot, None)
        self._admitted.discard(slot)
        if not self._frontier.settle(slot):
            return
        self._waiting.pop(slot, None)
        self._waited.discard(slot)
        if waiting is not None:
            self._waiting[slot] = waiting
        elif slot in self._recorded:
            self._waited.add(slot)
        self._campaign_of.pop(slot, None)
        for file_id in self._causes.pop(slot, ()):
            self._open_slots[file_id] -= 1
            if not self._open_slots[file_id] and file_id not in self._kept:
                self._done_with.append(file_id)

    def _has_failed_item(self, slot: Slot) -> bool:
        """Whether a slot is tried again for a campaign, within its limits."""
        return any(item.has_failed for item in self._items.get(slot, ()))

    def _trace(self, slot: Slot, item: Queued) -> None:
        """Note the campaign of a slot: none, when anything else requires it."""
        if item.campaign_id is None:
            self._campaign_of.pop(slot, None)
        elif not self._causes[slot]:
            self._campaign_of[slot] = item.campaign_id

    def _settled(self, decisions: Sequence[Decision]) -> Iterator[Decision]:
        """Yield decisions one by one; settle those with nothing to build."""
        self._calm(decisions)
        for decision in decisions:
            if decision.state not in (State.STALE, State.WITHDRAW):
                self._confirmed += decision.confirmed
                self._settle(decision.slot, decision if decision.state is State.WAITING else None)
            yield decision

    def _decided(self, planner: Planner, slot: Slot) -> Decision:
        """The decision on a slot; when the slot is built anyway, its campaign's item is done with it."""
        items = [item for item in self._items.get(slot, ()) if item.campaign.status is not CampaignStatus.PAUSED]
        is_admitted = slot in self._admitted
        decision = planner.decide(slot, self._forced.get(slot))
        if items and (is_admitted or decision.state is State.STALE):
            parts = [item.campaign.part for item in items] + [self._forced.get(slot)]
            decision = planner.decide(slot, min((part for part in parts if part is not None), default=None))
            if is_admitted and decision.state is not State.STALE:
                status = _ENDS.get(decision.state, ItemStatus.NOT_NEEDED)
                self._ended_items += [
                    ItemEnd(item.campaign.campaign_id, slot, status, decision.explanation) for item in items
                ]
                self._items.pop(slot)
        else:
            items = []
        if decision.task is None:
            return decision
        numbers = tuple(item.campaign.campaign_id for item in items)
        campaign_id = numbers[0] if numbers else self._campaign_of.get(slot)
        return replace(decision, task=replace(decision.task, campaign_id=campaign_id, carries_out=numbers))

    def _calm(self, decisions: Iterable[Decision]) -> None:
        """End the retries of failures whose campaign no longer wants them."""
        calmed = [each.slot for each in decisions if each.slot in self._retried and each.state is State.UP_TO_DATE]
        if calmed and not self.store.read_only:
            with self.store.begin() as connection:
                campaigns.disarm(connection, calmed)
