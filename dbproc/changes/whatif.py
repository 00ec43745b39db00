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
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from dbproc.changes.arrivals import as_newest, taken_in
from dbproc.changes.edits import predict_edits
from dbproc.changes.release import Request, propose
from dbproc.changes.reprocess import Selection, choose
from dbproc.core.errors import UserError
from dbproc.core.lookup import process_named
from dbproc.core.model import Definition, File, Slot, Task, Timebase
from dbproc.core.plan import Decision, State, startup_decision
from dbproc.core.version import Part, Version
from dbproc.database import files, queue
from dbproc.database import statistics as history
from dbproc.database.definition.load import load_definition
from dbproc.database.definition.specs import load_holdings
from dbproc.database.store import Store
from dbproc.mission.codes import as_model
from dbproc.run.selection import startup_processes
from dbproc.run.simulation import Hypothesis, simulate

EARLY_CUTOFF = (
    "early cutoff is on: this is the most that can happen; what comes from an output that equals the one it replaces "
    "is left as it is"
)


@dataclass(frozen=True, slots=True)
class PredictedFile:
    """A file that would be made, by which code and for which reasons; `product` is None for a job without output.

    `is_first` is False for the outputs that a job makes besides its first.
    """

    slot: Slot
    level: float
    product_id: int | None
    name: str | None
    version: Version | None
    replaces: str | None
    reasons: tuple[str, ...]
    code_version: Version
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class Cost:
    """The expected cost of a process's job, or size of a product's file; None without history."""

    cpu_seconds: Mapping[int, float]  #: by process
    size: Mapping[int, float]  #: by product, bytes


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums; CPU hours and bytes are None without any history."""

    files: int
    jobs: int
    cpu_hours: float | None
    bytes: int | None
    jobs_without_history: int


@dataclass(frozen=True, slots=True)
class Group:
    """The predicted files of a product; `level` is None for the jobs of a process without output."""

    level: float | None
    name: str
    made: tuple[PredictedFile, ...]
    totals: Totals


@dataclass(frozen=True)
class Prediction:
    """The predicted work.

    Attributes
    ----------
    made
        Every file, and every job without output, by level, product, date and name.
    hindered
        Slots that would be due, but are refused, or failed before and wait.
    notes
        The fate of a delivered file, and assumptions.
    is_refused
        Whether the given file would be refused.
    """

    definition: Definition
    made: tuple[PredictedFile, ...]
    hindered: tuple[Decision, ...]
    cost: Cost
    notes: tuple[str, ...] = ()
    is_refused: bool = False

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The predicted files by level and product; last the jobs without output, by process."""
        return tuple(self._group(*key, tuple(made)) for key, made in groupby(self.made, key=_product_and_process))

    @cached_property
    def totals(self) -> Totals:
        """The sums over everything."""
        return self._totals(self.made)

    def cpu_hours(self, made: Iterable[PredictedFile]) -> float | None:
        """The expected CPU hours of jobs; further outputs add nothing."""
        cost = self.cost.cpu_seconds
        seconds = [cost[each.slot.process_id] for each in made if each.is_first and each.slot.process_id in cost]
        return sum(seconds) / 3600 if seconds else None

    def _group(self, product_id: int | None, process_id: int, made: tuple[PredictedFile, ...]) -> Group:
        if product_id is None:
            return Group(None, self.definition.processes[process_id].name, made, self._totals(made))
        product = self.definition.products[product_id]
        return Group(product.level, product.name, made, self._totals(made))

    def _totals(self, made: Sequence[PredictedFile]) -> Totals:
        jobs = [each for each in made if each.is_first]
        sizes = [self.cost.size.get(each.product_id or 0) for each in made]
        known = [size for size in sizes if size is not None]
        return Totals(
            files=sum(each.name is not None for each in made),
            jobs=len(jobs),
            cpu_hours=self.cpu_hours(jobs),
            bytes=round(sum(known)) if known else None,
            jobs_without_history=sum(each.slot.process_id not in self.cost.cpu_seconds for each in jobs),
        )


def _product_and_process(made: PredictedFile) -> tuple[int | None, int]:
    return made.product_id, made.slot.process_id


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


def predict(store: Store, hypothesis: Hypothesis, allowed: frozenset[int] | None = None) -> Iterator[Decision]:
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
    yield from simulate(store, replace(hypothesis, definition=definition, queued=queued), may_run)


def _predicted(store: Store, hypothesis: Hypothesis, notes: Sequence[str] = (), is_refused: bool = False) -> Prediction:
    definition = hypothesis.definition
    made: list[PredictedFile] = []
    hindered: list[Decision] = []
    with store.at_one_moment() as still:
        for decision in predict(still, hypothesis):
            task = decision.task
            if decision.state is not State.STALE or task is None:
                hindered.append(decision)
            elif task.process.timebase is not Timebase.STARTUP:
                made += _files(definition, task)
        made.sort(key=lambda each: (each.level, each.product_id or 0, each.slot))
        cost = _cost(still, made)
    notes = (*notes, *_assumptions(definition, made))
    return Prediction(definition, tuple(made), tuple(hindered), cost, notes, is_refused)


def _files(definition: Definition, task: Task) -> Iterator[PredictedFile]:
    reasons = tuple(reason.text for reason in task.reasons)
    if not task.outputs:
        yield PredictedFile(task.slot, task.level, None, None, None, None, reasons, task.code.version)
    for position, planned in enumerate(task.outputs):
        yield PredictedFile(
            task.slot,
            definition.products[planned.product_id].level,
            planned.product_id,
            planned.name,
            planned.version,
            planned.replaces.filename if planned.replaces else None,
            reasons,
            task.code.version,
            is_first=position == 0,
        )


# --- a file that is delivered ---


def _known(store: Store, definition: Definition, path: str) -> files.FileRow | None:
    """The file of the catalogue: by its place, or by a name that no other file here has."""
    home = os.path.realpath(definition.mission.root)
    with store.begin() as connection:
        if not os.path.lexists(path):
            return files.find_file(connection, path)
        rows = files.files_named(connection, [os.path.basename(path)])
    places = {os.path.join(home, row.directory, row.filename): row for row in rows}
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
        first_day=known.start.date(),
        last_day=known.stop.date(),
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
    from dbproc.ingest.triage import Accepted, Duplicate, Refused, Restored, Triage
    from dbproc.products.inspection import Inspection

    arrival = arrival_at(path, definition)
    name = arrival.name
    if is_unfinished(name):
        note = f"{name} would not be ingested: its name says that it is not finished"
        return _predicted(store, Hypothesis(definition), [note], is_refused=True)
    with Inspection(definition) as inspection:
        decisions = Triage(store, definition, inspection).decide([arrival])
    decision = decisions[0] if decisions else Refused(arrival, "unreadable", "it changes while it is read")
    match decision:
        case Accepted(file=file):
            product = definition.products[file.product_id]
            note = f"{name} would be {product.name} {file.facts.date} {file.version}"
        case Restored(target=target):
            note = f"{name} would go back to {target}, where it is missing"
        case Duplicate():
            note = f"{name} is in the catalogue already: nothing would be done"
        case Refused(reason=reason, message=message):
            note = f"{name} would go to quarantine: {reason}: {message}"
    taken = taken_in(store, [decision])
    stays = [f"{name} is newer, and stays the one that is used" for name in taken.newer]
    hypothesis = Hypothesis(definition, taken.queued, taken.delivered)
    return _predicted(store, hypothesis, [note, *stays], is_refused=isinstance(decision, Refused))


# --- what it costs ---


def _cost(store: Store, made: Sequence[PredictedFile]) -> Cost:
    with store.begin() as connection:
        return Cost(
            _medians(history.recent_cpu(connection, {each.slot.process_id for each in made})),
            _medians(history.recent_sizes(connection, {each.product_id for each in made if each.product_id})),
        )


def _medians(values: Mapping[int, Sequence[float]]) -> dict[int, float]:
    return {key: statistics.median(each) for key, each in values.items() if each}


def _assumptions(definition: Definition, made: Sequence[PredictedFile]) -> Iterator[str]:
    processes = {each.slot.process_id for each in made}
    if any(definition.processes[process_id].early_cutoff for process_id in processes):
        yield EARLY_CUTOFF
