"""What is in a file, seen: slices of datasets, images, variables of NetCDF and HDF5 files."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from dbproc.core.errors import UserError
from dbproc.core.model import Mission
from dbproc.core.text import number_words
from dbproc.database.files import FileRow
from dbproc.service.page.views import Fields, View, Viewing, page_router
from dbproc.service.previews import Asked, Drawn, Previews, Source, source_of
from dbproc.service.problems import Problem

router = page_router()

_AXES = 32
_COLOURS = ("seen", "all")
_HEADERS = {"Cache-Control": "private, no-cache", "Content-Disposition": "inline"}


@router.get("/files/{number:int}/picture")
async def picture_page(view: Viewing, number: int) -> Response:
    """One file: what there is to be chosen, and the picture of what was chosen."""
    row, mission, source = await run_in_threadpool(_found, view, number)
    drawn = await _previews(view).drawn(mission, source, _asked(view.asked))
    return await run_in_threadpool(
        view.show,
        "picture.html",
        file=row,
        facts=drawn.facts,
        why_not=drawn.refusal or drawn.facts.get("why_not", ""),
        query_of_picture=view.asked.given,
        words=_words(drawn.facts) if drawn.picture else [],
        stops=_stops(drawn.facts),
    )


@router.get("/files/{number:int}/picture.png")
async def picture_itself(view: Viewing, number: int) -> Response:
    """The picture of the same."""
    _, mission, source = await run_in_threadpool(_found, view, number)
    asked, previews = _asked(view.asked), _previews(view)
    headers = {**_HEADERS, "ETag": f'"{previews.key(source, asked)}"'}
    if headers["ETag"] in view.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    drawn = await previews.drawn(mission, source, asked)
    if not drawn.picture:
        raise Problem(422, f"there is no picture of it: {_why(drawn)}")
    return Response(drawn.picture, media_type="image/png", headers=headers)


def _found(view: View, number: int) -> tuple[FileRow, Mission, Source]:
    mission = view.here.mission()
    row, source = source_of(view.store, mission, number)
    return row, mission, source


def _previews(view: View) -> Previews:
    previews: Previews = view.request.app.state.previews
    return previews


def _why(drawn: Drawn) -> str:
    return drawn.refusal or str(drawn.facts.get("why_not", ""))


def _asked(fields: Fields) -> Asked:
    """What is to be drawn: ``field``, ``at0``, ``at1`` …, ``axes``, ``zoom`` and ``colours`` of an address."""
    at = ((axis, fields.number(f"at{axis}")) for axis in range(_AXES))
    return Asked(
        field=(fields.text("field") or "")[:1000],
        at=tuple((axis, index) for axis, index in at if index is not None),
        axes=_numbers(fields.text("axes") or ""),
        zoom=min(fields.number("zoom") or 1, 1 << 30),
        colours=_one_of(fields.text("colours") or _COLOURS[0]),
    )


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split("-") if text else []
    if len(parts) > 2 or not all(each.isascii() and each.isdigit() and len(each) < 3 for each in parts):
        raise UserError(f"axes are two numbers such as 1-2, not {text!r}")
    return tuple(map(int, parts))


def _one_of(text: str) -> str:
    if text not in _COLOURS:
        raise UserError(f"colours span what is {' or '.join(_COLOURS)}, not {text!r}")
    return text


def _words(facts: dict[str, Any]) -> list[str]:
    """What is seen, told beside it."""
    units = f" {facts['units']}" if facts["units"] not in ("", "1") else ""
    ways = ("Along the curve",) if facts["is_curve"] else ("Top to bottom", "Left to right")
    found = [f"{facts['label']}{', at ' if facts['where'] else ''}{facts['where']}"]
    found += [f"{way}: {side}" for way, side in zip(ways, facts["sides"], strict=True)]
    if facts["extremes"]:
        low, high = facts["extremes"]
        found.append(f"Values from {low:g} to {high:g}{units}")
    elif facts["span"] or facts["is_curve"]:
        found.append("Not one value is there: all are missing")
    if facts["span"] and facts["extremes"]:
        low, high = facts["span"]
        beyond = ", the 2nd to the 98th percentile; what lies beyond has the colour of that end"
        how = "" if facts["is_whole_range"] else beyond
        found.append(f"Colours span {low:g} to {high:g}{units}{how}")
    if facts["missing"]:
        found.append(f"{number_words(facts['missing'], 'value')} missing, left blank")
    every = [f"{way.lower()} every {_nth(step)}" for way, step in zip(ways, facts["steps"], strict=False) if step > 1]
    if every:
        found.append(f"Not all values are drawn: {', '.join(every)}; a smaller part has all of them")
    return found


def _nth(step: int) -> str:
    return f"{step}th" if step > 3 else ("2nd", "3rd")[step - 2]


def _stops(facts: dict[str, Any]) -> str:
    """The class of the bar of colours."""
    return str(facts.get("colour_map", "")) if facts.get("span") else ""
