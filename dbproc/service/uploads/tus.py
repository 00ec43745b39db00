"""tus 1.0 below ``/api/v1/uploads/tus``: uploads that go on where they were cut off.

Of its extensions there are creation, creation-with-upload, creation-defer-length, checksum, expiration, termination
and concatenation. Beyond it, a client may promise the SHA-256 of the whole file when it begins: in the metadata as
``sha256``, or in the header ``Repr-Digest``. The last request is answered when that is proved.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from dbproc.core.access import Principal
from dbproc.core.errors import EndedError, HeldError
from dbproc.core.states import UploadWay
from dbproc.core.transfers import TransferState
from dbproc.core.uploads import Upload, header_digest, promised_digest
from dbproc.service import problems
from dbproc.service.access import Uploader
from dbproc.service.answers import problems as refusals
from dbproc.service.context import Context, Here
from dbproc.service.problems import Problem
from dbproc.service.uploads.headers import TYPE, VERSION, gives, refuses, takes
from dbproc.service.uploads.owned import owned
from dbproc.service.uploads.streams import desk_of, in_thread, leave, receive
from dbproc.storage.transfer import MismatchError
from dbproc.transfers import receiving, uploads
from dbproc.transfers.receiving import Desk, Receiving
from dbproc.transfers.uploads import Asked

EXTENSIONS = (
    "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,concatenation"  # one header
)
ALGORITHMS = ("sha256", "sha1", "md5")
_MISMATCH = 460
_WHOLE = re.compile(r"\d{1,18}")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class TusRoute(APIRoute):
    """A route whose answers, those to errors among them, have the headers of tus; it looks at those of requests."""

    def get_route_handler(self) -> Handler:
        """The handler of the endpoint, with that around it."""
        inner = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
                    words = f"send the header Tus-Resumable: {VERSION}"
                    raise Problem(412, words, {"Tus-Version": VERSION})
                answer = await inner(request)
            except problems.EXPECTED as error:
                said = problems.said_of(error)
                answer = problems.answer(said.status, said.detail, said.headers)
            answer.headers["Tus-Resumable"] = VERSION
            answer.headers["Cache-Control"] = "no-store"
            return answer

        return handled


router = APIRouter(prefix="/api/v1/uploads/tus", tags=["uploads"], route_class=TusRoute)

_FOR_ALL: dict[str, Any] = {"security": []}
_OFFERED = gives(
    204, "What is offered.", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"
) | refusals(429, 503)
_CREATED = gives(201, "It is begun.", "Location", "Upload-Offset", "Upload-Expires")
_STATE = gives(
    200,
    "How far it is.",
    *("Upload-Offset", "Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat", "Upload-Expires"),
)
_MORE = gives(204, "They are there for good.", "Upload-Offset", "Upload-Expires")
_DONE = gives(204, "It is done.", "Upload-Offset", "Upload-Expires")


@router.options("", status_code=204, response_class=Response, responses=_OFFERED, openapi_extra=_FOR_ALL)
@router.options("/{word}", status_code=204, response_class=Response, responses=_OFFERED, openapi_extra=_FOR_ALL)
def options(here: Here) -> Response:
    """What is offered."""
    most = here.mission().service.most_bytes
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(most),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "",
    status_code=201,
    response_class=Response,
    responses=_CREATED | refuses(410, 415, 423, 460),
    openapi_extra=takes(
        *("Upload-Length", "Upload-Defer-Length", "Upload-Concat", "Upload-Checksum", "Upload-Metadata", "Repr-Digest"),
        body=True,
    ),
)
async def create(request: Request, here: Here, asking: Uploader) -> Response:
    """Begin an upload; with a body, its first bytes."""
    desk = await in_thread(desk_of, here)
    asked = _asked(request, asking)
    concat = request.headers.get("upload-concat", "")
    if concat.startswith("final;"):
        upload = await in_thread(uploads.put_together, desk, asked, _words_of(concat))
        here.wake()
    else:
        upload = await in_thread(uploads.accept, desk, asked)
        if upload.size == 0:
            upload = await _concluded(desk, upload)
            here.wake()
        elif request.headers.get("content-type") == TYPE:
            upload = await _received(request, here, desk, upload.word, 0)
    headers = {"Location": _location(request, desk, upload), "Upload-Offset": str(upload.transfer.durable)}
    return Response(status_code=201, headers=headers | _expiry(upload))


@router.head(
    "/{word}",
    response_class=Response,
    responses=_STATE | refuses(410, 423, 460),
    openapi_extra=takes(),
)
async def head(request: Request, word: str, here: Here, asking: Uploader) -> Response:
    """How far an upload is."""
    desk = await in_thread(desk_of, here)
    upload = await in_thread(owned, here, asking, word)
    if not upload.part_of and (upload.is_whole or upload.transfer.state is TransferState.CHECKING):
        upload = await _concluded(desk, upload)
    if upload.transfer.state.is_final and not upload.transfer.state.is_complete:
        raise EndedError(f"it has {upload.transfer.state}: {upload.transfer.reason}")
    headers = {"Upload-Offset": str(upload.transfer.durable)} | _expiry(upload)
    headers |= {"Upload-Defer-Length": "1"} if upload.size is None else {"Upload-Length": str(upload.size)}
    metadata, parts = upload.facts.get("metadata"), upload.facts.get("parts")
    if metadata:
        headers["Upload-Metadata"] = str(metadata)
    if upload.part_of:
        headers["Upload-Concat"] = "partial"
    elif isinstance(parts, list):
        paths = (request.url_for("tus_upload", word=each).path for each in parts)
        headers["Upload-Concat"] = f"final;{' '.join(paths)}"
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{word}",
    name="tus_upload",
    status_code=204,
    response_class=Response,
    responses=_MORE | refuses(410, 415, 423, 460),
    openapi_extra=takes("Upload-Length", "Upload-Checksum", needed=("Upload-Offset",), body=True),
)
async def patch(request: Request, word: str, here: Here, asking: Uploader) -> Response:
    """More bytes of an upload."""
    if request.headers.get("content-type") != TYPE:
        raise Problem(415, f"send the bytes as Content-Type: {TYPE}")
    offset = _number(request, "upload-offset")
    if offset is None:
        raise Problem(400, "send the header Upload-Offset")
    upload = await in_thread(owned, here, asking, word)
    if isinstance(upload.facts.get("parts"), list):
        raise Problem(403, "it is put together of parts, and takes no bytes")
    desk = await in_thread(desk_of, here)
    if upload.is_whole and offset == upload.transfer.durable:
        upload = upload if upload.part_of else await _concluded(desk, upload)
    else:
        upload = await _received(request, here, desk, word, offset)
    return Response(status_code=204, headers={"Upload-Offset": str(upload.transfer.durable)} | _expiry(upload))


@router.delete(
    "/{word}",
    status_code=204,
    response_class=Response,
    responses=gives(204, "It is given up.") | refuses(410, 423),
    openapi_extra=takes(),
)
async def delete(word: str, here: Here, asking: Uploader) -> Response:
    """Give an upload up."""
    upload = await in_thread(owned, here, asking, word)
    if upload.transfer.state.is_final:
        raise EndedError(f"it is {upload.transfer.state} already")
    await in_thread(uploads.give_up, await in_thread(desk_of, here), [upload], who=asking)
    return Response(status_code=204)


@router.post(
    "/{word}",
    status_code=204,
    response_class=Response,
    responses=_STATE | _DONE | refuses(405, 410, 415, 423, 460),
    openapi_extra=takes(
        "Upload-Offset", "Upload-Length", "Upload-Checksum", needed=("X-HTTP-Method-Override",), body=True
    ),
)
async def overridden(request: Request, word: str, here: Here, asking: Uploader) -> Response:
    """The same for clients that cannot send PATCH or DELETE."""
    match request.headers.get("x-http-method-override", "").upper():
        case "PATCH":
            return await patch(request, word, here, asking)
        case "DELETE":
            return await delete(word, here, asking)
        case "HEAD":
            return await head(request, word, here, asking)
    raise Problem(405, "an upload takes HEAD, PATCH and DELETE", {"Allow": "HEAD, PATCH, DELETE, OPTIONS"})


# --- bytes ---


async def _received(request: Request, here: Context, desk: Desk, word: str, offset: int) -> Upload:
    """Write the body to an upload; one that has all its bytes then is checked and published."""
    checks = _checks(request)
    received = await in_thread(receiving.begin, desk, word)
    try:
        await _refuse_other(request, received, offset)
        received.holds = checks is not None
        await receive(request, received, received.write if checks is None else _hashing(checks, received))
        if checks is not None and not checks.is_equal:
            await leave(received, "the last bytes had another digest than was told, and are not kept")
            raise Problem(_MISMATCH, "the bytes have another digest than Upload-Checksum tells; they are not kept")
        if received.at == received.upload.size and not received.upload.part_of:
            upload = await in_thread(received.finish)
            here.wake()
            return upload
        await in_thread(received.save)
        return received.upload
    finally:
        await in_thread(received.close)


async def _refuse_other(request: Request, received: Receiving, offset: int) -> None:
    """Refuse bytes that do not go on where the upload is, or that are too many; take the length that is told late."""
    if offset != received.at:
        headers = {"Upload-Offset": str(received.at)}
        raise Problem(409, f"it has {received.at:,} bytes, and these would be from {offset:,} on", headers)
    told = _number(request, "upload-length")
    if told is not None and received.upload.size is None:
        if not received.at <= told <= received.most:
            raise Problem(413, f"it may have from {received.at:,} to {received.most:,} bytes")
        await in_thread(received.set_size, told)
    length = _number(request, "content-length")
    if length is not None and offset + length > received.most:
        raise Problem(413, f"more bytes come than the {received.most:,} that it may have")


class _Checks:
    """The digest that one request tells of its bytes."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        self.hasher = hashlib.new(algorithm, usedforsecurity=False)
        self._expected = expected

    @property
    def is_equal(self) -> bool:
        """Whether the bytes that came have it."""
        return self.hasher.digest() == self._expected


def _checks(request: Request) -> _Checks | None:
    header = request.headers.get("upload-checksum")
    if header is None:
        return None
    algorithm, _, value = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise Problem(400, f"no checksum {algorithm!r} is known; choose from {', '.join(ALGORITHMS)}")
    try:
        return _Checks(algorithm, base64.b64decode(value, validate=True))
    except binascii.Error as error:
        raise Problem(400, "the value of Upload-Checksum is no base64") from error


def _hashing(checks: _Checks, received: Receiving) -> Callable[[bytes], None]:
    def write(chunk: bytes) -> None:
        checks.hasher.update(chunk)
        received.write(chunk)

    return write


async def _concluded(desk: Desk, upload: Upload) -> Upload:
    """Finish an upload that has all its bytes, unless another request is at that."""
    if upload.transfer.state.is_final:
        return upload
    try:
        return await in_thread(receiving.conclude, desk, upload.word)
    except HeldError:
        return upload
    except MismatchError as error:
        raise Problem(_MISMATCH, str(error)) from error


# --- headers ---


def _asked(request: Request, asking: Principal) -> Asked:
    """What the headers of a creation ask for."""
    concat = request.headers.get("upload-concat", "")
    if concat and concat != "partial" and not concat.startswith("final;"):
        raise Problem(400, "Upload-Concat is partial, or final;URL URL …")
    size, is_part = _size(request, concat), concat == "partial"
    metadata = _metadata(request.headers.get("upload-metadata", ""))
    name = metadata.get("filename") or metadata.get("name") or ("part" if is_part else "")
    if not name:
        raise Problem(400, "tell the file's name in Upload-Metadata: filename BASE64")
    facts: dict[str, object] = {"metadata": request.headers.get("upload-metadata", "")}
    facts |= {key: value for key, value in metadata.items() if key not in ("metadata", "parts")}
    return Asked(
        filename=name,
        way=UploadWay.TUS,
        who=asking,
        size=size,
        digest="" if is_part else _promised(request, metadata),
        facts=facts,
        is_part=is_part,
    )


def _size(request: Request, concat: str) -> int | None:
    size = _number(request, "upload-length")
    is_deferred = request.headers.get("upload-defer-length")
    if is_deferred not in (None, "1"):
        raise Problem(400, "Upload-Defer-Length is 1, or is not sent")
    if concat.startswith("final;"):
        return None
    if (size is None) == (is_deferred is None):
        raise Problem(400, "send Upload-Length, or Upload-Defer-Length: 1")
    return size


def _promised(request: Request, metadata: dict[str, str]) -> str:
    """The digest of the whole file that a client promises; a Problem where it is none."""
    told = metadata.get("sha256")
    if told is not None:
        digest = promised_digest(told)
        if digest is None:
            raise Problem(400, "the metadata sha256 must be 64 hexadecimal digits")
        return digest
    header = request.headers.get("repr-digest")
    return "" if header is None else header_digest(header) or ""


def _metadata(header: str) -> dict[str, str]:
    """The pairs of ``Upload-Metadata``."""
    pairs: dict[str, str] = {}
    for part in filter(None, map(str.strip, header.split(","))):
        key, _, value = part.partition(" ")
        try:
            pairs[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Problem(400, f"the value of {key[:40]!r} in Upload-Metadata is no base64 of UTF-8") from error
    return pairs


def _number(request: Request, header: str) -> int | None:
    text = request.headers.get(header)
    if text is None:
        return None
    if not _WHOLE.fullmatch(text):
        raise Problem(400, f"the header {header} must be a whole number from 0 on")
    return int(text)


def _words_of(concat: str) -> list[str]:
    """The words of the parts that a whole is put together of."""
    return [urlsplit(url).path.rstrip("/").rpartition("/")[2] for url in concat.removeprefix("final;").split()]


def _location(request: Request, desk: Desk, upload: Upload) -> str:
    found = request.url_for("tus_upload", word=upload.word)
    url = desk.mission.service.url.rstrip("/")
    return f"{url}{router.prefix}/{upload.word}" if url else str(found)


def _expiry(upload: Upload) -> dict[str, str]:
    if upload.expires is None or upload.transfer.state.is_final:
        return {}
    return {"Upload-Expires": format_datetime(upload.expires.replace(microsecond=0), usegmt=True)}
