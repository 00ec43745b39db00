"""Products and processes: the graph of them, and each with its coverage and why something is there or is not."""

from __future__ import annotations

from functools import partial

from fastapi import Response
from markupsafe import Markup

from dbproc.core.slot_text import SlotChoice, read_key
from dbproc.database.definition.load import load_definition
from dbproc.explain import definition
from dbproc.explain.causes import Cause, why_slots
from dbproc.explain.coverage import mission_coverage
from dbproc.explain.graph import graph
from dbproc.service.page.calendar import calendar
from dbproc.service.page.drawing import mission_drawing
from dbproc.service.page.views import View, Viewing, page_router

router = page_router()


@router.get("/products")
def product_list(view: Viewing) -> Response:
    """All products and processes, and how they hang together."""
    answer = view.kept("products", lambda: (definition.products(view.store), definition.processes(view.store)))
    if answer is None:
        return view.later()
    products, processes = answer.value
    return view.show("products.html", products=products, processes=processes, drawing=_drawing(view))


def _drawing(view: View) -> Markup:
    with view.store.begin() as connection:
        drawn = graph(load_definition(connection))
    return mission_drawing(drawn, lambda name: view.address(f"products/{name}"))


@router.get("/products/{name}")
def product_page(view: Viewing, name: str) -> Response:
    """One product; with ``when``, why there is something of it then, or nothing."""
    found = view.kept(f"product {name}", partial(_found, view, name))
    if found is None:
        return view.later()
    shown, process, cause = found.value
    covered = partial(mission_coverage, view.store, [shown.name])
    known = view.kept(f"coverage {shown.name}", covered, is_aside=True)
    answer = view.show(
        "product.html",
        age=known.age if known else 0,
        is_known=known is not None,
        product=shown,
        process=process,
        calendar=calendar(known.value) if known else None,
        cause=cause,
    )
    if known is None:
        answer.headers["Refresh"] = "3"
    return answer


def _found(view: View, name: str) -> tuple[definition.ShownProduct, definition.ShownProcess | None, Cause | None]:
    """A product, what makes it, and why there is something of it at the time that is asked for, or nothing."""
    (shown,) = definition.products(view.store, (name,))
    return shown, _process(view, shown.made_by), _cause(view, shown.name)


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
