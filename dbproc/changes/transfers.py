"""Transfers that a person has tried again, or gives up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dbproc.core.errors import NotFoundError
from dbproc.core.transfers import TransferState, before
from dbproc.database import staging, transfers
from dbproc.database.store import Transaction
from dbproc.transfers import endings

_AGAIN = before(TransferState.WAITING) | {TransferState.WAITING}


@dataclass(frozen=True, slots=True)
class TransfersChanged:
    """Transfers that were changed, and those that could not be."""

    changed: Sequence[int]  #: the numbers of those that were
    unchanged: Sequence[int]  #: of those that were not: their state does not allow it


def retry(connection: Transaction, numbers: Sequence[int], *, only_look: bool = False) -> TransfersChanged:
    """Have transfers that failed, wait or were cancelled be tried at once, or with `only_look` say which would be.

    Raises
    ------
    NotFoundError
        There is none of one of the numbers.
    """
    _require(connection, numbers)
    if only_look:
        changed = _in_states(connection, numbers, _AGAIN - _AT_WORK) - staging.over(connection, numbers)
    else:
        changed = endings.retried(connection, numbers)
    return _told(numbers, changed)


def cancel(connection: Transaction, numbers: Sequence[int], words: str, *, only_look: bool = False) -> TransfersChanged:
    """Give transfers up that are not at their end, or with `only_look` say which would be; `words`: by whom, and why.

    Raises
    ------
    NotFoundError
        There is none of one of the numbers.
    """
    _require(connection, numbers)
    if only_look:
        changed = _in_states(connection, numbers, before(TransferState.CANCELLED))
    else:
        changed = endings.cancelled(connection, numbers, words)
    return _told(numbers, changed)


_AT_WORK = frozenset({TransferState.MOVING, TransferState.CHECKING})


def _require(connection: Transaction, numbers: Sequence[int]) -> None:
    known = {each.transfer_id for each in transfers.numbered(connection, numbers)}
    missing = [number for number in numbers if number not in known]
    if missing:
        raise NotFoundError(f"no transfer {missing[0]}; they are listed by: dbproc transfers list --all")


def _in_states(connection: Transaction, numbers: Sequence[int], states: Collection[TransferState]) -> set[int]:
    return {each.transfer_id for each in transfers.numbered(connection, numbers) if each.state in states}


def _told(chosen: Sequence[int], changed: Collection[int]) -> TransfersChanged:
    return TransfersChanged(sorted(changed), [number for number in chosen if number not in changed])
