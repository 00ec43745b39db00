"""Files of the catalogue: lists of them, and each with what it came from, why, and what came from it."""

from __future__ import annotations

import os

from fastapi import Response
from fastapi.responses import FileResponse

from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.states import EXISTING, Quality, Standing
from dbproc.database import files
from dbproc.database.log import Asked, log
from dbproc.database.selection import Selection
from dbproc.explain.definition import product_names
from dbproc.explain.files import listed_page
from dbproc.explain.lineage import nearby
from dbproc.explain.replicas import whereabouts
from dbproc.explain.transfers import transfers_like
from dbproc.explain.why_file import why_file
from dbproc.run.whereabouts import places_of
from dbproc.service.page.drawing import lineage_drawing
from dbproc.service.page.views import View, Viewing, page_router

router = page_router()

_ROWS = 100
_RELATIVES = 60
_OUT_OF_PLACE = {
    "missing": (Standing.LOST,),
    "withdrawn": (Standing.WITHDRAWN, Standing.FOLLOWING),
    "former": (Standing.REPLACED, Standing.REAPED),
    "offloaded": (Standing.OFFLOADED,),
}


@router.get("/files")
def file_list(view: Viewing) -> Response:
    """The files that the fields mean, so many at a time."""
    rows = listed_page(view.store, _selection(view), view.number("after"), _ROWS + 1)
    return view.show(
        "files.html",
        rows=rows[:_ROWS],
        after=rows[_ROWS - 1].file_id if len(rows) > _ROWS else None,
        products=product_names(view.store),
        qualities=list(Quality)[1:],
    )


def _selection(view: View) -> Selection:
    """The files that are meant; see ``dbproc files``."""
    out = frozenset(each for name, some in _OUT_OF_PLACE.items() if view.flag(name) for each in some)
    newest = view.flag("newest")
    if newest and out - EXISTING:
        raise UserError("the newest files are in their places; leave out newest, or missing, withdrawn, former")
    digest, quality = view.text("digest"), view.many("quality")
    if unknown := sorted(set(quality) - set(Quality)):
        raise UserError(f"{unknown[0]!r} is no quality; choose from {', '.join(Quality)}")
    return Selection(
        products=tuple(view.many("product")),
        slots=view.choice(),
        newest=newest,
        standings=out or (frozenset() if digest or view.text("release") else EXISTING),
        qualities=frozenset(map(Quality, quality)),
        digest=digest or "",
        text=view.text("text") or "",
        run=view.number("run"),
        release=view.text("release") or "",
    )


@router.get("/files/{number:int}")
def file_page(view: Viewing, number: int) -> Response:
    """One file."""
    why = why_file(view.store, str(number))
    with view.store.begin() as connection:
        states = (number, *files.states_of(connection, why.file.filename))
        events = log(connection, Asked(file_ids=states))
        path = places_of(connection, view.here.mission(), [why.file])[number]
    family = nearby(view.store, number, _RELATIVES)
    return view.show(
        "file.html",
        why=why,
        file=why.file,
        path=path,
        is_there=path is not None and os.path.isfile(path),
        family=family,
        drawing=lineage_drawing(family, lambda each: view.address(f"files/{each}")),
        events=events[-50:],
        copies=whereabouts(view.store, [str(number)]),
        transfers=transfers_like(view.store, None, filename=why.file.filename, limit=20),
    )


@router.get("/files/{number:int}/bytes")
def file_bytes(view: Viewing, number: int) -> Response:
    """The file itself, to be saved; never shown, whatever it says that it is."""
    with view.store.begin() as connection:
        row = files.find_file(connection, str(number))
        path = places_of(connection, view.here.mission(), [row])[number]
    if path is None or not os.path.isfile(path):
        raise NotFoundError(f"the bytes of {row.filename} are not on this disk")
    return FileResponse(path, media_type="application/octet-stream", filename=row.filename)


@router.get("/files/named/{name:path}")
def file_named(view: Viewing, name: str) -> Response:
    """The file of a name."""
    with view.store.begin() as connection:
        number = files.find_file(connection, name).file_id
    return Response(status_code=302, headers={"Location": view.address(f"files/{number}")})


