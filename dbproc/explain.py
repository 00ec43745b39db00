"""Why a file is as it is, why a file is not there, and what came from what."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from dbproc.catalogue import reading
from dbproc.catalogue.definition import load_definition
from dbproc.catalogue.facts import load_facts
from dbproc.errors import NotFoundError
from dbproc.model import Definition, Process, Product, Slot
from dbproc.periods import period_start
from dbproc.plan import Decision, Planner, descendants, needs
from dbproc.store import Store

Facts = dict[str, Any]


def why_file(store: Store, name: str) -> Facts:
    """How a file came to be: delivered, or made from what, by which code, for which reasons; and how it stands now.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        file = reading.find_file(connection, name)
        facts: Facts = {
            "file": file,
            "attempt": reading.attempt_of_output(connection, file["file_id"]),
            "inputs": reading.inputs_of_file(connection, file["file_id"]),
            "codes": reading.codes_of_file(connection, file["file_id"]),
            "confirmed": reading.confirmations(connection, [file["file_id"]]),
        }
        newest = reading.files_of_slot(connection, file["product_id"], file["date"])
        facts["newest"] = next(row["filename"] for row in newest if row["keywords"] == file["keywords"])
    maker = _maker(definition, file["product_id"])
    if maker is not None:
        decision = _decide(store, definition, [_slot_of(maker, file["date"], facts)])[0]
        facts["state"], facts["explanation"] = str(decision.state), decision.explanation
    return facts


def why_date(store: Store, product_name: str, date: dt.date) -> Facts:
    """Why a product has the files that it has for a date, or has none.

    Raises
    ------
    NotFoundError
        There is no such product.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        product = product_named(definition, product_name)
        files = reading.files_of_slot(connection, product.product_id, date)
        maker = _maker(definition, product.product_id)
        attempt = None
        if maker is not None:
            date = period_start(maker.timebase, date)
            attempt = reading.last_attempt(connection, maker.process_id, date)
    facts: Facts = {"product": product.name, "date": date, "files": files, "last_attempt": attempt}
    if maker is None:
        facts["state"] = "delivered" if files else "not delivered"
        facts["explanation"] = "no process makes this product; its files are delivered"
        return facts
    keywords = attempt["keywords"] if attempt else ""
    decision = _decide(store, definition, [Slot(maker.process_id, date, keywords)])[0]
    return {**facts, "process": maker.name, "state": str(decision.state), "explanation": decision.explanation}


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


def product_named(definition: Definition, name: str) -> Product:
    """The product of this name.

    Raises
    ------
    NotFoundError
        There is none; the message lists what there is.
    """
    for product in definition.products.values():
        if name in (product.name, str(product.product_id)):
            return product
    names = ", ".join(sorted(product.name for product in definition.products.values())) or "none"
    raise NotFoundError(f"no product {name}; the mission has: {names}")


def _maker(definition: Definition, product_id: int) -> Process | None:
    makers = (process for process in definition.processes.values() if product_id in process.outputs)
    return next(makers, None)


def _slot_of(maker: Process, date: dt.date, facts: Facts) -> Slot:
    attempt = facts["attempt"]
    return Slot(maker.process_id, date, attempt["keywords"] if attempt else "")


def _decide(store: Store, definition: Definition, slots: list[Slot]) -> list[Decision]:
    asked = needs(definition, slots)
    with store.begin() as connection:
        facts = load_facts(connection, definition, asked, slots)
    planner = Planner(definition, facts, asked, dt.datetime.now(dt.UTC))
    return [planner.decide(slot) for slot in slots]
