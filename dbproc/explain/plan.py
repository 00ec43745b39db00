"""Preview the next run without changing anything: the answer of ``dbproc plan``.

Arrived files are laid over the catalogue as triage would accept them; the rest is the prediction of what-if,
:func:`dbproc.changes.whatif.predict`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbproc.changes.arrivals import taken_in
from dbproc.changes.edits import EditInWords, edits_in_words, refused_inspectors
from dbproc.changes.whatif import EARLY_CUTOFF, predict
from dbproc.core.errors import UserError
from dbproc.core.model import Definition
from dbproc.core.plan import Decision, State
from dbproc.database import campaigns
from dbproc.database.attempts import AttemptRow
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.explain.status import open_failures
from dbproc.ingest import triage
from dbproc.ingest.incoming import scan_mission
from dbproc.products.inspection import Inspection
from dbproc.run.selection import Options, allowed_processes
from dbproc.run.simulation import Hypothesis


@dataclass(frozen=True, slots=True)
class Incoming:
    """Names of arrived files with their fate in the next run; or the problem that prevents ingest."""

    files: tuple[tuple[str, str], ...] = ()
    unsettled: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A job of the next run, or a refused one; `waits_for` is a process and date that it is made from."""

    process: str
    date: str
    keywords: str
    state: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    why: str
    campaign: str | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The next run.

    Attributes
    ----------
    incoming
        What it would ingest; None when not requested.
    edited_codes
        Codes and inspectors that changed under their version, and the consequences.
    tasks
        The jobs in a possible order; some have outputs of others as inputs.
    problems
        Refused tasks.
    follows
        The products made from outputs of the run itself.
    failures
        Failures whose retry is not due yet.
    notes
        The assumptions.
    """

    incoming: Incoming | None = None
    edited_codes: Sequence[EditInWords] = ()
    tasks: tuple[PlannedTask, ...] = ()
    problems: tuple[PlannedTask, ...] = ()
    follows: tuple[str, ...] = ()
    failures: Sequence[AttemptRow] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do and nothing to report."""
        incoming = self.incoming is not None and (self.incoming.files or self.incoming.problem)
        return not (incoming or self.edited_codes or self.tasks or self.problems or self.failures)


def plan(store: Store, options: Options) -> Plan:
    """Preview what the next run would ingest and build."""
    with store.begin() as connection:
        definition = load_definition(connection)
    incoming, decisions = _arrivals(definition, store, options) if options.ingest else (None, ())
    if not options.process:
        return Plan(incoming)
    taken = taken_in(store, decisions)
    with store.at_one_moment() as still:
        hypothesis = Hypothesis(definition, taken.queued, taken.delivered)
        made = list(predict(still, hypothesis, allowed_processes(definition, options)))
    with store.begin() as connection:
        failures = open_failures(connection, definition)
        names = {row.campaign_id: row.name for row in campaigns.entries(connection)}
    tasks = tuple(_tasks(definition, made, names))
    return Plan(
        incoming=incoming,
        edited_codes=edits_in_words(definition),
        tasks=tasks,
        problems=tuple(_problems(definition, made)),
        follows=_follows(definition, tasks),
        failures=[failure for failure in failures if not _is_due(failure)],
        notes=(EARLY_CUTOFF,) if any(each.task and each.task.process.early_cutoff for each in made) else (),
    )


def _arrivals(definition: Definition, store: Store, options: Options) -> tuple[Incoming, Sequence[triage.Decision]]:
    """What the next run would ingest, or why that cannot be determined."""
    try:
        found = scan_mission(definition, options.pattern)
    except UserError as error:
        return Incoming(problem=str(error)), ()
    if not found.settled:
        return Incoming(unsettled=found.unsettled), ()
    with Inspection(definition) as inspection:
        decisions = triage.Triage(store, definition, inspection).decide(found.settled)
    files = tuple((decision.arrival.name, _sentence(definition, decision)) for decision in decisions)
    taken = () if refused_inspectors(definition) else decisions
    return Incoming(files, found.unsettled), taken


def _sentence(definition: Definition, decision: triage.Decision) -> str:
    match decision:
        case triage.Refused(message=message):
            return f"to quarantine: {message}"
        case triage.Duplicate():
            return "nothing: its bytes are in the catalogue already"
        case triage.Restored(target=target):
            return f"back to {target}, where it is missing"
        case triage.Accepted(file=file):
            return f"{definition.products[file.product_id].name} {file.facts.date} {file.version}"


def _tasks(definition: Definition, made: Sequence[Decision], names: Mapping[int, str]) -> Iterator[PlannedTask]:
    made_here: dict[str, str] = {}
    for decision in made:
        task = decision.task
        if decision.state is State.STALE and task is not None:
            waits_for = [made_here[file.filename] for file in task.inputs if file.filename in made_here]
            campaign = None if task.campaign_id is None else names.get(task.campaign_id)
            yield _planned_task(definition, decision, campaign, waits_for[-1] if waits_for else None)
            made_here.update(
                dict.fromkeys((each.name for each in task.outputs), f"{task.process.name} {task.slot.date}")
            )


def _problems(definition: Definition, made: Sequence[Decision]) -> Iterator[PlannedTask]:
    return (_planned_task(definition, decision) for decision in made if decision.state is State.REFUSED)


def _planned_task(
    definition: Definition, decision: Decision, campaign: str | None = None, waits_for: str | None = None
) -> PlannedTask:
    slot, task = decision.slot, decision.task
    return PlannedTask(
        process=definition.processes[slot.process_id].name,
        date=slot.date.isoformat(),
        keywords=slot.keywords,
        state=str(decision.state),
        outputs=tuple(planned.name for planned in task.outputs) if task else (),
        inputs=tuple(file.filename for file in task.inputs) if task else (),
        why=decision.explanation,
        campaign=campaign,
        waits_for=waits_for,
    )


def _follows(definition: Definition, tasks: Sequence[PlannedTask]) -> tuple[str, ...]:
    makes = {process.name: process.outputs for process in definition.processes.values()}
    found = {product_id for task in tasks if task.waits_for for product_id in makes[task.process]}
    return tuple(sorted(definition.products[product_id].name for product_id in found))


def _is_due(failure: AttemptRow) -> bool:
    """Whether a failed job is due for a retry, and so is among the tasks."""
    return failure.next_try is not None and failure.next_try <= dt.datetime.now(dt.UTC)
