"""Copies that wait for a store which is not up come from the next one that has the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from dbproc.core.copies import in_order
from dbproc.core.model import Mission
from dbproc.core.states import ReplicaState
from dbproc.core.transfers import Spot, Transfer, TransferState
from dbproc.database import replicas, staging, transfers
from dbproc.database.replicas import Replica
from dbproc.database.store import Store
from dbproc.transfers.places import STORE


def reroute(store: Store, mission: Mission, rule: str, away: Mapping[str, str]) -> bool:
    """Have what waits for places that are away come from others; whether anything does.

    Parameters
    ----------
    store, mission, rule
        Whose transfers.
    away
        The places that cannot be reached, and why.
    """
    with store.begin() as connection:
        waiting = [
            each
            for each in transfers.of_rule(connection, rule, (TransferState.WAITING,))
            if each.order.origin.place in away and each.order.file_id is not None
        ]
        copies = replicas.of_files(connection, sorted({each.order.file_id or 0 for each in waiting}))
        turned = 0
        for each in waiting:
            other = _other(mission, each, copies.get(each.order.file_id or 0, ()), away)
            if other is not None and transfers.reroute(connection, each.transfer_id, other, _why(each, away)):
                staging.set_origin(connection, each.transfer_id, other)
                turned += 1
    return turned > 0


def _other(mission: Mission, transfer: Transfer, copies: Sequence[Replica], away: Collection[str]) -> Spot | None:
    """The best copy of what a transfer moves that is in a store which is up, as far as is known."""
    of_store: dict[str, list[Replica]] = defaultdict(list)
    for copy in copies:
        if copy.is_there and copy.member == transfer.order.member:
            of_store[copy.store].append(copy)
    for spec in in_order(mission.stores):
        found = sorted(of_store[spec.name], key=lambda copy: copy.state is not ReplicaState.VERIFIED)
        if found and STORE + spec.name not in away:
            return Spot(STORE + spec.name, found[0].path, f"{spec.url.rstrip('/')}/{found[0].path}")
    return None


def _why(transfer: Transfer, away: Mapping[str, str]) -> str:
    place = transfer.order.origin.place
    return f"{place} is not up: {away[place]}"
