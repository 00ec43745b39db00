"""Work requested directly, not through the queue: ``--startup``, ``run-process``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dbproc.core.candidates import Queued, consumers
from dbproc.core.errors import UserError
from dbproc.core.events import Event, Report
from dbproc.core.lookup import process_named
from dbproc.core.model import Definition, Process, Slot, Timebase
from dbproc.core.plan import Decision, Planner, State, named
from dbproc.core.slot_text import SlotChoice, fields_of_process, require_fields, slot_words
from dbproc.core.version import Part, Version
from dbproc.database import queue
from dbproc.database.store import Store
from dbproc.run.decide import facts_of, planners, slots_in
from dbproc.run.scheduler import Settled

_MOST_DAYS = 100_000
_SHOWN = 3
_LEFT_OUT = "left out by run-process --no-optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One process and the slots to run it for.

    `only_stale`: leave up-to-date outputs alone, otherwise make them again. `force`: the part of the version to raise,
    stale or not. `with_optional`: use optional inputs. `version`: what outputs get, whatever version there is.
    """

    process: str
    slots: SlotChoice
    only_stale: bool = False
    force: Part | None = None
    with_optional: bool = True
    version: Version | None = None


class OnDemand:
    """A source of decisions made beforehand; the queue stays as it is."""

    def __init__(self, definition: Definition, decisions: Sequence[Decision]) -> None:
        self._done_with: list[int] = []
        self._decisions = decisions
        self._taken = consumers(definition)

    def decide(self) -> Iterator[Decision]:
        """Every decision, once."""
        decisions, self._decisions = self._decisions, ()
        yield from decisions

    def settle(self, slots: Iterable[Slot]) -> Settled:
        """Settle the files that nothing is made from, and what waited for its time."""
        done, self._done_with = self._done_with, []
        return Settled(done, waited=tuple(slots))

    def enqueue(self, queued: Sequence[Queued]) -> None:
        """Leave new files to the next run; those that nothing depends on leave the queue."""
        self._done_with += [item.file_id for item in queued if item.product_id not in self._taken]

    def reopen(self, slots: Iterable[Slot]) -> None:
        """Nothing is decided again: what is to be withdrawn is left to the next run."""


def narrowed(definition: Definition, request: Request) -> Definition:
    """The definition with the process as requested: without optional inputs, if they are left out.

    Raises
    ------
    UserError
        The process cannot be run in this way; the message says what is possible.
    """
    process = process_named(definition, request.process)
    _refuse_nonsense(definition, process, request)
    if request.with_optional or not process.inputs:
        return definition
    required = tuple(link for link in process.inputs if not link.optional)
    if not required:
        raise UserError(f"process {process.name} has optional inputs alone; without them there is nothing to run it on")
    processes = {**definition.processes, process.process_id: replace(process, inputs=required)}
    return replace(definition, processes=processes)


def _refuse_nonsense(definition: Definition, process: Process, request: Request) -> None:
    first, last = request.slots.span.days
    days = (last - first).days + 1
    if days > _MOST_DAYS:
        raise UserError(f"{first} to {last} are {days} days; give at most {_MOST_DAYS} at a time")
    if process.timebase is Timebase.STARTUP:
        raise UserError(
            f"process {process.name} of timebase STARTUP has no dates: every run begins with it; "
            f"to run it now: dbproc process --only {process.name}"
        )
    require_fields(request.slots.key, fields_of_process(definition, process), f"process {process.name}")
    if request.force is None:
        return
    for product in (definition.products[product_id] for product_id in process.outputs):
        if not product.compiled.has_version:
            raise UserError(
                f"product {product.name} has no {{VERSION}} in its format {product.format!r}, so no part of a version "
                "can be forced to rise; add {VERSION} to the format, or leave --force out"
            )


def leave_out(store: Store, definition: Definition, request: Request) -> None:
    """Queue the optional inputs that the request leaves out: a later run uses them."""
    if request.with_optional:
        return
    process = process_named(definition, request.process)
    optional = replace(process, inputs=tuple(link for link in process.inputs if link.optional))
    facts = facts_of(store, definition)
    slots = slots_in(definition, facts, process, request.slots)
    narrow = replace(definition, processes={process.process_id: replace(optional, outputs=())})
    found = {
        file.file_id
        for planner, _ in planners(narrow, facts, slots, dt.datetime.now(dt.UTC))
        for index in (planner.facts.by_time, planner.facts.by_date, planner.facts.by_start)
        for files in index.values()
        for file in files
    }
    with store.begin() as connection:
        queue.push(connection, sorted(found), _LEFT_OUT)


def decisions_of(store: Store, definition: Definition, request: Request) -> list[Decision]:
    """Decide each slot of the request, with a :func:`narrowed` definition.

    Failed slots run without delay, and waiting ones at once; what cannot or need not run has its reason.
    """
    process = process_named(definition, request.process)
    facts = facts_of(store, definition)
    slots = slots_in(definition, facts, process, request.slots)
    planned = planners(definition, facts, slots, dt.datetime.now(dt.UTC))
    decisions = [_decided(planner, slot, request) for planner, some in planned for slot in some]
    return [_of_version(definition, each, request.version) for each in decisions]


def _of_version(definition: Definition, decision: Decision, version: Version | None) -> Decision:
    if version is None or decision.task is None:
        return decision
    return replace(decision, task=named(decision.task, definition.products, version))


def _decided(planner: Planner, slot: Slot, request: Request) -> Decision:
    decision = planner.decide(slot, request.force)
    if decision.state is State.UP_TO_DATE and not request.only_stale:
        decision = planner.decide(slot, Part.REVISION)
    if decision.state in (State.DELAYED, State.WAITING):
        return replace(decision, state=State.STALE)
    if decision.state is State.WITHDRAW:
        return replace(decision, state=State.NOT_DUE, explanation=f"the next run {decision.explanation}")
    return decision


def tell_undue(report: Report, definition: Definition, decisions: Iterable[Decision]) -> None:
    """Report the slots for which nothing runs, once for each reason."""
    slots: dict[str, list[str]] = {}
    name = ""
    for decision in decisions:
        if decision.state in (State.NOT_DUE, State.NO_CODE, State.UP_TO_DATE):
            process = definition.processes[decision.slot.process_id]
            name, words = process.name, slot_words(process, decision.slot, decision.period)
            slots.setdefault(str(decision.state), []).append(f"{words} ({decision.explanation})")
    for state, listed in slots.items():
        report.add(Event.NOTE, name, f"{state}: {_few(listed)}")


def _few(items: Sequence[str]) -> str:
    """The first few of many."""
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
