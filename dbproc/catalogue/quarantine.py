"""The quarantine's records: what was refused, why, and where it is now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from dbproc import schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file that is refused; `verdicts` is a JSON list of each product's answer."""

    filename: str
    stored_name: str
    came_from: str
    reason: str
    message: str
    verdicts: str = "[]"
    size: int | None = None
    digest: str | None = None
    other_digest: str | None = None


def insert_entries(connection: Connection, run_id: int, entries: Sequence[Entry]) -> None:
    """Record refused files."""
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "filename": entry.filename,
            "stored_name": entry.stored_name,
            "came_from": entry.came_from,
            "reason": entry.reason,
            "message": entry.message,
            "verdicts": entry.verdicts,
            "file_size": entry.size,
            "shasum": entry.digest,
            "other_shasum": entry.other_digest,
            "quarantine_time": now,
            "logging_id": run_id,
        }
        for entry in entries
    ]
    if rows:
        connection.execute(insert(schema.quarantine), rows)


def count(connection: Connection) -> int:
    """How many files are in quarantine."""
    return (
        connection.scalar(
            select(func.count()).select_from(schema.quarantine).where(schema.quarantine.c.released_time.is_(None))
        )
        or 0
    )


def entries(connection: Connection, limit: int = 100) -> list[dict[str, Any]]:
    """What is in quarantine, the latest first."""
    statement = (
        select(schema.quarantine)
        .where(schema.quarantine.c.released_time.is_(None))
        .order_by(schema.quarantine.c.quarantine_id.desc())
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(statement).mappings()]
