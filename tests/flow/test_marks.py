"""Files that are marked: shown wherever files are, and no inputs where an input takes none of that quality."""

from __future__ import annotations

import json

import pytest

from tests.kit.mission import Mission, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2)]


def newest(mission: Mission) -> set[str]:
    return {row[0] for row in mission.rows("SELECT filename FROM newest_file")}


@pytest.fixture
def made(mission: Mission) -> Mission:
    """Two days of raw; clean takes what is not doubted, copy takes all; calibrations that hold until the next."""
    taken = {"quality": ["ok", "unknown"]}
    mission.create(
        *(product("raw", 0), product("cal", 0), product("clean", 1), product("copy", 1)),
        process("to_clean", "clean", [{"product": "raw", **taken}, {"product": "cal", "valid": "latest", **taken}]),
        process("to_copy", "copy", ["raw"]),
        retry_seconds=0,
    )
    mission.deliver(*RAW, name_of("cal", 1), name_of("cal", 2))
    mission.run()
    return mission


@pytest.mark.both_databases
def test_an_input_takes_no_file_that_is_marked_otherwise_and_every_word_is_undone(made: Mission) -> None:
    before = newest(made)
    caveat = ("--quality", "problem", "--caveat", "gain wrong until 10:00")
    foretold = made.dbproc("mark", RAW[1], *caveat, "--dry-run").out
    assert newest(made) == before
    assert f"{name_of('clean', 2)}: withdrawn" in foretold
    assert f"{name_of('copy', 2)}: stays" in foretold
    done = made.dbproc("mark", RAW[1], *caveat, "--reason", "seen in plots").out
    assert done == foretold.replace("would mark", "marked")
    made.run()
    assert newest(made) == before - {name_of("clean", 2)}
    assert "nothing to do" in made.dbproc("plan").out
    assert "is marked problem (gain wrong until 10:00)" in made.dbproc("why", "clean", "2020-01-02").out
    why = made.dbproc("why", RAW[1]).out
    (marked,) = (line for line in made.dbproc("log", "--file", RAW[1]).out.splitlines() if " marked " in line)
    assert "problem" in marked
    assert "gain wrong until 10:00" in marked
    assert "marked problem: gain wrong until 10:00" in why
    assert "seen in plots" in why
    assert "(problem: gain wrong until 10:00)" in made.dbproc("lineage", name_of("copy", 2)).out
    assert "problem: gain wrong" in made.dbproc("files", "--quality", "problem").out
    made.dbproc("check")
    assert "1 so marked already" in made.dbproc("mark", RAW[1], "--quality", "problem").out
    made.dbproc("mark", RAW[1], "--quality", "unknown", "--caveat", "")
    made.run()
    assert {name.rpartition("_v")[0] for name in newest(made)} == {name.rpartition("_v")[0] for name in before}
    former = [json.loads(row[0]) for row in made.rows("SELECT former FROM correctionfile ORDER BY correction_id")]
    assert {"quality": "problem", "caveats": "gain wrong until 10:00"} in former
    assert made.dbproc("files", "--quality", "problem", "--json").json == []


@pytest.mark.both_databases
def test_of_what_holds_until_the_next_the_one_before_takes_the_place_of_a_marked_one(made: Mission) -> None:
    made.dbproc("mark", "--product", "cal", "--start", "2020-01-02", "--quality", "ignore")
    made.run()
    assert name_of("clean", 2, "1.1.0") in newest(made)
    inputs = {row["filename"] for row in made.dbproc("why", name_of("clean", 2, "1.1.0"), "--json").json["inputs"]}
    assert inputs == {RAW[1], name_of("cal", 1)}
    made.deliver(name_of("cal", 1, "1.0.1"))
    made.run()
    assert {name_of("clean", 1, "1.0.1"), name_of("clean", 2, "1.1.1")} <= newest(made)


def test_the_newest_version_counts_and_a_made_file_can_be_marked(made: Mission) -> None:
    made.deliver(name_of("raw", 1, "1.1.0"))
    made.run()
    made.dbproc("mark", name_of("raw", 1, "1.1.0"), "--quality", "problem")
    made.run()
    assert not {name for name in newest(made) if name.startswith("clean_20200101")}
    made.dbproc("withdraw", name_of("raw", 1, "1.1.0"), "--reason", "wrong")
    made.run()
    assert {name for name in newest(made) if name.startswith("clean_20200101")}
    assert "say what to mark" in made.dbproc("mark", "--quality", "ok", status=2).err
    assert "say how" in made.dbproc("mark", RAW[0], status=2).err
    made.dbproc("mark", "--product", "copy", "--quality", "ok")
    assert len(made.dbproc("files", "copy", "--quality", "ok", "--json").json) == len(made.names("copy"))


def test_the_mission_file_says_which_qualities_there_are(made: Mission) -> None:
    text = made.file.read_text()
    assert 'quality = ["ok", "unknown"]' in made.dbproc("export").out
    made.file.write_text(text.replace('"unknown"', '"unkown"'))
    err = made.dbproc("apply", str(made.file), status=2).err
    assert "'unkown' is not allowed; choose of unknown, ok, ignore, problem" in err
