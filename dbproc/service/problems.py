"""What went wrong, as HTTP says it: RFC 9457 by default; a dialect puts it into its own words."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from dbproc.core.errors import (
    BusyError,
    ConflictError,
    DatabaseError,
    DatabaseLostError,
    DbprocError,
    EndedError,
    GoneError,
    HeldError,
    LockError,
    NotFoundError,
    PermanentError,
    QuotaError,
    RoomError,
    TakenError,
    TemporaryError,
    TooLargeError,
    UnstorableError,
    UserError,
)
from dbproc.core.text import one_line
from dbproc.storage.transfer import MismatchError

_STATUSES: tuple[tuple[type[DbprocError], int], ...] = (
    (NotFoundError, 404),
    (GoneError, 404),
    (TakenError, 409),
    (ConflictError, 409),
    (BusyError, 409),
    (LockError, 409),
    (RoomError, 507),
    (TooLargeError, 413),
    (QuotaError, 403),
    (HeldError, 423),
    (EndedError, 410),
    (MismatchError, 460),
    (TemporaryError, 503),
    (PermanentError, 422),
    (DatabaseLostError, 503),
    (DatabaseError, 503),
    (UserError, 422),
    (UnstorableError, 422),
)
_TYPE = "application/problem+json"
_MISMATCH = 460
_NO_DATABASE = "the database cannot be used now, or somebody keeps it for long; what it is stands in the service's log"
_LOGGER = logging.getLogger("uvicorn.error")


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
    title = phrase(status)
    text = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}, ensure_ascii=False)
    return Response(text, status, dict(headers or {}), media_type=_TYPE)


def phrase(status: int) -> str:
    """A status of HTTP in words; 460 is tus' own."""
    return "Checksum Mismatch" if status == _MISMATCH else HTTPStatus(status).phrase


@dataclass(frozen=True, slots=True)
class Said:
    """What went wrong: its status of HTTP, its words, and headers that go with it."""

    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


EXPECTED = (Problem, DbprocError, HTTPException, RequestValidationError, ClientDisconnect)
"""What a dialect puts into its own words."""


def said_of(error: Exception) -> Said:
    """What an error says; one that is none of :data:`EXPECTED` is raised."""
    match error:
        case Problem():
            return Said(error.status, error.detail, error.headers)
        case DatabaseError() | DatabaseLostError():
            _LOGGER.error("%s", one_line(str(error)))  # it names paths, hosts and what other processes do
            return Said(status_of(error), _NO_DATABASE, {"Retry-After": "30"})
        case DbprocError():
            return Said(status_of(error), one_line(str(error)))
        case HTTPException():
            return Said(error.status_code, str(error.detail), error.headers or {})
        case RequestValidationError():
            words = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            return Said(422, "; ".join(words))
        case ClientDisconnect():
            return Said(408, "the rest of the request did not come", {"Connection": "close"})
    raise error


def install(app: FastAPI) -> None:
    """Have every error answered so."""

    async def answered(_: Request, error: Exception) -> Response:
        said = said_of(error)
        return answer(said.status, said.detail, said.headers)

    for kind in EXPECTED:
        app.add_exception_handler(kind, answered)
