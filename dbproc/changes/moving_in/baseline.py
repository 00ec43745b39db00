"""What is stale by dbproc's rules the moment a mission is taken over, and that it is taken as it is.

The one planner decides every slot that has inputs or an output. Of what it would make anew the present inputs and the
present code are recorded as what it counts as made from; so it is made when one of these changes, and no sooner.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from dbproc.changes.moving_in.history import IMPORTED
from dbproc.core.candidates import consumers
from dbproc.core.facts import Output
from dbproc.core.model import Definition, File, Slot, Task
from dbproc.core.plan import Decision, Planner, State, is_named_otherwise, valid_code
from dbproc.core.slot_text import task_shown
from dbproc.core.states import AttemptStatus, Standing
from dbproc.database import audit, baselines, moving_in, queue
from dbproc.database.baselines import CountsAs
from dbproc.database.definition.load import load_definition
from dbproc.database.files import files_numbered
from dbproc.database.store import Transaction
from dbproc.run.decide import FactsOf, candidates, decide, facts_in, planners
from dbproc.system.machine import user_name

NOT_MADE = "dbprocessing had not made it when the mission was imported"
NOT_RUN = "nothing tells when dbprocessing ran it; it counts as run with these inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleSlot:
    """What dbproc would make by its own rules."""

    process: str  #: the name of the process
    slot: str  #: the period and the key
    file: str | None  #: the file that stands there; null: none
    why: str  #: why it would be made


@dataclass(slots=True)
class Judged:
    """Files that would be made anew, what would be made at all, runs of timebase RUN; and how each is recorded. `idle`
    were queued, and lead to nothing."""

    stale: list[StaleSlot] = field(default_factory=list)
    missing: list[StaleSlot] = field(default_factory=list)
    runs: list[StaleSlot] = field(default_factory=list)
    inputs: dict[int, None] = field(default_factory=dict)  #: of all of these
    idle: list[int] = field(default_factory=list)
    files: dict[int, CountsAs] = field(default_factory=dict)
    attempts: list[tuple[dict[str, Any], Sequence[int]]] = field(default_factory=list)


def judge(connection: Transaction) -> Judged:
    """Decide every slot, but those that queued files lead to: these are decided by the next run."""
    definition = load_definition(connection)
    facts, takers = facts_in(connection, definition), consumers(definition)
    judged = Judged()
    awaited = _awaited(connection, definition, facts, judged)
    slots = {slot for slot, _ in candidates(definition, facts, takers, audit.newest_files(connection))}
    slots.update(slot for slot in audit.built_slots(connection) if _is_made_by_runs(definition, slot))
    ordered = sorted(slots - awaited, key=attrgetter("process_id", "date", "keywords"))
    for planner, some in planners(definition, facts, ordered, dt.datetime.now(dt.UTC)):
        for slot in some:
            _enter(judged, definition, planner, planner.decide(slot))
    return judged


def _awaited(connection: Transaction, definition: Definition, facts: FactsOf, judged: Judged) -> set[Slot]:
    """The slots that the next run decides because of queued files; files that are gone, or lead to nothing, leave the
    queue."""
    numbers, takers = sorted(queue.file_ids(connection)), consumers(definition)
    there = [file.file_id for file in files_numbered(connection, numbers) if file.standing is Standing.IN_PLACE]
    queued = queue.load(connection, there)
    pairs = list(candidates(definition, facts, takers, queued))
    slots = sorted({slot for slot, _ in pairs}, key=attrgetter("process_id", "date", "keywords"))
    decided = decide(definition, facts, slots, dt.datetime.now(dt.UTC))
    stale = {decision.slot for decision in decided if decision.state is State.STALE}
    useful = {item.file_id for slot, item in pairs if slot in stale}
    useful |= {item.file_id for item in queued if item.version_bump is not None and item.product_id in takers}
    judged.idle = [number for number in numbers if number not in useful]
    queue.remove(connection, judged.idle)
    return {slot for slot, item in pairs if item.file_id in useful}


def take_as_it_is(connection: Transaction, judged: Judged, run_id: int) -> None:
    """Record that nothing of it is to be made until something changes."""
    baselines.enter(connection, list(judged.files.values()))
    moving_in.enter_attempts(connection, run_id, judged.attempts)


def have_made(connection: Transaction, judged: Judged) -> None:
    """Queue the inputs of all of it: the next run makes it."""
    queue.push(connection, list(judged.inputs), IMPORTED)


def _is_made_by_runs(definition: Definition, slot: Slot) -> bool:
    process = definition.processes.get(slot.process_id)
    return process is not None and bool(process.inputs)


def _enter(judged: Judged, definition: Definition, planner: Planner, decision: Decision) -> None:
    task, lost = decision.task, dict[int, tuple[int, ...]]()
    if decision.state in (State.STALE, State.REFUSED) and task is not None:
        _enter_task(judged, planner, decision, task)
        return
    if decision.state is State.WITHDRAW:
        withdrawn = {file.file_id: file for file, _ in decision.withdraws}
        kept = [file for file in withdrawn.values() if file.standing is Standing.IN_PLACE]
        judged.stale += [_told(definition, decision, file) for file in kept]
        judged.inputs.update((cause.file_id, None) for _, cause in decision.withdraws)
    elif decision.state is State.NOT_DUE:
        made = [each for each in planner.standing(decision.slot) if each.exists and each.code_id is not None]
        kept = [each.file for each in made]
        lost = {each.file.file_id: _lost_inputs(each) for each in made}
    else:
        return
    inputs = tuple(file.file_id for file in planner.wanted(decision.slot))
    code = valid_code(definition.codes.get(decision.slot.process_id, ()), decision.slot.date)
    code_id = None if code is None else code.code_id
    taken = (CountsAs(file.file_id, code_id, (*inputs, *lost.get(file.file_id, ()))) for file in kept)
    judged.files.update((each.file_id, each) for each in taken)


def _lost_inputs(output: Output) -> tuple[int, ...]:
    """Those that are gone from disk: with them again, a file for which nothing is due is as it was."""
    return tuple(file.file_id for file in output.inputs if file.standing is Standing.LOST)


def _enter_task(judged: Judged, planner: Planner, decision: Decision, task: Task) -> None:
    inputs = tuple(file.file_id for file in task.inputs)
    judged.inputs.update(dict.fromkeys(inputs))
    told = StaleSlot(process=task.process.name, slot=str(task_shown(task)), file=None, why=task.why)
    if not task.outputs:
        judged.runs.append(told)
        judged.attempts.append((_attempt(task, AttemptStatus.SUCCEEDED), inputs))
        return
    for planned in task.outputs:
        former = planned.replaces
        if former is not None and former.standing is Standing.IN_PLACE:
            named = StaleSlot(process=told.process, slot=told.slot, file=former.filename, why=told.why)
            judged.stale.append(named)
            taken = CountsAs(former.file_id, task.code.code_id, inputs, is_named_otherwise(task))
            judged.files[former.file_id] = taken
        elif decision.state is State.STALE:
            judged.missing.append(told)
            judged.attempts.append((_attempt(task, AttemptStatus.FAILED), inputs))


def _told(definition: Definition, decision: Decision, file: File) -> StaleSlot:
    process = definition.processes[decision.slot.process_id]
    slot = f"{decision.slot.date} {decision.slot.keywords}".strip()
    return StaleSlot(process=process.name, slot=slot, file=file.filename, why=decision.explanation)


def _attempt(task: Task, status: AttemptStatus) -> dict[str, Any]:
    now, is_run = dt.datetime.now(dt.UTC), status is AttemptStatus.SUCCEEDED
    return {
        "process_id": task.slot.process_id,
        "utc_file_date": task.slot.date,
        "process_keywords": task.slot.keywords,
        "utc_start_time": task.period.start,
        "utc_stop_time": task.period.stop,
        "code_id": task.code.code_id,
        "code_shasum": task.code.digest or None,
        "status": status,
        "reasons": json.dumps([IMPORTED]),
        "command_line": "[]",
        "output_filename": task.output_name,
        "created_time": now,
        "end_time": now,
        "message": NOT_RUN if is_run else NOT_MADE,
        "dismissed_time": None if is_run else now,
        "dismissed_by": None if is_run else user_name(),
        "dismissed_reason": None if is_run else IMPORTED,
    }
