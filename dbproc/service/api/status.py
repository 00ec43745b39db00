"""``/api/v1/status``, and what the next run would do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.database import queue
from dbproc.database.queue import QueueRow
from dbproc.explain.incoming import IncomingFile, incoming_files
from dbproc.explain.plan import Plan, plan
from dbproc.explain.status import Status, mission_status
from dbproc.run.selection import Options
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, part_of, says
from dbproc.service.asked import AsForm, Names, Paged, Slots, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["status"], responses=READING)


@router.get("/status", responses=says(Status))
def status(here: Here, _: Reader, slots: Slots, *, dismissed: bool = False) -> Response:
    """The state of the mission, as ``dbproc status`` has it."""
    return answered(mission_status(here.reading, slots, dismissed=dismissed))


@router.get("/plan", responses=says(Plan))
def next_run(
    here: Here,
    _: Reader,
    slots: Slots,
    only: Names = [],  # noqa: B006 - FastAPI copies it
    *,
    skip_run: bool = False,
    cpus: Annotated[int, Query(ge=1, le=10_000)] = 2,
) -> Response:
    """What the next run would do and why, as ``dbproc plan`` has it."""
    options = Options(only=tuple(only) or None, skip_run=skip_run, slots=cpus)
    return answered(plan(here.reading, options, slots))


@router.get("/queue", responses=says(QueueRow, many=True))
def waiting_files(
    here: Here,
    _: Reader,
    page: Paged,
    request: Request,
    product: Names = [],  # noqa: B006 - FastAPI copies it
    form: AsForm = Form.JSON,
) -> Response:
    """The files still to be looked at, as ``dbproc queue`` has them."""
    with here.reading.begin() as connection:
        rows = queue.entries(connection, product, page.most)
    return part_of(rows, QueueRow, page, request, form)


@router.get("/incoming", responses=says(IncomingFile, many=True))
def arriving(
    here: Here,
    _: Reader,
    page: Paged,
    request: Request,
    text: Text = None,
    settled: bool | None = None,
    form: AsForm = Form.JSON,
) -> Response:
    """What is in incoming: what the next run takes, and what is still being written; `text`: what stands in the
    name."""
    return part_of(incoming_files(here.reading, text or "", settled).files, IncomingFile, page, request, form)
