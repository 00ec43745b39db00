"""What is told of a request for staging."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.core.places import Link
from dbproc.core.states import StageState
from dbproc.database import staging
from dbproc.database.staging import StagedFile, StageRow
from dbproc.database.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAnswer:
    """A request for staging, with its files."""

    stage_id: int | None  #: its number; null: nothing was asked for, only looked
    area: str  #: the name of the area
    owner: str  #: the user whose area it is
    directory: str  #: where the files go, below the owner's
    link: Link  #: how they are placed
    asked_time: dt.datetime  #: when it was asked for
    user: str  #: by whom
    expires_time: dt.datetime | None  #: when what was placed is removed; null: it stays
    removed_time: dt.datetime | None  #: when it was; null: it was not
    state: StageState  #: waiting as long as a file waits; failed when one failed; removed when it is over
    size: int  #: bytes of all files of which the size is known
    files: tuple[StagedFile, ...]  #: its files, by their paths

    def count(self, state: StageState) -> int:
        """How many files are in a state."""
        return sum(1 for file in self.files if file.state is state)


def answer(store: Store, stage_id: int) -> StageAnswer:
    """A request as it is now.

    Raises
    ------
    NotFoundError
        There is none of this number.
    """
    with store.begin() as connection:
        return told(staging.entry(connection, stage_id), staging.staged(connection, stage_id))


def told(row: StageRow, files: Sequence[StagedFile]) -> StageAnswer:
    """A request and its files as an answer."""
    return StageAnswer(
        stage_id=row.stage_id or None,
        area=row.area,
        owner=row.owner,
        directory=row.directory,
        link=row.link,
        asked_time=row.asked_time,
        user=row.user,
        expires_time=row.expires_time,
        removed_time=row.removed_time,
        state=_state(row, {file.state for file in files}),
        size=sum(file.size or 0 for file in files),
        files=tuple(files),
    )


def _state(row: StageRow, states: set[StageState]) -> StageState:
    if row.removed_time is not None:
        return StageState.REMOVED
    return next((each for each in (StageState.WAITING, StageState.FAILED) if each in states), StageState.PLACED)
