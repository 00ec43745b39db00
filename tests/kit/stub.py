"""Servers that stand in for services that cannot be had: one handler class, on a port of its own."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Stub(BaseHTTPRequestHandler):
    """Answers over connections that stay."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """Answer a request; each service in its way."""
        raise NotImplementedError

    def _asked(self) -> None:
        self.answer()

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _asked  # noqa: N815

    def send(self, status: int, content: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer."""
        self.send_response(status)
        for name, text in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def send_range(self, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a file, or what of it the request asks for."""
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = int(wanted[1]) if wanted else 0
        if wanted is None:
            self.send(200, content, headers)
        elif start >= len(content):
            self.send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            told = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(206, content[start:], {**(headers or {}), "Content-Range": told})

    def received(self) -> bytes:
        """The whole body of the request."""
        return self.rfile.read(int(self.headers["Content-Length"] or 0))

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def running(handler: type[Stub], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server, and its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
