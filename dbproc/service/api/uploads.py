"""``/api/v1/uploads``: what clients send, in a list and one by one; a whole file by one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.core.access import Scope
from dbproc.core.errors import EndedError
from dbproc.core.transfers import OPEN, TransferState
from dbproc.explain.uploads import ShownUpload, Uploads, shown, uploads_of
from dbproc.service.access import Uploader
from dbproc.service.answers import answered, says
from dbproc.service.context import Here
from dbproc.service.problems import Problem
from dbproc.service.uploads.owned import owned
from dbproc.service.uploads.sending import receive_form
from dbproc.service.uploads.streams import desk_of
from dbproc.transfers import uploads

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

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


@router.get("", responses=says(Uploads))
def listed(
    here: Here,
    asking: Uploader,
    state: Annotated[list[TransferState] | None, Query()] = None,
    all: bool = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """One's own uploads, those of all for operators: those that are not at an end, in some states, or all."""
    states = state or (None if all else OPEN)
    owner = None if asking.may(Scope.OPERATE) else asking.name
    return answered(uploads_of(here.reading, owner, states, limit, offset))


@router.post("", responses=says(ShownUpload, 201), openapi_extra=_FORM)
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


@router.delete("/{upload}", responses=says(ShownUpload))
def give_up(upload: str, here: Here, asking: Uploader) -> Response:
    """Give an upload up; what came of it is removed."""
    found = owned(here, asking, upload)
    if found.transfer.state.is_final or not uploads.give_up(desk_of(here), [found]):
        raise EndedError(f"it is {found.transfer.state} already")
    return answered(shown(owned(here, asking, upload)))
