"""What holds for every request, whatever it asks for: where it may come from, how much it may send, how often; and for
every answer: what a browser may do with it."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import uuid
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dbproc.core.service import ServiceSpec
from dbproc.core.text import one_line
from dbproc.service import problems
from dbproc.service.door import Door, later
from dbproc.service.problems import Problem, Said

MOST = 8 << 20
"""Bytes that a request may send that is no upload."""

STALLED_SECONDS = 60.0
"""After so long without a byte of an upload its sender counts as gone; any other body has to be there after it."""

UPLOADS = ("/api/v1/uploads", "/api/upload", "/uploads")
"""Below these paths files are sent."""

_LOGGER = logging.getLogger("uvicorn.error")
_ROOM = 1 << 20  # what an upload has around it
_UNCOUNTED = ("/livez", "/readyz")  # who asks is a machine that restarts the service where it is not answered
_SAFE = ("GET", "HEAD", "OPTIONS")
_ALWAYS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # no-referrer would take the origin from the page's own forms, too
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",  # a proxy that keeps an answer would give it to whoever asks next
}
_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}
_EXPOSED = (
    "Location, Retry-After, Content-Disposition, ETag, Repr-Digest, Digest, Upload-Offset, Upload-Length, "
    "Upload-Expires, Upload-Metadata, Upload-Concat, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, "
    "Tus-Checksum-Algorithm, X-Request-Id"
)
_ASKED = (
    "Authorization, Content-Type, If-Match, If-None-Match, Range, Repr-Digest, Tus-Resumable, Upload-Checksum, "
    "Upload-Concat, Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, "
    "X-Requested-With"
)
_PREFLIGHT_SECONDS = "3600"


class Guard:
    """A middleware, the outermost."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers, spec = Headers(scope=scope), self._door.settings.latest()
        number = str(uuid.uuid4())
        scope.setdefault("state", {})["number"] = number
        origin = headers.get("origin", "")
        is_listed = origin in spec.origins
        answer = _Answer(send, scope["scheme"] == "https", number, origin if is_listed else "")
        if is_listed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await _preflight()(scope, receive, answer.send)
        is_upload = _is_upload(scope)
        body = _Body(receive, spec.most_bytes + _ROOM if is_upload else MOST, is_long=is_upload)
        try:
            self._refuse(scope, headers, spec)
            body.refuse(headers.get("content-length", ""))
            await self._app(scope, body.receive, answer.send)
        except Exception as error:
            if not await _is_told(error, scope, receive, answer):
                raise

    def _refuse(self, scope: Scope, headers: Headers, spec: ServiceSpec) -> None:
        """A Problem for a request that comes from where it may not, or too often."""
        if scope["method"] not in _SAFE:
            self._refuse_other_pages(scope, headers, spec)
        if _path(scope) in _UNCOUNTED:
            return
        wait = self._door.wait(_who(scope, headers, self._door), spec)
        if wait:
            raise later(wait, "too many requests")

    def _refuse_other_pages(self, scope: Scope, headers: Headers, spec: ServiceSpec) -> None:
        """A Problem for a request that a page of another host makes a browser send, unless the mission file lists it;
        whether it is a page of the service is noted."""
        origin = headers.get("origin", "")
        own = {headers.get("host", "").lower(), urlsplit(spec.url).netloc.lower()} - {""}
        scope["state"]["is_own"] = origin.partition("://")[2].lower() in own  # as it is: anybody may send any text
        if origin in spec.origins or scope["state"]["is_own"]:
            return
        if origin or headers.get("sec-fetch-site") == "cross-site":
            words = "a page of another host asks this; where that is meant, [service] of the mission file lists it"
            raise Problem(403, f"{words}: origins = [{json.dumps(origin)}]")


async def _is_told(error: Exception, scope: Scope, receive: Receive, answer: _Answer) -> bool:
    """Tell the client what went wrong, unless the answer has begun; whether that is all that there is to it."""
    number, is_meant = scope["state"]["number"], isinstance(error, Problem | HTTPException)
    if is_meant:
        said = problems.said_of(error)
    else:
        said = Said(500, f"the service failed at this; what it was stands in its log, as request {number}")
        _LOGGER.error("request %s failed: %s %s", number, scope["method"], one_line(scope["path"]))
    if answer.is_begun:
        return False
    refusal = problems.answer(said.status, said.detail, {**said.headers, "Connection": "close"})
    await refusal(scope, receive, answer.send)
    return is_meant


def _path(scope: Scope) -> str:
    """The path that is asked for, below the one where a proxy shows the service."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _is_upload(scope: Scope) -> bool:
    """Whether a request may send a file."""
    path = _path(scope)
    return any(path == each or path.startswith(f"{each}/") for each in UPLOADS)


def _who(scope: Scope, headers: Headers, door: Door) -> str:
    """Who counts as one: a token that was found to hold, or an address."""
    _, _, sent = headers.get("authorization", "").partition(" ")
    token = sent.strip() or HTTPConnection(scope).cookies.get(door.cookie, "")
    return token if door.knows(token) else str((scope.get("client") or ("",))[0])


def _preflight() -> Response:
    """The answer to a browser that asks whether a page may ask."""
    allowed = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": _ASKED,
    }
    return Response(status_code=204, headers={**allowed, "Access-Control-Max-Age": _PREFLIGHT_SECONDS})


class Local:
    """A middleware for where nobody has to be known: who is led to this machine by the name of another host, of which a
    page made the name server say so, is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        host = Headers(scope=scope).get("host", "") if scope["type"] == "http" else "localhost"
        if _is_here(host):
            return await self._app(scope, receive, send)
        words = f"{host} is no name of this machine; where nobody has to be known, ask 127.0.0.1"
        await problems.answer(403, words)(scope, receive, send)


def _is_here(host: str) -> bool:
    """Whether a host that is asked for is this machine, by a name that no name server can make another's."""
    name = host.lower()
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class _Body:
    """What a request sends, up to so many bytes; one that `is_long` may take as long as it goes on at all."""

    def __init__(self, receive: Receive, most: int, *, is_long: bool = True) -> None:
        self._receive = receive
        self._left = most
        self._is_whole = False
        self._most = most
        self._is_long = is_long
        self.until: float | None = None  # by the clock of the loop: then its sender counts as gone

    def refuse(self, length: str) -> None:
        """A Problem for a request that says that it sends more."""
        if length.isdecimal() and int(length) > self._most:
            raise self._refusal()

    async def receive(self) -> Message:
        """The next message; who sends nothing for long counts as gone."""
        if self._is_whole:
            return await self._receive()
        if self.until is None or self._is_long:
            self.until = asyncio.get_running_loop().time() + STALLED_SECONDS
        try:
            async with asyncio.timeout_at(self.until):
                message = await self._receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        self._is_whole = not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._refusal()
        return message

    def _refusal(self) -> HTTPException:
        return HTTPException(413, f"a request may send {self._most:,} bytes here")  # FastAPI hands on no other kind


class _Answer:
    """An answer, with the headers that every answer has."""

    def __init__(self, send: Send, is_https: bool, number: str, origin: str) -> None:
        self._send = send
        self._headers = {**_ALWAYS, **(_HTTPS if is_https else {}), "X-Request-Id": number}
        self._origin = origin
        self.is_begun = False

    async def send(self, message: Message) -> None:
        """Hand a message on."""
        if message["type"] == "http.response.start":
            self.is_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
            headers.add_vary_header("Origin")
            if self._origin:
                headers["Access-Control-Allow-Origin"] = self._origin
                headers["Access-Control-Expose-Headers"] = _EXPOSED
        await self._send(message)
