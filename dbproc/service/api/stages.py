"""``/api/v1/stages``: files put into users' areas. Requests are entered here; runs place what they ask for."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from dbproc.changes.staging.answer import StageAnswer, answer
from dbproc.changes.staging.origins import told_apart
from dbproc.changes.staging.request import Wanted, request
from dbproc.changes.staging.usage import AreaUsage, usage
from dbproc.changes.staging.work import ask_end
from dbproc.core.access import Principal
from dbproc.core.errors import NotFoundError
from dbproc.core.places import Link
from dbproc.core.staging import Destination, directory_in, owner_name, read_expiry
from dbproc.database import staging, trail
from dbproc.database.selection import selection_of
from dbproc.database.staging import StageCount
from dbproc.database.store import Transaction
from dbproc.service.access import Stager
from dbproc.service.answers import CHANGING, READING, Form, answered, listed, says
from dbproc.service.asked import AsForm, Number, OfFiles, Word, period_of
from dbproc.service.context import Context, Here
from dbproc.service.problems import Problem

router = APIRouter(prefix="/api/v1/stages", tags=["stages"])


class Stage(OfFiles):
    """Files that are asked for, for the directory of a user in an area; a name may be `STORE:PATH`."""

    area: Word
    owner: Word | None = Field(None, description="the user whose directory it is; null: who asks")
    directory: str = Field("", max_length=2000, description="below that of the user")
    every_version: bool = Field(False, description="also the versions that are not the newest")
    link: Link | None = Field(None, description="how they are placed; null: as the area says")
    expires: str | None = Field(
        None, max_length=40, description="30d, a date, never; null: as the area says", examples=["30d"]
    )


@router.get("", responses=READING | says(StageCount, many=True))
def requests(here: Here, who: Stager, form: AsForm = Form.JSON, *, all: bool = False) -> Response:
    """The requests of who asks, as ``dbproc stages list`` has them; of an operator those of everybody."""
    with here.reading.begin() as connection:
        rows = staging.counts(connection, everything=all)
    return listed([row for row in rows if who.owns(row.user)], StageCount, form)


@router.get("/usage", responses=READING | says(AreaUsage, many=True))
def used(here: Here, who: Stager, form: AsForm = Form.JSON) -> Response:
    """What who asks has in each area, and may have, as ``dbproc stages usage`` has it; of an operator everybody."""
    return listed([row for row in usage(here.reading) if who.owns(row.owner)], AreaUsage, form)


@router.get("/{number}", responses=READING | says(StageAnswer))
def one(here: Here, who: Stager, number: Number) -> Response:
    """A request with its files, as ``dbproc stages show`` has it."""
    return answered(owned(here, who, number))


@router.post("", status_code=202, responses=CHANGING | says(StageAnswer, 202, located=True))
def stage(
    here: Here,
    who: Stager,
    asked: Stage,
    *,
    dry_run: Annotated[bool, Query(description="say what would be asked for, and enter nothing")] = False,
) -> Response:
    """Ask for files, as ``dbproc stage`` does; a run places them. Asked for again it is the same request."""
    wanted = _wanted(here, who, asked)
    found = enter(here, who, wanted, only_look=dry_run)
    return answered(found, 202, None if found.stage_id is None else f"{here.root_path}{router.prefix}/{found.stage_id}")


@router.delete("/{number}", status_code=202, responses=CHANGING | says(StageAnswer, 202))
def end(here: Here, who: Stager, number: Number) -> Response:
    """End a request: a run takes out what was placed, and nothing else; what waits is given up."""
    owned(here, who, number)
    with here.writing.begin() as connection:
        ask_end(connection, number)
        trail.add(connection, who=who, action="stage end", object=str(number))
    here.wake()
    return answered(answer(here.reading, number), 202)


def owned(here: Context, who: Principal, number: int) -> StageAnswer:
    """A request.

    Raises
    ------
    NotFoundError
        There is none of this number, or it is another's.
    """
    with suppress(NotFoundError):
        found = answer(here.reading, number)
        if who.owns(found.user):
            return found
    raise NotFoundError(f"there is no request {number}")


def enter(here: Context, who: Principal, wanted: Wanted, *, only_look: bool = False) -> StageAnswer:
    """Enter a request for somebody, and have a run work at it; see :func:`dbproc.changes.staging.request.request`."""
    if only_look:
        return request(here.reading, wanted, only_look=True)

    def note(connection: Transaction, number: int) -> None:
        where = {"area": wanted.to.area, "owner": wanted.to.owner, "directory": wanted.to.directory}
        trail.add(connection, who=who, action="stage request", object=str(number), detail=where)

    found = request(here.writing, wanted, besides=note)
    here.wake()
    return found


def _wanted(here: Context, who: Principal, asked: Stage) -> Wanted:
    owner = owner_name(who.name if asked.owner is None else asked.owner)
    if not who.owns(owner):
        raise Problem(403, f"{who.name} may not put files into the directory of {owner}")
    names, of_stores = told_apart(here.reading, asked.name)
    chosen = selection_of(
        names,
        asked.product,
        start=period_of(asked.start),
        end=period_of(asked.end),
        keys=asked.key,
        newest=not asked.every_version and not names,
    )
    expires = None if asked.expires is None else read_expiry(asked.expires)
    return Wanted(
        to=Destination(asked.area, owner, directory_in(asked.directory)),
        selection=None if chosen.is_empty else chosen,
        store_files=of_stores,
        link=asked.link,
        expires=expires,
        is_kept=asked.expires is not None and expires is None,
        user=who.name,
    )
