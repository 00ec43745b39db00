"""A server of HTTP that misbehaves: the first part of a request's path says how."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from typing import ClassVar

from tests.kit.stub import Stub, running

CONTENT = os.urandom(300_000)
ETAG = '"version-1"'
WHEN = 1_500_000_000
OTHER = {"other-host": "http://other.example.org/x", "metadata": "http://169.254.169.254/latest/meta-data/"}
AWAY = {
    **OTHER,
    "loopback": "http://127.0.0.2/x",
    "mapped": "http://[::ffff:127.0.0.1]/x",
    "decimal": "http://2130706433/x",
    "octal": "http://0177.0.0.1/x",
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1/x",
    "user": "http://u:p@127.0.0.1/x",
    "no-url": "http://[::1/x",
}
"""Where redirects lead to which may not be reached."""


class Misbehaving(Stub):
    """A file of `CONTENT` whatever its name; `asked` are the requests: their method, path and headers."""

    asked: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that has read enough
            super().handle()

    def answer(self) -> None:
        self.asked.append((self.command, self.path, dict(self.headers)))
        way = self.path.split("/")[1]
        if way in AWAY:
            self.send(302, b"", {"Location": AWAY[way]})
        else:
            getattr(self, f"way_{way.replace('-', '_')}")()

    def headers_of(self, etag: str = ETAG) -> dict[str, str]:
        return {"ETag": etag, "Last-Modified": formatdate(WHEN, usegmt=True), "Content-Type": "text/html"}

    def way_good(self) -> None:
        self.send_range(CONTENT, self.headers_of())

    def way_digests(self) -> None:
        told = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
        self.send(200, CONTENT, {**self.headers_of(), "Repr-Digest": f"sha-256=:{told}:"})

    def way_truncated(self) -> None:
        self.send(200, CONTENT[:100_000], {**self.headers_of(), "Content-Length": str(len(CONTENT))})
        self.close_connection = True

    def way_chunk_cut(self) -> None:
        self.send(200, b"186a0\r\n" + CONTENT[:50_000], {"Transfer-Encoding": "chunked"} | {"Content-Length": ""})
        self.close_connection = True

    def way_changed(self) -> None:
        """Another ETag for each request of a range, which is answered with it in spite of If-Range."""
        self.send_range(CONTENT, self.headers_of('"version-2"' if self.headers["Range"] else ETAG))

    def way_no_range(self) -> None:
        self.send(200, CONTENT, self.headers_of())

    def way_wrong_range(self) -> None:
        if self.headers["Range"] is None:
            self.send(200, CONTENT, self.headers_of())
        else:
            told = f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"
            self.send(206, CONTENT, {**self.headers_of(), "Content-Range": told})

    def way_refused_range(self) -> None:
        if self.headers["Range"] is None:
            self.send(200, CONTENT, self.headers_of())
        else:
            self.send(416, b"", {"Content-Range": f"bytes */{len(CONTENT)}"})

    def way_gzip(self) -> None:
        self.send(200, gzip.compress(CONTENT), {**self.headers_of(), "Content-Encoding": "gzip"})

    def way_weak(self) -> None:
        self.send_range(CONTENT, self.headers_of("W/" + ETAG))

    def way_endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"10000\r\n" + b"0" * 0x10000 + b"\r\n")

    def way_slow(self) -> None:
        """One byte, and then nothing."""
        self.send(200, b"1", {**self.headers_of(), "Content-Length": "1000"})
        self.connection.settimeout(5)
        with suppress(OSError):
            self.connection.recv(1)
        self.close_connection = True

    def way_drip(self) -> None:
        """A byte from time to time, for ever: of the head, or of the bytes (`drip/body`)."""
        start = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
        is_head = not self.path.startswith("/drip/body")
        self.wfile.write(start + (b"X: " if is_head else b"Transfer-Encoding: chunked\r\n\r\n"))
        while True:
            self.wfile.write(b"a" if is_head else b"1\r\n<\r\n")
            time.sleep(0.2)

    def way_more(self) -> None:
        self.send(200, CONTENT + b"more", {**self.headers_of(), "Content-Length": str(len(CONTENT))})

    def way_loop(self) -> None:
        self.send(302, b"", {"Location": self.path + "/x"})

    def way_on(self) -> None:
        self.send(307, b"", {"Location": self.path.replace("/on/", "/good/")})

    def way_to(self) -> None:
        """To the port of this machine that the path names."""
        self.send(302, b"", {"Location": f"http://127.0.0.1:{self.path.split('/')[2]}/good/a.bin"})

    def way_plain(self) -> None:
        """To the same port without TLS."""
        self.send(302, b"", {"Location": f"http://{self.headers['Host']}/good/a"})

    def way_status(self) -> None:
        _, _, status, *_ = self.path.split("/")
        retry = {"503": {"Retry-After": "120"}, "429": {"Retry-After": formatdate(4_000_000_000, usegmt=True)}}
        words = b"" if self.command == "HEAD" else b"in the peer's words"
        self.send(int(status), words, {"Content-Type": "text/plain", **retry.get(status, {})})

    def way_echo(self) -> None:
        """Says what it was sent."""
        self.send(403, b"" if self.command == "HEAD" else str(self.headers).encode(), {"Content-Type": "text/plain"})

    def way_no_head(self) -> None:
        self.send(405) if self.command == "HEAD" else self.send_range(CONTENT, self.headers_of())

    def send(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:  # type: ignore[override]
        """As always; to HEAD without the bytes."""
        told = {"Content-Length": str(len(content)), **(headers or {})}
        told = {name: text for name, text in told.items() if text}
        self.send_response(status)
        for name, text in told.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def running_misbehaving() -> Iterator[str]:
    """The server, and its URL."""
    with running(Misbehaving) as url:
        yield url
