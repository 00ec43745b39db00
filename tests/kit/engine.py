"""A mission with real files on SQLite, and an engine in which jobs end as a test says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dbproc.cli import main
from dbproc.core.events import Report
from dbproc.core.model import Definition, Ending, Job, Outcome, Slot, Task
from dbproc.database.definition.load import load_definition
from dbproc.database.store import Store, open_store
from dbproc.products.inspection import Inspection
from dbproc.run.decide import decide, facts_of
from dbproc.run.dispatch import Setup
from dbproc.storage.workspace import Workspace
from tests.kit.mission import Mission, name_of

RAW = [name_of("raw", day) for day in (1, 2, 3)]
DAYS = [dt.date(2020, 1, day) for day in (1, 2, 3)]

Act = Callable[[Job], Ending | None]
"""Does what a code would do; gives how its job ends, where it does not succeed."""


def write_output(job: Job) -> None:
    Path(job.command[-1]).write_text("made")


class FakeEngine:
    """Does each job when its end is asked for, at most `room` at a time."""

    def __init__(self, act: Act = write_output, room: int = 100) -> None:
        self.act = act
        self.started: list[Job] = []
        self._waiting: list[Job] = []
        self._room = room

    def room(self) -> int:
        return self._room - len(self._waiting)

    def fits(self, cpu: int, ram: float) -> bool:
        return self.room() > 0

    def start(self, job: Job) -> None:
        self.started.append(job)
        self._waiting.append(job)

    def wait(self, timeout: float) -> None:
        pass

    def finished(self) -> list[Outcome]:
        return [self._outcome(job) for job in self._taken()]

    def stop(self) -> list[Outcome]:
        return [_outcome(job, Ending.INTERRUPTED, dt.datetime.now(dt.UTC)) for job in self._taken()]

    def _taken(self) -> list[Job]:
        taken, self._waiting = self._waiting, []
        return taken

    def _outcome(self, job: Job) -> Outcome:
        started = dt.datetime.now(dt.UTC)
        Path(job.directory).mkdir()
        return _outcome(job, self.act(job) or Ending.SUCCEEDED, started)


def _outcome(job: Job, ending: Ending, started: dt.datetime) -> Outcome:
    status = 0 if ending is Ending.SUCCEEDED else 1
    now = dt.datetime.now(dt.UTC)
    return Outcome(job=job, ending=ending, message=str(ending), exit_status=status, started=started, ended=now)


def delivered(folder: Path, blocks: Sequence[str], names: Sequence[str] = RAW, **keys: object) -> Mission:
    """A mission with files that are ingested and queued, of which nothing is built."""
    mission = Mission(folder, str(folder.parent / "mission.sqlite"))
    mission.create(*blocks, **keys)
    mission.deliver(*names)
    assert main(["ingest", "-m", mission.database]) == 0
    return mission


@contextmanager
def opened(mission: Mission) -> Iterator[tuple[Store, Definition]]:
    store = open_store(mission.database)
    try:
        with store.begin() as connection:
            definition = load_definition(connection)
        yield store, definition
    finally:
        store.close()


@contextmanager
def setup_of(mission: Mission, engine: FakeEngine) -> Iterator[Setup]:
    with opened(mission) as (store, definition), Inspection(definition) as inspection:
        workspace = Workspace(definition.mission.root)
        workspace.prepare()
        yield Setup(store, definition, inspection, engine, workspace, Report())


def process_id(definition: Definition, name: str) -> int:
    (found,) = (number for number, process in definition.processes.items() if process.name == name)
    return found


def tasks_of(store: Store, definition: Definition, name: str = "to_clean") -> list[Task]:
    """What is to be built by a process, date by date."""
    slots = [Slot(process_id(definition, name), day) for day in DAYS]
    decisions = decide(definition, facts_of(store, definition), slots, dt.datetime.now(dt.UTC))
    return [decision.task for decision in decisions if decision.task is not None]
