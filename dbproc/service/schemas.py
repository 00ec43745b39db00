"""Frozen answers as JSON Schema: what their fields hold, and what is said of them beside them."""

from __future__ import annotations

import datetime as dt
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from dbproc.core.answers import is_inline, key_of, shown_fields
from dbproc.core.version import Version

Schema = dict[str, Any]

_SCALARS: Mapping[object, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    Any: {},
    object: {},
    dt.date: {"type": "string", "format": "date"},
    dt.datetime: {"type": "string", "format": "date-time"},
    Version: {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
}
_AT = "#/components/schemas/"


def reference(kind: object, *, many: bool = False) -> Schema:
    """The schema of an answer of a kind, or of a list of such answers, by its name."""
    one = _schema(kind)
    return {"type": "array", "items": one} if many else one


def schemas_of(kinds: Iterable[object]) -> dict[str, Schema]:
    """The schemas of some kinds of answers, and of all that is in them, by their names."""
    found: dict[str, Schema] = {}
    todo = list(kinds)
    while todo:
        kind = todo.pop()
        if isinstance(kind, type) and is_dataclass(kind) and kind not in _SCALARS and kind.__name__ not in found:
            found[kind.__name__] = _object(kind)
            todo += [hint for _, hint in shown_fields(kind)]
        todo += get_args(kind)
    return dict(sorted(found.items()))


@cache
def field_comments(kind: type) -> Mapping[str, str]:
    """What stands behind the fields of a dataclass and of those that it extends."""
    hints = get_type_hints(kind)
    inline: list[type] = [hints[field.name] for field in fields(kind) if is_inline(field, hints)]
    said = {name: comment for each in inline for name, comment in field_comments(each).items()}
    for each in reversed(kind.__mro__):
        if is_dataclass(each):
            said.update(re.findall(r"^    (\w+): .*  #: (.+)$", inspect.getsource(each), re.M))
    return said


def _object(kind: type) -> Schema:
    said, shown = field_comments(kind), list(shown_fields(kind))
    properties: dict[str, Schema] = {}
    for field, hint in shown:
        comment = said.get(field.name, "").replace("``", "`")
        properties[key_of(field)] = {**_schema(hint), **({"description": comment} if comment else {})}
    return {
        "type": "object",
        "description": inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0],
        "properties": properties,
        "required": [key_of(field) for field, _ in shown if "optional" not in field.metadata],
        "additionalProperties": any("inline" in field.metadata for field in fields(kind)),
    }


def _schema(hint: object) -> Schema:
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    if isinstance(hint, UnionType):
        return _one_of(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return {"$ref": f"{_AT}{hint.__name__}"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [each.value for each in hint]}
    inner = get_args(hint)
    if isinstance(origin := get_origin(hint), type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(inner[1])}
    if origin is tuple and Ellipsis not in inner:
        return {
            "type": "array",
            "prefixItems": [_schema(each) for each in inner],
            "minItems": len(inner),
            "maxItems": len(inner),
        }
    return {"type": "array", "items": _schema(inner[0])}


def _one_of(hint: object) -> Schema:
    inner = [_schema(each) for each in get_args(hint)]
    kinds = [each.get("type") for each in inner]
    if all(set(each) == {"type"} for each in inner):
        return {"type": kinds}
    return {"anyOf": inner}
