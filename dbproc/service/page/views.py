"""What every view of the page works with, and how it says what went wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException

from dbproc.core.access import Principal
from dbproc.core.errors import UserError
from dbproc.core.model import Period
from dbproc.core.slot_text import SlotChoice, choice_of, read_time
from dbproc.database import files
from dbproc.database.store import Store
from dbproc.service.access import Operator, Reader, Uploader, csrf_of
from dbproc.service.context import Context, Here
from dbproc.service.page.kept import Answer, Kept
from dbproc.service.page.rendering import address, rendered
from dbproc.service.problems import EXPECTED, Said, answer, phrase, said_of

_Word = TypeVar("_Word", bound=StrEnum)

ROWS = 100
"""How many rows of a list a page shows."""

_LARGE = 50_000  # files: of fewer, whatever is asked for is worked out at once

DONE = {
    "retry": "The next run tries them again.",
    "dismiss": "They are dismissed.",
    "release": "It is back in incoming; the next run takes it.",
    "withdraw": "It is withdrawn.",
    "restore": "It is back.",
    "retry-transfers": "They are tried at once.",
    "cancel-transfers": "They are given up.",
    "pause": "The campaign rests.",
    "resume": "The campaign goes on.",
    "cancel": "The campaign is given up.",
    "run": "A run was asked for.",
    "upload": "The file is there; the next run takes it.",
}
"""What a page says first that somebody is led to when something was done: its address has the word as ``done``."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What fields say: of an address, or of a form that was sent; an empty one says nothing."""

    sent: QueryParams | FormData

    def text(self, name: str) -> str | None:
        """What a field says."""
        return str(self.sent.get(name, "")).strip() or None

    def many(self, name: str) -> list[str]:
        """What each of several fields of a name says."""
        return [text for each in self.sent.getlist(name) if (text := str(each).strip())]

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

    def words(self, name: str, kind: type[_Word]) -> tuple[_Word, ...]:
        """The words that each of several fields of a name says.

        Raises
        ------
        UserError
            One is none of those that there are.
        """
        try:
            return tuple(map(kind, self.many(name)))
        except ValueError as error:
            raise UserError(f"{error}; choose from {', '.join(kind)}") from error

    def choice(self) -> SlotChoice:
        """The time and the key that are asked for: ``start``, ``end`` and ``key``."""
        return choice_of(self.period("start"), self.period("end"), self.many("key"))

    @property
    def given(self) -> dict[str, list[str]]:
        """What the fields say that say something, but for the place in a list; for another address."""
        return {name: some for name in self.sent if name not in ("after", "done") and (some := self.many(name))}


@dataclass(frozen=True, slots=True)
class View:
    """One request for a page: who asks for what."""

    request: Request
    here: Context
    asking: Principal

    @property
    def asked(self) -> Fields:
        """What the address asks for."""
        return Fields(self.request.query_params)

    @property
    def store(self) -> Store:
        """The mission's database, to read."""
        return self.here.reading

    def show(self, template: str, **facts: Any) -> Response:
        """The page."""
        mission = self.here.mission().name
        return rendered(
            self.request,
            template,
            mission=mission,
            asking=self.asking,
            given=self.asked.given,
            csrf=csrf_of(self.request).text,
            done=DONE.get(self.asked.text("done") or ""),
            **facts,
        )

    def kept(self, what: str, work: Callable[[], Any], *, is_aside: bool = False) -> Answer | None:
        """The answer to `what` this request asks for; of a large catalogue what is known of it, or None where that is
        still worked out: see :class:`~dbproc.service.page.kept.Kept`. One that `is_aside` does not depend on what the
        address asks for, and is not waited for."""
        with self.store.begin() as connection:
            is_large = files.highest(connection) > _LARGE
        if not is_large:
            return Answer(value=work())
        kept: Kept = self.request.app.state.kept
        asked = () if is_aside else tuple(sorted(self.request.query_params.multi_items()))
        return kept.ask((what, asked), work, is_patient=not is_aside)

    def part(self, rows: Sequence[Any]) -> dict[str, Any]:
        """What a page shows of a list that has no numbers of its own, and where it goes on: by how many came before."""
        first = self.asked.number("after") or 0
        end = first + ROWS
        return {"rows": rows[first:end], "after": end if len(rows) > end else None}

    @property
    def most(self) -> int:
        """How many rows of such a list tell whether something follows."""
        return (self.asked.number("after") or 0) + ROWS + 1

    def later(self) -> Response:
        """That the answer is being worked out; the browser asks again by itself."""
        page = self.show("later.html")
        page.headers["Refresh"] = "2"
        return page

    def address(self, path: str, **query: object) -> str:
        """Where something is."""
        return address(self.request, path, **query)


def _view(request: Request, here: Here, asking: Reader) -> View:
    return View(request, here, asking)


def _operating(request: Request, here: Here, asking: Operator) -> View:
    return View(request, here, asking)


def _uploading(request: Request, here: Here, asking: Uploader) -> View:
    return View(request, here, asking)


Viewing = Annotated[View, Depends(_view)]
"""The parameter of an endpoint that shows a page."""

Operating = Annotated[View, Depends(_operating)]
"""The same for those who may operate."""

Uploading = Annotated[View, Depends(_uploading)]
"""The same for those who may upload."""


class PageRoute(APIRoute):
    """A path of the page: what goes wrong is said as a page, and who is not known is asked who they are."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle a request."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await original(request)
            except EXPECTED as error:
                return _failed(request, said_of(error))

        return handle


_UNKNOWN = 401


def _failed(request: Request, said: Said) -> Response:
    """What went wrong, as a page."""
    if said.status == _UNKNOWN and request.method == "GET":
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(address(request, "login", then=path), 303)
    template = "login.html" if said.status == _UNKNOWN else "problem.html"
    page = rendered(request, template, said.status, title=phrase(said.status), detail=said.detail, then="")
    page.headers.update(said.headers)
    return page


_OF_MACHINES = ("/api/", "/preparedata/")
"""Below these paths nothing is a page."""


def install(app: FastAPI) -> None:
    """Have a browser that asks for what there is not be answered by a page, where no API is."""

    async def answered(request: Request, error: Exception) -> Response:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        is_of_page = "text/html" in request.headers.get("accept", "") and not path.startswith(_OF_MACHINES)
        said = said_of(error)
        return _failed(request, said) if is_of_page else answer(said.status, said.detail, said.headers)

    app.add_exception_handler(HTTPException, answered)


def page_router() -> APIRouter:
    """A router of the page; what it has is no part of the API."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def now() -> dt.datetime:
    """The time of a view."""
    return dt.datetime.now(dt.UTC)
