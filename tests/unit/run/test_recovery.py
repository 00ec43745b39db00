"""What a dead run left is put right: in which order, what is said to be back, and what is swept away."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dbproc.core.model import Ending, Job, Move
from dbproc.core.states import Purpose
from dbproc.database import moves as placements
from dbproc.run.executor import Executor
from dbproc.run.recovery import recover
from dbproc.run.scheduler import Scheduler
from tests.kit.engine import RAW, FakeEngine, delivered, setup_of
from tests.kit.mission import Mission, chain

NEW = "raw_20200105_v1.0.0.txt"


@pytest.fixture
def mission(tmp_path: Path) -> Mission:
    return delivered(tmp_path / "mission", chain())


def announced(mission: Mission, *moves: Move) -> None:
    with setup_of(mission, FakeEngine()) as setup, setup.store.begin() as connection:
        placements.announce(connection, moves)


def recovered(mission: Mission) -> tuple[Move, ...]:
    with setup_of(mission, FakeEngine()) as setup:
        return recover(setup.store, setup.definition.mission, setup.workspace, 1, setup.report)


def move_of(mission: Mission, purpose: Purpose, source: str, target: str, text: str) -> Move:
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return Move(purpose, str(mission.root / source), str(mission.root / target), digest)


def test_moves_are_undone_from_the_last_to_the_first(mission: Mission) -> None:
    """What had the place before was set aside first, and comes back when it is free again."""
    home, aside, new = (mission.root / name for name in (f"data/raw/{RAW[0]}", f"quarantine/{RAW[0]}", "incoming/new"))
    announced(
        mission,
        move_of(mission, Purpose.QUARANTINE, f"data/raw/{RAW[0]}", f"quarantine/{RAW[0]}", "raw_20200101"),
        move_of(mission, Purpose.INCOMING, "incoming/new", f"data/raw/{RAW[0]}", "new"),
    )
    aside.parent.mkdir(exist_ok=True)
    home.rename(aside)
    home.write_text("new")
    recovered(mission)
    assert (home.read_text(), new.read_text(), aside.exists()) == ("raw_20200101", "new", False)
    assert mission.rows("SELECT * FROM quarantine") == []


def test_a_file_that_is_in_incoming_again_stays_announced_until_it_was_looked_at(mission: Mission) -> None:
    back = move_of(mission, Purpose.INCOMING, f"incoming/{NEW}", f"data/raw/{NEW}", "new")
    announced(mission, back, move_of(mission, Purpose.INCOMING, "incoming/other", "data/raw/other", "as announced"))
    (mission.root / "data/raw" / NEW).write_text("new")
    (mission.incoming / "other").write_text("other bytes")
    assert recovered(mission) == (back,)
    assert (mission.incoming / NEW).read_text() == "new"
    assert mission.rows("SELECT source FROM placement") == [(back.source,)]


def test_what_had_taken_the_place_of_an_input_is_kept_when_that_is_put_back(mission: Mission) -> None:
    with setup_of(mission, FakeEngine()) as setup:
        source = Scheduler(setup.store, setup.definition, frozenset(setup.definition.processes))
        source.begin()
        Executor(setup, 1, source).run()
    mission.execute("UPDATE attempt SET status = 'running' WHERE attempt_id = 1")
    job, home = mission.root / ".dbproc" / "work" / "1-1", mission.files()[RAW[0]].path
    job.mkdir()
    home.rename(job / "moved")
    home.write_text("what the job, or a person, put there")
    recovered(mission)
    assert home.read_text() == "raw_20200101"
    assert not job.exists()
    kept = [path for path in (mission.root / "quarantine").rglob("*") if path.is_file()]
    assert [path.read_text() for path in kept] == ["what the job, or a person, put there"]


def test_logs_that_no_attempt_names_are_removed(mission: Mission) -> None:
    def failing(job: Job) -> Ending:
        Path(job.log).write_text("it says why")
        return Ending.FAILED

    with setup_of(mission, FakeEngine(failing)) as setup:
        source = Scheduler(setup.store, setup.definition, frozenset(setup.definition.processes))
        source.begin()
        Executor(setup, 1, source).run()
    jobs = mission.root / ".dbproc" / "jobs"
    named = sorted(path.name for path in jobs.iterdir())
    assert len(named) == len(RAW)
    (jobs / "7-1.log").write_text("of a job that succeeded")
    recovered(mission)
    assert sorted(path.name for path in jobs.iterdir()) == named
