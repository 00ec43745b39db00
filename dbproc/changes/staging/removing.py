"""What a request has placed, taken out of its area again, and nothing else."""

from __future__ import annotations

import datetime as dt
import os
import posixpath
from collections.abc import Iterable
from contextlib import suppress

from dbproc.changes.staging.ground import entered
from dbproc.changes.staging.placing import announce_published
from dbproc.changes.staging.request import rule_of
from dbproc.core.errors import (
    PermanentError,
)
from dbproc.core.model import Mission
from dbproc.core.staging import PRIVATE, area_named
from dbproc.core.states import StageState
from dbproc.core.transfers import OPEN
from dbproc.database import staging, transfers
from dbproc.database.staging import Item, StageRow
from dbproc.database.store import Store, Transaction
from dbproc.storage.areas import Area
from dbproc.storage.stores.base import partial_name
from dbproc.transfers import line

_AT_ONCE = 500


def give_up(connection: Transaction, stage_id: int, reason: str) -> None:
    """Give up the transfers of a request."""
    open_ones = transfers.of_rule(connection, rule_of(stage_id), OPEN)
    transfers.cancel(connection, [each.transfer_id for each in open_ones], reason)


def take_out(store: Store, mission: Mission, row: StageRow) -> None:
    """Take out of an area what a request has placed; nothing where another process is at it."""
    rule = rule_of(row.stage_id)
    with line.held(mission, rule) as is_ours:
        if not is_ours:
            return
        with store.begin() as connection:
            give_up(connection, row.stage_id, "the time of its request was over")
            items = staging.items(connection, row.stage_id)
            made = staging.made(connection, row.stage_id)
        with entered(store, area_named(mission.areas, row.area)) as area:
            announce_published(store, area, row, [item for item in items if item.state is StageState.WAITING])
            _remove_all(store, mission, area, row)
            left = _remove_directories(area, made)
        with suppress(OSError):
            os.unlink(line.path_of(mission, rule))  # before its end is recorded, after which nobody looks at it
        with store.begin() as connection:
            staging.bequeath(connection, row, left)
            staging.end(connection, row.stage_id, dt.datetime.now(dt.UTC))


def _remove_all(store: Store, mission: Mission, area: Area, row: StageRow) -> None:
    """Remove what was placed, and what is private of what was not."""
    with store.begin() as connection:
        items = staging.items(connection, row.stage_id)
        holders = staging.holders(connection, row.stage_id)
    for start in range(0, len(items), _AT_ONCE):
        some = items[start : start + _AT_ONCE]
        told = [(item, _removed(mission, area, item, holders)) for item in some]
        area.sync(posixpath.dirname(item.target_path) for item in some)
        with store.begin() as connection:
            for item, reason in told:
                if item.state is StageState.FAILED:
                    continue
                heir = holders.get(item.target_path)
                if heir is not None and item.placed:
                    staging.hand_over(connection, heir, item.placed)
                staging.change(connection, item, state=StageState.REMOVED, reason=reason)


def _removed(mission: Mission, area: Area, item: Item, holders: dict[str, int]) -> str:
    """Remove a file that was placed; what is to be said of it, if anything."""
    directory = posixpath.dirname(item.target_path)
    if item.state is not StageState.PLACED:
        area.remove_private(directory, f"{PRIVATE}-{item.number}")
        if item.transfer_id:
            area.remove_private(directory, partial_name(f"{mission.identity[:8]}-{item.transfer_id}"))
    if not item.placed:
        return "it was there before, and stays" if item.state is StageState.PLACED else "it had not been placed"
    if item.target_path in holders:
        return "another request needs it"
    try:
        return "" if area.remove(item.target_path, item.placed) else "something else is there by now, and stays"
    except PermanentError as error:
        return f"it stays: {error}"


def _remove_directories(area: Area, made: Iterable[str]) -> list[str]:
    """Remove directories that were made and are empty; those that are not."""
    return [each for each in sorted(made, key=len, reverse=True) if not area.remove_empty(each)]
