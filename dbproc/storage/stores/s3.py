"""Places in S3, at Amazon or at any endpoint: requests signed by botocore, over connections of our own.

Nothing that S3 servers do differently is relied on. `If-None-Match` and `If-Match` are sent and may be ignored: a key
is looked for before it is written, and what is read is compared with what was known. An ETag says that bytes are the
same; it is taken for an MD5 only where it can be one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn
from urllib.parse import quote, unquote, unquote_plus, urlsplit
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from urllib3.response import BaseHTTPResponse

from dbproc.core.errors import GoneError, PermanentError, RoomError, TakenError, TemporaryError, TransferError
from dbproc.core.places import PlaceSpec
from dbproc.storage.stores import http_digests, rest
from dbproc.storage.stores.base import Entry, refuse_leading_out
from dbproc.storage.stores.credentials import value

_MIB = 1 << 20

PART = 5 * _MIB
"""Bytes of a part, at least, and of the largest file that is put in one request."""

PARTS = 10_000
"""How many parts S3 takes."""

_UNKNOWN = 4 * PART  # bytes of a part where the size is unknown: for files up to 195 GiB
_IN_FLIGHT = 2 * PART
_REGION = "us-east-1"
_BUCKET = "{bucket}"
_MINE = "x-amz-meta-dbproc"
_MD5 = re.compile(r"[0-9a-f]{32}")

_LATER = {"RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "BadDigest", "InternalError", "SlowDown"}
_ROOM = {"QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "XMinioStorageFull", "StorageFull"}


def place(spec: PlaceSpec) -> S3Place:
    """The place of an ``s3:`` URL."""
    return S3Place(spec)


def part_size(size: int | None) -> int:
    """Bytes of each part of a file, so that S3 takes all of them: whole MiB."""
    if size is None:
        return _UNKNOWN
    return max(PART, -(-size // (PARTS * _MIB)) * _MIB)


class S3Place:
    """A bucket, or what is below a prefix of its keys."""

    def __init__(self, spec: PlaceSpec) -> None:
        parts = urlsplit(spec.url)
        self.url = spec.url
        self._bucket = parts.netloc
        prefix = unquote(parts.path).strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        service = _service_url(spec, self._bucket)
        self._service = rest.Service(spec, service.replace(_BUCKET, self._bucket))
        self._root = "" if _BUCKET in service else f"/{self._bucket}"
        self.host = self._service.host
        self._signer = _signer(spec)
        self._is_bucket_there = False

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory."""
        count = 0
        for entry in self._list(directory, is_flat=False):
            count += 1
            yield entry
        if not count and directory:
            raise GoneError(f"{self.url}: there is nothing below {directory}")

    def below(self, directory: str = "") -> Iterator[Entry]:
        """All files below a directory, a thousand with each request."""
        return self._list(directory, is_flat=True)

    def look(self, path: str) -> Entry:
        """One file as it is now."""
        answer = self.ask("HEAD", path)
        if answer.status == 200:
            return _entry(path, answer.headers)
        self.refuse(path, answer)

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> rest.Body:
        """Read a file from a byte on; from its beginning where it is not the one that is known."""
        wanted, skip = rest.range_of(offset, known)
        if wanted and known is not None and known.etag:
            wanted["If-Match"] = f'"{known.etag}"'
        response = self._open("GET", path, "", {**wanted, "x-amz-checksum-mode": "ENABLED"})
        entry = _entry(path, response.headers)
        if known is not None and rest.goes_on(response, offset - skip, known) and known.is_provably(entry):
            return rest.Body(self.host, response, entry, offset, skip)
        if response.status == 200 and "Content-Range" not in response.headers:
            return rest.Body(self.host, response, entry)
        if wanted and response.status in (200, 206, 412, 416):
            response.close()
            return self.read(path)
        self.refuse(path, self._service.whole(response))

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> S3Upload:
        """Begin to put a file, or go on with it; `token` is the UploadId."""
        _refuse(path)
        return S3Upload(self, path, name, offset, token, size)

    def remove(self, path: str) -> None:
        """Remove a file."""
        answer = self.ask("DELETE", path)
        if answer.status not in (200, 204, 404):
            self.refuse(path, answer)

    def free(self) -> int | None:
        """S3 does not tell."""
        return None

    def abandon(self, path: str) -> None:
        """End the uploads of a file that crashes left; a file is put by one transfer at a time."""
        key = self._prefix + path
        for token in [token for other, token in self._uploads(key) if other == key]:
            self.abort(path, token)

    def abort(self, path: str, token: str) -> None:
        """End an upload, with the parts that were sent."""
        answer = self.ask("DELETE", path, f"uploadId={quote(token, safe='')}")
        if answer.status not in (200, 204, 404):
            self.refuse(path, answer)

    def close(self) -> None:
        """End every connection."""
        self._service.close()

    def ask(
        self, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> rest.Answer:
        """Ask something of a key, and give the whole answer; uploads do."""
        return self._service.whole(self._open(method, path, query, headers, body))

    def refuse(self, path: str, answer: rest.Answer) -> NoReturn:
        """Raise what is wrong with a key."""
        if answer.status == 404 and not _code(answer):
            self._see_bucket()
        raise _fault(f"{self.url}: {path}" if path else self.url, answer)

    def _see_bucket(self) -> None:
        """That a bucket is gone does not mean that each of its files is: an answer to HEAD does not tell them apart."""
        if not self._is_bucket_there:
            answer = self._service.whole(self._signed("HEAD", f"{self._root}/", "", {}, b""))
            if answer.status == 404:
                raise PermanentError(f"{self.url}: {self.host} has no bucket {self._bucket}")
            self._is_bucket_there = True

    def _open(
        self, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> BaseHTTPResponse:
        _refuse(path)
        return self._signed(method, f"{self._root}/{_quoted(self._prefix + path)}", query, headers or {}, body)

    def _signed(
        self, method: str, target: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> BaseHTTPResponse:
        target = f"{target}?{query}" if query else target
        sent = dict(headers)
        if self._signer is not None:
            request = AWSRequest(method, self._service.origin + self._service.base + target, sent, body)
            request.context["client_config"] = None
            self._signer.add_auth(request)
            sent = dict(request.headers.items())
        return self._service.open(method, target, sent, body if body or method in ("PUT", "POST") else None)

    def _pages(self, query: str, after: tuple[tuple[str, str], ...]) -> Iterator[Element]:
        """The pages of a listing; `after` has the names of parameters and those of the elements that hold them."""
        more = ""
        while True:
            answer = self._service.whole(self._signed("GET", self._root or "/", query + more, {}, b""))
            if answer.status == 404 and _code(answer) == "NoSuchUpload":  # rclone says so where there is none at all
                return
            if answer.status != 200:
                self.refuse("", answer)
            page = _tree(self.url, answer.data)
            yield page
            if _text(page, "IsTruncated") != "true":
                return
            last, more = more, "".join(f"&{name}={quote(_text(page, tag), safe='')}" for name, tag in after)
            if more == last:
                raise TemporaryError(f"{self.url}: its listing does not go on")

    def _list(self, directory: str, *, is_flat: bool) -> Iterator[Entry]:
        refuse_leading_out(directory)
        prefix = self._prefix + (f"{directory.rstrip('/')}/" if directory else "")
        query = f"list-type=2&encoding-type=url&prefix={quote(prefix, safe='')}" + ("" if is_flat else "&delimiter=%2F")
        for page in self._pages(query, (("continuation-token", "NextContinuationToken"),)):
            is_quoted = _text(page, "EncodingType") == "url"
            for found in page:
                entry = _listed(found, len(self._prefix), is_quoted)
                if entry is not None and _is_path(entry.path):
                    yield entry

    def _uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        after = (("key-marker", "NextKeyMarker"), ("upload-id-marker", "NextUploadIdMarker"))
        for page in self._pages(f"uploads=&prefix={quote(prefix, safe='')}", after):
            for found in page.iterfind("Upload"):
                yield _text(found, "Key"), _text(found, "UploadId")


class S3Upload:
    """A file that is put into S3: in one request, or in parts where it is larger than one."""

    reads_before = False
    alongside = False

    def __init__(self, place: S3Place, path: str, name: str, offset: int, token: str, size: int | None) -> None:
        self._place = place
        self._path = path
        self._name = name
        self._part = part_size(size)
        self._buffer = bytearray()
        self._parts: list[Future[str]] = []
        self._is_published = False
        workers = max(1, _IN_FLIGHT // self._part)
        self._threads = ThreadPoolExecutor(workers, "s3") if size is None or size > self._part else None
        self._room = workers
        self.token = token
        self._resume(offset)
        self.offset = self._length = len(self._parts) * self._part

    def prefix(self) -> Iterator[bytes] | None:
        """Parts cannot be read before they are one."""
        return None

    def write(self, chunk: bytes) -> None:
        """Append bytes; a full part is sent while the next is gathered."""
        self._buffer += chunk
        self._length += len(chunk)
        while len(self._buffer) > self._part:
            self._send(self._part)

    def checkpoint(self) -> int:
        """The bytes of the parts that S3 has; those that are being sent are waited for."""
        for part in self._parts:
            part.result()
        return min(len(self._parts) * self._part, self._length)

    def finish(self) -> None:
        """Send what is left, and wait for all parts."""
        if self.token:
            self._send(len(self._buffer))
            self.checkpoint()

    def read_back(self) -> Iterator[bytes]:
        """The bytes of the file as it is now, after publication."""
        reader = self._place.read(self._path)
        try:
            yield from reader
        finally:
            reader.close()

    def publish(self) -> str:
        """Give the file its key."""
        if self._is_there():
            return ""
        answer = self._place.ask(*self._last(is_guarded=True))
        if answer.status == 501:  # it does not know the precondition
            answer = self._place.ask(*self._last(is_guarded=False))
        if answer.status == 412:
            if not self._is_there():
                raise TemporaryError(f"{self._place.url}: {self._path}: {self._place.host} says that it is there")
        elif answer.status != 200 or _code(answer):
            self._place.refuse(self._path, answer)
        self._is_published = True
        return ""

    def discard(self) -> None:
        """End the upload, and remove the file where it is this upload's."""
        self._stop()
        if self._threads is not None:
            self._place.abandon(self._path)
        if self._is_published or self._owner() == self._name:
            self._place.remove(self._path)

    def close(self) -> None:
        """End what is being sent; the parts that S3 has stay."""
        self._stop()

    def _resume(self, offset: int) -> None:
        """Go on behind the parts that S3 has, as far as they were recorded; begin anew where it has none, or parts of
        another size, which not every server lets one replace."""
        sent = self._sent() if self.token else None
        if sent is None or any(size != self._part for size, _ in sent[:-1]):
            self.token = ""
            return
        for _, tag in sent[: offset // self._part]:
            done: Future[str] = Future()
            done.set_result(tag)
            self._parts.append(done)

    def _sent(self) -> list[tuple[int, str]] | None:
        """The sizes and ETags of the parts that are there, from the first on without a gap; None: no such upload."""
        found: list[tuple[int, str]] = []
        query = f"uploadId={quote(self.token, safe='')}"
        more = ""
        while True:
            answer = self._place.ask("GET", self._path, query + more)
            if answer.status == 404:
                return None
            if answer.status != 200:
                self._place.refuse(self._path, answer)
            page = _tree(self._place.url, answer.data)
            for part in page.iterfind("Part"):
                if int(_text(part, "PartNumber")) != len(found) + 1:
                    return found
                found.append((int(_text(part, "Size")), _text(part, "ETag")))
            if _text(page, "IsTruncated") != "true":
                return found
            more = f"&part-number-marker={_text(page, 'NextPartNumberMarker')}"

    def _send(self, size: int) -> None:
        if not self.token:
            self._begin()
        body = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        assert self._threads is not None
        if len(self._parts) >= self._room:
            self._parts[-self._room].result()
        self._parts.append(self._threads.submit(self._put_part, len(self._parts) + 1, body))

    def _begin(self) -> None:
        self._place.abandon(self._path)
        answer = self._place.ask("POST", self._path, "uploads=", {_MINE: self._name})
        if answer.status != 200:
            self._place.refuse(self._path, answer)
        self.token = _text(_tree(self._place.url, answer.data), "UploadId")

    def _put_part(self, number: int, body: bytes) -> str:
        query = f"partNumber={number}&uploadId={quote(self.token, safe='')}"
        answer = self._place.ask("PUT", self._path, query, {"Content-MD5": _md5(body)}, body)
        if answer.status != 200:
            self._place.refuse(self._path, answer)
        return answer.headers.get("ETag", "")

    def _last(self, *, is_guarded: bool) -> tuple[str, str, str, dict[str, str], bytes]:
        """The request that gives the file its key."""
        headers = {"If-None-Match": "*"} if is_guarded else {}
        if not self.token:
            body = bytes(self._buffer)
            return "PUT", self._path, "", {**headers, _MINE: self._name, "Content-MD5": _md5(body)}, body
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(part.result())}</ETag></Part>"
            for number, part in enumerate(self._parts, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        return "POST", self._path, f"uploadId={quote(self.token, safe='')}", headers, body

    def _is_there(self) -> bool:
        """Whether the file has its key already, from a try that ended right after it; another's is a TakenError."""
        owner = self._owner()
        if owner is None:
            return False
        if owner != self._name:
            raise TakenError(f"{self._place.url}: {self._path} is there already, and is not overwritten")
        if self.token:
            self._place.abort(self._path, self.token)
        self._is_published = True
        return True

    def _owner(self) -> str | None:
        """Which upload the key is of; nothing: another's; None: there is none."""
        answer = self._place.ask("HEAD", self._path)
        if answer.status == 200:
            return answer.headers.get(_MINE, "")
        try:
            self._place.refuse(self._path, answer)
        except GoneError:
            return None

    def _stop(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()


def _service_url(spec: PlaceSpec, bucket: str) -> str:
    """Where S3 is; with ``{bucket}`` in its host the bucket is addressed by the host, else by the path."""
    if spec.endpoint:
        return spec.endpoint if "://" in spec.endpoint else f"https://{spec.endpoint}"
    host = f"s3.{spec.region or _REGION}.amazonaws.com"
    return f"https://{host}" if "." in bucket else f"https://{_BUCKET}.{host}"


def _signer(spec: PlaceSpec) -> S3SigV4Auth | None:
    """What signs requests; None where the mission names no keys, for buckets that are open to all."""
    if not spec.access_key:
        return None
    keys = Credentials(value(spec.access_key), value(spec.secret_key))
    return S3SigV4Auth(keys, "s3", spec.region or _REGION)


def _refuse(path: str) -> None:
    refuse_leading_out(path)
    if not path or path.endswith("/"):
        raise PermanentError(f"{path!r} names no file")


def _is_path(key: str) -> bool:
    """Whether a key is the path of a file or directory; others are not listed."""
    try:
        _refuse(key)
    except PermanentError:
        return False
    return True


def _quoted(key: str) -> str:
    return quote(key, safe="/-._~")


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _tree(url: str, data: bytes) -> Element:
    """An answer's XML, its tags without their namespace."""
    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError):
        raise TemporaryError(f"{url}: its answer is not the XML of S3") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _text(element: Element, tag: str) -> str:
    return element.findtext(tag) or ""


def _listed(found: Element, cut: int, is_quoted: bool) -> Entry | None:
    """What an element of a listing is; None: neither a file nor a directory."""
    key = _text(found, "Prefix" if found.tag == "CommonPrefixes" else "Key")
    key = unquote_plus(key) if is_quoted else key
    if found.tag == "CommonPrefixes":
        return Entry(path=key[cut:].removesuffix("/"), is_directory=True)
    if found.tag != "Contents":
        return None
    return Entry(
        path=key[cut:],
        size=int(_text(found, "Size")),
        modified=rest.iso_date(_text(found, "LastModified")),
        etag=_text(found, "ETag").strip('"'),
    )


def _entry(path: str, headers: Mapping[str, str]) -> Entry:
    return Entry(
        path=path,
        size=_size(headers),
        modified=rest.http_date(headers.get("Last-Modified")),
        etag=headers.get("ETag", "").strip('"'),
        digests=tuple(_digests(headers)),
    )


def _size(headers: Mapping[str, str]) -> int | None:
    """Bytes of the whole file."""
    text = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _digests(headers: Mapping[str, str]) -> Iterator[str]:
    """What the headers say of the whole file's bytes."""
    yield from http_digests.digests(headers, is_whole=False)
    tag = headers.get("ETag", "").strip('"')
    is_keyed = "x-amz-server-side-encryption-customer-algorithm" in headers or headers.get(
        "x-amz-server-side-encryption", "AES256"
    ).startswith("aws:")
    if _MD5.fullmatch(tag) and not is_keyed and headers.get("x-amz-storage-class") != "EXPRESS_ONEZONE":
        yield f"md5:{tag}"


def _code(answer: rest.Answer) -> str:
    """The code of an error, which may come with any status; nothing: it is none."""
    if b"<Error" not in answer.data[:200]:
        return ""
    return _text(_tree("S3", answer.data), "Code")


def _fault(what: str, answer: rest.Answer) -> TransferError:
    code = _code(answer)
    words = f"{code}: {_text(_tree(what, answer.data), 'Message')}" if code else ""
    if answer.status in (301, 400) and answer.headers.get("x-amz-bucket-region"):
        words = f"{words} its region is {answer.headers['x-amz-bucket-region']}: write that as region".strip()
    wait = rest.retry_after(answer.headers)
    if code in _ROOM:
        return RoomError(f"{what}: {words}", retry_after=wait)
    if code in _LATER:
        return TemporaryError(f"{what}: {words}", retry_after=wait, is_of_place=code in ("SlowDown", "InternalError"))
    if code == "NoSuchBucket":
        return PermanentError(f"{what}: {words}")
    return rest.fault(what, answer.status, words, answer.headers)
