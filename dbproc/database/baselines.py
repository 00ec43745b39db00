"""What files count as made from that were made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from dbproc.database import schema
from dbproc.database._queries import insert_rows


@dataclass(frozen=True, slots=True)
class CountsAs:
    """A file, and the code and the files that it counts as made by and from; see
    :class:`dbproc.core.facts.Baseline`."""

    file_id: int
    code_id: int | None
    inputs: tuple[int, ...]
    other_name: bool = False


def enter(connection: Connection, rows: Sequence[CountsAs]) -> None:
    """Record it of files that have none of it yet."""
    codes = [{"resulting_file": row.file_id, "source_code": row.code_id, "other_name": row.other_name} for row in rows]
    inputs = [{"resulting_file": row.file_id, "source_file": number} for row in rows for number in row.inputs]
    insert_rows(connection, schema.baselinecode, codes)
    insert_rows(connection, schema.baseline, inputs)
