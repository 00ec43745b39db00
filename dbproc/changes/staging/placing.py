"""Files put into their places in an area: directories and links made, copies that are there already noted.

What is to have a name in an area is announced in its row (``placed``) before it has it; so whoever comes after a kill
tells what was placed from what a user has put there.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from dbproc.changes.staging.ground import entered
from dbproc.changes.staging.origins import path_here
from dbproc.changes.staging.request import rule_of
from dbproc.core.errors import (
    DbprocError,
    NotFoundError,
    PermanentError,
    TakenError,
    TemporaryError,
    TransferError,
)
from dbproc.core.model import Mission
from dbproc.core.places import ROOT, Link
from dbproc.core.staging import area_named
from dbproc.core.states import StageState
from dbproc.core.transfers import OPEN
from dbproc.database import staging, transfers
from dbproc.database.staging import Item, StageRow
from dbproc.database.store import Store, Transaction
from dbproc.run.inputs import faults_of
from dbproc.storage import areas
from dbproc.storage.areas import Area
from dbproc.transfers import line

_AT_ONCE = 500
_WAITS = (StageState.WAITING,)


def place(store: Store, mission: Mission, row: StageRow) -> bool:
    """Do all of a request but moving bytes; whether no other process is at it."""
    with line.held(mission, rule_of(row.stage_id)) as is_ours:
        if is_ours:
            with store.begin() as connection:
                _leave_taken_back(connection, row)
                _leave_given_up(connection, row)
                items = [item for item in staging.items(connection, row.stage_id) if item.state in _WAITS]
            _place(store, mission, row, items)
        return is_ours


def _leave_taken_back(connection: Transaction, row: StageRow) -> None:
    numbers = staging.taken_back(connection, row.stage_id)
    if numbers:
        reason = "its file was taken back since it was asked for"
        items = [item for item in staging.items(connection, row.stage_id) if item.number in set(numbers)]
        transfers.cancel(connection, [item.transfer_id for item in items if item.transfer_id], reason)
        staging.set_state(connection, numbers, StageState.FAILED, reason)


def _leave_given_up(connection: Transaction, row: StageRow) -> None:
    """Files that wait for transfers which came to an end by a person's word wait no longer."""
    waiting = [item for item in staging.items(connection, row.stage_id) if item.state in _WAITS and item.transfer_id]
    for transfer in transfers.numbered(connection, [item.transfer_id for item in waiting if item.transfer_id]):
        if transfer.state not in OPEN:
            staging.settle(connection, transfer, StageState.FAILED, transfer.reason or f"its transfer {transfer.state}")


def _place(store: Store, mission: Mission, row: StageRow, items: Sequence[Item]) -> None:
    """Make the directories of files that wait, and the links."""
    if not items:
        return
    try:
        with entered(store, area_named(mission.areas, row.area)) as area:
            fit = _make_directories(store, area, row, items)
            if row.link is Link.COPY:
                announce_published(store, area, row, fit)
                return
            for start in range(0, len(fit), _AT_ONCE):
                _link_all(store, mission, area, row, fit[start : start + _AT_ONCE])
    except (TemporaryError, NotFoundError) as error:
        with store.begin() as connection:
            staging.set_state(connection, [item.number for item in items], StageState.WAITING, str(error))


def _make_directories(store: Store, area: Area, row: StageRow, items: Sequence[Item]) -> list[Item]:
    """Make the directories of files, recorded before; the files that have theirs now."""
    missing: list[str] = []
    faults: dict[str, str] = {}
    for directory in sorted({posixpath.dirname(item.target_path) for item in items}):
        try:
            missing += [each for each in area.missing(directory) if each != row.owner]
        except PermanentError as error:
            faults[directory] = str(error)
    if missing:
        with store.begin() as connection:
            staging.set_made(connection, row.stage_id, [*staging.made(connection, row.stage_id), *missing])
    for directory in sorted({posixpath.dirname(item.target_path) for item in items} - set(faults)):
        try:
            area.make(directory)
        except PermanentError as error:
            faults[directory] = str(error)
    fit = [item for item in items if posixpath.dirname(item.target_path) not in faults]
    with store.begin() as connection:
        for item in items:
            fault = faults.get(posixpath.dirname(item.target_path))
            if fault is not None:
                _fail(connection, item, fault)
    return fit


def _fail(connection: Transaction, item: Item, reason: str) -> None:
    if staging.change(connection, item, state=StageState.FAILED, reason=reason, placed="") and item.transfer_id:
        transfers.cancel(connection, [item.transfer_id], reason)


def announce_published(store: Store, area: Area, row: StageRow, items: Sequence[Item]) -> None:
    """Note which copies have their names since an earlier try, that ended before it could say so."""
    with store.begin() as connection:
        copies = transfers.of_rule(connection, rule_of(row.stage_id))
        digests = {copy.transfer_id: copy.digest for copy in copies if copy.digest}
    for item in items:
        digest = digests.get(item.transfer_id or 0)
        if digest and not item.placed:
            placed = area.placed(item.target_path)
            if placed is not None and area.has_bytes(item.target_path, item.file_size, digest):
                with store.begin() as connection:
                    staging.change(connection, item, placed=placed)


def _link_all(store: Store, mission: Mission, area: Area, row: StageRow, items: Sequence[Item]) -> None:
    """Make links, announced before and recorded after."""
    ready: list[tuple[Item, str, str]] = []
    failed: list[tuple[Item, str]] = []
    rotten = _rotten(store, mission, items)
    for item in items:
        try:
            if item.file_id in rotten:
                raise PermanentError(rotten[item.file_id or 0])
            source = _source(mission, item)
            is_there = bool(item.placed) and area.placed(item.target_path) == item.placed
            ready.append((item, source, item.placed if is_there else _announced(row.link, source)))
        except (DbprocError, OSError) as error:
            failed.append((item, str(error)))
    announced = []
    with store.begin() as connection:
        for item, reason in failed:
            _fail(connection, item, reason)
        for item, source, placed in ready:
            staging.change(connection, item, placed=placed)
            announced.append((replace(item, placed=placed), source))
    ended = [_linked(store, area, row.link, item, source) for item, source in announced]
    area.sync(posixpath.dirname(item.target_path) for item in ended)
    with store.begin() as connection:
        for item in ended:
            before = replace(item, state=StageState.WAITING)
            staging.change(connection, before, state=item.state, reason=item.reason, placed=item.placed)


def _rotten(store: Store, mission: Mission, items: Sequence[Item]) -> dict[int | None, str]:
    """By file: what is wrong with one that has not the bytes that the catalogue has."""
    numbers = sorted({item.file_id for item in items if item.file_id is not None and item.origin_place == ROOT})
    if not faults_of(store, mission, numbers):
        return {}
    found = {number: faults_of(store, mission, [number]) for number in numbers}
    return {number: faults[0] for number, faults in found.items() if faults}


def _source(mission: Mission, item: Item) -> str:
    """The file to which a link is to lead.

    Raises
    ------
    PermanentError, UserError
        It is none, is not here, or is of another size.
    """
    path = path_here(mission, item)
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise PermanentError(f"{path} is no regular file")
    if item.file_size is not None and status.st_size != item.file_size:
        raise PermanentError(f"{path} has {status.st_size:,} bytes and not {item.file_size:,}")
    return path


def _announced(link: Link, source: str) -> str:
    """What tells a link from anything else in its place, before it is made; of a reflink that is told later."""
    match link:
        case Link.SYMLINK:
            return areas.leading_to(source)
        case Link.HARDLINK:
            return areas.state_of(os.lstat(source))
    return ""


def _linked(store: Store, area: Area, link: Link, item: Item, source: str) -> Item:
    """Make a link, if it is not there since an earlier try; the file as it is to be recorded."""
    target = item.target_path
    try:
        now = area.placed(target)
        if now is not None and now != item.placed:
            raise TakenError(f"{area.directory}/{target} is there already, and is not overwritten")
        if now is None:
            item = replace(item, placed=_make(store, area, link, item, source))
    except TakenError as error:
        return _found_there(area, item, error)
    except TemporaryError as error:
        return replace(item, reason=str(error))
    except (TransferError, OSError) as error:
        return replace(item, state=StageState.FAILED, reason=str(error), placed="")
    return replace(item, state=StageState.PLACED, reason="")


def _found_there(area: Area, item: Item, error: TakenError) -> Item:
    """A file whose name something has: the same bytes are as good, and stay when the request ends."""
    with suppress(TransferError):
        if area.has_bytes(item.target_path, item.file_size, item.shasum):
            return replace(item, state=StageState.PLACED, reason="it was there already", placed="")
    return replace(item, state=StageState.FAILED, reason=str(error), placed="")


def _make(store: Store, area: Area, link: Link, item: Item, source: str) -> str:
    if link is Link.SYMLINK:
        return area.symlink(source, item.target_path)
    if link is Link.HARDLINK:
        return area.hardlink(source, item.target_path)

    def announce(placed: str) -> None:
        with store.begin() as connection:
            staging.change(connection, item, placed=placed)

    return area.reflink(source, item.target_path, str(item.number), announce)
