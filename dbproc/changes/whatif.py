"""Predict what would be made after a change, without changing anything.

The code that makes a change (release, campaign, triage) gives its effect; the scheduler of runs
(:mod:`dbproc.run.simulation`) decides and builds from there. Every job is assumed to succeed with an output that
differs from the replaced one: with early cutoff, less may be made.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from dbproc.changes.arrivals import as_newest, taken_in
from dbproc.changes.edits import predict_edits
from dbproc.changes.release import Request, propose
from dbproc.changes.reprocess import Selection, choose
from dbproc.core.answers import HIDDEN, INLINE, key
from dbproc.core.errors import UserError
from dbproc.core.lookup import process_named
from dbproc.core.model import Definition, File, Planned, Product, Slot, Task, Timebase
from dbproc.core.plan import Decision, State, startup_decision
from dbproc.core.slot_text import SlotShown, file_words, slot_shown, task_shown
from dbproc.core.states import RefusalReason
from dbproc.core.version import Part, Version
from dbproc.database import files, queue
from dbproc.database import statistics as history
from dbproc.database.definition.load import load_definition
from dbproc.database.definition.specs import load_holdings
from dbproc.database.store import Store
from dbproc.mission.codes import as_model
from dbproc.run.selection import startup_processes
from dbproc.run.simulation import Faults, Hypothesis, no_faults, simulate

EARLY_CUTOFF = (
    "early cutoff is on: this is the most that can happen; what comes from an output that equals the one it replaces "
    "is left as it is"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an execution of a process is for."""

    process: str  #: the name of the process
    slot: SlotShown = field(metadata=INLINE)

    def __str__(self) -> str:
        return f"{self.process} {self.slot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedJob(Subject):
    """A job that would be done."""

    code_version: Version  #: the version of its code
    reasons: tuple[str, ...]  #: why


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedFile:
    """A file that would be made, and the job that makes it."""

    level: float  #: the level of its product
    product: str  #: the name of its product
    job: PredictedJob = field(metadata=INLINE)
    file: str  #: its name
    version: Version  #: its version
    replaces: str | None  #: the name of the file that it replaces
    bytes: float | None  #: its expected size; null without history
    cpu_hours: float | None  #: the expected cost of its job; null without history, and but for the first file of a job


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much would be made."""

    files: int  #: how many files
    jobs: int  #: how many jobs
    cpu_hours: float | None  #: what they are expected to take; null without any history
    bytes: int | None  #: the expected size of the files; null without any history
    jobs_without_history: int  #: how many jobs are not in the CPU hours


@dataclass(frozen=True, slots=True)
class Made:
    """An output that would be made; without `output`, a job that has none."""

    task: Task
    output: tuple[Product, Planned] | None = None

    @property
    def is_first(self) -> bool:
        """False for the outputs that a job makes besides its first."""
        return self.output is None or self.output[1] is self.task.outputs[0]

    @property
    def what(self) -> str:
        """The name of the file, or the period and key of the job."""
        return self.output[1].name if self.output else str(task_shown(self.task))

    @property
    def job(self) -> PredictedJob:
        """The job as an answer."""
        return PredictedJob(
            process=self.task.process.name,
            slot=task_shown(self.task),
            code_version=self.task.code.version,
            reasons=tuple(reason.text for reason in self.task.reasons),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """How much would be made of a product, or by a process without output."""

    level: float | None  #: the level of the product; null: of a process
    product: str  #: the name of the product, or of the process
    totals: Totals = field(metadata=INLINE)
    made: tuple[Made, ...] = field(metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindered(Subject):
    """What would be due, but is refused, failed before and is tried later, or waits for its time."""

    state: State  #: how it stands
    why: str  #: in a sentence


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predicted work, in the order of levels, products, dates and names."""

    notes: tuple[str, ...]  #: the fate of a delivered file, and assumptions
    is_refused: bool = field(metadata=key("refused"))  #: whether the given file would be refused
    files: tuple[PredictedFile, ...]  #: every file
    jobs: tuple[PredictedJob, ...]  #: every job without output
    groups: tuple[Group, ...] = field(metadata=key("products"))  #: the sums of each product, last those of `jobs`
    totals: Totals  #: the sums over everything
    hindered: tuple[Hindered, ...]  #: what cannot be made


@dataclass(frozen=True, slots=True)
class _Cost:
    """The expected cost of a process's job, or size of a product's file, where there is a history."""

    cpu_seconds: Mapping[int, float]  #: by process
    size: Mapping[int, float]  #: by product, bytes

    def cpu_hours(self, made: Iterable[Made]) -> float | None:
        """The expected CPU hours of jobs; further outputs add nothing."""
        processes = [each.task.slot.process_id for each in made if each.is_first]
        seconds = [self.cpu_seconds[process_id] for process_id in processes if process_id in self.cpu_seconds]
        return sum(seconds) / 3600 if seconds else None

    def totals(self, made: Sequence[Made]) -> Totals:
        """The sums."""
        jobs = [each for each in made if each.is_first]
        products = [each.output[0].product_id for each in made if each.output]
        known = [self.size[product_id] for product_id in products if product_id in self.size]
        return Totals(
            files=len(products),
            jobs=len(jobs),
            cpu_hours=self.cpu_hours(jobs),
            bytes=round(sum(known)) if known else None,
            jobs_without_history=sum(each.task.slot.process_id not in self.cpu_seconds for each in jobs),
        )

    def file(self, made: Made, product: Product, planned: Planned) -> PredictedFile:
        """The output as an answer."""
        return PredictedFile(
            level=product.level,
            product=product.name,
            job=made.job,
            file=planned.name,
            version=planned.version,
            replaces=planned.replaces.filename if planned.replaces else None,
            bytes=self.size.get(product.product_id),
            cpu_hours=self.cpu_hours([made]),
        )

    def group(self, made: tuple[Made, ...]) -> Group:
        """Outputs of one product, or jobs of one process."""
        task, output = made[0].task, made[0].output
        level, name = (output[0].level, output[0].name) if output else (None, task.process.name)
        return Group(level, name, self.totals(made), made)


def if_released(store: Store, request: Request) -> Prediction:
    """Predict the effect of releasing a code.

    Raises
    ------
    UserError
        It cannot be released; the message says what is possible.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        holdings = load_holdings(connection)
        changes = propose(holdings, request).changes
        again = {process_named(definition, change.name).process_id for change in changes if change.again}
        inputs = {link.product_id for process_id in again for link in definition.processes[process_id].inputs}
        queued = queue.as_queued(connection, product_ids=sorted(inputs))
    return _predicted(store, Hypothesis(as_model(definition, holdings, changes), queued))


def if_reprocessed(store: Store, selection: Selection, forced: Part | None) -> Prediction:
    """Predict the effect of looking at the selected outputs again, or of making them again with `forced`.

    Raises
    ------
    UserError
        The selection is not known, or cannot be forced.
    """
    chosen = choose(store, selection, forced)
    if forced is not None:
        slots = [decision.slot for decision in chosen.decisions]
        return _predicted(store, Hypothesis(chosen.definition, forced=slots, forced_part=forced))
    with store.begin() as connection:
        queued = queue.as_queued(connection, file_ids=chosen.inputs)
    return _predicted(store, Hypothesis(chosen.definition, queued))


def if_delivered(store: Store, path: str, part: Part = Part.REVISION) -> Prediction:
    """Predict the effect of delivering a file; for a file of the catalogue, of a new version of it, with the
    next `part`.

    Raises
    ------
    NotFoundError
        There is no such file on disk and none of this name in the catalogue.
    UserError
        It is a file of the catalogue that another one replaces.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
    known = _known(store, definition, path)
    return _if_it_arrived(store, definition, path) if known is None else _if_newer(store, definition, known, part)


def predict(
    store: Store, hypothesis: Hypothesis, allowed: frozenset[int] | None = None, faults: Faults = no_faults
) -> Iterator[Decision]:
    """Predict the decisions of the next run, for all or the `allowed` processes: edits are settled first, then the
    processes that every run begins with, the queue and the campaigns."""
    edits = predict_edits(store, hypothesis.definition)
    definition, processes = edits.definition, edits.definition.processes
    may_run = (frozenset(processes) if allowed is None else allowed) - edits.refused
    today = dt.datetime.now(dt.UTC).date()
    for process in startup_processes(definition, may_run):
        yield startup_decision(definition, process, today)
    again = {link.product_id for process_id in edits.released for link in processes[process_id].inputs}
    with store.begin() as connection:
        queued = (*hypothesis.queued, *queue.as_queued(connection, product_ids=sorted(again)))
    yield from simulate(store, replace(hypothesis, definition=definition, queued=queued), may_run, faults)


def _predicted(store: Store, hypothesis: Hypothesis, notes: Sequence[str] = (), is_refused: bool = False) -> Prediction:
    definition = hypothesis.definition
    made: list[Made] = []
    hindered: list[Hindered] = []
    with store.at_one_moment() as still:
        for decision in predict(still, hypothesis):
            task = decision.task
            if decision.state in (State.REFUSED, State.DELAYED, State.WAITING):
                hindered.append(_hindered(definition, decision))
            elif task is not None and task.process.timebase is not Timebase.STARTUP:
                made += _outputs(definition, task)
        cost = _cost(still, made)
    made.sort(key=_place)
    return Prediction(
        notes=(*notes, *_assumptions(made)),
        is_refused=is_refused,
        files=tuple(cost.file(each, *each.output) for each in made if each.output),
        jobs=tuple(each.job for each in made if not each.output),
        groups=tuple(cost.group(tuple(alike)) for _, alike in groupby(made, key=_product_and_process)),
        totals=cost.totals(made),
        hindered=tuple(hindered),
    )


def _hindered(definition: Definition, decision: Decision) -> Hindered:
    process = definition.processes[decision.slot.process_id]
    return Hindered(
        process=process.name,
        slot=slot_shown(process, decision.slot, decision.period),
        state=decision.state,
        why=decision.explanation,
    )


def _outputs(definition: Definition, task: Task) -> list[Made]:
    outputs = [Made(task, (definition.products[planned.product_id], planned)) for planned in task.outputs]
    return outputs or [Made(task)]


def _place(made: Made) -> tuple[float, int, Slot]:
    product = made.output[0] if made.output else None
    return (product.level, product.product_id, made.task.slot) if product else (made.task.level, 0, made.task.slot)


def _product_and_process(made: Made) -> tuple[int | None, int]:
    return made.output[0].product_id if made.output else None, made.task.slot.process_id


# --- a file that is delivered ---


def _known(store: Store, definition: Definition, path: str) -> files.FileRow | None:
    """The file of the catalogue: by its place, or by a name that no other file here has."""
    home = definition.mission.root
    with store.begin() as connection:
        if not os.path.lexists(path):
            return files.find_file(connection, path)
        rows = files.files_named(connection, [os.path.basename(path)])
    places = {os.path.realpath(os.path.join(home, row.directory, row.filename)): row for row in rows}
    return places.get(os.path.realpath(path))


def _if_newer(store: Store, definition: Definition, known: files.FileRow, part: Part) -> Prediction:
    """The next version of a file of the catalogue, as if delivered."""
    with store.begin() as connection:
        newest = files.newest_of(connection, known.product_id, known.date, known.keywords)
    if newest is not None and newest.file_id != known.file_id:
        raise UserError(f"{known.filename} is replaced by {newest.filename}: ask about that one")
    version = known.version.bumped(part)
    file = File(
        file_id=0,
        product_id=known.product_id,
        filename=known.filename.replace(str(known.version), str(version)),
        date=known.date,
        start=known.start,
        stop=known.stop,
        version=version,
        keywords=known.keywords,
        directory=known.directory,
    )
    note = f"as if {file.filename} came in the place of {known.filename}"
    taken = as_newest(store, [file])
    return _predicted(store, Hypothesis(definition, taken.queued, taken.delivered), [note])


def _if_it_arrived(store: Store, definition: Definition, path: str) -> Prediction:
    """Triage a file as a run does with files in incoming; it is not moved."""
    from dbproc.core.filenames import is_unfinished
    from dbproc.ingest.incoming import arrival_at
    from dbproc.ingest.triage import Accepted, Duplicate, Left, Refused, Restored, Triage
    from dbproc.products.inspection import Inspection

    arrival = arrival_at(path, definition)
    name = arrival.name
    if is_unfinished(name):
        note = f"{name} would not be ingested: its name says that it is not finished"
        return _predicted(store, Hypothesis(definition), [note], is_refused=True)
    with Inspection(definition) as inspection:
        decisions = Triage(store, definition, inspection).decide([arrival])
    decision = decisions[0] if decisions else Refused(arrival, RefusalReason.UNREADABLE, "it changes while it is read")
    match decision:
        case Accepted(file=file):
            product = definition.products[file.product_id]
            note = f"{name} would be {file_words(product, file.facts)} {file.version}"
        case Restored(target=target):
            note = f"{name} would go back to {target}, where it is missing"
        case Duplicate():
            note = f"{name} is in the catalogue already: nothing would be done"
        case Refused(reason=reason, message=message):
            note = f"{name} would go to quarantine: {reason}: {message}"
        case Left(message=message):
            note = f"{name} would stay in incoming: {message}"
    taken = taken_in(store, [decision])
    stays = [f"{name} is newer, and stays the one that is used" for name in taken.newer]
    hypothesis = Hypothesis(definition, taken.queued, taken.delivered, taken.replaced)
    return _predicted(store, hypothesis, [note, *stays], is_refused=isinstance(decision, Refused | Left))


# --- what it costs ---


def _cost(store: Store, made: Sequence[Made]) -> _Cost:
    with store.begin() as connection:
        return _Cost(
            _medians(history.recent_cpu(connection, {each.task.slot.process_id for each in made})),
            _medians(history.recent_sizes(connection, {each.output[0].product_id for each in made if each.output})),
        )


def _medians(values: Mapping[int, Sequence[float]]) -> dict[int, float]:
    return {key: statistics.median(each) for key, each in values.items() if each}


def _assumptions(made: Sequence[Made]) -> Iterator[str]:
    if any(each.task.process.early_cutoff for each in made):
        yield EARLY_CUTOFF
