"""Place results and record them in one transaction: files, lineage, attempts, queue."""

from __future__ import annotations

import datetime as dt
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dbproc.core.errors import ConflictError, PlacementError
from dbproc.core.model import Definition, Move, Task, Timebase
from dbproc.core.retry import retry_delay
from dbproc.core.states import AttemptStatus, ItemStatus
from dbproc.core.text import storable
from dbproc.core.version import Part
from dbproc.database import campaigns, files, queue, verdicts, waitingslots
from dbproc.database import moves as placements
from dbproc.database.attempts import Closing, close_attempts
from dbproc.database.campaigns import ItemEnd
from dbproc.database.store import Store, Transaction
from dbproc.run.outputs import Failure, Result, Success, moves_of, place
from dbproc.run.scheduler import Settled
from dbproc.storage import moves
from dbproc.storage.removal import remove_tree
from dbproc.storage.workspace import Workspace


class Register:
    """Records the results of one run's jobs; the caller has announced their moves."""

    def __init__(self, store: Store, definition: Definition, run_id: int) -> None:
        self._store = store
        self._run_id = run_id
        self._definition = definition
        self._workspace = Workspace(definition.mission.root)

    def record(self, results: Sequence[Result], settled: Settled) -> list[tuple[Result, list[int]]]:
        """Place the outputs and record everything, also what is settled with these results; return each result as
        it ended, with the ids of its files.
        """
        placed = [place(result) for result in results]
        moves.sync(moves_of(placed))
        placed = [self._as_placed(result) for result in placed]
        announced = moves_of(results)
        try:
            recorded = self._write(placed, settled, announced)
        except ConflictError:
            recorded = [pair for result in placed for pair in self._write_alone(result)]
            self._write([], settled, announced)
        for result, _ in recorded:
            self._tidy(result)
        return recorded

    def _as_placed(self, result: Result) -> Result:
        """The result with the state of its placed files; a failure when one was written to."""
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
        self, results: Sequence[Result], settled: Settled, announced: Sequence[Move]
    ) -> list[tuple[Result, list[int]]]:
        with self._store.begin() as connection:
            recorded = self.enter(connection, results)
            files.confirm(connection, self._run_id, settled.confirmed)
            campaigns.end_items(connection, self._run_id, [*_items_of(results), *settled.items])
            waitingslots.remove(connection, settled.waited)
            waitingslots.enter(connection, settled.waiting)
            queue.remove(connection, settled.files)
            placements.withdraw(connection, announced)
        return recorded

    def enter(self, connection: Transaction, results: Sequence[Result]) -> list[tuple[Result, list[int]]]:
        """Record placed files with their lineage, queue them, and close the attempts; return their ids."""
        made = [(result, file) for result in results if isinstance(result, Success) for file in result.files]
        ids = files.insert_files(connection, [replace(file, run_id=self._run_id) for _, file in made])
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
        verdicts.settle(connection, self._definition, ids, self._run_id)  # what waited for it
        return [(result, by_result[id(result)]) for result in results]

    def _write_alone(self, result: Result) -> list[tuple[Result, list[int]]]:
        """Record one result alone; if the database rejects it, it becomes a failure."""
        try:
            return self._write([result], Settled(), ())
        except ConflictError as error:
            if isinstance(result, Failure) or not result.moves:
                raise
            for move in reversed(result.moves):
                moves.move_back(move)
            message = f"another file has this name, or this date and version: {error}"
            return self._write([Failure(result.task, result.outcome, message)], Settled(), ())

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
            log=self._log(result),
            failures=failures,
            next_try=next_try,
            cpu_seconds=outcome.cpu_seconds,
            memory_bytes=outcome.memory_bytes,
        )

    def _log(self, result: Result) -> str | None:
        """Where the log of a job will be, None when it goes with the job."""
        log = result.outcome.job.log
        if not os.path.isfile(log) or os.path.islink(log):
            return None
        if isinstance(result, Failure):
            return log
        is_kept = self._definition.mission.keep_logs is not None
        return self._workspace.kept_log(log, result.outcome.ended) if is_kept else None

    def _next_try(self, task: Task, failures: int, ended: dt.datetime) -> dt.datetime | None:
        """The time of the next try; None when given up, or when every run begins with it anyway."""
        mission, code = self._definition.mission, task.code
        if task.process.timebase is Timebase.STARTUP:
            return None
        limit = mission.retry_limit if code.retry_limit is None else code.retry_limit
        if failures >= limit:
            return None
        return ended + retry_delay(failures, mission.retry_seconds, code.retry_longest, random.random())

    def _tidy(self, result: Result) -> None:
        """Remove the job's directory; its log stays when it failed, or is kept where that is wanted."""
        log, kept = result.outcome.job.log, self._log(result)
        is_directory = os.path.isdir(log) and not os.path.islink(log)  # a job's doing, who knows what is in it
        if isinstance(result, Success) and kept is not None:
            self._workspace.keep_log(log, kept)
        elif isinstance(result, Success) and os.path.lexists(log) and not is_directory:
            os.unlink(log)
        remove_tree(result.outcome.job.directory)  # last: after a kill it shows that stray logs remain


def _items_of(results: Sequence[Result]) -> Iterator[ItemEnd]:
    """The items of campaigns that results completed or failed."""
    for result in results:
        if isinstance(result, Failure):
            if not result.is_interrupted:
                for campaign_id in result.task.carries_out:
                    yield ItemEnd(campaign_id, result.task.slot, ItemStatus.FAILED, storable(result.message))
        else:
            for campaign_id in result.task.carries_out:
                yield ItemEnd(campaign_id, result.task.slot, ItemStatus.DONE)
