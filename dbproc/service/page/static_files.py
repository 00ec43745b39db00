"""The style and the scripts of the page."""

from __future__ import annotations

from fastapi import Response
from fastapi.responses import FileResponse

from dbproc.service.page.rendering import STATIC
from dbproc.service.page.views import page_router
from dbproc.service.problems import Problem

router = page_router()

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}
"""Whoever asks names the content: ``?v=…``."""


@router.get("/static/{name}")
def static_file(name: str) -> Response:
    """One of them; there is nothing else below this path, whatever its name."""
    found = {path.name: path for path in STATIC.iterdir()}.get(name)
    if found is None:
        raise Problem(404, "there is no such file")
    return FileResponse(found, headers=_KEPT, media_type=_KINDS[found.suffix])
