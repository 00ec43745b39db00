"""The body of a request, written by threads while more of it comes; no more than two blocks of it are in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from dbproc.core.errors import DbprocError
from dbproc.service.context import Context
from dbproc.service.problems import Problem
from dbproc.transfers.receiving import Desk, Receiving

_BLOCK = 1 << 20
_THREADS = 16
_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_limiters: dict[asyncio.AbstractEventLoop, CapacityLimiter] = {}

CUT_OFF = "the connection ended before all had come"


def desk_of(here: Context) -> Desk:
    """Where uploads are received."""
    return Desk(reading=here.reading, writing=here.writing, mission=here.mission())


async def in_thread(function: Callable[_P, _Result], *arguments: _P.args, **names: _P.kwargs) -> _Result:
    """Call it in one of the threads that are kept for uploads, so that others always find one."""
    loop = asyncio.get_running_loop()
    limiter = _limiters.setdefault(loop, CapacityLimiter(_THREADS))
    return await to_thread.run_sync(lambda: function(*arguments, **names), limiter=limiter)


async def pour(chunks: AsyncIterator[bytes], write: Callable[[bytes], None]) -> None:
    """Write all that comes; where the connection ends, that which came before.

    Raises
    ------
    ClientDisconnect
        The connection ended.
    """
    writing: asyncio.Task[None] | None = None
    block = bytearray()
    try:
        async for chunk in chunks:
            block += chunk
            if len(block) >= _BLOCK:
                if writing is not None:
                    await writing
                writing, block = asyncio.create_task(in_thread(write, bytes(block))), bytearray()
    except BaseException as error:
        with CancelScope(shield=True), suppress(DbprocError, Problem):
            if writing is not None:
                await writing
            if block and isinstance(error, ClientDisconnect | asyncio.CancelledError):
                await in_thread(write, bytes(block))
        raise
    if writing is not None:
        await writing
    if block:
        await in_thread(write, bytes(block))


async def receive(request: Request, received: Receiving, write: Callable[[bytes], None]) -> None:
    """Write the body of a request to an upload; what goes wrong is told there, and raised."""
    try:
        await pour(request.stream(), write)
    except ClientDisconnect:
        await leave(received, CUT_OFF)
        raise Problem(400, CUT_OFF) from None
    except DbprocError as error:
        await leave(received, str(error))
        raise
    except BaseException:  # the service ends
        await leave(received, CUT_OFF)
        raise


async def leave(received: Receiving, reason: str) -> None:
    """Keep of an upload what came, whatever happens meanwhile."""
    with CancelScope(shield=True), suppress(DbprocError):
        await in_thread(received.pause, reason)
