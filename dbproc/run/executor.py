"""Building what the scheduler decides: tasks to the engine, outcomes into the catalogue, until nothing is stale."""

from __future__ import annotations

import datetime as dt
import heapq
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dbproc.core.candidates import Queued
from dbproc.core.events import Event, Progress, Report
from dbproc.core.model import Definition, Ending, Job, Outcome, Slot, Task
from dbproc.core.plan import Confirmation, Decision, State
from dbproc.database import moves, queue
from dbproc.database.attempts import NewAttempt, insert_attempts, interrupt_running
from dbproc.database.campaigns import ItemEnd
from dbproc.database.store import Store
from dbproc.engines import Engine
from dbproc.products.inspection import Inspection
from dbproc.run.campaigns import Campaigns
from dbproc.run.inputs import Inputs, look
from dbproc.run.jobs import command_line, job_of, obstacle
from dbproc.run.register import Failure, Register, Result
from dbproc.run.rescue import after_job, keep_aside
from dbproc.storage.workspace import Workspace
from dbproc.system import signals
from dbproc.system.signals import Interrupted, signals_ignored

_LONGEST_WAIT = 1.0  # seconds between two looks at a signal
_LOOK_SECONDS = 2.0  # between two looks at what has arrived, while a campaign is at work


class WorkSource(Protocol):
    """Where the executor's jobs come from: the queue (:mod:`dbproc.run.scheduler`), or what was asked for directly
    (:mod:`dbproc.run.on_demand`)."""

    store: Store
    definition: Definition

    @property
    def has_decided(self) -> bool:
        """Whether there is anything for :meth:`take_done_with` to give."""

    def begin(self) -> None:
        """Take up what there is."""

    def decide(self) -> Iterator[Decision]:
        """What can be decided now."""

    def can_wait(self, slot: Slot) -> bool:
        """Whether anything else is more urgent than a slot."""

    def start(self, slot: Slot) -> None:
        """What was decided for a slot is being built."""

    def settle(self, slot: Slot) -> None:
        """What was decided for a slot is done."""

    def enqueue(self, queued: Sequence[Queued]) -> None:
        """Take up files that were made."""

    def take_done_with(self) -> tuple[list[int], list[Confirmation], list[ItemEnd]]:
        """The queued files that may leave the queue, what was confirmed, and items for which nothing is built."""


@dataclass(slots=True)
class _Ready:
    """Tasks that wait for room in the engine, in the order of their ranks."""

    heap: list[tuple[tuple[float, ...], int, Task]] = field(default_factory=list)
    count: int = 0

    def push(self, rank: tuple[float, ...], task: Task) -> None:
        """Put a task in its place."""
        self.count += 1
        heapq.heappush(self.heap, (rank, self.count, task))

    def take(self, most: int) -> list[Task]:
        """The next tasks, at most so many."""
        return [self.pop() for _ in range(min(most, len(self.heap)))]

    def next(self) -> Task:
        """The next task, which stays."""
        return self.heap[0][2]

    def pop(self) -> Task:
        """Take the next task."""
        return heapq.heappop(self.heap)[2]

    def remove(self, slots: Collection[Slot]) -> None:
        """Take out the tasks of some slots."""
        self.heap = [entry for entry in self.heap if entry[2].slot not in slots]
        heapq.heapify(self.heap)


@dataclass(frozen=True, slots=True)
class _Running:
    """A task that the engine has, and what its inputs were when it got it."""

    task: Task
    inputs: Inputs


class Executor:
    """Runs what the source decides, until nothing is left of it; then what campaigns want.

    What can wait is started only into free slots, and while it is at work, `ingest` takes in what has arrived.
    """

    def __init__(
        self,
        source: WorkSource,
        inspection: Inspection,
        workspace: Workspace,
        engine: Engine,
        run_id: int,
        report: Report,
        progress: Progress | None,
        campaigns: Campaigns | None = None,
        ingest: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._store = source.store
        self._definition = source.definition
        self._report = report
        self._workspace = workspace
        self._engine = engine
        self._run_id = run_id
        self._progress = progress
        self._register = Register(source.store, source.definition, inspection, run_id)
        self._campaigns = campaigns
        self._ingest = ingest
        self._looked = 0.0
        self._ready = _Ready()
        self._spare = _Ready()
        self._refused: list[Decision] = []
        self._running: dict[int, _Running] = {}
        self._unchecked: list[tuple[Task, Outcome]] = []
        self._is_recording = False
        self._jobs = 0
        self._ended = 0

    def run(self) -> None:
        """Work until nothing is left; however it ends, no job is left running."""
        try:
            self._source.begin()
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
        while self._ready.heap or self._spare.heap or self._running:
            tasks = self._next_tasks()
            outcomes = self._engine.finished(0.0 if tasks else _LONGEST_WAIT)
            self._step(tasks, [self._ended_task(outcome) for outcome in outcomes])
            self._look_in_time()
        self._step([], [])

    def _look_in_time(self) -> None:
        """While campaigns are at work, look every few seconds whether something else has come."""
        campaigns = self._campaigns
        is_time = time.monotonic() - self._looked > _LOOK_SECONDS
        if campaigns is not None and (campaigns.must_stop or (is_time and campaigns.are_at_work)):
            self._look(campaigns)

    def _next_tasks(self) -> list[Task]:
        """What is started next: as much as the engine takes; of what can wait, only what begins at once."""
        tasks = self._ready.take(self._engine.room())
        if tasks or self._ready.heap:
            return tasks
        cpu, ram = 0, 0.0
        while self._spare.heap:
            code = self._spare.next().code
            cpu, ram = cpu + code.cpu, ram + code.ram
            is_alone = not tasks and not self._running
            if not (is_alone or self._engine.fits(cpu, ram)):
                break
            tasks.append(self._spare.pop())
        return tasks

    def _admit(self) -> bool:
        """Take up what campaigns want, unless something else has come; whether there is anything to build."""
        campaigns = self._campaigns
        if campaigns is None or not campaigns.have_items:
            return False
        if not self._look(campaigns) and not campaigns.admit():
            return False
        self._decide()
        return True

    def _look(self, campaigns: Campaigns) -> bool:
        """Take in what has arrived since, and see which campaigns are to stop; whether anything has arrived."""
        self._looked = time.monotonic()
        self._spare.remove(campaigns.withdraw())
        self._ingest()
        has_new = campaigns.scheduler.enqueue_new()
        if has_new:
            waiting = [task.slot for ready in (self._ready, self._spare) for task in ready.take(len(ready.heap))]
            campaigns.scheduler.reopen(waiting)
        self._decide()
        return has_new

    def _decide(self) -> None:
        for decision in self._source.decide():
            if decision.state is State.STALE and decision.task is not None:
                self._push(decision.task)
            elif decision.state is State.REFUSED:
                self._refused.append(decision)

    def _push(self, task: Task) -> None:
        """Lower levels and earlier dates come first; in a campaign, dates in its order."""
        day = task.slot.date.toordinal()
        if self._campaigns is not None and self._source.can_wait(task.slot):
            self._spare.push((*self._campaigns.rank(task), task.level), task)
        else:
            self._ready.push((task.level, day), task)

    def _step(self, tasks: Sequence[Task], ended: Sequence[tuple[Task, Outcome]]) -> None:
        """Start tasks and record outcomes: two transactions, however many there are of either."""
        self._unchecked = list(ended)
        results = self._register.check(ended)
        self._unchecked, self._is_recording = [], bool(ended)
        self._record_step(tasks, results)
        self._is_recording = False

    def _record_step(self, tasks: Sequence[Task], results: list[Result]) -> None:
        inputs = look(self._store, self._definition.mission, tasks)
        started = [self._attempt(task) for task in tasks]
        refused, self._refused = self._refused, []
        with self._store.begin() as connection:
            moves.announce(connection, self._register.announcements(results))
            ids = insert_attempts(connection, self._run_id, [attempt for attempt, _ in started])
            insert_attempts(connection, self._run_id, list(_refusals(refused)))
        for attempt_id, (attempt, name), looked in zip(ids, started, inputs, strict=True):
            result = self._start(attempt_id, attempt, name, looked)
            if result is not None:
                results.append(result)
        for decision in refused:
            self._report.add(Event.REFUSED, self._subject(decision.slot), decision.explanation)
        for result in results:
            if not (isinstance(result, Failure) and result.is_interrupted):
                self._source.settle(result.task.slot)
        if results or self._source.has_decided:
            self._record(results)

    def _attempt(self, task: Task) -> tuple[NewAttempt, str]:
        self._jobs += 1
        name = f"{self._run_id}-{self._jobs}"
        command = command_line(self._definition, task, self._workspace.job_directory(name))
        return NewAttempt(task=task, command=command, log=self._workspace.job_log(name)), name

    def _start(self, attempt_id: int, attempt: NewAttempt, name: str, inputs: Inputs) -> Result | None:
        """Hand a task to the engine; a task that cannot be started is a failure at once."""
        task = attempt.task
        self._source.start(task.slot)
        if self._campaigns is not None:
            self._campaigns.started(task)
        job = job_of(self._definition, task, attempt.command, self._workspace, name, attempt_id)
        hindrance = obstacle(self._definition, task, attempt.command) or inputs.fault
        if hindrance is not None:
            return Failure(task, _not_started(job, hindrance), hindrance, is_obstacle=True)
        self._running[attempt_id] = _Running(task, inputs)
        self._engine.start(job)
        return None

    def _ended_task(self, outcome: Outcome) -> tuple[Task, Outcome]:
        """The task of an outcome; the outcome is a failure when an input is not what it was."""
        running = self._running.pop(outcome.job.attempt_id)
        if self._campaigns is not None:
            self._campaigns.ended(running.task, outcome)
        mission, directory = self._definition.mission, outcome.job.directory
        found = after_job(self._store, mission, running.inputs, directory, outcome.started, self._report)
        if found.is_kept:
            keep_aside(self._store, mission, directory, found.lost, self._run_id, self._report)
        if found.changed is not None and outcome.ending is not Ending.INTERRUPTED:
            outcome = replace(outcome, ending=Ending.FAILED, message=found.changed)
        return running.task, outcome

    def _record(self, results: Sequence[Result]) -> None:
        recorded = self._register.record(results, *self._source.take_done_with())
        made = [file_id for _, file_ids in recorded for file_id in file_ids]
        for result, _ in recorded:
            self._say(result)
            for text in self._workspace.give_up([result.outcome.job.directory]):
                self._report.add(Event.NOTE, "leftover", text)
        self._ended += len(recorded)
        if self._progress is not None:
            self._progress(
                self._ended, self._ended + len(self._ready.heap) + len(self._spare.heap) + len(self._running)
            )
        if made:
            with self._store.begin() as connection:
                queued = queue.load(connection, made)
            self._source.enqueue(queued)
        self._decide()

    def _say(self, result: Result) -> None:
        task = result.task
        facts = {
            "process": task.process.name,
            "date": task.slot.date.isoformat(),
            "output": task.output_name,
            "reasons": [reason.text for reason in task.reasons],
            "seconds": (result.outcome.ended - result.outcome.started).total_seconds(),
        }
        if isinstance(result, Failure):
            log = "" if result.outcome.exit_status is None else f"; its log: {result.outcome.job.log}"
            self._report.add(Event.FAILED, self._subject(task.slot), f"{result.message}{log}", **facts)
            return
        why = "; ".join(reason.text for reason in task.reasons)
        names = ", ".join(planned.name for planned in task.outputs)
        self._report.add(Event.BUILT if names else Event.RAN, names or self._subject(task.slot), why, **facts)

    def _subject(self, slot: Slot) -> str:
        keywords = f" {slot.keywords}" if slot.keywords else ""
        return f"{self._definition.processes[slot.process_id].name} {slot.date}{keywords}"

    def _stop(self) -> None:
        """End what runs. Files whose slots are not settled stay queued: the next run decides them anew."""
        outcomes = self._engine.stop()
        if not (self._running or self._unchecked or self._is_recording):
            return
        self._ready.heap.clear()
        self._spare.heap.clear()
        ended = [(task, _unless_shut_down(outcome)) for task, outcome in self._unchecked]
        ended += (self._ended_task(_unless_shut_down(outcome)) for outcome in outcomes)
        self._record_step([], self._checked_in_time(ended))
        with self._store.begin() as connection:
            interrupt_running(connection, "the run was ended before it began, or before what it made was recorded")

    def _checked_in_time(self, ended: Sequence[tuple[Task, Outcome]]) -> list[Result]:
        """What jobs made; as if they had been interrupted when there is no time left to look at it."""
        try:
            return self._register.check(ended)
        except Interrupted:
            text = "the run was ended before what it made was looked at"
            return self._register.check(
                [(task, replace(outcome, ending=Ending.INTERRUPTED, message=text)) for task, outcome in ended]
            )


def _unless_shut_down(outcome: Outcome) -> Outcome:
    """An outcome; that of a job which a shutdown ended before the run was told of it counts as interrupted."""
    since = signals.seconds_since()
    if since is None or outcome.ending is not Ending.FAILED or outcome.exit_status is None:
        return outcome
    told = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=since + signals.MOMENT)
    if not (signals.is_deadly(outcome.exit_status) or outcome.ended >= told):
        return outcome
    return replace(outcome, ending=Ending.INTERRUPTED, message=f"the run was ended; it had: {outcome.message}")


def _refusals(decisions: Iterable[Decision]) -> Iterator[NewAttempt]:
    for decision in decisions:
        if decision.task is not None:
            yield NewAttempt(task=decision.task, command=(), message=decision.explanation)


def _not_started(job: Job, message: str) -> Outcome:
    now = dt.datetime.now(dt.UTC)
    return Outcome(job=job, ending=Ending.FAILED, message=message, exit_status=None, started=now, ended=now)
