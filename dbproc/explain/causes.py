"""Explain a product's files of a time and key, or their absence: the causes, through all levels."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from dbproc.changes.edits import Edit, find_edits
from dbproc.core.answers import INLINE
from dbproc.core.candidates import consumers
from dbproc.core.durations import duration_text
from dbproc.core.errors import NotFoundError
from dbproc.core.filenames import TIME_OF_DAY
from dbproc.core.lookup import product_named
from dbproc.core.model import (
    CodeEditPolicy,
    Definition,
    Input,
    Period,
    Process,
    Product,
    Slot,
    Task,
    Timebase,
    Validity,
)
from dbproc.core.periods import ALWAYS, days_period, period_end, period_start, period_starts
from dbproc.core.plan import Decision, Planner, State
from dbproc.core.slot_text import (
    SlotChoice,
    SlotShown,
    fields_of_process,
    fields_of_product,
    has_key,
    period_words,
    require_fields,
    slot_shown,
    slot_words,
    time_shown,
)
from dbproc.core.slots import fields_of, is_whole, joined, period_of, restricted, window
from dbproc.core.staleness import alternatives
from dbproc.core.states import Standing
from dbproc.database import attempts, queue, summary, waitingslots
from dbproc.database import codes as database_codes
from dbproc.database import files as database_files
from dbproc.database.attempts import AttemptRow
from dbproc.database.codes import CodeInUse
from dbproc.database.definition.load import load_definition
from dbproc.database.files import FileRow
from dbproc.database.log import named_now
from dbproc.database.store import Store
from dbproc.explain.deliveries import Arrived, Deliveries, InQuarantine, OnItsWay
from dbproc.explain.never_due import never_due
from dbproc.run.decide import candidates, facts_of, periods_of, planners, slots_in
from dbproc.run.unknown_files import Newcomers, taken_place

_MOST_DATES = 3
"""Causes are sought for at most this many missing dates of one input, or missing files of one product."""


class Whereabouts(StrEnum):
    """The state of a product on a date where :class:`~dbproc.core.plan.State`, for made files, does not apply."""

    DELIVERED = "delivered"  #: no process makes it, and there is a file of it
    REPLACED = "replaced"  #: no process makes it, and the newer version of its file is of another time
    WITHDRAWN = "withdrawn"  #: no process makes it, and its file was taken back
    MISSING = "missing"  #: no process makes it, and its file is gone from disk
    NOT_DELIVERED = "not delivered"  #: no process makes it, and no file of it came
    RETIRED_PROCESS = "retired process"  #: its process is no longer defined
    RETIRED = "retired"  #: the product is no longer defined
    TOLD_ABOVE = "told above"  #: the causes were listed before


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The explanation of a product's files on a date, or of their absence."""

    product: str  #: the name of the product
    slot: SlotShown = field(metadata=INLINE)
    process: str | None = None  #: what makes it
    last_attempt: AttemptRow | None = None  #: the last attempt to make it
    state: State | Whereabouts | None = None  #: how it stands; null: it is several, which differ
    explanation: str = ""  #: in a sentence
    files: Sequence[FileRow] = ()  #: every version of its file, the newest first
    until: dt.datetime | None = None  #: when it is made at the latest, where it waits for its time
    details: Sequence[str] = ()  #: further sentences
    incoming: Sequence[Arrived] = ()  #: what fits and was not taken yet
    on_their_way: Sequence[OnItsWay] = ()  #: what fits, is at a source and did not come yet, or failed
    quarantined: Sequence[InQuarantine] = ()  #: what fits and was refused
    because: list[Cause] = field(default_factory=list)  #: what it is caused by


def why_slots(store: Store, product_name: str, choice: SlotChoice) -> Cause:
    """Explain a product's files of a time and key, or their absence, down to the causes.

    Raises
    ------
    NotFoundError
        There is no such product, or its files have no such keyword.
    """
    with store.begin() as connection:
        definition = load_definition(connection)
        retired = summary.retired_product(connection, product_name)
        now = None if retired else named_now(connection, "product", product_name)
    try:
        product = product_named(definition, product_name)
    except NotFoundError:
        if now is not None:
            raise NotFoundError(f"the product {product_name} is called {now} now") from None
        if retired is None:
            raise
        text = "is retired: the mission file does not have it, and no new files are taken in"
        text = f"product {product_name} {text}"
        shown = time_shown(choice.span, choice.key)
        return Cause(product=product_name, slot=shown, state=Whereabouts.RETIRED, explanation=text)
    require_fields(choice.key, _fields(definition, product), f"product {product.name}")
    cause = Inquiry(store, definition).product(product, choice)
    maker = maker_of(definition, product.product_id)
    if maker is None:
        return cause
    with store.begin() as connection:
        return replace(cause, details=(*cause.details, *never_due(connection, definition, [maker])))


def _fields(definition: Definition, product: Product) -> frozenset[str]:
    """The names of the keywords by which files of a product can be named."""
    maker = maker_of(definition, product.product_id)
    return fields_of_product(product) if maker is None else fields_of_process(definition, maker)


@dataclass(frozen=True, slots=True)
class _Question:
    """A product, and which of its files to explain; the answer goes into `answers`."""

    product: Product
    choice: SlotChoice
    answers: list[Cause]


_Answer = tuple[Cause, list[_Question]]
"""The cause found, and the questions that follow."""


class Inquiry:
    """Searches for causes; visits each slot, and each time and key of a delivered product, once."""

    def __init__(self, store: Store, definition: Definition) -> None:
        self._store = store
        self._definition = definition
        self._deliveries = Deliveries(store, definition)
        self._newcomers = Newcomers(store, definition)
        self._seen: set[tuple[int, Slot | SlotChoice]] = set()

    def product(self, product: Product, choice: SlotChoice) -> Cause:
        """The cause for a product with all causes below it; iterative, as a chain may be long."""
        top: list[Cause] = []
        todo = [_Question(product, choice, top)]
        while todo:
            question = todo.pop()
            node, questions = self._answer(question.product, question.choice)
            question.answers.append(node)
            todo.extend(reversed(questions))
        return top[0]

    def _answer(self, product: Product, choice: SlotChoice) -> _Answer:
        """The cause for a product, and the next questions."""
        maker = maker_of(self._definition, product.product_id)
        shown = time_shown(choice.span, choice.key)
        if maker is None:
            node = Cause(product=product.name, slot=shown)
            return self._once(product, choice, node, lambda: (self._delivered_cause(product, choice, node), []))
        slots = self._slots(maker, choice)
        if not slots:
            files = self._files(product, choice)
            node = Cause(product=product.name, slot=shown, process=maker.name, state=State.NOT_DUE, files=files)
            return self._once(product, choice, node, lambda: self._empty_cause(maker, choice, node))
        if len(slots) == 1:
            return self._slot_cause(product, self._planner(slots[0]), slots[0])
        return self._several_cause(product, slots, Cause(product=product.name, slot=shown, process=maker.name))

    def _several_cause(self, product: Product, slots: Sequence[Slot], node: Cause) -> _Answer:
        """The cause for several slots, with those of each below it."""
        answers, states = self._slot_causes(product, slots)
        undue, details = states[State.NOT_DUE], list[str]()
        if undue > _MOST_DATES:
            details.append(f"of the {undue} that are not due the first {_MOST_DATES} are looked at")
        node = replace(
            node,
            state=next(iter(states)) if len(states) == 1 else None,
            explanation=_several_words(states),
            details=details,
            because=[part for part, _ in answers],
        )
        return node, [question for _, questions in answers for question in questions]

    def _slot_causes(self, product: Product, slots: Sequence[Slot]) -> tuple[list[_Answer], Counter[State]]:
        """The cause for each slot, of those that are not due for the first few; and how many are in which state."""
        answers: list[_Answer] = []
        states = Counter[State]()
        for planner, some in self._planners(slots):
            for slot in some:
                state = planner.decide(slot).state
                states[state] += 1
                if state is not State.NOT_DUE or states[state] <= _MOST_DATES:
                    answers.append(self._slot_cause(product, planner, slot))
        return answers, states

    def _slot_cause(self, product: Product, planner: Planner, slot: Slot) -> _Answer:
        """The cause for one slot, with the files in it."""
        maker = self._definition.processes[slot.process_id]
        node = Cause(product=product.name, slot=slot_shown(maker, slot, planner.period(slot)))
        return self._once(product, slot, node, lambda: self._made_cause(product, planner, slot, node))

    def _once(self, product: Product, what: Slot | SlotChoice, node: Cause, answer: Callable[[], _Answer]) -> _Answer:
        """An answer, unless it was given before."""
        place = (product.product_id, what)
        if place in self._seen:
            return replace(node, state=Whereabouts.TOLD_ABOVE, explanation="its causes are listed above"), []
        self._seen.add(place)
        return answer()

    def decided(self, slot: Slot) -> Decision:
        """Decide a slot."""
        return self._planner(slot).decide(slot)

    @cached_property
    def edits(self) -> list[Edit]:
        """The codes that were edited on disk since the last run."""
        return find_edits(self._definition)[0]

    def _planner(self, slot: Slot) -> Planner:
        ((planner, _),) = self._planners([slot])
        return planner

    def _planners(self, slots: Sequence[Slot]) -> Iterator[tuple[Planner, Sequence[Slot]]]:
        facts = facts_of(self._store, self._definition)
        return planners(self._definition, facts, slots, dt.datetime.now(dt.UTC))

    def _slots(self, maker: Process, choice: SlotChoice) -> list[Slot]:
        """The slots of a process that are meant: of every key of its inputs, and of what was tried; where there is no
        key of a period, one without. There is none of a time within a day of which no file tells a period."""
        facts = facts_of(self._store, self._definition)
        found = slots_in(self._definition, facts, maker, choice)
        if maker.timebase is not Timebase.STARTUP:
            first, last = choice.span.days
            with self._store.begin() as connection:
                tried = attempts.tried_slots(connection, maker.process_id, period_start(maker.timebase, first), last)
            periods = periods_of(self._definition, facts, tried)
            found += [slot for slot in tried if choice.has(maker, slot, periods.get(slot))]
        whole = {slot for slot in found if slot.keywords and is_whole(maker, slot)}
        told = {period_of(maker, slot) for slot in whole}
        whole.update(slot for slot in found if period_of(maker, slot) not in told)
        if maker.timebase not in (Timebase.FILE, Timebase.PER) or choice.span == days_period(*choice.span.days):
            return sorted(whole) or [Slot(maker.process_id, choice.span.days[0], choice.key)]
        clock = maker.key_fields & TIME_OF_DAY
        return sorted(slot for slot in whole if clock <= fields_of(slot.keywords))

    def _empty_cause(self, maker: Process, choice: SlotChoice, node: Cause) -> _Answer:
        """The cause for a time within a day of which no file of an input tells a period, and a question for each input
        that has none in it."""
        telling = [link for link in maker.inputs if maker.driver in (None, link.product_id)]
        groups = [
            [self._definition.products[link.product_id] for link in links]
            for links in alternatives(telling)
            if not links[0].optional and links[0].valid is None
        ]
        there = [[row for product in group for row in self._files(product, choice)] for group in groups]
        lacking = [group for group, rows in zip(groups, there, strict=True) if not rows]
        if not lacking:
            text = f"its inputs have no files that begin in {node.slot} and agree in their keywords"
            details = [f"there is {row.filename}" for rows in there for row in rows[:_MOST_DATES]]
            return replace(node, explanation=text, details=details), []
        names = " or ".join(product.name for product in lacking[0])
        return replace(node, explanation=f"no file of the required input {names} for {node.slot}"), [
            _Question(product, self._choice_of(product, choice), node.because) for group in lacking for product in group
        ]

    def _choice_of(self, product: Product, choice: SlotChoice) -> SlotChoice:
        """A choice of slots as one of the files of an input, which may have but a part of the key."""
        return replace(choice, key=restricted(choice.key, _fields(self._definition, product)))

    # --- what is delivered ---

    def _delivered_cause(self, product: Product, choice: SlotChoice, node: Cause) -> Cause:
        with self._store.begin() as connection:
            found = database_files.files_within(connection, product.product_id, choice.span)
            node = replace(node, files=[row for row in found if has_key(row.keywords, choice.key)])
            retired = summary.makers_of_product(connection, product.product_id)
        there = [row for row in node.files if row.exists_on_disk]
        replacing = None if self._files(product, choice) else self._replacing(there)
        if replacing is not None:
            time = period_words(Period(replacing.start, replacing.stop))
            text = f"it is replaced by {replacing.filename}, which is of {time}"
            return replace(node, state=Whereabouts.REPLACED, explanation=text)
        if there:
            text = "no process makes this product; its files are delivered"
            return replace(node, state=Whereabouts.DELIVERED, explanation=text)
        if node.files:
            first = node.files[0]
            return replace(node, state=_whereabouts(first), explanation=_out_of_place(first))
        if retired:
            text = f"process {', '.join(retired)}, which made it, is no longer defined"
            return replace(node, state=Whereabouts.RETIRED_PROCESS, explanation=text)
        vanished = self._held_until(product, choice)
        if vanished is not None:
            return replace(node, state=_whereabouts(vanished), explanation=_out_of_place(vanished), files=[vanished])
        return replace(
            node,
            state=Whereabouts.NOT_DELIVERED,
            explanation="no process makes this product, and no file of it was delivered",
            incoming=list(self._deliveries.arrivals(product, choice)),
            on_their_way=list(self._deliveries.on_their_way(product, choice)),
            quarantined=list(self._deliveries.quarantined(product, choice)),
        )

    def _replacing(self, there: Sequence[FileRow]) -> FileRow | None:
        """The newest version of the first of some files."""
        with self._store.begin() as connection:
            newest = (database_files.newest_of(connection, row.product_id, row.date, row.keywords) for row in there[:1])
            return next(newest, None)

    # --- what is made ---

    def _made_cause(self, product: Product, planner: Planner, slot: Slot, node: Cause) -> _Answer:
        process = self._definition.processes[slot.process_id]
        decision = planner.decide(slot)
        with self._store.begin() as connection:
            found = database_files.files_of_slot(connection, product.product_id, slot.date)
            node = replace(node, files=[row for row in found if joined(row.keywords, slot.keywords) is not None])
            attempt = attempts.last_attempt(connection, slot)
            codes = database_codes.codes_in_use(connection, slot.process_id)
        node = replace(node, process=process.name, last_attempt=attempt)
        if not codes:
            text = f"process {process.name} is retired: it has no code"
            return replace(node, state=Whereabouts.RETIRED_PROCESS, explanation=text), []
        node = replace(node, state=decision.state, explanation=decision.explanation)
        if attempt is not None and attempt.dismissed_time is not None and decision.state is State.DELAYED:
            text = "failed, and a person said that nobody will mend it"
            return replace(node, explanation=text, details=[_UNTIL_CHANGED]), []
        if decision.state is State.NO_CODE:
            return replace(node, details=list(map(_code_words, codes))), []
        if decision.state is State.NOT_DUE:
            return self._undue_cause(planner, slot, node)
        if decision.state is State.STALE:
            return replace(node, details=list(self._prospects(process, slot, decision.task))), []
        if decision.state is State.WAITING:
            return replace(node, until=decision.until, details=list(self._doubts(slot))), []
        return node, []

    def _undue_cause(self, planner: Planner, slot: Slot, node: Cause) -> _Answer:
        """The cause for a slot that is not due, and a question for each missing input."""
        questions, details, period = [], list[str](), planner.period(slot)
        for link in planner.lacking(slot):
            product = self._definition.products[link.product_id]
            nearest = None if link.valid is None else self._nearest(link, period, slot.keywords)
            unfit = self._marked(link, product, period, slot)
            details += [_mark_words(link, row) for row in unfit]
            if unfit:
                continue
            vanished = self._vanished(link, period, slot.keywords)
            if vanished is not None and (nearest is None or nearest.start < vanished.start):
                span = Period(vanished.start, vanished.stop)
                questions.append(_Question(product, SlotChoice(span, vanished.keywords), node.because))
                continue
            if nearest is not None:
                details += _not_valid(link, period, nearest)
                continue
            spans = self._spans(product, period) if link.valid is None else [_time_of_validity(link, period)]
            questions += [
                _Question(product, self._choice_of(product, SlotChoice(span, slot.keywords)), node.because)
                for span in spans[:_MOST_DATES]
            ]
            if len(spans) > _MOST_DATES:
                details.append(f"of the {len(spans)} dates of {product.name} the first {_MOST_DATES} are looked at")
        return replace(node, details=details), questions

    def _marked(self, link: Input, product: Product, period: Period, slot: Slot) -> list[FileRow]:
        """The files that would be there for a missing input, were they not marked as it does not take them."""
        span = Period(ALWAYS.start, period.start) if link.valid is Validity.LATEST else window(link, period)
        rows = self._files(product, SlotChoice(span, slot.keywords)) if link.quality else []
        return [row for row in rows if not link.takes(row.quality)][-_MOST_DATES:]

    def _nearest(self, link: Input, period: Period, key: str) -> FileRow | None:
        """Of an input that holds beyond its own time, the last file that could be valid for a period."""
        span = period if link.valid is Validity.COVERS else Period(ALWAYS.start, period.start)
        product = self._definition.products[link.product_id]
        return max(self._files(product, SlotChoice(span, key)), key=lambda row: row.start, default=None)

    def _vanished(self, link: Input, period: Period, key: str) -> FileRow | None:
        """Of an input that holds beyond its own time, the last file that would be valid for a period, were it in its
        place."""
        if link.valid is None:
            return None
        span = period if link.valid is Validity.COVERS else Period(ALWAYS.start, period.start)
        product = self._definition.products[link.product_id]
        own = self._choice_of(product, SlotChoice(span, key))
        with self._store.begin() as connection:
            found = database_files.files_within(connection, product.product_id, own.span)
        rows = (row for row in found if row.standing in _VANISHED and has_key(row.keywords, own.key))
        valid = (row for row in rows if next(_not_valid(link, period, row), None) is None)
        return max(valid, key=lambda row: row.start, default=None)

    def _held_until(self, product: Product, choice: SlotChoice) -> FileRow | None:
        """The file out of its place that would hold for a time as an input, had it not vanished, if none does."""
        for process in self._definition.processes.values():
            for link in process.inputs:
                if link.product_id == product.product_id and link.valid is not None:
                    vanished = self._vanished(link, choice.span, choice.key)
                    nearest = self._nearest(link, choice.span, choice.key)
                    if vanished is not None and (nearest is None or nearest.start < vanished.start):
                        return vanished
        return None

    def _files(self, product: Product, choice: SlotChoice) -> list[FileRow]:
        """The newest files of a product that are of a time, and have what they have of a key."""
        own = self._choice_of(product, choice)
        with self._store.begin() as connection:
            found = database_files.files_within(connection, product.product_id, own.span, newest=True)
        return [row for row in found if has_key(row.keywords, own.key)]

    def _spans(self, product: Product, period: Period) -> list[Period]:
        """The parts of a period for which a missing input is explained: itself, where it is within a day, or its
        days, weeks and so on."""
        first, last = period.days
        if first == last:
            return [period]
        maker = maker_of(self._definition, product.product_id)
        timebase = maker.timebase if maker else Timebase.DAILY
        return [days_period(day, period_end(timebase, day)) for day in period_starts(timebase, first, last)]

    def _prospects(self, process: Process, slot: Slot, task: Task | None) -> Iterator[str]:
        """The time when a stale slot is built, or what hinders that."""
        hindrance = task and (self._newcomers.fault(task) or taken_place(self._definition, task))
        if hindrance:
            yield hindrance
            return
        if not process.inputs:
            when = slot_words(process, slot).split()[0]
            yield f"it has no inputs and is made by hand: dbproc run-process {process.name} --start {when} --end {when}"
            return
        edit = next((edit for edit in self.edits if edit.code.process_id == process.process_id), None)
        if edit is not None and edit.code.on_code_edit is CodeEditPolicy.REFUSE and not edit.is_first:
            yield f"its code {edit.code.path} was edited, and is not run until it is released or accepted"
        elif slot in self._awaited:
            yield "the next run builds it"
        else:
            yield "no queued file leads to it; dbproc check --repair queues its inputs"

    def _doubts(self, slot: Slot) -> Iterator[str]:
        """What hinders a slot that waits from being built in its time."""
        with self._store.begin() as connection:
            recorded = {row.slot for row in waitingslots.entries(connection)}
        if slot not in recorded and slot not in self._awaited:
            yield "it is not recorded that it waits; dbproc check --repair queues its inputs"

    @cached_property
    def _awaited(self) -> set[Slot]:
        """The slots that the next run looks at."""
        with self._store.begin() as connection:
            queued = queue.load(connection)
            now = dt.datetime.now(dt.UTC)
            retries = attempts.due_retries(connection, now)
            waited = waitingslots.over(connection, now)
        facts = facts_of(self._store, self._definition)
        found = candidates(self._definition, facts, consumers(self._definition), queued)
        return {slot for slot, _ in found} | set(retries) | set(waited)


def maker_of(definition: Definition, product_id: int) -> Process | None:
    makers = (process for process in definition.processes.values() if product_id in process.outputs)
    return next(makers, None)


def _several_words(states: Counter[State]) -> str:
    """How many slots there are, and where they differ how many of them are in which state."""
    count = f"{states.total()} of it, by period and key"
    if len(states) == 1:
        return f"all {count}"
    return f"{count}: {', '.join(f'{states[state]} {state}' for state in State if state in states)}"


def _time_of_validity(link: Input, period: Period) -> Period:
    """The time for which a missing input that holds beyond its own time is explained."""
    first = period.start.date()
    return period if link.valid is Validity.COVERS else days_period(first, first)


def _mark_words(link: Input, row: FileRow) -> str:
    """That a file is there, and no input as it is marked."""
    caveats = f" ({row.caveats})" if row.caveats else ""
    return f"{row.filename} is marked {row.quality}{caveats}, and only {' or '.join(link.quality)} is taken"


def _not_valid(link: Input, period: Period, file: FileRow) -> Iterator[str]:
    """Why a file of an input that holds beyond its own time is not valid for a period."""
    if link.valid is Validity.COVERS:
        if file.start > period.start or file.stop < period.stop:
            yield f"{file.filename} does not hold for the whole of it"
    elif link.max_age is not None and period.start - file.start > link.max_age:
        yield f"{file.filename}, the latest, starts more than {duration_text(link.max_age)} before it"


_UNTIL_CHANGED = "the next run tries it when its inputs or its code change"


def _code_words(code: CodeInUse) -> str:
    words = f"{code.name} {code.version} is for {code.first} to {code.last}"
    return words if code.is_active else f"{words}, and not active"


_VANISHED = (Standing.LOST, Standing.WITHDRAWN, Standing.FOLLOWING)


def _whereabouts(row: FileRow) -> Whereabouts:
    """How a delivered product stands whose file is not in its place."""
    return Whereabouts.MISSING if row.standing is Standing.LOST else Whereabouts.WITHDRAWN


def _out_of_place(row: FileRow) -> str:
    """That a delivered file is not in its place, and what to do."""
    if row.standing is Standing.LOST:
        return f"{row.filename} is missing from disk; deliver it again"
    back = f"to have it back: dbproc restore {row.filename}"
    return f"{row.filename} is {row.standing}; {back}; with other bytes: dbproc replace {row.filename} with PATH"
