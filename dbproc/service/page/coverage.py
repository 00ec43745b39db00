"""Coverage: what there is of each product and key, the gaps, and what helps."""

from __future__ import annotations

from functools import partial

from fastapi import Response

from dbproc.explain.coverage import Coverage, mission_coverage
from dbproc.explain.definition import product_names
from dbproc.service.page.calendar import calendar
from dbproc.service.page.views import Viewing, page_router

router = page_router()


@router.get("/coverage")
def coverage_page(view: Viewing) -> Response:
    """The calendar, and the gaps."""
    known = view.kept(
        "coverage", partial(mission_coverage, view.store, view.asked.many("product"), view.asked.choice())
    )
    if known is None:
        return view.later()
    answer: Coverage = known.value
    return view.show(
        "coverage.html",
        age=known.age,
        calendar=calendar(answer),
        **view.part(answer.gaps),
        products=product_names(view.store),
    )
