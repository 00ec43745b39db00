"""Outcomes → files, lineage, attempts, queue: checked, announced, placed, and recorded in one transaction.

A job that exits 0 has succeeded only when the promised output is there, is not empty, and its product's inspector
agrees that it is what was planned.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbproc.core.errors import ConflictError, FormatError, PlacementError
from dbproc.core.filenames import companion_of, keywords_of, keywords_text
from dbproc.core.model import (
    Comparison,
    Definition,
    Ending,
    FileFacts,
    Member,
    Move,
    NewFile,
    Outcome,
    Planned,
    Product,
    Task,
    Timebase,
    Verdict,
)
from dbproc.core.periods import period_end
from dbproc.core.plan import Confirmation
from dbproc.core.retry import retry_delay
from dbproc.core.states import AttemptStatus, ItemStatus, Purpose
from dbproc.core.text import one_line, storable
from dbproc.core.version import Part
from dbproc.database import audit, campaigns, files, queue
from dbproc.database import moves as placements
from dbproc.database.attempts import Closing, close_attempts
from dbproc.database.campaigns import ItemEnd
from dbproc.database.store import Store, Transaction
from dbproc.products.inspection import Inspection
from dbproc.storage import layout, moves
from dbproc.storage.fingerprint import Measured, Unmeasured, measure_all
from dbproc.storage.layout import directory_of, file_path
from dbproc.storage.removal import remove_tree
from dbproc.storage.workspace import INPUT_LIST


@dataclass(frozen=True, slots=True)
class Success:
    """A job that did what it promised: its files, with where they are and go to; none for timebases RUN and STARTUP."""

    task: Task
    outcome: Outcome
    files: tuple[NewFile, ...] = ()
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that did not. `is_interrupted`: because the run was ended; `is_obstacle`: it could not be started, and the
    next run looks again whether it can."""

    task: Task
    outcome: Outcome
    message: str
    is_interrupted: bool = False
    is_obstacle: bool = False


Result = Success | Failure

_Recorded = Mapping[int, tuple[int, str, frozenset[Member]]]
"""By file: the size, the digest and the members that are recorded."""


@dataclass(frozen=True, slots=True)
class _Made:
    """An output that a job left, and where."""

    task: Task
    outcome: Outcome
    planned: Planned
    path: str


@dataclass(frozen=True, slots=True)
class _Output:
    """An output that is what was promised."""

    file: NewFile
    move: Move


class Register:
    """Turns the outcomes of one run's jobs into records.

    `check` looks at the outputs, `announcements` are entered by the caller before `record` moves and records.
    """

    def __init__(self, store: Store, definition: Definition, inspection: Inspection, run_id: int) -> None:
        self._store = store
        self._run_id = run_id
        self._definition = definition
        self._inspection = inspection

    def check(self, ended: Sequence[tuple[Task, Outcome]]) -> list[Result]:
        """Whether each job did what it promised."""
        products = self._definition.products
        faults = [_fault(task, outcome) or _shared_companion(task, products) for task, outcome in ended]
        made = [
            _Made(task, outcome, planned, os.path.join(outcome.job.directory, planned.name))
            for (task, outcome), fault in zip(ended, faults, strict=True)
            if fault is None
            for planned in task.outputs
        ]
        checked = self._checked_outputs(made)
        return _without_twins(
            [
                _result(task, outcome, fault, checked.get(outcome.job.attempt_id, []))
                for (task, outcome), fault in zip(ended, faults, strict=True)
            ]
        )

    def _checked_outputs(self, made: Sequence[_Made]) -> dict[int, list[_Output | str]]:
        """By attempt: each output as it is to be entered, or what is wrong with it."""
        verdicts = self._inspection.confirm_many([(each.path, each.planned.product_id) for each in made])
        wanted = [(each.path, self._has_companion(each.planned)) for each in made]
        measured = measure_all(wanted, self._definition.mission.digest)
        before = self._before([each.planned for each in made])
        checked: dict[int, list[_Output | str]] = defaultdict(list)
        for each, verdict, size in zip(made, verdicts, measured, strict=True):
            checked[each.outcome.job.attempt_id].append(self._checked(each, verdict, size, before))
        return checked

    def _has_companion(self, planned: Planned) -> bool:
        return self._definition.products[planned.product_id].companion

    def _before(self, planned: Sequence[Planned]) -> _Recorded:
        """What is recorded of the files that outputs replace."""
        replaced = [each.replaces.file_id for each in planned if each.replaces is not None]
        if not replaced:
            return {}
        with self._store.begin() as connection:
            return audit.recorded(connection, replaced)

    def announcements(self, results: Sequence[Result]) -> list[Move]:
        """The moves that :meth:`record` will make."""
        return [move for result in results if isinstance(result, Success) for move in result.moves]

    def record(
        self,
        results: Sequence[Result],
        settled_queue: Sequence[int],
        confirmed: Sequence[Confirmation],
        ended_items: Sequence[ItemEnd] = (),
    ) -> list[tuple[Result, list[int]]]:
        """Move the outputs home and record everything; gives each result as it ended, with the ids of its files.

        `settled_queue` are the queued files for which everything is decided with these results, `confirmed` is what
        was found to be up to date because of equal contents, and `ended_items` are items of campaigns for which
        nothing is built.
        """
        placed = [self.place(result) for result in results]
        moves.sync(self.announcements(placed))
        placed = [self._as_placed(result) for result in placed]
        announced = self.announcements(results)
        try:
            recorded = self._write(placed, announced, settled_queue, confirmed, ended_items)
        except ConflictError:
            recorded = [pair for result in placed for pair in self._write_alone(result)]
            with self._store.begin() as connection:
                files.confirm(connection, self._run_id, confirmed)
                campaigns.end_items(connection, self._run_id, ended_items)
                queue.remove(connection, settled_queue)
                placements.withdraw(connection, announced)
        for result, _ in recorded:
            self._tidy(result)
        return recorded

    def _checked(
        self, made: _Made, verdict: Verdict, measured: Measured | Unmeasured, before: _Recorded
    ) -> _Output | str:
        name = "its output" if len(made.task.outputs) == 1 else f"its output {made.planned.name}"
        if not isinstance(measured, Measured):
            return f"{name} cannot be read: {measured}"
        facts = verdict.facts
        if facts is None:
            return f"{name} is not what was promised: {verdict.reason}"
        product = self._definition.products[made.planned.product_id]
        fault = _disagreement(made.task, made.planned, facts, has_version=product.compiled.has_version)
        if fault is not None:
            return f"{name} is not what was promised: {fault}"
        try:
            file = self._new_file(made, product, facts, measured, before)
            target = layout.home(self._definition.mission, product, file.directory, file.filename)
        except (PlacementError, FormatError) as error:
            return str(error)
        return _Output(file, Move(Purpose.OUTPUT, made.path, target, file.digest, file.members, measured.state))

    def _new_file(
        self, made: _Made, product: Product, facts: FileFacts, measured: Measured, before: _Recorded
    ) -> NewFile:
        planned = made.planned
        version = planned.version if product.compiled.has_version else facts.version or planned.version
        facts = replace(facts, keywords=facts.keywords or _inherited(made.task, product.compiled.keyword_fields))
        if product.inspector.name == "filename":
            facts = replace(facts, stop=max(facts.stop, _end_of_period(made.task)))
        return NewFile(
            filename=os.path.basename(made.path),
            product_id=product.product_id,
            facts=facts,
            version=version,
            level=product.level,
            directory=directory_of(product, facts, version),
            size=measured.size,
            digest=measured.digest,
            created=made.outcome.ended,
            members=measured.members,
            provenance=shlex.join(made.outcome.job.command),
            same_as=self._same_as(made, product, measured, before),
            **_in_place_of(planned, measured, before),
        )

    def _same_as(self, made: _Made, product: Product, measured: Measured, before: _Recorded) -> int | None:
        """The oldest of the earlier versions with the same contents as an output."""
        replaced = made.planned.replaces
        if replaced is None or replaced.file_id not in before or made.planned.again is not None:
            return None
        _, digest, members = before[replaced.file_id]
        if digest == measured.digest and members == frozenset(measured.members):
            return replaced.content
        if product.comparison is Comparison.BYTES:
            return None
        from dbproc.products.comparison import same_contents

        is_same = same_contents(
            product.comparison, file_path(self._definition, replaced), made.path, companion=product.companion
        )
        return replaced.content if is_same else None

    def place(self, result: Result) -> Result:
        """Move the outputs home: the result, or the failure to put one of them there: then none is."""
        if isinstance(result, Failure):
            return result
        done: list[Move] = []
        try:
            for move in result.moves:
                moves.move(move)
                done.append(move)
        except PlacementError as error:
            for move in reversed(done):
                moves.move_back(move)
            return Failure(result.task, result.outcome, str(error))
        return result

    def _as_placed(self, result: Result) -> Result:
        """The result with what the system says of its files at their places; a failure when one was written to."""
        if isinstance(result, Failure):
            return result
        try:
            states = [moves.as_placed(move) for move in result.moves]
        except PlacementError as error:
            for move in reversed(result.moves):
                moves.move_back(move, as_it_is=True)
            return Failure(result.task, result.outcome, str(error))
        pairs = zip(result.files, states, strict=True)
        return replace(result, files=tuple(replace(file, state=s, members=m) for file, (s, m) in pairs))

    def _write(
        self,
        results: Sequence[Result],
        announced: Sequence[Move] = (),
        settled_queue: Sequence[int] = (),
        confirmed: Sequence[Confirmation] = (),
        ended_items: Sequence[ItemEnd] = (),
    ) -> list[tuple[Result, list[int]]]:
        with self._store.begin() as connection:
            recorded = self.enter(connection, results)
            files.confirm(connection, self._run_id, confirmed)
            campaigns.end_items(connection, self._run_id, [*_items_of(results), *ended_items])
            queue.remove(connection, settled_queue)
            placements.withdraw(connection, announced)
        return recorded

    def enter(self, connection: Transaction, results: Sequence[Result]) -> list[tuple[Result, list[int]]]:
        """Enter files that are at home with their lineage, queue them, and close the attempts; gives their ids."""
        made = [(result, file) for result in results if isinstance(result, Success) for file in result.files]
        ids = files.insert_files(connection, [file for _, file in made])
        by_result: dict[int, list[int]] = defaultdict(list)
        for (result, _), file_id in zip(made, ids, strict=True):
            by_result[id(result)].append(file_id)
        of_file = {file_id: result for (result, _), file_id in zip(made, ids, strict=True)}
        inputs = {file_id: [file.file_id for file in result.task.inputs] for file_id, result in of_file.items()}
        files.link_inputs(connection, inputs)
        files.link_codes(connection, {file_id: result.task.code.code_id for file_id, result in of_file.items()})
        close_attempts(connection, [self._closing(result, by_result[id(result)]) for result in results])
        other = [file_id for (_, file), file_id in zip(made, ids, strict=True) if file.is_other]
        queue.remove(connection, other)
        queue.push(connection, other, queue.MADE, Part.QUALITY)  # what was made from it has its number, and is stale
        queue.push(connection, ids, queue.MADE)
        return [(result, by_result[id(result)]) for result in results]

    def _write_alone(self, result: Result) -> list[tuple[Result, list[int]]]:
        """Record one result by itself; one that the database does not admit becomes a failure."""
        try:
            return self._write([result])
        except ConflictError as error:
            if isinstance(result, Failure) or not result.moves:
                raise
            for move in reversed(result.moves):
                moves.move_back(move)
            message = f"another file has this name, or this date and version: {error}"
            return self._write([Failure(result.task, result.outcome, message)])

    def _closing(self, result: Result, file_ids: Sequence[int]) -> Closing:
        outcome = result.outcome
        failures, next_try = 0, None
        status, message = AttemptStatus.SUCCEEDED, None
        if isinstance(result, Failure):
            status, message = AttemptStatus.FAILED, storable(result.message)
            failures = result.task.failures + 1
            next_try = self._next_try(result.task, failures, outcome.ended)
            if result.is_interrupted:
                status, failures, next_try = AttemptStatus.INTERRUPTED, result.task.failures, None
            elif result.is_obstacle:
                next_try = outcome.ended
        return Closing(
            attempt_id=outcome.job.attempt_id,
            status=status,
            output_files=tuple(file_ids),
            started=outcome.started,
            ended=outcome.ended,
            exit_status=outcome.exit_status,
            message=message,
            log=outcome.job.log if isinstance(result, Failure) and os.path.isfile(outcome.job.log) else None,
            failures=failures,
            next_try=next_try,
            cpu_seconds=outcome.cpu_seconds,
            memory_bytes=outcome.memory_bytes,
        )

    def _next_try(self, task: Task, failures: int, ended: dt.datetime) -> dt.datetime | None:
        """When it is tried again; None when it is given up, or every run begins with it anyway."""
        mission, code = self._definition.mission, task.code
        if task.process.timebase is Timebase.STARTUP:
            return None
        limit = mission.retry_limit if code.retry_limit is None else code.retry_limit
        if failures >= limit:
            return None
        return ended + retry_delay(failures, mission.retry_seconds, code.retry_longest, random.random())

    def _tidy(self, result: Result) -> None:
        """Remove the job's directory; its log stays when it failed."""
        log = result.outcome.job.log
        is_directory = os.path.isdir(log) and not os.path.islink(log)  # a job's doing, who knows what is in it
        if isinstance(result, Success) and os.path.lexists(log) and not is_directory:
            os.unlink(log)
        remove_tree(result.outcome.job.directory)  # last: after a kill it tells that logs are to be looked at


def _in_place_of(planned: Planned, measured: Measured, before: _Recorded) -> dict[str, Any]:
    """Of a file that is made again under its name: its number, and whether it has other contents than it had."""
    if planned.again is None:
        return {}
    known = before.get(planned.again.file_id)
    is_other = known is None or known[1:] != (measured.digest, frozenset(measured.members))
    return {"again": planned.again.file_id, "is_other": is_other}


def _fault(task: Task, outcome: Outcome) -> str | None:
    """Why a job failed, as far as its end and the presence of its output tell."""
    if outcome.ending is not Ending.SUCCEEDED:
        return outcome.message
    for planned in task.outputs:
        fault = _absent(os.path.join(outcome.job.directory, planned.name), planned.name, outcome.job.directory)
        if fault is not None:
            return fault
    return None


def _shared_companion(task: Task, products: Mapping[int, Product]) -> str | None:
    """What is wrong when two outputs have the same companion directory."""
    owners: dict[str, str] = {}
    for planned in task.outputs:
        if not products[planned.product_id].companion:
            continue
        companion = companion_of(planned.name)
        if companion in owners:
            names = f"{owners[companion]} and {planned.name}"
            return f"the directory {companion}/ would belong to both {names}; give them other stems"
        owners[companion] = planned.name
    return None


def _absent(path: str, name: str, directory: str) -> str | None:
    """What is wrong with the presence of an output."""
    if not os.path.lexists(path):
        others = _names_in(directory)[:5]
        wrote = f"it wrote {', '.join(map(one_line, others))} instead" if others else "it wrote nothing"
        return f"exit status 0, but its output {name} is not there; {wrote}"
    if os.path.islink(path) or not os.path.isfile(path):
        return f"exit status 0, but its output {name} is no regular file"
    if os.path.getsize(path) == 0:
        return f"exit status 0, but its output {name} is empty"
    return None


def _names_in(directory: str) -> list[str]:
    """What a job left in its directory; nothing, when it removed the directory itself."""
    try:
        return sorted(name for name in os.listdir(directory) if name != INPUT_LIST)
    except OSError:
        return []


def _disagreement(task: Task, planned: Planned, facts: FileFacts, *, has_version: bool) -> str | None:
    """What the inspector says of an output that was planned otherwise."""
    if facts.date != task.slot.date:
        return f"its inspector finds the date {facts.date}, planned was {task.slot.date}"
    if has_version and facts.version is not None and facts.version != planned.version:
        return f"its inspector finds version {facts.version}, planned was {planned.version}"
    return None


def _result(task: Task, outcome: Outcome, fault: str | None, outputs: Sequence[_Output | str]) -> Result:
    """What came of a job: all of its outputs, or a failure."""
    wrong = [fault] if fault is not None else [each for each in outputs if isinstance(each, str)]
    if wrong:
        is_interrupted = fault is not None and outcome.ending is Ending.INTERRUPTED
        return Failure(task, outcome, "; ".join(wrong), is_interrupted=is_interrupted)
    good = [each for each in outputs if isinstance(each, _Output)]
    return Success(task, outcome, tuple(each.file for each in good), tuple(each.move for each in good))


def _items_of(results: Sequence[Result]) -> Iterator[ItemEnd]:
    """The items of campaigns that results carried out, or failed to."""
    for result in results:
        if isinstance(result, Failure):
            if not result.is_interrupted:
                for campaign_id in result.task.carries_out:
                    yield ItemEnd(campaign_id, result.task.slot, ItemStatus.FAILED, storable(result.message))
        else:
            for campaign_id in result.task.carries_out:
                yield ItemEnd(campaign_id, result.task.slot, ItemStatus.DONE)


def _without_twins(results: Sequence[Result]) -> list[Result]:
    """The results, where the second of two outputs with one name is a failure."""
    targets: set[str] = set()
    checked: list[Result] = []
    for result in results:
        own = {move.target for move in result.moves} if isinstance(result, Success) else set()
        if targets.isdisjoint(own):
            checked.append(result)
            targets |= own
        else:
            twin = min(own & targets)
            message = f"another job made {twin} at the same time; give the format a keyword that tells them apart"
            checked.append(Failure(result.task, result.outcome, message))
    return checked


def _end_of_period(task: Task) -> dt.datetime:
    """The last moment that an output stands for: its name tells its first day alone."""
    last = period_end(task.process.timebase, task.slot.date)
    return dt.datetime.combine(last, dt.time.max, dt.UTC)


def _inherited(task: Task, fields: frozenset[str]) -> str:
    """The keywords of the inputs that are part of the output's name."""
    keywords: dict[str, str] = {}
    for file in task.inputs:
        keywords.update(keywords_of(file.keywords))
    return keywords_text({key: value for key, value in keywords.items() if key in fields})
