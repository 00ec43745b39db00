"""Build the sample of a canary, and compare each file with the published one."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dbproc.changes.canary.candidate import Candidate, Proposal, candidate, replaceable, require_same_bytes
from dbproc.changes.canary.differences import compared
from dbproc.changes.canary.directory import Place
from dbproc.changes.canary.report import write_report
from dbproc.core.candidates import Queued
from dbproc.core.errors import UserError
from dbproc.core.events import Report
from dbproc.core.model import Definition, NewFile, Outcome, Period, Process, Slot, Task
from dbproc.core.periods import ALWAYS
from dbproc.core.plan import State, valid_code
from dbproc.core.slot_text import SlotChoice, fields_of_process, period_words, read_time, require_fields
from dbproc.core.states import CanaryStatus, SampleVerdict
from dbproc.core.text_lists import arguments_text
from dbproc.database import canaries, queue, root
from dbproc.database.canaries import NewCanary, SampleFailure, SampleFile, SampleRecord, SampleReport
from dbproc.database.definition.load import load_definition
from dbproc.database.definition.specs import load_holdings
from dbproc.database.store import Store
from dbproc.engines.local import LocalEngine
from dbproc.products.inspection import Inspection
from dbproc.run.decide import FactsOf, candidates, decide, facts_in, facts_of, periods_of
from dbproc.run.dispatch import Dispatch, Setup
from dbproc.run.jobs import code_obstacle
from dbproc.run.outputs import Result, Success
from dbproc.run.rescue import Found, keep_here
from dbproc.system.machine import this_process

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """The slots to build: those of a key in `spans` (empty: any time), and of them `sample` spread evenly, or all."""

    spans: tuple[Period, ...] = ()
    sample: int | None = None
    key: str = ""

    @property
    def slots(self) -> tuple[SlotChoice, ...]:
        """What is chosen, time by time."""
        return tuple(SlotChoice(span, self.key) for span in self.spans or (ALWAYS,))


def spans_of(text: str) -> tuple[Period, ...]:
    """Read ``2024-05-01,2024-06-01..2024-06-30,2024-07-01T03``.

    Raises
    ------
    UserError
        A part is neither a time nor two times in order.
    """
    return tuple(_span_of(part.strip()) for part in text.split(","))


def _span_of(part: str) -> Period:
    first, dots, last = part.partition("..")
    start, end = read_time(first), read_time(last if dots else first)
    if start.start > end.start:
        raise UserError(f"{part}: the times are reversed; write {last}..{first}")
    return Period(start.start, end.stop)


def start(store: Store, process_name: str, proposal: Proposal, choice: Choice, jobs: int, say: Say) -> int:
    """Build a sample with a candidate and compare it with the published files; return the canary's number.

    The mission's lock is not taken: files of the catalogue never change, and only the canary's own rows and directory
    are written. An unfinished canary of this process and version is begun again.

    Raises
    ------
    UserError
        The candidate is not valid, or nothing can be built with it.
    BusyError
        The canary is being built by another command.
    RootError
        The root is gone, or another database's.
    """
    root.require(store)
    with store.begin() as connection:
        definition = load_definition(connection)
        process = replaceable(definition, process_name)
        inputs = queue.newest(connection, _products(process))
        found = _slots(definition, process, inputs, choice, facts_in(connection, definition))
        old = valid_code(definition.codes[process.process_id], found[0].date)
        if old is None:
            text = f"no active code of process {process.name} is valid for {found[0].date}"
            raise UserError(f"{text}; see: dbproc code list {process.name}")
        holdings = load_holdings(connection)
    tried = candidate(holdings, definition, process, old, proposal)
    canary = _row(tried)
    with store.begin() as connection:
        again = canaries.unfinished(connection, process.process_id, canary.version)
    tasks = _tasks(store, tried, found, choice)
    if again is None:
        with store.begin() as connection:
            again = canaries.insert_canary(connection, canary)
    place = Place(definition.mission, again)
    with place.held():
        place.clear(store)
        with store.begin() as connection:
            canaries.begin_again(connection, again, canary)
        _Building(store, tried, place, say).build(tasks, jobs)
        require_same_bytes(tried.code.path, tried.spec.uses, tried.bundle.digest)
        with store.begin() as connection:
            row, files = canaries.find(connection, str(again)), canaries.files_of(connection, again)
        write_report(place, row, files)
        with store.begin() as connection:
            canaries.change_status(connection, again, [CanaryStatus.BUILDING], CanaryStatus.BUILT)
    return again


def _products(process: Process) -> list[int]:
    return [link.product_id for link in process.inputs]


def _row(tried: Candidate) -> NewCanary:
    directory, filename = tried.spec.place
    return NewCanary(
        process_id=tried.process.process_id,
        version=str(tried.spec.version),
        directory=directory,
        filename=filename,
        output_interface=tried.spec.output_interface,
        arguments=arguments_text(tried.spec.arguments),
        digest=tried.bundle.digest,
        user=this_process().user,
    )


def _slots(
    definition: Definition, process: Process, inputs: Sequence[Queued], choice: Choice, facts: FactsOf
) -> list[Slot]:
    """The chosen slots with inputs, all with one valid code."""
    require_fields(choice.key, fields_of_process(definition, process), f"process {process.name}")
    by_product = {link.product_id: [(process, link)] for link in process.inputs}
    every = {slot for slot, _ in candidates(definition, facts, by_product, inputs)}
    periods = periods_of(definition, facts, list(every))
    chosen = sorted(slot for slot in every if any(some.has(process, slot, periods.get(slot)) for some in choice.slots))
    if not chosen:
        raise UserError(f"process {process.name} has no inputs {_words(choice)}; {_extent(every)}")
    codes = definition.codes[process.process_id]
    first = valid_code(codes, chosen[0].date)
    same = [slot for slot in chosen if valid_code(codes, slot.date) == first]
    if choice.sample is None and len(same) < len(chosen):
        other = next(slot for slot in chosen if slot not in same)
        text = f"{chosen[0].date} and {other.date} have different codes of process {process.name}"
        raise UserError(f"{text}; give dates of one of them, a canary is for one code")
    return same


def _words(choice: Choice) -> str:
    times = ", ".join(map(period_words, choice.spans)) or "any date"
    return f"on {times} of {choice.key}" if choice.key else f"on {times}"


def _extent(slots: set[Slot]) -> str:
    if not slots:
        return "there are none at all"
    dates = sorted(slot.date for slot in slots)
    return f"there are some from {dates[0]} to {dates[-1]}"


def _tasks(store: Store, tried: Candidate, slots: Sequence[Slot], choice: Choice) -> list[Task]:
    """The tasks of these slots in the next run if the candidate were released."""
    found, refusals = decided(store, tried.definition, slots)
    if not found:
        raise UserError(f"nothing can be built with it: {refusals[0] if refusals else 'no date is due'}")
    if choice.sample is None or choice.sample >= len(found):
        return found
    step = (len(found) - 1) / max(1, choice.sample - 1)
    return [found[round(number * step)] for number in range(choice.sample)]


def decided(store: Store, definition: Definition, slots: Sequence[Slot]) -> tuple[list[Task], list[str]]:
    """The tasks of the slots to build, and the reasons why others are not built."""
    tasks, others = [], []
    for decision in decide(definition, facts_of(store, definition), slots, dt.datetime.now(dt.UTC)):
        if decision.task is not None and decision.state in (State.STALE, State.DELAYED):
            tasks.append(decision.task)
        else:
            others.append(decision.explanation)
    return tasks, others


class _Building:
    """Runs the tasks of one sample, and compares their outputs."""

    def __init__(self, store: Store, tried: Candidate, place: Place, say: Say) -> None:
        self._store = store
        self._definition = tried.definition
        self._place = place
        self._say = say

    def build(self, tasks: Sequence[Task], jobs: int) -> None:
        """Build all, `jobs` at a time; in any case no job is left running."""
        hindrance = code_obstacle(tasks[0].code.path, self._definition.mission.path)
        if hindrance is not None:
            raise UserError(hindrance)
        engine, waiting = LocalEngine(jobs), list(tasks)
        with Inspection(self._definition) as inspection:
            setup = Setup(self._store, self._definition, inspection, engine, self._place.workspace, Report())
            dispatch = Dispatch(setup, self._keep)
            try:
                while waiting or dispatch.running:
                    results = dispatch.step(waiting)
                    if dispatch.harms:
                        raise UserError(dispatch.harms[0])
                    self._record(results)
            finally:
                with suppress(UserError):  # the message was given already
                    dispatch.stop()

    def _keep(self, directory: str, found: Found) -> str:
        """Save what a job that changed its inputs holds of them; other files stay where they are."""
        if found.changed is None:
            return ""
        return f"; what it made of it, or left, is in {keep_here(self._definition.mission, directory)}"

    def _record(self, results: Sequence[Result]) -> None:
        files = [file for result in results for file in self._files_of(result)]
        with self._store.begin() as connection:
            canaries.insert_files(connection, self._place.canary_id, files)
        for file in files:
            self._say(f"{file.verdict} {file.filename}")

    def _files_of(self, result: Result) -> Iterator[SampleFile]:
        task = result.task
        made = {file.product_id: file for file in result.files} if isinstance(result, Success) else {}
        for planned in task.outputs:
            published = planned.replaces
            file = made.get(planned.product_id)
            if file is None:
                report: SampleReport | SampleFailure = _failure_of(result)
                verdict, record = SampleVerdict.FAILED, None
            else:
                path = os.path.join(result.outcome.job.directory, planned.name)
                name = f"{result.outcome.job.attempt_id}-{planned.product_id}.png"
                picture = os.path.join(self._place.pictures, name)
                verdict, report = compared(self._definition, planned, file, path, picture)
                record = _record_of(task, result.outcome, file)
            yield SampleFile(
                date=task.slot.date,
                keywords=task.slot.keywords,
                product_id=planned.product_id,
                filename=planned.name,
                published_file=published.file_id if published else None,
                verdict=verdict,
                report=report,
                record=record,
            )


def _failure_of(result: Result) -> SampleFailure:
    log = result.outcome.job.log
    return SampleFailure(problem=getattr(result, "message", ""), log=log if os.path.isfile(log) else None)


def _record_of(task: Task, outcome: Outcome, file: NewFile) -> SampleRecord:
    """The record needed to take a file into the catalogue."""
    return SampleRecord(
        inputs=tuple(each.file_id for each in task.inputs),
        command=outcome.job.command,
        directory=outcome.job.directory,
        log=outcome.job.log,
        started=outcome.started,
        ended=outcome.ended,
        exit_status=outcome.exit_status,
        cpu_seconds=outcome.cpu_seconds,
        memory_bytes=outcome.memory_bytes,
        size=file.size or 0,
        digest=file.digest,
        members=file.members,
    )
