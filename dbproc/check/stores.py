"""Stores held against what is recorded of them: missing, dark, changed, duplicate, below the minimum.

A store is listed, and with a deep check read. Nothing is deleted and nothing overwritten; what is recorded of a copy
changes with what is seen. Where more seems lost than a share of what should be there, a disk may not be mounted, or a
listing not whole: it is told, and nothing is marked.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from dbproc.core import copies
from dbproc.core.digests import is_unknown
from dbproc.core.errors import GoneError, PermanentError, TransferError
from dbproc.core.lookup import store_named
from dbproc.core.model import Mission
from dbproc.core.places import StoreSpec
from dbproc.core.states import ReplicaState
from dbproc.database import files, replicas, replication, root
from dbproc.database.definition.load import load_definition
from dbproc.database.files import Part
from dbproc.database.replicas import Replica
from dbproc.database.store import Store, Transaction
from dbproc.storage.digest import algorithm_of
from dbproc.storage.stores.base import Entry, Place, below
from dbproc.storage.transfer import digest_of
from dbproc.system.signals import keep_time
from dbproc.transfers.limits import Bandwidth
from dbproc.transfers.places import STORE, open_named

MOST_LOST = 0.05
"""The share of a store's copies that may be found lost at once, unless a person says otherwise."""

_BATCH = 2000
_READ_AT_ONCE = 500
_READ_SECONDS = 10.0
_DIFFERENT = "its file's copies differ, and nobody knows which is right"
_MOST_TOLD = 1000


class StoreFault(StrEnum):
    """What may be found of a file in a store."""

    MISSING = "missing"  #: it was there, and is not any more
    CHANGED = "changed"  #: its size or its digest is another one than recorded
    UNREAD = "unread"  #: it cannot be read now
    DARK = "dark"  #: it is there, and in no catalogue
    DUPLICATE = "duplicate"  #: the store has another copy of the same file


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFinding:
    """What is found of a file in a store."""

    fault: StoreFault  #: of which kind
    path: str  #: where it is in the store
    file: str  #: the name of the file of the catalogue; nothing: it is of none
    why: str  #: in words


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChecked:
    """What is found of a store."""

    store: str  #: its name
    is_up: bool  #: whether it could be listed; otherwise nothing was changed
    problem: str  #: why it could not be
    unlisted: str  #: why each copy was looked at by itself, and dark ones are not known; nothing: it was listed
    known: int  #: how many copies should be there
    seen: int  #: how many of them are there
    verified: int  #: how many of them were read back with their file's digest
    counts: Mapping[StoreFault, int]  #: how many findings there are of each kind
    findings: tuple[StoreFinding, ...]  #: the first thousand of each kind
    refused: str  #: why nothing was marked lost; nothing: it was, or nothing is

    @property
    def is_well(self) -> bool:
        """Whether nothing is to be done about it."""
        harm = (StoreFault.MISSING, StoreFault.CHANGED, StoreFault.UNREAD)
        return self.is_up and not self.refused and not any(self.counts.get(each) for each in harm)


@dataclass(frozen=True, slots=True, kw_only=True)
class BelowMinimum:
    """Files of a product with fewer verified copies than ``[[replicate]]`` wants."""

    product: str  #: its name
    rule: str  #: the number of the rule in the mission file
    copies: int  #: how many they have
    least: int  #: how many they are to have
    files: int  #: how many files these are
    bytes: int  #: of them
    first: str  #: the name of one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class StoresChecked:
    """What is found of stores."""

    stores: tuple[StoreChecked, ...]  #: each of them
    below: tuple[BelowMinimum, ...]  #: files that have too few copies
    is_done: bool  #: whether it was recorded

    @property
    def is_well(self) -> bool:
        """Whether nothing is to be done."""
        return not self.below and all(each.is_well for each in self.stores)


Told = Callable[[str, int], None]
"""Told the name of a store and how many files of it were looked at."""


def check_stores(
    store: Store,
    names: Sequence[str] = (),
    *,
    deep: bool = False,
    older: dt.timedelta | None = None,
    most_lost: float = MOST_LOST,
    only_look: bool = False,
    told: Told | None = None,
) -> StoresChecked:
    """Hold stores against what is recorded of them.

    Parameters
    ----------
    store
        The mission's database.
    names
        The stores; none: all.
    deep
        Read every copy, and compare its digest.
    older
        With `deep`, only those copies that were not read back for so long.
    most_lost
        The share of a store's copies that may be marked lost.
    only_look
        Change nothing.
    told
        Told how far it is.

    Raises
    ------
    NotFoundError
        There is no such store.
    """
    if not only_look:
        root.require(store)
    with store.begin() as connection:
        mission = load_definition(connection).mission
    specs = [store_named(mission, name) for name in names] or copies.in_order(mission.stores)
    options = _Options(deep, older, most_lost, only_look, told)
    checked = tuple(_Check(store, mission, spec, options).checked() for spec in specs)
    with store.begin() as connection:
        scarce = tuple(_below(connection))
    return StoresChecked(stores=checked, below=scarce, is_done=not only_look)


@dataclass(frozen=True, slots=True)
class _Options:
    deep: bool
    older: dt.timedelta | None
    most_lost: float
    only_look: bool
    told: Told | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A copy that was read: its digest and size, which are its file's, or nobody knows those."""

    replica: Replica
    part: Part
    digest: str
    size: int


class _Check:
    """One check of one store."""

    def __init__(self, store: Store, mission: Mission, spec: StoreSpec, options: _Options) -> None:
        self._store = store
        self._mission = mission
        self._spec = spec
        self._options = options
        self._begun = dt.datetime.now(dt.UTC)
        self._seen = set[int]()
        self._listed = 0
        self._unlisted = ""
        self._verified = 0
        self._changed: dict[int, str] = {}
        self._back = set[int]()
        self._counts = Counter[StoreFault]()
        self._findings: list[StoreFinding] = []
        self._pending: list[_Read] = []
        self._flushed = time.monotonic()
        self._limit = None if spec.bandwidth is None else Bandwidth(spec.bandwidth * 1e6)

    def checked(self) -> StoreChecked:
        """List the store, read what is to be read, and record what is seen."""
        try:
            with closing(open_named(self._mission, f"{STORE}{self._spec.name}")) as place:
                self._look(place)
                missing, known = self._missing()
                refused = self._refused(len(missing) + len(self._changed), known)
                if not refused:
                    self._record(missing)
                if self._options.deep and not refused:
                    try:
                        refused = self._read_all(place, known, len(missing) + len(self._changed))
                    finally:
                        self._flush()
                return self._told(known, refused)
        except TransferError as error:
            return self._down(str(error))

    # --- what the listing says ---

    def _look(self, place: Place) -> None:
        """List the store; of one that lists nothing, look at each copy that is recorded."""
        try:
            self._list(place)
        except GoneError:
            raise
        except PermanentError as error:
            if self._listed:
                raise
            self._unlisted = str(error)
            self._look_at_each(place)

    def _look_at_each(self, place: Place) -> None:
        for some in self._recorded():
            with self._store.begin() as connection:
                parts = _parts(connection, some)
            for each in some:
                part = parts.get((each.file_id, each.member))
                with suppress(GoneError):
                    try:
                        self._compare(each, place.look(each.path), part)
                    except GoneError:
                        raise
                    except PermanentError as error:
                        if not self._seen:
                            raise
                        self._seen.add(each.replica_id)
                        self._find(StoreFault.UNREAD, each.path, _name(part), str(error))
            self._count(len(some))

    def _count(self, more: int) -> None:
        self._listed += more
        if self._options.told is not None:
            self._options.told(self._spec.name, self._listed)

    def _list(self, place: Place) -> None:
        entries = below(place)
        while some := list(islice(entries, _BATCH)):
            own = {each.path: each for each in some if not _is_private(each.path)}
            with self._store.begin() as connection:
                there = replicas.at_paths(connection, self._spec.name, list(own))
                parts = _parts(connection, there.values())
            for path, entry in own.items():
                if path in there:
                    self._compare(there[path], entry, parts.get((there[path].file_id, there[path].member)))
                else:
                    self._find(StoreFault.DARK, path, "", "" if entry.size is None else f"{entry.size} bytes")
            self._count(len(some))

    def _compare(self, replica: Replica, entry: Entry, part: Part | None) -> None:
        """Whether a copy is as it was recorded, as far as the listing tells."""
        self._seen.add(replica.replica_id)
        if replica.state is ReplicaState.MISSING:
            self._back.add(replica.replica_id)
        why = _other(replica, entry, part)
        if why and replica.state is not ReplicaState.CORRUPT:
            self._changed[replica.replica_id] = why
        if why:
            self._find(StoreFault.CHANGED, replica.path, _name(part), why)
        elif replica.state is ReplicaState.CORRUPT:
            self._find(StoreFault.CHANGED, replica.path, _name(part), replica.reason)

    def _missing(self) -> tuple[list[int], int]:
        """The copies that are recorded and were not listed, and how many should be there."""
        missing: list[int] = []
        known = 0
        for some in self._recorded():
            with self._store.begin() as connection:
                parts = _parts(connection, some)
            for each in some:
                is_gone = each.replica_id not in self._seen
                if each.state is not ReplicaState.MISSING or not is_gone:
                    known += 1
                if is_gone and not self._is_newer(each):
                    name = _name(parts.get((each.file_id, each.member)))
                    self._find(StoreFault.MISSING, each.path, name, f"known since {each.found:%Y-%m-%d}")
                    if each.state is not ReplicaState.MISSING:
                        missing.append(each.replica_id)
        self._find_duplicates()
        return missing, known

    def _find_duplicates(self) -> None:
        with self._store.begin() as connection:
            for name, paths in replicas.duplicates(connection, self._spec.name):
                for path in paths[1:]:
                    self._find(StoreFault.DUPLICATE, path, name, f"the same file is at {paths[0]}")

    def _is_newer(self, replica: Replica) -> bool:
        """Whether a copy came, or was read back, after the store was listed."""
        return max(replica.found, replica.verified or replica.found) >= self._begun

    def _recorded(self) -> Iterator[list[Replica]]:
        beyond = ""
        while True:
            with self._store.begin() as connection:
                some = replicas.of_store(connection, self._spec.name, beyond=beyond, most=_BATCH)
            if not some:
                return
            yield some
            beyond = some[-1].path

    # --- what reading says ---

    def _read_all(self, place: Place, known: int, lost: int) -> str:
        """Read copies, and record of each what is seen; why no more was marked, or nothing."""
        refused = ""
        before = None if self._options.older is None else self._begun - self._options.older
        for some in self._recorded():
            with self._store.begin() as connection:
                parts = _parts(connection, some)
            for each in some:
                part = parts.get((each.file_id, each.member))
                is_due = before is None or each.verified is None or each.verified < before
                if part is None or not is_due or each.replica_id not in self._seen or each.replica_id in self._changed:
                    continue
                fault = self._read(place, each, part)
                if not fault:
                    continue
                lost += each.state is not ReplicaState.CORRUPT
                refused = refused or self._refused(lost, known)
                if not refused:
                    self._enter_corrupt(each, fault)
        return refused

    def _read(self, place: Place, replica: Replica, part: Part) -> str:
        """Read a copy; what is wrong with its bytes, or nothing."""
        algorithm = algorithm_of(part.digest)
        try:
            digest, size = self._digest(place, replica.path, algorithm, part.size)
        except GoneError:
            self._find(StoreFault.UNREAD, replica.path, _name(part), "it went away meanwhile")
            return ""
        except TransferError as error:
            self._find(StoreFault.UNREAD, replica.path, _name(part), str(error))
            return ""
        if digest == part.digest or (is_unknown(part.digest) and part.member is None):
            self._note(_Read(replica, part, digest, size))
            return ""
        why = f"its digest is {digest}, and its file's {part.digest}"
        if replica.state is not ReplicaState.CORRUPT:
            self._find(StoreFault.CHANGED, replica.path, _name(part), why)
        return why

    def _digest(self, place: Place, path: str, algorithm: str, most: int | None) -> tuple[str, int]:
        size, going_on = 0, threading.Event()

        def came(count: int) -> None:
            nonlocal size
            size += count
            keep_time()
            if self._limit is not None:
                self._limit.spend(count, going_on)

        return digest_of(place, path, algorithm, most, came), size

    def _note(self, read: _Read) -> None:
        """Have what was read recorded, with others: soon, for it took long to read."""
        self._pending.append(read)
        if len(self._pending) >= _READ_AT_ONCE or time.monotonic() - self._flushed >= _READ_SECONDS:
            self._flush()

    def _flush(self) -> None:
        """Record what was read."""
        some, self._pending, self._flushed = self._pending, [], time.monotonic()
        if self._options.only_look or not some:
            return
        now = dt.datetime.now(dt.UTC)
        unknown = [each for each in some if is_unknown(each.part.digest)]
        with self._store.begin() as connection:
            others = replicas.of_files(connection, sorted({each.replica.file_id for each in unknown}))
            learnt: dict[int, _Read] = {}
            rows: list[tuple[int, ReplicaState, str, str]] = []
            for each in some:
                number, file_id = each.replica.replica_id, each.replica.file_id
                is_new = is_unknown(each.part.digest)
                if is_new and _differ(each, others[file_id], learnt.get(file_id)):
                    rows.append((number, ReplicaState.UNVERIFIED, _DIFFERENT, each.digest))
                    continue
                if is_new:
                    learnt.setdefault(file_id, each)
                rows.append((number, ReplicaState.VERIFIED, "", each.digest))
            replicas.record_read(connection, rows, now)
            sizes = {number: each.size for number, each in learnt.items()}
            replicas.learn_of_files(connection, sizes, {number: each.digest for number, each in learnt.items()})
            replicas.learn(connection, {each.replica.replica_id: each.size for each in learnt.values()})
        self._verified += sum(row[1] is ReplicaState.VERIFIED for row in rows)

    # --- what is recorded and told ---

    def _enter_corrupt(self, replica: Replica, reason: str) -> None:
        if not self._options.only_look:
            with self._store.begin() as connection:
                replicas.record(connection, [replica.replica_id], ReplicaState.CORRUPT, reason, dt.datetime.now(dt.UTC))

    def _record(self, missing: Sequence[int]) -> None:
        """Record what the listing tells."""
        if self._options.only_look:
            return
        now = dt.datetime.now(dt.UTC)
        with self._store.begin() as connection:
            replicas.record(connection, missing, ReplicaState.MISSING, "it is not listed any more", now)
            replicas.record(connection, self._back, ReplicaState.UNVERIFIED, "it was missing, and is there again", now)
            for number, why in self._changed.items():
                replicas.record(connection, [number], ReplicaState.CORRUPT, why, now)

    def _refused(self, lost: int, known: int) -> str:
        if lost <= self._options.most_lost * known:
            return ""
        return (
            f"{lost} of {known} copies seem lost, over {100 * self._options.most_lost:g} %: nothing more is marked; "
            "is its disk mounted, and its listing whole? If they are lost: --max-lost 100"
        )

    def _find(self, fault: StoreFault, path: str, file: str, why: str) -> None:
        self._counts[fault] += 1
        if self._counts[fault] <= _MOST_TOLD:
            self._findings.append(StoreFinding(fault=fault, path=path, file=file, why=why))

    def _told(self, known: int, refused: str) -> StoreChecked:
        return StoreChecked(
            store=self._spec.name,
            is_up=True,
            problem="",
            unlisted=self._unlisted,
            known=known,
            seen=len(self._seen),
            verified=self._verified,
            counts=dict(self._counts),
            findings=tuple(self._findings),
            refused=refused,
        )

    def _down(self, problem: str) -> StoreChecked:
        return StoreChecked(
            store=self._spec.name,
            is_up=False,
            problem=problem,
            unlisted="",
            known=0,
            seen=0,
            verified=self._verified,
            counts={},
            findings=(),
            refused="",
        )


def _is_private(path: str) -> bool:
    """Whether a path is one of what transfers have not finished."""
    return any(part.startswith(".dbproc") for part in path.split("/"))


def _parts(connection: Transaction, some: Iterable[Replica]) -> dict[tuple[int, str], Part]:
    """By number and member: the files that copies are of."""
    numbers = sorted({each.file_id for each in some})
    return {(part.file_id, part.member or ""): part for part in files.parts_of(connection, numbers)}


def _differ(read: _Read, others: Sequence[Replica], learnt: _Read | None) -> bool:
    """Whether another copy has other bytes than one that was read, of a file that nobody has read before."""
    there = [each for each in others if each.is_there]
    sizes = {each.size for each in there} | {read.part.size, read.size}
    digests = {each.shasum for each in there} | {read.digest, learnt.digest if learnt is not None else None}
    return len(sizes - {None}) > 1 or len(digests - {None}) > 1


def _name(part: Part | None) -> str:
    return "" if part is None else part.path.rpartition("/")[2]


def _other(replica: Replica, entry: Entry, part: Part | None) -> str:
    """What a listing says of a copy that is not as it was recorded; nothing: it is, or nobody knows."""
    size = replica.size if replica.size is not None else None if part is None else part.size
    if None not in (size, entry.size) and size != entry.size:
        return f"{size} bytes are recorded, and {entry.size} there"
    if part is None or is_unknown(part.digest):
        return ""
    told = [each for each in entry.digests if algorithm_of(each) == algorithm_of(part.digest)]
    return "" if part.digest in told or not told else f"the store tells {told[0]}, and its file is {part.digest}"


def _below(connection: Transaction) -> Iterator[BelowMinimum]:
    """The files of which there are fewer verified copies than rules want."""
    definition = load_definition(connection)
    mission = definition.mission
    for rule in mission.replicates:
        meant = {
            number: each.name
            for number, each in definition.products.items()
            if rule in copies.rules_of([rule], each.name)
        }
        places = copies.places(copies.counting(copies.stores_of(rule, mission.stores)))
        names = [[each.name for each in some] for some in places]
        least = copies.least_copies(rule, mission.stores)
        if not meant or not least:
            continue
        for few in replication.scarce(connection, list(meant), names, least, newest=rule.versions == "newest"):
            yield BelowMinimum(
                product=meant[few.product_id],
                rule=rule.name,
                copies=few.copies,
                least=least,
                files=few.files,
                bytes=few.size,
                first=few.first,
            )
