"""Free local disk of files that stores keep: only while enough other copies are verified now, read back one by one.

A copy counts that has the recorded digest as it is read at this moment, in a store that is not untrusted; two stores at
one place count once. The bytes go aside by an announced move, one transaction says that they are in stores alone, and
only then are they removed: a kill at any point leaves the file in its place, or in enough stores.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from dbproc.changes.correcting import Correcting, correcting, known, require_some, require_there
from dbproc.changes.withdraw import Choice
from dbproc.core.copies import counting, in_order, is_same_place, least_for
from dbproc.core.digests import is_unknown
from dbproc.core.errors import GoneError, PlacementError, StorageError, TransferError
from dbproc.core.events import Progress
from dbproc.core.model import KnownFile, Mission
from dbproc.core.places import StoreSpec
from dbproc.core.states import ReplicaState, Standing
from dbproc.database import files, replicas, replication
from dbproc.database import moves as placements
from dbproc.database.files import FileRow, Part
from dbproc.database.replicas import Replica
from dbproc.database.store import Store
from dbproc.run.withdrawal import moved
from dbproc.storage import layout, moves
from dbproc.storage.aside import is_whole, move_aside
from dbproc.storage.digest import algorithm_of
from dbproc.storage.stores.base import Place
from dbproc.storage.transfer import digest_of
from dbproc.transfers.places import open_named

ALREADY = "it is offloaded already"
"""Why a file is kept of which nothing is on disk any more: that is no failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadedFile:
    """A file whose bytes leave the disk."""

    file: str  #: its name
    size: int  #: bytes, those of its companion directory included
    stores: tuple[str, ...]  #: the stores whose copies were read back; of a look, those that are said to have some


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A file whose bytes stay."""

    file: str  #: its name
    why: str  #: why


@dataclass(frozen=True, slots=True, kw_only=True)
class Offloaded:
    """What offloading does."""

    files: tuple[OffloadedFile, ...]  #: what leaves the disk
    kept: tuple[HeldFile, ...]  #: what stays
    is_done: bool  #: whether it was done, not only foreseen


def offload(
    store: Store,
    choice: Choice,
    *,
    copies: int | None = None,
    only_look: bool = False,
    progress: Progress | None = None,
) -> Offloaded:
    """Remove files from the disk that enough stores keep; or with `only_look` say which, and read no copy.

    Parameters
    ----------
    store
        The mission's database.
    choice
        Finds the files.
    copies
        How many verified copies there must be; None: as many as the rules of replication want, and at least one.
    only_look
        Change nothing.
    progress
        Told how many files were looked at.

    Raises
    ------
    UserError
        No file is meant.
    BusyError, LockError
        A run is live, and may be using the files.
    """
    with correcting(store, "offload", only_look=only_look) as ground:
        with store.begin() as connection:
            rows = list(choice(connection))
        require_some(rows, "offload")
        some = known(store, rows)
        require_there(ground, some)
        gone: list[OffloadedFile] = []
        kept: list[HeldFile] = []
        with _Stores(ground.mission) as stores:
            for number, (row, file) in enumerate(zip(rows, some, strict=True), 1):
                least = copies or least_for(ground.mission.replicates, ground.mission.stores, row.product)
                done = _offloaded(ground, stores, row, file, least, only_look=only_look)
                (gone if isinstance(done, OffloadedFile) else kept).append(done)  # type: ignore[arg-type]
                if progress is not None:
                    progress(number, len(rows))
    return Offloaded(files=tuple(gone), kept=tuple(kept), is_done=not only_look)


def _offloaded(
    ground: Correcting, stores: _Stores, row: FileRow, file: KnownFile, least: int, *, only_look: bool
) -> OffloadedFile | HeldFile:
    """Offload one file, or say why its bytes stay."""
    hindrance = _hindrance(ground, row, file)
    if hindrance:
        return HeldFile(file=file.filename, why=hindrance)
    with ground.store.begin() as connection:
        parts = list(files.parts_of(connection, [file.file_id]))
        copies = replicas.of_files(connection, [file.file_id]).get(file.file_id, [])
    found = [_Copies(stores, os.path.join(ground.mission.root, part.path), part, copies) for part in parts]
    for each in found:
        each.look(least, is_read=not only_look)
        if not only_look:
            each.record(ground.store)
    short = next((each for each in found if len(each.good) < least), None)
    if short is not None:
        return HeldFile(file=file.filename, why=short.words(least))
    told = OffloadedFile(
        file=file.filename,
        size=sum(part.size or 0 for part in parts),
        stores=tuple(sorted({name for each in found for name in each.good})),
    )
    return told if only_look else _removed(ground, file, told)


def _hindrance(ground: Correcting, row: FileRow, file: KnownFile) -> str:
    """Why no copy needs to be looked at; nothing where the bytes may leave if these are good."""
    if file.standing is Standing.OFFLOADED:
        return ALREADY
    if file.standing is not Standing.IN_PLACE:
        return f"it is {file.standing}: only what is in its place is offloaded"
    if is_unknown(row.digest):
        return "its digest is not known, so no copy can be compared with it"
    with ground.store.begin() as connection:
        links = replication.links_in_areas(connection, file.file_id)
    return f"{links[0]} in an area is a link to it; it stays until that request expires" if links else ""


def _removed(ground: Correcting, file: KnownFile, told: OffloadedFile) -> OffloadedFile | HeldFile:
    move = move_aside(ground.mission, file, layout.OFFLOADED)
    if move is None or not is_whole(file, move):
        return HeldFile(file=file.filename, why="its bytes here are not those that were recorded: dbproc check --deep")
    try:
        with moved(ground.store, [move]), ground.store.begin() as connection:
            replication.set_offloaded(connection, [file.file_id])
            placements.withdraw(connection, [move])
    except (PlacementError, StorageError) as error:
        return HeldFile(file=file.filename, why=str(error))
    moves.remove(move.target, move.members)
    with suppress(OSError):
        os.rmdir(os.path.dirname(move.target))
    return told


class _Stores:
    """The stores whose copies count, each opened once."""

    def __init__(self, mission: Mission) -> None:
        self.specs: Sequence[StoreSpec] = in_order(counting(mission.stores))
        self._mission = mission
        self._opened: dict[str, Place] = {}
        self._away: dict[str, TransferError] = {}
        self._closing = ExitStack()

    def __enter__(self) -> _Stores:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def digest(self, store: StoreSpec, path: str, algorithm: str, most: int | None) -> str:
        """The digest of a file of a store of so many bytes, read now.

        Raises
        ------
        TransferError
            It cannot be read; a store that cannot be reached is asked once.
        """
        if store.name in self._away:
            raise self._away[store.name]
        try:
            if store.name not in self._opened:
                self._opened[store.name] = open_named(self._mission, f"store {store.name}")
                self._closing.callback(self._opened[store.name].close)
            return digest_of(self._opened[store.name], path, algorithm, most)
        except TransferError as error:
            if getattr(error, "is_of_place", False):
                self._away[store.name] = error
            raise


def _recorded_fault(copy: Replica, part: Part) -> str:
    """Why a copy is not known to be good; nothing where it is."""
    if copy.state is not ReplicaState.VERIFIED:
        return copy.reason or str(copy.state)
    return "" if copy.shasum == part.digest else "it has other bytes than are recorded now"


def _identity(store: StoreSpec, copy: Replica) -> str:
    """Which file of this machine a copy is; nothing where that cannot be told."""
    directory = unquote(urlsplit(store.url).path) if store.scheme == "file" else ""
    return _inode(os.path.join(directory, copy.path)) if directory else ""


def _inode(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}"


class _Copies:
    """The copies of a part of a file: which are good as they are read now, by their places, and why others are not."""

    def __init__(self, stores: _Stores, path: str, part: Part, copies: Collection[Replica]) -> None:
        self.good: dict[str, str] = {}  # by store: which file it is, where that can be told
        self._stores = stores
        self._path = path
        self._part = part
        self._copies = [copy for copy in copies if copy.member == (part.member or "")]
        self._seen: list[tuple[Replica, ReplicaState, str]] = []
        self._why: dict[str, str] = {}

    def look(self, least: int, *, is_read: bool) -> None:
        """Look at copies until enough are good."""
        for store in self._stores.specs:
            for copy in (copy for copy in self._copies if copy.store == store.name):
                if len(self.good) < least:
                    self._look_at(store, copy, is_read=is_read)

    def _look_at(self, store: StoreSpec, copy: Replica, *, is_read: bool) -> None:
        why = self._fault(store, copy) if is_read else _recorded_fault(copy, self._part)
        why = why or self._double(store, copy)
        if why:
            self._why[store.name] = why
        else:
            self.good[store.name] = _identity(store, copy)
            self._why.pop(store.name, None)

    def _fault(self, store: StoreSpec, copy: Replica) -> str:
        """Why a copy is not good as it is read now; nothing where it is."""
        try:
            digest = self._stores.digest(store, copy.path, algorithm_of(self._part.digest), self._part.size)
        except GoneError as error:
            self._seen.append((copy, ReplicaState.MISSING, str(error)))
            return str(error)
        except TransferError as error:
            return str(error)
        if digest == self._part.digest:
            self._seen.append((copy, ReplicaState.VERIFIED, ""))
            return ""
        reason = f"it has the digest {digest}"
        self._seen.append((copy, ReplicaState.CORRUPT, reason))
        return reason

    def _double(self, store: StoreSpec, copy: Replica) -> str:
        """Why a copy does not count besides those that do: it is one of them, or the file itself."""
        identity = _identity(store, copy)
        if identity and identity == _inode(self._path):
            return "it is the very file that would be removed"
        specs = {spec.name: spec for spec in self._stores.specs}
        for name, other in self.good.items():
            if name == store.name or is_same_place(store, specs[name]) or (identity and identity == other):
                return f"it is at the same place as {name}, and counts once with that"
        return ""

    def record(self, store: Store) -> None:
        """Record what was seen of the copies."""
        with store.begin() as connection:
            for copy, state, reason in self._seen:
                replicas.record(connection, [copy.replica_id], state, reason, dt.datetime.now(dt.UTC))

    def words(self, least: int) -> str:
        """Why its copies do not suffice."""
        name = "" if self._part.member is None else f" of its member {self._part.member}"
        stores = {copy.store for copy in self._copies}
        why = [f"{store}: {reason}" for store, reason in sorted(self._why.items())]
        why += [] if stores else ["no store whose copies count has one"]
        have = f"{len(self.good)} verified cop{'y' if len(self.good) == 1 else 'ies'}{name} of {least} needed"
        return "; ".join([have, *why])
