"""A file that was bad: taken back, put back, or given other bytes; and what becomes of what was made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.mission import Mission, chain, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3)]
BAD = RAW[1]


@pytest.fixture
def made(mission: Mission) -> Mission:
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(*RAW)
    mission.run()
    return mission


def newest(mission: Mission) -> set[str]:
    return {row[0] for row in mission.rows("SELECT filename FROM newest_file")}


@pytest.mark.both_databases
def test_a_day_that_was_bad_is_taken_out_with_what_was_made_of_it_and_comes_back(made: Mission) -> None:
    before, contents = newest(made), {name: made.content(name) for name in made.files()}
    foretold = made.dbproc("withdraw", BAD, "--reason", "saturated", "--dry-run").out
    assert newest(made) == before
    out = made.dbproc("withdraw", BAD, "--reason", "saturated").out
    assert [line for line in out.splitlines() if line.startswith("  ")] == [
        line for line in foretold.splitlines() if line.startswith("  ")
    ]
    assert f"{name_of('clean', 2)}: withdrawn" in out
    assert f"{name_of('smooth', 1)}: made anew as {name_of('smooth', 1, '1.1.0')}" in out
    assert not {BAD, name_of("clean", 2), name_of("smooth", 2)} & newest(made)
    made.run()
    assert newest(made) == {
        *(RAW[0], RAW[2], name_of("clean", 1), name_of("clean", 3)),
        *(name_of("smooth", 1, "1.1.0"), name_of("smooth", 3, "1.1.0")),
    }
    assert "withdrawn" in made.dbproc("why", BAD).out
    assert "saturated" in made.dbproc("why", BAD).out
    assert "nothing to do" in made.run().out + made.dbproc("plan").out
    made.dbproc("check", "--deep")
    made.dbproc("restore", BAD)
    made.run()
    assert {name.rpartition("_v")[0] for name in newest(made)} == {name.rpartition("_v")[0] for name in before}
    assert made.content(name_of("clean", 2)) == contents[name_of("clean", 2)]
    assert made.content(name_of("smooth", 2)) == contents[name_of("smooth", 2)]
    assert made.content(name_of("smooth", 1, "1.2.0")) == contents[name_of("smooth", 1)]
    assert made.rows("SELECT count(*) FROM correction WHERE undone_time IS NULL") == [(0,)]
    made.dbproc("check", "--deep")


@pytest.mark.both_databases
def test_other_bytes_under_the_name_are_the_next_state_and_the_former_ones_are_kept(
    made: Mission, tmp_path: Path
) -> None:
    good = tmp_path / "corrected.txt"
    good.write_text("good")
    former = made.files()[BAD].digest
    assert (
        "has these bytes already"
        in made.dbproc("replace", BAD, "with", str(made.files()[BAD].path), "--reason", "x", status=2).err
    )
    done = json.loads(made.dbproc("replace", BAD, "with", str(good), "--reason", "recalibrated", "--json").out)
    assert Path(done["kept"]).read_text() == "raw_20200102"
    assert made.content(BAD) == "good"
    made.run()
    assert made.content(name_of("clean", 2, "1.1.0")) == "clean(good)"
    assert made.rows(
        "SELECT f.shasum FROM file AS f JOIN filefilelink AS l ON l.source_file = f.file_id "
        f"JOIN file AS g ON g.file_id = l.resulting_file WHERE g.filename = '{name_of('clean', 2)}'"
    ) == [(former,)]
    assert "recalibrated" in made.dbproc("why", BAD).out
    made.dbproc("check", "--deep")
    made.dbproc("restore", BAD)
    made.run()
    assert made.content(name_of("clean", 2, "1.2.0")) == "clean(raw_20200102)"
    made.dbproc("check", "--deep")


@pytest.mark.both_databases
def test_a_corrected_delivery_takes_the_place_of_what_was_withdrawn(made: Mission) -> None:
    made.dbproc("withdraw", BAD, "--reason", "saturated")
    made.run()
    made.deliver(BAD)
    made.run(status=1)
    assert list(made.quarantined().values()) == ["taken_back"]
    made.deliver(BAD, content="good")
    made.run()
    assert made.content(name_of("clean", 2, "1.1.0")) == "clean(good)"
    made.dbproc("check", "--deep")


def test_a_delivery_under_the_name_of_a_file_replaces_it_where_the_mission_says_so(made: Mission) -> None:
    made.deliver(BAD, content="good")
    made.run(status=1)
    ((number,),) = made.rows("SELECT quarantine_id FROM quarantine")
    made.dbproc("quarantine", "accept", str(number))
    made.run()
    assert made.content(name_of("clean", 2, "1.1.0")) == "clean(good)"
    made.define(*chain(), retry_seconds=0, same_name="replace")
    made.deliver(BAD, content="better")
    assert name_of("clean", 2, "1.2.0") in made.dbproc("plan").out
    made.run()
    assert made.content(name_of("clean", 2, "1.2.0")) == "clean(better)"
    made.deliver(BAD, content="good")
    made.run(status=1)
    assert "taken_back" in made.quarantined().values()
    made.dbproc("check", "--deep")


@pytest.mark.both_databases
def test_what_has_no_version_in_its_name_is_set_aside_and_made_anew(mission: Mission, tmp_path: Path) -> None:
    blocks = [
        product("raw", 0, "raw_{Y}{m}{d}_{what}.txt"),
        product("day", 1, "day_{Y}{m}{d}.txt"),
        product("total", 2),
        process("to_day", "day", ["raw"]),
        process("to_total", "total", ["day"]),
    ]
    mission.create(*blocks, retry_seconds=0)
    mission.deliver("raw_20200101_a.txt", "raw_20200101_b.txt")
    mission.run()
    mission.dbproc("withdraw", "raw_20200101_a.txt", "--reason", "noise")
    mission.run()
    assert mission.content("day_20200101.txt") == "day(raw_20200101_b.txt)"
    assert mission.content(name_of("total", 1, "1.1.0")) == "total(day(raw_20200101_b.txt))"
    (tmp_path / "b").write_text("b, corrected")
    mission.dbproc("replace", "raw_20200101_b.txt", "with", str(tmp_path / "b"), "--reason", "noise")
    mission.run()
    assert mission.content("day_20200101.txt") == "day(b, corrected)"
    mission.dbproc("restore", "raw_20200101_a.txt")
    assert "dbproc withdraw day_20200101.txt" in mission.run(status=1).err
    mission.dbproc("withdraw", "day_20200101.txt", "--reason", "to be made of both again")
    mission.run()
    assert mission.content("day_20200101.txt") == "day(raw_20200101_a.txt)(b, corrected)"
    mission.dbproc("check", "--deep")


def test_a_derived_file_that_a_person_withdraws_is_made_again_when_its_inputs_change(made: Mission) -> None:
    clean = name_of("clean", 2)
    made.dbproc("withdraw", clean, "--reason", "glitch")
    made.run()
    assert clean not in newest(made)
    assert name_of("smooth", 1, "1.1.0") in newest(made)
    assert "nothing to do" in made.run().out + made.dbproc("plan").out
    made.deliver(name_of("raw", 2, "1.0.1"), content="new")
    made.run()
    assert name_of("clean", 2, "1.0.1") in newest(made)
    made.dbproc("check", "--deep")
