"""``/api/v1/files``: the catalogue, and what there is to be said of each file."""

from __future__ import annotations

from itertools import islice

from fastapi import APIRouter, Request, Response

from dbproc.explain.expectations import OverdueFile, overdue_files
from dbproc.explain.files import ListedFile, page
from dbproc.explain.lineage import Lineage, lineage
from dbproc.explain.replicas import Whereabouts, whereabouts
from dbproc.explain.why_file import WhyFile, why_file
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, listed, page_after, part_of, says
from dbproc.service.asked import AsForm, Files, Name, Names, Paged, Slots
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1/files", tags=["files"], responses=READING)


@router.get("", responses=says(ListedFile, many=True))
def files(here: Here, _: Reader, files: Files, asked: Paged, request: Request, form: AsForm = Form.JSON) -> Response:
    """Files of the catalogue, as ``dbproc files`` lists them."""
    rows = page(here.reading, files, asked.after, asked.limit)
    following = page_after(request, after=rows[-1].file_id) if len(rows) == asked.limit else None
    return listed(rows, ListedFile, form, following)


@router.get("/late", responses=says(OverdueFile, many=True))
def late(
    here: Here,
    _: Reader,
    slots: Slots,
    asked: Paged,
    request: Request,
    product: Names = [],  # noqa: B006 - FastAPI copies it
    form: AsForm = Form.JSON,
) -> Response:
    """What should have come and has not, as ``dbproc files --late`` lists it."""
    rows = list(islice(overdue_files(here.reading, product, slots), asked.most))
    return part_of(rows, OverdueFile, asked, request, form)


@router.get("/{file}/why", responses=says(WhyFile))
def why(here: Here, _: Reader, file: Name) -> Response:
    """Why there is a file, as ``dbproc why FILE`` says; FILE is a name or a number."""
    return answered(why_file(here.reading, file))


@router.get("/{file}/lineage", responses=says(Lineage))
def relatives(here: Here, _: Reader, file: Name) -> Response:
    """What a file came from, and what came from it, as ``dbproc lineage`` says."""
    return answered(lineage(here.reading, file))


@router.get("/{file}/copies", responses=says(Whereabouts, many=True))
def copies(here: Here, _: Reader, file: Name, form: AsForm = Form.JSON) -> Response:
    """Where the copies of a file are, as ``dbproc whereis`` says."""
    return listed(whereabouts(here.reading, [file]), Whereabouts, form)
