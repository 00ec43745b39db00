"""What is stale, and why: pure decisions on facts that the catalogue gave.

For a process and a date the *wanted* inputs are, for each input product, the newest existing files that overlap the
date widened by the input's window. The output is up to date when it was made from exactly those files by exactly the
code that is active and valid for the date; otherwise every difference is a :class:`~dbproc.core.model.Reason`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dbproc.core.errors import FormatError
from dbproc.core.filenames import TIME_OF_DAY, keywords_of, keywords_text
from dbproc.core.model import Code, Definition, File, Input, Planned, Process, Product, Reason, Slot, Task, Timebase
from dbproc.core.periods import DayRange, coalesced, period_end, period_starts, widened
from dbproc.core.version import Part, Version, next_version, risen_part


@dataclass(frozen=True, slots=True)
class Queued:
    """A file of the process queue. `spans` are the days of all versions of it: a version that covers fewer days than
    the one it replaces changes the days that are no longer covered, too."""

    file_id: int
    product_id: int
    date: dt.date
    keywords: str
    spans: tuple[DayRange, ...]
    version_bump: int | None = None
    campaign_id: int | None = None  #: the campaign that it was made for


@dataclass(frozen=True, slots=True)
class Output:
    """The newest version of an output, and what it was made from.

    `code_id` is the number of the first row that is the same code, None for a delivered file.
    """

    file: File
    exists: bool
    code_id: int | None
    code_version: Version | None
    inputs: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """The last attempt for a slot, when it is of interest: it failed or was refused, or it is of timebase RUN."""

    attempt_id: int
    status: str
    code_id: int
    code_digest: str
    code_version: Version
    inputs: frozenset[int]
    failures: int
    next_try: dt.datetime | None
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the catalogue knows about the slots to decide, fetched in a handful of queries."""

    by_time: Mapping[int, Sequence[File]]  #: newest existing files that overlap the days asked for, by product
    by_date: Mapping[int, Sequence[File]]  #: newest existing files dated on the days asked for, by product
    outputs: Mapping[tuple[int, dt.date], Sequence[Output]]  #: by product and date
    tried: Mapping[Slot, Tried] = field(default_factory=dict)


class State(StrEnum):
    """What was decided for a slot."""

    UP_TO_DATE = "up to date"
    NOT_DUE = "not due"  #: a required input is missing, or no input covers the date itself
    NO_CODE = "no code"  #: no active code is valid for the date
    STALE = "stale"  #: to be built: the decision has a task
    DELAYED = "delayed"  #: failed before with the same inputs and code; tried again later, or given up
    REFUSED = "refused"  #: cannot be built as the mission is defined


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`result` was made from `replaced`, and stays as it is though `source` is newer, because that equals it."""

    result: File
    replaced: File
    source: File


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done for a slot, and the sentence that explains it.

    `confirmed`: what is up to date although it was made from earlier versions, because those have the same contents.
    """

    slot: Slot
    state: State
    explanation: str
    task: Task | None = None
    confirmed: tuple[Confirmation, ...] = ()


@dataclass(frozen=True, slots=True)
class Needs:
    """The days of which the catalogue must give files to decide some slots, by product."""

    by_time: Mapping[int, Sequence[DayRange]]
    by_date: Mapping[int, Sequence[DayRange]]
    outputs: Mapping[int, Sequence[DayRange]]


def consumers(definition: Definition) -> dict[int, list[tuple[Process, Input]]]:
    """By product: the processes that have it as an input."""
    result: dict[int, list[tuple[Process, Input]]] = defaultdict(list)
    for process in definition.processes.values():
        for link in process.inputs:
            result[link.product_id].append((process, link))
    return result


def candidates(
    by_product: Mapping[int, Sequence[tuple[Process, Input]]], queued: Iterable[Queued]
) -> Iterator[tuple[Slot, Queued]]:
    """The slots that a queued file may have made stale, each with the file that is the cause."""
    for item in queued:
        for process, link in by_product.get(item.product_id, ()):
            for slot in _slots_of(process, link, item):
                yield slot, item


def _slots_of(process: Process, link: Input, item: Queued) -> Iterator[Slot]:
    if not process.timebase.by_time:
        first, last = widened(item.date, item.date, link.tomorrow, link.yesterday)
        keywords = item.keywords if process.timebase is Timebase.FILE else ""
        for date in period_starts(process.timebase, first, last):
            yield Slot(process.process_id, date, keywords)
        return
    for span in coalesced(item.spans):
        first, last = widened(*span, link.tomorrow, link.yesterday)
        for date in period_starts(process.timebase, first, last):
            yield Slot(process.process_id, date)


def descendants(definition: Definition, slot: Slot) -> list[Slot]:
    """The slots that wait for an output of `slot`, level by level down to the last."""
    by_product = consumers(definition)
    found: dict[Slot, None] = {}
    todo = [slot]
    while todo:
        outputs = [made for each in todo for made in _future_outputs(definition, each)]
        todo = [each for each, _ in candidates(by_product, outputs) if each not in found]
        found.update(dict.fromkeys(todo))
    return list(found)


def _future_outputs(definition: Definition, slot: Slot) -> Iterator[Queued]:
    """The outputs of a slot as if they had been made and queued."""
    process = definition.processes[slot.process_id]
    span = (slot.date, period_end(process.timebase, slot.date))
    for product_id in process.outputs:
        yield Queued(0, product_id, slot.date, slot.keywords, (span,))


def needs(definition: Definition, slots: Iterable[Slot]) -> Needs:
    """What to ask the catalogue before `slots` can be decided."""
    by_time: dict[int, list[DayRange]] = defaultdict(list)
    by_date: dict[int, list[DayRange]] = defaultdict(list)
    outputs: dict[int, list[DayRange]] = defaultdict(list)
    for slot in slots:
        process = definition.processes[slot.process_id]
        last = period_end(process.timebase, slot.date)
        inputs = by_time if process.timebase.by_time else by_date
        for link in process.inputs:
            inputs[link.product_id].append(widened(slot.date, last, link.yesterday, link.tomorrow))
        for product_id in process.outputs:
            outputs[product_id].append((slot.date, slot.date))
    return Needs(*({key: coalesced(ranges) for key, ranges in asked.items()} for asked in (by_time, by_date, outputs)))


class Planner:
    """Decides slots from one set of facts.

    Parameters
    ----------
    definition
        The mission.
    facts
        What the catalogue gave for `asked`.
    asked
        The :func:`needs` of the slots to decide.
    now
        The time by which delayed retries are judged.
    """

    def __init__(self, definition: Definition, facts: Facts, asked: Needs, now: dt.datetime) -> None:
        self._definition = definition
        self._facts = facts
        self._now = now
        self._by_day = {key: _day_index(files, asked.by_time[key]) for key, files in facts.by_time.items()}
        self._by_date = {key: _date_index(files) for key, files in facts.by_date.items()}
        self._by_keywords = {key: _keyword_index(files) for key, files in facts.by_date.items()}
        self._standing: dict[tuple[int, dt.date], _Standing] = {}

    def decide(self, slot: Slot, forced: Part | None = None) -> Decision:
        """Decide one slot; `forced` rebuilds it even when it is up to date, raising that part of its version."""
        process = self._definition.processes[slot.process_id]
        if process.timebase is Timebase.STARTUP:
            return startup_decision(self._definition, process, slot.date)
        wanted, missing = self._wanted(process, slot)
        if missing:
            return Decision(slot, State.NOT_DUE, missing)
        code = valid_code(self._definition.codes.get(process.process_id, ()), slot.date)
        if code is None:
            return Decision(slot, State.NO_CODE, f"no active code of process {process.name} is valid for {slot.date}")
        if not process.outputs:
            return self._decide_run(slot, process, code, wanted, forced)
        return self._decide_outputs(slot, process, code, wanted, forced)

    def _wanted(self, process: Process, slot: Slot) -> tuple[tuple[File, ...], str]:
        """The wanted inputs in the order of the command line, or why the slot is not due."""
        wanted: dict[int, File] = {}
        for links in alternatives(process.inputs):
            files = self._chosen(process, slot, links)
            if not files and not links[0].optional:
                names = " or ".join(self._definition.products[link.product_id].name for link in links)
                return (), f"no file of the required input {names} for {_words(process.timebase, slot)}"
            wanted.update((file.file_id, file) for file in files)
        if process.inputs and not _covering(process, slot, wanted.values()):
            return (), f"no input covers {_words(process.timebase, slot)} itself"
        return tuple(wanted.values()), ""

    def _chosen(self, process: Process, slot: Slot, links: Sequence[Input]) -> list[File]:
        """The files of one input; of several that stand for each other, those of the first product that covers the
        slot's own days, or else of the first that has any in the window."""
        found = [files for link in links if (files := self._candidates_of(process, slot, link))]
        return next((files for files in found if _covering(process, slot, files)), found[0] if found else [])

    def lacking(self, slot: Slot) -> list[Input]:
        """The inputs for want of which a slot is not due: those required that are missing, or else all of them."""
        process = self._definition.processes[slot.process_id]
        missing = [
            link
            for links in alternatives(process.inputs)
            if not links[0].optional and not self._chosen(process, slot, links)
            for link in links
        ]
        return missing or list(process.inputs)

    def _candidates_of(self, process: Process, slot: Slot, link: Input) -> list[File]:
        last = period_end(process.timebase, slot.date)
        first, last = widened(slot.date, last, link.yesterday, link.tomorrow)
        ordinals = range(first.toordinal(), last.toordinal() + 1)
        if process.timebase is Timebase.FILE:
            of_keywords = self._by_keywords.get(link.product_id, {})
            found = {file.file_id: file for day in ordinals for file in of_keywords.get((day, slot.keywords), ())}
        else:
            index = (self._by_day if process.timebase.by_time else self._by_date).get(link.product_id, {})
            found = {file.file_id: file for day in ordinals for file in index.get(day, ())}
        return sorted(found.values(), key=lambda file: (file.date, file.keywords, file.filename))

    def _decide_run(
        self, slot: Slot, process: Process, code: Code, wanted: tuple[File, ...], forced: Part | None
    ) -> Decision:
        tried = self._facts.tried.get(slot)
        if tried is None:
            reasons = [Reason("not run yet")]
        else:
            reasons = list(_code_reasons(code, tried.code_id, tried.code_version))
            if tried.inputs != {file.file_id for file in wanted}:
                reasons.append(Reason("its inputs changed", Part.QUALITY))
            if tried.status != "succeeded":
                reasons.append(Reason("the last run of it failed"))
        if forced is not None:
            reasons.append(Reason("forced", forced))
        if not reasons:
            return Decision(slot, State.UP_TO_DATE, "run already with these inputs and this code")
        task = Task(
            slot=slot,
            process=process,
            code=code,
            inputs=wanted,
            reasons=tuple(reasons),
            outputs=(),
            level=float("inf"),
        )
        return self._unless_delayed(task, forced)

    def _decide_outputs(
        self, slot: Slot, process: Process, code: Code, wanted: tuple[File, ...], forced: Part | None
    ) -> Decision:
        time = dt.datetime.combine(slot.date, dt.time(), dt.UTC)
        keywords = _merged_keywords(process.timebase, wanted)
        products = [self._definition.products[product_id] for product_id in process.outputs]
        found: list[tuple[Product, Output | None, list[Reason]]] = []
        for product in products:
            try:
                output = self._newest_output(product, slot, time, keywords)
                found.append((product, output, self._reasons(process, product, output, code, wanted, time, keywords)))
            except FormatError as error:
                return Decision(slot, State.REFUSED, f"product {product.name}: {error}")
        reasons = list(dict.fromkeys(reason for _, _, each in found for reason in each))
        if forced is not None:
            reasons.append(Reason(f"forced to raise {forced.name.lower()}", forced))
        if not reasons:
            return _up_to_date(slot, [output for _, output, _ in found if output], wanted)
        planned = []
        for product, output, own in found:
            try:
                planned.append(_planned(product, output, own, code, forced, time, keywords))
            except FormatError as error:
                return Decision(slot, State.REFUSED, f"product {product.name}: {error}")
        task = Task(
            slot=slot,
            process=process,
            code=code,
            inputs=wanted,
            reasons=tuple(reasons),
            outputs=tuple(planned),
            level=min(product.level for product in products),
        )
        twin = _twin_names([plan.name for plan in planned])
        if twin is not None:
            return Decision(slot, State.REFUSED, f"two outputs would be named {twin}; give their formats other names")
        for (product, output, _), plan in zip(found, planned, strict=True):
            if output is not None and output.exists and plan.name == output.file.filename:
                return Decision(slot, State.REFUSED, _needs_version(product, output, reasons), task)
        return self._unless_delayed(task, forced)

    def _reasons(
        self,
        process: Process,
        product: Product,
        output: Output | None,
        code: Code,
        wanted: tuple[File, ...],
        time: dt.datetime,
        keywords: Mapping[str, str],
    ) -> list[Reason]:
        """Why an output is stale; nothing when it is up to date."""
        reasons = list(stale_reasons(output, code, wanted, process))
        if output is not None and not _is_named(product, output.file, time, keywords):
            reasons.append(Reason(f"{output.file.filename} is named by another format", Part.REVISION))
        return reasons

    def _newest_output(
        self, product: Product, slot: Slot, time: dt.datetime, keywords: Mapping[str, str]
    ) -> Output | None:
        """The newest version of what stands in the slot: a file whose name differs in its version alone, or one with
        the keywords that the output will have, named by a format that the product had before."""
        fields = product.compiled.keyword_fields
        expected = keywords_text({key: value for key, value in keywords.items() if key in fields})
        place = product.product_id, slot.date
        standing = self._standing.get(place)
        if standing is None:
            standing = self._standing[place] = _Standing(self._facts.outputs.get(place, ()))
        return standing.newest(expected, lambda version: product.compiled.render(time, str(version), keywords))

    def _unless_delayed(self, task: Task, forced: Part | None) -> Decision:
        """The task, unless it failed before with the same inputs and code and is to wait."""
        why = "; ".join(reason.text for reason in task.reasons)
        tried = self._facts.tried.get(task.slot)
        if tried is None or tried.status != "failed":
            return Decision(task.slot, State.STALE, why, task)
        same_code = task.code.is_same(tried.code_id) and tried.code_digest == task.code.digest
        if not same_code or tried.inputs != {file.file_id for file in task.inputs}:
            return Decision(task.slot, State.STALE, why, task)
        task = replace(task, failures=tried.failures)
        if forced is not None:
            return Decision(task.slot, State.STALE, why, task)
        if tried.next_try is None:
            text = f"failed, and given up: {tried.message}"
            return Decision(task.slot, State.DELAYED, text, task)
        if tried.next_try > self._now:
            text = f"failed, tried again after {tried.next_try:%Y-%m-%d %H:%M}Z: {tried.message}"
            return Decision(task.slot, State.DELAYED, text, task)
        return Decision(task.slot, State.STALE, f"{why}; tried again", task)


def startup_decision(definition: Definition, process: Process, today: dt.date) -> Decision:
    """What a run that begins `today` is to do for a process of timebase STARTUP."""
    slot = Slot(process.process_id, today)
    code = valid_code(definition.codes.get(process.process_id, ()), today)
    if code is None:
        return Decision(slot, State.NO_CODE, f"no active code of process {process.name} is valid for {today}")
    why = Reason("once at the beginning of every run")
    task = Task(slot=slot, process=process, code=code, inputs=(), reasons=(why,), outputs=(), level=float("-inf"))
    return Decision(slot, State.STALE, why.text, task)


def valid_code(codes: Iterable[Code], date: dt.date) -> Code | None:
    """The code that is valid for `date`: the highest version where ranges overlap."""
    valid = [code for code in codes if code.start <= date <= code.stop]
    return max(valid, key=lambda code: (code.version, code.code_id), default=None)


def alternatives(inputs: Sequence[Input]) -> list[list[Input]]:
    """The inputs in their order, those that stand for each other together."""
    groups: dict[object, list[Input]] = {}
    for position, link in enumerate(inputs):
        groups.setdefault(("choice", link.choice) if link.choice is not None else position, []).append(link)
    return list(groups.values())


def stale_reasons(
    output: Output | None, code: Code, wanted: Collection[File], process: Process | None = None
) -> Iterator[Reason]:
    """Every difference between how `output` was made and how it would be made now; none when it is up to date.

    `process` tells which inputs stand for each other, and whether a newer version with the same contents counts.
    """
    if output is None:
        yield Reason("no output yet")
        return
    if not output.exists:
        yield Reason(f"{output.file.filename} is gone from disk", Part.REVISION)
    if output.code_id is None or output.code_version is None:
        yield Reason(f"{output.file.filename} was delivered, not made by this process", Part.QUALITY)
        return
    yield from _code_reasons(code, output.code_id, output.code_version)
    ranks = _ranks(process.inputs) if process else {}
    yield from _input_reasons(output.inputs, wanted, ranks, by_content=process is not None and process.early_cutoff)


def _code_reasons(code: Code, old_id: int, old_version: Version) -> Iterator[Reason]:
    if code.is_same(old_id):
        return
    part = _part(risen_part(old_version, code.version), Part.REVISION)
    name = code.path.rsplit("/", 1)[-1]
    yield Reason(f"code {name} changed from {old_version} to {code.version}", part)


_Ranks = Mapping[int, tuple[int, int]]
"""By product that stands for others: its choice, and its place in it; 0 is the best."""


def _ranks(inputs: Sequence[Input]) -> dict[int, tuple[int, int]]:
    return {
        link.product_id: (link.choice, rank)
        for group in alternatives(inputs)
        for rank, link in enumerate(group)
        if link.choice is not None
    }


def _input_reasons(
    made_from: Iterable[File], wanted: Iterable[File], ranks: _Ranks, *, by_content: bool
) -> Iterator[Reason]:
    """What differs, in the order of the wanted inputs, then what is no longer wanted."""
    made_from, wanted = list(made_from), list(wanted)
    added, replaced, removed = _compared(made_from, wanted, ranks)
    before, after = _taken(made_from, ranks), _taken(wanted, ranks)
    reasons = {file.file_id: _added(file, before, ranks) for file in added}
    reasons |= {
        new.file_id: _replaced(old, new, ranks)
        for old, new in replaced
        if not (by_content and old.content == new.content)
    }
    yield from (reasons[file.file_id] for file in wanted if file.file_id in reasons)
    for file in removed:
        if after.get(_choice(file, ranks)) in (None, before.get(_choice(file, ranks))):
            yield Reason(f"input {file.filename} removed", Part.QUALITY)


def _added(file: File, before: Mapping[int | None, int], ranks: _Ranks) -> Reason:
    """An input that takes the place of none in particular; `before`: which product of each choice was used."""
    old_rank = before.get(_choice(file, ranks))
    if old_rank is None or old_rank == ranks[file.product_id][1]:
        return Reason(f"input {file.filename} added", Part.QUALITY)
    quality = "better " if ranks[file.product_id][1] < old_rank else "other "
    return Reason(f"{quality}input {file.filename}", Part.QUALITY)


def _replaced(old: File, new: File, ranks: _Ranks) -> Reason:
    if old.product_id == new.product_id:
        part = _part(risen_part(old.version, new.version), Part.QUALITY)
        return Reason(f"input {old.filename} replaced by {new.filename}", part)
    quality = "better " if ranks[new.product_id][1] < ranks[old.product_id][1] else "other "
    return Reason(f"{quality}input {new.filename} in the place of {old.filename}", Part.QUALITY)


def _choice(file: File, ranks: _Ranks) -> int | None:
    """The choice that a file's product belongs to, None for a product that stands alone."""
    return ranks[file.product_id][0] if file.product_id in ranks else None


def _taken(files: Iterable[File], ranks: _Ranks) -> dict[int | None, int]:
    """By choice: the place of the product that is used of it."""
    return {ranks[file.product_id][0]: ranks[file.product_id][1] for file in files if file.product_id in ranks}


def _compared(
    made_from: Iterable[File], wanted: Iterable[File], ranks: _Ranks
) -> tuple[list[File], list[tuple[File, File]], list[File]]:
    """The inputs that were added, replaced (old and new), and removed."""
    old = {file.file_id: file for file in made_from}
    new = {file.file_id: file for file in wanted}
    gone = {_identity(file, ranks): file for key, file in old.items() if key not in new}
    added, replaced = [], []
    for key, file in new.items():
        if key in old:
            continue
        before = gone.pop(_identity(file, ranks), None)
        if before is None:
            added.append(file)
        else:
            replaced.append((before, file))
    return added, replaced, list(gone.values())


def _up_to_date(slot: Slot, outputs: Sequence[Output], wanted: Collection[File]) -> Decision:
    """The decision that nothing is to be done, with what is confirmed by it."""
    names = ", ".join(output.file.filename for output in outputs)
    confirmed = [
        Confirmation(output.file, old, new)
        for output in outputs
        for old, new in _compared(output.inputs, wanted, {})[1]
        if output.code_id is not None
    ]
    explanation = f"{names} is up to date"
    if confirmed:
        equal = ", ".join(
            dict.fromkeys(f"{each.source.filename} equals {each.replaced.filename}" for each in confirmed)
        )
        explanation = f"{explanation}: {equal}"
    return Decision(slot, State.UP_TO_DATE, explanation, confirmed=tuple(confirmed))


def _planned(
    product: Product,
    output: Output | None,
    reasons: Sequence[Reason],
    code: Code,
    forced: Part | None,
    time: dt.datetime,
    keywords: Mapping[str, str],
) -> Planned:
    """The next version of an output; one that is up to date and is made along with another rises in revision.

    A file that can have one version alone comes back in that, when it is gone from disk.
    """
    parts = [reason.part for reason in reasons if reason.part is not None]
    newest = output.file if output else None
    version = next_version(newest.version if newest else None, code.output_interface, parts, forced=forced)
    name = product.compiled.render(time, str(version), keywords)
    if newest is not None and name == newest.filename:
        version = newest.version
    is_as_before = output is not None and not output.exists and len(reasons) == 1 and forced is None
    return Planned(
        product_id=product.product_id, name=name, version=version, replaces=newest, is_as_before=is_as_before
    )


def _part(risen: Part | None, otherwise: Part) -> Part:
    """What rose, or what counts when two things that differ have one version."""
    return otherwise if risen is None else risen


def _identity(file: File, ranks: _Ranks) -> tuple[object, dt.date, str]:
    """The same for versions of one file, and for files of products that stand for each other."""
    choice = ranks.get(file.product_id)
    return (file.product_id if choice is None else ("choice", choice[0])), file.date, file.keywords


def _covering(process: Process, slot: Slot, files: Iterable[File]) -> bool:
    """Whether one of the files covers a day of the slot itself."""
    last = period_end(process.timebase, slot.date)
    return any(_covers(process.timebase, file, slot.date, last) for file in files)


def _twin_names(names: Sequence[str]) -> str | None:
    """The first name that is there twice."""
    return next((name for position, name in enumerate(names) if name in names[:position]), None)


def _covers(timebase: Timebase, file: File, first: dt.date, last: dt.date) -> bool:
    if timebase.by_time:
        return file.first_day <= last and file.last_day >= first
    return file.date == first


def _is_named(product: Product, file: File, time: dt.datetime, keywords: Mapping[str, str]) -> bool:
    """Whether the file has the name that the product's format gives to its version."""
    return file.filename == product.compiled.render(time, str(file.version), keywords)


def _merged_keywords(timebase: Timebase, files: Iterable[File]) -> dict[str, str]:
    """The keywords of all inputs, later ones winning; the time of day of an input says nothing of a whole period."""
    merged: dict[str, str] = {}
    for file in files:
        if file.keywords:
            merged.update(keywords_of(file.keywords))
    return {key: value for key, value in merged.items() if key not in TIME_OF_DAY or not timebase.by_time}


def _words(timebase: Timebase, slot: Slot) -> str:
    words = str(slot.date)
    if timebase in (Timebase.WEEKLY, Timebase.MONTHLY, Timebase.YEARLY):
        words = f"{slot.date} to {period_end(timebase, slot.date)}"
    return f"{words} with {slot.keywords}" if slot.keywords else words


def _needs_version(product: Product, output: Output, reasons: Iterable[Reason]) -> str:
    why = "; ".join(reason.text for reason in reasons)
    return (
        f"product {product.name} has no {{VERSION}} in its format {product.format!r}, so {output.file.filename} "
        f"cannot be rebuilt ({why}); add {{VERSION}} to the format, or remove the file and have that recorded: "
        "dbproc check --repair"
    )


def _day_index(files: Iterable[File], asked: Sequence[DayRange]) -> dict[int, list[File]]:
    """By day (ordinal) among those asked for: the files that cover it."""
    index: dict[int, list[File]] = defaultdict(list)
    earliest, latest = asked[0][0], asked[-1][1]
    for file in files:
        first, last = max(file.first_day, earliest), min(file.last_day, latest)
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            index[ordinal].append(file)
    return index


class _Standing:
    """What stands on one date of a product, by keywords and by name."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._by_keywords: dict[str, list[Output]] = defaultdict(list)
        self._by_name = {output.file.filename: output for output in outputs}
        self._versions = {output.file.version for output in outputs}
        for output in outputs:
            self._by_keywords[output.file.keywords].append(output)

    def newest(self, keywords: str, name_of: Callable[[Version], str]) -> Output | None:
        """The newest version of those with `keywords`, and of those that have the name of their version."""
        named = ((version, self._by_name.get(name_of(version))) for version in self._versions)
        found = list(self._by_keywords.get(keywords, ()))
        found += [output for version, output in named if output is not None and output.file.version == version]
        return max(found, key=lambda output: output.file.version, default=None)


def _keyword_index(files: Iterable[File]) -> dict[tuple[int, str], list[File]]:
    index: dict[tuple[int, str], list[File]] = defaultdict(list)
    for file in files:
        index[file.date.toordinal(), file.keywords].append(file)
    return index


def _date_index(files: Iterable[File]) -> dict[int, list[File]]:
    index: dict[int, list[File]] = defaultdict(list)
    for file in files:
        index[file.date.toordinal()].append(file)
    return index
