"""What would be made if something changed: the next run, foreseen over the database as it is, changing nothing.

What the change does is told by what carries it out: the release, the campaign, the triage of what arrives. What then
is decided and built is told by the scheduler of runs (:mod:`dbproc.run.simulation`). Every job is taken to succeed and
its output to differ from the one that it replaces: with early cutoff what is made may be less.
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
    """What a job of a process is expected to take, or a file of a product; None where there is no history."""

    cpu_seconds: Mapping[int, float]  #: by process
    size: Mapping[int, float]  #: by product, bytes


@dataclass(frozen=True, slots=True)
class Totals:
    """How much it is; CPU hours and bytes are None where there is no history at all."""

    files: int
    jobs: int
    cpu_hours: float | None
    bytes: int | None
    jobs_without_history: int


@dataclass(frozen=True, slots=True)
class Group:
    """What would be made of a product; `level` is None for the jobs of a process without output."""

    level: float | None
    name: str
    made: tuple[PredictedFile, ...]
    totals: Totals


@dataclass(frozen=True)
class Prediction:
    """What would be done.

    Attributes
    ----------
    made
        Every file, and every job without output, by level, product, date and name.
    hindered
        What would be due, but is refused, or failed before and waits.
    notes
        What is to be said besides: what would become of a file that is delivered, and what was assumed.
    is_refused
        Whether the file that was asked about would not be taken in.
    """

    definition: Definition
    made: tuple[PredictedFile, ...]
    hindered: tuple[Decision, ...]
    cost: Cost
    notes: tuple[str, ...] = ()
    is_refused: bool = False

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """What would be made, by level and product; last the jobs without output, by process."""
        return tuple(self._group(*key, tuple(made)) for key, made in groupby(self.made, key=_product_and_process))

    @cached_property
    def totals(self) -> Totals:
        """How much it is in all."""
        return self._totals(self.made)

    def cpu_hours(self, made: Iterable[PredictedFile]) -> float | None:
        """What the jobs took before; a further output takes nothing of its own."""
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
    """What would be made if a code were released.

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
    """What would be made if the selected outputs were looked at again, or made again with `forced`.

    Raises
    ------
    UserError
        What is selected is not known, or cannot be forced.
    """
    chosen = choose(store, selection, forced)
    if forced is not None:
        slots = [decision.slot for decision in chosen.decisions]
        return _predicted(store, Hypothesis(chosen.definition, forced=slots, forced_part=forced))
    with store.begin() as connection:
        queued = queue.as_queued(connection, file_ids=chosen.inputs)
    return _predicted(store, Hypothesis(chosen.definition, queued))


def if_delivered(store: Store, path: str, part: Part = Part.REVISION) -> Prediction:
    """What would be made if a file were delivered; of a file of the catalogue, if a new version of it were, with the
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
    """What the next run would decide, by all processes or those that are `allowed`: edits are settled first, what every
    run begins with comes next, then the queue and the campaigns."""
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
    """The file of the catalogue that is meant: one in its place, or a name of which there is no other file here."""
    home = os.path.realpath(definition.mission.root)
    with store.begin() as connection:
        if not os.path.lexists(path):
            return files.find_file(connection, path)
        rows = files.files_named(connection, [os.path.basename(path)])
    places = {os.path.join(home, row.directory, row.filename): row for row in rows}
    return places.get(os.path.realpath(path))


def _if_newer(store: Store, definition: Definition, known: files.FileRow, part: Part) -> Prediction:
    """A file of the catalogue as if its next version were delivered."""
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
    """Decide about a file as a run decides about what is in incoming; it stays where it is."""
    from dbproc.core.filenames import is_unfinished
    from dbproc.ingest.incoming import arrival_at
    from dbproc.ingest.triage import Accepted, Duplicate, Refused, Restored, Triage
    from dbproc.products.inspection import Inspection

    arrival = arrival_at(path, definition)
    name = arrival.name
    if is_unfinished(name):
        note = f"{name} would not be taken in: its name says that it is not finished"
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
