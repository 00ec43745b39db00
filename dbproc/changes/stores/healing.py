"""Copies that are missing or corrupt, restored from verified ones; the root is one of the places.

What is to be restored is asked for as transfers of the line ``heal``, and these are worked off. Nothing is overwritten:
a good copy comes beside a corrupt one, which is removed when that is there and was read back; of the root it is kept
with what was withdrawn. So each step can be killed: what is left to do is seen again from what is recorded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from dbproc.core import copies
from dbproc.core.digests import is_unknown
from dbproc.core.errors import BusyError, TransferError
from dbproc.core.events import Progress
from dbproc.core.lookup import store_named
from dbproc.core.model import Mission
from dbproc.core.places import ROOT, StoreSpec, Trust
from dbproc.core.states import ReplicaState
from dbproc.core.transfers import OPEN, Order, Spot, Task, TransferState
from dbproc.database import directories, files, lock, replicas, root, transfers
from dbproc.database.definition.load import load_definition
from dbproc.database.files import Part
from dbproc.database.replicas import Replica
from dbproc.database.store import Store, Transaction
from dbproc.storage import permissions
from dbproc.storage.digest import algorithm_of, digest_file, state_of
from dbproc.storage.layout import PRIVATE, kept_path
from dbproc.storage.renaming import rename
from dbproc.system.machine import user_name
from dbproc.transfers.line import DIRECTORY
from dbproc.transfers.places import STORE, open_named
from dbproc.transfers.work import Live, Worked, work

RULE = "heal"
"""The rule of the transfers that restore copies."""

_BATCH = 1000
_BAD = (ReplicaState.MISSING, ReplicaState.CORRUPT)
_COMPLETE = (TransferState.VERIFIED.value, TransferState.UNVERIFIED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """A copy that is restored."""

    file: str  #: the name of the file, or of the member of its companion directory
    origin: str  #: the place that it comes from
    target: str  #: the place that it goes to
    path: str  #: where it is there then
    state: str  #: the state of its transfer; nothing: it was not asked for
    why: str  #: why it is so


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRestored:
    """A copy that cannot be restored."""

    store: str  #: the name of its store
    path: str  #: where it is there
    why: str  #: why not


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """What was restored."""

    asked: tuple[Restoring, ...]  #: what is restored, or would be
    left: tuple[NotRestored, ...]  #: what cannot be
    restored: int  #: how many copies were
    tidied: int  #: how many corrupt copies were removed, and missing ones forgotten, for a good one is in their store
    is_done: bool  #: whether it was done, not only foreseen

    @property
    def is_well(self) -> bool:
        """Whether nothing is left to be restored."""
        return not self.left and (not self.is_done or self.restored == len(self.asked))


def heal(
    store: Store, names: Sequence[str] = (), *, only_look: bool = False, progress: Progress | None = None
) -> Healed:
    """Restore copies, or with `only_look` say which would be.

    Parameters
    ----------
    store
        The mission's database.
    names
        The stores, ``root`` among them; none: all.
    only_look
        Change nothing.
    progress
        Told how many of the transfers are at their end.

    Raises
    ------
    NotFoundError
        There is no such store.
    RootError
        The root is gone, or belongs to another database.
    """
    root.require(store)
    with store.begin() as connection:
        mission = load_definition(connection).mission
    is_root = not names or ROOT in names
    specs = [store_named(mission, each) for each in names if each != ROOT]
    healing = _Healing(store, mission, only_look=only_look, is_root_named=ROOT in names)
    for spec in specs if names else copies.in_order(mission.stores):
        healing.look(spec)
    if is_root:
        healing.look_at_root()
    if only_look:
        return healing.healed()
    healing.work_off(progress)
    return healing.healed()


@dataclass(slots=True)
class _Wanted:
    """A copy that is to be restored: its transfer, and of a rotten file of the root its part."""

    order: Order
    rotten: Part | None = None
    number: int = 0
    state: str = ""
    why: str = ""


@dataclass(slots=True)
class _Healing:
    """One healing."""

    store: Store
    mission: Mission
    only_look: bool = field(kw_only=True)
    is_root_named: bool = field(kw_only=True)
    wanted: list[_Wanted] = field(default_factory=list)
    left: list[NotRestored] = field(default_factory=list)
    tidied: int = 0
    away: dict[str, str] = field(default_factory=dict)

    def look(self, spec: StoreSpec) -> None:
        """What is to be restored in a store; what needs it no more is tidied up."""
        beyond = ""
        while True:
            with self.store.begin() as connection:
                bad = replicas.in_states(connection, spec.name, _BAD, beyond=beyond, most=_BATCH)
                parts = _parts(connection, [each.file_id for each in bad])
                others = replicas.of_files(connection, sorted({each.file_id for each in bad}))
            if not bad:
                return
            beyond = bad[-1].path
            for each in bad:
                self._one(spec, each, parts.get((each.file_id, each.member)), others[each.file_id])

    def _one(self, spec: StoreSpec, bad: Replica, part: Part | None, others: Sequence[Replica]) -> None:
        same = [each for each in others if each.member == bad.member and _is_good(each, part)]
        beside = [each for each in same if each.store == spec.name]
        why = "" if part is not None else "its file's companion directory has no such member any more"
        if spec.trust is Trust.READ_ONLY:
            why = f"store {spec.name} is read-only"
        elif bad.state is ReplicaState.CORRUPT and bad.verified is None and bad.transfer_id is None:
            why = "it never had the file's bytes, as far as is known: look at it yourself"
        if why or part is None:
            self.left.append(NotRestored(store=spec.name, path=bad.path, why=why))
        elif beside:
            self._tidy(spec, bad, beside[0])
        else:
            target = Spot(f"{STORE}{spec.name}", _new_path(bad), f"{spec.url.rstrip('/')}/{_new_path(bad)}")
            self._want(
                part, same, target, NotRestored(store=spec.name, path=bad.path, why="no verified copy of it is known")
            )

    def look_at_root(self) -> None:
        """What of the root's files is gone from disk or rotten. Files whose state was not recorded are only read where
        the root was named."""
        beyond = 0
        while True:
            with self.store.begin() as connection:
                some = replicas.of_lost(connection, beyond=beyond, most=_BATCH)
                parts = _parts(connection, some)
                others = replicas.of_files(connection, some)
            if not some:
                return
            beyond = some[-1]
            for (file_id, member), part in parts.items():
                path = os.path.join(self.mission.root, part.path)
                is_there = os.path.lexists(path)
                if is_there and not self._is_rotten(path, part):
                    continue
                away = "" if is_there or not part.exists else self._away(os.path.dirname(part.path))
                if away:
                    self.left.append(NotRestored(store=ROOT, path=part.path, why=away))
                    continue
                same = [each for each in others[file_id] if each.member == member and _is_good(each, part)]
                left = NotRestored(store=ROOT, path=part.path, why="no verified copy of it is known")
                inner = f"{PRIVATE}/{DIRECTORY}/healed-{file_id}/{part.path}" if is_there else part.path
                target = Spot(ROOT, inner, f"file://{self.mission.root}/{inner}")
                self._want(part, same, target, left, rotten=part if is_there else None)

    def _away(self, place: str) -> str:
        """Why files of a directory are not taken for gone: all of them are, and nobody has recorded that yet."""
        if place not in self.away:
            with self.store.begin() as connection:
                self.away[place] = directories.away_places(connection, self.mission, [place]) or ""
        return self.away[place]

    def _is_rotten(self, path: str, part: Part) -> bool:
        """Whether what is in the place of a file has other bytes."""
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                return False  # check tells it: a person has put it there
            if status.st_size != part.size:
                return True
            is_read = self.is_root_named if part.state is None else state_of(status) != part.state
            return is_read and digest_file(path, algorithm_of(part.digest)) != part.digest
        except OSError:
            return False

    def _want(
        self, part: Part, same: Sequence[Replica], target: Spot, left: NotRestored, rotten: Part | None = None
    ) -> None:
        origin = self._origin(part, same, target)
        if origin is None:
            self.left.append(left)
            return
        order = Order(
            task=Task.HEAL,
            rule=RULE,
            origin=origin,
            target=target,
            user=user_name(),
            size=part.size,
            expected=(part.digest,),
            expected_of="the catalogue",
            file_id=part.file_id,
            member=part.member or "",
        )
        self.wanted.append(_Wanted(order, rotten))

    def _origin(self, part: Part, same: Sequence[Replica], target: Spot) -> Spot | None:
        """Where a good copy is read: the root before all stores, if it has it as it was recorded."""
        path = os.path.join(self.mission.root, part.path)
        is_here = target.place != ROOT and part.exists and not part.is_offloaded and os.path.lexists(path)
        if is_here and not self._is_rotten(path, part):
            return Spot(ROOT, part.path, f"file://{path}")
        for spec in copies.in_order(self.mission.stores):
            for each in same:
                if each.store == spec.name:
                    return Spot(f"{STORE}{spec.name}", each.path, f"{spec.url.rstrip('/')}/{each.path}")
        return None

    def _tidy(self, spec: StoreSpec, bad: Replica, good: Replica) -> None:
        """Remove a corrupt copy, and forget what was known of it: a good one is in its store."""
        if not self.only_look:
            try:
                with closing(open_named(self.mission, f"{STORE}{spec.name}")) as place:
                    size = place.look(good.path).size
                    if None not in (size, good.size) and size != good.size:
                        why = f"the good copy at {good.path} has {size} bytes by now; check the store"
                        self.left.append(NotRestored(store=spec.name, path=bad.path, why=why))
                        return
                    if bad.state is ReplicaState.CORRUPT:
                        place.remove(bad.path)
            except TransferError as error:
                self.left.append(NotRestored(store=spec.name, path=bad.path, why=str(error)))
                return
            with self.store.begin() as connection:
                replicas.forget(connection, [bad.replica_id])
        self.tidied += 1

    def work_off(self, progress: Progress | None) -> None:
        """Ask for what is not asked for yet, work it off, and tidy up what was replaced."""
        with self.store.begin() as connection:
            is_open = {_ends(each.order): each.transfer_id for each in transfers.of_rule(connection, RULE, OPEN)}
            new = [each for each in self.wanted if _ends(each.order) not in is_open]
            for each, number in zip(new, transfers.ask(connection, [each.order for each in new]), strict=True):
                each.number = number
            for each in self.wanted:
                each.number = each.number or is_open[_ends(each.order)]

        def observe(_: Sequence[Live], worked: Worked) -> None:
            if progress is not None:
                progress(min(worked.counts.total(), len(self.wanted)), len(self.wanted))

        worked = work(self.store, self.mission, RULE, observe=observe)
        with self.store.begin() as connection:
            rows = {each.transfer_id: each for each in transfers.numbered(connection, [w.number for w in self.wanted])}
        for each in self.wanted:
            row = rows[each.number]
            each.state, each.why = row.state.value, row.reason
            if worked.is_busy:
                each.why = each.why or "another process works at it"
        self._put_home([each for each in self.wanted if each.rotten is not None and each.state in _COMPLETE])
        wanted, self.wanted = self.wanted, []
        left, self.left = self.left, []
        for spec in self.mission.stores:
            if any(each.order.target.place == f"{STORE}{spec.name}" for each in wanted):
                self.look(spec)
        self.wanted, self.left = wanted, left

    def _put_home(self, some: Sequence[_Wanted]) -> None:
        """Put good bytes that have come into the places of rotten ones, which are kept."""
        if not some:
            return
        try:
            with lock.holding(self.store, "stores heal"):
                for each in some:
                    self._exchange(each)
        except BusyError as error:
            for each in some:
                each.state, each.why = "", f"it came, and waits: {error}"

    def _exchange(self, wanted: _Wanted) -> None:
        part, mission = wanted.rotten, self.mission
        if part is None:
            return
        path, new = (os.path.join(mission.root, each) for each in (part.path, wanted.order.target.path))
        try:
            digest = digest_file(path, algorithm_of(part.digest))
            aside = kept_path(mission, part.file_id, digest, os.path.basename(path))
            permissions.make_directories(os.path.dirname(aside))
            rename(path, aside)
            rename(new, path)
        except OSError as error:
            wanted.state, wanted.why = "", f"it came, and cannot be put in its place: {error.strerror}"
            return
        with suppress(OSError):
            os.removedirs(os.path.dirname(new))
        wanted.why = f"what was there is kept: {aside}"

    def healed(self) -> Healed:
        """What became of it."""
        return Healed(
            asked=tuple(
                Restoring(
                    file=each.order.target.path.rpartition("/")[2],
                    origin=each.order.origin.place,
                    target=each.order.target.place,
                    path=each.order.target.path,
                    state=each.state,
                    why=each.why,
                )
                for each in self.wanted
            ),
            left=tuple(self.left),
            restored=sum(each.state in _COMPLETE for each in self.wanted),
            tidied=self.tidied,
            is_done=not self.only_look,
        )


def _parts(connection: Transaction, file_ids: Sequence[int]) -> Mapping[tuple[int, str], Part]:
    numbers = sorted(set(file_ids))
    return {(part.file_id, part.member or ""): part for part in files.parts_of(connection, numbers)}


def _is_good(replica: Replica, part: Part | None) -> bool:
    """Whether a copy was read back with the digest of its file."""
    if part is None or is_unknown(part.digest) or replica.state is not ReplicaState.VERIFIED:
        return False
    return replica.shasum in (None, part.digest)


def _new_path(bad: Replica) -> str:
    """Where the good copy goes: to where the missing one was, and beside a corrupt one, under its own name."""
    if bad.state is ReplicaState.MISSING:
        return bad.path
    directory, slash, name = bad.path.rpartition("/")
    return f"{directory}{slash}healed-{bad.replica_id}/{name}"


def _ends(order: Order) -> tuple[str, str]:
    return order.target.place, order.target.path
