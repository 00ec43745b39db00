"""Whether inputs are what was recorded of them: what a job reads has the bytes whose digest stands in its lineage."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dbproc.catalogue import files
from dbproc.catalogue.files import Part
from dbproc.digest import algorithm_of, digest_file, stat_text, state_of
from dbproc.model import Mission, Task
from dbproc.store import Store


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a task as they are before it is started.

    `fault` says what is wrong with the bytes of one of them; `stats` are the paths of all, members included, with what
    the system says of each, nothing of one that is not there.
    """

    fault: str | None
    stats: tuple[tuple[str, str], ...]


def look(store: Store, mission: Mission, tasks: Sequence[Task]) -> list[Inputs]:
    """See, task by task, that inputs have the bytes that were recorded.

    A digest is taken again only where the system says something else of a file than when it was taken. What is not
    there is not told here.
    """
    ids = sorted({file.file_id for task in tasks for file in task.inputs})
    parts: dict[int, list[Part]] = defaultdict(list)
    if ids:
        with store.begin() as connection:
            for part in files.parts_of(connection, ids):
                parts[part.file_id].append(part)
    faults: dict[int, str] = {}
    states: list[tuple[Part, str]] = []
    for part in (part for file_id in ids for part in parts[file_id]):
        fault, state = _looked_at(mission, part)
        if fault is not None:
            faults.setdefault(part.file_id, fault)
        if state is not None:
            states.append((part, state))
    if states and not store.read_only:
        with store.begin() as connection:
            files.record_states(connection, states)
    return [_inputs(mission, task, parts, faults) for task in tasks]


def changed_since(inputs: Inputs) -> str | None:
    """The sentence that names the first input that is not what it was before the task was started."""
    for path, was in inputs.stats:
        now = _stat(path)
        if was != now and not now:
            return f"it moved its input {path} away or removed it, which no code may do"
        if was != now:
            return f"it changed its input {path}, which no code may do; to see what is damaged: dbproc check --deep"
    return None


def _inputs(mission: Mission, task: Task, parts: dict[int, list[Part]], faults: dict[int, str]) -> Inputs:
    paths = [os.path.join(mission.root, part.path) for file in task.inputs for part in parts[file.file_id]]
    fault = next((faults[file.file_id] for file in task.inputs if file.file_id in faults), None)
    return Inputs(fault, tuple((path, _stat(path)) for path in paths))


def _looked_at(mission: Mission, part: Part) -> tuple[str | None, str | None]:
    """What is wrong with a file or a member, or what the system says of it where its digest had to be taken again."""
    path = os.path.join(mission.root, part.path)
    try:
        state = state_of(os.stat(path))
        if state == part.state:
            return None, None
        if digest_file(path, algorithm_of(part.digest)) == part.digest:
            return None, state
    except FileNotFoundError:
        return (
            None if part.member is None else f"{path}, a member of an input, is missing from disk; put it back"
        ), None
    except OSError as error:
        return f"the input {path} cannot be read: {error.strerror}; give dbproc's user the right", None
    return (
        f"the input {path} does not have the bytes that were recorded: somebody changed it on disk; put the former "
        "bytes back, or deliver the new ones under another name or version"
    ), None


def _stat(path: str) -> str:
    try:
        return stat_text(path)
    except OSError:
        return ""
