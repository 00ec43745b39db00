"""Tasks → jobs: what hinders one, the directory and the log of one execution of a code."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dbproc.core.model import FIRST, WHERE_STARTED, Definition, InputsBy, Job, Task
from dbproc.engines import program
from dbproc.engines.process import TOO_LONG
from dbproc.run.command_line import input_paths
from dbproc.storage.workspace import Workspace
from dbproc.system.package import is_shipped


def obstacle(task: Task, command: Sequence[str], entries: Sequence[str] = (FIRST,)) -> str | None:
    """The reason why a task cannot start now (code missing, command too long), or None; `entries` of the path."""
    hindrance = code_obstacle(task.code.path, entries)
    if hindrance is not None:
        return hindrance
    if program.too_long(command):
        return f"the code {task.code.path} cannot be started: {TOO_LONG}"
    return None


def code_obstacle(path: str, entries: Sequence[str] = (FIRST,)) -> str | None:
    """The reason why a code cannot be run, or None."""
    if not os.path.isfile(path):
        return f"the code {path} does not exist; put it there, or correct the mission file"
    if not is_shipped(path) and not os.access(path, os.X_OK):
        return f"the code {path} is not executable; chmod +x it"
    fault = None if is_shipped(path) else program.fault(path, tuple(entries))
    return f"the code {path} cannot be started: {fault}" if fault else None


def job_of(
    definition: Definition, task: Task, command: tuple[str, ...], workspace: Workspace, name: str, attempt_id: int
) -> Job:
    """The job for the engine; `name` must be unique in this mission."""
    return Job(
        attempt_id=attempt_id,
        command=command,
        directory=workspace.job_directory(name),
        log=workspace.job_log(name),
        cpu=task.code.cpu,
        ram=task.code.ram,
        time_limit=task.code.time_limit,
        run_in=os.getcwd() if task.process.run_in == WHERE_STARTED else task.process.run_in,
        path=definition.mission.path,
        listed=input_paths(definition, task) if task.code.inputs_by is InputsBy.FILE else None,
    )
