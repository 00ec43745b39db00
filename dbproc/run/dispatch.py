"""The way of every task through the engine: check inputs before and after, verify outputs.

The caller decides about the result: record it, place it elsewhere, compare it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dbproc.core.events import Report
from dbproc.core.model import Definition, Ending, Job, Outcome, Task
from dbproc.database.store import Store
from dbproc.engines import Engine
from dbproc.products.inspection import Inspection
from dbproc.run.command_line import command_line
from dbproc.run.inputs import Inputs, look
from dbproc.run.jobs import job_of, obstacle
from dbproc.run.outputs import Failure, Result, verify
from dbproc.run.rescue import Found, after_job
from dbproc.storage.workspace import Workspace
from dbproc.system import signals

LONGEST_WAIT = 1.0  # seconds between two looks at a signal

Keep = Callable[[str, Found], str]
"""Saves the directory of a job that holds what must not be removed; gives words to add to the fault, or none."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Where and on what engine jobs run, who inspects outputs, and where restored files are reported."""

    store: Store
    definition: Definition
    inspection: Inspection
    engine: Engine
    workspace: Workspace
    report: Report


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task that can be started: its number in this dispatch, its job but for the attempt, and its inputs as they are
    before."""

    number: int
    task: Task
    name: str
    command: tuple[str, ...]
    log: str
    inputs: Inputs


class Dispatch:
    """Turns tasks into results: verified outputs, or failures.

    Parameters
    ----------
    setup
        The mission and the engine.
    keep
        Saves the directory of a job that holds the rest of a file of the catalogue.
    prefix
        The prefix of the names of these jobs.
    """

    def __init__(self, setup: Setup, keep: Keep, prefix: str = "") -> None:
        self.harms: list[str] = []  #: what jobs did to their inputs
        self._setup = setup
        self._keep = keep
        self._prefix = prefix
        self._count = 0
        self._running: dict[int, Prepared] = {}
        self._unverified: list[tuple[Task, Outcome]] = []

    @property
    def running(self) -> int:
        """The number of jobs started and not ended."""
        return len(self._running)

    def step(self, waiting: list[Task]) -> list[Result]:
        """Start as many tasks as the engine takes, wait a moment, and return results.

        Started tasks are removed from `waiting`.
        """
        room = self._setup.engine.room()
        some, waiting[:] = waiting[:room], waiting[room:]
        results: list[Result] = [fault for each in self.prepare(some) if (fault := self.start(each, each.number))]
        return results + self.finished(LONGEST_WAIT)

    def prepare(self, tasks: Sequence[Task]) -> list[Prepared]:
        """Name tasks, fill in their command lines, and check that their inputs have the recorded bytes."""
        inputs = look(self._setup.store, self._setup.definition.mission, tasks)
        return [self._prepared(task, looked) for task, looked in zip(tasks, inputs, strict=True)]

    def _prepared(self, task: Task, inputs: Inputs) -> Prepared:
        self._count += 1
        name = f"{self._prefix}{self._count}"
        workspace = self._setup.workspace
        command = command_line(self._setup.definition, task, workspace.job_directory(name))
        return Prepared(self._count, task, name, command, workspace.job_log(name), inputs)

    def start(self, prepared: Prepared, attempt_id: int, hindered: str | None = None) -> Failure | None:
        """Pass a task to the engine; one that cannot be started, or is `hindered`, is a failure at once."""
        definition, task, command = self._setup.definition, prepared.task, prepared.command
        job = job_of(definition, task, command, self._setup.workspace, prepared.name, attempt_id)
        hindrance = obstacle(task, command, definition.mission.path) or prepared.inputs.fault or hindered
        if hindrance is not None:
            return Failure(task, _not_started(job, hindrance), hindrance, is_obstacle=True)
        self._running[attempt_id] = prepared
        self._setup.engine.start(job)
        return None

    def finished(self, timeout: float) -> list[Result]:
        """The results of the jobs that ended since; waits at most `timeout` seconds for the first."""
        self._setup.engine.wait(timeout)
        with signals.signals_ignored():  # an outcome that was taken is not lost
            self._unverified = [self._ended(outcome) for outcome in self._setup.engine.finished()]
        results = self.verify(self._unverified)
        self._unverified = []
        return results

    def verify(self, ended: Sequence[tuple[Task, Outcome]]) -> list[Result]:
        """Check that jobs made what they promised."""
        return verify(self._setup.store, self._setup.definition, self._setup.inspection, ended)

    def stop(self) -> list[tuple[Task, Outcome]]:
        """End all running jobs; return ended jobs whose result was not returned yet."""
        outcomes = self._setup.engine.stop()
        unverified, self._unverified = self._unverified, []
        ended = [(task, unless_shut_down(outcome)) for task, outcome in unverified]
        return ended + [self._ended(unless_shut_down(outcome)) for outcome in outcomes]

    def _ended(self, outcome: Outcome) -> tuple[Task, Outcome]:
        """The task and outcome; a job that changed or moved an input has failed, unless it was ended."""
        prepared = self._running.pop(outcome.job.attempt_id)
        setup, directory = self._setup, outcome.job.directory
        found = after_job(
            setup.store, setup.definition.mission, prepared.inputs, directory, outcome.started, setup.report
        )
        kept = self._keep(directory, found) if found.is_kept else ""
        if found.changed is None:
            return prepared.task, outcome
        self.harms.append(found.changed + kept)
        if outcome.ending is not Ending.INTERRUPTED:
            outcome = replace(outcome, ending=Ending.FAILED, message=found.changed + kept)
        return prepared.task, outcome


def unless_shut_down(outcome: Outcome) -> Outcome:
    """An outcome; a job ended by a shutdown before the run noticed counts as interrupted."""
    since = signals.seconds_since()
    if since is None or outcome.ending is not Ending.FAILED or outcome.exit_status is None:
        return outcome
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=since + signals.MOMENT)
    if not (signals.is_deadly(outcome.exit_status) or outcome.ended >= ended):
        return outcome
    return replace(outcome, ending=Ending.INTERRUPTED, message=f"the run was ended; it had: {outcome.message}")


def _not_started(job: Job, message: str) -> Outcome:
    now = dt.datetime.now(dt.UTC)
    return Outcome(job=job, ending=Ending.FAILED, message=message, exit_status=None, started=now, ended=now)
