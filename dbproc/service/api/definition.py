"""``/api/v1/mission``, ``products``, ``processes``, ``graph`` and ``codes``: what the mission is made of."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.core.filenames import read_version
from dbproc.core.slot_text import SlotChoice, read_key, read_time
from dbproc.core.version import Version
from dbproc.database.definition.load import load_definition
from dbproc.explain import codes, definition
from dbproc.explain.causes import Cause, why_slots
from dbproc.explain.codes import CodeFacts, CodeShown, Comparison
from dbproc.explain.definition import ShownMission, ShownProcess, ShownProduct
from dbproc.explain.graph import Graph, graph
from dbproc.explain.statistics import Record, records
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, listed, part_of, says
from dbproc.service.asked import AsForm, Keys, Name, Paged, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["definition"], responses=READING)

OfVersion = Annotated[str | None, Query(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$", examples=["1.0.0"])]


@router.get("/mission", responses=says(ShownMission))
def mission(here: Here, _: Reader) -> Response:
    """The mission, as ``dbproc show mission`` has it."""
    return answered(definition.mission(here.reading))


@router.get("/products", responses=says(ShownProduct, many=True))
def products(
    here: Here,
    _: Reader,
    page: Paged,
    request: Request,
    text: Text = None,
    instrument: Text = None,
    form: AsForm = Form.JSON,
) -> Response:
    """The products, as ``dbproc show products`` has them; `text`: what stands in the name."""
    rows = definition.products(here.reading, text=text or "", instrument=instrument or "")
    return part_of(rows, ShownProduct, page, request, form)


@router.get("/products/{product}", responses=says(ShownProduct))
def product(here: Here, _: Reader, product: Name) -> Response:
    """A product, by its name or number."""
    return answered(definition.products(here.reading, (product,))[0])


@router.get("/products/{product}/why", responses=says(Cause))
def why(
    here: Here,
    _: Reader,
    product: Name,
    when: Annotated[str, Query(max_length=40, examples=["2024-05-06"])],
    key: Keys = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Why there are files of a product for a time, or none, as ``dbproc why PRODUCT WHEN`` says."""
    return answered(why_slots(here.reading, product, SlotChoice(read_time(when), read_key(key))))


@router.get("/processes", responses=says(ShownProcess, many=True))
def processes(
    here: Here,
    _: Reader,
    page: Paged,
    request: Request,
    text: Text = None,
    product: Text = None,
    form: AsForm = Form.JSON,
    *,
    required: bool = False,
) -> Response:
    """The processes, as ``dbproc show processes`` has them; `text`: what stands in the name; `product`: one that they
    take or make."""
    rows = definition.processes(here.reading, only_required=required, text=text or "", product=product or "")
    return part_of(rows, ShownProcess, page, request, form)


@router.get("/processes/{process}", responses=says(ShownProcess))
def process(here: Here, _: Reader, process: Name) -> Response:
    """A process, by its name or number."""
    return answered(definition.processes(here.reading, (process,))[0])


@router.get("/graph", responses=says(Graph))
def drawn(here: Here, _: Reader) -> Response:
    """What goes from product to process, as ``dbproc graph --json`` has it."""
    with here.reading.begin() as connection:
        return answered(graph(load_definition(connection)))


@router.get("/stats", responses=says(Record, many=True))
def stats(here: Here, _: Reader, process: Text = None, form: AsForm = Form.JSON) -> Response:
    """What jobs took and made, version by version, as ``dbproc stats`` has it."""
    return listed(records(here.reading, process), Record, form)


@router.get("/codes", responses=says(CodeFacts, many=True))
def versions(here: Here, _: Reader, process: Text = None, form: AsForm = Form.JSON) -> Response:
    """The versions of codes, as ``dbproc code list`` has them."""
    return listed(codes.list_codes(here.reading, process), CodeFacts, form)


@router.get("/codes/{process}", responses=says(CodeShown))
def version(here: Here, _: Reader, process: Name, version: OfVersion = None, part: Text = None) -> Response:
    """A version of the code of a process, with its text, as ``dbproc code show`` has it."""
    return answered(codes.show_code(here.reading, process, _version(version), part))


@router.get("/codes/{process}/diff", responses=says(Comparison))
def difference(here: Here, _: Reader, process: Name, old: OfVersion = None, new: OfVersion = None) -> Response:
    """How two versions of a code differ, as ``dbproc code diff`` says."""
    return answered(codes.compare_codes(here.reading, process, _version(old), _version(new)))


def _version(text: str | None) -> Version | None:
    return None if text is None else read_version(text)
