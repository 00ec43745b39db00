"""Preview the next run without changing anything: the answer of ``dbproc plan``.

Arrived files are laid over the catalogue as triage would accept them; the rest is the prediction of what-if,
:func:`dbproc.changes.whatif.predict`.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import TypeGuard

from dbproc.changes.arrivals import taken_in
from dbproc.changes.edits import EditInWords, edits_in_words, refused_inspectors
from dbproc.changes.whatif import EARLY_CUTOFF, Subject, predict
from dbproc.core.answers import OPTIONAL
from dbproc.core.errors import UserError
from dbproc.core.estimate import Work, seconds_of
from dbproc.core.model import Definition, File, Mission, Period, Slot, Task
from dbproc.core.plan import Decision, State
from dbproc.core.slot_text import (
    EVERY_SLOT,
    SlotChoice,
    fields_of_processes,
    require_fields,
    slot_shown,
    task_shown,
)
from dbproc.database import campaigns, files, queue, waitingslots
from dbproc.database import statistics as history
from dbproc.database.attempts import AttemptRow
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.database.waitingslots import WaitingRow
from dbproc.explain.lost import LostFile, gone
from dbproc.explain.never_due import never_due
from dbproc.ingest import triage
from dbproc.ingest.due import sources_due
from dbproc.ingest.incoming import scan_mission
from dbproc.ingest.ingest import accepted_words, fault_at_home
from dbproc.products.inspection import Inspection
from dbproc.run.decide import facts_of, periods_of
from dbproc.run.failures import open_failures
from dbproc.run.inputs import look
from dbproc.run.lost import sources_of
from dbproc.run.recall import FromStore, foreseen
from dbproc.run.selection import Options, allowed_processes
from dbproc.run.simulation import Hypothesis
from dbproc.run.spoilt import to_recall
from dbproc.run.unknown_files import Newcomers, taken_place

_MOST_LOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask(Subject):
    """A job of the next run, or a refused one."""

    state: State  #: how it stands
    outputs: tuple[str, ...]  #: the names of what it would make
    inputs: tuple[str, ...]  #: the names of the files that it would be made from
    why: str  #: why it would be run, or not, in few words
    reasons: tuple[str, ...]  #: the same, each by itself
    campaign: str | None = None  #: the campaign that asks for it
    waits_for: str | None = None  #: a process, period and key that it is made from
    output: str | None  #: the name of its first output


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTask(Subject):
    """A job that is made from an output of the run itself."""

    waits_for: str  #: the process, period and key of that output


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnOutput:
    """A file that the run withdraws, because of what it was made from."""

    file: str  #: its name
    cause: str  #: the name of that input
    why: str  #: in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterTask(Subject):
    """What is to be made, and waits until its period is over or its inputs are complete."""

    until: dt.datetime | None  #: when it is made at the latest; null: when something comes
    why: str  #: why it is to be made, and what it waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWork:
    """How much of a process, and how long its jobs took so far."""

    process: str  #: the name of the process
    jobs: int  #: how many jobs there are
    seconds: float | None  #: how long one takes, as half of the latest did at most; null without history


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTotals:
    """How much there is to do."""

    jobs: int  #: how many jobs
    slots: int  #: the CPUs for jobs
    seconds: float | None  #: how long they are expected to take on these; null without any history
    jobs_without_history: int  #: how many of them are not in these seconds
    processes: tuple[PlannedWork, ...]  #: the jobs by process


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The next run; the first four fields are for a run that ingests, the others for one that builds."""

    sources: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)  #: from where it fetches first
    incoming: tuple[tuple[str, str], ...] | None = field(default=None, metadata=OPTIONAL)  #: arrived files, their fates
    unsettled: int | None = field(default=None, metadata=OPTIONAL)  #: how many entries of incoming are left for later
    incoming_problem: str | None = field(default=None, metadata=OPTIONAL)  #: what prevents ingest
    edited_codes: Sequence[EditInWords] | None = field(default=None, metadata=OPTIONAL)  #: what is edited on disk
    tasks: tuple[PlannedTask, ...] | None = field(default=None, metadata=OPTIONAL)  #: the jobs in a possible order
    withdrawn: tuple[WithdrawnOutput, ...] | None = field(default=None, metadata=OPTIONAL)  #: what is taken out
    problems: tuple[PlannedTask, ...] | None = field(default=None, metadata=OPTIONAL)  #: what is refused
    waiting: tuple[WaitingTask, ...] | None = field(default=None, metadata=OPTIONAL)  #: those of the jobs that wait
    later: tuple[LaterTask, ...] | None = field(default=None, metadata=OPTIONAL)  #: what waits for its time
    follows: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)  #: the names of the products they make
    failures: Sequence[AttemptRow] | None = field(default=None, metadata=OPTIONAL)  #: those that are not retried yet
    recalls: tuple[FromStore, ...] | None = field(default=None, metadata=OPTIONAL)  #: inputs that come from stores
    lost: tuple[LostFile, ...] | None = field(default=None, metadata=OPTIONAL)  #: gone from disk, and not made again
    lost_problem: str | None = field(default=None, metadata=OPTIONAL)  #: on directories that lack all their files
    notes: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)  #: the assumptions
    never_due: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)  #: on processes that never are
    totals: PlanTotals | None = field(default=None, metadata=OPTIONAL)  #: how much there is to do

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do and nothing to report."""
        ingest = self.incoming or self.incoming_problem
        gone = self.lost or self.lost_problem
        work = self.edited_codes or self.tasks or self.withdrawn or self.problems or self.failures
        return not (ingest or gone or work)


def plan(store: Store, options: Options, choice: SlotChoice = EVERY_SLOT) -> Plan:
    """Preview what the next run would ingest and build, as far as it is chosen.

    Raises
    ------
    NotFoundError
        No process that may run has a keyword of the chosen key.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
    allowed = allowed_processes(definition, options)
    require_fields(choice.key, fields_of_processes(definition, allowed), "what is planned")
    arrivals, decisions = _arrivals(definition, store, options) if options.ingest else (Plan(), ())
    lost = gone(store, definition, _MOST_LOST)
    returning = {each.known.filename for each in decisions if isinstance(each, triage.Restored)}
    missed = tuple(each for each in lost.files if not each.is_made_again and each.file not in returning)
    arrivals = replace(arrivals, lost=missed, lost_problem=lost.problem, sources=_sources(store, definition, options))
    if not options.process:
        return arrivals
    taken = taken_in(store, decisions)
    back = {each.known.file_id for each in decisions if _comes_back(each)}
    vanished = [file for file in lost.unnoticed if file.file_id not in back]
    with store.at_one_moment() as still:
        hypothesis = Hypothesis(definition, taken.queued, taken.delivered, taken.replaced)
        faults = partial(_faults, still, definition, back | {file.file_id for file in lost.unnoticed})
        made = list(predict(still, _without(still, hypothesis, vanished), allowed, faults))
    with store.begin() as connection:
        failures = open_failures(connection, definition, choice)
        names = {row.campaign_id: row.name for row in campaigns.entries(connection)}
        undue = tuple(never_due(connection, definition))
        waiting = waitingslots.entries(connection)
    decided = {each.slot for each in made if each.state in (State.STALE, State.REFUSED)}
    meant = _Meant(definition, choice)
    tasks = tuple(_tasks(definition, made, names, meant))
    jobs = [each.task for each in made if each.state is State.STALE and each.task and meant.has(each.slot, each.period)]
    return replace(
        arrivals,
        edited_codes=edits_in_words(definition),
        tasks=tasks,
        withdrawn=tuple(_withdrawn(made, meant)),
        problems=tuple(_problems(definition, made, meant)),
        waiting=tuple(_waiting(tasks)),
        later=tuple(_later(store, definition, made, waiting, meant)),
        follows=_follows(definition, tasks),
        failures=[failure for failure in failures if failure.place not in decided and not _is_due(failure)],
        notes=(EARLY_CUTOFF,) if any(each.task and each.task.process.early_cutoff for each in made) else (),
        never_due=undue,
        totals=_totals(store, jobs, options.slots),
        recalls=_recalls(store, definition.mission, jobs),
    )


def _sources(store: Store, definition: Definition, options: Options) -> tuple[str, ...] | None:
    """The names of the sources from which the next run fetches; they are not asked what there is."""
    if not options.ingest:
        return None
    return (
        tuple(source.name for source, _ in sources_due(store, definition.mission)) if definition.mission.sources else ()
    )


def _comes_back(decision: triage.Decision) -> TypeGuard[triage.Restored | triage.Duplicate]:
    """Whether a file of the catalogue is as it was recorded once the run has taken what arrived."""
    if isinstance(decision, triage.Duplicate):
        return fault_at_home(decision) is None
    return isinstance(decision, triage.Restored)


def _without(store: Store, hypothesis: Hypothesis, vanished: Sequence[File]) -> Hypothesis:
    """The hypothesis that some files are recorded as gone, too."""
    if not vanished:
        return hypothesis
    numbers = [file.file_id for file in vanished]
    with store.begin() as connection:
        before = files.newest_besides(connection, numbers)
        queued = queue.as_queued(connection, file_ids=sources_of(connection, hypothesis.definition, vanished))
    pairs = tuple((file, before.get(file.file_id)) for file in vanished)
    return replace(hypothesis, queued=(*queued, *hypothesis.queued), lost=pairs)


def _faults(store: Store, definition: Definition, moving: Collection[int], tasks: Sequence[Task]) -> list[str | None]:
    """Why jobs cannot begin; of inputs that are not yet as they will be nothing can be said."""
    moving = {*moving, *to_recall(store, definition.mission, _inputs_of(tasks))}
    seen = [replace(task, inputs=tuple(file for file in task.inputs if file.file_id not in moving)) for task in tasks]
    newcomers = Newcomers(store, definition)
    return [
        newcomers.fault(task) or inputs.fault or taken_place(definition, task)
        for task, inputs in zip(tasks, look(store, definition.mission, seen), strict=True)
    ]


def _inputs_of(tasks: Sequence[Task]) -> list[int]:
    """The inputs that the catalogue has."""
    return sorted({file.file_id for task in tasks for file in task.inputs if file.file_id > 0})


def _recalls(store: Store, mission: Mission, tasks: Sequence[Task]) -> tuple[FromStore, ...]:
    """From which stores inputs of jobs come, if these are up."""
    wanted = to_recall(store, mission, _inputs_of(tasks))
    with store.begin() as connection:
        found, _ = foreseen(connection, mission, sorted(wanted))
    return tuple(found)


def _arrivals(definition: Definition, store: Store, options: Options) -> tuple[Plan, Sequence[triage.Decision]]:
    """What the next run would ingest, or why that cannot be determined."""
    try:
        found = scan_mission(store, definition, options.pattern)
    except UserError as error:
        return Plan(incoming=(), unsettled=0, incoming_problem=str(error)), ()
    if not found.settled:
        return Plan(incoming=(), unsettled=found.unsettled), ()
    with Inspection(definition) as inspection:
        decisions = triage.Triage(store, definition, inspection).decide(found.settled)
    files = tuple((decision.arrival.name, _sentence(definition, decision)) for decision in decisions)
    taken = () if refused_inspectors(definition) else decisions
    return Plan(incoming=files, unsettled=found.unsettled), taken


def _sentence(definition: Definition, decision: triage.Decision) -> str:
    match decision:
        case triage.Refused(message=message):
            return f"to quarantine: {message}"
        case triage.Left(message=message):
            return f"stays in incoming: {message}"
        case triage.Duplicate():
            return fault_at_home(decision) or "nothing: its bytes are in the catalogue already"
        case triage.Restored(target=target):
            return f"back to {target}, where it is missing"
        case triage.Accepted(file=file):
            about = definition.products[file.product_id].quality_of
            word = f"; what comes of its word about {about} is not foreseen" if about else ""
            return f"{accepted_words(definition, file)}{word}"


@dataclass(frozen=True, slots=True)
class _Meant:
    """What is chosen of a plan."""

    definition: Definition
    choice: SlotChoice

    def has(self, slot: Slot, period: Period | None) -> bool:
        """Whether a slot is shown."""
        return self.choice.has(self.definition.processes[slot.process_id], slot, period)


def _tasks(
    definition: Definition, made: Sequence[Decision], names: Mapping[int, str], meant: _Meant
) -> Iterator[PlannedTask]:
    made_here: dict[str, str] = {}
    for decision in made:
        task = decision.task
        if decision.state is State.STALE and task is not None:
            waits_for = [made_here[file.filename] for file in task.inputs if file.filename in made_here]
            campaign = None if task.campaign_id is None else names.get(task.campaign_id)
            if meant.has(decision.slot, decision.period):
                yield _planned_task(definition, decision, campaign, waits_for[-1] if waits_for else None)
            made_here.update(
                dict.fromkeys((each.name for each in task.outputs), f"{task.process.name} {task_shown(task)}")
            )


def _withdrawn(made: Sequence[Decision], meant: _Meant) -> Iterator[WithdrawnOutput]:
    """What a run takes out of its place, because of what it was made from."""
    for decision in made:
        if decision.withdraws and meant.has(decision.slot, decision.period):
            for file, cause in decision.withdraws:
                yield WithdrawnOutput(file=file.filename, cause=cause.filename, why=decision.explanation)


def _problems(definition: Definition, made: Sequence[Decision], meant: _Meant) -> Iterator[PlannedTask]:
    refused = (decision for decision in made if decision.state in (State.REFUSED, State.HINDERED))
    return (_planned_task(definition, decision) for decision in refused if meant.has(decision.slot, decision.period))


def _planned_task(
    definition: Definition, decision: Decision, campaign: str | None = None, waits_for: str | None = None
) -> PlannedTask:
    process, task = definition.processes[decision.slot.process_id], decision.task
    outputs = tuple(planned.name for planned in task.outputs) if task else ()
    return PlannedTask(
        process=process.name,
        slot=slot_shown(process, decision.slot, decision.period),
        state=decision.state,
        outputs=outputs,
        inputs=tuple(file.filename for file in task.inputs) if task else (),
        why=decision.explanation,
        reasons=tuple(reason.text for reason in task.reasons) if task else (),
        campaign=campaign,
        waits_for=waits_for,
        output=outputs[0] if outputs else None,
    )


def _waiting(tasks: Sequence[PlannedTask]) -> Iterator[WaitingTask]:
    for task in tasks:
        if task.waits_for:
            yield WaitingTask(process=task.process, slot=task.slot, waits_for=task.waits_for)


def _later(
    store: Store, definition: Definition, made: Sequence[Decision], waiting: Sequence[WaitingRow], meant: _Meant
) -> Iterator[LaterTask]:
    """What waits after the next run: what that decides, and what it does not look at."""
    decided = {decision.slot: decision.period for decision in made}
    rows = [WaitingRow(each.slot, each.until, each.explanation) for each in made if each.state is State.WAITING]
    rows += [row for row in waiting if row.slot not in decided and row.slot.process_id in definition.codes]
    periods = periods_of(definition, facts_of(store, definition), [row.slot for row in rows])
    for row in sorted(rows, key=attrgetter("slot")):
        process, period = definition.processes.get(row.slot.process_id), decided.get(row.slot) or periods.get(row.slot)
        if process is not None and meant.has(row.slot, period):
            shown = slot_shown(process, row.slot, period)
            yield LaterTask(process=process.name, slot=shown, until=row.until, why=row.why)


def _follows(definition: Definition, tasks: Sequence[PlannedTask]) -> tuple[str, ...]:
    makes = {process.name: process.outputs for process in definition.processes.values()}
    found = {product_id for task in tasks if task.waits_for for product_id in makes[task.process]}
    return tuple(sorted(definition.products[product_id].name for product_id in found))


def _totals(store: Store, tasks: Sequence[Task], slots: int) -> PlanTotals:
    """How much there is to do, and how long it takes by what such jobs took."""
    jobs = Counter(task.slot.process_id for task in tasks)
    names = {task.slot.process_id: task.process.name for task in tasks}
    with store.begin() as connection:
        found = history.recent_seconds(connection, jobs)
    usual = {process_id: statistics.median(each) for process_id, each in found.items() if each}
    return PlanTotals(
        jobs=len(tasks),
        slots=slots,
        seconds=seconds_of(_works(tasks, usual), slots) if usual else None,
        jobs_without_history=sum(number for process_id, number in jobs.items() if process_id not in usual),
        processes=tuple(
            PlannedWork(process=names[process_id], jobs=number, seconds=usual.get(process_id))
            for process_id, number in jobs.items()
        ),
    )


def _works(tasks: Sequence[Task], usual: Mapping[int, float]) -> Iterator[Work]:
    """The jobs as their time goes: after those that make their inputs."""
    made_by: dict[str, int] = {}
    for number, task in enumerate(tasks):
        after = {made_by[file.filename] for file in task.inputs if file.filename in made_by}
        yield Work(usual.get(task.slot.process_id, 0.0), task.code.cpu, tuple(after))
        made_by.update((planned.name, number) for planned in task.outputs)


def _is_due(failure: AttemptRow) -> bool:
    """Whether a failed job is due for a retry, and so is among the tasks."""
    return failure.next_try is not None and failure.next_try <= dt.datetime.now(dt.UTC)
