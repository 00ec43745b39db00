"""What follows when a transfer did not succeed: it is tried again, and when, or failed for good. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dbproc.core.errors import RoomError, TakenError, TemporaryError
from dbproc.core.model import LONGEST_DELAY, Mission
from dbproc.core.places import INCOMING
from dbproc.core.retry import retry_delay
from dbproc.core.transfers import Transfer
from dbproc.storage.transfer import MismatchError

_MOST_MISMATCHES = 2


class OverError(TemporaryError):
    """The time of the work was over, or it was to stop: the transfer goes on the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a transfer waits for another try, after so long (None: for the next work at its line), and the numbers of
    tries and of mismatches in a row that count; `is_away`: the place cannot be reached, all that waits for it waits."""

    waits: bool
    reason: str
    delay: dt.timedelta | None = None
    tries: int = 0
    mismatches: int = 0
    is_away: bool = False


def verdict(transfer: Transfer, error: Exception, mission: Mission, chance: float) -> Verdict:
    """What follows an error.

    Parameters
    ----------
    transfer
        As it was begun: this try is counted.
    error
        What went wrong.
    mission
        Of which limits and delays are.
    chance
        From 0 to 1: how much is added to the delay, so that not all are tried again at the same time.
    """
    words = str(error)
    if isinstance(error, OverError):
        return Verdict(waits=True, reason=words, tries=transfer.tries - 1, mismatches=transfer.mismatches)
    mismatches = transfer.mismatches + 1 if isinstance(error, MismatchError) else 0
    is_away = isinstance(error, TemporaryError) and error.is_of_place
    is_taken = isinstance(error, TakenError) and transfer.order.target.place == INCOMING
    counted = transfer.tries - 1 if is_away or is_taken or isinstance(error, RoomError) else transfer.tries
    if not (isinstance(error, TemporaryError) or is_taken or 0 < mismatches < _MOST_MISMATCHES):
        return Verdict(waits=False, reason=words, tries=counted, mismatches=mismatches)
    if counted > mission.retry_limit:
        return Verdict(waits=False, reason=f"{words}; given up after {counted} tries", tries=counted)
    if is_taken:
        words += "; it waits until a run has taken that"
    delay = retry_delay(max(transfer.tries, 1), mission.retry_seconds, LONGEST_DELAY, chance)
    if isinstance(error, TemporaryError) and error.retry_after is not None:
        delay = max(delay, dt.timedelta(seconds=min(error.retry_after, LONGEST_DELAY)))
    return Verdict(waits=True, reason=words, delay=delay, tries=counted, mismatches=mismatches, is_away=is_away)
