"""Products and processes: the graph of them, and each with its coverage and why something is there or is not."""

from __future__ import annotations

from functools import partial

from fastapi import Response
from markupsafe import Markup

from dbproc.core.model import Definition
from dbproc.core.slot_text import SlotChoice, read_key
from dbproc.database.definition.load import load_definition
from dbproc.explain import definition
from dbproc.explain.causes import Cause, why_slots
from dbproc.explain.coverage import mission_coverage
from dbproc.explain.graph import graph
from dbproc.service.page.calendar import Calendar, calendar
from dbproc.service.page.drawing import mission_drawing
from dbproc.service.page.views import View, Viewing, page_router

router = page_router()


@router.get("/products")
def product_list(view: Viewing) -> Response:
    """The products, and how they and the processes hang together."""
    asked = view.asked
    text, instrument = asked.text("text") or "", asked.text("instrument") or ""
    answer = view.kept("products", partial(definition.products, view.store, text=text, instrument=instrument))
    if answer is None:
        return view.later()
    with view.store.begin() as connection:
        known = load_definition(connection)
    instruments = sorted({each.instrument for each in known.products.values()})
    return view.show("products.html", **view.part(answer.value), instruments=instruments, drawing=_drawing(view, known))


def _drawing(view: View, known: Definition) -> Markup:
    return mission_drawing(graph(known), lambda name: view.address(f"products/{name}"))


@router.get("/processes")
def process_list(view: Viewing) -> Response:
    """The processes."""
    asked = view.asked
    text, product = asked.text("text") or "", asked.text("product") or ""
    answer = view.kept("processes", partial(definition.processes, view.store, text=text, product=product))
    if answer is None:
        return view.later()
    return view.show("processes.html", **view.part(answer.value), products=definition.product_names(view.store))


@router.get("/products/{name}")
def product_page(view: Viewing, name: str) -> Response:
    """One product; with ``when``, why there is something of it then, or nothing."""
    found = view.kept(f"product {name}", partial(_found, view, name))
    if found is None:
        return view.later()
    shown, process, cause = found.value
    known = view.kept(f"coverage {shown.name}", partial(_covered, view, shown.name), is_aside=True)
    answer = view.show(
        "product.html",
        age=known.age if known else 0,
        is_known=known is not None,
        product=shown,
        process=process,
        calendar=known.value if known else None,
        cause=cause,
    )
    if known is None:
        answer.headers["Refresh"] = "3"
    return answer


def _found(view: View, name: str) -> tuple[definition.ShownProduct, definition.ShownProcess | None, Cause | None]:
    """A product, what makes it, and why there is something of it at the time that is asked for, or nothing."""
    (shown,) = definition.products(view.store, (name,))
    return shown, _process(view, shown.made_by), _cause(view, shown.name)


def _covered(view: View, product: str) -> Calendar | None:
    return calendar(mission_coverage(view.store, [product]))


def _process(view: View, name: str | None) -> definition.ShownProcess | None:
    if name is None:
        return None
    return definition.processes(view.store, (name,))[0]


def _cause(view: View, product: str) -> Cause | None:
    """Why there is something of a product at the time that is asked for, or nothing."""
    when = view.asked.period("when")
    if when is None:
        return None
    return why_slots(view.store, product, SlotChoice(when, read_key(view.asked.many("key"))))
