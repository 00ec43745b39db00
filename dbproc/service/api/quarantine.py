"""``/api/v1/quarantine``: what was refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.core.states import RefusalReason
from dbproc.explain.quarantine import Refused, entries, entry
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, listed, page_after, says
from dbproc.service.asked import AsForm, Number, Paged, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1/quarantine", tags=["quarantine"], responses=READING)


@router.get("", responses=says(Refused, many=True))
def refused(
    here: Here,
    _: Reader,
    page: Paged,
    request: Request,
    reason: Annotated[list[RefusalReason], Query()] = [],  # noqa: B006 - FastAPI copies it
    text: Text = None,
    form: AsForm = Form.JSON,
) -> Response:
    """What is in quarantine, the latest first, as ``dbproc quarantine list`` has it; `text`: what stands in the name or
    in what is wrong."""
    rows = entries(here.reading, page.limit, page.after, reason, text or "")
    following = page_after(request, after=rows[-1].quarantine_id) if len(rows) == page.limit else None
    return listed(rows, Refused, form, following)


@router.get("/{number}", responses=says(Refused))
def one(here: Here, _: Reader, number: Number) -> Response:
    """An entry, as ``dbproc quarantine show`` has it."""
    return answered(entry(here.reading, number))
