"""What names a root by its absolute path, when a mission was moved or copied and has another root."""

from __future__ import annotations

import json

from sqlalchemy import Column, Connection, Table, func, literal, select, update

from dbproc.core.model import Move
from dbproc.database import moves, schema

_OF_SAMPLES = ("record", "report")
_PATHS = ("directory", "log")


def rename_root(connection: Connection, old: str, new: str) -> None:
    """Have announced moves, logs and samples of canaries name what is below `new`, where they named it below `old`.

    Else a copy of a mission would undo moves, and promote samples, in the directories of the original.
    """
    _rename_moves(connection, old, new)
    _rename_column(connection, schema.attempt, schema.attempt.c.log_path, old, new)
    _rename_samples(connection, old, new)


def _rename_moves(connection: Connection, old: str, new: str) -> None:
    before = moves.announced(connection)
    after = [
        Move(move.purpose, _renamed(move.source, old, new), _renamed(move.target, old, new), move.digest)
        for move in before
    ]
    moves.rename(connection, [(one, other) for one, other in zip(before, after, strict=True) if one != other])


def _rename_column(connection: Connection, table: Table, column: Column[str], old: str, new: str) -> None:
    prefix = f"{old}/"
    is_below = func.substr(column, 1, len(prefix)) == prefix
    renamed = literal(f"{new}/").concat(func.substr(column, len(prefix) + 1))
    connection.execute(update(table).where(is_below).values({column: renamed}))


def _rename_samples(connection: Connection, old: str, new: str) -> None:
    table = schema.canaryfile
    for row in connection.execute(select(table)).mappings().all():
        facts = {name: json.loads(row[name]) for name in _OF_SAMPLES}
        for each in facts.values():
            each.update({key: _renamed(each[key], old, new) for key in _PATHS if isinstance(each.get(key), str)})
        key = [column == row[column.name] for column in table.primary_key]
        connection.execute(update(table).where(*key).values({name: json.dumps(each) for name, each in facts.items()}))


def _renamed(path: str, old: str, new: str) -> str:
    return f"{new}/{path.removeprefix(f'{old}/')}" if path.startswith(f"{old}/") else path
