"""Requests and their answers over HTTP, one after the other over connections that stay.

Nothing is asked a second time, no redirect followed, no compressed byte unpacked. A server that sends next to nothing
is given up, whatever it sends so slowly: the head of an answer, a list, a file. What goes wrong is an OSError, an
HTTPException, or one of urllib3's exceptions; :func:`~dbproc.storage.stores.rest.broken` says it in words.
"""

from __future__ import annotations

import io
import socket
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException, HTTPResponse, IncompleteRead, UnknownProtocol
from typing import Any, BinaryIO, TypeVar, overload

from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from dbproc.storage.stores.base import SLOWEST
from dbproc.storage.stores.reach import Reach

Default = TypeVar("Default")

_BUFFER = 1 << 16
_LONGEST_LINE = 1 << 16
_MOST_HEADERS = 100
_END = (b"\r\n", b"\n", b"")
_NO_BYTES = {204, 304}
_BODIES = {"POST", "PUT", "PATCH"}


class Headers(dict[str, str]):
    """The headers of an answer, by their names in any case; one that comes several times has its values in one line."""

    def __getitem__(self, name: str) -> str:
        """The value of a header."""
        return dict.__getitem__(self, name.lower())

    def __contains__(self, name: object) -> bool:
        """Whether there is a header."""
        return dict.__contains__(self, str(name).lower())

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...

    @overload
    def get(self, name: str, default: str, /) -> str: ...

    @overload
    def get(self, name: str, default: Default, /) -> str | Default: ...

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of a header, or what is given for one that is not there."""
        return dict.get(self, name.lower(), default)


class _Paced(io.RawIOBase):
    """The bytes of an answer; one that comes at next to no rate times out. What the reader does meanwhile, and how long
    the peer thinks before it says the first, does not count."""

    def __init__(self, raw: io.RawIOBase, seconds: float | None) -> None:
        self._raw = raw
        self._seconds = seconds
        self._waited = 0.0
        self._count = 0
        self._is_first = True

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has come."""
        began = time.monotonic()
        count = self._raw.readinto(buffer)
        if not self._is_first and self._seconds is not None:
            self._waited += time.monotonic() - began
            self._count += count or 0
            if self._waited >= self._seconds:
                if self._count < SLOWEST * self._waited:
                    raise TimeoutError(f"it sent {self._count:,} bytes in {self._waited:.0f} s")
                self._waited, self._count = 0.0, 0
        self._is_first = False
        return count

    def close(self) -> None:
        """Close what is below, too."""
        self._raw.close()
        super().close()


class Response(HTTPResponse):
    """An answer whose head was read. Whoever reads it closes it: its connection stays where all of it was read."""

    headers: Headers  # type: ignore[assignment]
    fp: Any
    length: int | None

    def __init__(self, sock: socket.socket, *arguments: Any, **keys: Any) -> None:
        super().__init__(sock, *arguments, **keys)
        self.fp = io.BufferedReader(_Paced(self.fp.detach(), sock.gettimeout()), _BUFFER)
        self._connection: HTTPConnection | None = None
        self._idle: list[HTTPConnection] = []

    def lend(self, connection: HTTPConnection, idle: list[HTTPConnection]) -> None:
        """Have the connection of this answer be put to others when it is closed."""
        self._connection, self._idle = connection, idle

    def begin(self) -> None:
        """Read the head: as the library does, but for its headers, which it reads as those of an e-mail."""
        version, status, reason = self._read_status()  # type: ignore[attr-defined]
        while status == 100:
            _headers(self.fp)
            version, status, reason = self._read_status()  # type: ignore[attr-defined]
        if not version.startswith("HTTP/"):
            raise UnknownProtocol(version)
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = self.msg = _headers(self.fp)  # type: ignore[assignment]
        self.chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        self.chunk_left = None
        self.length = None if self.chunked else _length(self.headers)
        if status in _NO_BYTES or self._method == "HEAD":  # type: ignore[attr-defined]
            self.length = 0
        self.will_close = self._check_close() or not (self.chunked or self.length is not None)  # type: ignore[attr-defined]

    @property
    def is_whole(self) -> bool:
        """Whether all bytes were read."""
        return self.length == 0 or (self.fp is None and self.length is None)

    def read(self, amount: int | None = None) -> bytes:
        """So many bytes, fewer only at the end."""
        return self._checked(super().read(amount))

    def read1(self, amount: int = -1) -> bytes:
        """What has come, at most so many bytes; none at the end."""
        return self._checked(super().read1(amount))

    def close(self) -> None:
        """Let go of it; where bytes are unread, or no head came, the connection is ended."""
        connection, self._connection = self._connection, None
        is_whole = self.is_whole
        super().close()
        if connection is not None:
            if is_whole and not self.will_close:
                self._idle.append(connection)
            else:
                connection.close()

    def _checked(self, data: bytes) -> bytes:
        if not data and self.fp is None and self.length:
            raise IncompleteRead(b"", self.length)
        return data


def _headers(file: BinaryIO) -> Headers:
    """Read headers to the empty line behind them."""
    found: dict[str, str] = {}
    last = ""
    for _ in range(_MOST_HEADERS + 1):
        line = file.readline(_LONGEST_LINE + 1)
        if line in _END:
            return Headers(found)
        if len(line) > _LONGEST_LINE:
            raise HTTPException("a header that is too long")
        text = str(line, "iso-8859-1")
        name, colon, value = text.partition(":")
        if text[0] in " \t" and last:  # a value that goes on
            found[last] += f" {text.strip()}"
        elif colon:
            last, value = name.strip().lower(), value.strip()
            found[last] = f"{found[last]}, {value}" if last in found else value
    raise HTTPException(f"more than {_MOST_HEADERS} headers")


def _length(headers: Headers) -> int | None:
    """How many bytes an answer tells to have; None where it tells none."""
    told = {each.strip() for each in headers.get("content-length", "").split(",")}
    if len(told) > 1:
        raise HTTPException("several lengths of one answer")
    length = told.pop()
    return int(length) if length.isascii() and length.isdigit() else None


class _Connected(HTTPConnection):
    """A connection to an address that was looked at."""

    response_class = Response

    def __init__(self, *arguments: Any, reach: Reach, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self._reach = reach

    def _new_conn(self) -> socket.socket:
        # the one place in urllib3 where a name becomes a connection
        last: OSError | None = None
        seconds = self.timeout if isinstance(self.timeout, int | float) else None
        for family, address in self._reach.addresses(self.host, self.port):
            made = socket.socket(family, socket.SOCK_STREAM)
            try:
                made.settimeout(seconds)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.connect(address)
            except OSError as error:
                made.close()
                last = error
            else:
                return made
        if isinstance(last, TimeoutError):
            raise exceptions.ConnectTimeoutError(self, f"{self.host} does not answer") from last
        raise exceptions.NewConnectionError(self, f"{self.host} cannot be connected to") from last


class _SecurelyConnected(_Connected, HTTPSConnection):
    """The same with TLS, whose certificate is that of the name."""


class Connections:
    """Connections to one server, that go to looked-at addresses alone. Threads may share them."""

    def __init__(self, scheme: str, host: str, port: int | None, reach: Reach, timeout: float, ca_file: str) -> None:
        self._is_secure = scheme == "https"
        self._keys: dict[str, Any] = {"host": host, "port": port, "timeout": timeout, "reach": reach}
        if self._is_secure and ca_file:
            self._keys["ca_certs"] = ca_file
        shown = f"[{host}]" if ":" in host else host
        self._host = shown if port in (None, 443 if self._is_secure else 80) else f"{shown}:{port}"
        self._idle: list[HTTPConnection] = []
        weakref.finalize(self, _end, self._idle)

    def new(self) -> HTTPConnection:
        """A connection of one's own."""
        return (_SecurelyConnected if self._is_secure else _Connected)(**self._keys)

    def open(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] | None = None
    ) -> Response:
        """Ask, and give the answer with its bytes unread.

        An iterator as body is sent in chunks where the headers do not tell its length.
        """
        connection = self._kept() or self.new()
        try:
            _send(connection, self._head(method, target, headers, body), body, headers)
            response = Response(connection.sock, method=method)
            response.lend(connection, self._idle)
        except BaseException:
            connection.close()
            raise
        try:
            response.begin()
        except BaseException:
            response.close()
            raise
        return response

    def close(self) -> None:
        """End those that are idle."""
        _end(self._idle)

    def _kept(self) -> HTTPConnection | None:
        """One that is idle, and that the server has not ended."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.is_connected:
                return connection
            connection.close()

    def _head(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] | None
    ) -> bytes:
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self._host}",
            *(f"{name}: {headers[name]}" for name in headers),
        ]
        if "Content-Length" not in headers:
            if isinstance(body, bytes) or (body is None and method in _BODIES):
                lines.append(f"Content-Length: {len(body or b'')}")
            elif body is not None:
                lines.append("Transfer-Encoding: chunked")
        head = "\r\n".join((*lines, "", ""))
        if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1 or target.count(" "):
            raise HTTPException("a request with a line too many")
        return head.encode("iso-8859-1")


def _end(idle: list[HTTPConnection]) -> None:
    while idle:
        idle.pop().close()


def _send(
    connection: HTTPConnection, head: bytes, body: bytes | Iterator[bytes] | None, headers: Mapping[str, str]
) -> None:
    """Send a request; a server that has enough of it says so in its answer."""
    if body is None or (isinstance(body, bytes) and len(body) <= _BUFFER):
        connection.send(head + (body or b""))
        return
    connection.send(head)
    is_chunked = not isinstance(body, bytes) and "Content-Length" not in headers
    with suppress(BrokenPipeError, ConnectionResetError):
        for chunk in (body,) if isinstance(body, bytes) else body:
            connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
        if is_chunked:
            connection.send(b"0\r\n\r\n")
