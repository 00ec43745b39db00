"""Bring files back into their places from stores: which, from where, and what comes of it.

A file comes from the store of the lowest preference that is up. One that cannot be reached makes way for the next one;
where none is up, the transfer waits, and a later run goes on with it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dbproc.core.copies import in_order
from dbproc.core.digests import is_unknown
from dbproc.core.model import Mission
from dbproc.core.places import ROOT
from dbproc.core.states import ReplicaState, Standing
from dbproc.core.transfers import OPEN, Order, Spot, Task, Transfer, TransferState
from dbproc.database import files, replicas, replication, transfers
from dbproc.database.files import Part
from dbproc.database.replicas import Replica
from dbproc.database.store import Store, Transaction
from dbproc.system.machine import user_name

RULE = "recall"
"""The rule of the transfers by which files come back."""

_MOST_ROUNDS = 3

_Way = tuple[int, str, str]
"""A file, the member of its companion directory or nothing, and the store from which it comes."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A copy that a part of a file may come from."""

    store: str
    path: str
    url: str


@dataclass(frozen=True, slots=True)
class _Not:
    """Why a file does not come now."""

    why: str
    is_tried_again: bool = False


@dataclass(slots=True)
class Recall:
    """Files that are to come back, and what has become of that.

    Attributes
    ----------
    wanted
        The numbers of the files that are still to come.
    given_up
        By file: why it does not come now, and is tried again later.
    hopeless
        By file: why it does not come before a person has done something.
    asked
        When a person asked for them: what failed for good before is tried again. None: nobody did.
    """

    store: Store
    mission: Mission
    asked: dt.datetime | None = None
    wanted: set[int] = field(default_factory=set)
    given_up: dict[int, str] = field(default_factory=dict)
    hopeless: dict[int, str] = field(default_factory=dict)
    _waits: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))  # of a store and a reason
    _tried: dict[_Way, int] = field(default_factory=dict)  # with how many tries there were before
    _rounds: dict[_Way, int] = field(default_factory=lambda: defaultdict(int))

    def want(self, file_ids: Collection[int], why_not: str = "") -> None:
        """Ask for files; `why_not`: expect none of them now."""
        new = set(file_ids) - self.wanted
        if why_not:
            self.given_up.update(dict.fromkeys(new, why_not))
            return
        self.wanted |= new
        self._order(sorted(new))

    def take_back(self) -> set[int]:
        """The files that came since the last call."""
        with self.store.begin() as connection:
            rows = files.files_numbered(connection, sorted(self.wanted))
        back = {row.file_id for row in rows if row.standing is not Standing.OFFLOADED}
        self.wanted -= back
        return back

    def go_on(self) -> bool:
        """When nothing moves any more: ask other stores for what has not come, or give it up; whether there is anything
        to move."""
        return self._order(sorted(self.wanted))

    def give_up(self, why: str) -> None:
        """Expect nothing more now."""
        self.given_up.update(dict.fromkeys(self.wanted, why))
        self.wanted.clear()

    def _order(self, file_ids: Sequence[int]) -> bool:
        if not file_ids:
            return False
        with self.store.begin() as connection:
            known = _Known.of(connection, self.mission, file_ids, self.asked)
            orders: list[Order] = []
            is_open = False
            for part in known.parts:
                step = self._step(known, part)
                if isinstance(step, Order):
                    orders.append(step)
                elif isinstance(step, _Not):
                    (self.given_up if step.is_tried_again else self.hopeless)[part.file_id] = step.why
                    self.wanted.discard(part.file_id)
                else:
                    is_open = is_open or step
            orders = [order for order in orders if order.file_id in self.wanted]
            self._ask(connection, known, orders)
        return is_open or bool(orders)

    def _ask(self, connection: Transaction, known: _Known, orders: Sequence[Order]) -> None:
        """Enter orders; what waits for a store that is not up comes from the other one."""
        waiting = [known.moving.get((order.file_id or 0, order.member)) for order in orders]
        new = [order for order, before in zip(orders, waiting, strict=True) if before is None]
        transfers.ask(connection, new)
        for order, before in zip(orders, waiting, strict=True):
            if before is not None:
                self._tried[(*_key(before), _store(order))] = before.tries
                why = f"{before.order.origin.place} is not up: {before.reason}"
                transfers.reroute(connection, before.transfer_id, order.origin, why)

    def _step(self, known: _Known, part: Part) -> Order | _Not | bool:
        """What to do for a part: an order, why it does not come now, or nothing and whether something brings it."""
        key = (part.file_id, part.member or "")
        if key[1] in known.back[part.file_id]:
            return False
        moving = known.moving.get(key)
        if moving is not None and self._has_still_to_try(moving, known.now):
            return True
        sources = [each for each in known.sources[key] if (*key, each.store) not in self._tried]
        away = [(each.store, self._why_away(each.store)) for each in sources]
        sources = [each for each, (_, why) in zip(sources, away, strict=True) if not why]
        if not sources and moving is None and away:
            return _Not(f"store {away[0][0]}: {away[0][1]}; the next run tries it again", is_tried_again=True)
        if sources:
            self._tried[(*key, sources[0].store)] = 0
            return _order(part, sources[0])
        if moving is not None:
            return _Not(_waiting_words(moving), is_tried_again=True)
        return _Not(known.failures.get(key) or "no store has a copy of it that is known to be good")

    def _why_away(self, store: str) -> str:
        """Why a store counts as away: files of it wait for the same reason; nothing where it does not."""
        return next((why for (name, why), some in self._waits.items() if name == store and len(some) > 1), "")

    def _has_still_to_try(self, moving: Transfer, now: dt.datetime) -> bool:
        """Whether a transfer that is open has not been tried yet by this recall."""
        order = moving.order
        way = (order.file_id or 0, order.member, _store(order))
        if moving.next_try is not None and moving.next_try > now:
            self._tried.setdefault(way, moving.tries)
            self._waits[way[2], moving.reason].add(way[0])
            return False
        if moving.tries > self._tried.setdefault(way, moving.tries):
            return False
        self._rounds[way] += 1
        return self._rounds[way] <= _MOST_ROUNDS


@dataclass(slots=True)
class _Known:
    """What the database says of files that are to come back, and of what brings them."""

    parts: list[Part]
    back: Mapping[int, set[str]]
    sources: Mapping[tuple[int, str], Sequence[_Source]]
    moving: Mapping[tuple[int, str], Transfer]
    failures: Mapping[tuple[int, str], str]
    now: dt.datetime

    @staticmethod
    def of(
        connection: Transaction, mission: Mission, file_ids: Sequence[int], asked: dt.datetime | None = None
    ) -> _Known:
        """Ask it; what failed before `asked` counts no more."""
        to_root = [
            each
            for each in transfers.of_files(connection, file_ids)
            if each.order.target.place == ROOT and each.order.task in (Task.RECALL, Task.HEAL)
        ]
        failed = [
            each
            for each in to_root
            if each.state is TransferState.FAILED and (asked is None or (each.since or asked) >= asked)
        ]
        return _Known(
            parts=list(files.parts_of(connection, file_ids)),
            back=replication.parts_back(connection, file_ids),
            sources=_sources(mission, replicas.of_files(connection, file_ids), failed),
            moving={_key(each): each for each in to_root if each.state in OPEN},
            failures={_key(each): f"{each.order.origin.place}: {each.reason}" for each in failed},
            now=dt.datetime.now(dt.UTC),
        )


def _store(order: Order) -> str:
    return order.origin.place.removeprefix("store ")


def _key(transfer: Transfer) -> tuple[int, str]:
    return transfer.order.file_id or 0, transfer.order.member


def _sources(
    mission: Mission, copies: Mapping[int, Sequence[Replica]], failed: Sequence[Transfer]
) -> Mapping[tuple[int, str], Sequence[_Source]]:
    """By part: the copies that it may come from, the best first; none from where it could not be had for good."""
    found: dict[tuple[int, str], list[_Source]] = defaultdict(list)
    given_up = {(each.order.origin.place, each.order.origin.path): each.since for each in failed}
    for store in in_order(mission.stores):
        every = (copy for some in copies.values() for copy in some if copy.store == store.name)
        for copy in sorted(every, key=lambda copy: copy.state is not ReplicaState.VERIFIED):
            since = given_up.get((f"store {store.name}", copy.path))
            seen = copy.verified or copy.found
            if copy.is_there and (since is None or seen > since):
                url = f"{store.url.rstrip('/')}/{copy.path}"
                found[copy.file_id, copy.member].append(_Source(store.name, copy.path, url))
    return found


def _order(part: Part, source: _Source) -> Order:
    return Order(
        task=Task.RECALL,
        rule=RULE,
        origin=Spot(f"store {source.store}", source.path, source.url),
        target=Spot(ROOT, part.path),
        user=user_name(),
        size=part.size,
        expected=() if is_unknown(part.digest) else (part.digest,),
        expected_of="" if is_unknown(part.digest) else "the catalogue",
        file_id=part.file_id,
        member=part.member or "",
    )


def _waiting_words(moving: Transfer) -> str:
    until = "" if moving.next_try is None else f"; tried again from {moving.next_try:%Y-%m-%d %H:%MZ} on"
    return f"{moving.order.origin.place}: {moving.reason or 'it has not come yet'}{until}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromStore:
    """What comes back from a store."""

    store: str  #: its name
    files: int  #: how many files
    size: int  #: bytes, those of companion directories included


def came(connection: Transaction, run_id: int) -> list[FromStore]:
    """From which stores files came in a run."""
    of_store: dict[str, set[int]] = defaultdict(set)
    sizes: dict[str, int] = defaultdict(int)
    for each in transfers.of_run(connection, RULE, run_id):
        if each.state.is_complete:
            of_store[_store(each.order)].add(each.order.file_id or 0)
            sizes[_store(each.order)] += each.order.size or 0
    return [FromStore(store=name, files=len(some), size=sizes[name]) for name, some in sorted(of_store.items())]


def foreseen(connection: Transaction, mission: Mission, file_ids: Sequence[int]) -> tuple[list[FromStore], set[int]]:
    """From which stores files would come back, if all of these are up; and those that no store has."""
    known = _Known.of(connection, mission, file_ids)
    of_store: dict[str, set[int]] = defaultdict(set)
    sizes: dict[str, int] = defaultdict(int)
    nowhere: set[int] = set()
    for part in known.parts:
        sources = known.sources.get((part.file_id, part.member or ""))
        if not sources:
            nowhere.add(part.file_id)
            continue
        of_store[sources[0].store].add(part.file_id)
        sizes[sources[0].store] += part.size or 0
    return [FromStore(store=name, files=len(some), size=sizes[name]) for name, some in of_store.items()], nowhere
