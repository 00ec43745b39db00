"""Copies of files in stores: entering them, finding them by file and by store, what is known of each."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, delete, exists, func, select, update

from dbproc.core.digests import UNKNOWN
from dbproc.core.model import NewFile
from dbproc.core.places import ROOT
from dbproc.core.states import ReplicaState
from dbproc.database import files, schema
from dbproc.database._queries import FILE, batches, columns_of, insert_rows, streamed

_REPLICA = schema.replica
_C = schema.replica.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A copy of a file in a store, or of a member of its companion directory."""

    replica_id: int = 0  #: its number; 0: it is not entered yet
    file_id: int  #: the number of the file
    store: str  #: the name of the store
    path: str  #: where it is in it
    size: int | None = None  #: bytes; null: nobody has told
    shasum: str | None = None  #: the digest that it was read back with; null: it was not
    state: ReplicaState = ReplicaState.UNVERIFIED  #: how it is, as far as is known
    reason: str = ""  #: why it is so
    found: dt.datetime  #: since when it is known
    verified: dt.datetime | None = None  #: when it was read back last
    member: str = ""  #: its path in the companion directory; nothing: the file itself
    transfer_id: int | None = None  #: the number of the transfer that brought it

    @property
    def is_there(self) -> bool:
        """Whether it has, as far as is known, the bytes of its file."""
        return self.state in (ReplicaState.VERIFIED, ReplicaState.UNVERIFIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCounts:
    """What is known of a store's copies."""

    store: str  #: its name
    files: int = 0  #: how many files have copies there
    bytes: int = 0  #: of the copies of which the size is known, without those that are missing
    states: Mapping[str, int] = field(default_factory=dict)  #: how many copies there are in each state


def put(
    connection: Connection,
    file_id: int,
    store: str,
    path: str,
    size: int | None,
    shasum: str | None,
    state: ReplicaState,
    transfer_id: int | None,
    member: str = "",
    reason: str = "",
    now: dt.datetime | None = None,
) -> None:
    """Enter the copy that is at a path of a store, in place of what was known of that path.

    Parameters
    ----------
    file_id, member
        The file that it is of, and which part of it.
    store, path
        The store's name, and where it is there.
    size, shasum
        Its bytes, and the digest of them as they were read back.
    state, reason
        How it is, and why.
    transfer_id
        The transfer that brought it.
    now
        When this was seen.
    """
    time = now or dt.datetime.now(dt.UTC)
    values: dict[str, Any] = {
        "file_id": file_id,
        "file_size": size,
        "shasum": shasum,
        "state": state.value,
        "reason": reason,
        "member": member,
        "transfer_id": transfer_id,
        "verified_time": time if state is ReplicaState.VERIFIED else None,
    }
    there = update(_REPLICA).where(_C.store == store, _C.path == path)
    if connection.execute(there.values(values)).rowcount == 0:
        insert_rows(connection, _REPLICA, [{**values, "store": store, "path": path, "found_time": time}])


def enter(connection: Connection, replicas: Iterable[Replica]) -> None:
    """Enter copies at paths of which nothing is known yet."""
    rows = [
        {
            "file_id": each.file_id,
            "store": each.store,
            "path": each.path,
            "file_size": each.size,
            "shasum": each.shasum,
            "state": each.state.value,
            "reason": each.reason,
            "found_time": each.found,
            "verified_time": each.verified,
            "member": each.member,
            "transfer_id": each.transfer_id,
        }
        for each in replicas
    ]
    insert_rows(connection, _REPLICA, rows)


def enter_files(connection: Connection, new: Sequence[NewFile], now: dt.datetime) -> list[int]:
    """Enter files whose bytes are in stores alone; their numbers, in the same order."""
    ids = files.insert_files(connection, new)
    for some in batches(ids):
        connection.execute(update(FILE).where(FILE.c.file_id.in_(some)).values(offloaded_time=now))
    return ids


def learn(connection: Connection, sizes: Mapping[int, int]) -> None:
    """Record, by their numbers, the sizes of copies of which none was known."""
    statement = update(_REPLICA).where(_C.replica_id == bindparam("of"), _C.file_size.is_(None))
    rows = [{"of": number, "size": size} for number, size in sizes.items()]
    if rows:
        connection.execute(statement.values(file_size=bindparam("size")), rows)


def learn_of_files(connection: Connection, sizes: Mapping[int, int], digests: Mapping[int, str]) -> None:
    """Record, by their numbers, sizes and digests of files of which none were known."""
    for column, facts, is_unknown in (
        (FILE.c.file_size, sizes, FILE.c.file_size.is_(None)),
        (FILE.c.shasum, digests, FILE.c.shasum.endswith(UNKNOWN)),
    ):
        statement = update(FILE).where(FILE.c.file_id == bindparam("of"), is_unknown)
        rows = [{"of": number, "fact": fact} for number, fact in facts.items()]
        if rows:
            connection.execute(statement.values({column.name: bindparam("fact")}), rows)


def record(
    connection: Connection,
    replica_ids: Collection[int],
    state: ReplicaState,
    reason: str,
    now: dt.datetime,
) -> None:
    """Record how copies are that were looked at; those that are verified were read back with their file's digest."""
    values: dict[str, Any] = {"state": state.value, "reason": reason}
    if state is ReplicaState.VERIFIED:
        values |= {"verified_time": now}
    for some in batches(sorted(replica_ids)):
        connection.execute(update(_REPLICA).where(_C.replica_id.in_(some)).values(values))


def record_read(connection: Connection, rows: Sequence[tuple[int, ReplicaState, str, str]], now: dt.datetime) -> None:
    """Record what copies were read as: number, state, reason, digest; those that are verified have their file's."""
    statement = update(_REPLICA).where(_C.replica_id == bindparam("of"))
    for state in ReplicaState:
        values: dict[str, Any] = {"state": state.value, "reason": bindparam("why"), "shasum": bindparam("digest")}
        if state is ReplicaState.VERIFIED:
            values |= {"verified_time": now}
        some = [{"of": number, "why": why, "digest": digest} for number, each, why, digest in rows if each is state]
        if some:
            connection.execute(statement.values(values), some)


def of_files(connection: Connection, file_ids: Sequence[int]) -> dict[int, list[Replica]]:
    """By file: all its copies in stores, in the order of stores and paths."""
    found: dict[int, list[Replica]] = defaultdict(list)
    for some in batches(file_ids):
        statement = _replicas().where(_C.file_id.in_(some)).order_by(_C.store, _C.path)
        for replica in map(_replica, connection.execute(statement).mappings()):
            found[replica.file_id].append(replica)
    return found


def stores_with(connection: Connection, file_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """By file that has copies: the stores where they are, as far as is known, in the order of their names."""
    found: dict[int, set[str]] = defaultdict(set)
    is_there = (_C.member == "", _C.state.in_((ReplicaState.VERIFIED, ReplicaState.UNVERIFIED)))
    for some in batches(file_ids):
        for file_id, store in connection.execute(select(_C.file_id, _C.store).where(_C.file_id.in_(some), *is_there)):
            found[file_id].add(store)
    return {file_id: tuple(sorted(stores)) for file_id, stores in found.items()}


def of_store(connection: Connection, store: str, *, beyond: str = "", most: int = 5000) -> list[Replica]:
    """The next copies in a store, in the order of their paths, beyond a path."""
    statement = _replicas().where(_C.store == store, _C.path > beyond).order_by(_C.path).limit(most)
    return [_replica(row) for row in connection.execute(statement).mappings()]


def in_states(
    connection: Connection, store: str, states: Collection[ReplicaState], *, beyond: str = "", most: int = 5000
) -> list[Replica]:
    """The next copies in a store that are in one of some states, in the order of their paths, beyond a path."""
    words = [each.value for each in states]
    statement = _replicas().where(_C.store == store, _C.state.in_(words), _C.path > beyond)
    return [_replica(row) for row in connection.execute(statement.order_by(_C.path).limit(most)).mappings()]


def forget(connection: Connection, replica_ids: Collection[int]) -> None:
    """Forget copies that are not there, and whose place another one has taken."""
    for some in batches(sorted(replica_ids)):
        connection.execute(delete(_REPLICA).where(_C.replica_id.in_(some)))


def of_lost(connection: Connection, *, beyond: int = 0, most: int = 5000) -> list[int]:
    """The next files, by number, that are gone from disk or should be there, and of which a store has a verified
    copy."""
    has_copy = exists().where(_C.file_id == FILE.c.file_id, _C.state == ReplicaState.VERIFIED.value)
    stands = and_(FILE.c.replaced_by.is_(None), FILE.c.correction_id.is_(None), FILE.c.offloaded_time.is_(None))
    statement = select(FILE.c.file_id).where(stands, has_copy, FILE.c.file_id > beyond)
    return list(connection.scalars(statement.order_by(FILE.c.file_id).limit(most)))


def at_paths(connection: Connection, store: str, paths: Sequence[str]) -> dict[str, Replica]:
    """By path: what is known to be there in a store."""
    found: dict[str, Replica] = {}
    for some in batches(paths):
        statement = _replicas().where(_C.store == store, _C.path.in_(some))
        found.update((row["path"], _replica(row)) for row in connection.execute(statement).mappings())
    return found


def duplicates(connection: Connection, store: str) -> list[tuple[str, list[str]]]:
    """The files of which a store has several copies, by name, and the paths of these."""
    is_there = and_(_C.store == store, _C.state.in_((ReplicaState.VERIFIED.value, ReplicaState.UNVERIFIED.value)))
    several = select(_C.file_id, _C.member).where(is_there).group_by(_C.file_id, _C.member).having(func.count() > 1)
    each = several.subquery()
    same = and_(_C.file_id == each.c.file_id, _C.member == each.c.member)
    statement = select(FILE.c.filename, _C.member, _C.path).join(each, same).join(FILE, FILE.c.file_id == _C.file_id)
    rows = connection.execute(statement.where(is_there).order_by(FILE.c.filename, _C.member, _C.path))
    return [(name, [row[2] for row in some]) for (name, _), some in groupby(rows, lambda row: (row[0], row[1]))]


def counts(connection: Connection) -> dict[str, StoreCounts]:
    """By store: what is known of its copies."""
    states: dict[str, dict[str, int]] = defaultdict(dict)
    by_state = select(_C.store, _C.state, func.count()).group_by(_C.store, _C.state).order_by(_C.state)
    for store, state, count in connection.execute(by_state):
        states[store][state] = count
    there = _C.state != ReplicaState.MISSING.value
    size = func.coalesce(func.sum(case((there, _C.file_size))), 0)
    holding = func.count(case((there, _C.file_id)).distinct())
    sums = select(_C.store, holding, size).group_by(_C.store)
    return {
        store: StoreCounts(store=store, files=number, bytes=int(total), states=states[store])
        for store, number, total in connection.execute(sums)
    }


def counts_of_root(connection: Connection) -> StoreCounts:
    """What there is in the root."""
    is_here = and_(FILE.c.exists_on_disk, FILE.c.offloaded_time.is_(None), FILE.c.replaced_by.is_(None))
    statement = select(func.count(), func.coalesce(func.sum(FILE.c.file_size), 0)).where(is_here)
    number, total = connection.execute(statement).one()
    return StoreCounts(store=ROOT, files=number, bytes=int(total))


def stores_of_files(connection: Connection) -> Iterator[tuple[int, str, int, str, int]]:
    """Each file that has copies: its number, name and product, a store, and how many copies of it that has which are
    there as far as is known; in the order of names."""
    is_there = and_(_C.state.in_((ReplicaState.VERIFIED.value, ReplicaState.UNVERIFIED.value)), _C.member == "")
    statement = select(FILE.c.file_id, FILE.c.filename, FILE.c.product_id, _C.store, func.count())
    statement = statement.join(FILE, FILE.c.file_id == _C.file_id).where(is_there)
    statement = statement.group_by(FILE.c.file_id, FILE.c.filename, FILE.c.product_id, _C.store)
    yield from streamed(connection, statement.order_by(FILE.c.filename, _C.store))


def _replicas() -> Select[*tuple[Any, ...]]:
    columns = columns_of(Replica, _REPLICA, size=_C.file_size, found=_C.found_time, verified=_C.verified_time)
    return select(*columns)


def _replica(row: Mapping[Any, Any]) -> Replica:
    return Replica(**{**row, "state": ReplicaState(row["state"])})
