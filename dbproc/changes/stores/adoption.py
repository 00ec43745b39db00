"""Files that lie in a store already: taken into the catalogue where they are, by their names, without their bytes.

A file enters the catalogue once, however many copies of it there are. Each part of what is listed is entered in one
transaction, so that what a kill leaves undone is done when it is asked for again.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

from dbproc.changes.correcting import Correcting, correcting
from dbproc.changes.stores.names import Found, Names, Unfit
from dbproc.core.digests import is_unknown
from dbproc.core.errors import UserError
from dbproc.core.inventories import Listed, kind_of, path_in_store
from dbproc.core.lookup import product_named, store_named
from dbproc.core.model import Definition, NewFile
from dbproc.core.places import StoreSpec
from dbproc.core.states import ReplicaState
from dbproc.core.text import number_words, size_words
from dbproc.database import files, links, queue, replicas, verdicts
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.files import identity_of
from dbproc.database.replicas import Replica
from dbproc.database.store import Store, Transaction
from dbproc.storage.inventory import inventory
from dbproc.storage.stores.base import below
from dbproc.transfers.places import STORE, open_named

_BATCH = 2000
_EXAMPLES = 3
_MOST_TOLD = 1000
_MOST_HOSTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What is taken in of a product."""

    product: str  #: its name
    files: int  #: how many files are new in the catalogue
    copies: int  #: how many copies are new, of these files and of known ones
    bytes: int  #: of the new copies of which the size is known


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftKind:
    """Files that are left alone, of one kind."""

    kind: str  #: their extension; nothing: they have none
    why: str  #: what they are
    count: int  #: how many there are
    bytes: int  #: of those of which the size is known
    examples: tuple[str, ...]  #: the paths of the first of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A file that is not as the catalogue has it; nothing that was recorded is changed."""

    path: str  #: where it is in the store
    why: str  #: what does not fit


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAdopted:
    """What a store holds, and what of it is taken in."""

    store: str  #: its name
    listed: int  #: how many files are listed
    known: int  #: how many of them are known as copies already
    files: int  #: how many files are new in the catalogue
    copies: int  #: how many copies are new
    taken: tuple[TakenIn, ...]  #: these by product
    left: tuple[LeftKind, ...]  #: what is left alone, by kind
    contradictions: tuple[Contradiction, ...]  #: what contradicts the catalogue, the first thousand
    contradicting: int  #: how many there are
    is_done: bool  #: whether it was done, not only foreseen


def adopt(
    store: Store,
    name: str,
    *,
    inventory_file: str | None = None,
    host: str | None = None,
    products: Sequence[str] = (),
    queued: bool = False,
    only_look: bool = False,
    told: Callable[[str, int], None] | None = None,
) -> StoreAdopted:
    """Take in what lies in a store, or with `only_look` say what would be.

    Parameters
    ----------
    store
        The mission's database.
    name
        The store's name.
    inventory_file
        A list of what is in it; None: the store is listed.
    host
        The entries of the inventory that are of the store, by the host that they name.
    products
        The names or numbers of the products that are meant; none: all.
    queued
        Queue what is taken in, so that the next run makes what comes of it.
    only_look
        Change nothing.
    told
        Told the name of the store and how many files were looked at.

    Raises
    ------
    NotFoundError
        There is no such store or product.
    UserError
        The inventory cannot be read, or is of several hosts.
    TransferError
        The store cannot be listed.
    BusyError, LockError
        A run is live.
    """
    with store.begin() as connection:
        spec = store_named(load_mission(connection), name)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        if inventory_file is None:  # before runs are kept away, for it may take long
            _list(store, spec, spool, told)
        with correcting(store, "stores adopt", only_look=only_look) as ground:
            with store.begin() as connection:
                definition = load_definition(connection)
            meant = {product_named(definition, each).product_id for each in products} or set(definition.products)
            found = _unspooled(spool) if inventory_file is None else _of_inventory(inventory_file, spec, host)
            adoption = _Adoption(ground, definition, spec, Names(definition, meant, ground.run_id), queued=queued)
            while some := list(islice(found, _BATCH)):
                adoption.take(some)
                if told is not None:
                    told(spec.name, adoption.listed)
            return adoption.adopted()


# --- what there is ---


def _list(store: Store, spec: StoreSpec, spool: IO[str], told: Callable[[str, int], None] | None) -> None:
    """Write down what a store lists, a JSON list in each line."""
    with store.begin() as connection:
        mission = load_mission(connection)
    with closing(open_named(mission, f"{STORE}{spec.name}")) as place:
        for number, entry in enumerate(below(place), 1):
            time = None if entry.modified is None else entry.modified.isoformat()
            spool.write(json.dumps([entry.path, entry.size, entry.digests, time]) + "\n")
            if told is not None and number % _BATCH == 0:
                told(spec.name, number)
    spool.seek(0)


def _unspooled(spool: IO[str]) -> Iterator[Found | str]:
    """What was written down; what has no path that can be used is only its text."""
    for line in spool:
        text, size, digests, time = json.loads(line)
        path = path_in_store(text, "")
        listed = Listed(text, size, tuple(digests))
        yield text if path is None else Found(path, listed, time and dt.datetime.fromisoformat(time))


def _of_inventory(path: str, spec: StoreSpec, host: str | None) -> Iterator[Found | str]:
    """What an inventory lists of a store."""
    wanted = _host(path, spec, host)
    for listed in inventory(path):
        if wanted is None or listed.host.casefold() in ("", wanted):
            place = path_in_store(listed.path, spec.url)
            yield listed.path if place is None else Found(place, listed)


def _host(path: str, spec: StoreSpec, host: str | None) -> str | None:
    """The host whose entries are of a store; None: all are.

    Raises
    ------
    UserError
        There are several, and nothing says which.
    """
    counts = Counter[str]()
    for listed in inventory(path):
        if len(counts) < _MOST_HOSTS:
            counts[listed.host.casefold()] += 1
    hosts = sorted(each for each in counts if each)
    wanted = (host or spec.name).casefold()
    if host is None and len(hosts) <= 1:
        return None
    if wanted in hosts:
        return wanted
    shown = ", ".join(hosts[:5]) or "none"
    raise UserError(
        f"the inventory {path} is of the hosts {shown}; say which of them store {spec.name} is: --host HOST"
        if host is None
        else f"the inventory {path} has nothing of host {host}; it is of: {shown}"
    )


# --- what of it is taken in ---


@dataclass(slots=True)
class _Held:
    """A file of the catalogue, or one that is about to enter it."""

    file_id: int
    product: str
    size: int | None
    digest: str


@dataclass(slots=True)
class _Left:
    """What is counted of a kind that is left alone."""

    count: int = 0
    bytes: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Part:
    """What one part of a listing changes."""

    new: dict[str, NewFile] = field(default_factory=dict)
    copies: dict[str, tuple[Found, _Held]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)  #: of copies
    file_sizes: dict[int, int] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    back: list[int] = field(default_factory=list)  #: copies that were missing


class _Adoption:
    """One adoption of a store."""

    def __init__(
        self, ground: Correcting, definition: Definition, spec: StoreSpec, names: Names, *, queued: bool
    ) -> None:
        self.listed = 0
        self._ground = ground
        self._definition = definition
        self._spec = spec
        self._names = names
        self._queued = queued
        self._known = 0
        self._new, self._copies, self._bytes = Counter[str](), Counter[str](), Counter[str]()
        self._left: dict[tuple[str, str], _Left] = {}
        self._contradictions: list[Contradiction] = []
        self._contradicting = 0
        self._foreseen: dict[str, _Held] = {}  # with only a look: nothing is in the catalogue that shows it
        self._foreseen_paths: set[str] = set()

    def take(self, some: Sequence[Found | str]) -> None:
        """Take in a part of what is listed, in one transaction."""
        self.listed += len(some)
        found = dict[str, Found]()
        for each in some:
            if isinstance(each, str):
                self._leave(each, None, "nothing that can be a path here")
            elif not any(part.startswith(".dbproc") for part in each.path.split("/")):
                self._add(found, each)
        with self._ground.store.begin() as connection:
            part, held = _Part(), self._held(connection, found)
            there = replicas.at_paths(connection, self._spec.name, list(found))
            for path, each in found.items():
                self._one(part, held, each, there.get(path))
            self._without_twins(connection, part)
            if self._ground.run_id is not None:
                self._record(connection, part)
        self._count(part)

    def adopted(self) -> StoreAdopted:
        """What became of it."""
        products = sorted(self._copies)
        return StoreAdopted(
            store=self._spec.name,
            listed=self.listed,
            known=self._known,
            files=self._new.total(),
            copies=self._copies.total(),
            taken=tuple(
                TakenIn(product=each, files=self._new[each], copies=self._copies[each], bytes=self._bytes[each])
                for each in products
            ),
            left=tuple(
                LeftKind(kind=kind, why=why, count=left.count, bytes=left.bytes, examples=tuple(left.examples))
                for (why, kind), left in sorted(self._left.items())
            ),
            contradictions=tuple(self._contradictions),
            contradicting=self._contradicting,
            is_done=self._ground.run_id is not None,
        )

    def _add(self, found: dict[str, Found], each: Found) -> None:
        """Add a file to those of a part; a path that is listed twice is one file."""
        first = found.setdefault(each.path, each)
        sizes = {first.listed.size, each.listed.size} - {None}
        if len(sizes) > 1:
            self._contradict(each.path, f"listed twice, with {first.listed.size} and {each.listed.size} bytes")
        elif first.listed.size is None:
            found[each.path] = each

    def _held(self, connection: Transaction, found: Mapping[str, Found]) -> dict[str, _Held]:
        """By name: the files that the catalogue has."""
        names = list({each.name for each in found.values()})
        products = self._definition.products
        rows = files.files_named(connection, names)
        known = {
            row.filename: _Held(row.file_id, row.product, row.size, row.digest)
            for row in rows
            if row.product_id in products
        }
        return known | {name: self._foreseen[name] for name in names if name in self._foreseen}

    def _one(self, part: _Part, held: dict[str, _Held], found: Found, there: Replica | None) -> None:
        """What one file changes."""
        try:
            if found.name not in held:
                product = self._names.product_of(found)
                new = self._names.file_of(found, product, self._digest(found))
                part.new[found.name] = new
                held[found.name] = _Held(0, product.name, new.size, new.digest)
        except Unfit as error:
            self._leave(found.path, found.listed.size, str(error))
            return
        file = held[found.name]
        if there is None and found.path not in self._foreseen_paths:
            part.copies[found.path] = (found, file)
            self._learn(part, found, file)
        elif there is None or self._agrees(part, found, file, there):
            self._known += 1

    def _agrees(self, part: _Part, found: Found, held: _Held, there: Replica) -> bool:
        """Whether a copy is as it was recorded; what was not known of it is learnt."""
        size, digest = found.listed.size, self._digest(found)
        if None not in (size, there.size) and size != there.size:
            self._contradict(found.path, _both(there.size, size))
            return False
        if digest is not None and not is_unknown(held.digest) and digest != held.digest:
            self._contradict(found.path, f"listed with {digest}, and its file is {held.digest}")
            return False
        if size is not None and there.size is None:
            part.sizes[there.replica_id] = size
        if there.state is ReplicaState.MISSING:
            part.back.append(there.replica_id)
        self._learn(part, found, held)
        return True

    def _learn(self, part: _Part, found: Found, held: _Held) -> None:
        """What a listing tells of a file of which nobody knew it."""
        size, digest = found.listed.size, self._digest(found)
        if size is not None and held.size is None:
            held.size = size
            if held.file_id:
                part.file_sizes[held.file_id] = size
        if digest is not None and is_unknown(held.digest) and size in (None, held.size):
            held.digest = digest
            if held.file_id:
                part.digests[held.file_id] = digest

    def _without_twins(self, connection: Transaction, part: _Part) -> None:
        """Leave files alone whose product, date, keywords and version another file has."""
        names = files.known_of_days(connection, list(part.new.values()))
        for name, file in list(part.new.items()):
            other = names.setdefault(identity_of(file), name)
            if other == name:
                continue
            del part.new[name]
            product = self._definition.products[file.product_id].name
            words = f"{product} of {file.facts.date} {file.facts.keywords}".strip()
            for path in [path for path, (found, _) in part.copies.items() if found.name == name]:
                del part.copies[path]
                self._contradict(path, f"{other} is {words} in version {file.version} already; two files cannot be")

    def _record(self, connection: Transaction, part: _Part) -> None:
        """Enter a part."""
        now = dt.datetime.now(dt.UTC)
        # what was learnt of a new file by a later copy of it is entered with it
        numbers = dict(zip(part.new, replicas.enter_files(connection, list(part.new.values()), now), strict=True))
        for found, held in part.copies.values():
            if held.file_id == 0:
                held.file_id = numbers[found.name]
                part.file_sizes |= {held.file_id: held.size} if held.size is not None else {}
                part.digests |= {held.file_id: held.digest} if not is_unknown(held.digest) else {}
        replicas.enter(connection, (self._copy(found, held, now) for found, held in part.copies.values()))
        replicas.learn(connection, part.sizes)
        replicas.learn_of_files(connection, part.file_sizes, part.digests)
        replicas.record(connection, part.back, ReplicaState.UNVERIFIED, "", now)
        ids = list(numbers.values())
        if ids:
            links.outdate(connection)
            verdicts.settle(connection, self._definition, ids, self._ground.run_id)
        if self._queued:
            queue.push_back(connection, ids, "adopted")

    def _copy(self, found: Found, held: _Held, now: dt.datetime) -> Replica:
        state, reason = _state(found.listed.size, self._digest(found), held)
        return Replica(
            file_id=held.file_id,
            store=self._spec.name,
            path=found.path,
            size=found.listed.size,
            state=state,
            reason=reason,
            found=now,
        )

    def _count(self, part: _Part) -> None:
        for path, (found, held) in part.copies.items():
            self._copies[held.product] += 1
            self._bytes[held.product] += found.listed.size or 0
            reason = _state(found.listed.size, self._digest(found), held)[1]
            if reason:
                self._contradict(path, reason)
            if self._ground.run_id is None:
                self._foreseen[found.name] = held
                self._foreseen_paths.add(path)
        self._new.update(self._definition.products[file.product_id].name for file in part.new.values())

    def _digest(self, found: Found) -> str | None:
        """The digest that a listing tells, of the catalogue's algorithm."""
        algorithm = f"{self._definition.mission.digest}:"
        return next((each for each in found.listed.digests if each.startswith(algorithm)), None)

    def _leave(self, path: str, size: int | None, why: str) -> None:
        left = self._left.setdefault((why, kind_of(path.rsplit("/", 1)[-1])), _Left())
        left.count += 1
        left.bytes += size or 0
        if len(left.examples) < _EXAMPLES:
            left.examples.append(path)

    def _contradict(self, path: str, why: str) -> None:
        self._contradicting += 1
        if len(self._contradictions) < _MOST_TOLD:
            self._contradictions.append(Contradiction(path=path, why=why))


def _state(size: int | None, digest: str | None, held: _Held) -> tuple[ReplicaState, str]:
    """How a copy is that is listed for the first time, and what does not fit."""
    is_known = not is_unknown(held.digest)
    if None not in (size, held.size) and size != held.size:
        why = _both(held.size, size)
        return ReplicaState.CORRUPT if is_known else ReplicaState.UNVERIFIED, why
    if is_known and digest not in (None, held.digest):
        return ReplicaState.CORRUPT, f"listed with {digest}, and its file is {held.digest}"
    return ReplicaState.UNVERIFIED, ""


def _both(recorded: int | None, now: int | None) -> str:
    return f"{recorded} bytes are recorded, and {now} listed"


def sums(done: StoreAdopted) -> Iterator[str]:
    """What was done, in numbers."""
    would = "" if done.is_done else "would be "
    new = f"{number_words(done.files, 'new file')} and {number_words(done.copies, 'copy', 'copies')} {would}taken in"
    yield f"{done.listed:,} listed: {new}, {done.known:,} known"
    left = sum(each.count for each in done.left)
    if left:
        yield f"{left:,} left alone"
    if done.contradicting:
        yield f"{done.contradicting:,} contradict the catalogue"


def left_words(left: LeftKind) -> str:
    """A kind that is left alone, in words."""
    kind = left.kind or "no extension"
    size = f", {size_words(left.bytes)}" if left.bytes else ""
    more = ", …" if left.count > len(left.examples) else ""
    return f"{left.count:,} with {kind}{size}: {left.why}; {', '.join(left.examples)}{more}"
