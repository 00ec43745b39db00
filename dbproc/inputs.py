"""Whether inputs are what was recorded of them: what a job reads has the bytes whose digest stands in its lineage."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence

from dbproc.catalogue import files
from dbproc.catalogue.files import Part
from dbproc.digest import algorithm_of, digest_file, state_of
from dbproc.model import Mission, Task
from dbproc.store import Store


def changed_before(store: Store, mission: Mission, tasks: Sequence[Task]) -> list[str | None]:
    """For each task what is wrong with the bytes of one of its inputs; None when they are those that were recorded.

    A digest is taken again only where the system says something else of a file than when it was taken. What is not
    there is not told here.
    """
    ids = sorted({file.file_id for task in tasks for file in task.inputs})
    if not ids:
        return [None] * len(tasks)
    with store.begin() as connection:
        parts = list(files.parts_of(connection, ids))
    faults, states = _looked_at(mission, parts)
    if states:
        with store.begin() as connection:
            files.record_states(connection, states)
    return [next((faults[file.file_id] for file in task.inputs if file.file_id in faults), None) for task in tasks]


def _looked_at(mission: Mission, parts: Iterable[Part]) -> tuple[dict[int, str], list[tuple[Part, str]]]:
    """By file what is wrong with it, and what the system says of those whose digests had to be taken again."""
    faults: dict[int, str] = defaultdict(str)
    states: list[tuple[Part, str]] = []
    for part in parts:
        path = os.path.join(mission.root, part.path)
        try:
            state = state_of(os.stat(path))
            if state == part.state:
                continue
            if digest_file(path, algorithm_of(part.digest)) == part.digest:
                states.append((part, state))
            else:
                faults[part.file_id] = _changed(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            faults[part.file_id] = f"the input {path} cannot be read: {error.strerror}; give dbproc's user the right"
    return faults, states


def _changed(path: str) -> str:
    return (
        f"the input {path} does not have the bytes that were recorded: somebody changed it on disk; put the former "
        "bytes back, or deliver the new ones under another name or version"
    )
