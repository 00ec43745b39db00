"""Outcomes → files, lineage, attempts, queue: checked, announced, placed, and recorded in one transaction.

A job that exits 0 has succeeded only when the promised output is there, is not empty, and its product's inspector
agrees that it is what was planned.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbproc import placement, queue
from dbproc.catalogue import files, placements
from dbproc.catalogue.attempts import Closing, close_attempts
from dbproc.catalogue.placements import Move
from dbproc.errors import ConflictError, FormatError, PlacementError
from dbproc.inspection import Inspection
from dbproc.measure import Measured, measure_all
from dbproc.model import Definition, Ending, FileFacts, NewFile, Outcome, Task, Verdict
from dbproc.names import keywords_of, keywords_text
from dbproc.periods import period_end
from dbproc.run import directory_of
from dbproc.store import Store
from dbproc.version import Version

_JITTER = 0.25
"""What a delay may be longer by, as a part of it: jobs that failed together are not all tried again together."""


@dataclass(frozen=True, slots=True)
class Success:
    """A job that did what it promised; `file` and `move` are None for timebase RUN."""

    task: Task
    outcome: Outcome
    file: NewFile | None
    move: Move | None


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


class Register:
    """Turns the outcomes of one run's jobs into records.

    `check` looks at the outputs, `announcements` are entered by the caller before `record` moves and records.
    """

    def __init__(self, store: Store, definition: Definition, inspection: Inspection) -> None:
        self._store = store
        self._definition = definition
        self._inspection = inspection

    def check(self, ended: Sequence[tuple[Task, Outcome]]) -> list[Result]:
        """Whether each job did what it promised."""
        results: dict[int, Result] = {}
        outputs: list[tuple[int, Task, Outcome, str]] = []
        for index, (task, outcome) in enumerate(ended):
            fault = _fault(task, outcome)
            if fault is not None:
                interrupted = outcome.ending is Ending.INTERRUPTED
                results[index] = Failure(task, outcome, fault, is_interrupted=interrupted)
            elif task.output_name is None:
                results[index] = Success(task, outcome, None, None)
            else:
                outputs.append((index, task, outcome, os.path.join(outcome.job.directory, task.output_name)))
        verdicts = self._inspection.confirm_many([(path, self._product_id(task)) for _, task, _, path in outputs])
        measured = measure_all([path for *_, path in outputs], self._definition.mission.digest)
        for (index, task, outcome, path), verdict, size in zip(outputs, verdicts, measured, strict=True):
            results[index] = self._checked(task, outcome, path, verdict, size)
        return _without_twins([results[index] for index in range(len(ended))])

    def announcements(self, results: Sequence[Result]) -> list[Move]:
        """The moves that :meth:`record` will make."""
        return [result.move for result in results if isinstance(result, Success) and result.move is not None]

    def record(self, results: Sequence[Result], settled_queue: Sequence[int]) -> list[tuple[Result, int | None]]:
        """Move the outputs home and record everything; gives each result as it ended, with its file's id.

        `settled_queue` are the queued files for which everything is decided with these results.
        """
        placed = [self._placed(result) for result in results]
        placement.sync(result.move.target for result in placed if isinstance(result, Success) and result.move)
        moves = self.announcements(results)
        try:
            recorded = self._write(placed, moves, settled_queue)
        except ConflictError:
            recorded = [pair for result in placed for pair in self._write_alone(result)]
            with self._store.begin() as connection:
                queue.remove(connection, settled_queue)
                placements.withdraw(connection, moves)
        for result, _ in recorded:
            self._tidy(result)
        return recorded

    def _checked(
        self, task: Task, outcome: Outcome, path: str, verdict: Verdict, measured: Measured | OSError | PlacementError
    ) -> Result:
        if isinstance(measured, OSError | PlacementError):
            return Failure(task, outcome, f"its output cannot be read: {measured}")
        facts = verdict.facts
        if facts is None:
            return Failure(task, outcome, f"its output is not what was promised: {verdict.reason}")
        has_version = self._definition.products[self._product_id(task)].compiled.has_version
        fault = _disagreement(task, facts, has_version=has_version)
        if fault is not None:
            return Failure(task, outcome, f"its output is not what was promised: {fault}")
        try:
            file = self._new_file(task, outcome, facts, measured, path, has_version=has_version)
            target = placement.inside(self._definition.mission.root, os.path.join(file.directory, file.filename))
        except (PlacementError, FormatError) as error:
            return Failure(task, outcome, str(error))
        return Success(task, outcome, file, Move("output", path, target, file.digest))

    def _new_file(
        self, task: Task, outcome: Outcome, facts: FileFacts, measured: Measured, path: str, *, has_version: bool
    ) -> NewFile:
        product = self._definition.products[self._product_id(task)]
        planned = task.output_version or Version(1, 0, 0)
        version = planned if has_version else facts.version or planned
        facts = replace(facts, keywords=facts.keywords or _inherited(task, product.compiled.keyword_fields))
        if product.inspector.name == "filename":
            facts = replace(facts, stop=max(facts.stop, _end_of_period(task)))
        return NewFile(
            filename=os.path.basename(path),
            product_id=product.product_id,
            facts=facts,
            version=version,
            level=product.level,
            directory=directory_of(product, facts, version),
            size=measured.size,
            digest=measured.digest,
            created=outcome.ended,
            members=measured.members,
            provenance=shlex.join(outcome.job.command),
        )

    def _placed(self, result: Result) -> Result:
        """The result with its output at home, or the failure to put it there."""
        if isinstance(result, Failure) or result.move is None:
            return result
        try:
            placement.move(result.move.source, result.move.target)
        except PlacementError as error:
            return Failure(result.task, result.outcome, str(error))
        return result

    def _write(
        self, results: Sequence[Result], moves: Sequence[Move], settled_queue: Sequence[int]
    ) -> list[tuple[Result, int | None]]:
        made = [result for result in results if isinstance(result, Success) and result.file is not None]
        with self._store.begin() as connection:
            ids = files.insert_files(connection, [result.file for result in made if result.file is not None])
            by_result = {id(result): file_id for result, file_id in zip(made, ids, strict=True)}
            files.link_inputs(
                connection,
                {by_result[id(result)]: [file.file_id for file in result.task.inputs] for result in made},
            )
            files.link_codes(connection, {by_result[id(result)]: result.task.code.code_id for result in made})
            close_attempts(connection, [self._closing(result, by_result.get(id(result))) for result in results])
            queue.push(connection, ids, "made")
            queue.remove(connection, settled_queue)
            placements.withdraw(connection, moves)
        return [(result, by_result.get(id(result))) for result in results]

    def _write_alone(self, result: Result) -> list[tuple[Result, int | None]]:
        """Record one result by itself; one that the database does not admit becomes a failure."""
        try:
            return self._write([result], [], [])
        except ConflictError as error:
            if isinstance(result, Failure) or result.move is None:
                raise
            placement.move_back(result.move.source, result.move.target)
            message = f"another file has this name, or this date and version: {error}"
            return self._write([Failure(result.task, result.outcome, message)], [], [])

    def _closing(self, result: Result, file_id: int | None) -> Closing:
        outcome = result.outcome
        failures, next_try = 0, None
        status, message = "succeeded", None
        if isinstance(result, Failure):
            status, message = "failed", result.message
            failures = result.task.failures + 1
            next_try = self._next_try(result.task, failures, outcome.ended)
            if result.is_interrupted:
                status, failures, next_try = "interrupted", result.task.failures, None
            elif result.is_obstacle:
                next_try = outcome.ended
        return Closing(
            attempt_id=outcome.job.attempt_id,
            status=status,
            output_file=file_id,
            started=outcome.started,
            ended=outcome.ended,
            exit_status=outcome.exit_status,
            message=message,
            log=outcome.job.log if isinstance(result, Failure) and os.path.exists(outcome.job.log) else None,
            failures=failures,
            next_try=next_try,
            cpu_seconds=outcome.cpu_seconds,
            memory_bytes=outcome.memory_bytes,
        )

    def _next_try(self, task: Task, failures: int, ended: dt.datetime) -> dt.datetime | None:
        """When it is tried again; None when it is given up."""
        mission, code = self._definition.mission, task.code
        limit = mission.retry_limit if code.retry_limit is None else code.retry_limit
        if failures >= limit:
            return None
        return ended + retry_delay(failures, mission.retry_seconds, code.retry_longest, random.random())

    def _tidy(self, result: Result) -> None:
        """Remove the job's directory; its log stays when it failed."""
        placement.remove_tree(result.outcome.job.directory)
        if isinstance(result, Success) and os.path.exists(result.outcome.job.log):
            os.unlink(result.outcome.job.log)

    def _product_id(self, task: Task) -> int:
        assert task.process.output_product is not None
        return task.process.output_product


def retry_delay(failures: int, first: float, longest: float, chance: float) -> dt.timedelta:
    """How long a job waits that failed so many times in a row.

    Parameters
    ----------
    failures
        How many times, 1 or more.
    first, longest
        Seconds to wait after the first failure, doubled with each further one, and at most.
    chance
        From 0 to 1: how much of the jitter is added, a quarter of the delay in whole; `longest` is still not exceeded.
    """
    doublings = min(failures - 1, 64)
    delay: float = min(first * 2**doublings * (1 + _JITTER * chance), longest)
    return dt.timedelta(seconds=delay)


def _fault(task: Task, outcome: Outcome) -> str | None:
    """Why a job failed, as far as its end and the presence of its output tell."""
    if outcome.ending is not Ending.SUCCEEDED:
        return outcome.message
    if task.output_name is None:
        return None
    path = os.path.join(outcome.job.directory, task.output_name)
    if not os.path.lexists(path):
        others = _names_in(outcome.job.directory)[:5]
        wrote = f"it wrote {', '.join(others)} instead" if others else "it wrote nothing"
        return f"exit status 0, but its output {task.output_name} is not there; {wrote}"
    if os.path.islink(path) or not os.path.isfile(path):
        return f"exit status 0, but its output {task.output_name} is no regular file"
    if os.path.getsize(path) == 0:
        return f"exit status 0, but its output {task.output_name} is empty"
    return None


def _names_in(directory: str) -> list[str]:
    """What a job left in its directory; nothing, when it removed the directory itself."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _disagreement(task: Task, facts: FileFacts, *, has_version: bool) -> str | None:
    """What the inspector says of an output that was planned otherwise."""
    if facts.date != task.slot.date:
        return f"its inspector finds the date {facts.date}, planned was {task.slot.date}"
    if has_version and facts.version is not None and facts.version != task.output_version:
        return f"its inspector finds version {facts.version}, planned was {task.output_version}"
    return None


def _without_twins(results: Sequence[Result]) -> list[Result]:
    """The results, where the second of two outputs with one name is a failure."""
    targets: set[str] = set()
    checked: list[Result] = []
    for result in results:
        target = result.move.target if isinstance(result, Success) and result.move is not None else None
        if target is None or target not in targets:
            checked.append(result)
            targets |= {target} if target else set()
        else:
            message = f"another job made {target} at the same time; give the format a keyword that tells them apart"
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
