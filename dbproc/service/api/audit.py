"""``/api/v1/audit``: who did what by way of the service."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dbproc.explain.trail import AuditEntry, Verified, audit_entries, verify
from dbproc.service.access import Operator
from dbproc.service.answers import READING, Form, answered, listed, page_after, says
from dbproc.service.asked import AsForm, Text
from dbproc.service.context import Here

router = APIRouter(prefix="/api/v1", tags=["audit"], responses=READING)


@router.get("/audit", responses=says(AuditEntry, many=True))
def audit(
    here: Here,
    _: Operator,
    request: Request,
    who: Text = None,
    action: Text = None,
    object: Text = None,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    form: AsForm = Form.JSON,
) -> Response:
    """Who did what, the newest first, as ``dbproc audit list`` has it."""
    asked = {"who": who or "", "action": action or "", "object": object or ""}
    found = audit_entries(here.reading, most=limit + 1, before=before, **asked)
    following = page_after(request, before=found[limit - 1].number) if len(found) > limit else None
    return listed(found[:limit], AuditEntry, form, following)


@router.get("/audit/verify", responses=says(Verified))
def verified(here: Here, _: Operator, head: Text = None) -> Response:
    """Whether anything was changed or taken out, as ``dbproc audit verify`` has it."""
    return answered(verify(here.reading, head or ""))
