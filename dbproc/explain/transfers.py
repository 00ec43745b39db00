"""Files on their way: how far they are, why they wait and until when."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import dataclass

from dbproc.core.errors import NotFoundError
from dbproc.core.transfers import OF_PERSONS, Task, Transfer, TransferState, expected_end
from dbproc.database import transfers
from dbproc.database.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTransfer:
    """One file on its way from one place to another, or at its end."""

    transfer_id: int  #: its number
    task: Task  #: ``fetch``, ``replicate``, ``recall``, ``heal``, ``stage``, ``upload`` or ``import``
    rule: str  #: what asked for it
    filename: str  #: the name of the file
    file_id: int | None  #: the file of the catalogue that it is of, or became
    origin: str  #: where the file is
    target: str  #: where it goes
    user: str  #: who asked for it
    asked: dt.datetime  #: when
    state: TransferState  #: what it is at
    since: dt.datetime  #: since when
    reason: str | None  #: why it waits, failed, or is not verified
    next_try: dt.datetime | None  #: until when it waits; null: it does not, or for its turn
    tries: int  #: how often it was begun
    durable_bytes: int  #: how many bytes outlive a crash where it goes
    total_bytes: int | None  #: how many there are; null: the origin does not tell
    moved_bytes: int  #: how many were read of the origin, in all tries
    bytes_per_second: float | None  #: the rate of the last while; null: it does not move, or that is not known
    expected_end: dt.datetime | None  #: when all will have come at that rate; null: that cannot be known
    expected_digests: tuple[str, ...]  #: the digests that it must have
    expected_of: str | None  #: who told these
    digest: str | None  #: that of the bytes that came
    started: dt.datetime | None  #: when its first try began
    ended: dt.datetime | None  #: when it came to its end


def shown(transfer: Transfer, now: dt.datetime) -> ShownTransfer:
    """A transfer for people."""
    order = transfer.order
    total = order.size if order.size is not None else json.loads(transfer.facts).get("size")
    return ShownTransfer(
        transfer_id=transfer.transfer_id,
        task=order.task,
        rule=order.rule,
        filename=transfer.filename,
        file_id=order.file_id,
        origin=order.origin.url or f"{order.origin.place}: {order.origin.path}",
        target=order.target.url or f"{order.target.place}: {order.target.path}",
        user=order.user,
        asked=transfer.asked,
        state=transfer.state,
        since=transfer.since,
        reason=transfer.reason or None,
        next_try=transfer.next_try,
        tries=transfer.tries,
        durable_bytes=transfer.durable,
        total_bytes=total,
        moved_bytes=transfer.moved,
        bytes_per_second=transfer.bytes_per_second,
        expected_end=expected_end(now, transfer.durable, total, transfer.bytes_per_second),
        expected_digests=order.expected,
        expected_of=order.expected_of or None,
        digest=transfer.digest or None,
        started=transfer.started,
        ended=transfer.ended,
    )


def transfers_like(
    store: Store,
    states: Collection[TransferState] | None,
    rule: str | None = None,
    filename: str | None = None,
    limit: int | None = None,
    after: int | None = None,
    user: str | None = None,
    seen_by: str | None = None,
) -> list[ShownTransfer]:
    """Transfers in some of the states, of a rule, of a file, of a user; the latest first, or those after one; as
    somebody may see them, see :func:`dbproc.database.transfers.listed`."""
    now = dt.datetime.now(dt.UTC)
    with store.begin() as connection:
        return [
            shown(each, now)
            for each in transfers.listed(connection, states, rule, filename, limit, after, user, seen_by)
        ]


def transfer_numbered(store: Store, number: int, seen_by: str | None = None) -> ShownTransfer:
    """One transfer; as somebody may see it, see :func:`dbproc.database.transfers.listed`.

    Raises
    ------
    NotFoundError
        There is none of this number, or none that they may know of.
    """
    with store.begin() as connection:
        found = transfers.numbered(connection, [number])
    is_hidden = seen_by is not None and any(
        each.order.task in OF_PERSONS and each.order.user != seen_by for each in found
    )
    if not found or is_hidden:
        raise NotFoundError(f"no transfer {number}; they are listed by: dbproc transfers list --all")
    return shown(found[0], dt.datetime.now(dt.UTC))


def came_with(connection: Transaction, file_id: int) -> list[ShownTransfer]:
    """How a file was fetched, the first time first; nothing where it was not."""
    now = dt.datetime.now(dt.UTC)
    return [shown(each, now) for each in transfers.of_file(connection, file_id) if each.order.task is Task.FETCH]
