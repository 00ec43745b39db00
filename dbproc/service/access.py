"""Who asks, and whether they may."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request

from dbproc.core.access import ANYBODY, Principal, Scope
from dbproc.core.errors import DbprocError
from dbproc.core.tokens import Token, read_token
from dbproc.database import tokens
from dbproc.database.store import Store
from dbproc.service.context import Context, Here
from dbproc.service.problems import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def principal_of(request: Request, here: Here) -> Principal:
    """Who asks; a Problem (401) where nobody is known. It asks the database: call it in a thread."""
    return replace(_known(request, here), address=address_of(request), request=request_of(request))


def address_of(request: Request) -> str:
    """From where a request comes, as the proxy in front says."""
    return request.client.host if request.client else ""


def request_of(request: Request) -> str:
    """The number of a request."""
    number: str = getattr(request.state, "number", "")
    return number


def _known(request: Request, here: Context) -> Principal:
    if here.is_open:
        return ANYBODY
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if not sent:
        raise Problem(401, "send a token: Authorization: Bearer dbp_…", headers=_CHALLENGE)
    token = read_token(sent.strip()) if scheme.lower() == "bearer" else None
    found = None if token is None else by_token(here, token)
    if found is None:
        raise Problem(401, "this token is unknown, revoked or expired", headers=_CHALLENGE)
    return found


def by_token(here: Context, token: Token) -> Principal | None:
    """Who has a token; None where it does not hold."""
    with here.reading.begin() as connection:
        row = tokens.known(connection, token)
    if row is None:
        return None
    if tokens.is_used_anew(row):
        threading.Thread(target=_note_use, args=(here.writing, row.word), daemon=True).start()
    return Principal(row.owner, frozenset(map(Scope, row.scopes)), token=row.parent or row.word)


def _note_use(store: Store, word: str) -> None:
    """Enter that a token is used: beside the request, which does not wait for a run that writes."""
    with suppress(DbprocError), store.begin() as connection:
        tokens.used(connection, word)


Asking = Annotated[Principal, Depends(principal_of)]
"""The parameter of an endpoint that gets who asks."""


def needs(scope: Scope) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency: who asks, if they may do it; else a Problem (403)."""

    async def allowed(asking: Asking) -> Principal:
        if not asking.may(scope):
            raise Problem(403, f"this needs the scope {scope}; {asking.name} has it not")
        return asking

    return allowed


Reader = Annotated[Principal, Depends(needs(Scope.READ))]
Uploader = Annotated[Principal, Depends(needs(Scope.UPLOAD))]
Stager = Annotated[Principal, Depends(needs(Scope.STAGE))]
Operator = Annotated[Principal, Depends(needs(Scope.OPERATE))]
