"""Values in a database that its columns cannot hold, written past dbproc: SQLite takes any value in any column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.types import Boolean, Date, Float, Integer, TypeEngine

from dbproc.database.schema import METADATA, UtcTime

_MOST = 100
"""The most misfits that are reported for one column."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that cannot be read as what its column holds."""

    row: str
    column: str
    value: str
    meant: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.row} holds {self.value} as {self.column}, which is not {self.meant}; {self.remedy}"


def misfits(connection: Connection) -> Iterator[Misfit]:
    """Every value that cannot be read, table by table; on a server its types leave no room for one."""
    if connection.dialect.name != "sqlite":
        return
    for table in METADATA.sorted_tables:
        doubtful = {column: _doubt(column) for column in table.columns}
        asked = ", ".join(f"max({doubt})" for doubt in doubtful.values())
        found = connection.exec_driver_sql(f'SELECT {asked} FROM "{table.name}"').one()
        for column, is_there in zip(table.columns, found, strict=True):
            if is_there:
                yield from _misfits_of(connection, table, column)


def _doubt(column: Column[Any]) -> str:
    """The condition that a value may not be what its column holds."""
    name = f'"{column.name}"'
    _, condition = _expected(column.type)
    return f"{name} IS NOT NULL AND ({condition.format(name)})"


def _misfits_of(connection: Connection, table: Table, column: Column[Any]) -> Iterator[Misfit]:
    meant, _ = _expected(column.type)
    keys = [key.name for key in table.primary_key.columns]
    names = ", ".join(f'"{name}"' for name in (column.name, *keys))
    found = 0
    for value, *key in connection.exec_driver_sql(f'SELECT {names} FROM "{table.name}" WHERE {_doubt(column)}'):
        if not _can_be_read(connection, column, value):
            found += 1
            row = " AND ".join(f"{name} = {each!r}" for name, each in zip(keys, key, strict=True))
            remedy = f'correct it by SQL: UPDATE {table.name} SET "{column.name}" = … WHERE {row}'
            yield Misfit(f"{table.name} ({row})", column.name, repr(value), meant, remedy)
        if found == _MOST:
            return


def _expected(kind: TypeEngine[Any]) -> tuple[str, str]:
    """What a column of a type holds, and a condition that every value which cannot be read as that meets."""
    if isinstance(kind, UtcTime):
        times = "strftime('%Y-%m-%d %H:%M:%S', {0}) IS NOT substr({0}, 1, 19)"
        return "a time as in 2024-05-01 00:00:00.000000", f"typeof({{0}}) <> 'text' OR length({{0}}) <> 26 OR {times}"
    if isinstance(kind, Date):
        return "a date as in 2024-05-01", "typeof({0}) <> 'text' OR date({0}) IS NOT {0}"
    if isinstance(kind, Boolean):
        return "0 or 1", "{0} NOT IN (0, 1)"
    if isinstance(kind, Integer):
        return "a whole number", "typeof({0}) <> 'integer'"
    if isinstance(kind, Float):
        return "a number", "typeof({0}) NOT IN ('integer', 'real')"
    return "text", "typeof({0}) <> 'text'"


def _can_be_read(connection: Connection, column: Column[Any], value: Any) -> bool:
    """Whether a value that is not written as dbproc does is one nevertheless."""
    if not isinstance(column.type, UtcTime | Date):
        return False
    process = column.type.dialect_impl(connection.dialect).result_processor(connection.dialect, None)
    try:
        return process is None or process(value) is not None
    except (TypeError, ValueError):
        return False
