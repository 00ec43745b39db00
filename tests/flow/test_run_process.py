"""One process over a range of dates, by hand: dbproc run-process and DBRunner.py."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from tests.kit.mission import (
    Mission,
    chain,
    kill,
    name_of,
    optional,
    process,
    product,
    wait_for,
    window,
)

CLEAN = [name_of("clean", day) for day in (1, 2, 3)]
JANUARY = ("--start", "2020-01-01", "--end", "2020-01-03")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


def built(mission: Mission, *blocks: str) -> Mission:
    """A chain of three days, up to date."""
    mission.create(*(blocks or chain()))
    mission.deliver(*(name_of("raw", day) for day in (1, 2, 3)))
    mission.run()
    return mission


def made(here: Path) -> list[str]:
    return sorted(os.listdir(here)) if here.exists() else []


def test_outputs_go_into_the_directory_and_the_mission_stays_as_it_was(mission: Mission, here: Path) -> None:
    built(mission)
    before = mission.everything()
    done = mission.dbproc("run-process", "to_clean", *JANUARY, "--output", str(here))
    again = [name_of("clean", day, "1.0.1") for day in (1, 2, 3)]
    assert made(here) == again
    assert (here / again[0]).read_text() == "clean(raw_20200101)"
    assert f"built {here / again[0]}: forced to raise revision" in done.out
    for name in again:
        (here / name).unlink()
    here.rmdir()
    assert mission.everything() == before


@pytest.mark.thorough
@pytest.mark.in_processes
def test_without_output_the_current_directory_is_meant(sqlite_mission: Mission) -> None:
    built(sqlite_mission)
    sqlite_mission.dbproc("run-process", "to_clean", "--start", "2020-01-02", "--end", "2020-01-02")
    assert (sqlite_mission.root / name_of("clean", 2, "1.0.1")).exists()
    assert sqlite_mission.names("clean") == CLEAN


def test_update_makes_only_what_is_stale(sqlite_mission: Mission, here: Path) -> None:
    mission = built(sqlite_mission)
    mission.deliver(name_of("raw", 2, "1.1.0"), content="better")
    mission.run("-i")
    done = mission.dbproc("run-process", "to_clean", *JANUARY, "--update", "--output", str(here))
    assert made(here) == [name_of("clean", 2, "1.1.0")]
    assert "up to date: 2020-01-01" in done.out
    assert mission.queued() == 1


@pytest.mark.thorough
def test_force_raises_the_part_that_is_named(sqlite_mission: Mission, here: Path) -> None:
    mission = built(sqlite_mission)
    for part, version in (("0", "2.0.0"), ("1", "1.1.0"), ("2", "1.0.1")):
        mission.dbproc(
            *("run-process", "to_clean", "--start", "2020-01-01", "--end", "2020-01-01"),
            *("--force", part, "--output", str(here)),
        )
        assert name_of("clean", 1, version) in made(here)


@pytest.mark.thorough
def test_windows_are_honoured_and_dates_that_are_not_due_are_said(sqlite_mission: Mission, here: Path) -> None:
    mission = built(sqlite_mission)
    done = mission.dbproc(
        "run-process", "to_smooth", "--start", "2020-01-02", "--end", "2020-01-06", "--output", str(here)
    )
    assert made(here) == [name_of("smooth", 2, "1.0.1"), name_of("smooth", 3, "1.0.1")]
    assert (here / made(here)[0]).read_text().count("clean(") == 3
    assert "not due: 2020-01-04 (no input covers 2020-01-04 itself), 2020-01-05 (no file" in done.out


@pytest.mark.thorough
@pytest.mark.both_databases
def test_ingested_outputs_are_registered_as_by_a_run_and_what_follows_is_built_by_the_next(mission: Mission) -> None:
    built(mission)
    mission.dbproc("run-process", "to_clean", "--start", "2020-01-02", "--end", "2020-01-02", "--ingest")
    again = name_of("clean", 2, "1.0.1")
    file = mission.files()[again]
    assert (file.inputs, file.code) == (frozenset({name_of("raw", 2)}), "1.0.0")
    assert mission.attempts()[-1] == ("to_clean", "2020-01-02", "succeeded")
    assert mission.queued() == 1
    mission.dbproc("check", "--deep")
    mission.run()
    assert name_of("smooth", 2, "1.0.1") in mission.names("smooth")
    mission.dbproc("run-process", "to_clean", *JANUARY, "--ingest", "--update")
    assert len(mission.names("clean")) == 4


@pytest.mark.thorough
def test_a_process_without_inputs_is_made_by_hand_alone(mission: Mission, here: Path) -> None:
    mission.code("sun.sh", '#!/bin/sh\necho "sun $1" > $2\n')
    mission.create(
        product("sun", 0),
        process("to_sun", "sun", [], arguments=["{DATE}"], file="sun.sh"),
        product("shade", 1),
        process("to_shade", "shade", ["sun"]),
    )
    mission.run()
    assert mission.names("sun") == []
    mission.dbproc("run-process", "to_sun", *JANUARY, "--output", str(here))
    assert made(here) == [name_of("sun", day) for day in (1, 2, 3)]
    assert (here / name_of("sun", 2)).read_text() == "sun 20200102\n"
    mission.dbproc("run-process", "to_sun", *JANUARY, "--ingest")
    file = mission.files()[name_of("sun", 1)]
    assert (file.inputs, file.code) == (frozenset(), "1.0.0")
    mission.run()
    assert mission.names("shade") == [name_of("shade", day) for day in (1, 2, 3)]
    mission.dbproc("check", "--deep")
    mission.dbproc("run-process", "to_sun", *JANUARY, "--ingest", "--update")
    assert len(mission.names("sun")) == 3
    mission.code("sun.sh", '#!/bin/sh\necho "sunny $1" > $2\n')
    mission.run()
    mission.dbproc("check")
    mission.dbproc("run-process", "to_sun", *JANUARY, "--ingest", "--update")
    assert name_of("sun", 1, "1.0.1") in mission.names("sun")


@pytest.mark.thorough
def test_optional_inputs_can_be_left_out_and_the_next_run_makes_up_for_them(
    sqlite_mission: Mission, here: Path
) -> None:
    mission = sqlite_mission
    mission.create(
        product("raw", 0),
        product("help", 0),
        product("clean", 1),
        process("to_clean", "clean", ["raw", optional("help")]),
    )
    mission.deliver(name_of("raw", 1), name_of("help", 1))
    mission.run()
    day = ("--start", "2020-01-01", "--end", "2020-01-01", "--no-optional")
    mission.dbproc("run-process", "to_clean", *day, "--output", str(here))
    assert (here / name_of("clean", 1, "1.1.0")).read_text() == "clean(raw_20200101)"
    mission.dbproc("run-process", "to_clean", *day, "--ingest")
    assert mission.files()[name_of("clean", 1, "1.1.0")].inputs == {name_of("raw", 1)}
    mission.dbproc("check")
    mission.run()
    assert len(mission.files()[name_of("clean", 1, "1.2.0")].inputs) == 2


@pytest.mark.thorough
def test_a_dry_run_tells_the_command_lines_and_does_nothing(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    before = mission.everything()
    done = mission.dbproc("run-process", "to_clean", *JANUARY, "--dry-run")
    assert f"would make {name_of('clean', 1, '1.0.1')}: forced" in done.out
    assert f"{mission.root}/codes/to_clean.sh {mission.root}/data/raw/{name_of('raw', 1)}" in done.out
    rows = mission.dbproc("run-process", "to_clean", *JANUARY, "--update", "-d", "--json").json["dates"]
    assert [row["is_run"] for row in rows] == [False] * 3
    assert mission.everything() == before


def test_nothing_is_overwritten_and_the_other_dates_are_made(sqlite_mission: Mission, here: Path) -> None:
    mission = built(sqlite_mission)
    here.mkdir()
    mine = here / name_of("clean", 2, "1.0.1")
    mine.write_text("mine")
    done = mission.dbproc("run-process", "to_clean", *JANUARY, "--output", str(here), status=1)
    assert f"refused to_clean 2020-01-02: {mine} exists already and is not overwritten" in done.err
    assert mine.read_text() == "mine"
    assert len(made(here)) == 3


@pytest.mark.thorough
def test_a_failure_leaves_its_log_and_no_output(sqlite_mission: Mission, here: Path) -> None:
    mission = built(sqlite_mission)
    mission.code("to_clean.sh", "#!/bin/sh\necho half > $2; echo out of luck; exit 4\n")
    done = mission.dbproc(
        *("run-process", "to_clean", "--start", "2020-01-01", "--end", "2020-01-01", "--output", str(here)), status=1
    )
    (log,) = made(here)
    assert log.endswith(".log")
    assert "out of luck" in (here / log).read_text()
    assert f"exit status 4: out of luck; its log: {here / log}" in done.err
    assert "changed under version 1.0.0" in done.out


def test_a_job_without_a_log_fails_alone(sqlite_mission: Mission, here: Path) -> None:
    mission = built(sqlite_mission)
    mission.code("to_clean.sh", "#!/bin/sh\nrm ../../jobs/*\nexit 4\n")
    done = mission.dbproc("run-process", "to_clean", *JANUARY, "--output", str(here), status=1)
    assert made(here) == []
    assert done.err.count("exit status 4") == 3
    assert "its log" not in done.err


@pytest.mark.thorough
def test_it_goes_on_beside_a_live_run_but_not_with_ingest(sqlite_mission: Mission, here: Path) -> None:
    mission = built(sqlite_mission)
    gate = mission.root / "gate"
    mission.code("to_smooth.sh", f"#!/bin/sh\ntouch {gate}.open\nwhile [ ! -e {gate} ]; do sleep 0.05; done; cat $@\n")
    run = mission.start()
    wait_for((mission.root / "gate.open").exists, "the job")
    mission.dbproc("run-process", "to_clean", *JANUARY, "--output", str(here))
    assert len(made(here)) == 3
    busy = mission.dbproc("run-process", "to_clean", *JANUARY, "--ingest", status=75)
    assert str(run.pid) in busy.err
    kill(run)
    gate.touch()
    mission.dbproc("run-process", "to_clean", *JANUARY, "--ingest")


def test_what_cannot_be_is_refused(sqlite_mission: Mission) -> None:
    sqlite_mission.create(
        *chain(),
        product("plain", 1, "plain_{Y}{m}{d}.txt"),
        process("to_plain", "plain", ["raw"]),
        process("begin", None, [], "STARTUP"),
    )
    for words, message in (
        (["claen", *JANUARY], "no process claen; did you mean to_clean?"),
        (["to_clean", "--start", "2020-01-03", "--end", "2020-01-01"], "the times are reversed"),
        (["to_plain", *JANUARY, "--force", "1"], "product plain has no {VERSION}"),
        (["to_clean", *JANUARY, "--force", "1", "--update"], "exclude each other"),
        (["to_clean", *JANUARY, "--ingest", "--output", "x"], "leave --output out"),
        (["to_clean", *JANUARY, "--output", "incoming"], "which is the mission's own"),
        (["begin", *JANUARY, "--ingest"], "dbproc process --only begin"),
    ):
        assert message in sqlite_mission.dbproc("run-process", *words, status=2).err


@pytest.mark.thorough
def test_keywords_of_files_make_slots_of_their_own(sqlite_mission: Mission, here: Path) -> None:
    mission = sqlite_mission
    mission.create(
        product("raw", 0, "raw_{station}_{Y}{m}{d}.txt"),
        product("clean", 1, "clean_{station}_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_clean", "clean", ["raw"], "FILE"),
        product("all", 1),
        process("to_all", "all", [window("raw", 1)]),
    )
    mission.deliver("raw_a_20200101.txt", "raw_b_20200101.txt")
    mission.run("-i")
    mission.dbproc("run-process", "to_clean", *JANUARY, "--output", str(here))
    assert made(here) == ["clean_a_20200101_v1.0.0.txt", "clean_b_20200101_v1.0.0.txt"]


@pytest.mark.in_processes
def test_db_runner_takes_dbprocessings_options(sqlite_mission: Mission) -> None:
    mission = built(sqlite_mission)
    words = ("-m", mission.database, "-s", "20200101", "-e", "2020-01-02")
    mission.script("DBRunner.py", *words, "-n", "1", "to_clean")
    assert (mission.root / name_of("clean", 2, "1.0.1")).exists()
    mission.script("DBRunner.py", *words, "-i", "--force", "1", "--nooptional", "to_clean")
    assert name_of("clean", 1, "1.1.0") in mission.names("clean")
    done = mission.script("DBRunner.py", *words, "-u", "-d", "to_clean")
    assert "2020-01-01: up to date" in done.out
    mission.script("DBRunner.py", *words, "-v", "1.0.0", "to_clean")
    assert mission.content(name_of("clean", 2, "1.0.0")) == (mission.root / name_of("clean", 2, "1.0.0")).read_text()
    assert "leave --ingest" in mission.script("DBRunner.py", *words, "-v", "1.0.0", "-i", "to_clean", status=2).err


def test_db_runner_begins_and_ends_where_dbprocessings_does(sqlite_mission: Mission) -> None:
    mission, today = built(sqlite_mission), dt.datetime.now(dt.UTC).date()
    mission.deliver(*(f"raw_{day}_v1.0.0.txt" for day in ("20120829", "20120830", f"{today:%Y%m%d}")))
    mission.run()
    planned = mission.script("DBRunner.py", "-m", mission.database, "-d", "-u", "to_clean").out
    assert "2012-08-29" not in planned
    assert "2012-08-30: up to date" in planned
    assert f"{today}: up to date" in planned
