"""The loop: the only module that knows the whole flow.

One run takes the lock, puts right what a dead run left, ingests, walks the queue until nothing is stale, and releases
the lock however it ends.
"""

from __future__ import annotations

import datetime as dt
import heapq
import signal
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from dbproc import lock, queue
from dbproc.catalogue import placements
from dbproc.catalogue.attempts import NewAttempt, due_retries, insert_attempts, interrupt_running
from dbproc.catalogue.definition import load_definition
from dbproc.catalogue.facts import load_facts
from dbproc.edits import settle_edits
from dbproc.engines import Engine
from dbproc.engines.local import LocalEngine
from dbproc.errors import NotFoundError
from dbproc.frontier import Frontier
from dbproc.ingest import Ingest, preview, scan
from dbproc.inspection import Inspection
from dbproc.model import Definition, Ending, Job, Outcome, Slot, Task
from dbproc.plan import Decision, Planner, Queued, State, candidates, consumers, needs
from dbproc.recovery import recover
from dbproc.register import Failure, Register, Result
from dbproc.report import LOGGER, Event, Progress, Report, log_to, one_line, stop_logging
from dbproc.run import command_line, job_of, obstacle
from dbproc.store import Store
from dbproc.version import Part
from dbproc.workspace import Workspace

_DECIDED_AT_ONCE = 2000
_LONGEST_WAIT = 1.0  # seconds between two looks at a signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run is to do.

    `only` names processes (by name or number); None: all. `slots` CPUs and `ram` GiB are what jobs may use together.
    """

    ingest: bool = True
    process: bool = True
    only: tuple[str, ...] | None = None
    skip_run: bool = False
    slots: int = 2
    ram: float | None = None
    pattern: str = "*"
    log_level: str = "info"


class Interrupted(BaseException):
    """SIGTERM or SIGINT: no new job starts, running ones are ended, the lock is released."""


def run(store: Store, options: Options, report: Report, progress: Progress | None = None) -> None:
    """One run of the mission.

    Raises
    ------
    BusyError, LockError
        The lock is held; nothing was done.
    Interrupted
        A signal ended the run; what was finished is recorded.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
    allowed = _allowed(definition, options)
    acquired = lock.acquire(store, definition.mission.mission_id)
    comment = "crashed: an exception"
    try:
        if acquired.crashed is not None:
            report.add(Event.NOTE, "lock", f"taken from a dead run ({acquired.crashed})")
        with _signals():
            _run(store, definition, options, allowed, acquired.run_id, report, progress)
        comment = "done" if report.exit_status == 0 else "done, with failures"
    except (Interrupted, KeyboardInterrupt):
        comment = "interrupted"
        raise
    finally:
        lock.release(store, acquired.run_id, comment)


def _run(
    store: Store,
    definition: Definition,
    options: Options,
    allowed: frozenset[int],
    run_id: int,
    report: Report,
    progress: Progress | None,
) -> None:
    workspace = Workspace(definition.mission.root)
    workspace.prepare()
    log = log_to(workspace.logs, options.log_level)
    try:
        _work(store, definition, options, allowed, run_id, report, progress)
        LOGGER.info("run %d: %s", run_id, report.summary())
    except BaseException as error:
        LOGGER.error("run %d ended by %s: %s", run_id, type(error).__name__, one_line(str(error)))
        raise
    finally:
        stop_logging(log)


def _work(
    store: Store,
    definition: Definition,
    options: Options,
    allowed: frozenset[int],
    run_id: int,
    report: Report,
    progress: Progress | None,
) -> None:
    workspace = Workspace(definition.mission.root)
    recover(store, definition.mission, workspace, run_id, report)
    with Inspection(definition) as inspection:
        if options.ingest:
            settled = scan(definition, options.pattern).settled
            if settled:
                Ingest(store, definition, inspection, run_id, report).take(settled, progress)
        if options.process:
            definition, refused = settle_edits(store, definition, report)
            engine = LocalEngine(options.slots, options.ram)
            walk = Walk(store, definition, allowed - refused, report)
            Execution(walk, inspection, workspace, engine, run_id, progress).run()


class Walk:
    """The dependency queue of one run: which slots are candidates, what was decided, which files are done with.

    Parameters
    ----------
    allowed
        The processes that may run; files whose candidates are of other processes stay queued.
    """

    def __init__(self, store: Store, definition: Definition, allowed: frozenset[int], report: Report) -> None:
        self.store = store
        self.definition = definition
        self.report = report
        self.done_with: list[int] = []  #: queued files for which everything is decided
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

    def take_done_with(self) -> list[int]:
        """The queued files that may leave the queue with the next transaction."""
        done, self.done_with = self.done_with, []
        return done

    def _decide(self, slots: Sequence[Slot]) -> Iterator[Decision]:
        asked = needs(self.definition, slots)
        with self.store.begin() as connection:
            facts = load_facts(connection, self.definition, asked, slots)
        planner = Planner(self.definition, facts, asked, dt.datetime.now(dt.UTC))
        for slot in slots:
            decision = planner.decide(slot, self._forced.get(slot))
            if decision.state is not State.STALE:
                self.settle(slot)
            yield decision


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


class Execution:
    """Runs what the walk decides, until nothing is stale any more."""

    def __init__(
        self,
        walk: Walk,
        inspection: Inspection,
        workspace: Workspace,
        engine: Engine,
        run_id: int,
        progress: Progress | None,
    ) -> None:
        self._walk = walk
        self._store = walk.store
        self._definition = walk.definition
        self._report = walk.report
        self._workspace = workspace
        self._engine = engine
        self._run_id = run_id
        self._progress = progress
        self._register = Register(walk.store, walk.definition, inspection)
        self._ready = _Ready()
        self._refused: list[Decision] = []
        self._running: dict[int, Task] = {}
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
                self._step(tasks, [(self._running.pop(outcome.job.attempt_id), outcome) for outcome in outcomes])
            self._step([], [])
        finally:
            with _signals_ignored():
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
            result = self._start(attempt_id, attempt.task, name)
            if result is not None:
                results.append(result)
        for decision in refused:
            self._report.add(Event.REFUSED, self._subject(decision.slot), decision.explanation)
        for result in results:
            self._walk.settle(result.task.slot)
        if results or self._walk.done_with:
            self._record(results)

    def _attempt(self, task: Task) -> tuple[NewAttempt, str]:
        self._jobs += 1
        name = f"{self._run_id}-{self._jobs}"
        command = command_line(self._definition, task, self._workspace.job_directory(name))
        return NewAttempt(task=task, command=command, log=self._workspace.job_log(name)), name

    def _start(self, attempt_id: int, task: Task, name: str) -> Result | None:
        """Hand a task to the engine; a task that cannot be started is a failure at once."""
        job = job_of(self._definition, task, self._workspace, name, attempt_id)
        hindrance = obstacle(self._definition, task)
        if hindrance is not None:
            return Failure(task, _not_started(job, hindrance), hindrance)
        self._running[attempt_id] = task
        self._engine.start(job)
        return None

    def _record(self, results: Sequence[Result]) -> None:
        recorded = self._register.record(results, self._walk.take_done_with())
        made = [file_id for _, file_id in recorded if file_id is not None]
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
        event = Event.RAN if task.output_name is None else Event.BUILT
        self._report.add(event, task.output_name or self._subject(task.slot), why, **facts)

    def _subject(self, slot: Slot) -> str:
        keywords = f" {slot.keywords}" if slot.keywords else ""
        return f"{self._definition.processes[slot.process_id].name} {slot.date}{keywords}"

    def _stop(self) -> None:
        """End what runs. Files whose slots are not settled stay queued: the next run decides them anew."""
        outcomes = self._engine.stop()
        if not self._jobs:
            return
        ended = [(self._running.pop(outcome.job.attempt_id), outcome) for outcome in outcomes]
        results = [result for result in self._register.check(ended) if isinstance(result, Failure)]
        self._register.record(results, [])
        with self._store.begin() as connection:
            interrupt_running(connection, "the run was ended before it began")


def plan(store: Store, report: Report, options: Options) -> tuple[list[Decision], Walk]:
    """What the next run would decide first, changing nothing, and the walk that tells what waits for it."""
    with store.begin() as connection:
        definition = load_definition(connection)
    walk = Walk(store, definition, _allowed(definition, options), report)
    walk.begin()
    return list(walk.decide()), walk


def preview_incoming(store: Store, options: Options) -> list[tuple[str, str]]:
    """What the next run would ingest, changing nothing: each name, and a sentence."""
    with store.begin() as connection:
        definition = load_definition(connection)
    with Inspection(definition) as inspection:
        return preview(definition, inspection, scan(definition, options.pattern).settled)


def descendants(definition: Definition, decisions: Iterable[Decision]) -> set[str]:
    """The products further down that may be rebuilt after the stale ones among `decisions`."""
    makes = defaultdict(set)
    for process in definition.processes.values():
        for link in process.inputs:
            if process.output_product is not None:
                makes[link.product_id].add(process.output_product)
    stale = [item.task.process.output_product for item in decisions if item.state is State.STALE and item.task]
    found: set[int] = set()
    todo = [product for product in stale if product is not None]
    while todo:
        new = makes[todo.pop()] - found
        found |= new
        todo.extend(new)
    return {definition.products[product].name for product in found}


def _allowed(definition: Definition, options: Options) -> frozenset[int]:
    """The processes that a run may run.

    Raises
    ------
    NotFoundError
        One of `only` is no process of the mission.
    """
    chosen = definition.processes.values()
    if options.only is not None:
        by_key = {key: p for p in chosen for key in (p.name, str(p.process_id))}
        unknown = [name for name in options.only if name not in by_key]
        if unknown:
            names = ", ".join(sorted(p.name for p in chosen)) or "none"
            raise NotFoundError(f"no process {', '.join(unknown)}; the mission has: {names}")
        chosen = [by_key[name] for name in options.only]  # type: ignore[assignment]
    return frozenset(p.process_id for p in chosen if not (options.skip_run and p.output_product is None))


def _refusals(decisions: Iterable[Decision]) -> Iterator[NewAttempt]:
    for decision in decisions:
        if decision.task is not None:
            yield NewAttempt(task=decision.task, command=(), message=decision.explanation)


def _not_started(job: Job, message: str) -> Outcome:
    now = dt.datetime.now(dt.UTC)
    return Outcome(job=job, ending=Ending.FAILED, message=message, exit_status=None, started=now, ended=now)


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into :class:`Interrupted`."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise Interrupted(signal.Signals(number).name)

    with _handlers(interrupt):
        yield


@contextmanager
def _signals_ignored() -> Iterator[None]:
    with _handlers(signal.SIG_IGN):
        yield


@contextmanager
def _handlers(handler: object) -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handler) for number in numbers}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
