"""Build outside of the mission: outputs go to a directory of the user's, nothing to the catalogue.

The mission is only read: no lock is needed, and a run may go on meanwhile. Jobs run in a directory inside the target,
so that outputs appear there whole.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from dbproc.core.errors import PlacementError, UserError
from dbproc.core.events import Event, Progress, Report
from dbproc.core.model import Definition, Move, Task
from dbproc.core.plan import Decision, State
from dbproc.core.slot_text import slot_words, task_shown
from dbproc.core.states import Purpose
from dbproc.database.store import Store
from dbproc.engines import Engine
from dbproc.products.inspection import Inspection
from dbproc.run.dispatch import Dispatch, Setup
from dbproc.run.outputs import Result, Success, place
from dbproc.run.rescue import Found
from dbproc.storage import layout, moves
from dbproc.storage.removal import remove_tree
from dbproc.storage.workspace import Workspace
from dbproc.system.signals import signals_ignored

_PREFIX = ".dbproc-"  # of the directory that jobs run in
_LOCK = "lock"


def prepare(definition: Definition, directory: str) -> None:
    """Make the target directory.

    Raises
    ------
    UserError
        It cannot be made, or lies in one of the mission's own directories.
    """
    mission = definition.mission
    real = os.path.realpath(directory)
    for kept in (mission.incoming, mission.quarantine, Workspace(mission.root).path):
        if os.path.commonpath([real, os.path.realpath(kept)]) == os.path.realpath(kept):
            raise UserError(f"{directory} is in {kept}, which is the mission's own; give another directory: --output")
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {directory}: {error.strerror}; give another directory: --output") from error
    if not os.access(directory, os.W_OK):
        raise UserError(f"cannot write into {directory}; give another directory: --output")


@contextmanager
def _held(place: str) -> Iterator[None]:
    """Hold a lock in a directory while this process lives."""
    descriptor = os.open(os.path.join(place, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_dead(place: str) -> bool:
    """Whether the holder of a directory's lock is dead."""
    try:
        descriptor = os.open(os.path.join(place, _LOCK), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Sandbox:
    """Executes decisions; checks each output as a run does, and places it in the target directory."""

    def __init__(
        self,
        store: Store,
        definition: Definition,
        inspection: Inspection,
        engine: Engine,
        directory: str,
        report: Report,
    ) -> None:
        self._store = store
        self._definition = definition
        self._inspection = inspection
        self._engine = engine
        self._directory = os.path.abspath(directory)
        self._report = report
        self._names: set[str] = set()
        self._staying: set[str] = set()  # directories of jobs that hold what can be moved nowhere

    def run(self, decisions: Sequence[Decision], progress: Progress | None = None) -> None:
        """Run every task; in any case no job is left running, and no unfinished file."""
        self._name_leftovers()
        tasks = list(self._runnable(decisions))
        if not tasks:
            return
        with self._workplace() as directory, _held(directory):
            workspace = Workspace(directory)
            workspace.prepare()
            setup = Setup(self._store, self._definition, self._inspection, self._engine, workspace, self._report)
            dispatch = Dispatch(setup, self._kept)
            try:
                self._run(tasks, dispatch, progress)
            finally:
                with signals_ignored():
                    dispatch.stop()

    @contextmanager
    def _workplace(self) -> Iterator[str]:
        """A directory in the target while jobs run; it stays if it must keep something."""
        place = tempfile.mkdtemp(prefix=_PREFIX, dir=self._directory)
        try:
            yield place
        finally:
            if not self._staying:
                remove_tree(place)

    def _name_leftovers(self) -> None:
        """Report leftovers of killed commands; they may hold what a code moved there, so nothing is removed."""
        for entry in os.scandir(self._directory):
            if entry.name.startswith(_PREFIX) and _is_dead(entry.path):
                text = "a killed run-process left it; remove it when nothing in it is needed"
                self._report.add(Event.NOTE, entry.path, text)

    def _runnable(self, decisions: Sequence[Decision]) -> Iterator[Task]:
        """The tasks whose outputs do not exist yet; the others are refused."""
        for decision in decisions:
            task = decision.task
            if decision.state is State.REFUSED and task is None:
                self._report.add(Event.REFUSED, f"{self._name(decision)}", decision.explanation)
            if task is None or decision.state not in (State.STALE, State.REFUSED):
                continue
            taken = next((path for path in self._targets(task) if self._is_taken(path)), None)
            if taken is not None:
                text = f"{taken} exists already and is not overwritten; move it away, or give another --output"
                self._report.add(Event.REFUSED, _subject(task), text)
                continue
            self._names.update(self._targets(task))
            yield task

    def _name(self, decision: Decision) -> str:
        process = self._definition.processes[decision.slot.process_id]
        return f"{process.name} {slot_words(process, decision.slot, decision.period)}"

    def _targets(self, task: Task) -> list[str]:
        return [os.path.join(self._directory, planned.name) for planned in task.outputs]

    def _is_taken(self, path: str) -> bool:
        return path in self._names or os.path.lexists(path)

    def _run(self, tasks: Sequence[Task], dispatch: Dispatch, progress: Progress | None) -> None:
        waiting, ended = list(tasks), 0
        while waiting or dispatch.running:
            results = dispatch.step(waiting)
            for result in results:
                self._finish(result)
            ended += len(results)
            if progress is not None:
                progress(ended, len(tasks))

    def _kept(self, directory: str, _: Found) -> str:
        """Keep a job's directory that may hold the rest of an input; return its place."""
        kept = layout.set_aside_path(self._directory, f"job-{os.path.basename(directory)}")
        try:
            moves.move(Move(Purpose.OUTPUT, directory, kept))
        except PlacementError as error:
            self._staying.add(directory)
            return f"; what it made of it, or left, stays in {directory}: {error}"
        return f"; what it made of it, or left, is in {kept}"

    def _finish(self, result: Result) -> None:
        """Place the outputs of a successful job, or report the failure."""
        task, job = result.task, result.outcome.job
        if isinstance(result, Success):
            homes = zip(result.moves, self._targets(task), strict=True)
            result = place(replace(result, moves=tuple(replace(move, target=target) for move, target in homes)))
        if isinstance(result, Success):
            names = ", ".join(self._targets(task))
            event = Event.BUILT if names else Event.RAN
            self._report.add(event, names or _subject(task), task.why, **_facts(task, self._targets(task)))
        else:
            fault = result.message
            log = layout.set_aside_path(self._directory, f"{_subject(task).replace(' ', '_')}.log")
            if os.path.isfile(job.log) and not os.path.islink(job.log):
                moves.move(Move(Purpose.OUTPUT, job.log, log))
                fault = f"{fault}; its log: {log}"
            else:
                log = ""  # the job has removed it
            self._report.add(Event.FAILED, _subject(task), fault, **_facts(task, []), log=log or None)
        if job.directory not in self._staying:
            remove_tree(job.directory)


def _subject(task: Task) -> str:
    return f"{task.process.name} {task_shown(task)}"


def _facts(task: Task, targets: Sequence[str]) -> dict[str, object]:
    return {
        "process": task.process.name,
        **task_shown(task).facts(),
        "outputs": list(targets),
        "inputs": [file.filename for file in task.inputs],
        "reasons": [reason.text for reason in task.reasons],
    }
