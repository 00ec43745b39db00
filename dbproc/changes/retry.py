"""Failed jobs that the next run is to try again, at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.core.model import Timebase
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice, fields_of_processes, require_fields
from dbproc.core.states import AttemptStatus
from dbproc.core.text import one_line
from dbproc.database import attempts, lock
from dbproc.database.attempts import AttemptRow
from dbproc.database.definition.load import load_definition
from dbproc.database.log import RETRY
from dbproc.database.store import Transaction
from dbproc.run.failures import standing_failures
from dbproc.run.selection import Options, allowed_processes

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Armed:
    """Failed jobs that are to be tried again."""

    jobs: int  #: how many the next run tries
    notes: tuple[str, ...]  #: what is to be known of those that it does not try, in sentences
    dismissed: int  #: how many are left out because they were dismissed


def retry(
    connection: Transaction,
    only: tuple[str, ...] | None = None,
    choice: SlotChoice = EVERY_SLOT,
    *,
    dismissed: bool = False,
    only_look: bool = False,
) -> Armed:
    """Have the next run try again what failed or was given up, or with `only_look` say what it would try.

    Parameters
    ----------
    connection
        A transaction; for a look it may be one that only reads.
    only
        The processes that are meant, by name or number; None: all.
    choice
        Their slots.
    dismissed
        Those that were dismissed, instead of the open ones.
    only_look
        Change nothing.

    Raises
    ------
    NotFoundError
        There is no such process or keyword.
    """
    definition = load_definition(connection)
    processes = allowed_processes(definition, Options(only=only))
    require_fields(choice.key, fields_of_processes(definition, processes), "what failed")
    meant = standing_failures(connection, definition, choice, dismissed=dismissed)
    rows = [row for row in attempts.attempts_numbered(connection, meant) if row.process_id in processes]
    if only_look:
        count = sum(1 for row in rows if row.timebase != Timebase.STARTUP)
    else:
        count = attempts.arm(connection, processes, meant)
        if count:
            lock.note(connection, RETRY, _meant(rows))
    others = 0 if dismissed else len(standing_failures(connection, definition, choice, dismissed=True))
    notes = tuple(note for row in rows if (note := _note(row)))
    return Armed(jobs=count, notes=notes, dismissed=others)


def _meant(rows: Sequence[AttemptRow]) -> str:
    """Which failures are tried again."""
    armed = [f"{row.process} {row.slot}".rstrip() for row in rows if row.timebase != Timebase.STARTUP]
    more = f" and {len(armed) - _MOST_NAMED} more" if len(armed) > _MOST_NAMED else ""
    return ", ".join(armed[:_MOST_NAMED]) + more


def _note(row: AttemptRow) -> str:
    """Why a failure is not tried by being armed; nothing of one that is."""
    if row.timebase == Timebase.STARTUP:
        return f"not {row.process}: every run begins with it anyhow"
    if row.status == AttemptStatus.REFUSED:
        why = one_line(row.message or "-")
        return f"{row.process} {row.slot} was not run, and will not be until this is mended: {why}"
    return ""
