"""Sessions of the page: somebody logs in with a token, and the browser keeps another one, short-lived, in a cookie.

What a browser sends by itself proves nothing: a request that changes something comes from a page of the service, which
the browser says, and a form proves it by a field.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from dbproc.changes import tokens as changes
from dbproc.core.tokens import read_token
from dbproc.service.access import csrf_of, known_by
from dbproc.service.context import Context, Here
from dbproc.service.door import AtDoor, Door
from dbproc.service.problems import Problem

LENGTH = dt.timedelta(hours=12)
"""How long a session lasts at most."""

router = APIRouter(tags=["page"], include_in_schema=False)


async def posted(request: Request) -> FormData:
    """The form that a page of the service sends; a Problem (403) for any other."""
    form = await request.form()
    if not csrf_of(request).proves(str(form.get("csrf", ""))):
        raise Problem(403, "this form is not from a page of your session: load the page again")
    return form


Posted = Annotated[FormData, Depends(posted)]
"""The parameter of an endpoint of the page that gets the form that was sent, and refuses forms of other pages."""


@router.post("/login")
def login(
    request: Request, here: Here, door: AtDoor, token: Annotated[str, Form()], then: Annotated[str, Form()] = ""
) -> Response:
    """Begin a session: the browser gets its cookie, and is led to the page that it wanted."""
    asking = known_by(request, here, token.strip())
    made = changes.begin_session(here.writing, asking, LENGTH)
    answer = RedirectResponse(_own(here, then), 303)
    answer.set_cookie(
        door.cookie,
        made,
        max_age=int(LENGTH.total_seconds()),
        path=here.root_path or "/",
        secure=_is_https(request, door),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout")
def logout(request: Request, here: Here, door: AtDoor, _: Posted) -> Response:
    """End the session, for whoever has its cookie."""
    cookie = request.cookies.get(door.cookie, "")
    token = read_token(cookie)
    if token is not None:
        changes.end_session(here.writing, known_by(request, here, cookie), token)
    answer = RedirectResponse(_own(here, ""), 303)
    answer.delete_cookie(door.cookie, path=here.root_path or "/")
    return answer


def _own(here: Context, then: str) -> str:
    """A path of the service, for a text that anybody may have made."""
    parts = urlsplit(then)
    is_own = then.startswith("/") and not then.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return then if is_own and then.isprintable() else f"{here.root_path}/"


def _is_https(request: Request, door: Door) -> bool:
    return request.url.scheme == "https" or door.settings.latest().url.startswith("https://")
