"""``/api/v1/stores``, ``releases``, ``links`` and ``canaries``: where files are kept, and under which names."""

from __future__ import annotations

from itertools import islice

from fastapi import APIRouter, Request, Response

from dbproc.changes.canary.report import CanaryShown, canary_shown
from dbproc.changes.links import TreeTold, trees
from dbproc.database.canaries import CanaryInNumbers, all_canaries
from dbproc.database.data_releases import ReleaseRow, releases
from dbproc.explain.data_releases import ReleasedFile, ReleaseDifference, compare, released_files
from dbproc.explain.stores import StoresShown, shown_stores
from dbproc.service.access import Reader
from dbproc.service.answers import READING, Form, answered, listed, part_of, says
from dbproc.service.asked import AsForm, Name, Paged, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["keeping"], responses=READING)


@router.get("/stores", responses=says(StoresShown))
def stores(here: Here, _: Reader) -> Response:
    """The stores and what is known of their copies, as ``dbproc stores list`` has them; nothing is asked of them."""
    return answered(shown_stores(here.reading))


@router.get("/releases", responses=says(ReleaseRow, many=True))
def released(here: Here, _: Reader, form: AsForm = Form.JSON) -> Response:
    """The releases of data, as ``dbproc release list`` has them."""
    with here.reading.begin() as connection:
        return listed(releases(connection), ReleaseRow, form)


@router.get("/releases/{release}/files", responses=says(ReleasedFile, many=True))
def held(here: Here, _: Reader, release: Name, page: Paged, request: Request, form: AsForm = Form.JSON) -> Response:
    """The files of a release, as ``dbproc release files`` has them."""
    rows = list(islice(released_files(here.reading, release), page.most))
    return part_of(rows, ReleasedFile, page, request, form)


@router.get("/releases/{release}/diff", responses=says(ReleaseDifference))
def difference(here: Here, _: Reader, release: Name, new: Text = None) -> Response:
    """How a release differs from another one, or from what is newest now, as ``dbproc release diff`` says."""
    return answered(compare(here.reading, release, new))


@router.get("/links", responses=says(TreeTold, many=True))
def links(here: Here, _: Reader, form: AsForm = Form.JSON) -> Response:
    """The trees of links, as ``dbproc links`` has them."""
    return listed(trees(here.reading), TreeTold, form)


@router.get("/canaries", responses=says(CanaryInNumbers, many=True))
def canaries(here: Here, _: Reader, form: AsForm = Form.JSON) -> Response:
    """The canaries, the latest first, as ``dbproc canary list`` has them."""
    with here.reading.begin() as connection:
        return listed(all_canaries(connection), CanaryInNumbers, form)


@router.get("/canaries/{canary}", responses=says(CanaryShown))
def canary(here: Here, _: Reader, canary: Name) -> Response:
    """How the sample of a canary compares with what is published, as ``dbproc canary show`` says."""
    return answered(canary_shown(here.reading, canary))
