"""Who asks, and whether they may."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request

from dbproc.changes.tokens import NO_TOKEN
from dbproc.core.access import ANYBODY, Principal, Scope
from dbproc.core.errors import DbprocError
from dbproc.core.tokens import Token, read_token
from dbproc.database import tokens
from dbproc.database.store import Store
from dbproc.service.context import Context, Here
from dbproc.service.door import Door, door_of
from dbproc.service.problems import Problem

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_SAFE = ("GET", "HEAD", "OPTIONS")
_SECRET_OF_FORMS = "csrf"


def principal_of(request: Request, here: Here) -> Principal:
    """Who asks; a Problem (401) where nobody is known. It asks the database: call it in a thread."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if here.is_open:
        return _there(request, ANYBODY)
    if sent:
        return known_by(request, here, sent.strip() if scheme.lower() == "bearer" else "")
    cookie = request.cookies.get(door_of(request).cookie, "")
    if not cookie:
        raise Problem(401, "send a token: Authorization: Bearer dbp_…", headers=_CHALLENGE)
    if request.method not in _SAFE and not _is_of_own_page(request):
        raise Problem(403, "a request by a session that changes something comes from its page, or has X-CSRF-Token")
    return known_by(request, here, cookie, is_session=True)


def known_by(request: Request, here: Context, sent: str, *, is_session: bool = False) -> Principal:
    """Who has a token of the service, or one of the issuer; a Problem (401) where it does not hold, and (429) where
    many such come from there. Sessions are begun with tokens and not with sessions: none goes on for ever."""
    door, address = door_of(request), address_of(request)
    if not door.knows(sent):
        door.refuse_guessing(address)
    token = read_token(sent)
    found = door.vouched(sent) if token is None else _by_row(door, here, token, is_session=is_session)
    if found is None:
        door.unknown(address)
        raise Problem(401, "this token is unknown, revoked or expired", headers=_CHALLENGE)
    door.let_in(sent)
    return _there(request, found)


def _there(request: Request, principal: Principal) -> Principal:
    return replace(principal, address=address_of(request), request=getattr(request.state, "number", ""))


def address_of(request: Request) -> str:
    """From where a request comes, as the proxy in front says."""
    return request.client.host if request.client else ""


def _by_row(door: Door, here: Context, token: Token, *, is_session: bool) -> Principal | None:
    with here.reading.begin() as connection:
        row = tokens.known(connection, token)
    if row is None or bool(row.parent) is not is_session:
        return None
    if tokens.is_used_anew(row) and door.is_to_note(row.word):
        threading.Thread(target=_note_use, args=(here.writing, row.word), daemon=True).start()
    word = row.word if row.parent in ("", NO_TOKEN) else row.parent
    return Principal(row.owner, frozenset(map(Scope, row.scopes)), token=word)


def _note_use(store: Store, word: str) -> None:
    """Enter that a token is used: beside the request, which does not wait for a run that writes."""
    with suppress(DbprocError), store.begin() as connection:
        tokens.used(connection, word)


@dataclass(frozen=True, slots=True)
class Csrf:
    """What forms of the page carry as the field ``csrf``, and its scripts send as ``X-CSRF-Token``."""

    text: str

    def proves(self, sent: str) -> bool:
        """Whether what was sent is that."""
        return hmac.compare_digest(self.text.encode(), sent.encode("utf-8", "replace"))


def csrf_of(request: Request) -> Csrf:
    """That of a request's session, or of this process where there is none."""
    door = door_of(request)
    token = read_token(request.cookies.get(door.cookie, ""))
    return Csrf(door.secret if token is None else token.derived(_SECRET_OF_FORMS))


def _is_of_own_page(request: Request) -> bool:
    """Whether a request comes from a page of the service: the browser says so, or it proves it."""
    is_said = request.headers.get("sec-fetch-site") == "same-origin" or getattr(request.state, "is_own", False)
    return is_said or csrf_of(request).proves(request.headers.get("x-csrf-token", ""))


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
