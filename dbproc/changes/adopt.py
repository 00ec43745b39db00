"""Files that lie in the directories of products and are in no catalogue, taken in where they are.

They are inspected as deliveries are. Nothing is moved: what is refused, or belongs elsewhere, stays and is told.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dbproc.changes.correcting import Correcting, correcting
from dbproc.core.events import Progress
from dbproc.core.lookup import product_named
from dbproc.core.model import Definition, NewFile, Period, Process, Product, Slot, Timebase
from dbproc.core.periods import days_period
from dbproc.core.plan import Planner, valid_code
from dbproc.core.slot_text import SlotChoice, file_words
from dbproc.core.slots import period_of, restricted, slots_at, time_of_output
from dbproc.core.states import RefusalReason
from dbproc.database import baselines, files, links, queue, verdicts
from dbproc.database.baselines import CountsAs
from dbproc.database.definition.load import load_definition
from dbproc.database.files import identity_of
from dbproc.database.store import Store
from dbproc.database.unknown_files import unknown_files
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.ingest.triage import Accepted, Decision, Duplicate, Left, Refused, Restored, Triage
from dbproc.products.inspection import Inspection
from dbproc.run.decide import FactsOf, facts_in, planners, slots_in
from dbproc.storage.digest import state_of

_BATCH = 250
_LINK = "it is a link; put the file itself there, or keep the directory elsewhere: outside in the mission file"
_TWIN = "{} has this name, or is of the same product, date and keywords in the same version; move one of them away"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedFile:
    """A file that is taken in where it is."""

    file: str  #: its name
    product: str  #: the name of its product
    path: str  #: where it is
    date: dt.date  #: the day that it is of
    version: str  #: its version
    words: str  #: what it is, in words
    is_derived: bool  #: whether a process makes such files


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftFile:
    """A file that is not taken in, and stays where it is."""

    path: str  #: where
    why: str  #: why


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftProduct:
    """A product that a process makes, whose files are not asked about."""

    product: str  #: its name
    files: int  #: how many there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What is taken in, and what is not."""

    files: tuple[AdoptedFile, ...]  #: what is taken in
    left: tuple[LeftFile, ...]  #: what stays as it is
    derived: tuple[LeftProduct, ...]  #: what is only taken in with ``--derived``
    is_done: bool  #: whether it was done, not only foreseen


def adopt(
    store: Store,
    products: Sequence[str] = (),
    *,
    derived: bool = False,
    only_look: bool = False,
    progress: Progress | None = None,
) -> Adopted:
    """Take in what lies in the directories of products, or with `only_look` say what would be.

    Parameters
    ----------
    store
        The mission's database.
    products
        The names or numbers of the products that are meant; none: all.
    derived
        Take in files of products that processes make, too.
    only_look
        Change nothing.
    progress
        Told how many files were looked at.

    Raises
    ------
    NotFoundError
        There is no such product.
    BusyError, LockError
        A run is live.
    """
    with correcting(store, "adopt", only_look=only_look) as ground:
        with store.begin() as connection:
            definition = load_definition(connection)
        meant = {product_named(definition, name).product_id for name in products} or set(definition.products)
        return _Adoption(ground, definition, meant, derived=derived).adopted(progress)


class _Adoption:
    """One adoption of files of some products."""

    def __init__(self, ground: Correcting, definition: Definition, meant: Collection[int], *, derived: bool) -> None:
        self._ground = ground
        self._definition = definition
        self._makers = {made: process for process in definition.processes.values() for made in process.outputs}
        self._meant = [definition.products[product_id] for product_id in meant]
        self._taken = set(meant) if derived else set(meant) - self._makers.keys()
        self._adopted: list[AdoptedFile] = []
        self._left: list[LeftFile] = []
        self._derived: Counter[str] = Counter()
        self._new: list[NewFile] = []
        self._names: dict[object, str] = {}  # by name, and by what must be unique about a file: its path

    def adopted(self, progress: Progress | None) -> Adopted:
        """Look at the files, and take them in at once unless it is only a look."""
        paths = self._paths()
        with Inspection(self._definition) as inspection:
            triage = Triage(self._ground.store, self._definition, inspection)
            for start in range(0, len(paths), _BATCH):
                self._take(triage, paths[start : start + _BATCH])
                if progress is not None:
                    progress(min(start + _BATCH, len(paths)), len(paths))
        if self._ground.run_id is not None:
            self._record()
        return Adopted(
            files=tuple(self._adopted),
            left=tuple(self._left),
            derived=tuple(LeftProduct(product=name, files=count) for name, count in sorted(self._derived.items())),
            is_done=self._ground.run_id is not None,
        )

    def _paths(self) -> list[str]:
        """What is to be asked about; what can only be of products that are left out is counted."""
        owners: dict[str, list[Product]] = {}
        for product in self._meant:
            for path in unknown_files(self._ground.store, self._ground.mission, product, with_links=True):
                owners.setdefault(path, []).append(product)
        asked = {path for path, some in owners.items() if any(each.product_id in self._taken for each in some)}
        self._derived.update(owners[path][0].name for path in owners.keys() - asked)
        return sorted(asked)

    def _take(self, triage: Triage, paths: Sequence[str]) -> None:
        arrivals = [arrival for path in paths if (arrival := self._arrival(path)) is not None]
        decided = {each.arrival.path: each for each in triage.decide(arrivals)}
        for path in paths:
            accepted = self._accepted(path, decided)
            if accepted is not None:
                file = _of_its_period(self._makers.get(accepted.file.product_id), self._definition, accepted.file)
                self._new.append(replace(file, run_id=self._ground.run_id, arrived=None, state=accepted.measured.state))
                self._adopted.append(self._told(accepted))

    def _arrival(self, path: str) -> Arrival | None:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(status.st_mode):
            return None
        kind = Kind.IN_PLACE if stat.S_ISREG(status.st_mode) else Kind.OTHER
        return Arrival(path, os.path.basename(path), kind, status.st_size, state_of(status), changed=status.st_ctime)

    def _accepted(self, path: str, decided: Mapping[str, Decision]) -> Accepted | None:
        """What is taken in; of anything else, it is noted why not."""
        decision = decided.get(path)
        match decision:
            case Accepted(file=file) if file.product_id not in self._taken:
                self._derived[self._definition.products[file.product_id].name] += 1
                return None
            case Accepted(file=file, target=target) if os.path.normpath(target) == path:
                twin = self._names.setdefault(file.filename, path), self._names.setdefault(identity_of(file), path)
                if twin == (path, path):
                    return decision
                decision = Refused(decision.arrival, RefusalReason.SAME_VERSION, _TWIN.format(min(twin)))
        why = _LINK if os.path.islink(path) else _why(self._definition, decision)
        self._left.append(LeftFile(path=path, why=why))
        return None

    def _record(self) -> None:
        """Enter all of it at once. Outputs that were made elsewhere count as made from what they would be made from
        now that all is there."""
        with self._ground.store.begin() as connection:
            ids = files.insert_files(connection, self._new)
            queue.push_back(connection, ids, "adopted")
            links.outdate(connection)
            verdicts.settle(connection, self._definition, ids)
            made = {
                number: file for number, file in zip(ids, self._new, strict=True) if file.product_id in self._makers
            }
            facts, found = facts_in(connection, self._definition), dict[int, CountsAs]()
            for process in sorted(self._definition.processes.values(), key=self._level):
                own = {number: file for number, file in made.items() if file.product_id in process.outputs}
                slots, versions = _slots(self._definition, facts, process, own.values()), _versions(own)
                for planner, some in planners(self._definition, facts, slots, dt.datetime.now(dt.UTC)):
                    files.record_times(connection, self._times(process, planner, some, own))
                    rows = (row for slot in some for row in _counted(self._definition, planner, slot, versions))
                    found.update((row.file_id, row) for row in rows)
            baselines.enter(connection, list(found.values()))

    def _level(self, process: Process) -> float:
        """What a process makes may be an input of what comes after it."""
        return min((self._definition.products[made].level for made in process.outputs), default=float("inf"))

    def _times(
        self, process: Process, planner: Planner, slots: Sequence[Slot], own: Mapping[int, NewFile]
    ) -> Mapping[int, Period]:
        """The times of outputs whose periods go by other files, and of which nothing but their names tells a time."""
        products = self._definition.products
        if process.timebase is not Timebase.PER:
            return {}
        pairs = ((slot, output.file) for slot in slots for output in planner.standing(slot))
        return {
            file.file_id: planner.period(slot)
            for slot, file in pairs
            if file.file_id in own and products[file.product_id].inspector.name == "filename"
        }

    def _told(self, accepted: Accepted) -> AdoptedFile:
        file = accepted.file
        product = self._definition.products[file.product_id]
        return AdoptedFile(
            file=file.filename,
            product=product.name,
            path=accepted.target,
            date=file.facts.date,
            version=str(file.version),
            words=f"{file_words(product, file.facts)} {file.version}",
            is_derived=file.product_id in self._makers,
        )


def _of_its_period(maker: Process | None, definition: Definition, file: NewFile) -> NewFile:
    """An output of which nothing but its name tells a time, with the time of the period that it stands for."""
    by_name = definition.products[file.product_id].inspector.name == "filename"
    if maker is None or not by_name or not maker.timebase.is_grid:
        return file
    named = Period(file.facts.start, file.facts.stop)
    key = restricted(file.facts.keywords, maker.key_fields)
    slots = (slot for slot in slots_at(maker, Period(named.start, named.start), key) if slot.date == file.facts.date)
    for slot in slots:
        time = time_of_output(maker, period_of(maker, slot), named)
        return replace(file, facts=replace(file.facts, start=time.start, stop=time.stop))
    return file


def _slots(definition: Definition, facts: FactsOf, process: Process, some: Collection[NewFile]) -> list[Slot]:
    """The slots in which files of a process may stand."""
    if process.timebase is Timebase.PER and some:
        span = Period(min(file.facts.start for file in some), max(file.facts.stop for file in some))
        return slots_in(definition, facts, process, SlotChoice(span))
    keys = ((_span(process, file), restricted(file.facts.keywords, process.key_fields)) for file in some)
    return list(dict.fromkeys(slot for span, key in keys for slot in slots_at(process, span, key)))


def _span(process: Process, file: NewFile) -> Period:
    """The time of a file, with the day that it is of where that may lie outside of it."""
    start, stop = file.facts.start, file.facts.stop
    day = days_period(file.facts.date, file.facts.date)
    is_part = process.timebase is Timebase.PART
    return Period(start, stop) if is_part else Period(min(start, day.start), max(stop, day.stop))


def _counted(
    definition: Definition, planner: Planner, slot: Slot, versions: Mapping[object, Mapping[int, NewFile]]
) -> Iterator[CountsAs]:
    """What those of some files count as made from that stand in a slot, or are earlier versions of what does."""
    for identity in dict.fromkeys(output.file.identity for output in planner.standing(slot)):
        for number, file in versions.get(identity, {}).items():
            code = valid_code(definition.codes.get(slot.process_id, ()), slot.date)
            inputs = tuple(each.file_id for each in planner.wanted(slot))
            is_other = not _has_its_name(definition.products[file.product_id], file)
            yield CountsAs(number, None if code is None else code.code_id, inputs, is_other)


def _versions(some: Mapping[int, NewFile]) -> Mapping[object, Mapping[int, NewFile]]:
    """The files that are versions of each other, by their numbers."""
    versions: dict[object, dict[int, NewFile]] = defaultdict(dict)
    for number, file in some.items():
        versions[file.product_id, file.facts.date, file.facts.keywords][number] = file
    return versions


def _has_its_name(product: Product, file: NewFile) -> bool:
    """Whether a file is called as its product's format writes it, not only as it reads it."""
    name = product.read(file.filename)
    time = dt.datetime.combine(file.facts.date, dt.time()) if name is None or name.start is None else name.start
    keywords = {} if name is None else name.keywords
    return product.compiled.render(time, str(file.version), keywords) == file.filename


def _why(definition: Definition, decision: Decision | None) -> str:
    """Why a file is not taken in where it is."""
    match decision:
        case Refused(message=message) | Left(message=message):
            return message
        case Accepted(file=file, target=target):
            product = definition.products[file.product_id].name
            return f"it is of product {product}, and its place is {target}; move it there, or into incoming"
        case Duplicate(target=target) | Restored(target=target):
            return f"a file of this name with these bytes is in the catalogue, at {target}; move it away"
        case None:
            return "it changes while it is looked at; adopt it when it is complete"


def sums(done: Adopted) -> Iterator[str]:
    """What was done, in numbers."""
    yield f"{len(done.files)} {'' if done.is_done else 'would be '}taken in"
    if done.left:
        yield f"{len(done.left)} left as they are"
