"""Logging in with a token, and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from dbproc.service import sessions
from dbproc.service.access import known_by
from dbproc.service.context import Context, Here
from dbproc.service.page.rendering import rendered
from dbproc.service.page.views import page_router
from dbproc.service.sessions import Posted

router = page_router()


@router.get("/login")
def login_page(request: Request, then: str = "") -> Response:
    """Where somebody says who they are."""
    return rendered(request, "login.html", detail="", then=then)


@router.post("/login")
def login(request: Request, here: Here, token: Annotated[str, Form()], then: Annotated[str, Form()] = "") -> Response:
    """Begin a session, and lead the browser to the page that it wanted."""
    asking = known_by(request, here, token.strip())
    answer = RedirectResponse(_own(here, then), 303)
    sessions.begin(request, here, asking, answer)
    return answer


@router.post("/logout")
def logout(request: Request, here: Here, _: Posted) -> Response:
    """End the session."""
    answer = RedirectResponse(_own(here, ""), 303)
    sessions.end(request, here, answer)
    return answer


def _own(here: Context, then: str) -> str:
    """A path of the service, for a text that anybody may have made."""
    parts = urlsplit(then)
    is_own = then.startswith("/") and not then.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return then if is_own and then.isprintable() else f"{here.root_path}/"
