"""Whether the service answers, and whether what it needs is there."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

router = APIRouter(tags=["health"])


@router.get("/livez", response_class=PlainTextResponse)
async def livez() -> str:
    """That the process answers; nothing is looked at for it."""
    return "ok\n"
