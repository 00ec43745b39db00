"""Forms (``multipart/form-data``) as they come: fields are kept, files are handed on."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dbproc.service.problems import Problem

_MOST_PARTS = 200
_LONGEST_FIELD = 64 << 10


@dataclass(slots=True)
class Part:
    """A part of a form; a field has no `filename`."""

    name: str
    filename: str | None


@dataclass(slots=True)
class _Events:
    """What the parser has found: the beginnings of parts, pieces of what is in them, and None for their ends."""

    found: deque[Part | bytes | None] = field(default_factory=deque)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    count: int = 0
    is_whole: bool = False

    def begin(self) -> None:
        """A part begins."""
        self.count += 1
        self.headers = {}
        if self.count > _MOST_PARTS:
            raise Problem(413, f"the form has more than {_MOST_PARTS} parts")

    def header_name(self, data: bytes, start: int, end: int) -> None:
        """Some of the name of a header."""
        self.name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        """Some of the value of a header."""
        self.value += data[start:end]

    def header_end(self) -> None:
        """A header is whole."""
        self.headers[bytes(self.name).lower()] = bytes(self.value)
        self.name.clear()
        self.value.clear()

    def headers_end(self) -> None:
        """What is in the part begins."""
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise Problem(400, "a part of the form has no name")
        filename = options.get(b"filename")
        self.found.append(Part(_text(options[b"name"]), None if filename is None else _text(filename)))

    def data(self, data: bytes, start: int, end: int) -> None:
        """Some of what is in the part."""
        self.found.append(data[start:end])

    def end(self) -> None:
        """The part is whole."""
        self.found.append(None)

    def finish(self) -> None:
        """The form is whole."""
        self.is_whole = True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "the form has names that are not UTF-8") from error


class Form:
    """A form that is being read, part by part."""

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise Problem(415, "send a form: Content-Type: multipart/form-data")
        self._events = events = _Events()
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": events.begin,
                    "on_header_field": events.header_name,
                    "on_header_value": events.header_value,
                    "on_header_end": events.header_end,
                    "on_headers_finished": events.headers_end,
                    "on_part_data": events.data,
                    "on_part_end": events.end,
                    "on_end": events.finish,
                },
            )
        except FormParserError as error:
            raise Problem(400, f"this is no form: {error}") from error
        self._body = request.stream()
        self._is_over = False

    async def parts(self) -> AsyncIterator[Part]:
        """The parts, in order; what is in one and was not read is passed over."""
        while (event := await self._next()) is not _OVER:
            if isinstance(event, Part):
                yield event
        if not self._events.is_whole:
            raise Problem(400, "the form has no end")

    async def content(self) -> AsyncIterator[bytes]:
        """What is in the part that was given last."""
        while isinstance(event := await self._next(), bytes):
            if event:
                yield event
        if event is _OVER:
            raise Problem(400, "the form ends in the middle of a part")

    async def text(self) -> str:
        """What is in the part that was given last, as text."""
        whole = bytearray()
        async for piece in self.content():
            whole += piece
            if len(whole) > _LONGEST_FIELD:
                raise Problem(413, f"a field of the form has more than {_LONGEST_FIELD:,} bytes")
        return _text(bytes(whole))

    async def _next(self) -> Part | bytes | object | None:
        while not self._events.found and not self._is_over:
            chunk = await anext(self._body, None)
            try:
                if chunk is None:
                    self._is_over = True
                    self._parser.finalize()
                else:
                    self._parser.write(chunk)
            except FormParserError as error:
                raise Problem(400, f"this is no form: {error}") from error
        return self._events.found.popleft() if self._events.found else _OVER


_OVER = object()


async def fields_of(request: Request) -> Mapping[str, str]:
    """The fields of a form without files."""
    form = Form(request)
    return {part.name: await form.text() async for part in form.parts()}
