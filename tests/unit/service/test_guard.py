from __future__ import annotations

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from dbproc.service import guard
from dbproc.service.guard import _Body


async def _nothing() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def test_who_sends_nothing_of_a_body_for_long_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "STALLED_SECONDS", 0.0)
    assert asyncio.run(_Body(_nothing, 10).receive()) == {"type": "http.disconnect"}


@pytest.mark.parametrize("is_long", [True, False])
def test_a_body_that_trickles_is_waited_for_where_a_file_may_be_sent(*, is_long: bool) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"1", "more_body": True}

    async def until() -> set[float | None]:
        body = _Body(receive, 10, is_long=is_long)
        return {body.until for _ in range(3) if await body.receive()}

    assert (len(asyncio.run(until())) == 1) is not is_long


def test_after_the_body_somebody_may_be_silent_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "STALLED_SECONDS", 0.001)
    messages: list[Message] = [
        {"type": "http.request", "body": b"1234567890", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        if len(messages) == 1:
            await asyncio.sleep(0.01)
        return messages.pop(0)

    async def both() -> list[str]:
        body = _Body(receive, 10)
        return [str((await body.receive())["type"]) for _ in range(2)]

    assert asyncio.run(both()) == ["http.request", "http.disconnect"]


def test_a_byte_too_much_is_refused() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"123456", "more_body": True}

    async def both() -> None:
        body = _Body(receive, 11)
        await body.receive()
        await body.receive()

    with pytest.raises(HTTPException) as refused:
        asyncio.run(both())
    assert refused.value.status_code == 413
