"""Copies of files in stores, as the rules of replication want them.

A run asks for them when it begins to build and at its end; a process beside it moves them meanwhile.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbproc.core.copies import counting, in_order, least_copies, places, rules_of, stores_of
from dbproc.core.errors import PermanentError
from dbproc.core.events import Event, Report
from dbproc.core.model import Definition
from dbproc.core.places import ROOT, ReplicateSpec, StoreSpec, Trust
from dbproc.core.states import ReplicaState
from dbproc.core.text import size_words
from dbproc.core.transfers import Order, Spot, Task, TransferState
from dbproc.database import files, replicas, replication, transfers
from dbproc.database.files import Part
from dbproc.database.replicas import Replica
from dbproc.database.replication import REPLICATE
from dbproc.database.store import Store, Transaction
from dbproc.storage.digest import algorithm_of
from dbproc.system.machine import user_name
from dbproc.system.signals import signals_ignored

if TYPE_CHECKING:
    from dbproc.run.mover import Mover

BUDGET_SECONDS = 300.0
"""How long a run waits at its end for copies that are on their way; what is left goes on in the next one."""

_AT_ONCE = 1000
_LOOK_SECONDS = 0.2


class Copying:
    """The copies that a run makes: begun with the block, finished with it, and left to the next run where it raises."""

    def __enter__(self) -> Copying:
        if self._report.counts[Event.INGESTED] or self._is_due():
            self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            with signals_ignored():
                self.stop()

    def __init__(self, store: Store, definition: Definition, run_id: int, report: Report) -> None:
        self._store = store
        self._definition = definition
        self._run_id = run_id
        self._report = report
        self._mover: Mover | None = None

    def begin(self) -> None:
        """Ask for what is lacking, and have it moved."""
        if self._ask() and (self._mover is None or not self._mover.is_at_work):
            from dbproc.run.mover import Mover  # with it comes all that moves files

            self.stop()
            self._mover = Mover(self._store, REPLICATE, self._run_id)

    def finish(self, seconds: float = BUDGET_SECONDS) -> None:
        """Ask for what is lacking by now, and wait until it is moved, at most for so long; say what is below its
        minimum."""
        deadline = time.monotonic() + seconds
        self.begin()
        while self._mover is not None and self._mover.is_at_work and time.monotonic() < deadline:
            self._mover.wait(_LOOK_SECONDS)
        if self._mover is not None and self._mover.fault:
            self._report.add(Event.PROBLEM, "replicate", f"{self._mover.fault}; the next run goes on")
        self.stop()
        with self._store.begin() as connection:
            is_all_done = not transfers.counts_of(connection, REPLICATE)
            for text in () if is_all_done else shortages(connection, self._definition):
                self._report.add(Event.NOTE, "replicate", str(text))

    def stop(self) -> None:
        """End what moves."""
        if self._mover is not None:
            self._mover.stop()
            self._mover = None

    def _ask(self) -> bool:
        """Ask for copies; whether any is to be moved now."""
        with self._store.begin() as connection:
            ask_for_copies(connection, self._definition)
        return self._is_due()

    def _is_due(self) -> bool:
        """Whether something is to be moved now."""
        with self._store.begin() as connection:
            left = transfers.counts_of(connection, REPLICATE)
            is_left = any(left.get(state) for state in (TransferState.MOVING, TransferState.CHECKING))  # by a dead one
            return is_left or REPLICATE in transfers.rules_due(connection, _now())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def ask_for_copies(connection: Transaction, definition: Definition) -> int:
    """Enter the transfers that bring what stores lack by the rules; how many these are."""
    count, user = 0, user_name()
    for rule, store in _wanted(definition):
        numbers = replication.lacking(connection, _products(definition, rule), store.name, newest=_is_newest(rule))
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            orders = list(_orders(connection, definition, store, some, user))
            transfers.ask(connection, orders)
            count += len(orders)
    return count


def _wanted(definition: Definition) -> Iterator[tuple[ReplicateSpec, StoreSpec]]:
    mission = definition.mission
    for rule in mission.replicates:
        for store in stores_of(rule, mission.stores):
            if store.trust is not Trust.READ_ONLY:
                yield rule, store


def _products(definition: Definition, rule: ReplicateSpec) -> list[int]:
    return [number for number, each in definition.products.items() if rules_of([rule], each.name)]


def _is_newest(rule: ReplicateSpec) -> bool:
    return rule.versions == "newest"


def _orders(
    connection: Transaction, definition: Definition, store: StoreSpec, file_ids: Sequence[int], user: str
) -> Iterator[Order]:
    """The parts of some files that a store lacks, each from where its bytes are."""
    rows = {row.file_id: row for row in files.rows_numbered(connection, file_ids)}
    copies = replicas.of_files(connection, file_ids)
    parts = list(files.parts_of(connection, file_ids))
    lacking = [part for part in parts if not any(_is_good(copy, part, store) for copy in copies.get(part.file_id, ()))]
    targets = _targets(connection, store, {part: rows[part.file_id].directory for part in lacking})
    for part, target in targets.items():
        origin = _origin(definition, part, copies.get(part.file_id, ()))
        if origin is not None:
            yield Order(
                task=Task.REPLICATE,
                rule=REPLICATE,
                origin=origin,
                target=Spot(f"store {store.name}", target, f"{store.url.rstrip('/')}/{target}"),
                user=user,
                size=part.size,
                expected=(part.digest,),
                expected_of="the catalogue",
                file_id=part.file_id,
                member=part.member or "",
            )


def _is_good(copy: Replica, part: Part, store: StoreSpec) -> bool:
    is_of_part = (copy.store, copy.member) == (store.name, part.member or "")
    return is_of_part and copy.state is ReplicaState.VERIFIED and copy.shasum == part.digest


def _targets(connection: Transaction, store: StoreSpec, directories: Mapping[Part, str]) -> dict[Part, str]:
    """Where parts of files go in a store: by its layout; where other bytes have that name, in a directory of their
    digest."""
    wanted: dict[Part, list[str]] = defaultdict(list)
    for part, directory in directories.items():
        name = part.path.removeprefix(f"{directory}/")
        digest = part.digest.removeprefix(f"{algorithm_of(part.digest)}:")[:16]
        for place in (directory, f"{directory}/{digest}"):
            try:
                wanted[part].append(store.path_of(place, name))
            except PermanentError:
                continue  # no such name can be in this store; check says that it lacks it
    taken = replication.taken_paths(connection, store.name, [path for paths in wanted.values() for path in paths])
    found: dict[Part, str] = {}
    for part, paths in wanted.items():
        free = next((path for path in paths if path not in taken), None)
        if free is not None:
            found[part] = free
            taken.add(free)
    return found


def _origin(definition: Definition, part: Part, copies: Sequence[Replica]) -> Spot | None:
    """Where the bytes of a part are: here, or in the best store that has them."""
    if not part.is_offloaded:
        return Spot(ROOT, part.path, f"{definition.mission.root}/{part.path}")
    good = {copy.store: copy for copy in copies if copy.member == (part.member or "") and copy.shasum == part.digest}
    for store in in_order(counting(definition.mission.stores)):
        copy = good.get(store.name)
        if copy is not None and copy.state is ReplicaState.VERIFIED:
            return Spot(f"store {store.name}", copy.path, f"{store.url.rstrip('/')}/{copy.path}")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Files of a product with fewer verified copies than a rule wants at least."""

    product: str  #: the name of the product
    files: int  #: how many files
    size: int  #: bytes of them
    copies: int  #: how many verified copies each of them has
    wanted: int  #: how many are wanted at least
    first: str  #: the name of one of them
    why: str  #: the last word of what was to bring copies; nothing: it has not been tried yet

    def __str__(self) -> str:
        count = f"{self.files:,} file{'' if self.files == 1 else 's'} of {self.product} ({size_words(self.size)})"
        have = f"{self.copies} of {self.wanted} verified copies"
        return f"{count}: {have}; {self.why or 'not copied yet'}; {self.first} for one"


def shortages(connection: Transaction, definition: Definition) -> list[Shortage]:
    """What is below the minimum of a rule, and why."""
    found = []
    mission = definition.mission
    for rule in mission.replicates:
        products, stores = _products(definition, rule), counting(mission.stores)
        names = [[store.name for store in some] for some in places(stores)]
        least = least_copies(rule, mission.stores)
        scarce = replication.scarce(connection, products, names, least, newest=_is_newest(rule))
        for each in scarce:
            to = [store.name for store in stores_of(rule, mission.stores)]
            why = replication.why_not(connection, [each.product_id], to)
            found.append(
                Shortage(
                    product=definition.products[each.product_id].name,
                    files=each.files,
                    size=each.size,
                    copies=each.copies,
                    wanted=least,
                    first=each.first,
                    why="; ".join(f"{name}: {reason}" for name, reason in sorted(why.items())),
                )
            )
    return found
