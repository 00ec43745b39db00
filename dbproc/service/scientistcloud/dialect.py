"""How ScientistCloud's API says what went wrong, and which of its generations decides where both differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from dbproc.core.service import Compatibility
from dbproc.service import problems
from dbproc.service.context import Here
from dbproc.service.problems import Problem

_PROBLEM = "application/problem+json"
_LONGEST_BODY = 1 << 20
_IN_THIS_DIALECT = {460: 400}


_FAULT: dict[str, Any] = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "detail": {"type": "string"}},
    "required": ["error", "detail"],
}
FAULTS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": problems.phrase(status),
        "content": {kind: {"schema": _FAULT} for kind in ("application/json", _PROBLEM)},
    }
    for status in (400, 401, 403, 404, 409, 410, 413, 415, 422, 423, 429, 501, 503, 507)
}
"""What OpenAPI says of how requests are refused."""


def takes(kind: str, **fields: str) -> dict[str, Any]:
    """What OpenAPI says of a body: an object with these fields, of these types."""
    properties = {
        name: {"type": "string", "format": "binary"} if of == "file" else {"type": of} for name, of in fields.items()
    }
    return {"requestBody": {"content": {kind: {"schema": {"type": "object", "properties": properties}}}}}


JSON, FORM = "application/json", "multipart/form-data"
DESCRIBED = {
    **dict.fromkeys(("user_email", "dataset_name", "sensor", "folder", "team_uuid"), "string"),
    **dict.fromkeys(("convert", "is_public"), "boolean"),
}
"""What is told of a dataset."""


class Route(APIRoute):
    """A route whose errors are ``{"error": …, "detail": …}``; who asks for problem+json gets its members as well."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the endpoint, with that around it."""
        inner = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await inner(request)
            except problems.EXPECTED as error:
                return _answer(request, problems.said_of(error))

        return handled


def _answer(request: Request, said: problems.Said) -> Response:
    status = _IN_THIS_DIALECT.get(said.status, said.status)
    body: dict[str, object] = {"error": said.detail, "detail": said.detail}
    if _PROBLEM not in request.headers.get("accept", ""):
        return JSONResponse(body, status, dict(said.headers))
    members = {"type": "about:blank", "title": problems.phrase(status), "status": status, "instance": request.url.path}
    return JSONResponse(members | body, status, dict(said.headers), media_type=_PROBLEM)


class Generation:
    """The generation that decides: its statuses for what was accepted, and for what is missing or wrong."""

    def __init__(self, compat: Compatibility) -> None:
        self.is_first = compat is Compatibility.SCLIB_1
        self.accepted = 202 if self.is_first else 200
        self.wrong = 400 if self.is_first else 422

    @classmethod
    def second(cls) -> Generation:
        """That of routes that the first has not."""
        return cls(Compatibility.SCLIB_2)

    def refuse(self, words: str) -> Problem:
        """A request that lacks something, or has something wrong."""
        return Problem(self.wrong, words)


def generation_of(here: Here) -> Generation:
    """As the mission file says."""
    return Generation(here.mission().service.compat)


Deciding = Annotated[Generation, Depends(generation_of)]
"""The parameter of an endpoint that gets it."""


async def body_of(request: Request) -> Mapping[str, object]:
    """The body of a request, a JSON object; a Problem where it is none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise Problem(413, f"the body has more than {_LONGEST_BODY:,} bytes")
    try:
        found = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise Problem(400, "the body is no JSON") from error
    if not isinstance(found, dict):
        raise Problem(400, "the body is no JSON object")
    return found
