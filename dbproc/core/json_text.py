"""JSON of any depth: the causes that ``why`` finds are nested as deep as a mission has levels."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass

from dbproc.core.answers import entries
from dbproc.core.version import Version

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class _Part:
    """A value with what stands before it, and how deep it is."""

    before: str
    value: object
    depth: int


def json_text(value: object) -> str:
    """A value as JSON, indented; dates and times as ISO text, and nothing in it that a terminal would act on."""
    text = _text(value, ensure_ascii=False)
    return text if text.replace("\n", "").isprintable() else _text(value, ensure_ascii=True)


def _text(value: object, *, ensure_ascii: bool) -> str:
    """As :func:`json.dumps` writes it, which recurs and so has an end."""
    encode = json.JSONEncoder(ensure_ascii=ensure_ascii, default=_as_text).encode
    written: list[str] = []
    todo: list[_Part | str] = [_Part("", value, 0)]
    while todo:
        part = todo.pop()
        if isinstance(part, str):
            written.append(part)
            continue
        written.append(part.before)
        inside = list(_inside(part, encode))
        if not inside:
            written.append(encode(part.value))
            continue
        opening, closing = "[]" if isinstance(part.value, list | tuple) else "{}"
        written.append(opening)
        todo.append(f"\n{_INDENT * part.depth}{closing}")
        todo.extend(reversed(inside))
    return "".join(written)


def _inside(part: _Part, encode: Callable[[object], str]) -> Iterator[_Part]:
    """What is in an object or a list; nothing is in any other value."""
    named: Iterable[tuple[str, object]] = ()
    if isinstance(part.value, Version):
        return
    if is_dataclass(part.value):
        named = ((f"{encode(name)}: ", value) for name, value in entries(part.value))
    elif isinstance(part.value, Mapping):
        named = ((f"{encode(str(name))}: ", value) for name, value in part.value.items())
    elif isinstance(part.value, list | tuple):
        named = (("", value) for value in part.value)
    comma = ""
    for name, value in named:
        yield _Part(f"{comma}\n{_INDENT * (part.depth + 1)}{name}", value, part.depth + 1)
        comma = ","


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)
