"""What went wrong, as HTTP says it: RFC 9457 by default; a dialect puts it into its own words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from dbproc.core.errors import (
    BusyError,
    ConflictError,
    DatabaseError,
    DatabaseLostError,
    DbprocError,
    GoneError,
    LockError,
    NotFoundError,
    RoomError,
    TakenError,
    UserError,
)
from dbproc.core.text import one_line

_STATUSES: tuple[tuple[type[DbprocError], int], ...] = (
    (NotFoundError, 404),
    (GoneError, 404),
    (TakenError, 409),
    (ConflictError, 409),
    (BusyError, 409),
    (LockError, 409),
    (RoomError, 507),
    (DatabaseLostError, 503),
    (DatabaseError, 503),
    (UserError, 422),
)
_TYPE = "application/problem+json"


class Problem(Exception):
    """Something that is answered with a status of HTTP; `detail` says what is wrong and what to do."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def status_of(error: DbprocError) -> int:
    """The status of HTTP for an error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def answer(status: int, detail: object, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as an answer."""
    title = HTTPStatus(status).phrase
    text = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}, ensure_ascii=False)
    return Response(text, status, dict(headers or {}), media_type=_TYPE)


def install(app: FastAPI) -> None:
    """Have every error answered so."""

    async def of_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(error.status, error.detail, error.headers)

    async def of_dbproc(_: Request, error: Exception) -> Response:
        assert isinstance(error, DbprocError)
        return answer(status_of(error), one_line(str(error)))

    async def of_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(error.status_code, error.detail, error.headers)

    async def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        words = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        return answer(422, "; ".join(words))

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(DbprocError, of_dbproc)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
