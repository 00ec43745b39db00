"""What a transfer is at: one file on its way from one place to another. Pure.

There is one set of states and one table of what may follow what; every change of a state is a guarded UPDATE of a row
that is still in one of the states before it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TransferState(StrEnum):
    """What a transfer is at."""

    WAITING = "waiting"  #: for its turn, or for its next try; its reason says why, and until when
    MOVING = "moving"  #: bytes are on their way
    CHECKING = "checking"  #: all bytes are there, and are read back
    VERIFIED = "verified"  #: the origin's digest is that of the bytes read back
    UNVERIFIED = "unverified"  #: complete, and read back as they came; its reason says what the origin does not tell
    FAILED = "failed"  #: for good
    CANCELLED = "cancelled"  #: given up by a person

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return not FOLLOWING[self] or self in (TransferState.FAILED, TransferState.CANCELLED)

    @property
    def is_complete(self) -> bool:
        """Whether its file is where it was to go."""
        return self in (TransferState.VERIFIED, TransferState.UNVERIFIED)


class Task(StrEnum):
    """What a transfer is for."""

    FETCH = "fetch"  #: a source's file comes into incoming
    REPLICATE = "replicate"  #: a copy of a file goes to a store
    RECALL = "recall"  #: a file that was offloaded comes back
    HEAL = "heal"  #: a file or a copy that is gone or rotten comes from a good one
    STAGE = "stage"  #: a file goes into a user's area
    UPLOAD = "upload"  #: a client of the service sends a file, which goes into incoming
    IMPORT = "import"  #: a client of the service names a URL, and the file there goes into incoming


OF_PERSONS = frozenset({Task.STAGE, Task.UPLOAD, Task.IMPORT})
"""What is done for the person who asked for it: others need not know of it."""

_S = TransferState
FOLLOWING: Mapping[TransferState, frozenset[TransferState]] = {
    _S.WAITING: frozenset({_S.MOVING, _S.FAILED, _S.CANCELLED}),
    _S.MOVING: frozenset({_S.WAITING, _S.CHECKING, _S.VERIFIED, _S.UNVERIFIED, _S.FAILED, _S.CANCELLED}),
    _S.CHECKING: frozenset({_S.WAITING, _S.VERIFIED, _S.UNVERIFIED, _S.FAILED, _S.CANCELLED}),
    _S.VERIFIED: frozenset(),
    _S.UNVERIFIED: frozenset(),
    _S.FAILED: frozenset({_S.WAITING}),
    _S.CANCELLED: frozenset({_S.WAITING}),
}
"""By state: those that may follow it. From ``failed`` and ``cancelled`` a person's retry leads back."""


def before(state: TransferState) -> frozenset[TransferState]:
    """The states that a state may follow."""
    return frozenset(each for each, following in FOLLOWING.items() if state in following)


OPEN = (_S.WAITING, _S.MOVING, _S.CHECKING)
"""The states of transfers that are not at an end."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A path in a place: ``root``, ``incoming``, ``source NAME``, ``store NAME`` or ``area NAME``; and its URL for
    people, without a secret."""

    place: str
    path: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for: one file from one spot to another.

    `expected` are digests that it must have, `expected_of` who told them; `size` in bytes, where known. `file_id`: the
    file of the catalogue that it is of, and `member` which of its companion directory's, by its path in there; nothing:
    the file itself.
    """

    task: Task
    rule: str
    origin: Spot
    target: Spot
    user: str
    size: int | None = None
    expected: tuple[str, ...] = ()
    expected_of: str = ""
    file_id: int | None = None
    member: str = ""

    @property
    def filename(self) -> str:
        """The name of the file at its origin, without directories."""
        return self.origin.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A transfer as its row tells it; times are aware UTC, sizes bytes."""

    transfer_id: int
    order: Order
    filename: str
    asked: dt.datetime
    state: TransferState
    since: dt.datetime
    reason: str = ""
    next_try: dt.datetime | None = None
    tries: int = 0
    mismatches: int = 0
    durable: int = 0
    moved: int = 0
    bytes_per_second: float | None = None
    token: str = ""
    facts: str = "{}"  #: JSON: the origin's file as it was when the moving began
    digest: str = ""
    placed: str = ""
    started: dt.datetime | None = None
    ended: dt.datetime | None = None


def expected_end(
    now: dt.datetime, durable: int, total: int | None, bytes_per_second: float | None
) -> dt.datetime | None:
    """When a transfer that goes on as it does will have moved all bytes; None when that cannot be known.

    Parameters
    ----------
    durable, total
        Bytes that are durable where they go, and that there are in all.
    bytes_per_second
        The rate of the last while.
    """
    if total is None or not bytes_per_second or bytes_per_second <= 0:
        return None
    seconds = max(total - durable, 0) / bytes_per_second
    try:
        return now + dt.timedelta(seconds=seconds)
    except OverflowError:
        return None
