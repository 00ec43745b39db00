"""Answers to what a person asks: frozen dataclasses, whose fields are the keys of their JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

Answer = TypeVar("Answer")

OPTIONAL = {"optional": True}
"""The metadata of a field whose key is missing where it is None."""

HIDDEN = {"hidden": True}
"""The metadata of a field that has no key."""

INLINE = {"inline": True}
"""The metadata of a field in whose place the keys of its value stand."""


def key(name: str) -> dict[str, str]:
    """The metadata of a field whose key is no name of Python's, or another one."""
    return {"key": name}


def entries(answer: Any) -> Iterator[tuple[str, object]]:
    """The keys of an answer with their values, in their order."""
    for field in fields(answer):
        value = getattr(answer, field.name)
        if "inline" in field.metadata:
            yield from value.items() if isinstance(value, Mapping) else entries(value)
        elif not ("hidden" in field.metadata or (value is None and "optional" in field.metadata)):
            yield field.metadata.get("key", field.name), value


def extended(kind: type[Answer], answer: Any, **more: object) -> Answer:
    """An answer of a kind that has further fields: those of `answer`, and `more`."""
    return kind(**{field.name: getattr(answer, field.name) for field in fields(answer)}, **more)
