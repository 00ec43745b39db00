"""A request worked at by one process at a time: what waits is placed, or, when its time is over, all is taken out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from dbproc.changes.staging.answer import StageAnswer, answer
from dbproc.changes.staging.placing import place
from dbproc.changes.staging.removing import give_up, take_out
from dbproc.changes.staging.request import rule_of
from dbproc.changes.staging.rerouting import reroute
from dbproc.core.places import Link
from dbproc.database import staging
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store, Transaction
from dbproc.storage import permissions
from dbproc.transfers.work import Live, Worked
from dbproc.transfers.work import work as move

Observe = Callable[[Sequence[Live], Worked], None]


def work(
    store: Store,
    stage_id: int,
    *,
    run_id: int | None = None,
    until: float | None = None,
    observe: Observe | None = None,
) -> StageAnswer:
    """Work at a request: place what waits, or take all of it out where its time is over. Where another process works at
    it, that is left to it.

    Parameters
    ----------
    store, stage_id
        The request.
    run_id, until, observe
        As of :func:`dbproc.transfers.work.work`.

    Raises
    ------
    NotFoundError
        There is no such request.
    """
    with store.begin() as connection:
        mission, row = load_mission(connection), staging.entry(connection, stage_id)
    with permissions.in_force(mission):
        is_over = row.expires_time is not None and row.expires_time <= dt.datetime.now(dt.UTC)
        if row.removed_time is None and is_over:
            take_out(store, mission, row)
        elif row.removed_time is None and place(store, mission, row) and row.link is Link.COPY:
            rule, away = rule_of(stage_id), dict[str, str]()
            while True:
                away |= move(store, mission, rule, run_id=run_id, until=until, observe=observe).away
                if not reroute(store, mission, rule, away):
                    break
    return answer(store, stage_id)


def end(store: Store, stage_id: int) -> StageAnswer:
    """Take out of its area what a request has placed, and nothing else, and give up what waits. Where another process
    works at it, it is told, and the next run does that.

    Raises
    ------
    NotFoundError
        There is no such request.
    """
    with store.begin() as connection:
        ask_end(connection, stage_id)
    return work(store, stage_id)


def ask_end(connection: Transaction, stage_id: int) -> None:
    """Give up what waits of a request, and have the next run take out what is placed.

    Raises
    ------
    NotFoundError
        There is no such request.
    """
    staging.entry(connection, stage_id)
    staging.expire(connection, stage_id, dt.datetime.now(dt.UTC))
    give_up(connection, stage_id, "the request was ended")


def due(store: Store, now: dt.datetime) -> tuple[list[int], list[int]]:
    """The requests that a run works at: those whose time is over, and those of which files wait."""
    with store.begin() as connection:
        over = staging.to_end(connection, now)
        return over, [each for each in staging.to_work_at(connection) if each not in over]
