"""Files of the catalogue: lists of them, and each with what it came from, why, and what came from it."""

from __future__ import annotations

import os
from functools import partial

from fastapi import Response
from fastapi.responses import FileResponse, RedirectResponse

from dbproc.core.errors import NotFoundError
from dbproc.core.states import Quality
from dbproc.database import files
from dbproc.database.selection import Selection, read_digest, selection_of
from dbproc.explain import files as explained
from dbproc.explain.definition import product_names
from dbproc.explain.history import history
from dbproc.explain.lineage import nearby
from dbproc.explain.replicas import whereabouts
from dbproc.explain.why_file import why_file
from dbproc.run.whereabouts import places_of
from dbproc.service.page.drawing import lineage_drawing
from dbproc.service.page.views import View, Viewing, page_router
from dbproc.service.previews import SUFFIXES

router = page_router()

_ROWS = 100
_RELATIVES = 40
_EVENTS = 50


@router.get("/files")
def file_list(view: Viewing) -> Response:
    """The files that the fields mean, so many at a time."""
    answer = view.kept(
        "files", partial(explained.page, view.store, _selection(view), view.asked.number("after"), _ROWS + 1)
    )
    if answer is None:
        return view.later()
    rows = answer.value
    return view.show(
        "files.html",
        rows=rows[:_ROWS],
        after=rows[_ROWS - 1].file_id if len(rows) > _ROWS else None,
        products=product_names(view.store),
        qualities=list(Quality)[1:],
    )


def _selection(view: View) -> Selection:
    """The files that are meant; see ``dbproc files``."""
    digest = view.asked.text("digest")
    return selection_of(
        view.asked.many("name"),
        view.asked.many("product"),
        start=view.asked.period("start"),
        end=view.asked.period("end"),
        keys=view.asked.many("key"),
        digest=None if digest is None else read_digest(digest),
        text=view.asked.text("text") or "",
        run=view.asked.number("run"),
        release=view.asked.text("release") or "",
        qualities=[each for each in Quality if each in view.asked.many("quality")],
        newest=view.asked.flag("newest"),
        missing=view.asked.flag("missing"),
        withdrawn=view.asked.flag("withdrawn"),
        former=view.asked.flag("former"),
        offloaded=view.asked.flag("offloaded"),
    )


@router.get("/files/{number:int}")
def file_page(view: Viewing, number: int) -> Response:
    """One file."""
    why = why_file(view.store, str(number))
    with view.store.begin() as connection:
        path = places_of(connection, view.here.mission(), [why.file])[number]
    family = nearby(view.store, number, _RELATIVES)
    return view.show(
        "file.html",
        why=why,
        file=why.file,
        path=path,
        is_there=path is not None and os.path.isfile(path),
        can_be_seen=why.file.filename.lower().endswith(SUFFIXES),
        family=family,
        drawing=lineage_drawing(family, lambda each: view.address(f"files/{each}")),
        events=history(view.store, name=str(number), most=_EVENTS),
        copies=whereabouts(view.store, [str(number)])[0].copies,
    )


@router.get("/files/{number:int}/bytes")
def file_bytes(view: Viewing, number: int) -> Response:
    """The file itself, to be saved; never shown, whatever it says that it is."""
    with view.store.begin() as connection:
        row = files.find_file(connection, str(number))
        path = places_of(connection, view.here.mission(), [row])[number]
    if path is None or not os.path.isfile(path):
        raise NotFoundError(f"the bytes of {row.filename} are not on this disk as one file")
    return FileResponse(path, media_type="application/octet-stream", filename=row.filename)


@router.get("/files/named/{name:path}")
def file_named(view: Viewing, name: str) -> Response:
    """The file of a name."""
    with view.store.begin() as connection:
        number = files.find_file(connection, name).file_id
    return RedirectResponse(view.address(f"files/{number}"), 302)
