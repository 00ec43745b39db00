"""``/api/v1/transfers``: files on their way."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.core.transfers import OPEN, TransferState
from dbproc.explain.transfers import ShownTransfer, transfer_numbered, transfers_like
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, listed, page_after, says
from dbproc.service.asked import AsForm, Number, Paged, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1/transfers", tags=["transfers"], responses=READING)
BY_DEFAULT = (*OPEN, TransferState.FAILED)


@router.get("", responses=says(ShownTransfer, many=True))
def some(
    here: Here,
    who: Reader,
    page: Paged,
    request: Request,
    state: Annotated[list[TransferState], Query()] = [],  # noqa: B006 - FastAPI copies it
    rule: Text = None,
    file: Text = None,
    form: AsForm = Form.JSON,
    *,
    all: bool = False,
) -> Response:
    """Files on their way and those that failed, or in the states that are named, as ``dbproc transfers list`` has
    them; of what is sent, imported and staged that of who asks, of an operator that of everybody."""
    states = None if all else tuple(state) or BY_DEFAULT
    rows = transfers_like(here.reading, states, rule, file, page.limit, page.after, seen_by=who.sees_of)
    following = page_after(request, after=rows[-1].transfer_id) if len(rows) == page.limit else None
    return listed(rows, ShownTransfer, form, following)


@router.get("/{number}", responses=says(ShownTransfer))
def one(here: Here, who: Reader, number: Number) -> Response:
    """A transfer, as ``dbproc transfers show`` has it."""
    return answered(transfer_numbered(here.reading, number, who.sees_of))
