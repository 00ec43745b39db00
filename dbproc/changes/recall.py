"""Bring files back into their places from stores, by a person's word.

What is offloaded comes back, and what is gone or rotten here and good in a store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dbproc.changes.correcting import correcting, require_some
from dbproc.changes.withdraw import Choice
from dbproc.core.events import Report
from dbproc.core.model import Mission
from dbproc.core.states import Standing
from dbproc.database import files
from dbproc.database.files import FileRow
from dbproc.database.store import Store
from dbproc.run.recall import RULE, FromStore, Recall, foreseen
from dbproc.run.spoilt import leave_to_stores
from dbproc.transfers.work import Live, Worked, work

Observe = Callable[[Sequence[Live], Worked], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRecalled:
    """A file that does not come, or not now."""

    file: str  #: its name
    why: str  #: why
    is_tried_again: bool  #: whether a later run goes on with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What came of recalling files."""

    files: tuple[str, ...]  #: the names of those that are in their places again; of a look, that would be
    stores: tuple[FromStore, ...]  #: from which stores they come, if these are up
    in_place: int  #: how many were in their places
    left: tuple[NotRecalled, ...]  #: what does not come, or not now
    is_done: bool  #: whether it was done, not only foreseen


def recall(store: Store, choice: Choice, *, only_look: bool = False, observe: Observe | None = None) -> Recalled:
    """Bring files back, or with `only_look` say which, and from where.

    Runs go on meanwhile: the lock is taken only to see what is wrong with files that are not offloaded.

    Raises
    ------
    UserError
        No file is meant.
    BusyError, LockError
        A run is live.
    """
    with store.begin() as connection:
        rows = list(choice(connection))
    require_some(rows, "recall")
    are_all_away = all(row.standing is Standing.OFFLOADED for row in rows)
    with correcting(store, "recall", only_look=only_look or are_all_away) as ground:
        if ground.run_id is not None:
            leave_to_stores(store, ground.mission, [row.file_id for row in rows], Report())
            with store.begin() as connection:
                rows = files.rows_numbered(connection, [row.file_id for row in rows])
    away = [row for row in rows if row.standing is Standing.OFFLOADED]
    with store.begin() as connection:
        stores, nowhere = foreseen(connection, ground.mission, [row.file_id for row in away])
    done = Recall(store, ground.mission, asked=dt.datetime.now(dt.UTC))
    if only_look:
        done.hopeless.update(dict.fromkeys(nowhere, "no store has a copy of it that is known to be good"))
    else:
        _bring(store, ground.mission, done, away, observe)
    return _told(rows, away, stores, done, is_done=not only_look)


def _bring(store: Store, mission: Mission, done: Recall, away: Sequence[FileRow], observe: Observe | None) -> None:
    """Move files until each is back or given up."""
    done.want([row.file_id for row in away])
    while done.wanted:
        worked = work(store, mission, RULE, observe=observe)
        done.take_back()
        if worked.is_busy:
            done.give_up("another process brings it just now: dbproc transfers list")
        elif not done.go_on():
            return


def _told(
    rows: Sequence[FileRow], away: Sequence[FileRow], stores: Sequence[FromStore], done: Recall, *, is_done: bool
) -> Recalled:
    why = {**done.given_up, **done.hopeless}
    elsewhere = [row for row in rows if row.standing not in (Standing.OFFLOADED, Standing.IN_PLACE)]
    left = [
        NotRecalled(file=row.filename, why=why[row.file_id], is_tried_again=row.file_id in done.given_up)
        for row in away
        if row.file_id in why
    ]
    left += [NotRecalled(file=row.filename, why=_out_words(row), is_tried_again=False) for row in elsewhere]
    return Recalled(
        files=tuple(row.filename for row in away if row.file_id not in why),
        stores=tuple(stores),
        in_place=sum(row.standing is Standing.IN_PLACE for row in rows),
        left=tuple(left),
        is_done=is_done,
    )


def _out_words(row: FileRow) -> str:
    if row.standing is Standing.LOST:
        return "it is gone from disk, and no store whose copies count has a verified one"
    return f"it is {row.standing}: to have it back: dbproc restore {row.filename}"
