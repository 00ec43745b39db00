"""Who asks, and whether they may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from dbproc.core.access import ANYBODY, Principal, Scope
from dbproc.service.context import Here
from dbproc.service.problems import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def principal_of(request: Request, here: Here) -> Principal:
    """Who asks; a Problem (401) where nobody is known."""
    if here.is_open:
        return ANYBODY
    raise Problem(401, "send a token: Authorization: Bearer dbp_…", headers=_CHALLENGE)


Asking = Annotated[Principal, Depends(principal_of)]
"""The parameter of an endpoint that gets who asks."""


def needs(scope: Scope) -> Callable[[Principal], Principal]:
    """A dependency: who asks, if they may do it; else a Problem (403)."""

    def allowed(asking: Asking) -> Principal:
        if not asking.may(scope):
            raise Problem(403, f"this needs the scope {scope}; {asking.name} has it not")
        return asking

    return allowed


Reader = Annotated[Principal, Depends(needs(Scope.READ))]
Uploader = Annotated[Principal, Depends(needs(Scope.UPLOAD))]
Stager = Annotated[Principal, Depends(needs(Scope.STAGE))]
Operator = Annotated[Principal, Depends(needs(Scope.OPERATE))]
