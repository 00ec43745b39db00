"""Tasks → jobs: the command line, the directory and the log of one execution of a code."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping, Sequence

from dbproc.core.filenames import render
from dbproc.core.model import Definition, InputsBy, Job, Task
from dbproc.engines import program
from dbproc.engines.environment import public_environment
from dbproc.engines.process import TOO_LONG
from dbproc.storage.layout import file_path
from dbproc.storage.workspace import INPUT_LIST, Workspace
from dbproc.system.encoding import this_python
from dbproc.system.package import is_shipped

_REPLACED = re.compile(r"\{(\w+)\}|\$(\w+|\{[^}]*\})", re.ASCII)
"""A field in braces, or a variable of the environment."""


def command_line(definition: Definition, task: Task, directory: str) -> tuple[str, ...]:
    """``CODE extra_params… arguments… INPUT… OUTPUT…``; no output for timebases RUN and STARTUP.

    If the code takes a list file, its path replaces the inputs.
    """
    constants = _constants(definition, task)
    words = [*task.process.extra_params, *task.code.arguments]
    outputs = (os.path.join(directory, planned.name) for planned in task.outputs)
    is_listed = task.code.inputs_by is InputsBy.FILE
    return (
        *_program(task.code.path),
        *(argument(word, constants, task.slot.date) for word in words),
        *([os.path.join(directory, INPUT_LIST)] if is_listed else input_paths(definition, task)),
        *outputs,
    )


def argument(word: str, constants: Mapping[str, str], date: dt.date) -> str:
    """One word of the command line: fields replaced, ``~`` and ``$NAME`` expanded as dbprocessing does.

    Substituted text is not expanded again: a directory may have ``{Y}`` or ``$NAME`` in its name. A variable that holds
    the database's password stays unexpanded: everybody can see command lines.
    """
    if not any(sign in word for sign in "{$~"):
        return word
    fields = {**_time_constants(date), **constants}
    environment = public_environment()

    def value(found: re.Match[str]) -> str:
        if found[1] is not None:
            return fields.get(found[1], found[0])
        return environment.get(found[2].strip("{}"), found[0])

    filled = _REPLACED.sub(value, word)
    return os.path.expanduser(filled) if word.startswith(("~", "$")) else filled


def input_paths(definition: Definition, task: Task) -> tuple[str, ...]:
    """The absolute paths of a task's inputs, in the order of the command line."""
    return tuple(file_path(definition, file) for file in task.inputs)


def obstacle(definition: Definition, task: Task, command: Sequence[str]) -> str | None:
    """The reason why a task cannot start now (code or input missing, command too long), or None."""
    hindrance = code_obstacle(task.code.path)
    if hindrance is not None:
        return hindrance
    if program.too_long(command):
        return f"the code {task.code.path} cannot be started: {TOO_LONG}"
    for file in task.inputs:
        if not os.path.exists(file_path(definition, file)):
            return (
                f"the input {file_path(definition, file)} is missing from disk; put it back, or dbproc check --repair"
            )
    return None


def code_obstacle(path: str) -> str | None:
    """The reason why a code cannot be run, or None."""
    if not os.path.isfile(path):
        return f"the code {path} does not exist; put it there, or correct the mission file"
    if not is_shipped(path) and not os.access(path, os.X_OK):
        return f"the code {path} is not executable; chmod +x it"
    fault = None if is_shipped(path) else program.fault(path)
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
        listed=input_paths(definition, task) if task.code.inputs_by is InputsBy.FILE else None,
    )


def _constants(definition: Definition, task: Task) -> dict[str, str]:
    mission = definition.mission
    return {
        "DATE": f"{task.slot.date:%Y%m%d}",
        "ROOTDIR": mission.root,
        "CODEDIR": os.path.dirname(task.code.path),
        "CODEVERSION": str(task.code.version),
        "MISSION": mission.name,
        "PROCESS": task.process.name,
        "VERSION": str(task.output_version or ""),
    }


def _time_constants(date: dt.date) -> dict[str, str]:
    """``{Y}``, ``{m}`` … ; other fields in braces are left to the code."""
    time = dt.datetime.combine(date, dt.time(), dt.UTC)
    return {name: render("{" + name + "}", time, "", {}) for name in ("Y", "m", "b", "d", "y", "j", "datetime")}


def _program(path: str) -> tuple[str, ...]:
    """The command: a shipped code runs under this Python, any other directly."""
    return (*this_python(), path) if is_shipped(path) else (path,)
