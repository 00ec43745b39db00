"""What would be made if something changed: the walk of the next runs, over the catalogue as it is, changing nothing.

The slots are decided by the planner that decides them in a run, level by level. What would be made becomes a virtual
file (:mod:`dbproc.core.overlay`) that later decisions see and that queues what depends on it. Every job is taken to
succeed and its output to differ from the one that it replaces: with early cutoff what is made may be less.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

from dbproc.changes.reprocess import Selection, check_dates, choose
from dbproc.core.candidates import Needs, Queued, candidates, consumers, needs
from dbproc.core.errors import UserError
from dbproc.core.facts import Facts
from dbproc.core.frontier import Frontier
from dbproc.core.lookup import process_named
from dbproc.core.model import Code, Definition, File, NewFile, Process, Slot, Task
from dbproc.core.overlay import Overlay
from dbproc.core.periods import ONE_DAY
from dbproc.core.plan import Decision, Planner, State
from dbproc.core.spec import FIRST_DAY, LAST_DAY
from dbproc.core.version import Part, Version
from dbproc.database import files, queue
from dbproc.database import statistics as history
from dbproc.database._queries import Row
from dbproc.database.attempts import due_retries
from dbproc.database.definition.load import load_definition
from dbproc.database.planning import files_by_id, load_facts
from dbproc.database.store import Store

_DECIDED_AT_ONCE = 2000
_VIRTUAL_CODE = -1
_Load = Callable[[Definition, Needs, Sequence[Slot]], Facts]


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


@dataclass(slots=True)
class Change:
    """What is taken to have happened, besides what is queued already."""

    definition: Definition
    queued: list[Queued] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    forced: Part | None = None
    delivered: list[File] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A new version of the code of a process, for the dates from `start` to `end`.

    `file` is below the mission's codes directory, or absolute; where something is None it is as it was.
    """

    process: str
    version: Version
    file: str | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    output_interface: int | None = None
    rollback: bool = False


def if_released(store: Store, release: Release) -> Prediction:
    """What would be made if a code were released.

    Raises
    ------
    UserError
        The process is not known, the version is not above the present one, the dates are reversed, the file is not
        there, or it is not clear which code is replaced.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        process = process_named(definition, release.process)
        changed = released(definition, process, release)
        queued = queue.as_queued(connection, product_ids=sorted({link.product_id for link in process.inputs}))
    return _predicted(store, Change(changed, queued=queued))


def if_reprocessed(store: Store, selection: Selection, forced: Part | None) -> Prediction:
    """What would be made if the selected outputs were looked at again, or made again with `forced`.

    Raises
    ------
    UserError
        What is selected is not known, or cannot be forced.
    """
    chosen = choose(store, selection, forced)
    slots = [decision.slot for decision in chosen.decisions]
    return _predicted(store, Change(chosen.definition, slots=slots, forced=forced))


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
    change = _triaged(store, definition, path) if known is None else _new_version(store, definition, known, part)
    return _predicted(store, change)


def if_nothing(store: Store, allowed: frozenset[int] | None = None) -> Prediction:
    """What will be made of the queue as it stands, by all processes or by those that are `allowed`."""
    with store.begin() as connection:
        definition = load_definition(connection)
    return _predicted(store, Change(definition), allowed)


def _predicted(store: Store, change: Change, allowed: frozenset[int] | None = None) -> Prediction:
    now = dt.datetime.now(dt.UTC)
    with store.begin(still=True) as connection:
        simulation = _Simulation(change.definition, partial(load_facts, connection), allowed, now)
        simulation.begin(change, queue.load(connection), due_retries(connection, now))
        with _no_collection():
            made = sorted(simulation.run(), key=lambda each: (each.level, each.product_id or 0, each.slot))
        cost = Cost(
            _medians(history.recent_cpu(connection, {each.slot.process_id for each in made})),
            _medians(history.recent_sizes(connection, {each.product_id for each in made if each.product_id})),
        )
    notes = (*change.notes, *_assumptions(change.definition, made))
    return Prediction(change.definition, tuple(made), tuple(simulation.hindered), cost, notes, change.is_refused)


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for circles of references: of the many objects here none is in one, and all are still needed."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Simulation:
    """The walk of the next runs, in which every job succeeds at once."""

    def __init__(self, definition: Definition, load: _Load, allowed: frozenset[int] | None, now: dt.datetime) -> None:
        self.hindered: list[Decision] = []
        self._definition = definition
        self._load = load
        self._now = now
        self._allowed = frozenset(definition.processes) if allowed is None else allowed
        self._consumers = consumers(definition)
        self._frontier = Frontier(definition)
        self._files = Overlay(definition)
        self._forced: dict[Slot, Part] = {}

    def begin(self, change: Change, queued: Sequence[Queued], retries: Iterable[Slot]) -> None:
        """Take up the queue, what is to be tried again, and the change."""
        self._add(retries)
        self._enqueue(queued)
        self._enqueue(change.queued)
        self._enqueue([self._files.deliver(file) for file in change.delivered])
        if change.forced is not None:
            self._forced.update(dict.fromkeys(change.slots, change.forced))
        self._add(change.slots)

    def run(self) -> Iterator[PredictedFile]:
        """Decide until nothing is left; what would be made, in an order in which it can be."""
        while slots := self._frontier.open():
            slots.sort()
            for start in range(0, len(slots), _DECIDED_AT_ONCE):
                yield from self._decide(slots[start : start + _DECIDED_AT_ONCE])

    def _add(self, slots: Iterable[Slot]) -> None:
        self._frontier.add(slot for slot in slots if slot.process_id in self._allowed)

    def _enqueue(self, queued: Sequence[Queued]) -> None:
        slots: list[Slot] = []
        for slot, item in candidates(self._consumers, queued):
            slots.append(slot)
            if item.version_bump is not None:
                self._forced[slot] = Part(item.version_bump)
        self._add(slots)

    def _decide(self, slots: Sequence[Slot]) -> Iterator[PredictedFile]:
        asked = needs(self._definition, slots)
        facts = self._files.over(self._load(self._definition, asked, slots), asked)
        planner = Planner(self._definition, facts, asked, self._now)
        queued: list[Queued] = []
        for slot in slots:
            decision = planner.decide(slot, self._forced.get(slot))
            if decision.state is State.STALE and decision.task is not None:
                queued += self._files.make(decision.task)
                yield from _made(self._definition, decision.task)
            elif decision.state in (State.REFUSED, State.DELAYED):
                self.hindered.append(decision)
            if self._frontier.settle(slot):
                self._forced.pop(slot, None)
        self._enqueue(queued)


def _made(definition: Definition, task: Task) -> Iterator[PredictedFile]:
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


# --- what is taken to have happened ---


def released(definition: Definition, process: Process, release: Release) -> Definition:
    """The definition with a new code; where its dates end, those go on that were valid before.

    Raises
    ------
    UserError
        See :func:`if_released`.
    """
    check_dates(release.start, release.end)
    present = definition.codes.get(process.process_id, ())
    before = _replaced_code(process, present, release)
    if before is None and release.file is None:
        raise UserError(f"process {process.name} has no active code: say which file is released with --file")
    start = release.start or (before.start if before and release.end is None else FIRST_DAY)
    stop = release.end or (before.stop if before and release.start is None else LAST_DAY)
    check_dates(start, stop)
    newest = max((code.version for code in present if code.start <= stop and code.stop >= start), default=None)
    if newest is not None and release.version <= newest and not release.rollback:
        raise UserError(
            f"{release.version} is not above {newest}, the present version of the code of {process.name}: "
            "give a higher one, or --rollback when an earlier version is meant"
        )
    code = _new_code(definition, process, before, release, start, stop)
    kept = [piece for each in present for piece in _without(each, start, stop)]
    return replace(definition, codes={**definition.codes, process.process_id: (*kept, code)})


def _replaced_code(process: Process, present: Sequence[Code], release: Release) -> Code | None:
    """The active code that a release continues."""
    start, end = release.start or FIRST_DAY, release.end or LAST_DAY
    found = [code for code in present if code.start <= end and code.stop >= start]
    if release.file is not None:
        found = [code for code in found if os.path.basename(code.path) == os.path.basename(release.file)] or found
    if len(found) > 1 and release.start is None and release.end is None:
        codes = ", ".join(f"{_name(code)} from {code.start} to {code.stop}" for code in found)
        raise UserError(f"process {process.name} has several codes ({codes}): give --from and --to")
    return max(found, key=lambda code: (code.version, code.code_id), default=None)


def _new_code(
    definition: Definition, process: Process, before: Code | None, release: Release, start: dt.date, stop: dt.date
) -> Code:
    changed = {"code_id": _VIRTUAL_CODE, "version": release.version, "start": start, "stop": stop, "digest": ""}
    path = before.path if before else ""
    if release.file is not None:
        path = os.path.join(definition.mission.code_directory, os.path.expanduser(release.file))
        if not os.path.isfile(path):
            raise UserError(f"there is no file {path}; --file is below {definition.mission.code_directory}")
    interface = release.output_interface or (before.output_interface if before else 1)
    if before is not None:
        return replace(before, **changed, path=path, output_interface=interface)  # type: ignore[arg-type]
    return Code(
        code_id=_VIRTUAL_CODE,
        process_id=process.process_id,
        path=path,
        version=release.version,
        output_interface=interface,
        start=start,
        stop=stop,
        digest="",
    )


def _without(code: Code, start: dt.date, stop: dt.date) -> Iterator[Code]:
    """A code for those of its dates that are not from `start` to `stop`."""
    if code.start < start:
        yield replace(code, stop=min(code.stop, start - ONE_DAY))
    if code.stop > stop:
        yield replace(code, start=max(code.start, stop + ONE_DAY))


def _name(code: Code) -> str:
    return f"{os.path.basename(code.path)} {code.version}"


def _known(store: Store, definition: Definition, path: str) -> Row | None:
    """The file of the catalogue that is meant: one in its place, or a name of which there is no other file here."""
    home = os.path.realpath(definition.mission.root)
    with store.begin() as connection:
        if not os.path.lexists(path):
            return files.find_file(connection, path)
        rows = files.files_named(connection, [os.path.basename(path)])
    places = {os.path.join(home, row["directory"], row["filename"]): row for row in rows}
    return places.get(os.path.realpath(path))


def _new_version(store: Store, definition: Definition, known: Row, part: Part) -> Change:
    """A file of the catalogue as if its next version were delivered."""
    with store.begin() as connection:
        newest = files.newest_of(connection, known["product_id"], known["date"], known["keywords"])
    if newest is not None and newest["file_id"] != known["file_id"]:
        raise UserError(f"{known['filename']} is replaced by {newest['filename']}: ask about that one")
    version = Version.parse(known["version"]).bumped(part)
    file = File(
        file_id=0,
        product_id=known["product_id"],
        filename=known["filename"].replace(known["version"], str(version)),
        date=known["date"],
        first_day=known["start"].date(),
        last_day=known["stop"].date(),
        version=version,
        keywords=known["keywords"],
        directory=known["directory"],
    )
    note = f"as if {file.filename} came in the place of {known['filename']}"
    return _arrived(store, definition, file, note)


def _triaged(store: Store, definition: Definition, path: str) -> Change:
    """Decide about a file as a run decides about what is in incoming; it stays where it is."""
    from dbproc.core.filenames import is_unfinished
    from dbproc.ingest.incoming import arrival_at
    from dbproc.ingest.triage import Accepted, Duplicate, Refused, Restored, Triage
    from dbproc.products.inspection import Inspection

    arrival = arrival_at(path, definition)
    if is_unfinished(arrival.name):
        note = f"{arrival.name} would not be taken in: its name says that it is not finished"
        return Change(definition, notes=[note], is_refused=True)
    with Inspection(definition) as inspection:
        decisions = Triage(store, definition, inspection).decide([arrival])
    decision = decisions[0] if decisions else Refused(arrival, "unreadable", "it changes while it is read")
    match decision:
        case Accepted(file=file):
            product = definition.products[file.product_id]
            note = f"{arrival.name} would be {product.name} {file.facts.date} {file.version}"
            return _arrived(store, definition, _delivered(file), note)
        case Restored(known=known, target=target):
            note = f"{arrival.name} would go back to {target}, where it is missing"
            return _arrived(store, definition, _restored(store, known.file_id), note)
        case Duplicate():
            note = f"{arrival.name} is in the catalogue already: nothing would be done"
            return Change(definition, notes=[note])
        case Refused(reason=reason, message=message):
            note = f"{arrival.name} would go to quarantine: {reason}: {message}"
            return Change(definition, notes=[note], is_refused=True)


def _delivered(file: NewFile) -> File:
    facts = file.facts
    return File(
        file_id=0,
        product_id=file.product_id,
        filename=file.filename,
        date=facts.date,
        first_day=facts.start.date(),
        last_day=facts.stop.date(),
        version=file.version,
        keywords=facts.keywords,
        directory=file.directory,
    )


def _restored(store: Store, file_id: int) -> File:
    with store.begin() as connection:
        return files_by_id(connection, [file_id])[file_id]


def _arrived(store: Store, definition: Definition, file: File, note: str) -> Change:
    """A file in the catalogue; where a newer version of it is, that is the one that is used."""
    with store.begin() as connection:
        newest = files.newest_of(connection, file.product_id, file.date, file.keywords)
        queued = queue.as_queued(connection, file_ids=[newest["file_id"]] if newest else [])
    if newest is None or Version.parse(newest["version"]) < file.version:
        return Change(definition, queued=queued, delivered=[file], notes=[note])
    queued.append(Queued(0, file.product_id, file.date, file.keywords, ((file.first_day, file.last_day),)))
    notes = [note, f"{newest['filename']} is newer, and stays the one that is used"]
    return Change(definition, queued=queued, notes=notes)


# --- what it costs ---


def _medians(values: Mapping[int, Sequence[float]]) -> dict[int, float]:
    return {key: statistics.median(each) for key, each in values.items() if each}


def _assumptions(definition: Definition, made: Sequence[PredictedFile]) -> Iterator[str]:
    processes = {each.slot.process_id for each in made}
    if any(definition.processes[process_id].early_cutoff for process_id in processes):
        yield (
            "early cutoff is on: this is the most that can happen; what comes from an output that equals the one "
            "it replaces is left as it is"
        )


# --- as facts ---


def foreseen_facts(foresight: Prediction, most: int | None = None) -> dict[str, Any]:
    """What would be done, as ``dbproc whatif --json`` prints it.

    Parameters
    ----------
    foresight
        What would be done.
    most
        So many files and jobs of each product; None: all.

    Returns
    -------
    dict
        ``notes``; ``files``: each with its level, product, process, date, version, reasons and expected bytes;
        ``jobs``: those without output; ``products`` and ``totals``: how many, with CPU hours and bytes as far as there
        is a history; ``hindered``: slots that are refused or delayed, and why.
    """
    definition, made = foresight.definition, foresight.made
    shown = [each for _, _, group in _groups(foresight) for each in group[:most]]
    return {
        "notes": list(foresight.notes),
        "refused": foresight.is_refused,
        "files": [_file_facts(foresight, each) for each in shown if each.name is not None],
        "jobs": [_job_facts(definition, each) for each in shown if each.name is None],
        "products": [
            {"level": level, "product": name, **_totals(foresight, group)} for level, name, group in _groups(foresight)
        ],
        "totals": _totals(foresight, made),
        "hindered": [_hindered_facts(definition, each) for each in foresight.hindered],
    }


def _groups(foresight: Prediction) -> Iterator[tuple[float | None, str, list[PredictedFile]]]:
    """What would be made, by level and product; last the jobs without output, by process."""
    definition = foresight.definition
    for (product_id, process_id), group in groupby(foresight.made, key=_group):
        if product_id is None:
            yield None, definition.processes[process_id].name, list(group)
        else:
            product = definition.products[product_id]
            yield product.level, product.name, list(group)


def _file_facts(foresight: Prediction, made: PredictedFile) -> dict[str, Any]:
    """One file that would be made."""
    definition = foresight.definition
    assert made.product_id is not None
    return {
        "level": definition.products[made.product_id].level,
        "product": definition.products[made.product_id].name,
        **_job_facts(definition, made),
        "file": made.name,
        "version": str(made.version),
        "replaces": made.replaces,
        "bytes": foresight.cost.size.get(made.product_id),
        "cpu_hours": _cpu_hours(foresight, [made]),
    }


def _group(made: PredictedFile) -> tuple[int | None, int]:
    return made.product_id, made.slot.process_id


def _job_facts(definition: Definition, made: PredictedFile) -> dict[str, Any]:
    return {
        "process": definition.processes[made.slot.process_id].name,
        "date": made.slot.date.isoformat(),
        "keywords": made.slot.keywords,
        "code_version": str(made.code_version),
        "reasons": made.reasons,
    }


def _hindered_facts(definition: Definition, decision: Decision) -> dict[str, Any]:
    return {
        "process": definition.processes[decision.slot.process_id].name,
        "date": decision.slot.date.isoformat(),
        "keywords": decision.slot.keywords,
        "state": str(decision.state),
        "why": decision.explanation,
    }


def _totals(foresight: Prediction, made: Sequence[PredictedFile]) -> dict[str, Any]:
    """How much it is; CPU hours and bytes are None where there is no history at all."""
    jobs = [each for each in made if each.is_first]
    sizes = [foresight.cost.size.get(each.product_id or 0) for each in made]
    known = [size for size in sizes if size is not None]
    return {
        "files": sum(each.name is not None for each in made),
        "jobs": len(jobs),
        "cpu_hours": _cpu_hours(foresight, jobs),
        "bytes": round(sum(known)) if known else None,
        "jobs_without_history": sum(each.slot.process_id not in foresight.cost.cpu_seconds for each in jobs),
    }


def _cpu_hours(foresight: Prediction, made: Iterable[PredictedFile]) -> float | None:
    """What the jobs took before; a further output takes nothing of its own."""
    cost = foresight.cost.cpu_seconds
    seconds = [cost[each.slot.process_id] for each in made if each.is_first and each.slot.process_id in cost]
    return sum(seconds) / 3600 if seconds else None
