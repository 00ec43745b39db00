"""Timebase STARTUP: what every run begins with."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.kit.mission import Mission, kill, name_of, process, product, wait_for

NOTE = """#!/bin/sh
echo begun >> {log}
"""
BLOCKS = [
    product("raw", 0),
    product("clean", 1),
    process("to_clean", "clean", ["raw"]),
    process("begin", None, [], "STARTUP"),
]
TODAY = dt.datetime.now(dt.UTC).date().isoformat()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def begun(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def create(mission: Mission, log: Path) -> None:
    mission.code("begin.sh", NOTE.format(log=log))
    mission.create(*BLOCKS)


def test_each_run_begins_with_it_once_also_one_with_nothing_to_do(mission: Mission, log: Path) -> None:
    create(mission, log)
    mission.code("to_clean.sh", f"#!/bin/sh\ntest -s {log} && cp $1 $2\n")
    mission.deliver(name_of("raw", 1), name_of("raw", 2))
    mission.run("-n", "4")
    assert begun(log) == 1
    assert mission.attempts()[0][0] == "begin"
    assert mission.attempts()[0][2] == "succeeded"
    assert len(mission.names("clean")) == 2
    mission.run()
    assert begun(log) == 2
    assert "nothing to do" not in mission.dbproc("plan").out
    assert begun(log) == 2


def test_it_is_left_out_by_ingest_alone_by_skip_run_and_where_only_others_are_named(
    sqlite_mission: Mission, log: Path
) -> None:
    mission = sqlite_mission
    create(mission, log)
    mission.run("-i")
    mission.run("-p", "-s")
    mission.run("-p", "-o", "to_clean")
    assert begun(log) == 0
    mission.run("-p", "-o", "begin")
    assert begun(log) == 1


@pytest.mark.thorough
def test_a_failure_is_reported_and_the_run_goes_on_and_the_next_run_tries_again(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("begin.sh", "#!/bin/sh\necho no disk; exit 3\n")
    mission.create(*BLOCKS)
    mission.deliver(name_of("raw", 1))
    done = mission.run(status=1)
    assert f"failed begin {TODAY}: exit status 3: no disk" in done.err
    assert mission.names("clean") == [name_of("clean", 1)]
    status = mission.dbproc("status").out
    assert status.count("failed:") == 1
    assert "run again by the next run" in status
    mission.run(status=1)
    assert [row[2] for row in mission.attempts() if row[0] == "begin"] == ["failed", "failed"]
    assert mission.dbproc("status", "--json").json["failures"][0]["next_try"] is None
    assert len(mission.dbproc("status", "--json").json["failures"]) == 1
    mission.dbproc("retry")
    mission.run(status=1)
    assert len([row for row in mission.attempts() if row[0] == "begin"]) == 3
    mission.execute("UPDATE attempt SET utc_file_date = '2020-01-01' WHERE process_keywords = '' AND status = 'failed'")
    mission.code("begin.sh", "#!/bin/sh\nexit 0\n")
    mission.run()
    assert mission.dbproc("status", "--json").json["failures"] == []
    mission.dbproc("check")


def test_the_code_that_is_valid_today_is_run(sqlite_mission: Mission, log: Path) -> None:
    mission = sqlite_mission
    mission.code("begin.sh", NOTE.format(log=log))
    yesterday = dt.date.fromisoformat(TODAY) - dt.timedelta(days=1)
    mission.create(*BLOCKS[:3], process("begin", None, [], "STARTUP", to=yesterday))
    mission.run()
    assert begun(log) == 0
    mission.define(*BLOCKS)
    mission.run()
    assert begun(log) == 1


def test_the_plan_tells_it_and_changes_nothing(sqlite_mission: Mission, log: Path) -> None:
    create(sqlite_mission, log)
    sqlite_mission.run()
    before = sqlite_mission.everything()
    assert f"would run begin {TODAY}: once at the beginning of every run" in sqlite_mission.dbproc("plan").out
    assert sqlite_mission.everything() == before
    sqlite_mission.dbproc("check")


@pytest.mark.thorough
def test_a_run_killed_in_it_leaves_nothing_and_the_next_run_does_it_again(sqlite_mission: Mission, log: Path) -> None:
    mission = sqlite_mission
    mission.code("begin.sh", f"#!/bin/sh\necho begun >> {log}\ntest $(wc -l < {log}) -gt 1 || sleep 60\n")
    mission.create(*BLOCKS)
    mission.deliver(name_of("raw", 1))
    run = mission.start()
    wait_for(lambda: begun(log), "the beginning")
    kill(run)
    mission.run()
    assert [row[2] for row in mission.attempts() if row[0] == "begin"] == ["interrupted", "succeeded"]
    assert mission.names("clean") == [name_of("clean", 1)]


def test_the_definition_comes_out_as_it_went_in(sqlite_mission: Mission, log: Path) -> None:
    create(sqlite_mission, log)
    exported = sqlite_mission.dbproc("export").out
    assert 'timebase = "STARTUP"\ninputs = []' in exported
    sqlite_mission.file.write_text(exported)
    assert "nothing to change" in sqlite_mission.dbproc("apply", str(sqlite_mission.file)).out
