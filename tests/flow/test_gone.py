"""Files that were made and are gone from disk, of a product whose names have no version: they are made again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
    said = made.run(status=1).err
    assert f"the input {days[0]} is missing from disk; put it back, or the next run makes it again" in said
    assert "problem data: none of the 2 files of data/day is there; mount the disk" in said
    assert "critical: test: none of the 2 files of data/day is there" in made.dbproc("status", "--check", status=2).out
    assert "none of the 2 files of data/day is there" in made.dbproc("plan").out
    assert made.one("SELECT count(*) FROM file WHERE NOT exists_on_disk") == 0
    for path in days:
        path.write_text(f"day(raw_2020010{days.index(path) + 1}_a.txt)")


@pytest.fixture
def away(made: Mission) -> Iterator[Mission]:
    """A mission with two days, whose disk of days is not mounted."""
    made.deliver("raw_20200102_a.txt")
    made.run()
    disk, aside = made.root / "data/day", made.root / "away"
    disk.rename(aside)
    disk.mkdir()
    yield made
    disk.rmdir()
    aside.rename(disk)
    made.dbproc("check", "--deep")
    assert "nothing to do" in made.dbproc("plan").out + made.run().out


NOT_THERE = "none of the 2 files of data/day is there; mount the disk"


@pytest.mark.both_databases
def test_nothing_is_withdrawn_or_replaced_whose_disk_is_away(away: Mission, tmp_path: Path) -> None:
    raw = "raw_20200101_a.txt"
    for words in (DAY,), (raw,), (raw, "--dry-run"), ("raw_20200102_a.txt", "--whole-slot"):
        assert NOT_THERE in away.dbproc("withdraw", *words, "--reason", "noise", status=2).err
    assert away.rows("SELECT count(*) FROM correction") == [(0,)]


def test_a_run_does_not_withdraw_what_is_on_a_disk_that_is_away(away: Mission) -> None:
    raw = "raw_20200101_a.txt"
    away.dbproc("mark", raw, "--quality", "problem")
    away.write(*BLOCKS[:3], process("to_day", "day", [{"product": "raw", "quality": ["ok", "unknown"]}]), BLOCKS[4])
    away.dbproc("apply", str(away.file))
    said = away.run(status=1).err
    assert f"{DAY}: cannot be withdrawn: {NOT_THERE}" in said
    assert away.rows(f"SELECT exists_on_disk FROM file WHERE filename = '{DAY}'") == [(1,)]
    away.dbproc("mark", raw, "--quality", "ok")


def test_what_is_on_a_disk_that_is_away_makes_way_for_nothing(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    raws = [name_of("raw", day) for day in (1, 2)]
    blocks = product("raw", 0), product("day", 1, keep="newest"), process("to_day", "day", ["raw"])
    mission.create(*blocks, same_name="replace", retry_seconds=0)
    for content in "one", "two":
        for raw in raws:
            mission.deliver(raw, content=f"{content} {raw}")
        mission.run()
    disks = {mission.root / f"data/{each}": mission.root / f"{each} away" for each in ("raw", "day")}
    for disk, aside in disks.items():
        disk.rename(aside)
        disk.mkdir()
    other = tmp_path / "other.txt"
    other.write_text("three")
    wrong = "none of the 2 files of data/raw is there; mount the disk"
    assert wrong in mission.dbproc("replace", raws[0], "with", str(other), "--reason", "x", status=2).err
    assert wrong in mission.dbproc("restore", raws[0], status=2).err
    assert "none of the 4 files of data/day is there; mount the disk" in mission.dbproc("reap", status=2).err
    mission.deliver(raws[0], content="three")
    assert f"{raws[0]}: {wrong}" in mission.run(status=1).err
    assert (mission.incoming / raws[0]).exists()
    for disk, aside in disks.items():
        disk.rmdir()
        aside.rename(disk)
    mission.run()
    assert mission.content(raws[0]) == "three"
    mission.dbproc("check", "--deep")


def test_a_version_whose_inputs_have_no_bytes_any_more_is_not_reaped(sqlite_mission: Mission) -> None:
    mission, raw = sqlite_mission, name_of("raw", 1)
    mission.create(
        product("raw", 0), product("day", 1, keep="newest"), process("to_day", "day", ["raw"]), same_name="replace"
    )
    mission.deliver(raw, content="one")
    mission.run()
    mission.files()[raw].path.write_text("edited by somebody")
    mission.deliver(raw, content="two")
    mission.run()
    assert f"{name_of('day', 1)}: what it was made from is gone" in mission.dbproc("reap").out
    assert mission.files()[name_of("day", 1)].path.exists()


def test_kept_bytes_that_were_altered_are_found_and_nothing_is_restored_of_them(made: Mission) -> None:
    made.dbproc("withdraw", "raw_20200101_a.txt", "--reason", "noise")
    (kept,) = (made.root / ".dbproc/withdrawn").rglob("raw_20200101_a.txt")
    former = kept.read_bytes()
    kept.write_bytes(former[::-1])
    made.dbproc("check")
    assert f"kept_missing {kept}" in made.dbproc("check", "--deep", status=1).out
    assert f"{kept} does not have the bytes" in made.dbproc("restore", "raw_20200101_a.txt", status=2).err
    kept.write_bytes(former)
    made.dbproc("restore", "raw_20200101_a.txt")
    made.dbproc("check", "--deep")


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


@pytest.mark.both_databases
def test_one_that_vanished_is_foreseen_and_made_again_by_a_run_with_nothing_else_to_do(made: Mission) -> None:
    made.run()
    before = made.rows("SELECT file_id, filename, shasum, interface_version, quality_version FROM file ORDER BY 1")
    made.files()[DAY].path.unlink()
    assert f"would build {DAY}: {DAY} is gone from disk" in made.dbproc("plan").out
    assert "1 gone from disk" in made.dbproc("status", "--check", status=1).out
    said = made.run().out
    assert f"note {DAY}: is gone from disk, and is made again if that can be" in said
    assert f"built {DAY}: {DAY} is gone from disk" in said
    assert (
        made.rows("SELECT file_id, filename, shasum, interface_version, quality_version FROM file ORDER BY 1") == before
    )
    made.check()
    assert made.dbproc("plan").out == "nothing to do\n"
    made.dbproc("check", "--deep")


@pytest.mark.both_databases
def test_a_delivered_one_that_vanished_is_named_everywhere_with_what_depends_on_it(made: Mission) -> None:
    made.deliver("raw_20200102_a.txt", "raw_20200103_a.txt")
    made.run()
    raw = "raw_20200103_a.txt"
    path = made.files()[raw].path
    content = path.read_bytes()
    path.unlink()
    words = f"{raw}: is gone from disk; deliver it from a copy again; made from it: day_20200103.txt"
    assert f"lost {words}" in made.dbproc("plan").out
    assert "1 file is gone from disk since the last run" in made.dbproc("files", "--missing").err
    assert "1 file is gone from disk since the last run" in made.dbproc("coverage").err
    assert "1 gone from disk" in made.dbproc("status", "--check", status=1).out
    assert words in made.dbproc("status").out
    assert f"problem {words}" in made.run(status=1).err
    assert "1 gone from disk" in made.dbproc("status", "--check", status=1).out
    assert words in made.dbproc("status").out
    assert f"lost {words}" in made.dbproc("plan").out
    made.run()
    assert raw in made.dbproc("files", "raw", "--missing").out
    gap = next(gap for gap in made.dbproc("coverage", "--json").json["gaps"] if gap["product"] == "raw")
    assert (gap["mark"], gap["count"], gap["why"]) == ("gone", 1, "deliver it from a copy again")
    assert gap["command"] == "dbproc files raw --missing --start 2020-01-03 --end 2020-01-03 --key what=a"
    (made.incoming / raw).write_bytes(content)
    made.run()
    assert made.dbproc("status", "--check").out.startswith("fine")
    made.check()


def test_of_a_superseded_version_nothing_is_said_but_by_the_run_that_notices(mission: Mission) -> None:
    versions(mission)
    old = name_of("raw", 1)
    mission.files()[old].path.unlink()
    assert f"note {old}: is gone from disk; newer versions are in the catalogue" in mission.run().out
    assert mission.dbproc("status", "--check").out.startswith("fine")


def versions(mission: Mission) -> None:
    """Two versions of a day, and what is made of each."""
    mission.create(product("raw", 0), product("day", 1), process("to_day", "day", ["raw"]))
    for version in "1.0.0", "1.1.0":
        mission.deliver(name_of("raw", 1, version), content=version)
        mission.run()


@pytest.mark.both_databases
def test_an_older_version_takes_the_place_of_one_that_vanished_as_foreseen(mission: Mission) -> None:
    versions(mission)
    new = name_of("raw", 1, "1.1.0")
    mission.files()[new].path.unlink()
    built = f"{name_of('day', 1, '1.2.0')}: input {new} replaced by {name_of('raw', 1)}"
    said = mission.dbproc("plan").out
    assert f"would build {built}" in said
    assert f"lost {new}: is gone from disk; deliver it from a copy again; made from it: " in said
    assert f"built {built}" in mission.run(status=1).out


@pytest.mark.both_databases
def test_an_input_that_was_edited_hinders_its_job_in_the_words_of_the_plan(made: Mission) -> None:
    """What is not asked for stays as it is."""
    raw = "raw_20200101_a.txt"
    path = made.files()[raw].path
    former = path.read_bytes()
    path.write_text("edited by hand")
    made.deliver("raw_20200101_b.txt", "raw_20200102_a.txt")
    made.deliver(raw, content=former.decode())
    made.dbproc("withdraw", DAY, "--reason", "to be made anew")
    planned = made.dbproc("plan", "--json").json
    (problem,) = planned["problems"]
    assert (problem["state"], problem["process"]) == ("hindered", "to_day")
    assert f"dbproc replace {raw} with PATH --reason TEXT" in problem["why"]
    assert "put the former bytes back" in problem["why"]
    assert [task["output"] for task in planned["tasks"]] == ["day_20200102.txt", name_of("total", 2)]
    assert f"hindered to_day 2020-01-01: {problem['why']}" in made.dbproc("plan").out
    stays = f"{path} does not have the bytes that were recorded; move it away, this one takes its place"
    assert f"incoming {raw}: {stays}" in made.dbproc("plan").out
    told = made.run(status=1).err
    assert f"failed to_day 2020-01-01: {problem['why']}" in told
    assert told.count(stays) == 1
    made.dbproc("reprocess", "--product", "total", "--force", "2", "--campaign", "again")
    assert made.run(status=1).err.count(stays) == 1
    assert problem["why"] in made.dbproc("plan").out
    path.write_bytes(former)
    assert "hindered" not in made.dbproc("plan").out
    made.run()


def test_run_process_says_what_helps_where_a_made_input_vanished(made: Mission) -> None:
    made.files()[DAY].path.unlink()
    total = ("run-process", "to_total", "--start", "2020-01-01", "--end", "2020-01-01")
    failed = made.dbproc(*total, "--output", str(made.root), status=1).err
    assert f"{DAY} is missing from disk; put it back, or the next run makes it again" in failed
    said = made.dbproc(*total, "--ingest").out
    assert f"note {DAY}: is gone from disk, and is made again if that can be" in said
    made.run()
    made.dbproc(*total, "--ingest")
    made.check()


@pytest.mark.both_databases
def test_one_that_was_edited_is_given_other_bytes_and_what_was_in_its_place_is_kept(mission: Mission) -> None:
    mission.create(*BLOCKS, retry_seconds=0, same_name="replace")
    raw = "raw_20200101_a.txt"
    mission.deliver(raw, content="one")
    mission.run()
    mission.files()[raw].path.write_text("edited")
    copy = mission.root / "copy.txt"
    copy.write_text("two")
    said = mission.dbproc("replace", raw, "with", str(copy), "--reason", "edited by hand").out
    assert "its former bytes were lost before" in said
    kept = said.partition("what somebody had put in their place is kept: ")[2].splitlines()[0]
    assert Path(kept).read_text() == "edited"
    mission.run()
    mission.deliver(raw, content="edited")  # was never bytes of it, as far as is recorded
    mission.run()
    mission.deliver(raw, content="three")
    mission.run()
    assert mission.content(raw) == "three"
    mission.check()
    mission.dbproc("check", "--deep")


def test_what_has_other_inputs_is_made_anew_without_one_that_is_out_and_once_more_when_it_is_back(
    sqlite_mission: Mission,
) -> None:
    mission = sqlite_mission.create(*BLOCKS, product("sky", 1), process("to_sky", "sky", ["raw"]))
    both = ["raw_20200101_a.txt", "raw_20200101_b.txt"]
    mission.deliver(*both, content="x")
    mission.run()
    (mission.root / "data" / "raw" / both[0]).unlink()
    mission.run(status=1)
    assert mission.content(name_of("sky", 1, "1.1.0")) == "sky(x)"
    assert mission.content(DAY) == "day(x)(x)"
    mission.deliver(both[0], content="x")
    mission.run()
    assert mission.content(name_of("sky", 1, "1.2.0")) == "sky(x)(x)"
    mission.dbproc("withdraw", both[0], "--reason", "bad")
    mission.run()
    assert mission.content(DAY) == "day(x)"
    mission.dbproc("restore", both[0])
    mission.run(status=1)
    assert mission.content(DAY) == "day(x)"
    assert "S stale" in mission.dbproc("coverage", "day").out
    mission.dbproc("withdraw", DAY, "--reason", "without a")
    mission.run()
    assert mission.content(DAY) == "day(x)(x)"
