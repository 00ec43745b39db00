"""A form with a file, received as one upload; whichever of its fields come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from anyio import CancelScope
from fastapi import Request
from starlette.requests import ClientDisconnect

from dbproc.core.access import Principal
from dbproc.core.errors import DbprocError
from dbproc.core.states import UploadWay
from dbproc.core.uploads import Upload, header_digest, promised_digest
from dbproc.service.context import Context
from dbproc.service.problems import EXPECTED, Problem
from dbproc.service.uploads.forms import Form
from dbproc.service.uploads.streams import CUT_OFF, desk_of, in_thread, pour
from dbproc.transfers import receiving, uploads
from dbproc.transfers.receiving import Desk, Receiving
from dbproc.transfers.uploads import Asked

_MUCH_ELSE = 1 << 20  # bytes of a form beside its file


Judge = Callable[[Mapping[str, str], str | None], Mapping[str, object]]
"""Told all fields, and the name of the file (None: there was none, nothing: none was chosen): what is kept of them; a
Problem where they cannot be taken."""


async def receive_form(request: Request, here: Context, asking: Principal, judge: Judge, word: str = "") -> Upload:
    """Receive a form with one file, ``file``; a field ``sha256`` promises the digest of that.

    Raises
    ------
    Problem
        `judge` refuses it, or it is no such form, or its file is another than was promised.
    DbprocError
        It cannot be taken.
    """
    desk, form = await in_thread(desk_of, here), Form(request)
    received: Receiving | None = None
    fields: dict[str, str] = {}
    filename: str | None = None
    try:
        async for part in form.parts():
            if part.filename is None:
                fields[part.name] = await form.text()
            elif part.name == "file" and received is None:
                filename = part.filename
                if filename:
                    received = await _begun(request, desk, asking, filename, word, _promised(request, fields))
                    await pour(form.content(), received.write)
        facts = judge(fields, filename)
        if received is None:
            raise Problem(400, "the form has no file")
        upload = await in_thread(_finished, received, facts, _promised(request, fields))
        here.wake()
        return upload
    except ClientDisconnect:
        await _fail(received, f"{CUT_OFF}; send it again")
        raise Problem(400, CUT_OFF) from None
    except EXPECTED as error:
        await _fail(received, error.detail if isinstance(error, Problem) else str(error))
        raise
    except BaseException:  # the service ends
        await _fail(received, f"{CUT_OFF}; send it again")
        raise
    finally:
        if received is not None:
            with CancelScope(shield=True):
                await in_thread(received.close)


async def _begun(request: Request, desk: Desk, asking: Principal, filename: str, word: str, digest: str) -> Receiving:
    length = int(request.headers.get("content-length", "0"))
    if length > desk.mission.service.most_bytes + _MUCH_ELSE:
        raise Problem(413, f"one upload may have {desk.mission.service.most_bytes:,} bytes at most")
    asked = Asked(filename=filename, way=UploadWay.FORM, who=asking, room=length, word=word, digest=digest)
    upload = await in_thread(uploads.accept, desk, asked)
    return await in_thread(receiving.begin, desk, upload.word)


def _promised(request: Request, fields: Mapping[str, str]) -> str:
    told = fields.get("sha256", "")
    if told:
        digest = promised_digest(told)
        if digest is None:
            raise Problem(400, "the field sha256 must be 64 hexadecimal digits")
        return digest
    return header_digest(request.headers.get("repr-digest", "")) or ""


def _finished(received: Receiving, facts: Mapping[str, object], digest: str) -> Upload:
    received.describe(facts)
    if digest:
        received.promise(digest)
    return received.finish()


async def _fail(received: Receiving | None, reason: str) -> None:
    """Keep nothing of a form that was not taken."""
    if received is not None:
        with CancelScope(shield=True), suppress(DbprocError):
            await in_thread(received.fail, reason)
