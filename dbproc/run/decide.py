"""From slots to decisions: load facts and decide, some thousand slots at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from dbproc.core.candidates import Needs, needs
from dbproc.core.facts import Facts
from dbproc.core.model import Definition, Slot
from dbproc.core.plan import Decision, Planner
from dbproc.core.version import Part
from dbproc.database.planning import load_facts
from dbproc.database.store import Store, Transaction

AT_ONCE = 2000

FactsOf = Callable[[Needs, Sequence[Slot]], Facts]
"""Gives the facts by which slots are decided: of the database, or of an overlay over it."""


def decide(
    definition: Definition,
    facts: FactsOf,
    slots: Sequence[Slot],
    now: dt.datetime,
    forced: Mapping[Slot, Part] | None = None,
) -> Iterator[Decision]:
    """Decide slots in their order.

    Facts are loaded lazily: those of later slots include what the caller did with earlier decisions. `forced` are slots
    to build even when up to date, with the part of the version to raise; it is looked up late, too.
    """
    parts = {} if forced is None else forced
    for planner, some in planners(definition, facts, slots, now):
        yield from (planner.decide(slot, parts.get(slot)) for slot in some)


def planners(
    definition: Definition, facts: FactsOf, slots: Sequence[Slot], now: dt.datetime
) -> Iterator[tuple[Planner, Sequence[Slot]]]:
    """Planners, each with the slots whose facts it has; for callers that need more than :func:`decide`."""
    for start in range(0, len(slots), AT_ONCE):
        some = slots[start : start + AT_ONCE]
        asked = needs(definition, some)
        yield Planner(definition, facts(asked, some), asked, now), some


def facts_in(transaction: Transaction, definition: Definition) -> FactsOf:
    """The facts of the database in one transaction."""
    return partial(load_facts, transaction, definition)


def facts_of(store: Store, definition: Definition) -> FactsOf:
    """The facts of the database, each time in a transaction of its own: none is open while decisions are used."""

    def facts(asked: Needs, slots: Sequence[Slot]) -> Facts:
        with store.begin() as transaction:
            return load_facts(transaction, definition, asked, slots)

    return facts
