"""Places that are servers of files over HTTP.

Files are read from any server; directories are listed by WebDAV where the server speaks it, else from its index pages.
Files are put by WebDAV's ``PUT`` and ``MOVE``, as also nginx has them. A file counts as unchanged as long as its strong
ETag is the same; where it has none, its size and time. Of a listing the same holds for what it tells: where an index
page tells neither size nor time (Python's), a changed file is not noticed in it.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from urllib3 import exceptions
from urllib3.response import BaseHTTPResponse

from dbproc.core.errors import GoneError, PermanentError, TakenError, TemporaryError, TransferError
from dbproc.core.places import PlaceSpec
from dbproc.core.redaction import remember
from dbproc.storage.stores import credentials, http_digests, index_pages, reach, webdav
from dbproc.storage.stores.base import CHUNK, Entry, partial_name, refuse_leading_out
from dbproc.storage.stores.rest import broken, fault, http_date, range_of

_REDIRECTS = 5
_LEADS_ON = {301, 302, 303, 307, 308}
_NO_HEAD = {405, 501}
_SLOW = 1.0  # seconds after which what came is given on, however little
_LONGEST_PAGE = 64 << 20
_WORDS = 2000
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def place(spec: PlaceSpec) -> HttpPlace:
    """The directory of an ``http:`` or ``https:`` URL."""
    return HttpPlace(spec)


class HttpPlace:
    """A directory of a server."""

    def __init__(self, spec: PlaceSpec) -> None:
        parts = urlsplit(spec.url)
        self.url = spec.url
        self.host = parts.hostname or ""
        self._spec = spec
        self._origin = _origin(spec.url)
        self._base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/"
        self._reach = reach.Reach(self.host, spec.hosts)
        self._secret = _authorization(spec, unquote(parts.username or ""))
        self._pools: dict[tuple[str, str, int | None], Any] = {}
        self._is_dav: bool | None = None
        self._made: set[str] = set()

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory, as the server lists them."""
        url = self._url(directory).rstrip("/") + "/"
        if self._speaks_dav():
            response, _ = self._asked("PROPFIND", url, {"Depth": "1", **webdav.HEADERS}, webdav.PROPERTIES)
            self._refuse(response, url, {207})
            yield from webdav.entries(self._whole(response, url), url, directory)
            return
        response, final = self._asked("GET", url, {})
        self._refuse(response, url, {200})
        if "html" not in response.headers.get("Content-Type", ""):
            response.close()
            raise PermanentError(f"{self.host}: {url} is no page that lists files")
        page = self._whole(response, url).decode("utf-8", "replace")
        yield from index_pages.entries(page, final, directory)

    def look(self, path: str) -> Entry:
        """One file as it is now."""
        url = self._url(path)
        response, final = self._asked("HEAD", url, http_digests.WANTED)
        if response.status in _NO_HEAD:
            response.close()
            response, final = self._asked("GET", url, http_digests.WANTED)
        with _closing(response):
            self._refuse(response, url, {200})
            return self._entry(path, final, response)

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> HttpReader:
        """Read a file from a byte on, or from 0 where the server does not go on or it is not the known one any more."""
        url = self._url(path)
        if offset and known is not None:
            found = self._going_on(path, url, offset, known)
            if found is not None:
                return found
        response, final = self._asked("GET", url, http_digests.WANTED)
        try:
            self._refuse(response, url, {200})
            return HttpReader(self.host, response, self._entry(path, final, response))
        except BaseException:
            response.close()
            raise

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> HttpUpload:
        """Begin to put a file; there is no going on."""
        self._make_directory(path.rpartition("/")[0])
        return HttpUpload(self, path, name, size)

    def remove(self, path: str) -> None:
        """Remove a file."""
        url = self._url(path)
        response, _ = self._asked("DELETE", url, {})
        with suppress(GoneError), _closing(response):
            self._refuse(response, url, {200, 202, 204})

    def free(self) -> int | None:
        """Servers do not tell."""
        return None

    def close(self) -> None:
        """End every connection."""
        for each in self._pools.values():
            each.close()
        self._pools.clear()

    def _url(self, path: str) -> str:
        refuse_leading_out(path)
        return self._base + quote(path)

    def _going_on(self, path: str, url: str, offset: int, known: Entry) -> HttpReader | None:
        """The bytes from an offset on; None where the server gives other ones."""
        ranged, skip = range_of(offset, known)
        if known.etag:
            ranged["If-Range"] = f'"{known.etag}"'
        response, final = self._asked("GET", url, {**ranged, **http_digests.WANTED})
        told = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if response.status == 206 and told and int(told[1]) == offset - skip and int(told[2]) + 1 == int(told[3]):
            entry = self._entry(path, final, response, int(told[3]))
            if entry.is_provably(known):
                return HttpReader(self.host, response, entry, offset, skip)
        response.close()
        if response.status not in (200, 206, 412, 416):
            self._refuse(response, url, set())
        return None

    def _entry(self, path: str, final: str, response: BaseHTTPResponse, size: int | None = None) -> Entry:
        headers = response.headers
        if final.partition("?")[0].endswith("/"):
            raise PermanentError(f"{self.host}: {self._url(path)} is no file")
        if http_digests.is_packed(headers, path):
            coding = headers["Content-Encoding"]
            raise PermanentError(f"{self.host}: {self._url(path)} comes compressed ({coding}), though not asked for so")
        length = headers.get("Content-Length", "")
        is_whole = size is None
        return Entry(
            path=path,
            size=(int(length) if length.isdigit() else None) if is_whole else size,
            modified=http_date(headers.get("Last-Modified")),
            etag=http_digests.etag(headers),
            digests=http_digests.digests(headers, is_whole=is_whole),
        )

    def _speaks_dav(self) -> bool:
        if self._is_dav is None:
            response, _ = self._asked("OPTIONS", self._base, {})
            response.close()
            self._is_dav = response.status < 300 and "1" in response.headers.get("DAV", "")
        return self._is_dav

    def _make_directory(self, directory: str) -> None:
        """Make a directory, and those above it."""
        if not directory or directory in self._made:
            return
        self._make_directory(directory.rpartition("/")[0])
        url = self._url(directory) + "/"
        response, _ = self._asked("MKCOL", url, {})
        with _closing(response):
            if response.status != 405:  # it is there
                self._refuse(response, url, {200, 201, 204})
        self._made.add(directory)

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[BaseHTTPResponse, str]:
        """Ask, following redirects to named hosts where a method only reads; the answer, unread, and its URL."""
        for _ in range(_REDIRECTS + 1):
            response = self._answer(method, url, headers, body)
            target = response.headers.get("Location", "")
            if response.status not in _LEADS_ON or not target:
                return response, url
            response.close()
            if method not in ("GET", "HEAD", "PROPFIND", "OPTIONS"):
                raise PermanentError(f"{self.host}: leads a {method} elsewhere, and that is not followed")
            url = self._followed(url, target)
        raise PermanentError(f"{self.host}: leads on more than {_REDIRECTS} times")

    def _followed(self, url: str, target: str) -> str:
        """Where a redirect leads, if that may be reached; its query is not told, for it may be a credential."""
        try:
            following = urljoin(url, target)
            parts, own = urlsplit(following), urlsplit(url)
            port = parts.port
        except ValueError:
            raise PermanentError(f"{self.host}: leads to what is no URL") from None
        told = f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise PermanentError(f"{self.host}: leads to {told}, which is not followed")
        if own.scheme == "https" and parts.scheme == "http":
            raise PermanentError(f"{self.host}: leads from https to {told}, which is not followed")
        self._reach.refuse_unnamed(parts.hostname, f"{self.host}: leads to {told}")
        return following

    def _answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> BaseHTTPResponse:
        """Ask one server; what opens the place's own server is sent to no other."""
        origin, target = self._split(url)
        try:
            found: BaseHTTPResponse = self._pool(origin).urlopen(
                method,
                target,
                body=body,
                headers={**self._headers(origin), **headers},
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except TransferError:
            raise
        except (exceptions.HTTPError, HTTPException, OSError) as error:
            raise broken(origin[1], error) from None
        return found

    def _split(self, url: str) -> tuple[tuple[str, str, int | None], str]:
        """The server of a URL, and what is asked of it."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _origin(url), quote(target, safe="/%?&=:@!$'()*+,;~-._[]")

    def _headers(self, origin: tuple[str, str, int | None]) -> dict[str, str]:
        own = {"Authorization": self._secret} if self._secret and origin == self._origin else {}
        return {"Accept-Encoding": "identity", "User-Agent": "dbproc", **own}

    def _pool(self, origin: tuple[str, str, int | None]) -> Any:
        if origin not in self._pools:
            seconds = self._spec.timeout.total_seconds()
            self._pools[origin] = reach.pool(*origin, self._reach, seconds, self._spec.ca_file)
        return self._pools[origin]

    def _refuse(self, response: BaseHTTPResponse, url: str, good: set[int]) -> None:
        """Raise what is wrong with an answer, with the server's words."""
        if response.status in good:
            return
        words = ""
        if "text/plain" in response.headers.get("Content-Type", ""):
            with suppress(exceptions.HTTPError, HTTPException, OSError):
                words = (response.read(_WORDS) or b"").decode("utf-8", "replace")
        response.close()
        what = f"{self.host}: {url.partition('?')[0]}"
        raise fault(what, response.status, words or response.reason or "", response.headers)

    def _whole(self, response: BaseHTTPResponse, url: str) -> bytes:
        """A whole page."""
        parts, count = [], 0
        for chunk in HttpReader(self.host, response, Entry(path=url)):
            parts.append(chunk)
            count += len(chunk)
            if count > _LONGEST_PAGE:
                response.close()
                raise PermanentError(f"{self.host}: the list of {url} is longer than {_LONGEST_PAGE >> 20} MiB")
        return b"".join(parts)


class HttpReader:
    """The bytes of an answer; `skip` of them come before `offset`, and are left out."""

    def __init__(self, host: str, response: BaseHTTPResponse, entry: Entry, offset: int = 0, skip: int = 0) -> None:
        self.entry = entry
        self.offset = offset
        self._host = host
        self._response = response
        self._skip = skip
        self._fault: TransferError | None = None

    def __iter__(self) -> Iterator[bytes]:
        """The bytes."""
        at, end = self.offset - self._skip, self.entry.size
        while chunk := self._chunk():
            at += len(chunk)
            rest = chunk[self._skip :]
            self._skip = max(0, self._skip - len(chunk))
            if rest:
                yield rest
        if end is not None and at < end:
            raise TemporaryError(f"{self._host}: {self.entry.path} ended after {at:,} of {end:,} bytes")
        self._response.release_conn()

    def close(self) -> None:
        """End the reading; where bytes are unread the connection is ended."""
        self._response.close()

    def _chunk(self) -> bytes:
        """What comes next, of small parts as many as come within a second."""
        parts: list[bytes] = []
        count, until = 0, time.monotonic() + _SLOW
        if self._fault is not None:
            raise self._fault
        try:
            while count < CHUNK and (part := self._response.read1(CHUNK - count)):
                parts.append(part)
                count += len(part)
                if time.monotonic() > until:
                    break
        except (exceptions.HTTPError, HTTPException, OSError) as error:
            self._fault = broken(self._host, error)
            if not parts:
                raise self._fault from None
        return parts[0] if len(parts) == 1 else b"".join(parts)


class HttpUpload:
    """A file that is being put beside where it goes, from its beginning in one request."""

    reads_before = True
    alongside = False
    token = ""
    offset = 0

    def __init__(self, place: HttpPlace, path: str, name: str, size: int | None) -> None:
        self._place = place
        self._path = path
        directory, slash, _ = path.rpartition("/")
        self._partial = f"{directory}{slash}{partial_name(name)}"
        self._published = False
        self._size = size
        self._connection: Any = None
        self._count = 0

    def prefix(self) -> Iterator[bytes] | None:
        """There is no going on."""
        return None

    def write(self, chunk: bytes) -> None:
        """Send bytes."""
        self._count += len(chunk)
        self._send(chunk if self._size is not None else b"%x\r\n%b\r\n" % (len(chunk), chunk))

    def checkpoint(self) -> int:
        """Nothing outlives a broken connection."""
        return 0

    def finish(self) -> None:
        """The server has all bytes."""
        self._send(b"" if self._size is not None else b"0\r\n\r\n")
        if self._size is not None and self._count < self._size:
            self.close()
            raise TemporaryError(f"{self._place.host}: {self._count:,} of {self._size:,} bytes of a file were sent")
        self._end()
        found = self._place.look(self._partial).size
        if found is not None and found != self._count:
            raise TemporaryError(f"{self._place.host}: {self._partial} has {found:,} bytes of {self._count:,} sent")

    def read_back(self) -> Iterator[bytes]:
        """The bytes as the server gives them."""
        reader = self._place.read(self._path if self._published else self._partial)
        try:
            yield from reader
        finally:
            reader.close()

    def publish(self) -> str:
        """Have the server rename it, which it refuses where something has the name.

        Raises
        ------
        TakenError
            Something has the name.
        """
        taken = TakenError(f"{self._place.host}: {self._place._url(self._path)} is there already")
        with suppress(GoneError):
            self._place.look(self._path)
            raise taken
        url = self._place._url(self._partial)
        headers = {"Destination": self._place._url(self._path), "Overwrite": "F"}
        response, _ = self._place._asked("MOVE", url, headers)
        with _closing(response):
            if response.status == 412:
                raise taken
            self._place._refuse(response, url, {201, 204})
        self._published = True
        return ""

    def discard(self) -> None:
        """Remove what was sent."""
        self.close()
        self._place.remove(self._path if self._published else self._partial)

    def close(self) -> None:
        """End the request."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _begin(self) -> None:
        """Send the head of the request."""
        origin, target = self._place._split(self._place._url(self._partial))
        self._connection = connection = self._place._pool(origin)._new_conn()
        length = {"Transfer-Encoding": "chunked"} if self._size is None else {"Content-Length": str(self._size)}
        connection.putrequest("PUT", target, skip_accept_encoding=True)
        for name, text in {**self._place._headers(origin), **length}.items():
            connection.putheader(name, text)
        connection.endheaders()

    def _send(self, data: bytes) -> None:
        try:
            if self._connection is None:
                self._begin()
            if data:
                self._connection.send(data)
        except (exceptions.HTTPError, HTTPException, OSError) as error:
            with suppress(exceptions.HTTPError, HTTPException, OSError):
                self._end()  # a server that refuses answers before it has all
            self.close()
            raise broken(self._place.host, error) from None

    def _end(self) -> None:
        """Hear what the server says of it all."""
        try:
            response = HTTPConnection.getresponse(self._connection)
            said = response.read(_WORDS).decode("utf-8", "replace")
        except (exceptions.HTTPError, HTTPException, OSError) as error:
            raise broken(self._place.host, error) from None
        finally:
            self.close()
        if response.status not in (200, 201, 204):
            is_plain = "text/plain" in (response.headers.get("Content-Type") or "")
            what = f"{self._place.host}: {self._place._url(self._path)} cannot be put"
            raise fault(what, response.status, said if is_plain else response.reason, dict(response.headers))


class _closing:  # noqa: N801
    """Closes an answer whose bytes are of no interest; the connection stays where there are few."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    def __enter__(self) -> None:
        """Nothing is to be begun."""

    def __exit__(self, *_: object) -> None:
        rest = self._response.length_remaining
        with suppress(exceptions.HTTPError, HTTPException, OSError):
            if rest is not None and rest <= _WORDS:
                self._response.drain_conn()
        self._response.close()


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _authorization(spec: PlaceSpec, named: str) -> str:
    """What opens a server: a bearer token, or a user's name and password; nothing: it is open."""
    if spec.token:
        return f"Bearer {credentials.value(spec.token)}"
    user = credentials.user(spec.user) or named
    if not user:
        return ""
    both = f"{user}:{credentials.value(spec.password)}"
    return "Basic " + remember(base64.b64encode(both.encode()).decode())
