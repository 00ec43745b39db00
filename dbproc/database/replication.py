"""Files and their copies in stores: which lack some, which are offloaded and come back, and whose copies they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, exists, false, func, literal, or_, select, update

from dbproc.core.places import ROOT, Link
from dbproc.core.states import ReplicaState, StageState
from dbproc.core.transfers import OPEN, Order, Task, Transfer, TransferState
from dbproc.database import links, queue, schema, transfers
from dbproc.database._queries import FILE, batches, is_newest

_COPY, _MEMBER, _MOVE = schema.replica, schema.filemember, schema.transfer
REPLICATE = "replicate"
"""The rule of the transfers by which copies come into stores."""


def lacking(connection: Connection, products: Collection[int], store: str, *, newest: bool) -> list[int]:
    """The files of products of which a store has no verified copy, and none is on its way there: in their order.

    Parameters
    ----------
    products
        Of which files: those that are in their places or offloaded.
    store
        Its name.
    newest
        Only the newest version of each date and keywords.
    """
    statement = select(FILE.c.file_id).where(
        FILE.c.product_id.in_(products),
        _stands(newest=newest),
        or_(~_has_copy(store), _lacks_member(store)),
        ~_is_on_its_way(store),
    )
    return list(connection.scalars(statement.order_by(FILE.c.file_id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scarce:
    """Files of a product with fewer verified copies than are wanted."""

    product_id: int
    copies: int  #: how many each of them has
    files: int  #: how many files these are
    size: int  #: bytes of them, without companion directories
    first: str  #: the name of one of them


def scarce(
    connection: Connection, products: Collection[int], places: Sequence[Collection[str]], least: int, *, newest: bool
) -> list[Scarce]:
    """By product and number of copies: the files of which fewer than `least` places have a verified copy; `places` are
    the names of the stores at each."""
    number = sum((case((or_(*map(_is_whole_in, names)), 1), else_=0) for names in places), literal(0))
    counted = select(FILE.c.product_id, FILE.c.filename, FILE.c.file_size, number.label("copies"))
    counted = counted.where(FILE.c.product_id.in_(products), _stands(newest=newest))
    each = counted.subquery()
    sums = (func.count(), func.coalesce(func.sum(each.c.file_size), 0), func.min(each.c.filename))
    statement = select(each.c.product_id, each.c.copies, *sums).where(each.c.copies < least)
    statement = statement.group_by(each.c.product_id, each.c.copies).order_by(each.c.product_id, each.c.copies)
    return [
        Scarce(product_id=product, copies=copies, files=files, size=int(size), first=first)
        for product, copies, files, size, first in connection.execute(statement)
    ]


def why_not(connection: Connection, products: Collection[int], stores: Collection[str]) -> dict[str, str]:
    """By store: the last word of a transfer that was to bring a copy of a file of products there and has not."""
    target = _MOVE.c.target_place
    names = [f"store {name}" for name in stores]
    hindered = _MOVE.c.state.in_((*OPEN, TransferState.FAILED, TransferState.CANCELLED))
    of_them = _MOVE.join(FILE, FILE.c.file_id == _MOVE.c.file_id)
    statement = select(target, _MOVE.c.reason).select_from(of_them)
    statement = statement.where(
        _MOVE.c.rule == REPLICATE, target.in_(names), hindered, _MOVE.c.reason != "", FILE.c.product_id.in_(products)
    )
    rows = connection.execute(statement.order_by(_MOVE.c.state_time))
    return {place.removeprefix("store "): reason for place, reason in rows}


def taken_paths(connection: Connection, store: str, paths: Sequence[str]) -> set[str]:
    """Those of some paths in a store of which something is known already."""
    found: set[str] = set()
    for some in batches(paths):
        found.update(connection.scalars(select(_COPY.c.path).where(_COPY.c.store == store, _COPY.c.path.in_(some))))
    return found


def came_back(connection: Connection, transfer: Transfer, size: int, digest: str, state: str) -> None:
    """Record that a part of a file is in its place, with what is learned of it where nobody knew its digest; when all
    parts are, the file is. One that was withdrawn or replaced meanwhile stays so.

    Parameters
    ----------
    transfer
        What brought it.
    size, digest, state
        Its bytes, and what the system says of it.
    """
    order = transfer.order
    assert order.file_id is not None
    if order.member:
        part, known = _MEMBER.c.file_id == order.file_id, _MEMBER.c.shasum
        of_part = update(_MEMBER).where(part, _MEMBER.c.member_path == order.member)
        learned: dict[str, object] = {"shasum": digest, "member_size": size}
    else:
        of_part, known = update(FILE).where(FILE.c.file_id == order.file_id), FILE.c.shasum
        learned = {"shasum": digest, "file_size": size}
    connection.execute(of_part.where(known.endswith(":unknown")).values(learned))
    connection.execute(of_part.values(stat=state or None))
    copy = (_COPY.c.file_id == order.file_id, _COPY.c.store == _store_of(order), _COPY.c.path == order.origin.path)
    seen = {"state": ReplicaState.VERIFIED, "reason": "", "shasum": digest, "file_size": size}
    connection.execute(update(_COPY).where(*copy).values(**seen, verified_time=dt.datetime.now(dt.UTC)))
    if parts_back(connection, [order.file_id])[order.file_id] >= _all_parts(connection, order.file_id):
        is_of_place = (FILE.c.file_id == order.file_id, FILE.c.correction_id.is_(None), FILE.c.replaced_by.is_(None))
        was_lost = connection.scalar(select(FILE.c.file_id).where(*is_of_place, ~FILE.c.exists_on_disk)) is not None
        connection.execute(update(FILE).where(*is_of_place).values(exists_on_disk=True, offloaded_time=None))
        if was_lost:
            queue.push(connection, [order.file_id], "restored")
        links.outdate(connection)


def _store_of(order: Order) -> str:
    return order.origin.place.removeprefix("store ")


def parts_back(connection: Connection, file_ids: Sequence[int]) -> dict[int, set[str]]:
    """By file: what of it came back since its bytes were in stores alone: members, nothing for the file itself."""
    found: dict[int, set[str]] = {file_id: set() for file_id in file_ids}
    complete = (TransferState.VERIFIED, TransferState.UNVERIFIED)
    for some in batches(file_ids):
        statement = select(_MOVE.c.file_id, _MOVE.c.member).join(FILE, FILE.c.file_id == _MOVE.c.file_id)
        statement = statement.where(
            _MOVE.c.file_id.in_(some),
            _MOVE.c.target_place == ROOT,
            _MOVE.c.state.in_(complete),
            or_(FILE.c.offloaded_time.is_(None), _MOVE.c.ended_time >= FILE.c.offloaded_time),
        )
        for file_id, member in connection.execute(statement):
            found[file_id].add(member)
    return found


def _all_parts(connection: Connection, file_id: int) -> set[str]:
    return {"", *connection.scalars(select(_MEMBER.c.member_path).where(_MEMBER.c.file_id == file_id))}


def set_offloaded(connection: Connection, file_ids: Sequence[int]) -> None:
    """Record that the bytes of files are in stores alone from now on."""
    for some in batches(file_ids):
        values = {"offloaded_time": dt.datetime.now(dt.UTC), "exists_on_disk": True, "stat": None}
        connection.execute(update(FILE).where(FILE.c.file_id.in_(some)).values(**values))
    links.outdate(connection)


def kept_elsewhere(connection: Connection, file_ids: Sequence[int], stores: Collection[str]) -> set[int]:
    """Those of some files of which one of the stores has a verified copy, with all members."""
    found: set[int] = set()
    whole = or_(false(), *map(_is_whole_in, stores))
    for some in batches(file_ids if stores else []):
        found.update(connection.scalars(select(FILE.c.file_id).where(FILE.c.file_id.in_(some), whole)))
    return found


def outdate_copies(connection: Connection, file_id: int) -> None:
    """Record that the copies of a file that have other bytes than are recorded now are none of it."""
    is_of_part = case(
        (_COPY.c.member == "", select(FILE.c.shasum).where(FILE.c.file_id == file_id).scalar_subquery()),
        else_=select(_MEMBER.c.shasum)
        .where(_MEMBER.c.file_id == file_id, _MEMBER.c.member_path == _COPY.c.member)
        .scalar_subquery(),
    )
    is_other = (_COPY.c.file_id == file_id, func.coalesce(is_of_part, "") != _COPY.c.shasum)
    values = {"state": ReplicaState.CORRUPT, "reason": "it has the bytes that the file had before"}
    connection.execute(update(_COPY).where(*is_other).values(**values))


def links_in_areas(connection: Connection, file_id: int) -> list[str]:
    """What in users' areas are links to a file, by their paths there."""
    request, placed = schema.stage.c, schema.stagefile.c
    statement = select(placed.target_path).join(schema.stage, request.stage_id == placed.stage_id)
    is_link = (request.link == Link.SYMLINK, placed.state == StageState.PLACED)
    return list(connection.scalars(statement.where(placed.file_id == file_id, *is_link)))


def give_up_recalls(connection: Connection, file_ids: Sequence[int], reason: str) -> None:
    """Have what was to bring files back into their places do so no more."""
    is_theirs = (_MOVE.c.file_id.in_(file_ids), _MOVE.c.target_place == ROOT, _MOVE.c.state.in_(OPEN))
    numbers = connection.scalars(select(_MOVE.c.transfer_id).where(*is_theirs)).all()
    if numbers:
        transfers.cancel(connection, numbers, reason)


def hand_over(connection: Connection, former: int, successor: int) -> None:
    """Let one row of a file have the copies of another one, if it has the same bytes; and be offloaded as that is."""
    one, other = FILE.alias(), FILE.alias()
    same = exists().where(one.c.file_id == former, other.c.file_id == successor, one.c.shasum == other.c.shasum)
    connection.execute(update(_COPY).where(_COPY.c.file_id == former, same).values(file_id=successor))
    is_away = select(one.c.offloaded_time).where(one.c.file_id == former).scalar_subquery()
    connection.execute(update(FILE).where(FILE.c.file_id == successor, same).values(offloaded_time=is_away))


def _stands(*, newest: bool) -> ColumnElement[bool]:
    there = and_(FILE.c.exists_on_disk, FILE.c.replaced_by.is_(None))
    return is_newest(existing=True) if newest else there


def _is_whole_in(store: str) -> ColumnElement[bool]:
    """A store has a verified copy of the file and of all members of its companion directory."""
    return and_(_has_copy(store), ~_lacks_member(store))


def _has_copy(store: str) -> ColumnElement[bool]:
    return exists().where(*_good(store), _COPY.c.member == "", _COPY.c.shasum == FILE.c.shasum)


def _lacks_member(store: str) -> ColumnElement[bool]:
    has = exists().where(*_good(store), _COPY.c.member == _MEMBER.c.member_path, _COPY.c.shasum == _MEMBER.c.shasum)
    return exists().where(_MEMBER.c.file_id == FILE.c.file_id, ~has)


def _good(store: str) -> tuple[ColumnElement[bool], ...]:
    return _COPY.c.file_id == FILE.c.file_id, _COPY.c.store == store, _COPY.c.state == ReplicaState.VERIFIED


def _is_on_its_way(store: str) -> ColumnElement[bool]:
    """A transfer brings it; or one of these bytes failed or was cancelled: a person has that tried again."""
    of_member = exists().where(_MEMBER.c.file_id == FILE.c.file_id, _MOVE.c.expected.contains(_MEMBER.c.shasum))
    given_up = _MOVE.c.state.in_((TransferState.FAILED, TransferState.CANCELLED))
    is_of_bytes = and_(given_up, or_(_MOVE.c.expected.contains(FILE.c.shasum), of_member))
    return exists().where(
        _MOVE.c.file_id == FILE.c.file_id,
        _MOVE.c.task == Task.REPLICATE,
        _MOVE.c.target_place == f"store {store}",
        or_(_MOVE.c.state.in_(OPEN), is_of_bytes),
    )
