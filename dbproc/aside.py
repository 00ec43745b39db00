"""Building outside of the mission: outputs into a directory of the user's, and nothing into the catalogue.

The catalogue and the inputs are read, and nothing of the mission is written: no lock is needed, a run may go on
meanwhile. Jobs run in a directory of their own inside the target, so that an output appears there whole.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dbproc import placement
from dbproc.engines import Engine
from dbproc.errors import PlacementError, UserError
from dbproc.inspection import Inspection
from dbproc.model import Definition, Ending, Outcome, Task
from dbproc.plan import Decision, State
from dbproc.register import Failure, Register, Result
from dbproc.removal import remove_tree
from dbproc.report import Event, Progress, Report
from dbproc.run import changed_input, command_line, input_stats, job_of, obstacle
from dbproc.signals import signals_ignored
from dbproc.store import Store
from dbproc.workspace import Workspace

_LONGEST_WAIT = 1.0  # seconds between two looks at a signal


def prepare(definition: Definition, directory: str) -> None:
    """Make the target directory.

    Raises
    ------
    UserError
        It cannot be made, or is of the mission's own directories.
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


class Aside:
    """Works off decisions; each output is checked as in a run, and then placed in the target directory."""

    def __init__(
        self,
        store: Store,
        definition: Definition,
        inspection: Inspection,
        engine: Engine,
        directory: str,
        report: Report,
    ) -> None:
        self._definition = definition
        self._engine = engine
        self._directory = os.path.abspath(directory)
        self._report = report
        self._register = Register(store, definition, inspection, run_id=0)
        self._running: dict[int, tuple[Task, tuple[str, ...]]] = {}
        self._names: set[str] = set()

    def run(self, decisions: Sequence[Decision], progress: Progress | None = None) -> None:
        """Run every task; however it ends, no job is left running, and no unfinished file."""
        tasks = list(self._runnable(decisions))
        if not tasks:
            return
        with tempfile.TemporaryDirectory(prefix=".dbproc-", dir=self._directory, ignore_cleanup_errors=True) as place:
            workspace = Workspace(place)
            workspace.prepare()
            try:
                self._run(tasks, workspace, progress)
            finally:
                with signals_ignored():
                    self._engine.stop()

    def _runnable(self, decisions: Sequence[Decision]) -> Iterator[Task]:
        """The tasks whose outputs have a free place; the others are refused."""
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
        return f"{self._definition.processes[decision.slot.process_id].name} {decision.slot.date}"

    def _targets(self, task: Task) -> list[str]:
        return [os.path.join(self._directory, planned.name) for planned in task.outputs]

    def _is_taken(self, path: str) -> bool:
        return path in self._names or os.path.lexists(path)

    def _run(self, tasks: Sequence[Task], workspace: Workspace, progress: Progress | None) -> None:
        waiting, ended = list(reversed(list(enumerate(tasks, start=1)))), 0
        while waiting or self._running:
            for _ in range(min(self._engine.room(), len(waiting))):
                number, task = waiting.pop()
                ended += not self._start(number, task, workspace)
            results = self._register.check([self._ended(outcome) for outcome in self._engine.finished(_LONGEST_WAIT)])
            for result in results:
                self._finish(result)
            ended += len(results)
            if progress is not None:
                progress(ended, len(tasks))

    def _start(self, number: int, task: Task, workspace: Workspace) -> bool:
        """Hand a task to the engine; False when it cannot be started."""
        hindrance = obstacle(self._definition, task)
        if hindrance is not None:
            self._report.add(Event.FAILED, _subject(task), hindrance)
            return False
        command = command_line(self._definition, task, workspace.job_directory(str(number)))
        self._running[number] = task, input_stats(self._definition, task)
        self._engine.start(job_of(task, command, workspace, str(number), number))
        return True

    def _ended(self, outcome: Outcome) -> tuple[Task, Outcome]:
        task, before = self._running.pop(outcome.job.attempt_id)
        changed = changed_input(self._definition, task, before)
        if changed is None:
            return task, outcome
        return task, _failed(outcome, changed)

    def _finish(self, result: Result) -> None:
        """Place the outputs of a job that did what it promised, or say what went wrong."""
        task, job = result.task, result.outcome.job
        why = "; ".join(reason.text for reason in task.reasons)
        fault = result.message if isinstance(result, Failure) else self._placed(result.task, job.directory)
        if fault is None:
            names = ", ".join(self._targets(task))
            event = Event.BUILT if names else Event.RAN
            self._report.add(event, names or _subject(task), why, **_facts(task, self._targets(task)))
        else:
            log = placement.set_aside_path(self._directory, f"{_subject(task).replace(' ', '_')}.log")
            placement.move(job.log, log)
            self._report.add(Event.FAILED, _subject(task), f"{fault}; its log: {log}", **_facts(task, []), log=log)
        remove_tree(job.directory)

    def _placed(self, task: Task, directory: str) -> str | None:
        """Move all outputs of a task to the target, or none; then it is said why."""
        done: list[tuple[str, str]] = []
        try:
            for planned, target in zip(task.outputs, self._targets(task), strict=True):
                source = os.path.join(directory, planned.name)
                placement.move(source, target)
                done.append((source, target))
        except PlacementError as error:
            for source, target in reversed(done):
                placement.move_back(source, target)
            return str(error)
        return None


def _failed(outcome: Outcome, message: str) -> Outcome:
    return replace(outcome, ending=Ending.FAILED, message=message)


def _subject(task: Task) -> str:
    return f"{task.process.name} {task.slot.date} {task.slot.keywords}".rstrip()


def _facts(task: Task, targets: Sequence[str]) -> dict[str, object]:
    return {
        "process": task.process.name,
        "date": task.slot.date.isoformat(),
        "outputs": list(targets),
        "inputs": [file.filename for file in task.inputs],
        "reasons": [reason.text for reason in task.reasons],
    }
