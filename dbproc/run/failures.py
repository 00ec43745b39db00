"""Jobs that failed, as far as there is still something to be made by them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from dbproc.core.model import Definition, Slot
from dbproc.core.plan import State
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice
from dbproc.database import attempts
from dbproc.database.attempts import AttemptRow
from dbproc.database.store import Transaction
from dbproc.run.decide import decide, facts_in, periods_of

_DAYS = 20


def open_failures(
    connection: Transaction,
    definition: Definition,
    choice: SlotChoice = EVERY_SLOT,
    limit: int = 50,
    *,
    dismissed: bool = False,
) -> list[AttemptRow]:
    """The failed or refused attempts whose slots are meant and still exist, latest first."""
    numbers = standing_failures(connection, definition, choice, dismissed=dismissed)
    return attempts.attempts_numbered(connection, numbers[:limit])


def standing_failures(
    connection: Transaction, definition: Definition, choice: SlotChoice = EVERY_SLOT, *, dismissed: bool = False
) -> list[int]:
    """The ids of the failed or refused attempts whose slots are meant and still exist, latest first; of those that
    nobody has dismissed, or of the `dismissed` ones.

    A slot no longer exists when its process or product is retired, no code is valid for its date, or its inputs are
    gone or withdrawn; a failure is over when the output is up to date without it, unless it was forced.
    """
    failed = attempts.failed_slots(connection, dismissed=dismissed)
    known, facts = definition.processes, facts_in(connection, definition)
    slots = sorted(slot for _, slot, _ in failed if slot.process_id in known)
    periods = periods_of(definition, facts, slots)
    slots = [slot for slot in slots if choice.has(known[slot.process_id], slot, periods.get(slot))]
    now = dt.datetime.now(dt.UTC)
    decisions = (each for some in _of_few_days(slots) for each in decide(definition, facts, some, now))
    states = {decision.slot: decision.state for decision in decisions}
    return [
        number
        for number, slot, reasons in failed
        if (state := states.get(slot, State.NOT_DUE)) not in (State.NOT_DUE, State.NO_CODE, State.WITHDRAW)
        and (state is not State.UP_TO_DATE or any(reason.startswith("forced") for reason in reasons))
    ]


def _of_few_days(slots: Sequence[Slot]) -> Iterator[list[Slot]]:
    """Slots, some at a time: of so few days that the facts of no others are loaded with theirs."""
    some: list[Slot] = []
    days: set[dt.date] = set()
    for slot in slots:
        if slot.date not in days and len(days) == _DAYS:
            yield some
            some, days = [], set()
        some.append(slot)
        days.add(slot.date)
    if some:
        yield some
