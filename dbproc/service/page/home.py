"""The mission in one screen."""

from __future__ import annotations

import datetime as dt
import shutil

from fastapi import Response

from dbproc.core.transfers import TransferState
from dbproc.database import transfers
from dbproc.database.summary import RunRow
from dbproc.explain.failures import failures_by_cause
from dbproc.explain.status import mission_status
from dbproc.service.page.views import Viewing, now, page_router

router = page_router()

_SOON = dt.timedelta(minutes=1)


@router.get("/")
def home(view: Viewing) -> Response:
    """What runs, waits, failed, is late; what came and did not go in; how much room there is."""
    mission = view.here.mission()
    with view.store.begin() as connection:
        moving = transfers.unfinished(connection)
    status = mission_status(view.store)
    return view.show(
        "home.html",
        status=status,
        groups=failures_by_cause(view.store) if status.failures else (),
        moving={rule: counts for rule, counts in moving.items() if _matters(counts)},
        due=_due(status.last_run, mission.monitor.every),
        now=now(),
        disk=_disk(mission.root),
    )


def _matters(counts: dict[TransferState, int]) -> bool:
    return any(state is not TransferState.CANCELLED for state in counts)


def _due(last: RunRow | None, every: dt.timedelta) -> dt.datetime | None:
    """When the next run is expected."""
    return None if last is None else last.processing_start_time + every


def _disk(root: str) -> tuple[int, int] | None:
    """How many bytes are free where the mission is, and of how many."""
    try:
        found = shutil.disk_usage(root)
    except OSError:
        return None
    return found.free, found.total
