"""Moves that were announced: what a crash leaves half done is found here."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from sqlalchemy import Connection, delete, insert, select, update

from dbproc import schema
from dbproc.catalogue._select import batches

_BYTES = "bytes:"


@dataclass(frozen=True, slots=True)
class Move:
    """A file about to be moved; `purpose` is incoming, output or quarantine."""

    purpose: str
    source: str
    target: str
    digest: str = ""


def announce(connection: Connection, moves: Sequence[Move]) -> None:
    """Enter moves before they are made."""
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "purpose": move.purpose,
            "source": _text_of(move.source),
            "target": _text_of(move.target),
            "shasum": move.digest,
            "announced_time": now,
        }
        for move in moves
    ]
    if rows:
        connection.execute(insert(schema.placement), rows)


def withdraw(connection: Connection, moves: Sequence[Move]) -> None:
    """Forget moves: they were made and recorded, or undone."""
    for some in batches([_text_of(move.target) for move in moves]):
        connection.execute(delete(schema.placement).where(schema.placement.c.target.in_(some)))


def rename(connection: Connection, pairs: Sequence[tuple[Move, Move]]) -> None:
    """Have announced moves name other places: a move and what it is from now on."""
    for before, after in pairs:
        values = {"source": _text_of(after.source), "target": _text_of(after.target)}
        table = schema.placement
        connection.execute(update(table).where(table.c.target == _text_of(before.target)).values(values))


def announced(connection: Connection) -> list[Move]:
    """Every move that was neither recorded nor undone."""
    rows = connection.execute(select(schema.placement).order_by(schema.placement.c.placement_id)).mappings()
    return [Move(row["purpose"], _path_of(row["source"]), _path_of(row["target"]), row["shasum"]) for row in rows]


def _text_of(path: str) -> str:
    """A path as text that any database takes; one that is not UTF-8 is percent-encoded and marked."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _BYTES + quote(os.fsencode(path))
    return path


def _path_of(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text.removeprefix(_BYTES))) if text.startswith(_BYTES) else text
