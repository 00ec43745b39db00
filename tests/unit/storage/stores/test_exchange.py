"""Requests over connections that stay: one is used again only where its last answer was read to the end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPException

import pytest

from dbproc.storage.stores.exchange import Connections
from dbproc.storage.stores.reach import Reach

REACH = Reach("127.0.0.1", ())
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes"


class Server:
    """A server that gives the same answer to each request of a connection; `met` are the connections that came."""

    def __init__(self) -> None:
        self.answer = b""
        self.met: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()
        self.connections = Connections("http", "127.0.0.1", self._socket.getsockname()[1], REACH, 5.0, "")

    def close(self) -> None:
        """End it."""
        self.connections.close()
        self._socket.shutdown(socket.SHUT_RDWR)
        for each in self._threads:
            each.join()
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self.met.append(client)
                self._threads.append(threading.Thread(target=self._talk, args=(client,), daemon=True))
                self._threads[-1].start()

    def _talk(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while client.recv(1 << 16):
                client.sendall(self.answer)


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as made:
        yield made


@pytest.mark.parametrize(
    ("answer", "count", "stays"),
    [
        (WHOLE, None, True),
        (WHOLE, 5, True),
        (WHOLE, 4, False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", None, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n", None, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n", 5, False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nbytes", None, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nbytes", None, False),
    ],
    ids=["all", "counted", "a part", "nothing", "chunked", "chunks without their end", "told to go", "old"],
)
def test_a_connection_stays_where_all_of_its_answer_was_read(
    server: Server, answer: bytes, count: int | None, stays: bool
) -> None:
    server.answer = answer
    for _ in range(2):
        with closing(server.connections.open("GET", "/", {})) as response:
            response.read(count)
    assert len(server.met) == (1 if stays else 2)


def test_headers_are_known_in_any_case_and_joined(server: Server) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-One: a\r\nx-one:  b \r\nX-Two: c\r\n d\r\nno header\r\nContent-Length: 0\r\n\r\n"
    server.answer = head
    with closing(server.connections.open("GET", "/", {})) as response:
        assert response.headers.get("X-ONE") == "a, b"
        assert response.headers["x-Two"] == "c d"
        assert "content-length" in response.headers
        assert "X-Three" not in response.headers
        assert response.headers.get("X-Three", "none") == "none"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 17) + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nby",
        b"SSH-2.0-something\r\n\r\n",
    ],
    ids=["headers", "line", "lengths", "no HTTP"],
)
def test_a_head_that_is_none_is_an_error(server: Server, head: bytes) -> None:
    server.answer = head
    with pytest.raises(HTTPException):
        server.connections.open("GET", "/", {})


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/a b", {}), ("/a\r\nX: y", {}), ("/", {"X": "y\r\nZ: z"}), ("/", {"X\n": "y"})],
    ids=["space", "target", "value", "name"],
)
def test_nothing_is_smuggled_into_a_request(server: Server, target: str, headers: dict[str, str]) -> None:
    with pytest.raises(HTTPException, match="a line too many"):
        server.connections.open("GET", target, headers)
