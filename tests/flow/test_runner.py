"""Runs that the service starts: when something waits, one at a time, and none of them ends with it."""

from __future__ import annotations

import os
from pathlib import Path

from dbproc.database import lock
from dbproc.database.store import open_store
from dbproc.explain.work import waiting_work
from dbproc.service.runner import Runner, next_pause
from tests.kit.mission import Mission, chain, name_of, table, wait_for
from tests.kit.service import Served

WAITS = """#!/bin/sh
for _ in $(seq 600); do [ -e ROOT/go ] && break; sleep 0.1; done
cp "$1" "$2"
"""
SELDOM = table("monitor", {"every": "1 day"})


def waits_for(mission: Mission) -> tuple[str, ...]:
    with open_store(mission.database, read_only=True) as store:
        return waiting_work(store).words


def runs(mission: Mission) -> list[tuple[int | None]]:
    return mission.rows("SELECT exit_status FROM logging WHERE purpose = 'run' ORDER BY logging_id")


def test_what_waits_for_a_run(mission: Mission) -> None:
    mission.code("to_smooth.sh", "#!/bin/sh\nexit 3\n")
    mission.create(*chain(), SELDOM)
    assert waits_for(mission) == ("the time of the next run has come",)
    mission.run()
    assert waits_for(mission) == ()
    mission.deliver(name_of("raw", 1), name_of("raw", 2))
    assert waits_for(mission) == ("2 files in incoming",)
    with open_store(mission.database) as store, lock.holding(store, "test"):
        assert waits_for(mission) == ()
    mission.run(status=1)
    mission.execute("UPDATE attempt SET next_try_time = '2020-01-01 00:00:00.000000' WHERE status = 'failed'")
    assert waits_for(mission) == ("failed jobs whose time has come",)
    mission.execute("UPDATE logging SET processing_end_time = '2222-01-01 00:00:00.000000'")  # by a clock that was
    assert waits_for(mission) == ("failed jobs whose time has come", "the time of the next run has come")


def test_a_run_goes_on_when_the_service_is_killed_and_there_is_never_a_second_one(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", WAITS.replace("ROOT", str(mission.root)))
    mission.create(*chain(), SELDOM)
    mission.deliver(name_of("raw", 1))
    with Served(mission.database, "--open", runs=True) as service:
        wait_for(lambda: mission.rows("SELECT * FROM attempt"), "the job")
        assert "mission.sqlite" not in " ".join(_command_lines("dbproc run"))
        run = mission.one("SELECT pid FROM logging WHERE currently_processing")
        assert os.getsid(run) == run  # Ctrl-C in the terminal of the service is not for it
        service.kill()
        service.start()
        mission.deliver(name_of("raw", 2))
        assert service.end() == 0
        service.start()
        assert runs(mission) == [(None,)]
        (mission.root / "go").touch()
        wait_for(lambda: name_of("smooth", 2) in mission.files(), "all files")
        wait_for(lambda: set(runs(mission)) == {(0,)}, "the end of the run")
        assert len(runs(mission)) <= 2


def test_a_run_that_cannot_begin_is_said_and_tried_again(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    mission.run()
    mission.deliver(name_of("raw", 1))
    (mission.root / ".dbproc").rename(away := mission.root / "away")
    said: list[str] = []
    with (
        open_store(mission.database, read_only=True) as store,
        Runner(store, mission.database, said.append, look_seconds=0.05) as runner,
    ):
        wait_for(lambda: said, "what went wrong")
        away.rename(mission.root / ".dbproc")
        runner.wake()
        wait_for(lambda: len(mission.files()) == 3, "the files")
        wait_for(lambda: not runner.is_at_work, "the end of the run")
    assert said[0].startswith("a run ended with 78: dbproc: ")


def test_a_run_that_leaves_all_as_it_was_comes_again_ever_later() -> None:
    pauses = [0.0]
    for _ in range(9):
        pauses.append(next_pause(pauses[-1], 5.0))
    assert pauses == [0, 5, 10, 20, 40, 80, 160, 300, 300, 300]


def _command_lines(text: str) -> list[str]:
    found = [path.read_bytes().replace(b"\0", b" ").decode() for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [line for line in found if text in line]
