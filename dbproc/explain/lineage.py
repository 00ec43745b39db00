"""What came from what, and what waits for what."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dbproc.core.errors import NotFoundError
from dbproc.core.model import Definition, Process, Product, Slot
from dbproc.core.plan import Planner, State, descendants, needs
from dbproc.database import lineage as reading
from dbproc.database.planning import load_facts
from dbproc.database.store import Store, Transaction

Facts = dict[str, Any]
_DECIDED_AT_ONCE = 2000


def lineage(store: Store, name: str) -> Facts:
    """A file with everything that it came from and everything that came from it.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    with store.begin() as connection:
        file = reading.find_file(connection, name)
        ancestors = reading.related(connection, file["file_id"], ancestors=True)
        descendants = reading.related(connection, file["file_id"], ancestors=False)
        everything = [file, *ancestors, *descendants]
        ids = [row["file_id"] for row in everything]
        codes = reading.codes_of_files(connection, ids)
        links = reading.links_among(connection, ids)
        confirmed = reading.confirmations(connection, ids)
    for row in everything:
        row["code"] = codes.get(row["file_id"])
        row["confirmed"] = [each for each in confirmed if each["result"] == row["file_id"]]
    return {"file": file, "ancestors": ancestors, "descendants": descendants, "links": links}


def open_failures(connection: Transaction, definition: Definition, limit: int = 50) -> list[Facts]:
    """The attempts that failed or were refused, whose slots there still are, the latest first."""
    return reading.attempts_numbered(connection, standing_failures(connection, definition)[:limit])


def standing_failures(connection: Transaction, definition: Definition) -> list[int]:
    """The numbers of the attempts that failed or were refused, whose slots there still are, the latest first.

    A slot is no more when its process or product is retired, no code is for its date, or its inputs are gone or
    withdrawn; and nothing has failed any more when the output is up to date without it, unless it was forced.
    """
    failed = reading.failed_slots(connection)
    states: dict[Slot, State] = {}
    slots = sorted(slot for _, slot, _ in failed if slot.process_id in definition.processes)
    for start in range(0, len(slots), _DECIDED_AT_ONCE):
        states.update(_states(connection, definition, slots[start : start + _DECIDED_AT_ONCE]))
    return [
        number
        for number, slot, reasons in failed
        if (state := states.get(slot, State.NOT_DUE)) not in (State.NOT_DUE, State.NO_CODE)
        and (state is not State.UP_TO_DATE or any(reason.startswith("forced") for reason in reasons))
    ]


def _states(connection: Transaction, definition: Definition, slots: Sequence[Slot]) -> dict[Slot, State]:
    asked = needs(definition, slots)
    facts = load_facts(connection, definition, asked, slots)
    planner = Planner(definition, facts, asked, dt.datetime.now(dt.UTC))
    return {slot: planner.decide(slot).state for slot in slots}


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


def ancestry(facts: Facts) -> Iterable[tuple[int, Facts, bool]]:
    """The ancestors of a lineage as a tree: depth, file, and whether its own ancestors were listed before."""
    sources = defaultdict(list)
    for source, result in facts["links"]:
        sources[result].append(source)
    rows = {row["file_id"]: row for row in (facts["file"], *facts["ancestors"])}
    listed: set[int] = set()
    todo = [(0, facts["file"]["file_id"])]
    while todo:
        depth, file_id = todo.pop()
        seen = file_id in listed and bool(sources[file_id])
        yield depth, rows[file_id], seen
        listed.add(file_id)
        if not seen:
            below = sorted((source for source in sources[file_id] if source in rows), key=lambda i: rows[i]["filename"])
            todo.extend((depth + 1, source) for source in reversed(below))


def process_named(definition: Definition, name: str) -> Process:
    """The process of this name or number.

    Raises
    ------
    NotFoundError
        There is none; the message lists what there is.
    """
    numbered = {number: process.name for number, process in definition.processes.items()}
    return definition.processes[_number("process", numbered, name)]


def product_named(definition: Definition, name: str) -> Product:
    """The product of this name or number.

    Raises
    ------
    NotFoundError
        There is none; the message lists what there is.
    """
    numbered = {number: product.name for number, product in definition.products.items()}
    return definition.products[_number("product", numbered, name)]


def _number(kind: str, numbered: Mapping[int, str], wanted: str) -> int:
    for number, name in numbered.items():
        if wanted in (name, str(number)):
            return number
    raise NotFoundError(f"no {kind} {wanted}; the mission has: {', '.join(sorted(numbered.values())) or 'none'}")
