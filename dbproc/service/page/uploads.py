"""Uploads: what is sent and how far it is, and a form to send a file."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Response
from fastapi.responses import RedirectResponse

from dbproc.core.transfers import OPEN, TransferState
from dbproc.explain.uploads import uploads_like
from dbproc.service.access import csrf_of
from dbproc.service.page.views import Uploading, page_router
from dbproc.service.problems import Problem
from dbproc.service.uploads.sending import receive_form

router = page_router()

_ROWS = 100


@router.get("/uploads")
def upload_list(view: Uploading) -> Response:
    """One's own uploads, those of all for operators."""
    asked = view.asked
    states = None if asked.flag("all") else asked.words("state", TransferState) or OPEN
    rows = uploads_like(
        view.store,
        view.asking,
        states,
        _ROWS + 1,
        asked.number("after"),
        owner=asked.text("owner"),
        text=asked.text("text") or "",
    )
    after = rows[_ROWS - 1].transfer_id if len(rows) > _ROWS else None
    most = view.here.mission().service.most_bytes
    return view.show("uploads.html", rows=rows[:_ROWS], after=after, most=most, states=list(TransferState))


@router.post("/uploads")
async def send(view: Uploading) -> Response:
    """Take a whole file by the form; what proves that it is of the page comes before the file."""
    proof = csrf_of(view.request)

    def judge(fields: Mapping[str, str], filename: str | None) -> Mapping[str, object]:
        if not proof.proves(fields.get("csrf", "")):
            raise Problem(403, "this form is not from a page of your session: load the page again")
        if not filename:
            raise Problem(400, "choose a file")
        return {}

    await receive_form(view.request, view.here, view.asking, judge)
    return RedirectResponse(view.address("uploads", all="true", done="upload"), 303)
