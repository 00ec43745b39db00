"""How a mission stands: what failed, and what waits for it."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from dbproc.changes.edits import edits_in_words
from dbproc.core.candidates import descendants
from dbproc.core.errors import UserError
from dbproc.core.model import Definition, Slot
from dbproc.core.plan import State
from dbproc.database import attempts, lock, quarantine, queue, root, summary
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, Transaction
from dbproc.ingest.incoming import scan_mission
from dbproc.run.decide import decide, facts_in

Facts = dict[str, Any]

_LATEST = 10


def open_failures(connection: Transaction, definition: Definition, limit: int = 50) -> list[Facts]:
    """The attempts that failed or were refused, whose slots there still are, the latest first."""
    return attempts.attempts_numbered(connection, standing_failures(connection, definition)[:limit])


def standing_failures(connection: Transaction, definition: Definition) -> list[int]:
    """The numbers of the attempts that failed or were refused, whose slots there still are, the latest first.

    A slot is no more when its process or product is retired, no code is for its date, or its inputs are gone or
    withdrawn; and nothing has failed any more when the output is up to date without it, unless it was forced.
    """
    failed = attempts.failed_slots(connection)
    slots = sorted(slot for _, slot, _ in failed if slot.process_id in definition.processes)
    decisions = decide(definition, facts_in(connection, definition), slots, dt.datetime.now(dt.UTC))
    states = {decision.slot: decision.state for decision in decisions}
    return [
        number
        for number, slot, reasons in failed
        if (state := states.get(slot, State.NOT_DUE)) not in (State.NOT_DUE, State.NO_CODE)
        and (state is not State.UP_TO_DATE or any(reason.startswith("forced") for reason in reasons))
    ]


def waiting_for(definition: Definition, attempt: Facts) -> list[Facts]:
    """What waits for the output of a failed attempt, level by level: products (or processes without one) and dates."""
    if attempt["process_id"] not in definition.processes:
        return []
    slot = Slot(attempt["process_id"], attempt["date"], attempt["keywords"])
    return [
        {"waiting": _made_by(definition, each), "date": each.date, "keywords": each.keywords}
        for each in descendants(definition, slot)
    ]


def _made_by(definition: Definition, slot: Slot) -> str:
    process = definition.processes[slot.process_id]
    return process.name if process.output_product is None else definition.products[process.output_product].name


def mission_status(store: Store) -> Facts:
    """How the mission stands: lock, queue, incoming, products, what failed, what is in quarantine."""
    holder, problem = lock.seen(store), root.problem(store)
    with store.begin() as connection:
        definition = load_definition(connection)
        facts: Facts = {
            "mission": definition.mission.name,
            "root": definition.mission.root,
            "root_problem": problem,
            "lock": None if holder is None else lock.describe(holder),
            "queue": queue.length(connection),
            "last_run": next(iter(summary.last_runs(connection)), None),
            "products": _products(connection, definition),
            "failures": open_failures(connection, definition),
            **_quarantine(connection, definition),
        }
    for failure in facts["failures"]:
        failure["waiting"] = waiting_for(definition, failure)
    facts["edited_codes"] = edits_in_words(definition)
    try:
        found = scan_mission(definition)
        facts["incoming"] = {"settled": len(found.settled), "unsettled": found.unsettled}
    except UserError as error:
        facts["incoming"] = {"problem": str(error)}
    return facts


def _products(connection: Transaction, definition: Definition) -> list[Facts]:
    """The products in numbers: those of the mission file, and those retired of which files are left."""
    names = {product.name for product in definition.products.values()}
    return [row for row in summary.products_in_numbers(connection) if row["files"] or row["product"] in names]


def _quarantine(connection: Transaction, definition: Definition) -> Facts:
    """How many files are in quarantine, how many are recorded there and gone, and the latest that are there."""
    recorded = quarantine.stored_names(connection)
    try:
        there = set(os.listdir(definition.mission.quarantine))
    except FileNotFoundError:
        there = set()
    except OSError:  # nobody can tell; check says why
        there = set(recorded.values())
    numbers = [number for number, name in recorded.items() if name in there]
    return {
        "quarantine": len(numbers),
        "quarantine_gone": len(recorded) - len(numbers),
        "quarantined": [quarantine.entry(connection, number) for number in numbers[:_LATEST]],
    }
