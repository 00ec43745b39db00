"""What every view of the page works with, and how it says what went wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from dbproc.core.access import Principal
from dbproc.core.errors import DbprocError, UserError
from dbproc.core.model import Period
from dbproc.core.slot_text import SlotChoice, choice_of, read_time
from dbproc.database.store import Store
from dbproc.service.access import Reader
from dbproc.service.context import Context, Here
from dbproc.service.page.rendering import address, rendered
from dbproc.service.problems import Problem, status_of


@dataclass(frozen=True, slots=True)
class View:
    """One request for a page: who asks for what."""

    request: Request
    here: Context
    asking: Principal

    @property
    def store(self) -> Store:
        """The mission's database, to read."""
        return self.here.reading

    def show(self, template: str, **facts: Any) -> Response:
        """The page."""
        mission = self.here.mission().name
        return rendered(self.request, template, mission=mission, asking=self.asking, given=self.given, **facts)

    def address(self, path: str, **query: object) -> str:
        """Where something is."""
        return address(self.request, path, **query)

    # --- what the address asks for; an empty field of a form asks for nothing ---

    def text(self, name: str) -> str | None:
        """What a field says."""
        return self.request.query_params.get(name, "").strip() or None

    def many(self, name: str) -> list[str]:
        """What each of several fields of a name says."""
        return [text for each in self.request.query_params.getlist(name) if (text := each.strip())]

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.text(name) in ("true", "1", "on", "yes")

    def number(self, name: str) -> int | None:
        """The number in a field.

        Raises
        ------
        UserError
            It is none.
        """
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise UserError(f"{name} is a whole number, not {text!r}")
        return int(text)

    def period(self, name: str) -> Period | None:
        """The time that a field names."""
        text = self.text(name)
        return None if text is None else read_time(text)

    def choice(self) -> SlotChoice:
        """The time and the key that are asked for: ``start``, ``end`` and ``key``."""
        return choice_of(self.period("start"), self.period("end"), self.many("key"))

    @property
    def given(self) -> dict[str, list[str]]:
        """What the fields say that say something, but for the place in a list; for another address."""
        return {name: some for name in self.request.query_params if name != "after" and (some := self.many(name))}


def view_of(request: Request, here: Here, asking: Reader) -> View:
    """The view of a request of somebody who may read."""
    return View(request, here, asking)


Viewing = Annotated[View, Depends(view_of)]
"""The parameter of an endpoint that shows a page."""


class PageRoute(APIRoute):
    """A path of the page: what goes wrong is said as a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle a request."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await original(request)
            except Problem as error:
                return _failed(request, error.status, error.detail, error.headers)
            except DbprocError as error:
                return _failed(request, status_of(error), str(error))
            except RequestValidationError as error:
                return _failed(request, 422, "; ".join(each["msg"] for each in error.errors()))
            except HTTPException as error:
                return _failed(request, error.status_code, str(error.detail), error.headers)

        return handle


def _failed(request: Request, status: int, detail: str, headers: Any = None) -> Response:
    """What went wrong, as a page."""
    answer = rendered(request, "problem.html", status, title=HTTPStatus(status).phrase, detail=detail)
    answer.headers.update(headers or {})
    return answer


def page_router() -> APIRouter:
    """A router of the page; what it has is no part of the API."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def now() -> dt.datetime:
    """The time of a view."""
    return dt.datetime.now(dt.UTC)
