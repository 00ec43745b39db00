"""What goes on: transfers, campaigns, and what runs and people did."""

from __future__ import annotations

from functools import partial

from fastapi import Response

from dbproc.core.states import CampaignStatus
from dbproc.core.transfers import OPEN, TransferState
from dbproc.database import campaigns
from dbproc.explain.definition import process_names
from dbproc.explain.forecast import campaign_outlook
from dbproc.explain.history import history
from dbproc.explain.transfers import transfer_numbered, transfers_like
from dbproc.service.page.views import Viewing, page_router

router = page_router()

_ROWS = 100
_EVENTS = 500
_BY_DEFAULT = (*OPEN, TransferState.FAILED)


@router.get("/transfers")
def transfer_list(view: Viewing) -> Response:
    """Files on their way, and those that failed; or in the states that are named."""
    states = None if view.asked.flag("all") else view.asked.words("state", TransferState) or _BY_DEFAULT
    rows = transfers_like(
        view.store,
        states,
        view.asked.text("rule"),
        view.asked.text("file"),
        _ROWS + 1,
        view.asked.number("after"),
        seen_by=view.asking.sees_of,
    )
    after = rows[_ROWS - 1].transfer_id if len(rows) > _ROWS else None
    return view.show("transfers.html", rows=rows[:_ROWS], after=after, states=list(TransferState))


@router.get("/transfers/{number:int}")
def transfer_page(view: Viewing, number: int) -> Response:
    """One transfer."""
    return view.show("transfer.html", row=transfer_numbered(view.store, number, view.asking.sees_of))


@router.get("/campaigns")
def campaign_list(view: Viewing) -> Response:
    """Campaigns in the order of their making."""
    asked = view.asked
    with view.store.begin() as connection:
        rows = campaigns.entries(
            connection,
            statuses=asked.words("status", CampaignStatus),
            text=asked.text("text") or "",
            limit=_ROWS + 1,
            after=asked.number("after"),
        )
    after = rows[_ROWS - 1].campaign_id if len(rows) > _ROWS else None
    return view.show("campaigns.html", rows=rows[:_ROWS], after=after, statuses=list(CampaignStatus))


@router.get("/campaigns/{name}")
def campaign_page(view: Viewing, name: str) -> Response:
    """One campaign, and when it will end."""
    return view.show("campaign.html", row=campaign_outlook(view.store, name))


@router.get("/log")
def log_page(view: Viewing) -> Response:
    """What runs and people did: in the last runs, since a time, of a process or a file; the latest part first."""
    later = view.asked.number("after") or 0
    end = later + _EVENTS
    since = view.asked.period("since")
    start, process, name = since.start if since else None, view.asked.text("process"), view.asked.text("file")
    answer = view.kept("log", partial(history, view.store, start, process, name, end + 1))
    if answer is None:
        return view.later()
    events = answer.value[-end : -later or None]
    after = end if len(answer.value) > end else None
    return view.show("log.html", events=events, after=after, processes=process_names(view.store))
