"""Frozen answers as JSON, and what OpenAPI says of them."""

from __future__ import annotations

from typing import Any

from fastapi import Response

from dbproc.core.json_text import json_text


def answered(answer: object, status: int = 200) -> Response:
    """An answer as the command prints it with ``--json``."""
    return Response(json_text(answer) + "\n", status, media_type="application/json")


def says(kind: type[Any], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of an endpoint that gives this kind of answer."""
    return {status: {"description": (kind.__doc__ or "").partition("\n")[0]}}
