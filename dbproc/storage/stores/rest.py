"""Requests to one service over HTTP: what S3, Google Drive and VOSpace places share.

Redirects are not followed, and nothing is asked a second time: a caller does either where it is right. An exception
tells the host and the peer's own words, never what was sent.
"""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, responses
from typing import NoReturn
from urllib.parse import urlsplit

from urllib3 import exceptions
from urllib3.response import BaseHTTPResponse

from dbproc.core.errors import GoneError, PermanentError, RoomError, TemporaryError, TransferError
from dbproc.core.places import PlaceSpec
from dbproc.core.redaction import without_credentials
from dbproc.storage.stores import reach
from dbproc.storage.stores.base import CHUNK, Entry

LIMIT = 16 << 20
"""Bytes that an answer may have that is no file."""

_WORDS = 300
_LATER = {408, 423, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, whole."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Service:
    """A service: one scheme, host and port. Threads may share it.

    Parameters
    ----------
    spec
        For its limits and certificates.
    url
        Of the service, which somebody named who may: its address may be a private one. Requests name what follows it,
        beginning with ``/``.
    """

    def __init__(self, spec: PlaceSpec, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PermanentError(f"{spec.name}: {url} is no service; it must begin with https:// or http://")
        self.host = parts.hostname
        self.base = parts.path.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._pool = reach.pool(
            parts.scheme,
            self.host,
            parts.port,
            reach.Reach(self.host, (self.host, *spec.hosts)),
            spec.timeout.total_seconds(),
            spec.ca_file,
        )

    def open(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterator[bytes] | None = None,
    ) -> BaseHTTPResponse:
        """Ask, and give the answer with its bytes unread; whoever reads them closes it."""
        sent = {"Accept-Encoding": "identity", "User-Agent": "dbproc", **(headers or {})}
        try:
            response: BaseHTTPResponse = self._pool.urlopen(
                method,
                self.base + target,
                body=body,
                headers=sent,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            return response
        except TransferError:
            raise
        except (exceptions.HTTPError, HTTPException, OSError) as error:
            raise broken(self.host, error) from None

    def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Ask, and give the whole answer, whatever its status."""
        return self.whole(self.open(method, target, headers, body))

    def whole(self, response: BaseHTTPResponse) -> Answer:
        """Read an answer that is no file."""
        try:
            data = response.read(LIMIT + 1)
        except (exceptions.HTTPError, OSError) as error:
            response.close()
            raise broken(self.host, error) from None
        if len(data) > LIMIT:
            response.close()
            raise PermanentError(f"{self.host}: its answer is longer than {LIMIT >> 20} MiB")
        response.release_conn()
        return Answer(response.status, response.headers, data)

    def close(self) -> None:
        """End every connection."""
        self._pool.close()


class Body:
    """The bytes of an answer, as they come: a :class:`~dbproc.storage.stores.base.Reader`.

    Parameters
    ----------
    host
        For messages.
    response
        Its bytes are unread.
    entry
        The file that they are of.
    offset
        Where they begin.
    skip
        So many bytes come before `offset`, and are left out.
    """

    def __init__(self, host: str, response: BaseHTTPResponse, entry: Entry, offset: int = 0, skip: int = 0) -> None:
        self.entry = entry
        self.offset = offset
        self._host = host
        self._response = response
        self._skip = skip

    def __iter__(self) -> Iterator[bytes]:
        expected = None if self.entry.size is None else self.entry.size - self.offset
        done = 0
        self._chunk(self._skip)
        while chunk := self._chunk(CHUNK):
            done += len(chunk)
            if expected is not None and done > expected:
                raise TemporaryError(f"{self._host}: sends more than the {self.entry.size} bytes of {self.entry.path}")
            yield chunk
        if expected is not None and done < expected:
            raise TemporaryError(
                f"{self._host}: the connection ended after {self.offset + done} of the {self.entry.size} bytes of "
                f"{self.entry.path}"
            )
        self._response.release_conn()

    def _chunk(self, size: int) -> bytes:
        try:
            return self._response.read(size) if size else b""
        except (exceptions.HTTPError, OSError) as error:
            raise broken(self._host, error) from None

    def close(self) -> None:
        """End the reading; where bytes are unread the connection is ended."""
        self._response.close()


def range_of(offset: int, known: Entry | None) -> tuple[dict[str, str], int]:
    """The header that asks for the bytes from an offset on, and how many more than these it asks for.

    A range that begins at the end of a file is one that servers refuse: it begins one byte earlier.
    """
    if not offset:
        return {}, 0
    skip = 1 if known is not None and known.size == offset else 0
    return {"Range": f"bytes={offset - skip}-"}, skip


def goes_on(response: BaseHTTPResponse, offset: int, known: Entry) -> bool:
    """Whether an answer has the bytes from an offset on, of a file of a size; of rclone's S3 its status is 200."""
    told = response.headers.get("Content-Range", "")
    is_all = known.size is None or told.endswith(f"/{known.size}")
    return response.status in (200, 206) and told.startswith(f"bytes {offset}-") and is_all


def http_date(text: str | None) -> dt.datetime | None:
    """A time as HTTP writes it, whole seconds; None where it is none."""
    try:
        when = email.utils.parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or dt.UTC).astimezone(dt.UTC)


def iso_date(text: str | None) -> dt.datetime | None:
    """A time as ISO 8601 writes it, whole seconds; UTC where it says no zone; None where it is none."""
    try:
        when = dt.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or dt.UTC).astimezone(dt.UTC).replace(microsecond=0)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds a peer asks to wait."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    when = http_date(text)
    return None if when is None else max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())


def fault(what: str, status: int, words: str, headers: Mapping[str, str]) -> TransferError:
    """What is wrong, by the status of an answer."""
    said = " ".join(without_credentials(words).split())[:_WORDS] or responses.get(status, "no such status")
    text = f"{what}: {said} ({status})"
    if status in (404, 410):
        return GoneError(text)
    if status in (413, 507):
        return RoomError(text, retry_after=retry_after(headers))
    if status in _LATER:
        return TemporaryError(text, retry_after=retry_after(headers), is_of_place=status in (502, 503, 504))
    if 300 <= status < 400:
        return PermanentError(f"{text}: it leads elsewhere, and is not followed")
    return PermanentError(text)


def broken(host: str, error: Exception) -> TransferError:
    """What is wrong with a connection; the words hold nothing of what was sent."""
    if isinstance(error, exceptions.NameResolutionError):
        return TemporaryError(f"{host}: its address cannot be found", is_of_place=True)
    if isinstance(error, exceptions.SSLError):
        return PermanentError(f"{host}: no trusted connection: {_words(error)}")
    if isinstance(error, exceptions.ConnectTimeoutError | exceptions.NewConnectionError):
        return TemporaryError(f"{host}: cannot be connected to: {_cause(error)}", is_of_place=True)
    if isinstance(error, exceptions.ReadTimeoutError):
        return TemporaryError(f"{host}: sends nothing any more, or next to nothing")
    return TemporaryError(f"{host}: the connection broke: {_cause(error)}")


def _cause(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    reason = cause if isinstance(cause, OSError) else error
    return getattr(reason, "strerror", None) or type(reason).__name__


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:_WORDS]


def refuse(what: str, answer: Answer, words: str) -> NoReturn:
    """Raise what is wrong, by the status of an answer."""
    raise fault(what, answer.status, words, answer.headers)
