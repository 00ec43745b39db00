"""Slots that wait as the ``build`` of their process says, once their queued files are settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, select

from dbproc.core.model import Slot
from dbproc.core.plan import Decision
from dbproc.database import schema
from dbproc.database._queries import batches, insert_rows, slot_columns

_WAITING = schema.waitingslot
_MOST_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A slot that waits: until when (None: until something comes), and the sentence why."""

    slot: Slot
    until: dt.datetime | None
    why: str

    def is_over(self, now: dt.datetime) -> bool:
        """Whether the time has come."""
        return self.until is not None and self.until <= now


def enter(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Record what was decided to wait, in the place of what was recorded of it before."""
    remove(connection, [decision.slot for decision in decisions])
    rows = [
        {
            **_values(decision.slot),
            "utc_start_time": decision.task.period.start,
            "utc_stop_time": decision.task.period.stop,
            "until_time": decision.until,
            "message": decision.explanation,
        }
        for decision in decisions
        if decision.task is not None
    ]
    insert_rows(connection, _WAITING, rows)


def remove(connection: Connection, slots: Iterable[Slot]) -> None:
    """These wait no longer."""
    names = ("process_id", "utc_file_date", "process_keywords")
    is_meant = (_WAITING.c[name] == bindparam(f"its_{name}") for name in names)
    statement = delete(_WAITING).where(*is_meant)
    rows = [{f"its_{name}": value for name, value in _values(slot).items()} for slot in slots]
    for some in batches(rows, _MOST_AT_ONCE):
        connection.execute(statement, list(some))


def remove_of_process(connection: Connection, process_id: int) -> None:
    """Nothing of a process waits any longer: all of it is looked at again."""
    connection.execute(delete(_WAITING).where(_WAITING.c.process_id == process_id))


def any_is_over(now: dt.datetime) -> ColumnElement[bool]:
    """Whether the time has come of something that waits."""
    return exists(select(_WAITING.c.process_id).where(_WAITING.c.until_time <= now))


def entries(connection: Connection) -> list[WaitingRow]:
    """All that waits, in the order of slots."""
    statement = select(*slot_columns(_WAITING), _WAITING.c.until_time, _WAITING.c.message)
    rows = (WaitingRow(Slot(*row[:3]), *row[3:]) for row in connection.execute(statement))
    return sorted(rows, key=attrgetter("slot"))


def over(connection: Connection, now: dt.datetime) -> list[Slot]:
    """The slots whose wait is over."""
    return [row.slot for row in entries(connection) if row.is_over(now)]


def _values(slot: Slot) -> dict[str, object]:
    return {"process_id": slot.process_id, "utc_file_date": slot.date, "process_keywords": slot.keywords}
