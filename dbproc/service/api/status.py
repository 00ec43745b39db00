"""``/api/v1/status``."""

from __future__ import annotations

from fastapi import APIRouter, Response

from dbproc.explain.status import Status, mission_status
from dbproc.service.access import Reader
from dbproc.service.answers import answered, says
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["status"])


@router.get("/status", responses=says(Status))
def status(here: Here, _: Reader) -> Response:
    """The state of the mission, as ``dbproc status --json`` has it."""
    return answered(mission_status(here.reading))
