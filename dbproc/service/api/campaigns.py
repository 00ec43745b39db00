"""``/api/v1/campaigns``: what is reprocessed bit by bit."""

from __future__ import annotations

from fastapi import APIRouter, Response

from dbproc.database import campaigns
from dbproc.database.campaigns import CampaignRow
from dbproc.explain.forecast import Outlook, campaign_outlook
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, listed, says
from dbproc.service.asked import AsForm, Name
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"], responses=READING)


@router.get("", responses=says(CampaignRow, many=True))
def all_of_them(here: Here, _: Reader, form: AsForm = Form.JSON) -> Response:
    """The campaigns with their progress, as ``dbproc campaign list`` has them."""
    with here.reading.begin() as connection:
        return listed(campaigns.entries(connection), CampaignRow, form)


@router.get("/{campaign}", responses=says(Outlook))
def one(here: Here, _: Reader, campaign: Name) -> Response:
    """A campaign with its cost and expected end, as ``dbproc campaign show`` has it."""
    return answered(campaign_outlook(here.reading, campaign))
