"""Reprocess on request: choose the slots of a selection, and give them to the next runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from dbproc.core.answers import INLINE
from dbproc.core.candidates import Queued, consumers
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.likeness import no_such
from dbproc.core.lookup import process_named, product_named
from dbproc.core.model import Definition, Period, Process, Product, Slot, Timebase
from dbproc.core.plan import Decision, State
from dbproc.core.slot_text import (
    EVERY_SLOT,
    SlotChoice,
    SlotShown,
    fields_of_processes,
    fields_of_product,
    has_key,
    require_fields,
    slot_shown,
)
from dbproc.core.version import Part, Version
from dbproc.database import attempts, campaigns, planning, queue, statistics
from dbproc.database import files as database_files
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.run.decide import candidates, decide, facts_in, periods_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A selection of outputs to make again; all given criteria must hold.

    Names may be numbers. With `as_inputs`, products, instrument, level and dates refer to inputs, as in dbprocessing;
    otherwise to outputs, and of a delivered product a key refers to its files. `with_runs`: what has no output, of
    timebase RUN, is done again, stale or not.
    """

    product: str | None = None
    process: str | None = None
    code: str | None = None
    code_version: str | None = None
    instrument: str | None = None
    level: float | None = None
    file: str | None = None
    slots: SlotChoice = EVERY_SLOT
    as_inputs: bool = False
    with_runs: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no criterion is given."""
        others = (each.name for each in fields(self) if each.name not in ("slots", "as_inputs", "with_runs"))
        return self.slots.is_empty and all(getattr(self, name) is None for name in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Order and limits of a campaign."""

    name: str | None = None
    newest_first: bool = False
    jobs_per_run: int | None = None
    cpu_hours_per_run: float | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenOutput:
    """An output to make again."""

    process: str  #: the name of its process
    slot: SlotShown = field(metadata=INLINE)
    output: str | None  #: its name; null: it cannot be made, or there is none
    why: str  #: why


@dataclass(frozen=True, slots=True)
class Chosen:
    """The slots of a selection."""

    definition: Definition
    slots: tuple[Slot, ...]  #: everything that is due
    decisions: tuple[Decision, ...]  #: those to build
    inputs: tuple[int, ...]  #: the files that it is made from

    def runs(self) -> Chosen:
        """Those of timebase RUN alone."""
        known = self.definition.processes
        runs = tuple(each for each in self.decisions if known[each.slot.process_id].timebase is Timebase.RUN)
        return replace(self, decisions=runs)

    def outputs(self) -> tuple[ChosenOutput, ...]:
        """The outputs to build, for people."""
        return tuple(
            ChosenOutput(
                process=self.definition.processes[decision.slot.process_id].name,
                slot=slot_shown(self.definition.processes[decision.slot.process_id], decision.slot, decision.period),
                output=decision.task.output_name if decision.task else None,
                why=decision.explanation,
            )
            for decision in self.decisions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprocessed:
    """The outputs made again, and the way of doing it."""

    outputs: tuple[ChosenOutput, ...]  #: the outputs to make again
    campaign: str | None  #: the name of the campaign that makes it
    queued: int  #: how many files were queued of which it is made


def choose(store: Store, selection: Selection, part: Part | None) -> Chosen:
    """Choose the slots of a selection; `part` of each version is raised, or only stale slots are built.

    Raises
    ------
    UserError
        Nothing was selected, or a product cannot hold two versions.
    NotFoundError
        A name does not exist.
    """
    if selection.is_empty:
        raise UserError(
            "select what to make again: --product, --process, --code, --instrument, --level, --file, --start, --end, "
            "--key"
        )
    with store.begin() as connection:
        definition = load_definition(connection)
        selector = _Selector(connection, definition, selection)
        slots = sorted(set(selector.slots()))
        forced = _forced(definition, slots, part, selection)
        decisions = decide(definition, facts_in(connection, definition), slots, dt.datetime.now(dt.UTC), forced)
        decided = [each for each in decisions if _is_due(each)]
        if part is not None:
            _check_versions(definition, {each.slot.process_id for each in decided if each.state is State.REFUSED})
    stale = tuple(each for each in decided if each.state in (State.STALE, State.REFUSED))
    used = dict.fromkeys(file.file_id for each in stale if each.task for file in each.task.inputs)
    return Chosen(definition, tuple(each.slot for each in decided), stale, tuple(used))


def queue_inputs(store: Store, chosen: Chosen) -> int:
    """Queue the inputs of a selection's stale outputs; return their number."""
    with store.begin() as connection:
        queue.push(connection, chosen.inputs, "reprocess")
    return len(chosen.inputs)


def begin_campaign(store: Store, chosen: Chosen, part: Part | None, order: Order) -> str:
    """Record a campaign that makes the chosen slots again; return its name."""
    slots = [decision.slot for decision in chosen.decisions]
    with store.begin() as connection:
        name = order.name or campaigns.free_name(connection, f"reprocess {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}")
        campaigns.create(
            connection,
            name,
            slots,
            part=part,
            newest_first=order.newest_first,
            jobs_per_run=order.jobs_per_run,
            cpu_hours_per_run=order.cpu_hours_per_run,
            comment=order.comment,
        )
    return name


class _Selector:
    """Finds the slots of a selection."""

    def __init__(self, connection: Any, definition: Definition, selection: Selection) -> None:
        self._connection = connection
        self._definition = definition
        self._selection = selection

    def slots(self) -> Iterator[Slot]:
        """All slots that match the selection, due or not."""
        chosen = self._selection
        processes = self.processes()
        self._require_fields(processes)
        if chosen.code is not None:
            found: Iterable[Slot] = database_files.made_by(self._connection, self._codes(chosen.code))
        elif chosen.file is not None:
            found = self._slots_of_file(chosen.file)
        else:
            found = self._candidates(processes)
        if chosen.file is not None and chosen.code is not None:
            found = set(found) & set(self._slots_of_file(chosen.file))
        slots = [slot for slot in found if slot.process_id in processes]
        return iter(slots) if chosen.as_inputs else self._within(slots)

    def processes(self) -> set[int]:
        """The processes that match the selection."""
        chosen, known = self._selection, self._definition.processes
        found = set(known)
        if chosen.process is not None:
            found = {self._process_named(chosen.process).process_id}
        if chosen.as_inputs:
            products = self._products()
            return {number for number in found if any(each.product_id in products for each in known[number].inputs)}
        if chosen.product is not None:
            found &= self._makers(product_named(self._definition, chosen.product).product_id)
        if chosen.instrument is not None or chosen.level is not None:
            products = self._products()
            found = {number for number in found if products.intersection(known[number].outputs)}
        if chosen.process is None and chosen.file is None:
            found = {number for number in found if known[number].outputs}
        return found

    def _products(self) -> set[int]:
        """The products of the given instrument and level."""
        chosen = self._selection
        found = set(self._definition.products)
        if chosen.product is not None and chosen.as_inputs:
            found = {product_named(self._definition, chosen.product).product_id}
        if chosen.instrument is not None:
            found &= self._products_of_instrument(chosen.instrument)
        return {
            number
            for number in found
            if chosen.level is None or self._definition.products[number].level == chosen.level
        }

    def _products_of_instrument(self, name: str) -> set[int]:
        numbers = planning.instruments(self._connection)
        found = {
            product.product_id
            for product in self._definition.products.values()
            if name in (product.instrument, str(numbers.get(product.product_id)))
        }
        if not found:
            names = {product.instrument for product in self._definition.products.values()}
            raise NotFoundError(no_such("instrument", name, names))
        return found

    def _makers(self, product_id: int) -> set[int]:
        """The processes that make a product; for a delivered one, those that use it."""
        known = self._definition.processes.values()
        makers = {process.process_id for process in known if product_id in process.outputs}
        return makers or {
            process.process_id for process in known if any(each.product_id == product_id for each in process.inputs)
        }

    def _process_named(self, name: str) -> Process:
        process = process_named(self._definition, name)
        if process.timebase is Timebase.STARTUP:
            raise UserError(f"process {process.name} is of timebase STARTUP: every run runs it anyhow")
        return process

    def _codes(self, name: str) -> list[int]:
        """The codes by file name, process or number, of one version or all."""
        known = statistics.codes_of(self._connection)
        names = {process.process_id: process.name for process in self._definition.processes.values()}
        found = {
            each.code_id: each.version
            for each in known
            if name in (each.name, names.get(each.process_id), str(each.code_id))
        }
        if not found:
            raise NotFoundError(no_such("code", name, {each.name for each in known}))
        wanted = self._selection.code_version
        if wanted is None:
            return list(found)
        numbers = [number for number, version in found.items() if version == Version.parse(wanted)]
        if not numbers:
            present = ", ".join(map(str, sorted(set(found.values()))))
            raise NotFoundError(f"code {name} has no version {wanted}; there is: {present}")
        return numbers

    def _slots_of_file(self, name: str) -> Iterator[Slot]:
        """The slots that make a file; for a delivered one, those that use it."""
        row = database_files.find_file(self._connection, name)
        attempt = attempts.attempt_of_output(self._connection, row.file_id)
        if attempt is not None:
            yield attempt.place
        else:
            span = Period(row.start, row.stop)
            file = Queued(row.file_id, row.product_id, row.date, row.keywords, (span,))
            yield from self._depending([file], self._definition.processes)

    def _candidates(self, processes: Collection[int]) -> Iterator[Slot]:
        known = self._definition.processes
        products = {link.product_id for number in processes for link in known[number].inputs}
        if self._selection.as_inputs:
            products &= self._products()
        files = queue.newest(self._connection, products)
        if self._selection.as_inputs:
            files = [file for file in files if self._is_dated_within(file)]
        elif self._delivered is not None and self._selection.slots.key:
            number, key = self._delivered.product_id, self._selection.slots.key
            files = [file for file in files if file.product_id == number and has_key(file.keywords, key)]
        return self._depending(files, processes)

    def _depending(self, files: Iterable[Queued], processes: Collection[int]) -> Iterator[Slot]:
        facts = facts_in(self._connection, self._definition)
        slots = (slot for slot, _ in candidates(self._definition, facts, consumers(self._definition), files))
        return (slot for slot in slots if slot.process_id in processes)

    def _within(self, slots: Sequence[Slot]) -> Iterator[Slot]:
        """The slots that have a moment of the given time, and the given key."""
        choice = self._selection.slots
        if self._delivered is not None:
            choice = replace(choice, key="")
        periods = periods_of(self._definition, facts_in(self._connection, self._definition), slots)
        known = self._definition.processes
        return (slot for slot in slots if choice.has(known[slot.process_id], slot, periods.get(slot)))

    @cached_property
    def _delivered(self) -> Product | None:
        """The given product, when no process makes it."""
        name = self._selection.product
        if name is None or self._selection.as_inputs:
            return None
        product = product_named(self._definition, name)
        is_made = any(product.product_id in process.outputs for process in self._definition.processes.values())
        return None if is_made else product

    def _require_fields(self, processes: Collection[int]) -> None:
        """Refuse a key that nothing selected has."""
        key = self._selection.slots.key
        if self._delivered is not None:
            require_fields(key, fields_of_product(self._delivered), f"product {self._delivered.name}")
            return
        require_fields(key, fields_of_processes(self._definition, processes), "what is selected")

    def _is_dated_within(self, file: Queued) -> bool:
        start, end = self._selection.slots.span.days
        return start <= file.date <= end


def _forced(definition: Definition, slots: Sequence[Slot], part: Part | None, selection: Selection) -> dict[Slot, Part]:
    """What is made again though it is up to date."""
    if part is not None:
        return dict.fromkeys(slots, part)
    known = definition.processes
    runs = (slot for slot in slots if selection.with_runs and known[slot.process_id].timebase is Timebase.RUN)
    return dict.fromkeys(runs, Part.REVISION)


def _check_versions(definition: Definition, processes: Iterable[int]) -> None:
    """Refuse to raise versions of products whose names do not hold them."""
    for number in sorted(processes):
        for product_id in definition.processes[number].outputs:
            product = definition.products[product_id]
            if not product.compiled.has_version:
                raise UserError(
                    f"product {product.name} has no {{VERSION}} in its format {product.format!r}, so its files cannot "
                    "be made again beside those that there are; add {VERSION} to the format, or leave it out of the "
                    "selection"
                )


def _is_due(decision: Decision) -> bool:
    return decision.state not in (State.NOT_DUE, State.NO_CODE)
