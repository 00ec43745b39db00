"""``/api/v1/uploads``: what clients send, in a list and one by one; a whole file by one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.core.errors import EndedError
from dbproc.core.transfers import OPEN, TransferState
from dbproc.explain.uploads import ShownUpload, shown, uploads_like
from dbproc.service.access import Uploader
from dbproc.service.answers import CHANGING, Form, answered, listed, page_after, problems, says
from dbproc.service.asked import AsForm, Paged, Text
from dbproc.service.context import Here
from dbproc.service.problems import Problem
from dbproc.service.uploads.owned import owned
from dbproc.service.uploads.sending import receive_form
from dbproc.service.uploads.streams import desk_of
from dbproc.transfers import uploads

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"], responses=CHANGING)

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "sha256": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
                    },
                }
            }
        },
    }
}


@router.get("", responses=says(ShownUpload, many=True))
def some(
    here: Here,
    asking: Uploader,
    page: Paged,
    request: Request,
    state: Annotated[list[TransferState], Query()] = [],  # noqa: B006 - FastAPI copies it
    owner: Text = None,
    text: Text = None,
    form: AsForm = Form.JSON,
    *,
    all: bool = False,
) -> Response:
    """One's own uploads, those of all for operators: those that are not at an end, or in the states that are named;
    `text`: what stands in the name."""
    states = None if all else tuple(state) or OPEN
    rows = uploads_like(here.reading, asking, states, page.limit, page.after, owner=owner, text=text or "")
    following = page_after(request, after=rows[-1].transfer_id) if len(rows) == page.limit else None
    return listed(rows, ShownUpload, form, following)


@router.post("", responses={**says(ShownUpload, 201), **problems(415, 460)}, openapi_extra=_FORM)
async def send(request: Request, here: Here, asking: Uploader) -> Response:
    """Send a whole file by a form: `file`, and the digest that it must have as `sha256`."""

    def judge(fields: Mapping[str, str], filename: str | None) -> Mapping[str, object]:
        if not filename:
            raise Problem(400, "the form has no file: send it in the field file")
        return {}

    return answered(shown(await receive_form(request, here, asking, judge)), 201)


@router.get("/{upload}", responses=says(ShownUpload))
def one(upload: str, here: Here, asking: Uploader) -> Response:
    """How far an upload is."""
    return answered(shown(owned(here, asking, upload)))


@router.delete("/{upload}", responses={**says(ShownUpload), **problems(410)})
def give_up(upload: str, here: Here, asking: Uploader) -> Response:
    """Give an upload up; what came of it is removed."""
    found = owned(here, asking, upload)
    if found.transfer.state.is_final or not uploads.give_up(desk_of(here), [found], who=asking):
        raise EndedError(f"it is {found.transfer.state} already")
    return answered(shown(owned(here, asking, upload)))
