"""Answers to what a person asks: frozen dataclasses, whose fields are the keys of their JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

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
            yield key_of(field), value


def shown_fields(kind: type) -> Iterator[tuple[Field[Any], object]]:
    """The fields of a kind of answers that have a key, with their types; those of an inline field in its place."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        if is_inline(field, hints):
            yield from shown_fields(hints[field.name])
        elif not ({"hidden", "inline"} & field.metadata.keys()):
            yield field, hints[field.name]


def is_inline(field: Field[Any], hints: Mapping[str, Any]) -> bool:
    """Whether in the place of a field stand the keys of another answer."""
    return "inline" in field.metadata and is_dataclass(hints[field.name])


def key_of(field: Field[Any]) -> str:
    """The key of a field."""
    name: str = field.metadata.get("key", field.name)
    return name


def extended(kind: type[Answer], answer: Any, **more: object) -> Answer:
    """An answer of a kind that has further fields: those of `answer`, and `more`."""
    return kind(**{field.name: getattr(answer, field.name) for field in fields(answer)}, **more)
