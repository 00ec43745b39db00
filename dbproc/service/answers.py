"""Frozen answers as JSON or CSV, whole or page by page, and what OpenAPI says of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fastapi import Request, Response

from dbproc.core.csv_text import csv_keys, csv_line, csv_values
from dbproc.core.json_text import json_text
from dbproc.service.schemas import reference

MOST: Final = 10_000
"""How many answers one page may have."""

_JSON, _CSV = "application/json", "text/csv"
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_LOCATION = {"Location": {"description": "where it is looked at from now on", **_TEXT}}
_NEXT = {"Link": {"description": 'the page that follows, as rel="next"; none: this is the last', **_TEXT}}

KINDS: Final[set[object]] = set()
"""The kinds of answers that endpoints give."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    limit: int = 100
    after: int | None = None

    @property
    def skipped(self) -> int:
        """How many answers came before, of a list that has no numbers of its own."""
        return self.after or 0

    @property
    def most(self) -> int:
        """How many answers of such a list tell whether something follows."""
        return min(self.skipped + self.limit + 1, sys.maxsize)


Said = dict[int | str, dict[str, Any]]


class Form(StrEnum):
    """In which form a list is given."""

    JSON = "json"
    CSV = "csv"


def answered(answer: object, status: int = 200, location: str | None = None) -> Response:
    """An answer as the command prints it with ``--json``; `location`: where it is looked at from now on."""
    headers = {} if location is None else {"Location": location}
    return Response(json_text(answer) + "\n", status, headers, media_type=_JSON)


def listed(rows: Sequence[Any], kind: type, form: Form = Form.JSON, following: str | None = None) -> Response:
    """A list of answers; `following` is the address of the page after it."""
    headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
    if form is Form.CSV:
        return Response(as_csv(rows, kind), media_type=f"{_CSV}; charset=utf-8", headers=headers)
    return Response(json_text(list(rows)) + "\n", media_type=_JSON, headers=headers)


def part_of(rows: Sequence[Any], kind: type, page: Page, request: Request, form: Form) -> Response:
    """A page of a list that has no numbers of its own: it goes by how many came before."""
    end = page.skipped + page.limit
    following = page_after(request, after=end) if len(rows) > end else None
    return listed(rows[page.skipped : end], kind, form, following)


def as_csv(rows: Iterable[object], kind: type) -> str:
    """Answers as comma-separated values, with the keys of the JSON as head."""
    keys = csv_keys(kind)
    lines = (csv_line(keys), *(csv_line(csv_values(row, keys)) for row in rows))
    return "".join(f"{line}\r\n" for line in lines)


def page_after(request: Request, **values: object) -> str:
    """The address of the page that follows, relative to this one: the same question with other values."""
    return f"?{request.url.include_query_params(**values).query}"


def says(kind: object, status: int = 200, *, many: bool = False, words: str = "", located: bool = False) -> Said:
    """What OpenAPI says of an endpoint that gives this kind of answer, or many of them as JSON or CSV."""
    KINDS.add(kind)
    text = words or (getattr(kind, "__doc__", None) or "").partition("\n")[0]
    content: dict[str, Any] = {_JSON: {"schema": reference(kind, many=many)}}
    if not many:
        headers = {"headers": _LOCATION} if located else {}
        return {status: {"description": text, "content": content, **headers}}
    return {status: {"description": text, "content": {**content, _CSV: _TEXT}, "headers": _NEXT}}


def problems(*statuses: int) -> Said:
    """What OpenAPI says of an endpoint that may refuse with these statuses."""
    return {status: {"description": _WHY[status], "content": _PROBLEM} for status in statuses}


_WHY = {
    400: "what was sent cannot be read",
    401: "nobody is known to ask: a token is needed",
    403: "who asks may not",
    404: "there is none, or none that who asks may know of",
    405: "not so",
    409: "not now: something else is at work, or it is done already",
    410: "it is at its end already",
    412: "the header `Tus-Resumable` is not sent, or names another version",
    413: "more than may be sent",
    415: "sent in a form that is not taken here",
    422: "something asked for is not as it must be; `detail` says what",
    423: "another request is at work at it",
    429: "too often; try again after `Retry-After` seconds",
    460: "the bytes have another digest than was promised",
    500: "an error of the service itself",
    503: "what is needed is not there now",
    507: "there is no room for it",
}
READING: Final = problems(400, 401, 403, 404, 422, 429, 503)
"""How endpoints refuse that only look."""

CHANGING: Final = problems(400, 401, 403, 404, 409, 413, 422, 429, 503, 507)
"""How endpoints refuse that change something."""
