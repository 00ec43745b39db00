"""Files in the directories of products that no catalogue knows: noticed before a code is run, and taken in there."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbproc.changes import adopt
from tests.kit.commands import REPOSITORY, run_process
from tests.kit.mission import JOIN, Mission, chain, name_of, process, product

BEFORE = "this looks like a mission that was processed before"
NOTED = JOIN.replace("mv made", 'echo "$1" >> NOTES; mv made')


def put(mission: Mission, *names: str, content: str = "old") -> list[Path]:
    """Files where such files belong, as somebody else has put them there."""
    paths = [mission.root / "data" / name.split("_")[0] / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return paths


def with_notes(mission: Mission) -> Path:
    """A code that notes that it was run."""
    notes = mission.root / "notes"
    mission.code("to_clean.sh", NOTED.replace("NOTES", str(notes)))
    return notes


def adopted(mission: Mission, *options: str, status: int = 0) -> Any:
    return json.loads(mission.dbproc("adopt", "--json", *options, status=status).out)


def states(*paths: Path) -> list[tuple[int, int, bytes]]:
    return [(path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in paths]


@pytest.mark.both_databases
def test_nothing_is_made_of_a_product_that_was_made_before_until_that_is_taken_in(mission: Mission) -> None:
    notes = with_notes(mission)
    raw, other = put(mission, name_of("raw", 1), name_of("raw", 2, "2.1.0"))
    (clean,) = put(mission, name_of("clean", 1, "1.1.0"))
    mission.create(*chain())
    said = mission.dbproc("apply", str(mission.file)).err
    assert BEFORE in said
    assert "2 of raw, 1 of clean" in said
    mission.deliver(name_of("raw", 3))
    for _ in range(2):
        done = mission.run(status=1).err
        assert done.count(BEFORE) == 1
        assert str(clean) in done
        assert "dbproc adopt --derived --product clean" in done
    assert not notes.exists()
    assert mission.attempts() == []
    assert mission.queued() == 1
    assert "hindered to_clean 2020-01-03" in mission.dbproc("plan").out

    assert f"1 of clean; {BEFORE}" in mission.dbproc("status").out
    assert f"1 of clean; {BEFORE}" in mission.dbproc("status", "--check", status=1).out
    assert BEFORE in mission.dbproc("why", "clean", "2020-01-03").out

    before = states(raw, other, clean)
    faults, _, repairs = mission.dbproc("check", "--repair", "--dry-run", status=1).out.partition("to repair:")
    assert f"nor is any file of product clean; {BEFORE}" in faults
    assert str(raw) in repairs
    assert str(clean) not in repairs
    foreseen = mission.dbproc("adopt", "--dry-run").out
    assert f"would take in {raw.name}: raw 2020-01-01 1.0.0" in foreseen
    assert "1 of clean, which a process makes: --derived takes them in" in foreseen
    assert len(mission.files()) == 1
    told = adopted(mission)
    assert [file["path"] for file in told["files"]] == [str(raw), str(other)]
    assert [file["version"] for file in told["files"]] == ["1.0.0", "2.1.0"]
    assert (told["left"], told["derived"]) == ([], [{"product": "clean", "files": 1}])
    assert adopted(mission)["files"] == []
    assert mission.files()[raw.name].path == raw
    assert mission.queued() == 3
    assert states(raw, other, clean) == before

    clean.unlink()
    mission.run()
    assert mission.names("clean") == [name_of("clean", day) for day in (1, 2, 3)]
    assert len(notes.read_text().splitlines()) == 3
    assert states(raw, other) == before[:2]
    mission.dbproc("check", "--deep")


@pytest.mark.both_databases
def test_outputs_that_were_made_elsewhere_are_made_anew_when_something_of_them_changes(mission: Mission) -> None:
    notes = with_notes(mission)
    days = (1, 2, 3)
    put(mission, *(name_of(kind, day) for kind in ("raw", "clean", "smooth") for day in days))
    put(mission, name_of("clean", 2, "1.1.0"), name_of("hour", "20200101T12"), name_of("hour", "20200102T12"))
    put(mission, name_of("week", "20191230"))
    weekly = [product("week", 1), process("to_week", "week", ["raw"], "WEEKLY")]
    hourly = product("hour", 1, "hour_{Y}{m}{d}T{H}_v{VERSION}.txt")
    mission.create(*chain(), hourly, process("to_hour", "hour", ["raw"], "12 h"), *weekly)
    told = adopted(mission, "--derived")
    assert len(told["files"]) == 13
    assert {file["product"] for file in told["files"] if file["is_derived"]} == {"clean", "smooth", "hour", "week"}
    of_week = "SELECT u.unix_stop FROM unixtime u JOIN file f ON f.file_id = u.file_id WHERE f.filename LIKE 'week%'"
    assert mission.one(of_week) == dt.datetime(2020, 1, 5, 23, 59, 59, tzinfo=dt.UTC).timestamp()
    mission.run("-p", "--only", "to_clean,to_smooth,to_week")
    assert mission.names("week") == [name_of("week", "20191230")]
    assert not notes.exists()
    assert len(mission.names("smooth")) == 3
    assert f"{name_of('clean', 2, '1.1.0')} is up to date" in mission.dbproc("why", "clean", "2020-01-02").out
    assert mission.rows("SELECT * FROM filefilelink") == mission.rows("SELECT * FROM filecodelink") == []

    mission.deliver(name_of("raw", 3, "1.1.0"))
    done = mission.run("--only", "to_clean,to_smooth").out
    assert f"input {name_of('raw', 3)} replaced by {name_of('raw', 3, '1.1.0')}" in done
    made = [name for name, file in mission.files().items() if file.code is not None]
    assert sorted(made) == [
        name_of("clean", 3, "1.1.0"),
        name_of("smooth", 2, "1.1.0"),
        name_of("smooth", 3, "1.1.0"),
    ]
    assert mission.files()[name_of("smooth", 2, "1.1.0")].inputs == {
        name_of("clean", 1),
        name_of("clean", 2, "1.1.0"),
        name_of("clean", 3, "1.1.0"),
    }
    mission.run()
    both = [name_of("clean", 2), name_of("clean", 2, "1.1.0")]
    said = mission.dbproc("withdraw", name_of("raw", 2), "--reason", "bad").out
    assert all(f"{name}: withdrawn" in said for name in both)
    mission.run("--only", "to_clean,to_smooth")
    assert not any(mission.files()[name].is_in_place for name in both)
    assert mission.files()[name_of("smooth", 3, "1.2.0")].inputs == {name_of("clean", 3, "1.1.0")}
    mission.dbproc("restore", name_of("raw", 2))
    mission.run("--only", "to_clean,to_smooth")
    assert all(mission.files()[name].is_in_place for name in both)
    hours = mission.names("hour")
    assert len(hours) == 6
    assert {name_of("hour", "20200101T12"), name_of("hour", "20200102T12")} < set(hours)
    mission.dbproc("check", "--deep")


def test_of_two_names_for_one_file_one_is_taken_in_and_a_name_that_is_written_otherwise_stays(
    sqlite_mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopt, "_BATCH", 1)
    mission = sqlite_mission.create(*chain())
    first, second = put(mission, "raw_20200101_v01.0.0.txt", "raw_20200101_v1.0.0.txt")
    (made,) = put(mission, "clean_20200101_v01.0.0.txt")
    told = adopted(mission, "--derived", status=1)
    assert [each["file"] for each in told["files"]] == [made.name, first.name]
    assert [(each["path"], first.name in each["why"]) for each in told["left"]] == [(str(second), True)]
    assert made.name not in mission.dbproc("plan").out
    second.unlink()


@pytest.mark.both_databases
def test_what_cannot_be_taken_in_stays_where_it_is_and_is_told(mission: Mission) -> None:
    mission.create(product("raw", 0, directory="data/{Y}"), product("pair", 0, "pair_{Y}{m}{d}.txt"))
    mission.deliver(name_of("raw", 1), "pair_20200101.txt")
    mission.run()
    home, elsewhere = mission.root / "data" / "2020", mission.root / "data" / "2021"
    elsewhere.mkdir()
    wrong, again = elsewhere / name_of("raw", 2), elsewhere / name_of("raw", 1)
    empty, mine = home / name_of("raw", 3), home / name_of("raw", 4)
    for path in (wrong, again, empty, mine):
        path.write_text("" if path is empty else "x")
    link = home / name_of("raw", 5)
    link.symlink_to(mine)
    told = adopted(mission, "--product", "raw", status=1)
    assert [file["path"] for file in told["files"]] == [str(mine)]
    left = {each["path"]: each["why"] for each in told["left"]}
    assert f"its place is {home / wrong.name}" in left[str(wrong)]
    assert "with other bytes is in the catalogue" in left[str(again)]
    assert "it is a link" in left[str(link)]
    assert set(left) == {str(wrong), str(again), str(empty), str(link)}
    assert all(path.exists() for path in (wrong, again, empty, mine))
    assert mission.names("raw") == [name_of("raw", 1), mine.name]
    assert mission.rows("SELECT * FROM quarantine") == []
    for path in (wrong, again, empty, link):
        path.unlink()


def test_an_output_whose_place_is_taken_is_found_before_its_code_is_run(sqlite_mission: Mission) -> None:
    mission, notes = sqlite_mission, with_notes(sqlite_mission)
    mission.create(*chain(), retry_seconds=0, retry_limit=2)
    mission.deliver(name_of("raw", 1))
    mission.run()
    (mine,) = put(mission, name_of("clean", 2), content="mine")
    mission.deliver(name_of("raw", 2))
    for _ in range(4):
        said = mission.run(status=1).err
        assert f"{mine} exists already and is not overwritten; take it in" in said
    assert len(notes.read_text().splitlines()) == 1
    assert mine.read_text() == "mine"
    mine.unlink()
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 2)]


def test_an_honestly_new_product_is_made_at_once_wherever_its_directory_is(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    strange = mission.root / "data" / "clean"
    strange.mkdir(parents=True)
    (strange / "notes.txt").write_text("not of its format")
    (strange / "clean_20200101_v1.0.0.txt").mkdir()
    blocks = [product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"])]
    mission.create(*blocks)
    mission.deliver(name_of("raw", 2))
    mission.run()
    assert mission.names("clean") == [name_of("clean", 2)]
    (strange / "notes.txt").unlink()


@pytest.mark.thorough
def test_a_mission_that_is_found_again_from_its_files_alone_differs_in_lineage_only(tmp_path: Path) -> None:
    root = tmp_path / "orbits"
    shutil.copytree(REPOSITORY / "examples" / "orbits", root)
    (root / "incoming").mkdir()
    environment = {**os.environ, "DBPROC_SETTLE_SECONDS": "0", "PYTHONPATH": str(REPOSITORY)}

    def dbproc(*words: str, status: int = 0) -> str:
        done = run_process("dbproc", words, root, environment)
        assert done.status == status, f"{done.out}\n{done.err}"
        return done.out

    for orbit in ("101", "102"):
        subprocess.run([sys.executable, "deliver.py", orbit], cwd=root, env=environment, check=True)
    (root / "incoming" / "flat_L_20240501.txt").write_text("1 1 1 2\n")
    for database in ("first.sqlite", "second.sqlite"):
        dbproc("init", database)
        dbproc("apply", "mission.toml", "-m", database, "--adopt")
        dbproc("run" if database == "first.sqlite" else "adopt", "-m", database, *["--derived"][: database[0] == "s"])
    assert dbproc("plan", "-m", "second.sqlite") == "nothing to do\n"
    dbproc("check", "--deep", "-m", "second.sqlite")
    told = json.loads(dbproc("compare", "first.sqlite", "second.sqlite", "--json", status=1))
    assert (told["definition"], told["only_first"], told["only_second"]) == ([], [], [])
    assert {each["what"] for file in told["different"] for each in file["differences"]} == {"code", "inputs"}
    assert len(told["different"]) == 2
