"""What OpenAPI says of tus: its protocol is one of headers."""

from __future__ import annotations

from typing import Any, Final

from dbproc.service.answers import CHANGING, Said, problems

VERSION: Final = "1.0.0"
TYPE: Final = "application/offset+octet-stream"

_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_TEXT: Final = {"type": "string"}

_SENT: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "Tus-Resumable": ({"type": "string", "enum": [VERSION]}, "the version of tus"),
    "Upload-Length": (_NUMBER, "the bytes of the whole file"),
    "Upload-Defer-Length": ({"type": "string", "enum": ["1"]}, "`1` instead of `Upload-Length`: it is told later"),
    "Upload-Metadata": (_TEXT, "`NAME BASE64`, …: `filename` is needed; `sha256`: the digest the file must have"),
    "Upload-Concat": (_TEXT, "`partial`, or `final;URL URL …` of the parts that the file is put together of"),
    "Upload-Checksum": (_TEXT, "`ALGORITHM BASE64`: the digest of the bytes of this request"),
    "Upload-Offset": (_NUMBER, "where these bytes go on"),
    "Repr-Digest": (_TEXT, "the digest that the whole file must have, as RFC 9530 writes it"),
    "X-HTTP-Method-Override": ({"type": "string", "enum": ["PATCH", "DELETE", "HEAD"]}, "what is meant"),
}
_TOLD: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "Tus-Resumable": (_TEXT, "the version of tus"),
    "Tus-Version": (_TEXT, "the versions of tus that are spoken"),
    "Tus-Extension": (_TEXT, "its extensions that are offered"),
    "Tus-Max-Size": (_NUMBER, "the bytes that a file may have"),
    "Tus-Checksum-Algorithm": (_TEXT, "what `Upload-Checksum` may name"),
    "Location": (_TEXT, "where the upload goes on"),
    "Upload-Offset": (_NUMBER, "how many bytes are there for good"),
    "Upload-Length": (_NUMBER, "the bytes of the whole file"),
    "Upload-Defer-Length": (_TEXT, "`1`: the client has not told the length"),
    "Upload-Metadata": (_TEXT, "what the client told of the file"),
    "Upload-Concat": (_TEXT, "that it is a part, or what it is put together of"),
    "Upload-Expires": (_TEXT, "when it is given up if no byte comes before"),
    "Cache-Control": (_TEXT, "`no-store`"),
}
_ALWAYS: Final = ("Tus-Resumable", "Cache-Control")


def takes(*names: str, needed: tuple[str, ...] = (), body: bool = False) -> dict[str, Any]:
    """The headers that an operation takes, those that are `needed` among them, and whether bytes come with it."""
    needed = ("Tus-Resumable", *needed)
    parameters = [
        {"name": name, "in": "header", "required": name in needed, "schema": schema, "description": words}
        for name, (schema, words) in _SENT.items()
        if name in (*needed, *names)
    ]
    content = {TYPE: {"schema": {"type": "string", "format": "binary"}}}
    return {"parameters": parameters, **({"requestBody": {"content": content}} if body else {})}


def gives(status: int, words: str, *names: str) -> Said:
    """What an operation answers, with its headers."""
    return {status: {"description": words, "headers": _told(*names)}}


def refuses(*statuses: int) -> Said:
    """How operations of tus refuse."""
    found = {status: {**said, "headers": _told()} for status, said in {**CHANGING, **problems(412, *statuses)}.items()}
    for status, name in ((412, "Tus-Version"), (409, "Upload-Offset")):
        found[status]["headers"] |= _told(name)
    return found


def _told(*names: str) -> dict[str, Any]:
    return {name: {"schema": _TOLD[name][0], "description": _TOLD[name][1]} for name in (*_ALWAYS, *names)}
