from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from dbproc.service.connections import HEAD_BYTES, HEAD_SECONDS, Connection


class Transport:
    """What is below a connection."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_open = True

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.is_open = False

    def is_closing(self) -> bool:
        return not self.is_open

    def pause_reading(self) -> None:
        """What is read is enough for now."""

    def resume_reading(self) -> None:
        """More may be read."""

    def get_extra_info(self, _: str) -> Any:
        return None


class Timer:
    def __init__(self, timers: list[Timer], call: Any) -> None:
        self.call = call
        self.timers = timers
        timers.append(self)

    def cancel(self) -> None:
        self.timers.remove(self)


class Loop:
    """Timers, which go off when a test says so; tasks do nothing."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, call: Any) -> Timer:
        return Timer(self.timers if seconds == HEAD_SECONDS else [], call)

    def create_task(self, task: Any, **_: Any) -> asyncio.Future[None]:
        task.close()
        future: asyncio.Future[None] = asyncio.Future(loop=asyncio.new_event_loop())
        future.get_loop().close()
        return future


@pytest.fixture
def connection() -> Connection:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Nothing comes of a request."""

    made = Connection(Config(app, log_config=None), ServerState(), {}, _loop=Loop())  # type: ignore[arg-type]
    made.connection_made(Transport())  # type: ignore[arg-type]
    return made


def test_a_connection_without_a_whole_head_is_ended(connection: Connection) -> None:
    connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n")
    connection.data_received(b"X-Slow: 1\r\n")
    (timer,) = connection.loop.timers  # type: ignore[attr-defined]
    timer.call()
    assert connection.transport.is_closing()


def test_a_connection_with_a_whole_head_is_not(connection: Connection) -> None:
    connection.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
    connection.data_received(b"x" * (HEAD_BYTES + 1))
    assert connection.loop.timers == []  # type: ignore[attr-defined]
    assert not connection.transport.is_closing()


def test_a_connection_with_the_rest_of_an_answered_request_is_ended(connection: Connection) -> None:
    connection.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
    connection.cycle.response_complete = True
    connection.on_response_complete()
    connection.data_received(b"x" * (HEAD_BYTES + 1))
    assert not connection.transport.is_closing()
    (timer,) = connection.loop.timers  # type: ignore[attr-defined]
    timer.call()
    assert connection.transport.is_closing()


def test_a_head_that_does_not_end_is_refused(connection: Connection) -> None:
    connection.data_received(b"GET / HTTP/1.1\r\n")
    for number in range(100):
        if not connection.transport.is_closing():
            connection.data_received(b"X-%d: %s\r\n" % (number, b"x" * 1000))
    assert b"400" in connection.transport.sent.split(b"\r\n")[0]  # type: ignore[attr-defined]
