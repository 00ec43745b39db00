"""Whether the service answers, whether what it needs is there, and the mission in numbers.

Nobody has to be known for the first two, as those who ask are machines that restart it: their words name no path, no
host and no product. The numbers name products, and are for who may read.
"""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import PlainTextResponse

from dbproc.core.metrics import OPEN_METRICS, PROMETHEUS, exposition
from dbproc.explain.metrics import mission_numbers
from dbproc.explain.readiness import Check, Readiness, Verdict, readiness
from dbproc.service.access import Reader
from dbproc.service.context import Here

_HEALTH_JSON = "application/health+json"
_MARKS = {Verdict.PASS: "+", Verdict.WARN: "!", Verdict.FAIL: "-"}

router = APIRouter(tags=["health"])
Accept = Annotated[str, Header()]


@router.get("/livez", response_class=PlainTextResponse)
async def livez() -> str:
    """That the process answers; nothing is looked at for it."""
    return "ok\n"


@router.get(
    "/readyz",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "What comes can be accepted.", "content": {_HEALTH_JSON: {}}},
        503: {"description": "It cannot; the answer says why.", "content": {"text/plain": {}, _HEALTH_JSON: {}}},
    },
)
def readyz(
    here: Here,
    accept: Accept = "",
    verbose: Annotated[str | None, Query(description="Say what was looked at, too.")] = None,
) -> Response:
    """Whether what comes can be accepted: the database, the root, incoming, the disk; how the runs are is told."""
    found = readiness(here.reading, here.writing)
    status = 200 if found.is_ready else 503
    if _HEALTH_JSON in accept:
        return Response(_health(found), status, media_type=_HEALTH_JSON)
    shown = [check for check in found.checks if verbose is not None or check.verdict is Verdict.FAIL]
    last = "ready" if found.is_ready else "not ready"
    return PlainTextResponse("".join(f"{line}\n" for line in [*map(_line, shown), last]), status)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"description": "The numbers.", "content": {"application/openmetrics-text": {}}}},
)
def metrics(here: Here, _: Reader, accept: Accept = "") -> Response:
    """The mission in numbers, and the requests of this process, as Prometheus reads them."""
    found, is_open = mission_numbers(here.reading), "application/openmetrics-text" in accept
    text = exposition([*found.metrics, *here.traffic.metrics()], found.labels, is_open=is_open)
    return Response(text, headers={"Content-Type": OPEN_METRICS if is_open else PROMETHEUS})


def _line(check: Check) -> str:
    return f"[{_MARKS[check.verdict]}]{check.name} {check.text}"


def _health(found: Readiness) -> str:
    checks = {check.name: [{"status": check.verdict, "output": check.text}] for check in found.checks}
    return json.dumps({"status": found.verdict, "checks": checks}) + "\n"
