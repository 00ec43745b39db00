"""What the next run would do and why, changing nothing: the facts of ``dbproc plan``."""

from __future__ import annotations

import datetime as dt
from typing import Any

from dbproc.changes.edits import edits_in_words
from dbproc.core.errors import UserError
from dbproc.core.model import Definition, Slot
from dbproc.core.plan import Decision, State, startup_decision
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.explain.status import open_failures
from dbproc.ingest.incoming import scan_mission
from dbproc.ingest.ingest import preview
from dbproc.products.inspection import Inspection
from dbproc.run.scheduler import Scheduler, products_downstream
from dbproc.run.selection import Options, allowed_processes, startup_processes

Facts = dict[str, Any]


def planned(store: Store, options: Options) -> Facts:
    """What the next run would ingest, build, and look at later.

    Returns
    -------
    dict
        ``incoming``: [name, sentence]; ``incoming_problem``: why it cannot be read; ``unsettled``: files left for
        later; ``edited_codes``; ``tasks`` to be built first; ``problems``: refused slots; ``failures``: what failed and
        waits; ``waiting``: slots decided later, with what they wait for; ``follows``: products that may be rebuilt
        after them.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
    facts: Facts = {}
    if options.ingest:
        facts.update(_arrived(store, definition, options))
    if options.process:
        facts["edited_codes"] = edits_in_words(definition)
        facts.update(_decisions(store, definition, options))
        with store.begin() as connection:
            failures = open_failures(connection, definition)
        facts["failures"] = [failure for failure in failures if not _is_due(failure)]
    return facts


def _arrived(store: Store, definition: Definition, options: Options) -> Facts:
    """What the next run would ingest; or why that cannot be seen."""
    try:
        found = scan_mission(definition, options.pattern)
    except UserError as error:
        return {"incoming": [], "unsettled": 0, "incoming_problem": str(error)}
    with Inspection(definition) as inspection:
        return {"incoming": preview(store, definition, inspection, found.settled), "unsettled": found.unsettled}


def _is_due(failure: Facts) -> bool:
    """Whether a failed job is tried again now, and so stands among the tasks."""
    next_try: dt.datetime | None = failure["next_try"]
    return next_try is not None and next_try <= dt.datetime.now(dt.UTC)


def _decisions(store: Store, definition: Definition, options: Options) -> Facts:
    allowed = allowed_processes(definition, options)
    scheduler = Scheduler(store, definition, allowed)
    scheduler.begin()
    decisions = [*_startup(definition, allowed), *scheduler.decide()]
    return {
        "tasks": [_decided(definition, decision) for decision in decisions if decision.state is State.STALE],
        "problems": [_decided(definition, decision) for decision in decisions if decision.state is State.REFUSED],
        "waiting": [_waits(definition, slot, cause) for slot, cause in sorted(scheduler.waiting().items())],
        "follows": sorted(products_downstream(definition, decisions)),
    }


def _startup(definition: Definition, allowed: frozenset[int]) -> list[Decision]:
    today = dt.datetime.now(dt.UTC).date()
    return [startup_decision(definition, process, today) for process in startup_processes(definition, allowed)]


def _decided(definition: Definition, decision: Decision) -> Facts:
    task = decision.task
    return {
        **_slot(definition, decision.slot),
        "state": str(decision.state),
        "output": task.output_name if task else None,
        "outputs": [planned.name for planned in task.outputs] if task else [],
        "inputs": [file.filename for file in task.inputs] if task else [],
        "why": decision.explanation,
    }


def _waits(definition: Definition, slot: Slot, cause: tuple[int, dt.date]) -> Facts:
    return {**_slot(definition, slot), "waits_for": f"{definition.processes[cause[0]].name} {cause[1]}"}


def _slot(definition: Definition, slot: Slot) -> Facts:
    return {
        "process": definition.processes[slot.process_id].name,
        "date": slot.date.isoformat(),
        "keywords": slot.keywords,
    }
