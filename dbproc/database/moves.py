"""Moves that were announced: what a crash leaves half done is found here."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes

from sqlalchemy import Connection, delete, select, update

from dbproc.core.model import Member, Move
from dbproc.core.states import Purpose
from dbproc.database import schema
from dbproc.database._queries import batches, insert_rows

_BYTES = "bytes:"


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
            "members": members_text(move.members),
        }
        for move in moves
    ]
    insert_rows(connection, schema.placement, rows)


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
    """Every move that was neither recorded nor undone, in the order in which they were announced."""
    rows = connection.execute(select(schema.placement).order_by(schema.placement.c.placement_id)).mappings()
    return [
        Move(
            purpose=Purpose(row["purpose"]),
            source=_path_of(row["source"]),
            target=_path_of(row["target"]),
            digest=row["shasum"],
            members=members_of(row["members"]),
        )
        for row in rows
    ]


def members_text(members: Sequence[Member]) -> str:
    """Members as they are kept beside the file that they belong to."""
    return json.dumps([[member.path, member.size, member.digest] for member in members])


def members_of(text: str) -> tuple[Member, ...]:
    """The members of :func:`members_text`."""
    return tuple(Member(*facts) for facts in json.loads(text))


def _text_of(path: str) -> str:
    """A path as text that any database takes; one that is not UTF-8 is percent-encoded and marked."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _BYTES + quote(os.fsencode(path))
    return path


def _path_of(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text.removeprefix(_BYTES))) if text.startswith(_BYTES) else text
