"""Files asked for: checked, and entered with the transfers that place them, before anything is placed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dbproc.changes.staging.answer import StageAnswer, answer, told
from dbproc.changes.staging.ground import entered
from dbproc.changes.staging.origins import Origin, StoreFile, of_selection, of_stores
from dbproc.core.errors import TransferError, UserError
from dbproc.core.model import Mission
from dbproc.core.places import ROOT, AreaSpec, Link
from dbproc.core.staging import Destination, area_named, expiry, require_room, takes_room, target_fault
from dbproc.core.states import StageState
from dbproc.core.transfers import Order, Spot, Task
from dbproc.database import root, staging, transfers
from dbproc.database.definition.load import load_mission
from dbproc.database.selection import Selection
from dbproc.database.staging import Item, StagedFile, StageRow
from dbproc.database.store import Store, Transaction
from dbproc.storage.areas import Area
from dbproc.system.machine import user_name
from dbproc.transfers.places import AREA, specified

_TAKEN = "something else is there, and is not overwritten; move it away, and ask again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for.

    Attributes
    ----------
    to
        Where it goes.
    selection
        Files of the catalogue; None: none.
    store_files
        Files of stores.
    link
        How they are placed; None: as the area says.
    expires
        How long, or until when, they stay; None: as the area says.
    is_kept
        They stay until somebody ends the request, whatever the area says.
    user
        Who asks; nothing: who runs this.
    """

    to: Destination
    selection: Selection | None = None
    store_files: tuple[StoreFile, ...] = ()
    link: Link | None = None
    expires: dt.timedelta | dt.datetime | None = None
    is_kept: bool = False
    user: str = ""


def rule_of(stage_id: int) -> str:
    """The rule of the transfers of a request."""
    return f"stage {stage_id}"


def request(
    store: Store,
    wanted: Wanted,
    *,
    only_look: bool = False,
    besides: Callable[[Transaction, int], None] = lambda _, __: None,
) -> StageAnswer:
    """Enter a request; nothing is placed yet. What the same user has asked for already is that request again: it
    expires as is asked now, and what failed, or is gone from its place, is tried anew.

    Parameters
    ----------
    store, wanted
        What is asked for.
    only_look
        Enter nothing.
    besides
        Enters what else belongs to it, in the same transaction, by its number.

    Raises
    ------
    NotFoundError
        There is no such area, file or store.
    UserError
        A file was taken back, or its bytes are not where they are needed; or two files would have one path.
    RoomError, PermanentError
        There is no room, or more is asked for than the user may have.
    TransferError
        The area or a store cannot be looked at.
    """
    root.require(store)
    with store.begin() as connection:
        mission = load_mission(connection)
    area = area_named(mission.areas, wanted.to.area)
    row = _row(area, wanted)
    origins = _origins(store, mission, wanted, row.link)
    with entered(store, area) as place:
        with store.begin() as connection:
            known = _same(connection, row, origins)
        fresh = _looked_at(place, known, origins)  # what is there is digested while nobody waits for that
        with store.begin() as connection:
            if not only_look:
                staging.alone(connection)
            now = _same(connection, row, origins)
            if now != known:
                known, fresh = now, _looked_at(place, now, origins)
            _require_room(connection, area, row, known, fresh, place.free())
            if only_look:
                return _foretold(row, known, fresh)
            stage_id = known[0].stage_id if known else staging.enter(connection, row)
            staging.renew(connection, stage_id, row.expires_time)
            _enter(connection, mission, replace(row, stage_id=stage_id), known, fresh)
            besides(connection, stage_id)
    return answer(store, stage_id)


def _row(area: AreaSpec, wanted: Wanted) -> StageRow:
    now = dt.datetime.now(dt.UTC)
    asked = None if wanted.is_kept else wanted.expires or area.expires
    return StageRow(
        stage_id=0,
        area=area.name,
        owner=wanted.to.owner,
        directory=wanted.to.directory,
        link=wanted.link or area.link,
        asked_time=now,
        user=wanted.user or user_name(),
        expires_time=expiry(area, asked, now),
        removed_time=None,
    )


def _origins(store: Store, mission: Mission, wanted: Wanted, link: Link) -> list[Origin]:
    """Every file that is asked for, each with a path of its own in the area."""
    found: list[Origin] = []
    if wanted.selection is not None:
        found += of_selection(store, mission, wanted.selection, wanted.to, link)
    found += of_stores(store, mission, wanted.store_files, wanted.to, link)
    if not found:
        raise UserError("no file is asked for; name files, or files of stores as STORE:PATH")
    for path, count in Counter(origin.item.target_path for origin in found).items():
        if count > 1:
            raise UserError(f"{count} of the files would be {path}; ask for them with other directories")
        problem = target_fault(path)
        if problem is not None:
            raise UserError(f"no file can be placed as {problem}")
    return found


def _same(connection: Transaction, row: StageRow, origins: Sequence[Origin]) -> list[Item]:
    """The files of the request that the same user has for the same; none where there is no such request."""
    wanted = {origin.item.identity for origin in origins}
    for each in staging.open_like(connection, row):
        found = staging.items(connection, each.stage_id)
        if {item.identity for item in found} == wanted:
            return found
    return []


def _looked_at(place: Area, known: Sequence[Item], origins: Sequence[Origin]) -> list[Origin]:
    """The files that are to be placed, or cannot be, and those whose bytes are there already; of a request that there
    is, without those that wait or are still as they were placed."""
    before = {item.identity: item for item in known}
    fresh = []
    for origin in origins:
        item = before.get(origin.item.identity)
        if item is None or not _stands(place, item):
            fresh.append(replace(origin, item=_seen(place, origin.item)))
    return fresh


def _stands(place: Area, item: Item) -> bool:
    if item.state is StageState.WAITING:
        return True
    if item.state is not StageState.PLACED:
        return False
    now = place.placed(item.target_path)
    return now is not None and (now == item.placed or not item.placed)


def _seen(place: Area, item: Item) -> Item:
    """A file with what is in its place in the area already."""
    try:
        if place.placed(item.target_path) is None:
            return item
        if place.has_bytes(item.target_path, item.file_size, item.shasum):
            return replace(item, state=StageState.PLACED, reason="it was there already")
    except TransferError as error:
        return replace(item, state=StageState.FAILED, reason=str(error))
    return replace(item, state=StageState.FAILED, reason=_TAKEN)


def _require_room(
    connection: Transaction,
    area: AreaSpec,
    row: StageRow,
    known: Sequence[Item],
    fresh: Sequence[Origin],
    free: int,
) -> None:
    """See that what is placed anew has room; what of a known request is asked for again, or gone, is not counted twice.

    Raises
    ------
    RoomError, PermanentError
        It has not.
    """
    if not takes_room(row.link):
        return
    again = {origin.item.identity for origin in fresh}
    counted = (StageState.WAITING, StageState.PLACED)
    freed = sum(item.file_size or 0 for item in known if item.identity in again and item.state in counted)
    used, waiting = staging.used(connection, area.name, row.owner)
    wanted = sum(origin.item.file_size or 0 for origin in fresh if origin.item.state is StageState.WAITING)
    require_room(area, row.owner, wanted=wanted, used=used - freed, waiting=waiting, free=free)


def _enter(
    connection: Transaction, mission: Mission, row: StageRow, known: Sequence[Item], fresh: Sequence[Origin]
) -> None:
    """Enter files, and the transfers of those that are to be copied."""
    copied = [origin for origin in fresh if row.link is Link.COPY and origin.item.state is StageState.WAITING]
    numbers = transfers.ask(connection, [_order(mission, row, origin) for origin in copied])
    of_item = {origin.item.identity: number for origin, number in zip(copied, numbers, strict=True)}
    items = [replace(origin.item, transfer_id=of_item.get(origin.item.identity)) for origin in fresh]
    before = {item.identity: item for item in known}
    staging.enter_items(connection, row.stage_id, [item for item in items if item.identity not in before])
    for item in items:
        if item.identity in before:
            staging.enter_again(connection, before[item.identity], item)


def _order(mission: Mission, row: StageRow, origin: Origin) -> Order:
    item = origin.item
    return Order(
        task=Task.STAGE,
        rule=rule_of(row.stage_id),
        origin=Spot(item.origin_place, item.origin_path, f"{_url(mission, item.origin_place)}/{item.origin_path}"),
        target=Spot(AREA + row.area, item.target_path, f"{_url(mission, AREA + row.area)}/{item.target_path}"),
        user=row.user,
        size=item.file_size,
        expected=origin.expected,
        expected_of=origin.expected_of if origin.expected else "",
        file_id=item.file_id,
        member=origin.member,
    )


def _url(mission: Mission, place: str) -> str:
    if place == ROOT:
        return f"file://{mission.root}"
    found = specified(mission, place)
    return f"file://{found.directory}" if isinstance(found, AreaSpec) else found.url.rstrip("/")


def _foretold(row: StageRow, known: Sequence[Item], fresh: Sequence[Origin]) -> StageAnswer:
    """The answer of a request that is only looked at."""
    found = {item.identity: item for item in known} | {origin.item.identity: origin.item for origin in fresh}
    return told(row, [_as_file(item) for item in sorted(found.values(), key=lambda each: each.target_path)])


def _as_file(item: Item) -> StagedFile:
    return StagedFile(
        target=item.target_path,
        state=item.state,
        reason=item.reason,
        file_id=item.file_id,
        origin=f"{item.origin_place}: {item.origin_path}",
        size=item.file_size,
        digest=item.shasum,
        is_verified=False,
        transfer_id=item.transfer_id,
        moved=None,
        next_try=None,
    )
