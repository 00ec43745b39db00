"""What waits for its period to be over or its inputs to be complete, and what should have come and is late."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from dbproc.core.answers import INLINE
from dbproc.core.expectations import Expected
from dbproc.core.lookup import product_named
from dbproc.core.model import NO_TIME, Definition
from dbproc.core.periods import MOMENT, extended
from dbproc.core.slot_text import SlotChoice, SlotShown, slot_shown, time_shown
from dbproc.database import planning, waitingslots
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, Transaction
from dbproc.run.decide import facts_in, periods_of

_LATE_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSlot:
    """What is to be made, and waits as its process says."""

    process: str  #: the name of the process
    product: str | None  #: the name of its first product
    slot: SlotShown = field(metadata=INLINE)
    until: dt.datetime | None  #: when it is made at the latest; null: when something comes
    why: str  #: why it is to be made, and what it waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFile:
    """A file that should have come."""

    slot: SlotShown = field(metadata=INLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateProduct:
    """A product of which files should have come."""

    product: str  #: its name
    count: int  #: how many files
    oldest: tuple[LateFile, ...]  #: the first few of them


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueFile:
    """A file that should have come."""

    product: str  #: the name of its product
    slot: SlotShown = field(metadata=INLINE)
    due: dt.datetime  #: when it became late


def waiting_slots(connection: Transaction, definition: Definition, choice: SlotChoice) -> Iterator[WaitingSlot]:
    """What is meant of what was found to wait by the last run that looked at it; not of processes that are retired."""
    rows = waitingslots.entries(connection)
    known = [row.slot for row in rows if row.slot.process_id in definition.processes]
    periods = periods_of(definition, facts_in(connection, definition), known)
    for row in rows:
        process = definition.processes.get(row.slot.process_id)
        if process is None or process.process_id not in definition.codes:
            continue
        if not choice.has(process, row.slot, periods.get(row.slot)):
            continue
        product = process.output_product
        yield WaitingSlot(
            process=process.name,
            product=None if product is None else definition.products[product].name,
            slot=slot_shown(process, row.slot, periods.get(row.slot)),
            until=row.until,
            why=row.why,
        )


def late_products(
    connection: Transaction, definition: Definition, choice: SlotChoice, now: dt.datetime
) -> Iterator[LateProduct]:
    """The products of which something that is meant is late, by their own words."""
    for product in definition.products.values():
        if product.late_after is None:
            continue
        late = planning.presence_of(connection, product).late(now, choice.span, choice.key, _LATE_SHOWN)
        if late.count:
            yield LateProduct(product=product.name, count=late.count, oldest=tuple(map(_late_file, late.oldest)))


def _late_file(late: Expected) -> LateFile:
    return LateFile(slot=time_shown(late.period, late.key))


def overdue_files(store: Store, products: Collection[str], choice: SlotChoice) -> Iterator[OverdueFile]:
    """All that is late of some products, or of every one, and is meant; product by product, the oldest first.

    Raises
    ------
    NotFoundError
        There is no product of a name.
    """
    now = dt.datetime.now(dt.UTC)
    with store.begin() as connection:
        definition = load_definition(connection)
        named = [product_named(definition, name) for name in products] or definition.products.values()
        for product in named:
            if product.late_after is not None:
                late = planning.presence_of(connection, product).late(now, choice.span, choice.key, sys.maxsize)
                yield from (_overdue(each, product.late_after) for each in late.oldest)


def _overdue(late: Expected, after: dt.timedelta) -> OverdueFile:
    due = extended(late.period, NO_TIME, after + MOMENT).stop
    return OverdueFile(product=late.product.name, slot=time_shown(late.period, late.key), due=due)
