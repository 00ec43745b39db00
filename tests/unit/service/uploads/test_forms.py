"""Forms, in whatever pieces their bytes come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import Request

from dbproc.service.problems import Problem
from dbproc.service.uploads.forms import Form

BODY = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="n \xc3\xa9.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"--y\r\n--x\r\n-\r\n"
    b'--x\r\nContent-Disposition: form-data; name="b"\r\n\r\n\r\n--x--\r\n'
).replace(b"\r\n--x\r\n-\r\n", b"\r\n--\r\n")


def request_of(body: bytes, length: int, kind: str = "multipart/form-data; boundary=x") -> Request:
    pieces = [body[at : at + length] for at in range(0, len(body), length)] + [b""]
    sent = iter([{"type": "http.request", "body": each, "more_body": each != b""} for each in pieces])

    async def receive() -> Any:
        return next(sent)

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}, receive)


def read(request: Request) -> list[tuple[str, str | None, bytes]]:
    async def parts() -> list[tuple[str, str | None, bytes]]:
        form, found = Form(request), []
        async for part in form.parts():
            found.append((part.name, part.filename, b"".join([piece async for piece in form.content()])))
        return found

    return asyncio.run(parts())


@pytest.mark.parametrize("length", [1, 2, 7, 1000])
def test_parts_are_what_was_sent(length: int) -> None:
    assert read(request_of(BODY, length)) == [("a", None, b"1"), ("file", "n é.txt", b"--y\r\n--"), ("b", None, b"")]


@pytest.mark.parametrize("body", [b"", b"none", BODY[:-40], b"--x\r\nX: 1\r\n\r\n1\r\n--x--\r\n", b"--x\r\n" * 9])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        read(request_of(body, 5))
    assert refused.value.status == 400


def test_other_bodies_and_endless_fields_are_refused() -> None:
    with pytest.raises(Problem, match="send a form"):
        Form(request_of(b"{}", 9, "application/json"))
    with pytest.raises(Problem, match="no form"):
        Form(request_of(b"", 9, f"multipart/form-data; boundary={'x' * 300}"))

    async def text(request: Request) -> str:
        form = Form(request)
        return "".join([await form.text() async for _ in form.parts()])

    endless = BODY.replace(b"1", b"1" * 70_000, 1)
    with pytest.raises(Problem, match="more than"):
        asyncio.run(text(request_of(endless, 1000)))
