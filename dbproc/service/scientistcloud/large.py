"""Large files in numbered chunks, in any order, several at once: ``/api/upload/large/…``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from anyio import CancelScope
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from dbproc.core.access import Principal
from dbproc.core.errors import EndedError, NotFoundError
from dbproc.core.scientistcloud import CHUNK, MOST
from dbproc.core.states import UploadWay
from dbproc.core.uploads import Upload, name_fault, plain_name, promised_digest
from dbproc.database import uploads
from dbproc.database.uploads import Chunk
from dbproc.service.access import Uploader
from dbproc.service.context import Context, Here
from dbproc.service.problems import Problem
from dbproc.service.scientistcloud.dialect import DESCRIBED, FAULTS, FORM, JSON, Generation, Route, body_of, takes
from dbproc.service.scientistcloud.words import accepted, checked, new_word
from dbproc.service.uploads.forms import Form
from dbproc.service.uploads.owned import owned
from dbproc.service.uploads.streams import CUT_OFF, desk_of, in_thread, leave, pour
from dbproc.storage.transfer import MismatchError
from dbproc.transfers import receiving
from dbproc.transfers import uploads as transfers
from dbproc.transfers.receiving import Receiving
from dbproc.transfers.uploads import Asked

router = APIRouter(prefix="/api/upload/large", tags=["scientistcloud"], route_class=Route, responses=FAULTS)

_ABOUT = ("user_email", "dataset_name", "sensor")


@router.post(
    "/initiate",
    openapi_extra=takes(JSON, filename="string", file_size="integer", file_hash="string", **DESCRIBED),
)
async def initiate(request: Request, here: Here, asking: Uploader) -> Response:
    """Begin an upload in chunks; the same file of the same client goes on where it was."""
    fields, generation = await body_of(request), Generation.second()
    facts = checked(fields, ("filename", "file_size", "file_hash", *_ABOUT), generation, "{} is required")
    fault = name_fault(plain_name(str(fields["filename"])))
    if fault is not None:
        raise generation.refuse(f"filename {fault}")
    size, digest = fields["file_size"], promised_digest(str(fields["file_hash"]))
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise generation.refuse("file_size must be a whole number of bytes above 0")
    if size > MOST:
        raise Problem(413, f"file_size is above {MOST:,} bytes")
    if digest is None:
        raise generation.refuse("file_hash must be a SHA-256 in hexadecimal digits")
    asked = Asked(
        filename=str(fields["filename"]),
        way=UploadWay.CHUNKS,
        who=asking,
        size=size,
        digest=digest,
        facts=facts,
        word=new_word("large_upload"),
        chunk_size=CHUNK,
    )
    upload = await in_thread(_begun, here, asked)
    message = f"Upload of {upload.transfer.filename} initiated"
    answer = {"upload_id": upload.word, "chunk_size": CHUNK, "total_chunks": _count(upload), "message": message}
    return JSONResponse(answer)


def _begun(here: Context, asked: Asked) -> Upload:
    with here.reading.begin() as connection:
        name = plain_name(asked.filename)
        before = uploads.same(connection, asked.who.name, asked.way, name, asked.size or 0, asked.digest)
    return before or transfers.accept(desk_of(here), asked)


@router.post("/chunk/{upload_id}/{index}", openapi_extra=takes(FORM, chunk="file", chunk_hash="string"))
async def chunk(request: Request, upload_id: str, index: int, here: Here, asking: Uploader) -> Response:
    """Send one chunk; one that is there already may be sent again."""
    upload = await in_thread(_session, here, asking, upload_id)
    if not 0 <= index < _count(upload):
        raise Problem(400, "Invalid chunk index")
    before = await in_thread(_chunk_of, here, upload, index)
    digest = await _received(request, here, upload, index, before)
    if before is not None and before.digest != digest:
        raise Problem(409, f"chunk {index} is there with another hash; it is not overwritten")
    numbers = await in_thread(_numbers, here, upload)
    answer = {"message": f"Chunk {index} uploaded", "uploaded_chunks": len(numbers), "total_chunks": _count(upload)}
    return JSONResponse(answer)


async def _received(request: Request, here: Context, upload: Upload, index: int, before: Chunk | None) -> str:
    """Write a chunk that is not there yet, and record it when it is proved; its digest."""
    desk = await in_thread(desk_of, here)
    received = None if before is not None else await in_thread(receiving.begin_chunk, desk, upload.word, index)
    writing = _Writing(received, _length(upload, index))
    try:
        told = await _read(Form(request), writing)
        if writing.count != writing.length:
            raise Problem(400, f"Chunk size is {writing.count:,} and not the expected {writing.length:,}")
        if promised_digest(told) != writing.digest:
            raise Problem(400, "Chunk hash mismatch")
        if received is not None:
            await in_thread(received.keep_chunk, index, writing.digest)
        return writing.digest
    except ClientDisconnect:
        if received is not None:
            await leave(received, CUT_OFF)
        raise Problem(400, CUT_OFF) from None
    finally:
        if received is not None:
            with CancelScope(shield=True):
                await in_thread(received.close)


class _Writing:
    """The bytes of a chunk, digested and counted; written where they are not there yet."""

    def __init__(self, received: Receiving | None, length: int) -> None:
        self.length = length
        self.count = 0
        self._received = received
        self._hasher = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The digest of what came."""
        return f"sha256:{self._hasher.hexdigest()}"

    def write(self, piece: bytes) -> None:
        """Take some bytes."""
        self.count += len(piece)
        if self.count > self.length:
            raise Problem(400, "Chunk size exceeds expected size")
        self._hasher.update(piece)
        if self._received is not None:
            self._received.write(piece)


async def _read(form: Form, writing: _Writing) -> str:
    """Take the chunk of a form; the hash that it tells."""
    told = ""
    async for part in form.parts():
        if part.name == "chunk":
            await pour(form.content(), writing.write)
        elif part.name == "chunk_hash":
            told = await form.text()
    return told


@router.get("/status/{upload_id}")
def status(upload_id: str, here: Here, asking: Uploader) -> Response:
    """Which chunks are there."""
    upload = _session(here, asking, upload_id, is_open=False)
    total, is_complete = _count(upload), upload.transfer.state.is_complete
    numbers = list(range(total)) if is_complete else _numbers(here, upload)
    answer = {
        "upload_id": upload_id,
        "uploaded_chunks": numbers,
        "total_chunks": total,
        "is_complete": len(numbers) == total,
        "progress_percentage": round(100 * len(numbers) / total, 2),
    }
    return JSONResponse(answer)


@router.get("/resume/{upload_id}")
def resume(upload_id: str, here: Here, asking: Uploader) -> Response:
    """Which chunks are missing."""
    upload = _session(here, asking, upload_id)
    missing, total = _missing(upload, _numbers(here, upload)), _count(upload)
    answer = {"upload_id": upload_id, "missing_chunks": missing, "total_chunks": total, "can_resume": True}
    return JSONResponse(answer)


@router.post("/complete/{upload_id}")
async def complete(request: Request, upload_id: str, here: Here, asking: Uploader) -> Response:
    """All chunks are there: the whole file is proved, and handed over."""
    upload = await in_thread(_session, here, asking, upload_id, is_open=False)
    if not upload.transfer.state.is_final:
        missing = _missing(upload, await in_thread(_numbers, here, upload))
        if missing:
            raise Problem(400, f"Missing chunks: {missing}")
        upload = await in_thread(_proved, here, upload)
        here.wake()
    if not upload.transfer.state.is_complete:
        raise Problem(400, f"the upload has {upload.transfer.state}: {upload.transfer.reason}")
    handed_over = {"file_path": upload.transfer.filename, "file_size": upload.size, "job_submitted": True}
    return JSONResponse(accepted(request, upload, "Upload complete; the file is handed over") | handed_over)


def _proved(here: Context, upload: Upload) -> Upload:
    try:
        return receiving.conclude(desk_of(here), upload.word)
    except MismatchError as error:
        raise Problem(400, "File hash validation failed") from error


@router.delete("/cancel/{upload_id}")
def cancel(upload_id: str, here: Here, asking: Uploader) -> Response:
    """Give an upload up."""
    upload = _session(here, asking, upload_id)
    transfers.give_up(desk_of(here), [upload], who=asking)
    return JSONResponse({"message": f"Upload {upload_id} cancelled"})


# --- chunks ---


def _session(here: Context, asking: Principal, word: str, *, is_open: bool = True) -> Upload:
    """An upload in chunks of the client, that is not at its end; a Problem where there is none."""
    try:
        upload = owned(here, asking, word)
        if upload.way is UploadWay.CHUNKS and not (is_open and upload.transfer.state.is_final):
            return upload
    except (NotFoundError, EndedError):
        pass
    raise Problem(404, "Upload session not found")


def _count(upload: Upload) -> int:
    return -(-(upload.size or 0) // CHUNK)


def _length(upload: Upload, index: int) -> int:
    return min(CHUNK, (upload.size or 0) - index * CHUNK)


def _chunk_of(here: Context, upload: Upload, index: int) -> Chunk | None:
    with here.reading.begin() as connection:
        return uploads.chunk_of(connection, upload.upload_id, index)


def _numbers(here: Context, upload: Upload) -> list[int]:
    with here.reading.begin() as connection:
        return [each.number for each in uploads.chunks_of(connection, upload.upload_id)]


def _missing(upload: Upload, numbers: Sequence[int]) -> list[int]:
    there = set(numbers)
    return [number for number in range(_count(upload)) if number not in there]
