"""What a job made is durable before it is recorded, and what comes of it is queued."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.model import Ending, Job, Move
from dbproc.database import files
from dbproc.run import register
from dbproc.run.executor import Executor
from dbproc.run.scheduler import Scheduler
from dbproc.storage import moves
from dbproc.storage.removal import remove_tree
from tests.kit.engine import RAW, Act, FakeEngine, delivered, process_id, setup_of
from tests.kit.mission import Mission, chain, name_of, process, product
from tests.kit.syncs import watched_syncs


def join(job: Job) -> None:
    Path(job.command[-1]).write_text(" ".join(Path(word).name for word in job.command[1:-1]))


def executed(mission: Mission, *names: str, act: Act = join) -> None:
    """What the queue holds for some processes; for all where none is named."""
    with setup_of(mission, FakeEngine(act)) as setup:
        definition = setup.definition
        allowed = frozenset(process_id(definition, name) for name in names) or frozenset(definition.processes)
        source = Scheduler(setup.store, definition, allowed)
        source.begin()
        Executor(setup, 1, source).run()


def test_an_output_is_durable_before_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mission = delivered(tmp_path / "mission", chain()[:2] + chain()[3:4], RAW[:1])
    synced, insert_files = watched_syncs(monkeypatch), files.insert_files
    when_recorded: list[str] = []

    def inserting(connection: Any, made: Any) -> list[int]:
        if made:
            when_recorded.extend(synced)
        return insert_files(connection, made)

    monkeypatch.setattr(files, "insert_files", inserting)
    executed(mission)
    home = mission.files()[name_of("clean", 1)].path
    assert {str(home), str(home.parent)} <= set(when_recorded)


def test_an_output_is_announced_before_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mission = delivered(tmp_path / "mission", chain(), RAW[:1])
    move, targets = moves.move, []

    def moving(wanted: Move) -> None:
        targets.append((wanted.target,))
        assert mission.rows("SELECT target FROM placement") == targets[-1:]
        move(wanted)

    monkeypatch.setattr(moves, "move", moving)
    executed(mission)
    assert len(targets) == 2


DAY = "day_20200101.txt"
PLAIN = [
    product("raw", 0, "raw_{Y}{m}{d}_{what}.txt"),
    product("day", 1, "day_{Y}{m}{d}.txt"),
    product("total", 2),
    process("to_day", "day", ["raw"]),
    process("to_total", "total", ["day"]),
]


def test_a_file_that_is_made_again_of_more_has_what_came_of_it_made_again_though_it_was_queued(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", PLAIN, ["raw_20200101_a.txt"])
    executed(mission)
    mission.files()[DAY].path.unlink()
    mission.dbproc("check", "--repair")
    mission.execute(
        "INSERT INTO processqueue (file_id, reason, queued_time) "
        f"SELECT file_id, 'by hand', '2020-01-01 00:00:00' FROM file WHERE filename = '{DAY}'"
    )
    mission.deliver("raw_20200101_b.txt")
    mission.dbproc("ingest")
    executed(mission, "to_day")
    assert mission.content(DAY) == "raw_20200101_a.txt raw_20200101_b.txt"
    executed(mission)
    assert mission.names("total") == [name_of("total", 1), name_of("total", 1, "1.1.0")]


def test_a_job_that_was_interrupted_has_failed_as_often_as_before(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain(), RAW[:1], retry_seconds=0)
    endings = iter((Ending.FAILED, Ending.FAILED, Ending.INTERRUPTED, Ending.FAILED))
    for _ in range(4):
        executed(mission, act=lambda _: next(endings))
    assert mission.rows("SELECT failures FROM attempt ORDER BY attempt_id") == [(1,), (2,), (2,), (3,)]


def test_the_log_of_a_success_goes_before_its_directory_which_tells_the_next_run_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = delivered(tmp_path / "mission", chain(), RAW[:1])
    jobs = mission.root / ".dbproc" / "jobs"
    left: list[Path] = []

    def removing(path: str) -> str | None:
        left.extend(jobs.iterdir())
        return remove_tree(path)

    def act(job: Job) -> None:
        join(job)
        Path(job.log).write_text("it says what it does")

    monkeypatch.setattr(register, "remove_tree", removing)
    executed(mission, act=act)
    assert mission.names("smooth") == [name_of("smooth", 1)]
    assert left == []


def test_a_dataset_that_is_made_again_with_other_members_has_what_came_of_it_made_again(tmp_path: Path) -> None:
    blocks = [
        product("raw", 0),
        product("set", 1, "set_{Y}{m}{d}.idx", companion=True),
        product("total", 2),
        process("to_set", "set", ["raw"]),
        process("to_total", "total", ["set"]),
    ]
    mission = delivered(tmp_path / "mission", blocks, RAW[:1])

    def writing(member: str) -> Act:
        def act(job: Job) -> None:
            join(job)
            if job.command[-1].endswith(".idx"):
                Path(job.directory, "set_20200101").mkdir()
                Path(job.directory, "set_20200101", "0").write_text(member)

        return act

    executed(mission, act=writing("one"))
    mission.files()["set_20200101.idx"].path.unlink()
    mission.dbproc("check", "--repair")
    shutil.rmtree(mission.root / "data/set/set_20200101")
    executed(mission, act=writing("two"))
    assert mission.names("total") == [name_of("total", 1), name_of("total", 1, "1.1.0")]


def test_what_is_refused_is_recorded_with_its_reason(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", PLAIN, ["raw_20200101_a.txt"])
    executed(mission)
    mission.deliver("raw_20200101_b.txt")
    mission.dbproc("ingest")
    executed(mission)
    assert [status for _, _, status in mission.attempts()] == ["succeeded", "succeeded", "refused"]
    assert "has no {VERSION} in its format" in mission.messages()[0]


def test_an_output_that_the_database_does_not_admit_leaves_its_place_and_the_others_stay(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain()[:2] + chain()[3:4])

    def act(job: Job) -> None:
        join(job)
        if job.command[-1].endswith(name_of("clean", 1)):  # what nobody does: a file takes its date and version
            mission.execute(
                "UPDATE file SET product_id = 2, utc_file_date = '2020-01-01' "
                f"WHERE product_id = 1 AND filename = '{RAW[2]}'"
            )

    executed(mission, act=act)
    assert sorted(status for _, _, status in mission.attempts()) == ["failed", "succeeded", "succeeded"]
    assert "another file has this name, or this date and version" in mission.messages()[0]
    assert sorted(path.name for path in (mission.root / "data/clean").iterdir()) == [
        name_of("clean", day) for day in (2, 3)
    ]
    assert mission.rows("SELECT * FROM placement") == []


def test_what_every_run_begins_with_is_not_tried_again_besides(tmp_path: Path) -> None:
    begin = process("begin", None, [], "STARTUP")
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    mission.code("begin.sh", "#!/bin/sh\nexit 3\n")
    mission.create(product("raw", 0), begin, retry_seconds=0)
    for count in (1, 2):
        mission.run(status=1)
        assert len(mission.attempts()) == count
