"""What is stale, and why: pure decisions on facts that the catalogue gave.

For a slot the *wanted* inputs are, for each input product, the newest existing files whose keywords agree with the key
and whose time overlaps the period widened by the input's window, or which are valid for it. The output is up to date
when it was made from exactly those files by exactly the code that is active and valid for the date; otherwise every
difference is a :class:`~dbproc.core.model.Reason`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dbproc.core.errors import FormatError
from dbproc.core.expectations import Expectations, some_words, time_words, waits_until
from dbproc.core.facts import Facts, Output
from dbproc.core.filenames import TIME_OF_DAY, keywords_text
from dbproc.core.model import (
    Build,
    Code,
    Definition,
    File,
    Input,
    Keying,
    Period,
    Planned,
    Process,
    Product,
    Reason,
    Slot,
    Task,
    Timebase,
)
from dbproc.core.needs import Needs
from dbproc.core.reasons import FEW, in_few_words, places_of
from dbproc.core.slot_text import slot_words
from dbproc.core.slots import clock_values, fields_of, is_whole, key_of, key_of_file, period_of, restricted, values_of
from dbproc.core.staleness import (
    alternatives,
    cause_of_withdrawal,
    code_reasons,
    compared,
    is_taken_over,
    stale_reasons,
)
from dbproc.core.states import AttemptStatus, Standing
from dbproc.core.version import Part, Version, next_version
from dbproc.core.wanted import Wanted


class State(StrEnum):
    """What was decided for a slot."""

    UP_TO_DATE = "up to date"
    NOT_DUE = "not due"  #: a required input is missing, or no input covers the date itself
    NO_CODE = "no code"  #: no active code is valid for the date
    STALE = "stale"  #: to be built: the decision has a task
    WAITING = "waiting"  #: stale, and waits until its period is over or its inputs are complete
    DELAYED = "delayed"  #: failed before with the same inputs and code; tried again later, or given up
    REFUSED = "refused"  #: cannot be built as the mission is defined
    HINDERED = "hindered"  #: stale, and its job cannot begin: an input is not as it was recorded
    WITHDRAW = "withdraw"  #: what stands there is to be withdrawn, because of what it was made from


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`result` was made from `replaced`, and stays as it is though `source` is newer, because that equals it."""

    result: File
    replaced: File
    source: File


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do for a slot, and the sentence that explains it.

    `confirmed`: what is up to date although it was made from earlier versions, because those have the same contents.
    `until`: when it is made at the latest, while it waits; None: when something comes. `withdraws`: files that are to
    be withdrawn, each with the input that is the cause; `successors`: earlier versions that take their places.
    """

    slot: Slot
    state: State
    explanation: str
    task: Task | None = None
    confirmed: tuple[Confirmation, ...] = ()
    until: dt.datetime | None = None
    withdraws: tuple[tuple[File, File], ...] = ()
    successors: tuple[File, ...] = ()

    @property
    def period(self) -> Period | None:
        """The period of the slot, when there is a task."""
        return self.task.period if self.task is not None else None


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
        The time by which delayed retries are judged, and what is to wait.
    periods
        The periods of the slots whose periods go by files.
    """

    def __init__(
        self,
        definition: Definition,
        facts: Facts,
        asked: Needs,
        now: dt.datetime,
        periods: Mapping[Slot, Period] | None = None,
    ) -> None:
        self.facts = facts
        self._definition = definition
        self._now = now
        self._periods = {} if periods is None else periods
        self._wanted_files = Wanted(definition, facts, asked)
        self._expectations = Expectations(definition, facts)
        self._standing: dict[tuple[int, dt.date], _Standing] = {}

    def period(self, slot: Slot) -> Period:
        """The period of a slot."""
        return self._periods.get(slot) or period_of(self._definition.processes[slot.process_id], slot)

    def decide(self, slot: Slot, forced: Part | None = None) -> Decision:
        """Decide one slot; `forced` rebuilds it even when it is up to date, raising that part of its version."""
        process = self._definition.processes[slot.process_id]
        if process.timebase is Timebase.STARTUP:
            return startup_decision(self._definition, process, slot.date)
        wanted, missing = self._wanted(process, slot)
        drivers = [file.filename for file in wanted if file.product_id == process.driver]
        if len(drivers) > 1:
            text = f"{' and '.join(drivers)} would be one period; put what tells them apart into the formats"
            return Decision(slot, State.REFUSED, text)
        if missing:
            return self._unless_withdrawn(Decision(slot, State.NOT_DUE, missing), wanted)
        code = valid_code(self._definition.codes.get(process.process_id, ()), slot.date)
        if code is None:
            text = f"no active code of process {process.name} is valid for {slot.date}"
            return self._unless_withdrawn(Decision(slot, State.NO_CODE, text), wanted)
        if not process.outputs:
            return self._decide_run(slot, process, code, wanted, forced)
        return self._decide_outputs(slot, process, code, wanted, forced)

    def _wanted(self, process: Process, slot: Slot) -> tuple[tuple[File, ...], str]:
        """The wanted inputs in the order of the command line, and why the slot is not due, if so."""
        wanted: dict[int, File] = {}
        period = self.period(slot)
        covers, told, missing = not process.inputs, set[str](), ""
        for links in alternatives(process.inputs):
            files = self._chosen(process, slot, period, links)
            if not files and not links[0].optional:
                names = " or ".join(self._definition.products[link.product_id].name for link in links)
                names += f" (quality {' or '.join(links[0].quality)})" if links[0].quality else ""
                missing = missing or f"no file of the required input {names} for {slot_words(process, slot, period)}"
            covers = covers or (links[0].valid is None and _covering(process, slot, period, files))
            wanted.update((file.file_id, file) for file in files)
            told |= _told(process, links, files)
        untold = sorted(process.key_fields - told)
        if untold and process.inputs:
            missing = missing or f"none of the inputs gives {{{untold[0]}}} for {slot_words(process, slot, period)}"
        if not covers:
            missing = missing or f"no input covers {slot_words(process, slot, period)} itself"
        return tuple(wanted.values()), missing

    def standing(self, slot: Slot) -> Iterator[Output]:
        """What stands in a slot: the newest version of each output, and the newest in place, or every one."""
        process = self._definition.processes[slot.process_id]
        fields = fields_of(slot.keywords) | process.key_fields
        for product_id in process.outputs:
            for output in self.facts.outputs.get((product_id, slot.date), ()):
                if restricted(output.file.keywords, fields) == slot.keywords:
                    yield output

    def _unless_withdrawn(self, decision: Decision, wanted: Collection[File]) -> Decision:
        """The decision that nothing can be made, unless something stands there that was made from what is no input any
        more; without a code, that was taken back."""
        process = self._definition.processes[decision.slot.process_id]
        in_place = [output for output in self.standing(decision.slot) if output.exists]
        made = (output for output in in_place if output.code_id is not None or output.baseline is not None)
        pairs = ((output.file, cause_of_withdrawal(output, wanted, process)) for output in made)
        found = tuple((file, cause) for file, cause in pairs if cause is not None)
        if decision.state is State.NO_CODE:
            found = tuple((file, cause) for file, cause in found if cause.standing.is_taken_back)
        return withdrawing(decision, found, [output.file for output in in_place]) if found else decision

    def _unless_unsound(self, decision: Decision) -> Decision:
        """The decision that nothing is to be made, unless a person has withdrawn what should stand there, and something
        stands there that was made from what was taken back."""
        standing = list(self.standing(decision.slot))
        if not any(output.is_held for output in standing):
            return decision
        in_place = [output for output in standing if output.exists]
        causes = ((each.file, [file for file in each.inputs if file.standing.is_taken_back]) for each in in_place)
        found = [(file, wrong[0]) for file, wrong in causes if wrong]
        return withdrawing(decision, found, [output.file for output in in_place]) if found else decision

    def _chosen(self, process: Process, slot: Slot, period: Period, links: Sequence[Input]) -> list[File]:
        """The files of one input; of several that stand for each other, those of the first product that covers the
        slot's own period, or else of the first that has any in the window."""
        found = [files for link in links if (files := self._wanted_files.files(process, slot, period, link))]
        return next((files for files in found if _covering(process, slot, period, files)), found[0] if found else [])

    def whole(self, slot: Slot) -> list[Slot]:
        """The slots that a slot stands for that may lack a part of its key: those that its inputs tell."""
        process = self._definition.processes[slot.process_id]
        if is_whole(process, slot) and process.keywords is Keying.EACH:
            return [slot]
        return self._wanted_files.whole(process, slot, self.period(slot))

    def wanted(self, slot: Slot) -> tuple[File, ...]:
        """The files that are the inputs of a slot, as far as there are any."""
        return self._wanted(self._definition.processes[slot.process_id], slot)[0]

    def lacking(self, slot: Slot) -> list[Input]:
        """The inputs for want of which a slot is not due: those required that are missing, or else all of them."""
        process = self._definition.processes[slot.process_id]
        missing = [
            link
            for links in alternatives(process.inputs)
            if not links[0].optional and not self._chosen(process, slot, self.period(slot), links)
            for link in links
        ]
        return missing or list(process.inputs)

    def _decide_run(
        self, slot: Slot, process: Process, code: Code, wanted: tuple[File, ...], forced: Part | None
    ) -> Decision:
        tried = self.facts.tried.get(slot)
        if tried is None:
            reasons = [Reason("not run yet")]
        else:
            reasons = list(code_reasons(code, tried.code_id, tried.code_version))
            if tried.inputs != {file.file_id for file in wanted}:
                reasons.append(Reason("its inputs changed", Part.QUALITY))
            if tried.status != AttemptStatus.SUCCEEDED:
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
            why=self._why(reasons, wanted, ()),
            outputs=(),
            level=float("inf"),
            period=self.period(slot),
        )
        return self._unless_waiting(self._unless_delayed(task, forced), forced)

    def _decide_outputs(
        self, slot: Slot, process: Process, code: Code, wanted: tuple[File, ...], forced: Part | None
    ) -> Decision:
        period = self.period(slot)
        time = _name_time(process, slot, period)
        keywords = _keywords(process, slot, wanted)
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
            return self._unless_unsound(_up_to_date(slot, [output for _, output, _ in found if output], wanted))
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
            why=self._why(reasons, wanted, [output for _, output, _ in found if output]),
            outputs=tuple(planned),
            level=min(product.level for product in products),
            period=period,
        )
        twin = _twin_names([plan.name for plan in planned])
        if twin is not None:
            return Decision(slot, State.REFUSED, f"two outputs would be named {twin}; give their formats other names")
        for (product, output, _), plan in zip(found, planned, strict=True):
            if output is not None and output.exists and plan.name == output.file.filename:
                refused = Decision(slot, State.REFUSED, _needs_version(product, output, task.why), task)
                causes = [file for file in output.inputs if file.standing.is_taken_back]
                return withdrawing(refused, [(output.file, causes[0])], ()) if causes else refused
        return self._unless_waiting(self._unless_delayed(task, forced), forced)

    def _why(self, reasons: Iterable[Reason], wanted: Iterable[File], outputs: Iterable[Output]) -> str:
        """Reasons in few words; about what is wanted and what outputs were made from."""
        texts = [reason.text for reason in reasons]
        if len(texts) > FEW:
            known = (*wanted, *(file for output in outputs for file in output.inputs))
            texts = in_few_words(texts, places_of(known, self._definition.products))
        return "; ".join(texts)

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
        is_kept = output is not None and output.baseline is not None and output.baseline.other_name
        if output is not None and not is_kept and not _is_named(product, output.file, time, keywords):
            reasons.append(Reason(f"{output.file.filename} {_NAMED_OTHERWISE}", Part.REVISION))
        return reasons

    def _newest_output(
        self, product: Product, slot: Slot, time: dt.datetime, keywords: Mapping[str, str]
    ) -> Output | None:
        """The newest version of what stands in the slot: a file whose name differs in its version alone, or one with
        the keywords that the output will have, named by a format that the product had before."""
        fields = product.compiled.keyword_fields
        known = {**clock_values(time.time()), **keywords} if fields & TIME_OF_DAY else keywords
        expected = keywords_text({key: value for key, value in known.items() if key in fields})
        place = product.product_id, slot.date
        standing = self._standing.get(place)
        if standing is None:
            standing = self._standing[place] = _Standing(self.facts.outputs.get(place, ()))
        return standing.newest(expected, lambda version: product.compiled.render(time, str(version), keywords))

    def _unless_delayed(self, task: Task, forced: Part | None) -> Decision:
        """The task, unless it failed before with the same inputs and code and is to wait."""
        why = task.why
        tried = self.facts.tried.get(task.slot)
        if tried is None or tried.status != AttemptStatus.FAILED:
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

    def _unless_waiting(self, decision: Decision, forced: Part | None) -> Decision:
        """The decision, unless its output is to be made later: when its period is over, or its inputs are complete."""
        task = decision.task
        if decision.state is not State.STALE or task is None or forced is not None:
            return decision
        process = task.process
        if process.build is Build.AT_ONCE:
            return decision
        until = waits_until(process, task.period)
        if until is not None and until <= self._now:
            return decision
        words = "waits" if until is None else f"waits until {time_words(until)}"
        if process.build is Build.WHEN_COMPLETE:
            missing = self._expectations.missing(process, task.slot, task.period)
            if not missing:
                return decision
            words += f"{'' if until is None else ' or'} for {some_words(missing)}"
        text = f"{decision.explanation}; {words}"
        return replace(decision, state=State.WAITING, explanation=text, until=until)


def withdrawing(decision: Decision, pairs: Sequence[tuple[File, File]], in_place: Iterable[File]) -> Decision:
    """The decision to withdraw files, each because of an input, instead of another one; of the versions `in_place`, the
    newest that is left takes the place."""
    pairs = sorted(pairs, key=lambda pair: pair[0].version, reverse=True)
    gone, places = {file.file_id for file, _ in pairs}, {file.identity for file, _ in pairs}
    left = sorted((file for file in in_place if file.file_id not in gone), key=lambda file: file.version)
    successors = tuple({file.identity: file for file in left if file.identity in places}.values())
    causes = dict.fromkeys(f"made from {cause.filename}, which {_gone(cause)}" for _, cause in pairs)
    text = f"{' or '.join(causes)}: {decision.explanation}"
    return Decision(decision.slot, State.WITHDRAW, text, withdraws=tuple(pairs), successors=successors)


def _gone(cause: File) -> str:
    if cause.quality.is_doubt and cause.standing.exists:
        return f"is marked {cause.quality}, and no input of it any more"
    return {
        Standing.REPLACED: "was replaced",
        Standing.WITHDRAWN: "was withdrawn",
        Standing.FOLLOWING: "was withdrawn",
    }.get(cause.standing, "is no input of it any more")


def startup_decision(definition: Definition, process: Process, today: dt.date) -> Decision:
    """What a run that begins `today` is to do for a process of timebase STARTUP."""
    slot = Slot(process.process_id, today)
    code = valid_code(definition.codes.get(process.process_id, ()), today)
    if code is None:
        return Decision(slot, State.NO_CODE, f"no active code of process {process.name} is valid for {today}")
    why = Reason("once at the beginning of every run")
    task = Task(
        slot=slot,
        process=process,
        code=code,
        inputs=(),
        reasons=(why,),
        why=why.text,
        outputs=(),
        level=float("-inf"),
        period=period_of(process, slot),
    )
    return Decision(slot, State.STALE, why.text, task)


def valid_code(codes: Iterable[Code], date: dt.date) -> Code | None:
    """The code that is valid for `date`: the highest version where ranges overlap."""
    valid = [code for code in codes if code.start <= date <= code.stop]
    return max(valid, key=lambda code: (code.version, code.code_id), default=None)


def _up_to_date(slot: Slot, outputs: Sequence[Output], wanted: Collection[File]) -> Decision:
    """The decision to do nothing, with the files that it confirms."""
    names = ", ".join(output.file.filename for output in outputs)
    if any(output.is_held for output in outputs):
        text = f"{names} was withdrawn; it is made again when its inputs or its code change"
        return Decision(slot, State.UP_TO_DATE, text)
    confirmed = [
        Confirmation(output.file, old, new)
        for output in outputs
        for old, new in compared(output.counted, wanted, {})[1]
        if output.code_id is not None
    ]
    explanation = f"{names} is up to date"
    if any(is_taken_over(output, wanted) for output in outputs):
        explanation += ", as it was taken over"
    if confirmed:
        equal = list(dict.fromkeys(f"{each.source.filename} equals {each.replaced.filename}" for each in confirmed))
        explanation = f"{explanation}: {', '.join(in_few_words(equal))}"
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
    is_lost = output is not None and output.file.standing is Standing.LOST
    is_as_before = is_lost and len(reasons) == 1 and forced is None
    return Planned(
        product_id=product.product_id, name=name, version=version, replaces=newest, is_as_before=is_as_before
    )


_NAMED_OTHERWISE = "is named by another format"


def is_named_otherwise(task: Task) -> bool:
    """Whether what there is of a task is named by another format than that of its product."""
    return any(reason.text.endswith(_NAMED_OTHERWISE) for reason in task.reasons)


def named(task: Task, products: Mapping[int, Product], version: Version) -> Task:
    """The task with outputs of that version, whatever there is."""
    time = _name_time(task.process, task.slot, task.period)
    keywords = _keywords(task.process, task.slot, task.inputs)
    names = (products[each.product_id].compiled.render(time, str(version), keywords) for each in task.outputs)
    outputs = zip(task.outputs, names, strict=True)
    return replace(task, outputs=tuple(replace(each, name=name, version=version) for each, name in outputs))


def _told(process: Process, links: Sequence[Input], files: Iterable[File]) -> set[str]:
    """The keywords of the key that files of one input have."""
    if not process.key_fields:
        return set()
    by_product = {link.product_id: link for link in links}
    keys = (key_of_file(process, by_product[file.product_id], file.keywords) for file in files)
    return {field for key in keys for field in fields_of(key)}


def _covering(process: Process, slot: Slot, period: Period, files: Iterable[File]) -> bool:
    """Whether one of the files covers a moment of the period itself, or is of the slot's date."""
    if process.timebase.by_time:
        return any(period.overlaps(file.start, file.stop) for file in files)
    return any(file.date == slot.date for file in files)


def _twin_names(names: Sequence[str]) -> str | None:
    """The first name that is there twice."""
    return next((name for position, name in enumerate(names) if name in names[:position]), None)


def _is_named(product: Product, file: File, time: dt.datetime, keywords: Mapping[str, str]) -> bool:
    """Whether the file has the name that the product's format gives to its version."""
    return file.filename == product.compiled.render(time, str(file.version), keywords)


def _name_time(process: Process, slot: Slot, period: Period) -> dt.datetime:
    """The time in the names of outputs: the beginning of the period, on the date of the slot."""
    clock = period.start.timetz() if process.timebase.by_time else dt.time(tzinfo=dt.UTC)
    return dt.datetime.combine(slot.date, clock)


def _keywords(process: Process, slot: Slot, inputs: Iterable[File]) -> Mapping[str, str]:
    """The keywords in the names of outputs.

    Merged, they are those of all inputs, later ones winning; the time of day of an input says nothing of a period.
    """
    if process.keywords is Keying.EACH:
        return values_of(key_of(process, slot))
    merged: dict[str, str] = {}
    for file in inputs:
        merged.update(values_of(file.keywords))
    return {key: value for key, value in merged.items() if key not in TIME_OF_DAY or not process.timebase.by_time}


NO_VERSION = "has no {VERSION} in its format"
"""In what is said of an output that stands and cannot be made anew: why."""


def _needs_version(product: Product, output: Output, why: str) -> str:
    return (
        f"product {product.name} {NO_VERSION} {product.format!r}, so {output.file.filename} "
        f"cannot be rebuilt ({why}); add {{VERSION}} to the format, or take it back, and the next run makes it anew: "
        f"dbproc withdraw {output.file.filename} --reason TEXT"
    )


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
