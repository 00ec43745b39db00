"""Coverage: what there is of each product and key, the gaps, and what helps."""

from __future__ import annotations

from fastapi import Response

from dbproc.explain.coverage import mission_coverage
from dbproc.explain.definition import product_names
from dbproc.service.page.calendar import calendar
from dbproc.service.page.views import Viewing, page_router

router = page_router()

_GAPS = 200


@router.get("/coverage")
def coverage_page(view: Viewing) -> Response:
    """The calendar, and the gaps."""
    answer = mission_coverage(view.store, view.many("product"), view.choice())
    return view.show(
        "coverage.html",
        calendar=calendar(answer),
        gaps=answer.gaps[:_GAPS],
        more=len(answer.gaps) - _GAPS,
        products=product_names(view.store),
    )
