"""Why a file is as it is, and why there is none: down to the cause, through all levels."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dbproc.changes.edits import Edit, find_edits
from dbproc.core.candidates import candidates, consumers
from dbproc.core.errors import NotFoundError, UserError
from dbproc.core.lookup import product_named
from dbproc.core.model import CodeEditPolicy, Definition, Input, Process, Product, Slot, Timebase
from dbproc.core.periods import period_end, period_start, period_starts
from dbproc.core.plan import Decision, Planner, State, valid_code
from dbproc.core.staleness import alternatives
from dbproc.database import attempts, lineage, quarantine, queue, summary
from dbproc.database import codes as database_codes
from dbproc.database import files as database_files
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store
from dbproc.ingest.incoming import Scan, finished_name, scan_mission
from dbproc.run.decide import facts_of, planners

Facts = dict[str, Any]

_MOST_DATES = 3
"""Of so many missing dates of one input the causes are looked for."""

_MOST_IN_QUARANTINE = 100_000


def why_file(store: Store, name: str) -> Facts:
    """How a file came to be: delivered, or made from what, by which code, for which reasons; and how it stands now.

    Returns
    -------
    dict
        ``file``; ``attempt``, ``inputs``, ``codes`` and ``made_with`` (other outputs of the attempt); ``newest``: the
        name of the newest version; for what a process makes ``state`` and ``explanation``, ``changes``: every component
        that is another one now, and ``upstream``: the files that it came from and that are not up to date themselves.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        file = database_files.find_file(connection, name)
        file_id = file["file_id"]
        attempt = attempts.attempt_of_output(connection, file_id)
        made = attempts.outputs_of_attempt(connection, attempt["attempt_id"]) if attempt else []
        facts: Facts = {
            "file": file,
            "confirmed": lineage.confirmations(connection, [file_id]),
            "attempt": attempt,
            "inputs": lineage.inputs_of_file(connection, file_id),
            "codes": database_codes.codes_of_file(connection, file_id),
            "made_with": [row["filename"] for row in made if row["file_id"] != file_id],
        }
        newest = database_files.files_of_slot(connection, file["product_id"], file["date"])
        facts["newest"] = next(row["filename"] for row in newest if row["keywords"] == file["keywords"])
        ancestors = lineage.related(connection, file_id, ancestors=True)
        slots = attempts.slots_of_files(connection, [file_id, *(row["file_id"] for row in ancestors)])
    maker = _maker(definition, file["product_id"])
    if maker is None:
        return facts
    inquiry = _Inquiry(store, definition)
    _name_choices(definition, maker, facts["inputs"])
    slot = slots.get(file_id, Slot(maker.process_id, file["date"]))
    decision = inquiry.decided(replace(slot, process_id=maker.process_id))
    facts["state"], facts["explanation"] = str(decision.state), decision.explanation
    facts["changes"] = list(_changes(store, inquiry, decision, facts["codes"]))
    facts["upstream"] = [
        {"file": row["filename"], "state": str(each.state), "explanation": each.explanation}
        for row in ancestors
        if row["file_id"] in slots and slots[row["file_id"]].process_id in definition.processes
        for each in [inquiry.decided(slots[row["file_id"]])]
        if each.state is not State.UP_TO_DATE
    ]
    return facts


def why_date(store: Store, product_name: str, date: dt.date) -> Facts:
    """Why a product has the files that it has for a date, or has none: the same facts for each cause below.

    Returns
    -------
    dict
        ``product``, ``date``, ``keywords``, ``state``, ``explanation``, ``details`` (sentences), ``files``,
        ``process``, ``last_attempt``; ``incoming`` and ``quarantined``: what fits and was not taken; ``because``: the
        causes.

    Raises
    ------
    NotFoundError
        There is no such product.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        retired = summary.retired_product(connection, product_name)
    try:
        product = product_named(definition, product_name)
    except NotFoundError:
        if retired is None:
            raise
        text = "is retired: the mission file does not have it any more, and no new files are taken in"
        return {**_node(product_name, date), "state": "retired", "explanation": f"product {product_name} {text}"}
    return _Inquiry(store, definition).product(product, date)


@dataclass(frozen=True, slots=True)
class _Question:
    """Why has a product what it has for a date? The answer goes into `answers`."""

    product: Product
    date: dt.date
    answers: list[Facts]


_Answer = tuple[Facts, list[_Question]]
"""What was found, and what is to be asked because of it."""


class _Inquiry:
    """Looks for causes; each product and date is looked at once."""

    def __init__(self, store: Store, definition: Definition) -> None:
        self._store = store
        self._definition = definition
        self._seen: set[tuple[int, dt.date]] = set()

    def product(self, product: Product, date: dt.date) -> Facts:
        """Why a product has what it has for a date, and the causes below it; a chain of causes may be long."""
        top: list[Facts] = []
        todo = [_Question(product, date, top)]
        while todo:
            question = todo.pop()
            node, questions = self._answered(question.product, question.date)
            question.answers.append(node)
            todo.extend(reversed(questions))
        return top[0]

    def _answered(self, product: Product, date: dt.date) -> _Answer:
        """Why a product has what it has for a date, and what is to be asked next."""
        maker = _maker(self._definition, product.product_id)
        date = date if maker is None else period_start(maker.timebase, date)
        node = _node(product.name, date)
        if (product.product_id, date) in self._seen:
            return {**node, "state": "told above", "explanation": "its causes are listed above"}, []
        self._seen.add((product.product_id, date))
        with self._store.begin() as connection:
            node["files"] = database_files.files_of_slot(connection, product.product_id, date)
        if maker is None:
            return self._delivered(product, date, node), []
        slots = self._slots(maker, date)
        if len(slots) == 1:
            return self._made(slots[0], node)
        answers = [self._made(slot, {**_node(product.name, date), "keywords": slot.keywords}) for slot in slots]
        parts = [part for part, _ in answers]
        state = next((part["state"] for part in parts if part["state"] != State.UP_TO_DATE), State.UP_TO_DATE)
        text = f"there are {len(parts)} of it, by keywords"
        node = {**node, "process": maker.name, "state": str(state), "explanation": text, "because": parts}
        return node, [question for _, questions in answers for question in questions]

    def decided(self, slot: Slot) -> Decision:
        """How a slot stands."""
        return self._planner(slot).decide(slot)

    @cached_property
    def edits(self) -> list[Edit]:
        """The codes that were edited on disk since the last run."""
        return find_edits(self._definition)[0]

    def _planner(self, slot: Slot) -> Planner:
        facts = facts_of(self._store, self._definition)
        ((planner, _),) = planners(self._definition, facts, [slot], dt.datetime.now(dt.UTC))
        return planner

    def _slots(self, maker: Process, date: dt.date) -> list[Slot]:
        """The slots of a process for a date; of timebase FILE one for each keywords of its inputs and attempts."""
        slot = Slot(maker.process_id, date)
        if maker.timebase is not Timebase.FILE:
            return [slot]
        with self._store.begin() as connection:
            keywords = attempts.tried_keywords(connection, maker.process_id, date)
        keywords |= self._planner(slot).keywords(date)
        return [replace(slot, keywords=each) for each in sorted(keywords)] or [slot]

    # --- what is delivered ---

    def _delivered(self, product: Product, date: dt.date, node: Facts) -> Facts:
        with self._store.begin() as connection:
            makers = summary.makers_of_product(connection, product.product_id)
        retired = [row["process"] for row in makers]
        if any(row["exists_on_disk"] for row in node["files"]):
            state, text = "delivered", "no process makes this product; its files are delivered"
        elif node["files"]:
            state, text = "missing", f"{node['files'][0]['filename']} is missing from disk; deliver it again"
        elif retired:
            state, text = "retired process", f"process {', '.join(retired)}, which made it, is not defined any more"
        else:
            state, text = "not delivered", "no process makes this product, and no file of it was delivered"
            node["incoming"] = list(self._arrivals(product, date))
            node["quarantined"] = list(self._quarantined(product, date))
        return {**node, "state": state, "explanation": text}

    def _arrivals(self, product: Product, date: dt.date) -> Iterator[Facts]:
        """The files in incoming that seem to be what is missing."""
        scan = self._scan
        for names, text in (
            (scan.names, "has not settled yet: it changed a moment ago, or its name says that it is unfinished"),
            ([arrival.name for arrival in scan.settled], "has settled; the next run takes it"),
        ):
            for name in names:
                if _fits(product, date, finished_name(name)):
                    yield {"file": name, "text": text}

    @cached_property
    def _scan(self) -> Scan:
        try:
            return scan_mission(self._definition)
        except UserError:
            return Scan((), 0)

    def _quarantined(self, product: Product, date: dt.date) -> Iterator[Facts]:
        """The refused files whose name or verdicts are of this product and date."""
        for entry in self._in_quarantine:
            asked = {verdict.get("product") for verdict in json.loads(entry["verdicts"])}
            is_near = product.name in asked and _tells(entry["filename"], date)
            if is_near or _fits(product, date, entry["filename"]):
                yield {name: entry[name] for name in ("quarantine_id", "filename", "reason", "message")}

    @cached_property
    def _in_quarantine(self) -> list[Facts]:
        with self._store.begin() as connection:
            return quarantine.entries(connection, _MOST_IN_QUARANTINE)

    # --- what is made ---

    def _made(self, slot: Slot, node: Facts) -> _Answer:
        process = self._definition.processes[slot.process_id]
        planner = self._planner(slot)
        decision = planner.decide(slot)
        with self._store.begin() as connection:
            attempt = attempts.last_attempt(connection, slot.process_id, slot.date, slot.keywords)
            codes = database_codes.codes_in_use(connection, slot.process_id)
        node.update(process=process.name, last_attempt=attempt)
        node.update(state=str(decision.state), explanation=decision.explanation)
        if not codes:
            node.update(state="retired process", explanation=f"process {process.name} is retired: it has no code")
        elif decision.state is State.NO_CODE:
            node["details"] = list(map(_code_words, codes))
        elif decision.state is State.NOT_DUE:
            return node, list(self._causes(process, slot, planner.lacking(slot), node))
        elif decision.state is State.STALE:
            node["details"] = list(self._prospects(process, slot))
        return node, []

    def _causes(self, process: Process, slot: Slot, lacking: Sequence[Input], node: Facts) -> Iterator[_Question]:
        """Ask of each of the inputs why it is not there."""
        last = period_end(process.timebase, slot.date)
        for link in lacking:
            product = self._definition.products[link.product_id]
            maker = _maker(self._definition, link.product_id)
            dates = list(period_starts(maker.timebase if maker else Timebase.DAILY, slot.date, last))
            for date in dates[:_MOST_DATES]:
                yield _Question(product, date, node["because"])
            if len(dates) > _MOST_DATES:
                text = f"of the {len(dates)} dates of {product.name} the first {_MOST_DATES} are looked at"
                node["details"].append(text)

    def _prospects(self, process: Process, slot: Slot) -> Iterator[str]:
        """When a stale slot is built."""
        if not process.inputs:
            date = slot.date
            yield f"it has no inputs and is made by hand: dbproc run-process {process.name} --start {date} --end {date}"
            return
        edit = next((edit for edit in self.edits if edit.code.process_id == process.process_id), None)
        if edit is not None and edit.code.on_code_edit is CodeEditPolicy.REFUSE and not edit.is_first:
            yield f"its code {edit.code.path} was edited, and is not run until it is released or accepted"
        elif slot in self._awaited:
            yield "the next run builds it"
        else:
            yield "no queued file leads to it; dbproc check --repair queues its inputs"

    @cached_property
    def _awaited(self) -> set[Slot]:
        """The slots that the next run looks at."""
        with self._store.begin() as connection:
            queued = queue.load(connection)
            retries = attempts.due_retries(connection, dt.datetime.now(dt.UTC))
        return {slot for slot, _ in candidates(consumers(self._definition), queued)} | set(retries)


def _node(product: str, date: dt.date) -> Facts:
    lists: Facts = {name: [] for name in ("files", "details", "incoming", "quarantined", "because")}
    head = {"product": product, "date": date, "keywords": "", "process": None, "last_attempt": None}
    return {**head, "state": "", "explanation": "", **lists}


def _maker(definition: Definition, product_id: int) -> Process | None:
    makers = (process for process in definition.processes.values() if product_id in process.outputs)
    return next(makers, None)


def _fits(product: Product, date: dt.date, name: str) -> bool:
    """Whether a name is one of a product's for a date, as far as it tells."""
    facts = product.compiled.match(name)
    return facts is not None and facts.date in (None, date)


def _tells(name: str, date: dt.date) -> bool:
    """Whether a date stands in a name that is not of the product's format."""
    return f"{date:%Y%m%d}" in name or date.isoformat() in name


def _code_words(code: Facts) -> str:
    words = f"{code['code']} {code['version']} is for {code['first']} to {code['last']}"
    return words if code["active"] else f"{words}, and not active"


def _name_choices(definition: Definition, maker: Process, inputs: Sequence[Facts]) -> None:
    """Say of each input that stands for others which it is of them."""
    for links in alternatives(maker.inputs):
        names = [definition.products[link.product_id].name for link in links]
        for row in inputs:
            if len(links) > 1 and row["product"] in names:
                row["choice"] = {"of": names, "place": names.index(row["product"]) + 1}


def _changes(store: Store, inquiry: _Inquiry, decision: Decision, codes: Sequence[Facts]) -> Iterator[str]:
    """Every component that is not what it was when a file was made."""
    if decision.state is not State.UP_TO_DATE:
        yield from [reason.text for reason in decision.task.reasons] if decision.task else [decision.explanation]
    if decision.task is not None and codes:
        old, new = codes[0]["code_id"], decision.task.code.code_id
        with store.begin() as connection:
            parts = database_codes.code_parts(connection, [old, new])
        yield from _part_changes(parts[old], parts[new])
    for edit in inquiry.edits:
        code = valid_code([edit.code], decision.slot.date)
        if code is not None and code.process_id == decision.slot.process_id:
            yield f"code {code.path} was edited under its version {code.version}; the next run notices"
            with store.begin() as connection:
                before = database_codes.code_parts(connection, [code.code_id])[code.code_id]
            yield from _part_changes(before, {part.path: part.digest for part in edit.bundle.parts})


def _part_changes(old: Facts, new: Facts) -> Iterator[str]:
    """Which files of a code differ between two of its versions."""
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            how = "was added" if path not in old else "was removed" if path not in new else "changed"
            yield f"the code's file {path} {how}"
