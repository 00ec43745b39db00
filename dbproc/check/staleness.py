"""What is stale although nothing will look at it, what would not be made now, and what is queued although nothing will
come of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from dbproc.check.faults import Dequeue, Enqueue, Fault, Kind
from dbproc.core.candidates import Queued, consumers
from dbproc.core.facts import Output
from dbproc.core.model import Definition, File, Slot, Task
from dbproc.core.plan import Decision, Planner, State
from dbproc.core.slot_text import task_shown
from dbproc.core.states import AttemptStatus
from dbproc.database.audit import QueuedRow
from dbproc.database.waitingslots import WaitingRow
from dbproc.run.decide import FactsOf, candidates, planners


@dataclass(frozen=True, slots=True)
class Stale:
    """A slot to build, the sentence why, whether it is to wait, and whether it failed and is tried again by itself."""

    task: Task
    why: str
    waits: bool
    is_retried: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """The slots that are stale, and the faults of files that would not be made now."""

    stale: dict[Slot, Stale]
    undue: tuple[Fault, ...]


def judged(
    definition: Definition,
    newest: Iterable[Queued],
    built: Iterable[Slot],
    facts: FactsOf,
    doubtful: Collection[int],
    gone: Collection[int],
) -> Judgement:
    """Every slot that has inputs or an output, decided.

    Parameters
    ----------
    definition
        The mission.
    newest
        The newest existing files, as if they were queued.
    built
        The slots that something was built for.
    facts
        Asks the database.
    doubtful
        Files whose lineage is wrong: what they were made from cannot be told, and is not judged.
    gone
        Files that are not on disk: what was made from them stays, and nothing is to be said of it.
    """
    slots = {slot for slot, _ in candidates(definition, facts, consumers(definition), newest)}
    slots.update(slot for slot in built if _is_made_by_runs(definition, slot))
    ordered = sorted(slots, key=attrgetter("process_id", "date", "keywords"))
    stale: dict[Slot, Stale] = {}
    undue: list[Fault] = []
    for planner, some in planners(definition, facts, ordered, dt.datetime.now(dt.UTC)):
        for decision in map(planner.decide, some):
            outputs = [output for output in planner.standing(decision.slot) if output.exists]
            if decision.state in (State.STALE, State.WAITING) and decision.task is not None:
                found = _stale(planner, decision, decision.task, doubtful)
                stale.update({} if found is None else {decision.slot: found})
            elif decision.state is State.WITHDRAW:
                undue += [_to_withdraw(file, cause, decision.explanation) for file, cause in decision.withdraws]
            elif decision.state is State.NOT_DUE:
                undue += [_undue(output, decision.explanation) for output in outputs if _is_whole(output, gone)]
    return Judgement(stale, tuple(undue))


def _is_whole(output: Output, gone: Collection[int]) -> bool:
    """Whether a file was made, all that it was made from is still there, and it is not as it was imported."""
    is_made = output.code_id is not None and output.baseline is None
    return is_made and not any(file.file_id in gone for file in output.inputs)


def _undue(output: Output, explanation: str) -> Fault:
    return Fault(
        kind=Kind.UNDUE,
        place=output.file.filename,
        text=f"would not be made now: {explanation}",
        remedy="what is made from it still has it; put right what it was made from, or do without it",
    )


def _to_withdraw(file: File, cause: File, explanation: str) -> Fault:
    return Fault(
        kind=Kind.UNDUE,
        place=file.filename,
        text=f"is withdrawn by the next run, {explanation}",
        remedy="dbproc check --repair queues what it was made from; the next run withdraws it",
        cure=Enqueue((cause.file_id,), f"{cause.filename} is no input of {file.filename} any more"),
    )


def _is_made_by_runs(definition: Definition, slot: Slot) -> bool:
    """Whether a run makes the output of a slot: what has no inputs is made by hand alone."""
    process = definition.processes.get(slot.process_id)
    return process is not None and bool(process.inputs)


def _stale(planner: Planner, decision: Decision, task: Task, doubtful: Collection[int]) -> Stale | None:
    """What is to be built; None where nobody can tell."""
    facts, slot = planner.facts, decision.slot
    outputs = (output for product in task.process.outputs for output in facts.outputs.get((product, slot.date), ()))
    if any(output.file.file_id in doubtful for output in outputs):
        return None
    tried = facts.tried.get(slot)
    is_retried = tried is not None and tried.status == AttemptStatus.FAILED and tried.next_try is not None
    return Stale(task, decision.explanation, decision.state is State.WAITING, is_retried)


def forgotten(
    definition: Definition,
    stale: dict[Slot, Stale],
    queued: Sequence[Queued],
    waiting: Iterable[WaitingRow],
    facts: FactsOf,
) -> Iterator[Fault]:
    """The stale slots that no queued file leads to, that did not fail to be tried again, and that do not wait."""
    now = dt.datetime.now(dt.UTC)
    awaited = {slot for slot, _ in candidates(definition, facts, consumers(definition), queued)}
    awaited.update(row.slot for row in waiting if _will_be_looked_at(row, stale.get(row.slot), now))
    for slot, found in sorted(stale.items()):
        if slot not in awaited and not found.is_retried:
            yield _forgotten(definition, slot, found)


def _will_be_looked_at(row: WaitingRow, found: Stale | None, now: dt.datetime) -> bool:
    """Whether a slot waits rightly, or has waited long enough for the next run."""
    return found is not None and (found.waits or row.is_over(now))


def _forgotten(definition: Definition, slot: Slot, found: Stale) -> Fault:
    process = definition.processes[slot.process_id]
    made = process.name if process.output_product is None else definition.products[process.output_product].name
    inputs = tuple(file.file_id for file in found.task.inputs)
    return Fault(
        kind=Kind.STALE,
        place=f"{made} {task_shown(found.task)}",
        text=f"{found.why}; and no queued file leads to it",
        remedy="dbproc check --repair queues its inputs; the next run builds it",
        cure=Enqueue(inputs, f"stale: {found.why}"),
    )


def queued_in_vain(
    definition: Definition,
    stale: Collection[Slot],
    queued: Sequence[Queued],
    rows: Sequence[QueuedRow],
    facts: FactsOf,
) -> Iterator[Fault]:
    """The queued files that nothing will come of, now or when something else changes."""
    by_product = consumers(definition)
    found = candidates(definition, facts, by_product, queued)
    useful = {item.file_id for slot, item in found if slot in stale}
    forced = {item.file_id for item in queued if item.version_bump is not None}
    useful.update(item.file_id for item in queued if item.is_taken_back)
    taken = {item.file_id for item in queued if item.product_id in by_product}
    for row in rows:
        why = _why_in_vain(row, is_taken=row.file_id in taken)
        if why and row.file_id not in useful and not (row.file_id in forced and row.file_id in taken):
            yield Fault(
                kind=Kind.QUEUED_IN_VAIN,
                place=row.filename,
                text=f"is queued, and {why}",
                remedy="the next run takes it out of the queue; so does dbproc check --repair",
                cure=Dequeue(row.file_id, row.filename),
            )


def _why_in_vain(row: QueuedRow, *, is_taken: bool) -> str | None:
    if not is_taken:
        return "no process takes its product"
    if not row.exists:
        return "is gone; nothing is stale because of it"
    return None if row.is_newest else "a newer version of it is there; nothing is stale because of it"
