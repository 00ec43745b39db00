"""Building what the walk decides: tasks to the engine, outcomes into the catalogue, until nothing is stale."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dbproc import queue
from dbproc.catalogue import placements
from dbproc.catalogue.attempts import NewAttempt, insert_attempts, interrupt_running
from dbproc.engines import Engine
from dbproc.inspection import Inspection
from dbproc.model import Definition, Ending, Job, Outcome, Slot, Task
from dbproc.plan import Confirmation, Decision, Queued, State
from dbproc.register import Failure, Register, Result
from dbproc.report import Event, Progress, Report
from dbproc.run import changed_input, command_line, input_stats, job_of, obstacle
from dbproc.signals import signals_ignored
from dbproc.store import Store
from dbproc.workspace import Workspace

_LONGEST_WAIT = 1.0  # seconds between two looks at a signal


class Agenda(Protocol):
    """What an execution works off: :class:`dbproc.walk.Walk`, or :class:`dbproc.errand.Errand`."""

    store: Store
    definition: Definition
    done_with: list[int]
    confirmed: list[Confirmation]

    def begin(self) -> None:
        """Take up what there is."""

    def decide(self) -> Iterator[Decision]:
        """What can be decided now."""

    def settle(self, slot: Slot) -> None:
        """What was decided for a slot is done."""

    def enqueue(self, queued: Sequence[Queued]) -> None:
        """Take up files that were made."""

    def take_done_with(self) -> tuple[list[int], list[Confirmation]]:
        """The queued files that may leave the queue, and what was confirmed."""


@dataclass(slots=True)
class _Ready:
    """Tasks that wait for room in the engine, lower levels and earlier dates first."""

    heap: list[tuple[float, dt.date, int, Task]] = field(default_factory=list)
    count: int = 0

    def push(self, task: Task) -> None:
        """Put a task in its place."""
        self.count += 1
        heapq.heappush(self.heap, (task.level, task.slot.date, self.count, task))

    def take(self, most: int) -> list[Task]:
        """The next tasks, at most so many."""
        return [heapq.heappop(self.heap)[3] for _ in range(min(most, len(self.heap)))]


@dataclass(frozen=True, slots=True)
class _Running:
    """A task that the engine has, and what its inputs were when it got it."""

    task: Task
    inputs: tuple[str, ...]


class Execution:
    """Runs what the agenda decides, until nothing is left of it."""

    def __init__(
        self,
        walk: Agenda,
        inspection: Inspection,
        workspace: Workspace,
        engine: Engine,
        run_id: int,
        report: Report,
        progress: Progress | None,
    ) -> None:
        self._walk = walk
        self._store = walk.store
        self._definition = walk.definition
        self._report = report
        self._workspace = workspace
        self._engine = engine
        self._run_id = run_id
        self._progress = progress
        self._register = Register(walk.store, walk.definition, inspection, run_id)
        self._ready = _Ready()
        self._refused: list[Decision] = []
        self._running: dict[int, _Running] = {}
        self._jobs = 0
        self._ended = 0

    def run(self) -> None:
        """Work until nothing is left; however it ends, no job is left running."""
        try:
            self._walk.begin()
            self._decide()
            while self._ready.heap or self._running:
                tasks = self._ready.take(self._engine.room())
                outcomes = self._engine.finished(0.0 if tasks else _LONGEST_WAIT)
                self._step(tasks, [self._ended_task(outcome) for outcome in outcomes])
            self._step([], [])
        finally:
            with signals_ignored():
                self._stop()

    def _decide(self) -> None:
        for decision in self._walk.decide():
            if decision.state is State.STALE and decision.task is not None:
                self._ready.push(decision.task)
            elif decision.state is State.REFUSED:
                self._refused.append(decision)

    def _step(self, tasks: Sequence[Task], ended: Sequence[tuple[Task, Outcome]]) -> None:
        """Start tasks and record outcomes: two transactions, however many there are of either."""
        results = self._register.check(ended)
        started = [self._attempt(task) for task in tasks]
        refused, self._refused = self._refused, []
        with self._store.begin() as connection:
            placements.announce(connection, self._register.announcements(results))
            ids = insert_attempts(connection, self._run_id, [attempt for attempt, _ in started])
            insert_attempts(connection, self._run_id, list(_refusals(refused)))
        for attempt_id, (attempt, name) in zip(ids, started, strict=True):
            result = self._start(attempt_id, attempt, name)
            if result is not None:
                results.append(result)
        for decision in refused:
            self._report.add(Event.REFUSED, self._subject(decision.slot), decision.explanation)
        for result in results:
            if not (isinstance(result, Failure) and result.is_interrupted):
                self._walk.settle(result.task.slot)
        if results or self._walk.done_with or self._walk.confirmed:
            self._record(results)

    def _attempt(self, task: Task) -> tuple[NewAttempt, str]:
        self._jobs += 1
        name = f"{self._run_id}-{self._jobs}"
        command = command_line(self._definition, task, self._workspace.job_directory(name))
        return NewAttempt(task=task, command=command, log=self._workspace.job_log(name)), name

    def _start(self, attempt_id: int, attempt: NewAttempt, name: str) -> Result | None:
        """Hand a task to the engine; a task that cannot be started is a failure at once."""
        task = attempt.task
        job = job_of(task, attempt.command, self._workspace, name, attempt_id)
        hindrance = obstacle(self._definition, task)
        if hindrance is not None:
            return Failure(task, _not_started(job, hindrance), hindrance, is_obstacle=True)
        self._running[attempt_id] = _Running(task, input_stats(self._definition, task))
        self._engine.start(job)
        return None

    def _ended_task(self, outcome: Outcome) -> tuple[Task, Outcome]:
        """The task of an outcome; the outcome is a failure when an input is not what it was."""
        running = self._running.pop(outcome.job.attempt_id)
        changed = changed_input(self._definition, running.task, running.inputs)
        if changed is not None and outcome.ending is not Ending.INTERRUPTED:
            outcome = replace(outcome, ending=Ending.FAILED, message=changed)
        return running.task, outcome

    def _record(self, results: Sequence[Result]) -> None:
        recorded = self._register.record(results, *self._walk.take_done_with())
        made = [file_id for _, file_ids in recorded for file_id in file_ids]
        for result, _ in recorded:
            self._say(result)
        self._ended += len(recorded)
        if self._progress is not None:
            self._progress(self._ended, self._ended + len(self._ready.heap) + len(self._running))
        if made:
            with self._store.begin() as connection:
                queued = queue.load(connection, made)
            self._walk.enqueue(queued)
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
        if not self._running:
            return
        self._ready.heap.clear()
        self._step([], [self._ended_task(outcome) for outcome in outcomes])
        with self._store.begin() as connection:
            interrupt_running(connection, "the run was ended before it began")


def _refusals(decisions: Iterable[Decision]) -> Iterator[NewAttempt]:
    for decision in decisions:
        if decision.task is not None:
            yield NewAttempt(task=decision.task, command=(), message=decision.explanation)


def _not_started(job: Job, message: str) -> Outcome:
    now = dt.datetime.now(dt.UTC)
    return Outcome(job=job, ending=Ending.FAILED, message=message, exit_status=None, started=now, ended=now)
