"""What failed, by its cause: failures whose messages differ in names and numbers alone are one."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.core.slot_text import EVERY_SLOT, SlotChoice
from dbproc.database import attempts
from dbproc.database.attempts import AttemptRow
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, Transaction
from dbproc.run.failures import standing_failures

_NAME = re.compile(r"\S*\d\S*")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failures of one process that have the same cause."""

    process: str  #: the name of the process
    message: str  #: why the latest of them failed
    count: int  #: how many slots failed so and were not made good
    first: dt.datetime  #: when the first of them failed
    last: dt.datetime  #: when the last of them failed
    latest: int  #: the number of the latest attempt
    next_try: dt.datetime | None  #: when the first of them is tried again; null: not by itself


def failures_by_cause(store: Store, choice: SlotChoice = EVERY_SLOT) -> list[FailureGroup]:
    """What failed or was refused and was not made good since, the most frequent cause first."""
    with store.begin() as connection:
        return grouped(connection, standing_failures(connection, load_definition(connection), choice))


def grouped(connection: Transaction, numbers: Sequence[int]) -> list[FailureGroup]:
    """Attempts by their cause."""
    groups: dict[tuple[str, str], FailureGroup] = {}
    for row in attempts.messages_of(connection, numbers):
        cause = (row.process, _NAME.sub("…", row.message))
        before = groups.get(cause)
        groups[cause] = _one(row) if before is None else _both(before, _one(row))
    return sorted(groups.values(), key=lambda each: (-each.count, -each.latest))


def page_of_failures(
    store: Store, choice: SlotChoice, process: str | None, before: int | None, size: int, *, dismissed: bool = False
) -> list[AttemptRow]:
    """Some of what failed, the latest first: of a process, and `before` an attempt of a number."""
    with store.begin() as connection:
        definition = load_definition(connection)
        numbers = standing_failures(connection, definition, choice, dismissed=dismissed)
        found: list[AttemptRow] = []
        some = [number for number in numbers if before is None or number < before]
        for first in range(0, len(some), _AT_ONCE):
            rows = attempts.attempts_numbered(connection, some[first : first + _AT_ONCE])
            found += [row for row in rows if process is None or row.process == process]
            if len(found) >= size:
                break
    return found[:size]


_AT_ONCE = 500


def _one(row: attempts.Message) -> FailureGroup:
    return FailureGroup(
        process=row.process,
        message=row.message,
        count=1,
        first=row.time,
        last=row.time,
        latest=row.attempt_id,
        next_try=row.next_try,
    )


def _both(one: FailureGroup, other: FailureGroup) -> FailureGroup:
    latest = max(one, other, key=lambda each: each.latest)
    tries = [each.next_try for each in (one, other) if each.next_try is not None]
    return FailureGroup(
        process=one.process,
        message=latest.message,
        count=one.count + other.count,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        latest=latest.latest,
        next_try=min(tries, default=None),
    )
