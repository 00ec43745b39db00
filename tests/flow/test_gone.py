"""Files that were made and are gone from disk, of a product whose names have no version: they are made again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.kit.mission import REPOSITORY, Mission, name_of, process, product

PLAIN = "day_{Y}{m}{d}.txt"
BLOCKS = [
    product("raw", 0, "raw_{Y}{m}{d}_{what}.txt"),
    product("day", 1, PLAIN),
    product("total", 2),
    process("to_day", "day", ["raw"]),
    process("to_total", "total", ["day"]),
]
DAY = "day_20200101.txt"
TOTAL = name_of("total", 1)


@pytest.fixture
def made(mission: Mission) -> Mission:
    mission.create(*BLOCKS, retry_seconds=0)
    mission.deliver("raw_20200101_a.txt")
    mission.run()
    return mission


@pytest.mark.both_databases
def test_a_file_that_is_gone_comes_back_with_its_number_and_nothing_else_is_made(made: Mission) -> None:
    before = made.rows("SELECT file_id, filename, shasum, interface_version, quality_version FROM file ORDER BY 1")
    made.files()[DAY].path.unlink()
    fault = made.dbproc("check", status=1).out
    assert "the next run makes it again" in fault
    assert "deliver it" not in fault
    made.dbproc("check", "--repair")
    assert f"{DAY} is gone from disk" in made.dbproc("plan").out
    made.run()
    assert (
        made.rows("SELECT file_id, filename, shasum, interface_version, quality_version FROM file ORDER BY 1") == before
    )
    assert made.content(DAY) == "day(raw_20200101_a.txt)"
    assert made.names("total") == [TOTAL]
    assert made.queued() == 0
    made.dbproc("check", "--deep")
    assert "up to date" in made.dbproc("why", DAY).out


def test_one_that_is_made_of_more_than_before_has_what_came_of_it_made_again(made: Mission) -> None:
    made.deliver("raw_20200101_b.txt")
    refused = made.run(status=1).err
    assert f"dbproc withdraw {DAY}" in refused
    made.files()[DAY].path.unlink()
    made.dbproc("check", "--repair")
    made.run()
    assert made.content(DAY) == "day(raw_20200101_a.txt)(raw_20200101_b.txt)"
    assert made.files()[DAY].inputs == {"raw_20200101_a.txt", "raw_20200101_b.txt"}
    assert made.names("total") == [TOTAL, name_of("total", 1, "1.1.0")]
    assert made.content(name_of("total", 1, "1.1.0")) == f"total({made.content(DAY)})"
    made.dbproc("check", "--deep")


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("INSERT INTO placement", marks=pytest.mark.thorough),
        "UPDATE file SET",
        pytest.param("INSERT INTO filefilelink", marks=pytest.mark.thorough),
        "DELETE FROM placement",
    ],
)
def test_a_run_that_is_killed_as_it_comes_back_is_made_up_for(made: Mission, point: str) -> None:
    before = made.rows("SELECT file_id, filename, shasum FROM file ORDER BY 1")
    made.files()[DAY].path.unlink()
    made.dbproc("check", "--repair")
    words = ["-m", "tests.crash.killer", "--on", point, "--", "-m", made.database]
    killed = subprocess.run([sys.executable, *words], cwd=REPOSITORY, env=made.environment, check=False)
    assert killed.returncode == -9
    made.run()
    assert made.rows("SELECT file_id, filename, shasum FROM file ORDER BY 1") == before
    made.dbproc("check", "--deep")


def rebuilt_total(mission: Mission) -> None:
    """What is made from the day has a newer code."""
    mission.code("newer.sh")
    newer = process("to_total", "total", ["day"], version="1.1.0", file="newer.sh")
    mission.define(*BLOCKS[:4], newer, retry_seconds=0)


@pytest.mark.both_databases
def test_one_that_nobody_told_of_is_noticed_by_the_job_that_wants_it_and_made_again_before(made: Mission) -> None:
    before = made.rows(f"SELECT file_id, shasum FROM file WHERE filename = '{DAY}'")
    made.deliver("raw_20200102_a.txt")
    made.run()
    made.files()[DAY].path.unlink()
    rebuilt_total(made)
    said = made.run().out
    assert f"note {DAY}: is gone from disk, and is made again if that can be" in said
    assert made.rows(f"SELECT file_id, shasum FROM file WHERE filename = '{DAY}'") == before
    assert name_of("total", 1, "1.1.0") in made.names("total")
    assert "failed" not in {status for *_, status in made.attempts()}
    made.check()
    made.dbproc("check", "--deep")


def test_where_all_of_a_directory_is_gone_its_disk_may_be_missing_and_nothing_is_made_again(made: Mission) -> None:
    made.deliver("raw_20200102_a.txt")
    made.run()
    days = [file.path for name, file in made.files().items() if name.startswith("day_")]
    for path in days:
        path.unlink()
    rebuilt_total(made)
    assert f"the input {days[0]} is missing from disk; put it back, or dbproc check --repair" in made.run(status=1).err
    assert made.one("SELECT count(*) FROM file WHERE NOT exists_on_disk") == 0
    for path in days:
        path.write_text(f"day(raw_2020010{days.index(path) + 1}_a.txt)")


def test_a_delivered_one_that_is_gone_is_named_with_what_depends_on_it(made: Mission) -> None:
    path = made.files()["raw_20200101_a.txt"].path
    content = path.read_text()
    path.unlink()
    fault = made.dbproc("check", status=1).out
    assert "deliver it from a copy again" in fault
    assert f"made from it: {DAY}, {TOTAL}" in fault
    made.files()[DAY].path.unlink()
    made.dbproc("check", "--repair")  # both are recorded as missing
    made.deliver("raw_20200101_a.txt", content=content)
    made.run()
    assert made.content(DAY) == "day(raw_20200101_a.txt)"
