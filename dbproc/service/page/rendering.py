"""Pages from templates: what templates can call, and how values are written in them."""

from __future__ import annotations

import datetime as dt
import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dbproc.core.durations import rough_text
from dbproc.core.model import Period
from dbproc.core.slot_text import period_words
from dbproc.core.text import number_words, one_line, size_words
from dbproc.database.files import FileRow

STATIC = Path(__file__).parent / "static"
"""The directory of the style and the scripts."""


def address(request: Request, path: str, **query: object) -> str:
    """The address of a path of the service, below the path where a proxy shows it; a value of None is left out."""
    given = [
        (name.rstrip("_"), str(each))
        for name, value in query.items()
        for each in (value if isinstance(value, list | tuple) else [value])
        if each is not None
    ]
    return f"{request.scope.get('root_path', '')}/{quote(path)}{'?' if given else ''}{urlencode(given)}"


def rendered(request: Request, template: str, status_code: int = 200, **facts: Any) -> Response:
    """A page."""

    def link(path: str, **query: object) -> str:
        return address(request, path, **query)

    at = request.url.path.removeprefix(request.scope.get("root_path", "")).lstrip("/")
    text = _environment().get_template(template).render(link=link, at=at, query=request.query_params, **facts)
    return HTMLResponse(text, status_code, {"Cache-Control": "no-store"})


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("dbproc.service.page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_written,
    )
    made.filters |= {
        "when": when,
        "size": size_words,
        "number": _number,
        "rough": rough_text,
        "several": number_words,
        "span": _span,
        "lines": _lines,
    }
    made.globals["look"] = _digest()
    return made


def _digest() -> str:
    """What changes whenever the style or a script does: a browser asks for them anew then."""
    content = b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))
    return hashlib.sha256(content).hexdigest()[:12]


def _written(value: object) -> object:
    """A value as text: nothing of None, and in one line, with no character that a terminal or browser would obey."""
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    if isinstance(value, dt.datetime):
        return _minute(value)
    return one_line(str(value))


def _number(value: float) -> str:
    return f"{value:,}"


def _lines(text: str) -> Markup:
    """Text of several lines, each without characters that a browser would obey."""
    return Markup("\n").join(one_line(line.expandtabs()) for line in text.splitlines())


def _span(row: FileRow) -> str:
    """The time of a file's data."""
    return period_words(Period(row.start, row.stop))


def _minute(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}Z"


def when(time: dt.datetime | None, *, with_distance: bool = True) -> Markup:
    """A time, and how far it is from now."""
    if time is None:
        return Markup("–")
    shown = Markup('<time datetime="{}">{}</time>').format(f"{time:%Y-%m-%dT%H:%M:%SZ}", _minute(time))
    return shown + Markup(' <span class="soft">{}</span>').format(distance(time)) if with_distance else shown


def distance(time: dt.datetime) -> str:
    """How far a time is from now, in words."""
    seconds = (dt.datetime.now(dt.UTC) - time).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{rough_text(seconds)} ago" if seconds > 0 else f"in {rough_text(-seconds)}"


__all__ = ["STATIC", "Markup", "address", "distance", "escape", "rendered", "when"]
