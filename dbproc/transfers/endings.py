"""What the end of a transfer means for the catalogue: entered in the transaction in which it ends."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dbproc.core.model import Mission
from dbproc.core.places import ROOT
from dbproc.core.states import ReplicaState, StageState
from dbproc.core.transfers import Task, Transfer, TransferState
from dbproc.database import files, replicas, replication, staging, transfers
from dbproc.database.store import Store, Transaction
from dbproc.storage.transfer import Moved
from dbproc.transfers.places import STORE


@dataclass(frozen=True, slots=True)
class Completed:
    """A transfer whose file is where it was to go, with more facts of its row."""

    transfer: Transfer
    moved: Moved
    facts: Mapping[str, object]


def completed(connection: Transaction, ends: Sequence[Completed]) -> list[Transfer]:
    """Enter that files are where they were to go, but for transfers that were given up meanwhile; the others, with
    their end."""
    now = dt.datetime.now(dt.UTC)
    done = transfers.complete(connection, [_row(each) for each in ends], now)
    whole = [each for each in ends if each.transfer.transfer_id in done]
    for each in whole:
        _enter(connection, each.transfer, each.moved)
    return [_ended(each.transfer, each.moved, now) for each in whole]


def _ended(transfer: Transfer, moved: Moved, now: dt.datetime) -> Transfer:
    """A transfer with its end."""
    order = transfer.order
    return replace(
        transfer,
        order=order if order.size == moved.size else replace(order, size=moved.size),
        state=_state(moved),
        since=now,
        reason=moved.why,
        durable=moved.size,
        digest=moved.digest,
        placed=moved.placed,
        ended=now,
    )


def _state(moved: Moved) -> TransferState:
    return TransferState.UNVERIFIED if moved.why else TransferState.VERIFIED


def _row(end: Completed) -> dict[str, object]:
    moved = end.moved
    return {
        "number": end.transfer.transfer_id,
        "state": _state(moved),
        "shasum": moved.digest,
        "durable_bytes": moved.size,
        "file_size": moved.size,
        "placed": moved.placed,
        "reason": moved.why,
        **end.facts,
    }


def _enter(connection: Transaction, transfer: Transfer, moved: Moved) -> None:
    """Enter what follows in other tables."""
    if transfer.order.target.place.startswith(STORE):
        _enter_copy(connection, transfer, moved)
    elif transfer.order.target.place == ROOT and transfer.order.file_id is not None:
        replication.came_back(connection, transfer, moved.size, moved.digest, moved.placed)
    elif transfer.order.task is Task.STAGE:
        staging.settle(connection, transfer, StageState.PLACED, "", moved.size, moved.digest, moved.placed)


def _enter_copy(connection: Transaction, transfer: Transfer, moved: Moved) -> None:
    file_id = transfer.order.file_id
    if file_id is not None:
        replicas.put(
            connection,
            file_id,
            transfer.order.target.place.removeprefix(STORE),
            transfer.order.target.path,
            moved.size,
            moved.digest,
            ReplicaState.UNVERIFIED if moved.why else ReplicaState.VERIFIED,
            transfer_id=transfer.transfer_id,
            member=transfer.order.member,
            reason=moved.why,
            now=dt.datetime.now(dt.UTC),
        )


def link_taken(store: Store, mission: Mission, came: Sequence[Transfer]) -> None:
    """Record which file of the catalogue each became that a run has taken from incoming before its end was recorded."""
    gone = {each.filename: each for each in came if not os.path.lexists(os.path.join(mission.incoming, each.filename))}
    if gone:
        with store.begin() as connection:
            known = files.known_by_name(connection, list(gone))
            taken = {
                gone[name].transfer_id: file.file_id for name, file in known.items() if gone[name].digest == file.digest
            }
            transfers.ingested(connection, taken)


def failed(connection: Transaction, transfer: Transfer, reason: str) -> bool:
    """Enter that a transfer failed for good; whether it had not been given up meanwhile."""
    if not transfers.end(connection, transfer.transfer_id, TransferState.FAILED, reason=reason):
        return False
    if transfer.order.task is Task.STAGE:
        staging.settle(connection, transfer, StageState.FAILED, reason)
    return True


def cancelled(connection: Transaction, numbers: Collection[int], reason: str) -> set[int]:
    """Enter that transfers were given up by a person; those that were not at an end."""
    done = transfers.cancel(connection, numbers, reason)
    _settle_staged(connection, done, StageState.FAILED, reason)
    return done


def retried(connection: Transaction, numbers: Collection[int]) -> set[int]:
    """Have transfers be tried at once that failed, were cancelled, or wait; those that could be: none of a request for
    staging that is over."""
    done = transfers.retry(connection, set(numbers) - staging.over(connection, numbers))
    _settle_staged(connection, done, StageState.WAITING, "")
    return done


def _settle_staged(connection: Transaction, numbers: Collection[int], state: StageState, reason: str) -> None:
    for each in transfers.numbered(connection, numbers):
        if each.order.task is Task.STAGE:
            staging.settle(connection, each, state, reason, each.order.size)
