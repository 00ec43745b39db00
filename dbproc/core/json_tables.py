"""Tables of a mission file that stand in one column: a JSON list of objects. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dbproc.core.keys import Codec, column_values, from_columns, keys


def tables_codec(kind: type[Any]) -> Codec:
    """The codec of a tuple of specifications of one kind that have a `name`; what is as by default is left out."""

    def to_column(tables: Sequence[Any]) -> str:
        return json.dumps([{"name": each.name} | _given(each) for each in tables], ensure_ascii=False)

    def from_column(text: str) -> tuple[Any, ...]:
        return tuple(kind(name=row["name"], **from_columns(kind, _Row(row))) for row in json.loads(text))

    return Codec(to_column, from_column)


def _given(table: Any) -> dict[str, object]:
    """The columns that are not as they would be by default; a key that must be given is always among them."""
    defaults = {each.column: each.in_column(each.default) for each in keys(type(table)) if not each.is_required}
    return {
        name: value for name, value in column_values(table).items() if name not in defaults or value != defaults[name]
    }


class _Row:
    """The keys of a JSON object as the columns of a row; what it lacks is null."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        return self._values.get(name)
