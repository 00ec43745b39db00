"""What is said before a run, and what the run then did, in the same words."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dbproc.changes.whatif import Prediction
from dbproc.core.plan import State
from dbproc.database.store import Store, open_store
from dbproc.explain.plan import plan
from dbproc.run.selection import Options
from tests.kit.mission import Mission

OUTPUTS = """
(SELECT attempt_id, output_file AS file_id FROM attempt WHERE output_file IS NOT NULL
 UNION SELECT attempt_id, file_id FROM attemptoutput) made
JOIN attempt a ON a.attempt_id = made.attempt_id JOIN file o ON o.file_id = made.file_id
"""
MADE = f"""
SELECT o.filename, a.reasons, o.interface_version, o.quality_version, o.revision_version FROM {OUTPUTS}
"""
WAITING = """
SELECT p.process_name, w.utc_file_date, w.message FROM waitingslot w JOIN process p ON p.process_id = w.process_id
"""
INPUTS = "SELECT i.attempt_id, f.filename FROM attemptinput i JOIN file f ON f.file_id = i.file_id"

T = TypeVar("T")


def ask(mission: Mission, question: Callable[[Store], T]) -> T:
    with open_store(mission.database, read_only=True) as store:
        return question(store)


@dataclass(frozen=True)
class Made:
    """A file that a job made, or that is said to be made."""

    name: str
    version: str
    reasons: tuple[str, ...]


def foreseen(prediction: Prediction) -> list[Made]:
    assert {each.state for each in prediction.hindered} <= {State.WAITING, State.DELAYED}
    found = [Made(each.file, str(each.version), tuple(sorted(each.job.reasons))) for each in prediction.files]
    return sorted(found, key=lambda each: each.name)


def made(mission: Mission, since: int) -> list[Made]:
    """Every file that a later job made, as the database has it."""
    found = mission.rows(f"{MADE} WHERE a.status = 'succeeded' AND a.attempt_id > {since}")
    files_made = [
        Made(name, ".".join(map(str, version)), tuple(sorted(json.loads(why)))) for name, why, *version in found
    ]
    return sorted(files_made, key=lambda each: each.name)


def planned(mission: Mission) -> list[tuple[str, list[str]]]:
    """Each file that is to be built, with the inputs of its job."""
    answer = ask(mission, lambda store: plan(store, Options()))
    assert not answer.problems
    return sorted((name, sorted(task.inputs)) for task in answer.tasks or () for name in task.outputs)


def waiting_then(mission: Mission) -> list[tuple[str, str, str]]:
    """What is to wait after the next run, and why."""
    answer = ask(mission, lambda store: plan(store, Options()))
    return sorted((each.process, str(each.slot.date), each.why) for each in answer.later or ())


def waiting(mission: Mission) -> list[tuple[str, str, str]]:
    """The same of what waits, as the database has it."""
    return sorted((row[0], str(row[1]), row[2]) for row in mission.rows(WAITING))


def built(mission: Mission, since: int) -> list[tuple[str, list[str]]]:
    """The same of what later jobs built, as the database has it."""
    inputs: dict[int, list[str]] = defaultdict(list)
    for attempt_id, name in mission.rows(INPUTS):
        inputs[attempt_id].append(name)
    rows = mission.rows(f"SELECT a.attempt_id, o.filename FROM {OUTPUTS} WHERE a.attempt_id > {since}")
    return sorted((name, sorted(inputs[attempt_id])) for attempt_id, name in rows)


def to_withdraw(mission: Mission) -> list[str]:
    """The files that the next run is to withdraw with their inputs."""
    answer = ask(mission, lambda store: plan(store, Options()))
    return sorted(each.file for each in answer.withdrawn or ())


def withdrawn(mission: Mission, since: int) -> list[str]:
    """The same of what runs withdrew in later corrections, as the database has it."""
    rows = mission.rows(
        "SELECT f.filename FROM correction c JOIN correctionfile o ON o.correction_id = c.correction_id "
        f"JOIN file f ON f.file_id = o.file_id WHERE c.logging_id IS NOT NULL AND c.correction_id > {since}"
    )
    return sorted(name for (name,) in rows)


def last_correction(mission: Mission) -> int:
    return int(mission.one("SELECT coalesce(max(correction_id), 0) FROM correction"))


def last_attempt(mission: Mission) -> int:
    return int(mission.one("SELECT coalesce(max(attempt_id), 0) FROM attempt"))
