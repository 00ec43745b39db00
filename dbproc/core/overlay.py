"""Files that do not exist, laid over what the catalogue gives: the planner then decides as if they had been made."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dbproc.core.candidates import Queued
from dbproc.core.expectations import seen_of
from dbproc.core.facts import Facts, Output, Seen, Tried
from dbproc.core.filenames import keywords_text
from dbproc.core.model import Definition, File, Period, Planned, Slot, Task
from dbproc.core.needs import Needs
from dbproc.core.periods import DayRange
from dbproc.core.slots import time_of_output
from dbproc.core.states import AttemptStatus, Standing

_Identity = tuple[int, dt.date, str]


class Overlay:
    """The newest files as they would be: numbered -1, -2, …, each in the place of the version before it."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._count = 0
        self._newest: dict[_Identity, Output] = {}
        self._by_day: dict[int, dict[int, list[File]]] = defaultdict(lambda: defaultdict(list))
        self._by_date: dict[int, dict[int, dict[str, Output]]] = defaultdict(lambda: defaultdict(dict))
        self._done: dict[Slot, Tried | None] = {}
        self._standings: dict[int, Standing] = {}  # of files of the catalogue that are taken back

    def deliver(self, file: File) -> Queued:
        """Enter a file as if it were delivered and the newest of its versions; as it would be queued.

        One with a number of its own is of the catalogue, and only missing from disk.
        """
        there = replace(file, file_id=file.file_id or self._next_id(), standing=Standing.IN_PLACE)
        return self._enter(Output(there, None, None, ()), None)

    def withdraw(self, file: File) -> Queued:
        """Take a file of the catalogue out of its place, as if withdrawn with an input; as it would be queued."""
        gone = replace(file, standing=Standing.FOLLOWING)
        before = self._newest.get(file.identity)
        if before is None or before.file.version <= file.version:
            if before is not None:
                self._forget(before.file)
            self._newest[file.identity] = Output(gone, None, None, ()) if before is None else replace(before, file=gone)
            self._by_date[file.product_id][file.date.toordinal()][file.keywords] = self._newest[file.identity]
        self._standings[file.file_id] = Standing.FOLLOWING
        return Queued(file.file_id, file.product_id, file.date, file.keywords, (file.period,), is_taken_back=True)

    def lose(self, file: File, before: File | None) -> None:
        """Take a file of the catalogue out of its place, as if it were gone from disk; the one `before` it, if there is
        any, is the newest then."""
        self._standings[file.file_id] = Standing.LOST
        gone = Output(replace(file, standing=Standing.LOST), None, None, ())
        if before is None:
            self._newest[file.identity] = gone
            self._by_date[file.product_id][file.date.toordinal()][file.keywords] = gone
        else:
            self._enter(Output(before, None, None, ()), None)

    def replace(self, former: File, file: File) -> list[Queued]:
        """Enter a file as if it had taken over the name of another one; both as they would be queued."""
        self._standings[former.file_id] = Standing.REPLACED
        gone = self.withdraw(former) if former.identity != file.identity else None
        spans = (former.period,)
        back = gone or Queued(
            former.file_id, former.product_id, former.date, former.keywords, spans, is_taken_back=True
        )
        self._standings[former.file_id] = Standing.REPLACED
        return [back, self.deliver(file)]

    def make(self, task: Task) -> list[Queued]:
        """Enter the outputs of a task as if it had succeeded; as they would be queued."""
        self._done[task.slot] = None if task.outputs else _succeeded(task)
        return [
            self._enter(
                Output(self._output(task, planned), task.code.code_id, task.code.version, task.inputs),
                planned.replaces,
                task.campaign_id,
            )
            for planned in task.outputs
        ]

    def over(self, facts: Facts, asked: Needs) -> Facts:
        """The facts that the catalogue would give if it held these files."""
        return Facts(
            by_time={key: self._overlapping(key, files, asked.by_time[key]) for key, files in facts.by_time.items()},
            by_date={key: self._dated(key, files, asked.by_date[key]) for key, files in facts.by_date.items()},
            outputs=self._outputs(facts.outputs, asked.outputs),
            tried=self._tried(facts.tried),
            by_start={key: self._beginning(key, files, asked.by_start[key]) for key, files in facts.by_start.items()},
            seen={key: self._seen(key, seen) for key, seen in facts.seen.items()},
            made_from=facts.made_from,
        )

    def _next_id(self) -> int:
        self._count += 1
        return -self._count

    def _enter(self, output: Output, before: File | None, campaign_id: int | None = None) -> Queued:
        file = output.file
        identity = file.identity
        self._standings.pop(file.file_id, None)
        spans = [file.period]
        if before is not None and before.identity == identity:
            spans.append(before.period)
        if identity in self._newest:
            older = self._newest[identity].file
            self._forget(older)
            spans.append(older.period)
        self._newest[identity] = output
        self._by_date[file.product_id][file.date.toordinal()][file.keywords] = output
        days = self._by_day[file.product_id]
        for ordinal in _ordinals([file.period.days]):
            days[ordinal].append(file)
        of_all = tuple(dict.fromkeys(spans))
        return Queued(file.file_id, file.product_id, file.date, file.keywords, of_all, campaign_id=campaign_id)

    def _forget(self, file: File) -> None:
        days = self._by_day[file.product_id]
        for ordinal in _ordinals([file.period.days]):
            if file in days[ordinal]:
                days[ordinal].remove(file)

    def _output(self, task: Task, planned: Planned) -> File:
        """The file that a job is to make, as it would be registered."""
        time, keywords = self._extent(task, planned)
        again = planned.again if planned.is_as_before else None
        return File(
            file_id=self._next_id() if again is None else again.file_id,
            product_id=planned.product_id,
            filename=planned.name,
            date=task.slot.date,
            start=time.start,
            stop=time.stop,
            version=planned.version,
            keywords=keywords,
            directory="",
        )

    def _extent(self, task: Task, planned: Planned) -> tuple[Period, str]:
        """The time and the keywords of an output: of the file that it replaces, where only its contents tell."""
        product = self._definition.products[planned.product_id]
        before = planned.replaces
        if before is not None and product.inspector.name != "filename":
            return before.period, before.keywords
        name = product.read(planned.name)
        if name is None or name.start is None or name.stop is None:
            return task.period, "" if name is None else keywords_text(name.keywords)
        return time_of_output(task.process, task.period, Period(name.start, name.stop)), keywords_text(name.keywords)

    def _overlapping(self, product_id: int, files: Sequence[File], asked: Sequence[DayRange]) -> Sequence[File]:
        if product_id not in self._by_date:
            return files
        days = self._by_day[product_id]
        found = {file.file_id: file for day in _among(days, asked) for file in days[day]}
        return [*self._not_replaced(files), *found.values()]

    def _dated(self, product_id: int, files: Sequence[File], asked: Sequence[DayRange]) -> Sequence[File]:
        if product_id not in self._by_date:
            return files
        dates = self._by_date[product_id]
        found = (output.file for day in _among(dates, asked) for output in dates[day].values() if output.exists)
        return [*self._not_replaced(files), *found]

    def _beginning(self, product_id: int, files: Sequence[File], asked: Sequence[DayRange]) -> Sequence[File]:
        if product_id not in self._by_date:
            return files
        every = (file for of_day in self._by_day[product_id].values() for file in of_day)
        found = {file.file_id: file for file in every if _is_in(file.start.date(), asked)}
        return [*self._not_replaced(files), *found.values()]

    def _seen(self, product_id: int, seen: Seen) -> Seen:
        product = self._definition.products[product_id]
        of_product = (output for output in self._newest.values() if output.file.product_id == product_id)
        files = (output.file for output in of_product if output.exists)
        return seen_of(product, [*seen.firsts.items(), *((file.keywords, file.date) for file in files)])

    def _not_replaced(self, files: Sequence[File]) -> Iterator[File]:
        return (file for file in files if file.identity not in self._newest)

    def _outputs(
        self, known: Mapping[tuple[int, dt.date], Sequence[Output]], asked: Mapping[int, Sequence[DayRange]]
    ) -> Mapping[tuple[int, dt.date], Sequence[Output]]:
        result = {key: [self._as_it_is(output) for output in outputs] for key, outputs in known.items()}
        for product_id, ranges in asked.items():
            dates = self._by_date.get(product_id, {})
            for day in _among(dates, ranges):
                key = product_id, dt.date.fromordinal(day)
                result[key] = _laid_over(result.get(key, ()), dates[day].values())
        return result

    def _as_it_is(self, output: Output) -> Output:
        """An output of the catalogue, it and its inputs as they stand here."""
        if not any(file.file_id in self._standings for file in (output.file, *output.inputs, *output.counted)):
            return output
        inputs, baseline = tuple(map(self._stands, output.inputs)), output.baseline
        if baseline is not None:
            baseline = replace(baseline, inputs=tuple(map(self._stands, baseline.inputs)))
        return replace(output, file=self._stands(output.file), inputs=inputs, baseline=baseline)

    def _stands(self, file: File) -> File:
        return replace(file, standing=self._standings.get(file.file_id, file.standing))

    def _tried(self, tried: Mapping[Slot, Tried]) -> Mapping[Slot, Tried]:
        if not self._done:
            return tried
        kept = {slot: each for slot, each in tried.items() if slot not in self._done}
        return kept | {slot: done for slot, done in self._done.items() if done is not None}


def _laid_over(known: Sequence[Output], virtual: Iterable[Output]) -> list[Output]:
    """Outputs with hypothetical ones; a file that comes back keeps its lineage, unless it was made again."""
    by_id = {output.file.file_id: output for output in virtual}
    result = []
    for output in known:
        again = by_id.pop(output.file.file_id, output)
        is_as_made = again.code_id is None and again is not output
        result.append(replace(output, file=again.file) if is_as_made else again)
    return [*result, *by_id.values()]


def _succeeded(task: Task) -> Tried:
    """A job without outputs that was run."""
    return Tried(
        attempt_id=0,
        status=AttemptStatus.SUCCEEDED,
        code_id=task.code.code_id,
        code_digest=task.code.digest,
        code_version=task.code.version,
        inputs=frozenset(file.file_id for file in task.inputs),
        failures=0,
        next_try=None,
        message="",
    )


def _is_in(day: dt.date, ranges: Sequence[DayRange]) -> bool:
    return any(first <= day <= last for first, last in ranges)


def _ordinals(ranges: Sequence[DayRange]) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first.toordinal(), last.toordinal() + 1)


def _among(days: Collection[int], ranges: Sequence[DayRange]) -> Iterator[int]:
    """Those of some days that are in the ranges, which may be longer than all time."""
    if sum((last - first).days + 1 for first, last in ranges) < len(days):
        return (day for day in _ordinals(ranges) if day in days)
    return (day for day in days if _is_in(dt.date.fromordinal(day), ranges))
