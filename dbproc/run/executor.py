"""Build what the scheduler decides: tasks to the engine, results to the catalogue, until nothing is stale."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from dbproc.core.candidates import Queued
from dbproc.core.events import Event, Progress
from dbproc.core.model import Ending, Outcome, Slot, Task
from dbproc.core.plan import Decision, State
from dbproc.core.slot_text import slot_words, task_shown
from dbproc.core.text import one_line
from dbproc.database import moves, queue
from dbproc.database.attempts import NewAttempt, insert_attempts, interrupt_running
from dbproc.database.store import Transaction
from dbproc.database.summary import jobs_progressed
from dbproc.run.campaigns import Campaigns
from dbproc.run.dispatch import LONGEST_WAIT, Dispatch, Prepared, Setup
from dbproc.run.lost import record_lost
from dbproc.run.outputs import Failure, Result, moves_of
from dbproc.run.parked import Parked
from dbproc.run.register import Register
from dbproc.run.rescue import Found, keep_aside
from dbproc.run.scheduler import Settled
from dbproc.run.unknown_files import Newcomers, taken_place
from dbproc.run.withdrawal import follow
from dbproc.system.signals import Interrupted, signals_ignored

_LOOK_SECONDS = 2.0  # between two looks at what has arrived, while a campaign is at work


class WorkSource(Protocol):
    """A source of jobs: the queue (:mod:`dbproc.run.scheduler`), or direct requests (:mod:`dbproc.run.on_demand`)."""

    def decide(self) -> Iterator[Decision]:
        """Yield what can be decided now."""

    def settle(self, slots: Iterable[Slot]) -> Settled:
        """Mark the decisions on slots as done; return what to record with them."""

    def enqueue(self, queued: Sequence[Queued]) -> None:
        """Enqueue new files."""

    def reopen(self, slots: Iterable[Slot]) -> None:
        """Decide slots again."""


@dataclass(slots=True)
class _Ready:
    """Tasks that wait for a place in the engine, by rank."""

    heap: list[tuple[tuple[float, ...], int, Task]] = field(default_factory=list)
    count: int = 0

    def push(self, rank: tuple[float, ...], task: Task) -> None:
        """Insert a task by rank."""
        self.count += 1
        heapq.heappush(self.heap, (rank, self.count, task))

    def take(self, most: int) -> list[Task]:
        """Remove and return at most `count` next tasks."""
        return [self.pop() for _ in range(min(most, len(self.heap)))]

    def next(self) -> Task:
        """The next task, without removing it."""
        return self.heap[0][2]

    def pop(self) -> Task:
        """Take the next task."""
        return heapq.heappop(self.heap)[2]

    @property
    def slots(self) -> list[Slot]:
        """The slots of all tasks."""
        return [task.slot for _, _, task in self.heap]

    def remove(self, slots: Collection[Slot]) -> None:
        """Take out the tasks of some slots."""
        self.heap = [entry for entry in self.heap if entry[2].slot not in slots]
        heapq.heapify(self.heap)


class Executor:
    """Runs what the source decides until nothing is left; then campaigns.

    Work that can wait starts only on free slots; while it runs, `ingest` accepts what has arrived.
    """

    def __init__(
        self,
        setup: Setup,
        run_id: int,
        source: WorkSource,
        campaigns: Campaigns | None = None,
        ingest: Callable[[], None] = lambda: None,
        progress: Progress | None = None,
    ) -> None:
        self._setup = setup
        self._store = setup.store
        self._report = setup.report
        self._run_id = run_id
        self._source = source
        self._campaigns = campaigns
        self._ingest = ingest
        self._progress = progress
        self._dispatch = Dispatch(setup, self._keep, f"{run_id}-")
        self._register = Register(setup.store, setup.definition, run_id)
        self._newcomers = Newcomers(setup.store, setup.definition)
        self._looked = 0.0
        self._ready = _Ready()
        self._spare = _Ready()
        self._parked = Parked(setup.store, setup.definition.mission, run_id, setup.report, _subject_of)
        self._refused: list[Decision] = []
        self._open: set[int] = set()  # attempts whose ends are not recorded
        self._ended = 0
        self._noted = (0, 0)  # jobs ended and known, as far as they are in the database

    def run(self) -> None:
        """Work until nothing is left; in any case no job is left running."""
        try:
            self._decide()
            self._work()
            while self._admit():
                self._work()
            if self._campaigns is not None:
                self._campaigns.say(self._report)
        finally:
            with signals_ignored():
                self._stop()

    def _work(self) -> None:
        """Build what is stale."""
        while self._ready.heap or self._spare.heap or self._dispatch.running or self._parked.count:
            tasks = [*self._returned(), *self._next_tasks()]
            self._step(tasks, self._dispatch.finished(0.0 if tasks else LONGEST_WAIT))
            self._look_in_time()
        self._step([], [])

    def _returned(self) -> list[Task]:
        """The tasks whose inputs have come from stores."""
        is_idle = not (self._ready.heap or self._spare.heap or self._dispatch.running)
        return self._parked.step(LONGEST_WAIT if is_idle else 0.0)

    def _look_in_time(self) -> None:
        """While campaigns are at work, look for other work every few seconds."""
        campaigns = self._campaigns
        is_time = time.monotonic() - self._looked > _LOOK_SECONDS
        if campaigns is not None and (campaigns.must_stop or (is_time and campaigns.are_at_work)):
            self._look(campaigns)

    def _next_tasks(self) -> list[Task]:
        """The tasks to start next: as many as the engine takes; of those that can wait, only what starts at once."""
        tasks = self._ready.take(self._setup.engine.room())
        if tasks or self._ready.heap:
            return tasks
        cpu, ram = 0, 0.0
        while self._spare.heap:
            code = self._spare.next().code
            cpu, ram = cpu + code.cpu, ram + code.ram
            is_alone = not tasks and not self._dispatch.running
            if not (is_alone or self._setup.engine.fits(cpu, ram)):
                break
            tasks.append(self._spare.pop())
        return tasks

    def _admit(self) -> bool:
        """Admit items of campaigns unless other work has come; return whether there is anything to build."""
        campaigns = self._campaigns
        if campaigns is None or not campaigns.have_items:
            return False
        if not self._look(campaigns) and not campaigns.admit():
            return False
        self._decide()
        return True

    def _look(self, campaigns: Campaigns) -> bool:
        """Ingest what has arrived since, and stop campaigns at their limits; return whether anything has arrived."""
        self._looked = time.monotonic()
        self._spare.remove(campaigns.withdraw())
        self._ingest()
        has_new = campaigns.enqueue_new([*self._ready.slots, *self._spare.slots, *self._parked.slots])
        if has_new:
            self._parked.release()
            self._ready.heap.clear()
            self._spare.heap.clear()
        self._decide()
        return has_new

    def _decide(self) -> None:
        """Decide what waits for nothing, again as long as something is withdrawn because of it."""
        withdrawing = True
        while withdrawing:
            decided: list[Decision] = []
            for decision in self._source.decide():
                if decision.state is State.STALE and decision.task is not None:
                    self._push_unless_held(decision.task)
                elif decision.state is State.REFUSED:
                    self._refused.append(decision)
                elif decision.state is State.WITHDRAW:
                    decided.append(decision)
            withdrawing = bool(decided)
            self._withdraw(decided)

    def _withdraw(self, decisions: Sequence[Decision]) -> None:
        """Withdraw what was made from inputs that were taken back; then those slots are decided again."""
        mission = self._setup.definition.mission
        for decision, ids, problem in follow(self._store, mission, self._run_id, decisions):
            names = ", ".join(file.filename for file, _ in decision.withdraws)
            if problem:
                self._report.add(Event.PROBLEM, names, f"cannot be withdrawn: {problem}; the next run tries it again")
                continue  # it stays undecided, and what leads to it queued
            for file, _ in decision.withdraws:
                self._report.add(Event.WITHDRAWN, file.filename, decision.explanation)
            with self._store.begin() as connection:
                queued = queue.load(connection, ids)
            self._source.enqueue(queued)
            self._source.reopen([decision.slot])

    def _push_unless_held(self, task: Task) -> None:
        """Rank a task, unless what it makes was made before, and nobody has taken that in: it stays undecided, and what
        leads to it queued."""
        fault = self._newcomers.fault(task)
        if fault is None:
            self._push(task)
        else:
            self._report.add_once(Event.PROBLEM, task.process.name, fault)

    def _push(self, task: Task) -> None:
        """Rank tasks: lower levels and earlier periods first; in a campaign, periods in its order."""
        time = task.period.start.timestamp()
        if self._campaigns is not None and self._campaigns.can_wait(task):
            self._spare.push((*self._campaigns.rank(task), task.level), task)
        else:
            self._ready.push((task.level, time), task)

    def _step(self, tasks: Sequence[Task], results: Sequence[Result]) -> None:
        """Start tasks and record results: two transactions, however many there are of either."""
        prepared = self._dispatch.prepare(self._without_lost(self._parked.admit(tasks)))
        refused, self._refused = self._refused, []
        with self._store.begin() as connection:
            moves.announce(connection, moves_of(results))
            ids = insert_attempts(connection, self._run_id, [_attempt(each) for each in prepared])
            insert_attempts(connection, self._run_id, list(_refusals(refused)))
            self._note_progress(connection, len(tasks) + len(results))
        self._open.update(ids)
        started = [self._start(each, attempt_id) for each, attempt_id in zip(prepared, ids, strict=True)]
        results = [*results, *(fault for fault in started if fault is not None)]
        for decision in refused:
            self._report.add(Event.REFUSED, self._subject(decision), decision.explanation)
        ended = [result.task.slot for result in results if not _is_interrupted(result)]
        settled = self._source.settle(ended)
        if results or not settled.is_empty:
            self._record(results, settled)

    @property
    def _left(self) -> int:
        """How many tasks have not ended, but for those that are on their way."""
        return len(self._ready.heap) + len(self._spare.heap) + self._dispatch.running + self._parked.count

    def _note_progress(self, connection: Transaction, moving: int) -> None:
        """Note how far the run is, in a transaction that there is anyway; `moving`: jobs that are on their way."""
        left = self._left + moving
        now = (self._ended, self._ended + left)
        if now != self._noted:
            done, known = (new - old for new, old in zip(now, self._noted, strict=True))
            jobs_progressed(connection, self._run_id, done, known)
            self._noted = now

    def _without_lost(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """The tasks whose inputs are there. Where a made one is gone, that is made again, and the task decided anew."""
        lost, queued = (
            record_lost(self._store, self._setup.definition, tasks) if self._campaigns is not None else ([], [])
        )
        if not lost:
            return tasks
        for file in lost:
            self._report.add(Event.NOTE, file.filename, "is gone from disk, and is made again if that can be")
        hit = {task.slot for task in tasks if not {file.file_id for file in lost}.isdisjoint(task.input_ids)}
        self._source.enqueue(queued)
        self._source.reopen(hit)
        self._decide()
        return [task for task in tasks if task.slot not in hit]

    def _start(self, prepared: Prepared, attempt_id: int) -> Failure | None:
        if self._campaigns is not None:
            self._campaigns.start(prepared.task)
        return self._dispatch.start(prepared, attempt_id, taken_place(self._setup.definition, prepared.task))

    def _keep(self, directory: str, found: Found) -> str:
        mission = self._setup.definition.mission
        keep_aside(self._store, mission, directory, found.lost, self._run_id, self._report)
        return ""

    def _record(self, results: Sequence[Result], settled: Settled) -> None:
        recorded = self._register.record(results, settled)
        self._open.difference_update(result.outcome.job.attempt_id for result in results)
        made = [file_id for _, file_ids in recorded for file_id in file_ids]
        for result, _ in recorded:
            if self._campaigns is not None:
                self._campaigns.spend(result.task, result.outcome)
            self._say(result)
            for text in self._setup.workspace.give_up([result.outcome.job.directory]):
                self._report.add(Event.NOTE, "leftover", text)
        self._ended += len(recorded)
        if self._progress is not None:
            self._progress(self._ended, self._ended + self._left)
        if made:
            with self._store.begin() as connection:
                queued = queue.load(connection, made)
            self._source.enqueue(queued)
        self._decide()

    def _say(self, result: Result) -> None:
        task = result.task
        subject = _subject_of(task)
        facts = {
            "process": task.process.name,
            **task_shown(task).facts(),
            "output": task.output_name,
            "reasons": [reason.text for reason in task.reasons],
            "seconds": (result.outcome.ended - result.outcome.started).total_seconds(),
        }
        if isinstance(result, Failure):
            log = "" if result.outcome.exit_status is None else f"; its log: {result.outcome.job.log}"
            self._report.add(Event.FAILED, subject, f"{result.message}{log}", **facts)
            return
        if result.beside:
            self._report.add_once(Event.NOTE, task.process.name, _beside_words(result.beside))
        names = ", ".join(planned.name for planned in task.outputs)
        self._report.add(Event.BUILT if names else Event.RAN, names or subject, task.why, **facts)

    def _subject(self, decision: Decision) -> str:
        process = self._setup.definition.processes[decision.slot.process_id]
        return f"{process.name} {slot_words(process, decision.slot, decision.period)}"

    def _stop(self) -> None:
        """End all running jobs. Files of unsettled slots stay queued: the next run decides them again."""
        self._parked.ask_to_stop()
        ended = self._dispatch.stop()
        self._parked.stop()
        if not self._open:
            return
        self._ready.heap.clear()
        self._spare.heap.clear()
        self._step([], self._verified_in_time(ended))
        with self._store.begin() as connection:
            interrupt_running(connection, "the run was ended before it began, or before what it made was recorded")

    def _verified_in_time(self, ended: Sequence[tuple[Task, Outcome]]) -> list[Result]:
        """Verify jobs; those for which no time is left count as interrupted."""
        try:
            return self._dispatch.verify(ended)
        except Interrupted:
            text = "the run was ended before what it made was looked at"
            interrupted = partial(replace, ending=Ending.INTERRUPTED, message=text)
            return self._dispatch.verify([(task, interrupted(outcome)) for task, outcome in ended])


def _subject_of(task: Task) -> str:
    return f"{task.process.name} {task_shown(task)}"


def _beside_words(names: Sequence[str]) -> str:
    """What is said of files that a job left beside its output."""
    shown = ", ".join(map(one_line, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    what = "it was" if len(names) == 1 else "they were"
    return f"left {shown} in its working directory; {what} thrown away. To keep such files, give it run_in"


def _attempt(prepared: Prepared) -> NewAttempt:
    return NewAttempt(task=prepared.task, command=prepared.command, log=prepared.log)


def _is_interrupted(result: Result) -> bool:
    return isinstance(result, Failure) and result.is_interrupted


def _refusals(decisions: Iterable[Decision]) -> Iterator[NewAttempt]:
    for decision in decisions:
        if decision.task is not None:
            yield NewAttempt(task=decision.task, command=(), message=decision.explanation)
