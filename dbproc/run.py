"""Tasks → jobs: the command line, the directory and the log of one execution of a code."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping

from dbproc.encoding import this_python
from dbproc.model import Definition, File, FileFacts, Job, Product, Task
from dbproc.names import keywords_of, render
from dbproc.secrecy import public_environment
from dbproc.version import Version
from dbproc.workspace import Workspace

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)


def command_line(definition: Definition, task: Task, directory: str) -> tuple[str, ...]:
    """``CODE extra_params… arguments… INPUT… OUTPUT…``; no output for timebases RUN and STARTUP."""
    constants = _constants(definition, task)
    words = [*task.process.extra_params, *task.code.arguments]
    outputs = (os.path.join(directory, planned.name) for planned in task.outputs)
    return (
        *_program(task.code.path),
        *(argument(word, constants, task.slot.date) for word in words),
        *(file_path(definition, file) for file in task.inputs),
        *outputs,
    )


def argument(word: str, constants: Mapping[str, str], date: dt.date) -> str:
    """One word of the command line, its fields replaced, ``~`` and ``$NAME`` expanded as dbprocessing does.

    A variable that holds the password of the database stays as it is written: command lines are seen by everybody.
    """
    for name, value in constants.items():
        word = word.replace("{" + name + "}", value)
    if "{" in word:
        word = _with_time(word, date)
    environment = public_environment()
    return os.path.expanduser(_VARIABLE.sub(lambda found: environment.get(found[1].strip("{}"), found[0]), word))


def file_path(definition: Definition, file: File) -> str:
    """The absolute path of a file of the catalogue."""
    return os.path.join(definition.mission.root, file.directory, file.filename)


def obstacle(definition: Definition, task: Task) -> str | None:
    """Why a task cannot be started now: its code or an input is not there; None when it can."""
    hindrance = code_obstacle(task.code.path)
    if hindrance is not None:
        return hindrance
    for file in task.inputs:
        if not os.path.exists(file_path(definition, file)):
            return f"the input {file_path(definition, file)} is missing from disk; put it back"
    return None


def code_obstacle(path: str) -> str | None:
    """Why a code cannot be run; None when it can."""
    if not os.path.isfile(path):
        return f"the code {path} does not exist; put it there, or correct the mission file"
    if not _is_shipped(path) and not os.access(path, os.X_OK):
        return f"the code {path} is not executable; chmod +x it"
    return None


def job_of(task: Task, command: tuple[str, ...], workspace: Workspace, name: str, attempt_id: int) -> Job:
    """What the engine is given; `name` is that of no other job of this mission."""
    return Job(
        attempt_id=attempt_id,
        command=command,
        directory=workspace.job_directory(name),
        log=workspace.job_log(name),
        cpu=task.code.cpu,
        ram=task.code.ram,
        time_limit=task.code.time_limit,
    )


def directory_of(product: Product, facts: FileFacts, version: Version) -> str:
    """The directory of a file of `product`, relative to the root."""
    time = dt.datetime.combine(facts.date, facts.start.timetz())
    return render(product.directory, time, str(version), keywords_of(facts.keywords))


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


def _with_time(word: str, date: dt.date) -> str:
    """Replace ``{Y}``, ``{m}`` … ; what else stands in braces is the code's own business."""
    time = dt.datetime.combine(date, dt.time(), dt.UTC)
    for name in ("Y", "m", "b", "d", "y", "j", "datetime"):
        if "{" + name + "}" in word:
            word = word.replace("{" + name + "}", render("{" + name + "}", time, "", {}))
    return word


def _program(path: str) -> tuple[str, ...]:
    """A shipped code runs under this Python; any other as the operating system runs it."""
    return (*this_python(), path) if _is_shipped(path) else (path,)


def _is_shipped(path: str) -> bool:
    return os.path.dirname(path) == os.path.join(os.path.dirname(os.path.abspath(__file__)), "codes")
