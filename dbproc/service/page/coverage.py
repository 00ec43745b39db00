"""Coverage: what there is of each product and key, the gaps, and what helps."""

from __future__ import annotations

from functools import partial

from fastapi import Response

from dbproc.core.slot_text import SlotChoice
from dbproc.database.store import Store
from dbproc.explain.coverage import Gap, mission_coverage
from dbproc.explain.definition import product_names
from dbproc.service.page.calendar import Calendar, calendar
from dbproc.service.page.views import Viewing, page_router

router = page_router()


@router.get("/coverage")
def coverage_page(view: Viewing) -> Response:
    """The calendar, and the gaps."""
    known = view.kept("coverage", partial(_coverage, view.store, view.asked.many("product"), view.asked.choice()))
    if known is None:
        return view.later()
    drawn, gaps = known.value
    return view.show(
        "coverage.html",
        age=known.age,
        calendar=drawn,
        **view.part(gaps),
        products=product_names(view.store),
    )


def _coverage(store: Store, products: list[str], choice: SlotChoice) -> tuple[Calendar | None, tuple[Gap, ...]]:
    """What is kept of the coverage of a large catalogue: what is shown of it."""
    answer = mission_coverage(store, products, choice)
    return calendar(answer), answer.gaps
