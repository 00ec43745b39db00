"""Sessions of the page: somebody logs in with a token, and the browser keeps another one, short-lived, in a cookie.

What a browser sends by itself proves nothing: a request that changes something comes from a page of the service, which
the browser says, and a form proves it by a field.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import Depends, Request, Response
from starlette.datastructures import FormData

from dbproc.changes import tokens as changes
from dbproc.core.access import Principal
from dbproc.core.tokens import read_token
from dbproc.service.access import csrf_of, known_by
from dbproc.service.context import Context
from dbproc.service.door import door_of
from dbproc.service.problems import Problem

LENGTH = dt.timedelta(hours=12)
"""How long a session lasts at most."""


async def posted(request: Request) -> FormData:
    """The form that a page of the service sends; a Problem (403) for any other."""
    form = await request.form()
    if not csrf_of(request).proves(str(form.get("csrf", ""))):
        raise Problem(403, "this form is not from a page of your session: load the page again")
    return form


Posted = Annotated[FormData, Depends(posted)]
"""The parameter of an endpoint of the page that gets the form that was sent, and refuses forms of other pages."""


def begin(request: Request, here: Context, asking: Principal, answer: Response) -> None:
    """Begin a session of somebody who is known: the browser gets its cookie with the answer."""
    door = door_of(request)
    answer.set_cookie(
        door.cookie,
        changes.begin_session(here.writing, asking, LENGTH),
        max_age=int(LENGTH.total_seconds()),
        path=here.root_path or "/",
        secure=request.url.scheme == "https" or door.settings.latest().url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def end(request: Request, here: Context, answer: Response) -> None:
    """End the session of whoever has its cookie."""
    door = door_of(request)
    cookie = request.cookies.get(door.cookie, "")
    token = read_token(cookie)
    if token is not None:
        changes.end_session(here.writing, known_by(request, here, cookie, is_session=True), token)
    answer.delete_cookie(door.cookie, path=here.root_path or "/")
