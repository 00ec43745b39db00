"""The mission in one screen."""

from __future__ import annotations

import datetime as dt
from functools import partial

from fastapi import Response

from dbproc.core.access import Scope
from dbproc.core.transfers import TransferState
from dbproc.database import tokens, transfers
from dbproc.database.store import Store
from dbproc.database.summary import RunRow
from dbproc.explain.failures import FailureGroup, failures_by_cause
from dbproc.explain.status import Status, mission_status
from dbproc.service.context import nothing
from dbproc.service.page.views import Viewing, now, page_router

router = page_router()

_SOON = dt.timedelta(days=30)


@router.get("/")
def home(view: Viewing) -> Response:
    """What runs, waits, failed, is late; what came and did not go in; how much room there is."""
    mission = view.here.mission()
    with view.store.begin() as connection:
        moving = transfers.unfinished(connection)
        ending = tokens.ending(connection, now() + _SOON) if view.asking.may(Scope.OPERATE) else []
    answer = view.kept("home", partial(_status, view.store))
    if answer is None:
        return view.later()
    status, groups = answer.value
    return view.show(
        "home.html",
        status=status,
        groups=groups,
        held_up=[each for each in status.failures if each.waiting],
        ending=ending,
        age=answer.age,
        moving={rule: counts for rule, counts in moving.items() if _matters(counts)},
        due=_due(status.last_run, mission.monitor.every),
        now=now(),
        starts_runs=view.here.wake is not nothing,
    )


def _status(store: Store) -> tuple[Status, list[FailureGroup]]:
    """How the mission is, and what failed by its causes."""
    status = mission_status(store)
    return status, failures_by_cause(store) if status.failures else []


def _matters(counts: dict[TransferState, int]) -> bool:
    return any(state is not TransferState.CANCELLED for state in counts)


def _due(last: RunRow | None, every: dt.timedelta) -> dt.datetime | None:
    """When the next run is expected."""
    return None if last is None else last.processing_start_time + every
