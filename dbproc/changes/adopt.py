"""Files that lie in the directories of products and are in no catalogue, taken in where they are.

They are inspected as deliveries are. Nothing is moved: what is refused, or belongs elsewhere, stays and is told.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dbproc.changes.correcting import Correcting, correcting
from dbproc.core.events import Progress
from dbproc.core.lookup import product_named
from dbproc.core.model import Definition, Product
from dbproc.core.slot_text import file_words
from dbproc.database import files, queue
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.database.unknown_files import unknown_files
from dbproc.ingest.incoming import Arrival, Kind
from dbproc.ingest.triage import Accepted, Decision, Duplicate, Refused, Restored, Triage
from dbproc.products.inspection import Inspection
from dbproc.storage.digest import state_of

_BATCH = 250


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
        self._made = {made for process in definition.processes.values() for made in process.outputs}
        self._meant = [definition.products[product_id] for product_id in meant]
        self._taken = set(meant) if derived else set(meant) - self._made
        self._adopted: list[AdoptedFile] = []
        self._left: list[LeftFile] = []
        self._derived: Counter[str] = Counter()

    def adopted(self, progress: Progress | None) -> Adopted:
        """Look at the files, and take them in unless it is only a look."""
        paths = self._paths()
        with Inspection(self._definition) as inspection:
            triage = Triage(self._ground.store, self._definition, inspection)
            for start in range(0, len(paths), _BATCH):
                self._take(triage, paths[start : start + _BATCH])
                if progress is not None:
                    progress(min(start + _BATCH, len(paths)), len(paths))
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
            for path in unknown_files(self._ground.store, self._ground.mission, product):
                owners.setdefault(path, []).append(product)
        asked = {path for path, some in owners.items() if any(each.product_id in self._taken for each in some)}
        self._derived.update(owners[path][0].name for path in owners.keys() - asked)
        return sorted(asked)

    def _take(self, triage: Triage, paths: Sequence[str]) -> None:
        arrivals = [arrival for path in paths if (arrival := self._arrival(path)) is not None]
        decided = {each.arrival.path: each for each in triage.decide(arrivals)}
        accepted = [each for path in paths if (each := self._accepted(path, decided)) is not None]
        if self._ground.run_id is not None:
            self._record(accepted)
        self._adopted += (self._told(each) for each in accepted)

    def _arrival(self, path: str) -> Arrival | None:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
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
            case Accepted(target=target) if os.path.normpath(target) == path:
                return decision
        self._left.append(LeftFile(path=path, why=_why(self._definition, decision)))
        return None

    def _record(self, accepted: Sequence[Accepted]) -> None:
        run_id = self._ground.run_id
        new = [replace(each.file, run_id=run_id, arrived=None, state=each.measured.state) for each in accepted]
        with self._ground.store.begin() as connection:
            queue.push(connection, files.insert_files(connection, new), "adopted")

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
            is_derived=file.product_id in self._made,
        )


def _why(definition: Definition, decision: Decision | None) -> str:
    """Why a file is not taken in where it is."""
    match decision:
        case Refused(message=message):
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
