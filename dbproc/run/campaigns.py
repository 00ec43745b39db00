"""Campaigns in one run: admit their next items, within limits, and stop them when these are reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dbproc.core.candidates import descendants
from dbproc.core.events import Event, Report
from dbproc.core.model import Outcome, Slot, Task
from dbproc.core.slots import period_of
from dbproc.core.states import CampaignStatus
from dbproc.database import campaigns
from dbproc.database.campaigns import Campaign, Item
from dbproc.run.scheduler import Scheduler

_ADMITTED_AT_ONCE = 2000


class Campaigns:
    """Admits items of campaigns to the scheduler of one run, batch by batch, and counts their cost.

    A batch is as large as the limits allow: what follows from several of its items is built once.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._jobs: Counter[int] = Counter()
        self._cpu_seconds: dict[int, float] = {}
        self._admitted: dict[Slot, Campaign] = {}
        self._newest_first: set[int] = set()
        self._mean_cpu: Mapping[int, float] | None = None

    @property
    def have_items(self) -> bool:
        """Whether any campaign has open items."""
        return any(True for _ in self._scheduler.items)

    @property
    def are_at_work(self) -> bool:
        """Whether any item was admitted or started in this run."""
        return bool(self._admitted or self._jobs)

    @property
    def must_stop(self) -> bool:
        """Whether a campaign has reached its limits while some of its items are still admitted."""
        return any(self._has_spent_all(self._admitted[slot]) for slot in self._scheduler.admitted)

    def admit(self) -> bool:
        """Admit the next items; return whether there were any."""
        due = frozenset(self._scheduler.load_items())
        by_campaign: dict[Campaign, list[Slot]] = {}
        for item in self._scheduler.items:
            if self._is_next(item, due):
                by_campaign.setdefault(item.campaign, []).append(item.slot)
        for campaign, slots in by_campaign.items():
            chosen = self._fitting(campaign, sorted(slots, key=lambda slot: self._place(campaign, slot)))
            if chosen:
                self._admitted.update(dict.fromkeys(chosen, campaign))
                if campaign.newest_first:
                    self._newest_first.add(campaign.campaign_id)
                self._scheduler.admit(chosen)
                return True
        return False

    def withdraw(self) -> frozenset[Slot]:
        """Withdraw the items of campaigns that were paused, cancelled, or have reached their limits."""
        waiting = self._scheduler.admitted
        if not waiting:
            return frozenset()
        with self._scheduler.store.begin() as connection:
            stopped = campaigns.stopped(connection)
        slots = frozenset(
            slot
            for slot in waiting
            if (campaign := self._admitted[slot]).campaign_id in stopped or self._has_spent_all(campaign)
        )
        if slots:
            self._scheduler.withdraw(slots)
            self._scheduler.load_items()
        return slots

    def enqueue_new(self, waiting: Sequence[Slot]) -> bool:
        """Take up what was queued since; if there is anything, decide waiting slots again."""
        has_new = self._scheduler.enqueue_new()
        if has_new:
            self._scheduler.reopen(waiting)
        return has_new

    def can_wait(self, task: Task) -> bool:
        """Whether only campaigns require a task."""
        return self._scheduler.can_wait(task.slot)

    def rank(self, task: Task) -> tuple[float, float]:
        """Earlier campaigns before later ones, then periods in the order of the campaign."""
        time = task.period.start.timestamp()
        return (task.campaign_id or 0, -time if task.campaign_id in self._newest_first else time)

    def start(self, task: Task) -> None:
        """Count a job that starts."""
        self._scheduler.start(task.slot)
        if task.campaign_id is not None:
            self._jobs[task.campaign_id] += 1

    def spend(self, task: Task, outcome: Outcome) -> None:
        """Count the CPU time of a job that ended."""
        self._spend(task, outcome.cpu_seconds or 0.0)

    def predict(self, task: Task) -> None:
        """Count a job as ended, with its expected CPU time."""
        self.start(task)
        self._spend(task, self._cpu_of(task.slot))

    def _spend(self, task: Task, seconds: float) -> None:
        if task.campaign_id is not None:
            self._cpu_seconds[task.campaign_id] = self._cpu_seconds.get(task.campaign_id, 0.0) + seconds

    def say(self, report: Report) -> None:
        """Report the state of the campaigns that were at work."""
        if not self._jobs:
            return
        with self._scheduler.store.begin() as connection:
            rows = [row for row in campaigns.entries(connection) if self._jobs[row.campaign_id]]
        for row in rows:
            items = ", ".join(f"{count} {status}" for status, count in row.items.items() if count)
            text = f"{self._jobs[row.campaign_id]} jobs in this run; {row.status}: {items}"
            report.add(Event.NOTE, f"campaign {row.name}", text)

    def _is_next(self, item: Item, due: frozenset[Slot]) -> bool:
        """Whether an item may be admitted: once a run, and after a failure only when its retry is due."""
        if item.campaign.status is CampaignStatus.PAUSED or item.slot in self._admitted:
            return False
        return item.slot in due or not item.has_failed

    def _place(self, campaign: Campaign, slot: Slot) -> tuple[float, float, Slot]:
        """By period, then lower levels first."""
        definition = self._scheduler.definition
        process = definition.processes[slot.process_id]
        level = min((definition.products[product_id].level for product_id in process.outputs), default=float("inf"))
        time = period_of(process, slot).start.timestamp()
        return -time if campaign.newest_first else time, level, slot

    def _fitting(self, campaign: Campaign, slots: Sequence[Slot]) -> list[Slot]:
        """The first slots that fit the limits with all that follows; the first of a run always fits."""
        if not campaign.is_limited:
            return list(slots[:_ADMITTED_AT_ONCE])
        chosen: list[Slot] = []
        promised: set[Slot] = set()
        is_first = not self._jobs[campaign.campaign_id]
        for slot in slots[:_ADMITTED_AT_ONCE]:
            entailed = promised.union([slot], descendants(self._scheduler.definition, slot))
            if not (is_first and not chosen) and not self._affords(campaign, entailed):
                break
            chosen.append(slot)
            promised = entailed
        return chosen

    def _affords(self, campaign: Campaign, slots: Iterable[Slot]) -> bool:
        """Whether this run's cost plus that of these slots is within the limits."""
        slots = list(slots)
        number = campaign.campaign_id
        if campaign.jobs_per_run is not None and self._jobs[number] + len(slots) > campaign.jobs_per_run:
            return False
        if campaign.cpu_hours_per_run is None:
            return True
        expected = sum(self._cpu_of(slot) for slot in slots)
        return self._cpu_seconds.get(number, 0.0) + expected <= campaign.cpu_hours_per_run * 3600

    def _has_spent_all(self, campaign: Campaign) -> bool:
        if campaign.cpu_hours_per_run is None:
            return False
        return self._cpu_seconds.get(campaign.campaign_id, 0.0) >= campaign.cpu_hours_per_run * 3600

    def _cpu_of(self, slot: Slot) -> float:
        """The expected CPU seconds of a job; 0 when unknown."""
        if self._mean_cpu is None:
            with self._scheduler.store.begin() as connection:
                self._mean_cpu = campaigns.mean_cpu_seconds(connection)
        return self._mean_cpu.get(slot.process_id, 0.0)
