"""``/api/v1/log``, ``coverage``, ``report`` and ``activity``: what happened, and what there is of it."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.core.slot_text import read_since
from dbproc.database.log import LogEntry
from dbproc.explain.activity import Activity, activity_since
from dbproc.explain.coverage import Coverage, CoveredPeriod, mission_coverage
from dbproc.explain.history import history
from dbproc.explain.report import MissionReport, mission_report
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, part_of, says
from dbproc.service.asked import AsForm, Names, Paged, Slots, Text, When, period_of
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["history"], responses=READING)

Since = Annotated[str, Query(max_length=40, description="7d, 12 h, or a time", examples=["7d"])]


@router.get("/log", responses=says(LogEntry, many=True))
def log(
    here: Here,
    _: Reader,
    page: Paged,
    request: Request,
    since: When = None,
    process: Text = None,
    file: Text = None,
    form: AsForm = Form.JSON,
) -> Response:
    """What runs and people did, as ``dbproc log`` has it."""
    period = period_of(since)
    rows = history(here.reading, None if period is None else period.start, process, file)
    return part_of(rows, LogEntry, page, request, form)


@router.get("/coverage", responses=says(Coverage))
def coverage(
    here: Here,
    _: Reader,
    slots: Slots,
    product: Names = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Which periods there are of products, and what is missing, as ``dbproc coverage`` has it."""
    return answered(mission_coverage(here.reading, product, slots))


@router.get("/coverage/periods", responses=says(CoveredPeriod, many=True))
def covered_periods(
    here: Here,
    _: Reader,
    slots: Slots,
    page: Paged,
    request: Request,
    product: Names = [],  # noqa: B006 - FastAPI copies it
    form: AsForm = Form.JSON,
) -> Response:
    """The same period by period: one line for a product, a key and a period, with how it stands."""
    rows = list(islice(mission_coverage(here.reading, product, slots).by_period(), page.most))
    return part_of(rows, CoveredPeriod, page, request, form)


@router.get("/report", responses=says(MissionReport))
def report(here: Here, _: Reader, slots: Slots) -> Response:
    """The whole mission, as ``dbproc report`` has it."""
    return answered(mission_report(here.reading, slots))


@router.get("/activity", responses=says(Activity))
def activity(here: Here, _: Reader, since: Since = "7d") -> Response:
    """What runs took in and made since a time, as ``dbproc report --since`` has it."""
    return answered(activity_since(here.reading, read_since(since, dt.datetime.now(dt.UTC))))
