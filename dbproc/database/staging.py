"""Requests for staging and their files: entering them, what they are at, what users have in their areas."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select, update

from dbproc.core.errors import NotFoundError
from dbproc.core.places import Link
from dbproc.core.staging import takes_room
from dbproc.core.states import StageState, Standing
from dbproc.core.transfers import Spot, Transfer, TransferState
from dbproc.database import schema
from dbproc.database._queries import FILE, batches, columns_of, insert_row, insert_rows, standing

_STAGE, _FILE, _TRANSFER = schema.stage, schema.stagefile, schema.transfer
_OTHER_STAGE, _OTHER_FILE = _STAGE.alias(), _FILE.alias()
_COUNTED = tuple(link for link in Link if takes_room(link))
_THERE = (StageState.WAITING, StageState.PLACED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """A request for staging."""

    stage_id: int  #: its number
    area: str  #: the name of the area
    owner: str  #: the user whose area it is
    directory: str  #: where the files go, below the owner's
    link: Link  #: how they are placed
    asked_time: dt.datetime  #: when it was asked for
    user: str  #: by whom
    expires_time: dt.datetime | None  #: when what was placed is removed; null: it stays
    removed_time: dt.datetime | None  #: when it was; null: it was not


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A file of a request."""

    target: str  #: its path in the area
    state: StageState  #: what it is at
    reason: str  #: why
    file_id: int | None  #: the number of the file of the catalogue; null: it is none
    origin: str  #: where it comes from: the root or a store, and the path there
    size: int | None  #: bytes; null: nobody knows yet
    digest: str | None  #: of its bytes; null: nobody knows yet
    is_verified: bool  #: whether a digest that was known before is that of the bytes in the area
    transfer_id: int | None  #: the transfer with which it comes; null: there is none
    moved: int | None  #: bytes of it that are in the area already; null: it needs no transfer
    next_try: dt.datetime | None  #: until when it waits at least; null: for nothing but its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCount:
    """A request and how far it is."""

    stage_id: int  #: its number
    area: str  #: the name of the area
    owner: str  #: the user whose area it is
    directory: str  #: where the files go, below the owner's
    link: Link  #: how they are placed
    asked_time: dt.datetime  #: when it was asked for
    user: str  #: by whom
    expires_time: dt.datetime | None  #: when what was placed is removed; null: it stays
    removed_time: dt.datetime | None  #: when it was; null: it was not
    waiting: int  #: how many files wait
    placed: int  #: how many are placed
    failed: int  #: how many cannot be placed
    removed: int  #: how many were taken out again
    size: int  #: bytes of those that wait or are placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a user has in an area."""

    area: str  #: the name of the area
    owner: str  #: the user
    requests: int  #: how many requests are not at an end
    placed: int  #: bytes that are placed; links count nothing
    waiting: int  #: bytes that wait for their turn
    waiting_files: int  #: how many files wait
    failed_files: int  #: how many files cannot be placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file of a request as it is worked at; places and paths as in transfers."""

    origin_place: str
    origin_path: str
    target_path: str
    file_id: int | None = None
    file_size: int | None = None
    shasum: str | None = None
    state: StageState = StageState.WAITING
    reason: str = ""
    placed: str = ""
    number: int = 0
    stage_id: int = 0
    transfer_id: int | None = None

    @property
    def identity(self) -> tuple[object, str]:
        """What is to be placed, and where; from where does not matter for a file of the catalogue."""
        what = self.file_id if self.file_id is not None else (self.origin_place, self.origin_path)
        return what, self.target_path


# --- asking ---


def any_waits(now: dt.datetime) -> ColumnElement[bool]:
    """Whether the next run has to work at a request: files of it wait, or its time is over."""
    is_waiting = exists().where(_FILE.c.stage_id == _STAGE.c.stage_id, _FILE.c.state == StageState.WAITING)
    is_over = and_(_STAGE.c.expires_time.is_not(None), _STAGE.c.expires_time <= now)
    return exists(select(_STAGE.c.stage_id).where(_STAGE.c.removed_time.is_(None), or_(is_over, is_waiting)))


def to_work_at(connection: Connection) -> list[int]:
    """The requests of which files wait, the oldest first."""
    is_waiting = exists().where(_FILE.c.stage_id == _STAGE.c.stage_id, _FILE.c.state == StageState.WAITING)
    statement = select(_STAGE.c.stage_id).where(_STAGE.c.removed_time.is_(None), is_waiting)
    return list(connection.scalars(statement.order_by(_STAGE.c.stage_id)))


def to_end(connection: Connection, now: dt.datetime) -> list[int]:
    """The requests whose time is over."""
    is_over = and_(_STAGE.c.removed_time.is_(None), _STAGE.c.expires_time <= now)
    return list(connection.scalars(select(_STAGE.c.stage_id).where(is_over).order_by(_STAGE.c.stage_id)))


def entry(connection: Connection, stage_id: int) -> StageRow:
    """A request.

    Raises
    ------
    NotFoundError
        There is none of this number.
    """
    row = connection.execute(select(*columns_of(StageRow, _STAGE)).where(_STAGE.c.stage_id == stage_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no request {stage_id} for staging; to see what there is: dbproc stages list")
    return _row(row)


def open_like(connection: Connection, wanted: StageRow) -> list[StageRow]:
    """The requests of the same user for the same directory that are not at an end."""
    same = ("area", "owner", "directory", "link", "user")
    conditions = (_STAGE.c[name] == getattr(wanted, name) for name in same)
    statement = select(*columns_of(StageRow, _STAGE)).where(_STAGE.c.removed_time.is_(None), *conditions)
    return [_row(row) for row in connection.execute(statement.order_by(_STAGE.c.stage_id))]


def items(connection: Connection, stage_id: int) -> list[Item]:
    """The files of a request as they are worked at."""
    columns = columns_of(Item, _FILE, number=_FILE.c.stagefile_id)
    rows = connection.execute(select(*columns).where(_FILE.c.stage_id == stage_id).order_by(_FILE.c.stagefile_id))
    return [Item(**row | {"state": StageState(row["state"])}) for row in map(dict, rows.mappings())]


def staged(connection: Connection, stage_id: int) -> list[StagedFile]:
    """The files of a request, by their paths."""
    verified = case(
        (_TRANSFER.c.state.is_not(None), _TRANSFER.c.state == TransferState.VERIFIED), else_=_FILE.c.shasum.is_not(None)
    )
    is_waiting = _FILE.c.state == StageState.WAITING
    columns = columns_of(
        StagedFile,
        _FILE,
        target=_FILE.c.target_path,
        origin=_FILE.c.origin_place + ": " + _FILE.c.origin_path,
        size=func.coalesce(_FILE.c.file_size, _TRANSFER.c.file_size),
        digest=_FILE.c.shasum,
        is_verified=and_(_FILE.c.state == StageState.PLACED, verified),
        moved=_TRANSFER.c.durable_bytes,
        next_try=case((is_waiting, _TRANSFER.c.next_try)),
        reason=case((is_waiting, func.coalesce(_TRANSFER.c.reason, _FILE.c.reason)), else_=_FILE.c.reason),
    )
    statement = select(*columns).outerjoin(_TRANSFER, _TRANSFER.c.transfer_id == _FILE.c.transfer_id)
    rows = connection.execute(statement.where(_FILE.c.stage_id == stage_id).order_by(_FILE.c.target_path)).mappings()
    return [
        StagedFile(**row | {"state": StageState(row["state"]), "is_verified": bool(row["is_verified"])})
        for row in map(dict, rows)
    ]


def counts(connection: Connection, *, everything: bool = False, user: str | None = None) -> list[StageCount]:
    """The requests that are not at an end, or all, with how far each is; of a user, or of everybody."""
    in_state = {
        state.value: func.coalesce(func.sum(case((_FILE.c.state == state, 1), else_=0)), 0) for state in StageState
    }
    size = func.coalesce(func.sum(case((_FILE.c.state.in_(_THERE), _FILE.c.file_size), else_=0)), 0)
    columns = columns_of(StageCount, _STAGE, **in_state, size=size)
    statement = select(*columns).outerjoin(_FILE, _FILE.c.stage_id == _STAGE.c.stage_id).group_by(_STAGE.c.stage_id)
    if not everything:
        statement = statement.where(_STAGE.c.removed_time.is_(None))
    if user is not None:
        statement = statement.where(_STAGE.c.user == user)
    rows = connection.execute(statement.order_by(_STAGE.c.stage_id)).mappings()
    sums = ("waiting", "placed", "failed", "removed", "size")
    return [
        StageCount(**row | {"link": Link(row["link"])} | {name: int(row[name]) for name in sums})
        for row in map(dict, rows)
    ]


def usages(connection: Connection) -> list[Usage]:
    """What each user has in each area; a path that several requests have counts once."""
    sizes = _sizes(None, None).subquery()
    by = (_STAGE.c.area, _STAGE.c.owner)
    statement = select(*by, func.count()).where(_STAGE.c.removed_time.is_(None)).group_by(*by).order_by(*by)
    found = {(area, owner): number for area, owner, number in connection.execute(statement)}
    total = select(sizes.c.area, sizes.c.owner, sizes.c.is_placed, func.sum(sizes.c.size)).group_by(
        sizes.c.area, sizes.c.owner, sizes.c.is_placed
    )
    bytes_of = {(area, owner, bool(placed)): int(size) for area, owner, placed, size in connection.execute(total)}
    waits, fails = (
        func.sum(case((_FILE.c.state == each, 1), else_=0)) for each in (StageState.WAITING, StageState.FAILED)
    )
    files = select(*by, waits, fails).join(_FILE, _FILE.c.stage_id == _STAGE.c.stage_id)
    files = files.where(_STAGE.c.removed_time.is_(None)).group_by(*by)
    files_of = {(area, owner): (int(wait), int(fail)) for area, owner, wait, fail in connection.execute(files)}
    return [
        Usage(
            area=area,
            owner=owner,
            requests=number,
            placed=bytes_of.get((area, owner, True), 0),
            waiting=bytes_of.get((area, owner, False), 0),
            waiting_files=files_of.get((area, owner), (0, 0))[0],
            failed_files=files_of.get((area, owner), (0, 0))[1],
        )
        for (area, owner), number in found.items()
    ]


def used(connection: Connection, area: str, owner: str) -> tuple[int, int]:
    """How many bytes of a user's are placed in an area or wait, and how many of all users' wait there."""
    mine = _sizes(area, owner).subquery()
    all_ = _sizes(area, None).subquery()
    total = connection.scalar(select(func.coalesce(func.sum(mine.c.size), 0)))
    waits = connection.scalar(select(func.coalesce(func.sum(all_.c.size), 0)).where(all_.c.is_placed == 0))
    return int(total or 0), int(waits or 0)


def _sizes(area: str | None, owner: str | None) -> Any:
    """The size of each path that counts, and whether it is placed."""
    is_placed = func.max(case((_FILE.c.state == StageState.PLACED, 1), else_=0))
    size = func.max(func.coalesce(_FILE.c.file_size, 0))
    by = (_STAGE.c.area, _STAGE.c.owner, _FILE.c.target_path)
    statement = select(*by, size.label("size"), is_placed.label("is_placed")).join(
        _FILE, _FILE.c.stage_id == _STAGE.c.stage_id
    )
    statement = statement.where(
        _STAGE.c.removed_time.is_(None), _STAGE.c.link.in_(_COUNTED), _FILE.c.state.in_(_THERE)
    ).group_by(*by)
    if area is not None:
        statement = statement.where(_STAGE.c.area == area)
    return statement if owner is None else statement.where(_STAGE.c.owner == owner)


def has_placed(connection: Connection, area: str) -> bool:
    """Whether files are placed in an area, as far as is known."""
    statement = select(_FILE.c.stagefile_id).join(_STAGE, _STAGE.c.stage_id == _FILE.c.stage_id)
    is_there = and_(_STAGE.c.area == area, _STAGE.c.removed_time.is_(None), _FILE.c.state == StageState.PLACED)
    return bool(connection.scalar(select(exists(statement.where(is_there)))))


def taken_back(connection: Connection, stage_id: int) -> list[int]:
    """The files of a request that wait, and were taken back since."""
    statement = select(_FILE.c.stagefile_id).join(FILE, FILE.c.file_id == _FILE.c.file_id)
    fit = (Standing.IN_PLACE, Standing.OFFLOADED, Standing.LOST)
    conditions = (_FILE.c.stage_id == stage_id, _FILE.c.state == StageState.WAITING, standing(FILE).not_in(fit))
    return list(connection.scalars(statement.where(*conditions)))


def over(connection: Connection, transfers: Collection[int]) -> set[int]:
    """Those of some transfers whose requests are at an end."""
    statement = select(_FILE.c.transfer_id).join(_STAGE, _STAGE.c.stage_id == _FILE.c.stage_id)
    found: set[int] = set()
    for some in batches(sorted(transfers)):
        found |= set(
            connection.scalars(statement.where(_FILE.c.transfer_id.in_(some), _STAGE.c.removed_time.is_not(None)))
        )
    return found


def made(connection: Connection, stage_id: int) -> list[str]:
    """The directories that were made for a request."""
    return list(json.loads(connection.scalar(select(_STAGE.c.made).where(_STAGE.c.stage_id == stage_id)) or "[]"))


def holders(connection: Connection, stage_id: int) -> dict[str, int]:
    """By path of a request: the file of another one, not at an end, that is placed there as well."""
    join = and_(_OTHER_FILE.c.target_path == _FILE.c.target_path, _OTHER_FILE.c.stage_id != _FILE.c.stage_id)
    statement = (
        select(_FILE.c.target_path, _OTHER_FILE.c.stagefile_id)
        .join(_STAGE, _STAGE.c.stage_id == _FILE.c.stage_id)
        .join(_OTHER_FILE, join)
        .join(_OTHER_STAGE, _OTHER_STAGE.c.stage_id == _OTHER_FILE.c.stage_id)
        .where(_FILE.c.stage_id == stage_id, _OTHER_FILE.c.state == StageState.PLACED)
        .where(_OTHER_STAGE.c.area == _STAGE.c.area, _OTHER_STAGE.c.removed_time.is_(None))
    )
    return {row.target_path: row.stagefile_id for row in connection.execute(statement)}


# --- changing ---


def alone(connection: Connection) -> None:
    """Have other requests wait until this transaction ends: what is asked for must fit besides all that was."""
    connection.execute(update(schema.mission).values(mission_id=schema.mission.c.mission_id))


def enter(connection: Connection, row: StageRow) -> int:
    """Enter a request; its number."""
    columns = ("area", "owner", "directory", "link", "asked_time", "user", "expires_time")
    return insert_row(connection, _STAGE, {name: getattr(row, name) for name in columns})


def enter_items(connection: Connection, stage_id: int, some: Iterable[Item]) -> None:
    """Enter the files of a request."""
    columns = ("file_id", "origin_place", "origin_path", "target_path", "state", "reason", "file_size", "shasum")
    rows = [
        {"stage_id": stage_id, **{name: getattr(item, name) for name in (*columns, "placed", "transfer_id")}}
        for item in some
    ]
    insert_rows(connection, _FILE, rows)


def enter_again(connection: Connection, before: Item, again: Item) -> None:
    """Have a file that failed, or is gone from its place, be placed anew."""
    columns = ("origin_place", "origin_path", "state", "reason", "file_size", "shasum", "placed", "transfer_id")
    change(connection, before, **{name: getattr(again, name) for name in columns})


def change(connection: Connection, before: Item, **values: Any) -> bool:
    """Change a file of a request that is still in the state in which it was seen; whether it was."""
    condition = and_(_FILE.c.stagefile_id == before.number, _FILE.c.state == before.state)
    return bool(connection.execute(update(_FILE).where(condition).values(**values)).rowcount)


def set_state(connection: Connection, numbers: Collection[int], state: StageState, reason: str = "") -> None:
    """Put files of requests that wait or are placed into a state."""
    for some in batches(list(numbers)):
        condition = and_(_FILE.c.stagefile_id.in_(some), _FILE.c.state.in_(_THERE))
        connection.execute(update(_FILE).where(condition).values(state=state, reason=reason))


def settle(
    connection: Connection,
    transfer: Transfer,
    state: StageState,
    reason: str,
    size: int | None = None,
    digest: str | None = None,
    placed: str = "",
) -> None:
    """Record what came of the file that a transfer was to place.

    What was announced of a file that is there since an earlier try holds on where nothing else is told now.
    """
    values = {"state": state, "reason": reason, "file_size": size, "shasum": digest, "placed": placed}
    known = {name: value for name, value in values.items() if value not in (None, "") or name == "reason"}
    is_of = and_(_FILE.c.transfer_id == transfer.transfer_id, _FILE.c.state != StageState.REMOVED)
    connection.execute(update(_FILE).where(is_of).values(known))


def set_origin(connection: Connection, transfer_id: int, origin: Spot) -> None:
    """Record from where a file comes instead."""
    values = {"origin_place": origin.place, "origin_path": origin.path}
    connection.execute(update(_FILE).where(_FILE.c.transfer_id == transfer_id).values(values))


def hand_over(connection: Connection, number: int, placed: str) -> None:
    """Have a file be removed with the request of this number of a file, which found it there."""
    connection.execute(update(_FILE).where(_FILE.c.stagefile_id == number, _FILE.c.placed == "").values(placed=placed))


def set_made(connection: Connection, stage_id: int, directories: Sequence[str]) -> None:
    """Record the directories that are made for a request."""
    text = json.dumps(sorted(set(directories)))
    connection.execute(update(_STAGE).where(_STAGE.c.stage_id == stage_id).values(made=text))


def bequeath(connection: Connection, ended: StageRow, directories: Sequence[str]) -> None:
    """Have directories in which other requests of the same user still have files be removed with those."""
    for directory in directories:
        is_in_it = _FILE.c.target_path.startswith(f"{directory}/", autoescape=True)
        statement = select(_STAGE.c.stage_id).join(_FILE, _FILE.c.stage_id == _STAGE.c.stage_id)
        heir = connection.scalar(
            statement.where(
                _STAGE.c.area == ended.area,
                _STAGE.c.owner == ended.owner,
                _STAGE.c.stage_id != ended.stage_id,
                _STAGE.c.removed_time.is_(None),
                is_in_it,
            ).limit(1)
        )
        if heir is not None:
            set_made(connection, heir, [*made(connection, heir), directory])


def renew(connection: Connection, stage_id: int, expires: dt.datetime | None) -> None:
    """Have a request expire at another time."""
    connection.execute(update(_STAGE).where(_STAGE.c.stage_id == stage_id).values(expires_time=expires))


def expire(connection: Connection, stage_id: int, now: dt.datetime) -> None:
    """Have the time of a request be over now."""
    is_open = and_(_STAGE.c.stage_id == stage_id, _STAGE.c.removed_time.is_(None))
    connection.execute(update(_STAGE).where(is_open).values(expires_time=now))


def end(connection: Connection, stage_id: int, now: dt.datetime) -> None:
    """Record that what a request had placed is removed."""
    is_open = and_(_STAGE.c.stage_id == stage_id, _STAGE.c.removed_time.is_(None))
    connection.execute(update(_STAGE).where(is_open).values(removed_time=now))


def _row(row: Any) -> StageRow:
    return StageRow(**dict(row._mapping) | {"link": Link(row.link)})
