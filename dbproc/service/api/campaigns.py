"""``/api/v1/campaigns``: what is reprocessed bit by bit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.core.states import CampaignStatus
from dbproc.database import campaigns
from dbproc.database.campaigns import CampaignRow
from dbproc.explain.forecast import Outlook, campaign_outlook
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, listed, page_after, says
from dbproc.service.asked import AsForm, Name, Paged, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"], responses=READING)


@router.get("", responses=says(CampaignRow, many=True))
def some(
    here: Here,
    _: Reader,
    page: Paged,
    request: Request,
    status: Annotated[list[CampaignStatus], Query()] = [],  # noqa: B006 - FastAPI copies it
    text: Text = None,
    form: AsForm = Form.JSON,
) -> Response:
    """The campaigns with their progress, as ``dbproc campaign list`` has them; `text`: what stands in the name or the
    comment."""
    with here.reading.begin() as connection:
        rows = campaigns.entries(connection, statuses=status, text=text or "", limit=page.limit, after=page.after)
    following = page_after(request, after=rows[-1].campaign_id) if len(rows) == page.limit else None
    return listed(rows, CampaignRow, form, following)


@router.get("/{campaign}", responses=says(Outlook))
def one(here: Here, _: Reader, campaign: Name) -> Response:
    """A campaign with its cost and expected end, as ``dbproc campaign show`` has it."""
    return answered(campaign_outlook(here.reading, campaign))
