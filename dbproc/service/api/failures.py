"""``/api/v1/failures`` and ``waiting``: what failed and was not made good since, and what waits for its time."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.database.attempts import AttemptRow
from dbproc.database.definition.load import load_definition
from dbproc.explain.expectations import WaitingSlot, waiting_slots
from dbproc.explain.failures import FailureGroup, failures_by_cause, page_of_failures
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, listed, page_after, part_of, says
from dbproc.service.asked import AsForm, Paged, Slots
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["status"], responses=READING)

Process = Annotated[str | None, Query(max_length=1000, description="those of this process, by its name")]


@router.get("/failures", responses=says(AttemptRow, many=True))
def failures(
    here: Here,
    _: Reader,
    slots: Slots,
    page: Paged,
    request: Request,
    process: Process = None,
    form: AsForm = Form.JSON,
    *,
    dismissed: bool = False,
) -> Response:
    """What failed or was refused and was not made good since, the latest first; or what was dismissed of it."""
    rows = page_of_failures(here.reading, slots, process, page.after, page.limit, dismissed=dismissed)
    following = page_after(request, after=rows[-1].attempt_id) if len(rows) == page.limit else None
    return listed(rows, AttemptRow, form, following)


@router.get("/failures/causes", responses=says(FailureGroup, many=True))
def causes(here: Here, _: Reader, slots: Slots, form: AsForm = Form.JSON) -> Response:
    """The same by its causes: failures whose messages differ in names and numbers alone are one."""
    return listed(failures_by_cause(here.reading, slots), FailureGroup, form)


@router.get("/waiting", responses=says(WaitingSlot, many=True))
def waiting(here: Here, _: Reader, slots: Slots, page: Paged, request: Request, form: AsForm = Form.JSON) -> Response:
    """What is to be made later, and why."""
    with here.reading.begin() as connection:
        every = waiting_slots(connection, load_definition(connection), slots)
        rows = list(islice(every, page.most))
    return part_of(rows, WaitingSlot, page, request, form)
