"""``/api/v1/imports``: files that are fetched into incoming by their URLs. They are asked for here; runs fetch them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from dbproc.core.access import Principal
from dbproc.core.errors import NotFoundError
from dbproc.core.imports import RULE
from dbproc.core.transfers import Transfer, TransferState
from dbproc.database import trail
from dbproc.database.store import Transaction
from dbproc.explain.transfers import ShownTransfer, shown, transfers_like
from dbproc.ingest import imports
from dbproc.service.access import Uploader
from dbproc.service.answers import CHANGING, READING, Form, answered, listed, page_after, says
from dbproc.service.asked import AsForm, Asked, Number, Paged
from dbproc.service.context import Context, Here
from dbproc.transfers import endings

router = APIRouter(prefix="/api/v1/imports", tags=["imports"])

_DIGEST = r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}|adler32:[0-9a-f]{8})$"


class Import(Asked):
    """A file that is to be fetched."""

    url: str = Field(min_length=8, max_length=2000, examples=["https://example.org/data/a.nc"])
    filename: str = Field("", max_length=255, description="the name that it is to have; nothing: as in the URL")
    digest: Annotated[str, Field(pattern=_DIGEST)] | None = Field(None, description="that it must have")


@router.get("", responses=READING | says(ShownTransfer, many=True))
def some(
    here: Here,
    who: Uploader,
    page: Paged,
    request: Request,
    state: Annotated[list[TransferState], Query()] = [],  # noqa: B006 - FastAPI copies it
    form: AsForm = Form.JSON,
) -> Response:
    """The imports of who asks, the latest first; of an operator those of everybody."""
    rows = transfers_like(here.reading, state or None, RULE, None, page.limit, page.after, who.sees_of)
    following = page_after(request, after=rows[-1].transfer_id) if len(rows) == page.limit else None
    return listed(rows, ShownTransfer, form, following)


@router.get("/{number}", responses=READING | says(ShownTransfer))
def one(here: Here, who: Uploader, number: Number) -> Response:
    """An import: how far it is, why it waits and until when, why it failed."""
    return answered(_shown(_owned(here, who, number)))


@router.post("", status_code=202, responses=CHANGING | says(ShownTransfer, 202, located=True))
def ask(here: Here, who: Uploader, asked: Import) -> Response:
    """Have the file at a URL fetched into incoming. Hosts that are not public are reached where the mission names them:
    `[service] hosts`."""

    def note(connection: Transaction, number: int) -> None:
        detail = {"filename": asked.filename, "digest": asked.digest}
        trail.add(connection, who=who, action="import request", object=asked.url.partition("?")[0], detail=detail)

    made = imports.ask(
        here.writing,
        asked.url,
        user=who.name,
        filename=asked.filename,
        expected=() if asked.digest is None else (asked.digest,),
        besides=note,
    )
    here.wake()
    return answered(_shown(made), 202, f"{here.root_path}{router.prefix}/{made.transfer_id}")


@router.delete("/{number}", responses=CHANGING | says(ShownTransfer))
def cancel(here: Here, who: Uploader, number: Number) -> Response:
    """Give an import up that is not at its end."""
    _owned(here, who, number)
    with here.writing.begin() as connection:
        if endings.cancelled(connection, [number], f"cancelled by {who.name}"):
            trail.add(connection, who=who, action="import cancel", object=str(number))
    here.wake()
    return answered(_shown(imports.imported(here.reading, number)))


def _owned(here: Context, who: Principal, number: int) -> Transfer:
    """An import.

    Raises
    ------
    NotFoundError
        There is none of this number, or it is another's.
    """
    found = imports.imported(here.reading, number)
    if not who.owns(found.order.user):
        raise NotFoundError(f"no import {number}")
    return found


def _shown(transfer: Transfer) -> ShownTransfer:
    return shown(transfer, dt.datetime.now(dt.UTC))
