"""Failures of which a person says that nobody will mend them."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbproc.core.answers import INLINE
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice, SlotShown, fields_of_processes, require_fields
from dbproc.database import attempts
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Transaction
from dbproc.run.failures import standing_failures
from dbproc.run.selection import Options, allowed_processes


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissedFailure:
    """A failure that nobody will mend."""

    attempt_id: int  #: the number of the attempt that failed
    process: str  #: the name of the process
    slot: SlotShown = field(metadata=INLINE)
    message: str | None  #: what had failed


@dataclass(frozen=True, slots=True)
class Dismissals:
    """What is dismissed."""

    reason: str  #: why
    failures: tuple[DismissedFailure, ...]  #: which ones
    is_done: bool  #: whether it was done, not only foreseen


def dismiss(
    connection: Transaction,
    only: tuple[str, ...] | None,
    choice: SlotChoice = EVERY_SLOT,
    *,
    reason: str,
    only_look: bool = False,
) -> Dismissals:
    """Dismiss open failures, or with `only_look` say which ones.

    Parameters
    ----------
    connection
        A transaction; for a look it may be one that only reads.
    only
        The processes that are meant, by name or number; None: all.
    choice
        Their slots.
    reason
        Why; it is kept with them.
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
    rows = attempts.attempts_numbered(connection, standing_failures(connection, definition, choice))
    rows = [row for row in rows if row.process_id in processes]
    if not only_look:
        attempts.dismiss(connection, [row.attempt_id for row in rows], reason)
    failures = tuple(
        DismissedFailure(attempt_id=row.attempt_id, process=row.process, slot=row.slot, message=row.message)
        for row in rows
    )
    return Dismissals(reason=reason, failures=failures, is_done=not only_look)
