"""The words of prepare-data, SKA's way to ask for staging: its tasks are views of requests for staging. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dbproc.core import rucio
from dbproc.core.errors import UserError
from dbproc.core.staging import directory_in
from dbproc.core.states import StageState
from dbproc.core.transfers import TransferState

SUCCESSFUL = "Data provisioning successful"
"""What is said of a task that is at its end."""

_WORDS: Mapping[StageState, str] = {
    StageState.WAITING: "PENDING",
    StageState.PLACED: "SUCCESS",
    StageState.FAILED: "FAILURE",
    StageState.REMOVED: "REVOKED",
}
_AT_WORK = frozenset({TransferState.MOVING, TransferState.CHECKING})

Triple = tuple[str, str | None, str] | tuple[str, str]
"""``scope:name``, the path below the storage element (nothing: as Rucio computes it), the directory of the user."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is asked for: where it is in the storage element, and the directory of the user where it goes."""

    path: str
    directory: str


def wanted(triple: Triple) -> Wanted:
    """What a triple asks for.

    Raises
    ------
    UserError, PermanentError
        It is no ``scope:name``, or it or its directory leads out of where it belongs.
    """
    did, given, directory = (triple[0], None, triple[1]) if len(triple) == 2 else triple
    scope, colon, name = did.partition(":")
    if not colon:
        raise UserError(f"{did[:80]!a} is no identifier of a file; write scope:name")
    computed = rucio.path(scope, name)
    return Wanted(given.removeprefix("./") if given else computed, directory_in(directory))


def word_of(state: StageState, transfers: Collection[TransferState], *, is_put_off: bool = False) -> str:
    """The status of a task in the words of Celery.

    Parameters
    ----------
    state
        Of the request for staging.
    transfers
        The states of its transfers.
    is_put_off
        Whether a file of it waits for another try.
    """
    if state is StageState.WAITING and (_AT_WORK & set(transfers)):
        return "STARTED"
    if state is StageState.WAITING and is_put_off:
        return "RETRY"
    return _WORDS[state]
