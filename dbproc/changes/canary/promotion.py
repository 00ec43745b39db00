"""Promote or discard a canary: release its code, and take its sample into the catalogue without building it again.

Moves are announced and made, then recorded with the release in one transaction: after a crash before its end the canary
is not promoted, and the next run moves the files back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbproc.changes.canary.candidate import Candidate, Proposal, candidate, replaceable, require_same_bytes
from dbproc.changes.canary.directory import Place
from dbproc.changes.canary.sample import decided
from dbproc.core.errors import UserError
from dbproc.core.events import Report
from dbproc.core.model import Ending, Job, Move, Outcome, Reason, Slot, Task
from dbproc.core.plan import valid_code
from dbproc.core.spec import Change, file_named
from dbproc.core.states import CanaryStatus, CodeEvent, SampleVerdict
from dbproc.core.version import Version
from dbproc.database import canaries, codes, lock, root
from dbproc.database import moves as placements
from dbproc.database.attempts import NewAttempt, insert_attempts
from dbproc.database.canaries import CanaryRow, SampleRow
from dbproc.database.definition.load import load_definition, load_mission
from dbproc.database.definition.specs import load_holdings
from dbproc.database.definition.write import write_changes
from dbproc.database.store import Store, Transaction
from dbproc.mission.kept_bytes import with_bytes
from dbproc.products.inspection import Inspection
from dbproc.run.outputs import Result, Success, moves_of, place, verify
from dbproc.run.recovery import recover_at_once
from dbproc.run.register import Register
from dbproc.storage import moves
from dbproc.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Promoted:
    """The result of a canary's promotion."""

    canary_id: int  #: its number
    taken: tuple[str, ...]  #: the names of the files taken into the catalogue
    left: Mapping[str, str]  #: by the names of those that the next runs build: why they were not taken


def discard(store: Store, name: str) -> int:
    """Remove a sample and all its files except the report; return the canary's number.

    Raises
    ------
    UserError
        There is no such canary, or it cannot be discarded.
    BusyError
        It is being built.
    RootError
        The root is gone, or another database's.
    """
    root.require(store)
    with store.begin() as connection:
        row = canaries.find(connection, name)
        mission = load_mission(connection)
    canary_id = row.canary_id
    place = Place(mission, canary_id)
    if row.status is CanaryStatus.PROMOTED or (
        row.status is CanaryStatus.DISCARDED and not os.path.isdir(place.workspace.work)
    ):
        raise UserError(f"canary {canary_id} was {row.status} already; see: dbproc canary list")
    with place.held():
        with store.begin() as connection:
            canaries.change_status(
                connection, canary_id, [CanaryStatus.BUILDING, CanaryStatus.BUILT], CanaryStatus.DISCARDED
            )
        place.tidy(store)
    return canary_id


def promote(store: Store, name: str, reason: str = "") -> Promoted:
    """Release the candidate, and take those files of its sample that the next run would build identically.

    A promoted canary is refused; leftovers of a promotion killed at its end are then removed.

    Raises
    ------
    UserError
        There is no such canary, or it cannot be promoted; nothing was changed.
    BusyError, LockError
        A run is live.
    """
    with store.begin() as connection:
        row = canaries.find(connection, name)
        mission = load_mission(connection)
    canary_id = row.canary_id
    place = Place(mission, canary_id)
    if row.status is CanaryStatus.PROMOTED and not place.is_tidy:
        with place.held():
            place.tidy(store)
    acquired = lock.acquire(store, f"canary {canary_id} promoted")
    comment = "ended by an exception"
    try:
        promotion = _Promotion(store, canary_id, acquired.run_id, reason)
        with promotion.place.held():
            promoted = promotion.promote()
        promotion.place.tidy(store)
        comment = "done"
    finally:
        lock.release(store, acquired, comment)
    return promoted


class _Promotion:
    """The promotion of one canary, under the lock of the mission."""

    def __init__(self, store: Store, canary_id: int, run_id: int, reason: str) -> None:
        self._store = store
        self._run_id = run_id
        self._reason = reason
        with store.begin() as connection:
            self._row = canaries.find(connection, str(canary_id))
            self._files = canaries.files_of(connection, canary_id)
            mission = load_mission(connection)
        _require_promotable(self._row, self._files)
        workspace = Workspace(mission.root)
        workspace.prepare()
        recover_at_once(store, mission, workspace, run_id, Report())
        self.place = Place(mission, canary_id)

    def promote(self) -> Promoted:
        """Check, move, and record."""
        tried = self._candidate()
        tasks, left = self._tasks(tried)
        with Inspection(tried.definition) as inspection:
            ended = [(task, _outcome(number, task, rows)) for number, (task, rows) in enumerate(tasks)]
            results = verify(self._store, tried.definition, inspection, ended)
            checked = []
            for result, (_, rows) in zip(results, tasks, strict=True):
                why = _not_as_recorded(result, rows)
                left.update({row.filename: why for row in rows if why})
                checked += [] if why else [result]
            return self._take(tried, checked, left)

    def _candidate(self) -> Candidate:
        """The candidate as it is now."""
        row = self._row
        with self._store.begin() as connection:
            definition = load_definition(connection)
            process = replaceable(definition, row.process)
            old = valid_code(definition.codes[process.process_id], self._files[0].slot.date)
            if old is None:
                day = self._files[0].slot.date
                raise UserError(
                    f"no active code of process {process.name} is valid for {day}; see: dbproc code list {process.name}"
                )
            holdings = load_holdings(connection)
        file = file_named(row.directory, row.filename)
        tried = candidate(
            holdings, definition, process, old, Proposal(Version.parse(row.version), file, row.output_interface)
        )
        require_same_bytes(tried.code.path, tried.spec.uses, row.digest)
        return tried

    def _tasks(self, tried: Candidate) -> tuple[list[tuple[Task, list[SampleRow]]], dict[str, str]]:
        """The tasks that the next run would build identically, with the sample's rows; and why others are left."""
        by_slot: dict[Slot, list[SampleRow]] = {}
        for row in self._files:
            by_slot.setdefault(Slot(tried.process.process_id, row.slot.date, row.slot.keywords), []).append(row)
        now = {task.slot: task for task in decided(self._store, tried.definition, list(by_slot))[0]}
        tasks, left = [], {}
        for slot, rows in by_slot.items():
            why = _why_left(now.get(slot), rows)
            if why is None:
                _name_anew(now[slot], rows)
                tasks.append((now[slot], rows))
            else:
                left.update({row.filename: why for row in rows})
        return tasks, left

    def _take(self, tried: Candidate, results: Sequence[Result], left: dict[str, str]) -> Promoted:
        changes = _kept(tried)
        announced = moves_of(results)
        with self._store.begin() as connection:
            placements.announce(connection, announced)
        placed: list[Success] = []
        settled: list[Move] = []
        try:
            for result in results:
                at_home = place(result)
                settled += moves_of([result])
                if isinstance(at_home, Success):
                    placed.append(at_home)
                else:
                    left.update({planned.name: at_home.message for planned in at_home.task.outputs})
            moves.sync(moves_of(placed))
            with self._store.begin() as connection:
                self._record(connection, tried, changes, placed)
                placements.withdraw(connection, announced)
        except BaseException:
            self._undo(moves_of(placed), settled)
            raise
        taken = tuple(file.filename for result in placed for file in result.files)
        return Promoted(self._row.canary_id, taken, left)

    def _undo(self, made: Sequence[Move], settled: Sequence[Move]) -> None:
        """Move files back; the next run undoes announced moves that are not `settled`."""
        for move in made:
            moves.move_back(move)
        with self._store.begin() as connection:
            placements.withdraw(connection, settled)

    def _record(
        self, connection: Transaction, tried: Candidate, changes: Sequence[Change], placed: Sequence[Success]
    ) -> None:
        """The release and the files, all or nothing."""
        canary_id = self._row.canary_id
        if not canaries.change_status(connection, canary_id, [CanaryStatus.BUILT], CanaryStatus.PROMOTED):
            raise UserError(f"canary {canary_id} can no longer be promoted; see: dbproc canary show {canary_id}")
        write_changes(connection, changes, tried.seen, self._reason)
        code_id = canaries.released_code(connection, tried.process.process_id, str(tried.spec.version))
        codes.record_event(
            connection,
            code_id,
            CodeEvent.PROMOTED,
            old_code=tried.old.code_id,
            digest=tried.bundle.digest,
            reason=f"canary {canary_id}",
        )
        code = replace(tried.code, code_id=code_id)
        made = [replace(result, task=_taken(result.task, code, canary_id)) for result in placed]
        attempts = [NewAttempt(task=result.task, command=result.outcome.job.command) for result in made]
        ids = insert_attempts(connection, self._run_id, attempts)
        pairs = zip(made, ids, strict=True)
        register = Register(self._store, tried.definition, self._run_id)
        register.enter(connection, [replace(result, outcome=_of_attempt(result.outcome, n)) for result, n in pairs])


def _kept(tried: Candidate) -> list[Change]:
    """Keep the bytes of the candidate; return the changes of the release.

    Raises
    ------
    UserError
        The bytes are changing just now.
    """
    changes = with_bytes(tried.changes, tried.seen)
    if any(change.bundle is not None and change.bundle.digest != tried.bundle.digest for change in changes):
        raise UserError(f"{tried.code.path} is changing just now; nothing was released, try again")
    return changes


def _require_promotable(row: CanaryRow, files: Sequence[SampleRow]) -> None:
    canary_id, status = row.canary_id, row.status
    if status is CanaryStatus.BUILDING:
        raise UserError(f"the sample of canary {canary_id} is not finished; build it again: dbproc canary start")
    if status is not CanaryStatus.BUILT:
        raise UserError(f"canary {canary_id} was {status} already; see: dbproc canary list")
    failed = [each.filename for each in files if each.verdict is SampleVerdict.FAILED]
    if failed or not files:
        names = ", ".join(failed[:5]) or "everything"
        raise UserError(f"canary {canary_id} could not make {names}; see why, mend it, and start another canary")


def _why_left(task: Task | None, rows: Sequence[SampleRow]) -> str | None:
    """The reason why a sample is not what the next run would build, or None."""
    if task is None:
        return "the next run would not build it"
    if any([file.file_id for file in task.inputs] != list(row.made.inputs) for row in rows):
        return "its inputs are no longer those that it was built from"
    if {planned.product_id for planned in task.outputs} != {row.product_id for row in rows}:
        return "the process has other outputs by now"
    names = {row.product_id: row.filename for row in rows}
    other = next((planned.name for planned in task.outputs if planned.name != names[planned.product_id]), None)
    if other is not None and not _may_be_renamed(task, rows):
        return f"it would be {other} by now, and what it holds may depend on its name"
    return None


def _may_be_renamed(task: Task, rows: Sequence[SampleRow]) -> bool:
    """Whether a sample has no companions, and its code did not get the version."""
    words = (*task.process.extra_params, *task.code.arguments)
    return not any("{VERSION}" in word for word in words) and not any(row.made.members for row in rows)


def _name_anew(task: Task, rows: Sequence[SampleRow]) -> None:
    """Rename the files of a sample to their present names."""
    now = {planned.product_id: planned.name for planned in task.outputs}
    for row in rows:
        old, new = (os.path.join(row.made.directory, name) for name in (row.filename, now[row.product_id]))
        if os.path.lexists(old) and not os.path.lexists(new):
            os.rename(old, new)


def _outcome(number: int, task: Task, rows: Sequence[SampleRow]) -> Outcome:
    """The recorded outcome of the job that made a sample."""
    record = rows[0].made
    job = Job(
        attempt_id=number,
        command=record.command,
        directory=record.directory,
        log=record.log,
        cpu=task.code.cpu,
        ram=task.code.ram,
        time_limit=task.code.time_limit,
    )
    return Outcome(
        job=job,
        ending=Ending.SUCCEEDED,
        message="",
        exit_status=record.exit_status,
        started=record.started,
        ended=record.ended,
        cpu_seconds=record.cpu_seconds,
        memory_bytes=record.memory_bytes,
    )


def _not_as_recorded(result: Result, rows: Sequence[SampleRow]) -> str:
    """The reason why a file of a sample is not the compared one; empty when it is."""
    if not isinstance(result, Success):
        return result.message
    records = {row.product_id: row.made for row in rows}
    for file in result.files:
        record = records[file.product_id]
        if (file.size, file.digest, set(file.members)) != (record.size, record.digest, set(record.members)):
            return "its bytes are no longer those that were recorded"
    return ""


def _taken(task: Task, code: Any, canary_id: int) -> Task:
    taken = Reason(f"taken from canary {canary_id}")
    return replace(task, code=code, reasons=(*task.reasons, taken), why=f"{task.why}; {taken}")


def _of_attempt(outcome: Outcome, attempt_id: int) -> Outcome:
    return replace(outcome, job=replace(outcome.job, attempt_id=attempt_id))
