"""A mission of another system as it enters an empty database: with the numbers that it had there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from dbproc.database import schema
from dbproc.database._queries import batches, insert_rows

IMPORT = "import"
"""The purpose of the row of a run that stands for an import."""

Row = Mapping[str, Any]
_ORDER = (
    *("mission", "satellite", "instrument", "product", "inspector", "process", "productprocesslink", "code"),
    *("codefile", "logging", "file", "filemember", "filefilelink", "filecodelink", "release", "processqueue"),
)


def is_empty(connection: Connection) -> bool:
    """Whether a database holds no mission."""
    return not connection.scalar(select(func.count()).select_from(schema.mission))


def enter(connection: Connection, rows: Mapping[str, Sequence[Row]]) -> None:
    """Enter rows by table, with their numbers; what is entered later gets the numbers after these."""
    for name in _ORDER:
        _insert(connection, schema.METADATA.tables[name], rows.get(name, ()))
    _go_on(connection, [schema.METADATA.tables[name] for name in rows])


def enter_attempts(connection: Connection, run_id: int, attempts: Iterable[tuple[Row, Sequence[int]]]) -> None:
    """Enter what was executed before, each with its inputs in their order."""
    attempt = schema.attempt
    for some in batches(list(attempts)):
        rows = [{"logging_id": run_id, **row} for row, _ in some]
        statement = insert(attempt).returning(attempt.c.attempt_id, sort_by_parameter_order=True)
        ids = connection.scalars(statement, rows)
        inputs = [
            {"attempt_id": attempt_id, "file_id": file_id, "position": position}
            for attempt_id, (_, file_ids) in zip(ids, some, strict=True)
            for position, file_id in enumerate(file_ids)
        ]
        insert_rows(connection, schema.attemptinput, inputs)


def _insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    for some in batches(rows):
        insert_rows(connection, table, some)


def _go_on(connection: Connection, tables: Iterable[Table]) -> None:
    """PostgreSQL counts by itself, whatever numbers were given."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        key = next(iter(table.primary_key.columns))
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": f'"{table.name}"', "column": key.name}
        )
        if sequence is not None and len(table.primary_key.columns) == 1:
            largest = connection.scalar(select(func.max(key)))
            if largest is not None:
                connection.execute(text("SELECT setval(:name, :value)"), {"name": sequence, "value": largest})
