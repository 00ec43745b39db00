"""The command line with which a code is started."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping

from dbproc.core.filenames import render
from dbproc.core.model import ArgumentFields, Definition, InputsBy, Task
from dbproc.engines.environment import public_environment
from dbproc.storage.layout import file_path
from dbproc.storage.workspace import INPUT_LIST
from dbproc.system.encoding import this_python
from dbproc.system.package import is_shipped

_OF_DBPROCESSING = ("DATE", "ROOTDIR", "CODEDIR", "CODEVERSION")
_REPLACED = re.compile(r"\{(\w+)\}|\$(\w+|\{[^}]*\})", re.ASCII)
"""A field in braces, or a variable of the environment."""


def command_line(definition: Definition, task: Task, directory: str) -> tuple[str, ...]:
    """``CODE extra_params… arguments… INPUT… OUTPUT…``; no output for timebases RUN and STARTUP.

    If the code takes a list file, its path replaces the inputs.
    """
    constants = _constants(definition, task)
    date: dt.date | None = task.slot.date
    if definition.mission.argument_fields is ArgumentFields.DBPROCESSING:
        constants = {name: value for name, value in constants.items() if name in _OF_DBPROCESSING}
        date = None
    words = [*task.process.extra_params, *task.code.arguments]
    outputs = (os.path.join(directory, planned.name) for planned in task.outputs)
    is_listed = task.code.inputs_by is InputsBy.FILE
    return (
        *_program(task.code.path),
        *(argument(word, constants, date) for word in words),
        *([os.path.join(directory, INPUT_LIST)] if is_listed else input_paths(definition, task)),
        *outputs,
    )


def argument(word: str, constants: Mapping[str, str], date: dt.date | None) -> str:
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


def _time_constants(date: dt.date | None) -> dict[str, str]:
    """``{Y}``, ``{m}`` … ; other fields in braces are left to the code, and without a date these, too."""
    if date is None:
        return {}
    time = dt.datetime.combine(date, dt.time(), dt.UTC)
    return {name: render("{" + name + "}", time, "", {}) for name in ("Y", "m", "b", "d", "y", "j", "datetime")}


def _program(path: str) -> tuple[str, ...]:
    """The command: a shipped code runs under this Python, any other directly."""
    return (*this_python(), path) if is_shipped(path) else (path,)
