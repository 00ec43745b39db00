"""A file that was bad: taken back, put back, or given other bytes; and what becomes of what was made from it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dbproc.database import lock
from dbproc.database.store import open_store
from tests.kit.mission import Mission, chain, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3, 4)]
BAD = RAW[1]


@pytest.fixture
def made(mission: Mission) -> Mission:
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(*RAW[:3])
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
    cause = made.dbproc("why", "clean", "2020-01-02").out
    assert f"raw 2020-01-02: withdrawn: {BAD} is withdrawn; to have it back: dbproc restore {BAD}; " in cause
    assert f"dbproc replace {BAD} with" in cause
    explained = made.dbproc("why", name_of("clean", 2)).out
    assert explained.count("no file of the required input raw for 2020-01-02") == 1
    assert "nothing to do" in made.run().out + made.dbproc("plan").out
    made.dbproc("check", "--deep")
    made.dbproc("restore", BAD)
    made.run()
    assert {name.rpartition("_v")[0] for name in newest(made)} == {name.rpartition("_v")[0] for name in before}
    assert made.content(name_of("clean", 2)) == contents[name_of("clean", 2)]
    assert made.content(name_of("smooth", 2)) == contents[name_of("smooth", 2)]
    assert made.content(name_of("smooth", 1, "1.2.0")) == contents[name_of("smooth", 1)]
    assert made.rows("SELECT count(*) FROM correctionfile WHERE undone_time IS NULL") == [(0,)]
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
    assert f"{BAD}  [delivered]  (replaced, {former[:19]})" in made.dbproc("lineage", name_of("clean", 2)).out
    made.dbproc("check", "--deep")
    made.dbproc("restore", BAD)
    made.run()
    assert made.content(name_of("clean", 2, "1.2.0")) == "clean(raw_20200102)"
    made.dbproc("check", "--deep")


def test_bytes_that_were_edited_in_place_are_kept_as_what_they_are(made: Mission, tmp_path: Path) -> None:
    path, former = made.files()[BAD].path, made.files()[BAD].digest
    (tmp_path / "recorded").write_bytes(path.read_bytes())
    path.write_text("edited by hand")
    told = made.dbproc("replace", BAD, "with", str(tmp_path / "recorded"), "--reason", "x", status=2).err
    assert "was changed in its place" in told
    made.dbproc("replace", BAD, "with", str(path), "--reason", "this edit counts")
    made.run()
    assert made.content(name_of("clean", 2, "1.1.0")) == "clean(edited by hand)"
    kept = made.root / ".dbproc" / "withdrawn"
    assert not list(kept.glob(f"{former.replace(':', '-')}-*"))
    assert [each.read_text() for each in kept.rglob("*.txt")] == ["edited by hand"]
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
    made.deliver(BAD, content="good")
    made.execute("UPDATE quarantine SET released_time = NULL")
    copy = made.root / "quarantine" / made.one("SELECT stored_name FROM quarantine")
    (made.incoming / BAD).rename(copy)
    told = f"{BAD} has these bytes already; it stays as it is\nentry {number} "
    assert made.dbproc("quarantine", "accept", str(number), "--dry-run").out == f"{told}would be closed\n"
    assert copy.exists()
    assert made.dbproc("quarantine", "accept", str(number)).out == f"{told}is closed\n"
    assert not copy.exists()
    made.define(*chain(), retry_seconds=0, same_name="replace")
    made.deliver(BAD, content="better")
    told = f"{BAD}: raw 2020-01-02 1.0.0, in the place of other bytes"
    foretold = made.dbproc("plan").out
    assert name_of("clean", 2, "1.2.0") in foretold
    assert told in foretold
    assert f"ingested {told}" in made.run().out
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
    assert (
        "so its files cannot be made again"
        in mission.dbproc("reprocess", "--product", "day", "--force", "1", status=2).err
    )
    mission.dbproc("withdraw", "day_20200101.txt", "--reason", "a disk error")
    mission.run()
    assert "day_20200101.txt" not in newest(mission)
    mission.dbproc("reprocess", "--product", "day", "--force", "1")
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


CALENDAR = '''
import datetime as dt
import json
import os

from dbproc.products import Facts, Inspector


class Calendar(Inspector):
    """The dates of some files are other than their names say."""

    def inspect(self, path, name):
        with open("CALENDAR") as text:
            days = dt.timedelta(json.load(text).get(os.path.basename(path), 0))
        day = dt.datetime.combine(name.date, dt.time(), dt.UTC) + days
        stop = day + dt.timedelta(days=1, microseconds=-1)
        return Facts(start=day, stop=stop, date=day.date(), tolerance=10)
'''


@pytest.mark.both_databases
def test_what_was_made_under_a_wrong_date_is_put_right(mission: Mission, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.json"
    calendar.write_text(json.dumps({RAW[0]: 3}))
    mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(calendar)))
    raw = product("raw", 0, directory="data/raw/{Y}/{d}", inspector={"file": "calendar.py"})
    mission.create(raw, *chain()[1:], retry_seconds=0)
    mission.deliver(*RAW[:2])
    mission.run()
    assert name_of("clean", 4) in newest(mission)
    calendar.write_text("{}")
    assert "date 2020-01-04 → 2020-01-01" in mission.dbproc("reinspect", "--product", "raw", "--dry-run").out
    assert mission.dbproc("plan").out.strip() == "nothing to do"
    done = mission.dbproc("reinspect", "--product", "raw").out
    assert "1 changed, 1 as before" in done
    assert f"{name_of('clean', 4)}: withdrawn" in done
    assert (mission.root / "data/raw/2020/01" / RAW[0]).exists()
    mission.run()
    assert name_of("clean", 4) not in newest(mission)
    assert {name_of("clean", 1), name_of("clean", 2)} <= newest(mission)
    told = mission.dbproc("why", RAW[0]).out
    assert "inspected anew" in told
    assert ", before date 2020-01-04, " in told
    assert not any(line.endswith(": ") for line in told.splitlines())
    foretold = mission.dbproc("restore", RAW[0], "--dry-run").out
    assert f"would restore {RAW[0]}, which was inspected anew" in foretold
    mission.dbproc("check", "--deep")
    mission.dbproc("restore", RAW[0])
    mission.run()
    assert name_of("clean", 1) not in newest(mission)
    assert name_of("clean", 4) in newest(mission)
    assert mission.content(name_of("clean", 4)) == "clean(raw_20200101)"
    mission.dbproc("check", "--deep")


def test_files_that_would_be_one_are_not_inspected_anew(mission: Mission, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.json"
    calendar.write_text("{}")
    mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(calendar)))
    mission.create(product("raw", 0, inspector={"file": "calendar.py"}), *chain()[1:], retry_seconds=0)
    mission.deliver(*RAW[:2])
    mission.run()
    calendar.write_text(json.dumps({RAW[0]: 1}))
    before = mission.tables()
    refused = mission.dbproc("reinspect", RAW[0], status=2).err
    assert f"{RAW[0]} and {RAW[1]} would be the same file" in refused
    assert mission.tables("logging") == {name: rows for name, rows in before.items() if name != "logging"}


def test_what_a_corrected_definition_accepts_leaves_the_quarantine(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain(), retry_seconds=0)
    mission.deliver("RAW-2020-01-05.v1.txt", RAW[0])
    mission.run(status=1)
    mission.deliver("nobody_knows.txt", "RAW-2020-01-01.v1.txt")
    mission.run(status=1)
    mission.deliver("RAW-2020-01-05.v1.txt", content="of the same name")
    mission.run(status=1)
    assert "nothing in quarantine" in mission.dbproc("quarantine", "release", "--would-pass").out
    mission.write(product("raw", 0), product("other", 0, "RAW-{Y}-{m}-{d}.v1.txt"), *chain()[1:], retry_seconds=0)
    applied = mission.dbproc("apply", str(mission.file)).out
    assert "2 files in quarantine would be accepted now: dbproc quarantine release --would-pass" in applied
    assert mission.dbproc("quarantine", "release", "--would-pass", "--dry-run").out.count("would be released") == 2
    assert mission.dbproc("quarantine", "release", "--would-pass").out.count("released ") == 2
    mission.run()
    assert {"RAW-2020-01-05.v1.txt", "RAW-2020-01-01.v1.txt"} <= newest(mission)
    still = mission.rows("SELECT filename FROM quarantine WHERE released_time IS NULL ORDER BY 1")
    assert still == [("RAW-2020-01-05.v1.txt",), ("nobody_knows.txt",)]
    assert "nothing in quarantine" in mission.dbproc("quarantine", "release", "--would-pass").out


@pytest.mark.both_databases
def test_superseded_versions_go_to_the_trash_and_come_back_until_they_are_deleted(mission: Mission) -> None:
    blocks = [product("raw", 0), product("clean", 1, keep="newest"), process("to_clean", "clean", ["raw"])]
    mission.create(*blocks, retry_seconds=0, trash="30 days")
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        mission.deliver(name_of("raw", 1, version), content=version)
        mission.run()
    old = [name_of("clean", 1, version) for version in ("1.0.0", "1.0.1")]
    mission.execute(
        f"INSERT INTO release (file_id, release_num) SELECT file_id, '1' FROM file WHERE filename = '{old[0]}'"
    )
    assert f"would be reaped: {old[1]}" in mission.dbproc("reap", "--dry-run").out
    assert mission.content(old[1]) == "clean(1.0.1)"
    done = json.loads(mission.dbproc("reap", "--json").out)
    assert [each["file"] for each in done["files"]] == [old[1]]
    assert done["kept"] == [{"file": old[0], "why": "it belongs to a release"}]
    assert f"kept: {old[0]}: it belongs to a release" in mission.dbproc("reap", "--dry-run").out
    assert not mission.files()[old[1]].path.exists()
    assert "withdrawn" not in mission.dbproc("status").out
    mission.dbproc("check", "--deep")
    mission.dbproc("restore", old[1])
    assert mission.content(old[1]) == "clean(1.0.1)"
    mission.run()
    mission.dbproc("reap")
    mission.execute("UPDATE correction SET correction_time = '2020-01-01 00:00:00.000000'")
    assert f"deleted from the trash: {old[1]}" in mission.dbproc("reap").out
    assert "deleted from the trash" in mission.dbproc("restore", old[1], status=2).err
    assert not any((mission.root / ".dbproc/trash").rglob("*.txt"))
    assert newest(mission) >= {name_of("clean", 1, "1.0.2")}
    mission.dbproc("check", "--deep")

    mission.deliver(name_of("raw", 1, "1.0.3"), content="1.0.3")
    mission.run()
    archive, superseded = mission.root.parent / "archive", name_of("clean", 1, "1.0.2")
    assert f"there is no directory {archive}" in mission.dbproc("reap", "--archive", str(archive), status=2).err
    archive.mkdir()
    inside, link = mission.root / "data" / "clean", mission.root.parent / "link"
    link.symlink_to(inside)
    for place in (inside, link):
        assert "is the mission's own" in mission.dbproc("reap", "--archive", str(place), status=2).err
    stored = archive / "data" / "clean" / superseded
    assert f"would be archived: {stored}" in mission.dbproc("reap", "--archive", str(archive), "--dry-run").out
    assert json.loads(mission.dbproc("reap", "--archive", str(archive), "--json").out)["archived"] == [str(stored)]
    assert stored.read_text() == "clean(1.0.2)"
    assert f"archived below {archive}" in mission.dbproc("restore", superseded, status=2).err
    assert str(stored) in mission.dbproc("files", "--former", "--paths").out
    assert not any((mission.root / ".dbproc/trash").iterdir())
    mission.deliver(name_of("raw", 1, "1.0.4"), content="1.0.4")
    mission.run()
    mission.dbproc("reap")
    (trashed,) = (mission.root / ".dbproc/trash").rglob("*.txt")
    moved, away = archive / "data" / "clean" / trashed.name, archive.with_name("away")
    trashed.rename(moved)  # as a reaping that was killed then leaves it
    mission.execute(
        "INSERT INTO placement (purpose, source, target, shasum, announced_time) "
        f"SELECT 'aside', '{trashed}', '{moved}', shasum, '2020-01-01' FROM file WHERE filename = '{trashed.name}'"
    )
    archive.rename(away)
    assert f"{moved}: a dead run moved it there, and its directory is not there" in mission.run(status=1).err
    away.rename(archive)
    mission.run()
    assert trashed.exists()
    shutil.rmtree(mission.root / ".dbproc/trash")
    assert json.loads(mission.dbproc("reap", "--archive", str(archive), "--json").out)["archived"] == []
    mission.dbproc("check", "--deep")


def test_a_product_without_versions_may_have_the_same_bytes_again(mission: Mission) -> None:
    blocks = [product("raw", 0), product("day", 1, "day_{Y}{m}{d}.txt"), process("to_day", "day", ["raw"])]
    mission.create(*blocks, retry_seconds=0, same_name="replace")
    for content in ("one", "two"):
        mission.deliver(RAW[0], content=content)
        mission.run()
    mission.dbproc("restore", RAW[0])
    mission.run()
    assert mission.content("day_20200101.txt") == "day(one)"
    mission.deliver(RAW[0], content="three")
    mission.run()
    assert mission.content("day_20200101.txt") == "day(three)"
    mission.dbproc("withdraw", RAW[0], "--reason", "bad")
    mission.run()
    assert newest(mission) == set()
    mission.dbproc("check", "--deep")


def test_altered_bytes_are_not_restored(made: Mission) -> None:
    made.dbproc("withdraw", BAD, "--reason", "bad")
    for path in (made.root / ".dbproc/withdrawn").rglob(BAD):
        path.write_text("altered")
    assert "does not have the bytes that were recorded" in made.dbproc("restore", BAD, status=2).err
    assert BAD not in newest(made)


def test_what_follows_of_a_replacement_of_a_withdrawn_file_is_foretold_and_undone_in_steps(
    made: Mission, tmp_path: Path
) -> None:
    (tmp_path / "good").write_text("good")
    made.dbproc("withdraw", BAD, "--reason", "bad")
    made.run()
    assert f"{BAD} is withdrawn; to have it back: dbproc restore {BAD}" in made.dbproc("why", "clean", "2020-01-02").out
    told = made.dbproc("replace", BAD, "with", str(tmp_path / "good"), "--reason", "better").out
    assert f"{name_of('clean', 2)}: made anew as {name_of('clean', 2, '1.1.0')}" in told or "made by" in told
    made.run()
    assert made.content(name_of("clean", 2, "1.1.0")) == "clean(good)"
    assert "it is withdrawn again, as it was before" in made.dbproc("restore", BAD).out
    made.run()
    assert BAD not in newest(made)
    made.dbproc("restore", BAD)
    made.dbproc("replace", BAD, "with", str(tmp_path / "good"), "--reason", "after all")
    made.run()
    assert "clean(good)" in {made.content(name) for name in newest(made) if name.startswith("clean")}
    made.dbproc("check", "--deep")


def test_what_cannot_be_moved_aside_is_withdrawn_by_a_later_run(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    calendar = tmp_path / "calendar.json"
    calendar.write_text(json.dumps({RAW[0]: 3}))
    mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(calendar)))
    mission.create(product("raw", 0, inspector={"file": "calendar.py"}), *chain()[1:], retry_seconds=0)
    mission.deliver(RAW[0])
    mission.run()
    calendar.write_text("{}")
    mission.dbproc("reinspect", RAW[0])
    clean = name_of("clean", 4)
    number = mission.one(f"SELECT file_id FROM file WHERE filename = '{clean}'")
    digest = mission.files()[clean].digest.replace(":", "-")
    obstacle = mission.root / ".dbproc" / "withdrawn" / f"{digest}-{number}" / clean
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way")
    assert "the next run tries it again" in mission.run(status=1).err
    assert clean in newest(mission)
    obstacle.unlink()
    mission.run()
    assert clean not in newest(mission)
    mission.dbproc("check", "--deep")


def dashes(text: str) -> set[str]:
    """The lines of an answer that are of what was made."""
    return {line for line in text.splitlines() if line.startswith("  ")}


def in_place(mission: Mission) -> set[str]:
    return {row[0] for row in mission.rows("SELECT filename FROM file WHERE exists_on_disk")}


@pytest.mark.both_databases
def test_every_version_is_withdrawn_with_its_input_at_once_and_comes_back_with_it(
    made: Mission, tmp_path: Path
) -> None:
    for text in ("better", "best"):
        other = tmp_path / f"{text}.txt"
        other.write_text(text)
        made.dbproc("replace", BAD, "with", str(other), "--reason", text)
        made.run()
    before = in_place(made)
    versions = {name_of("clean", 2), name_of("clean", 2, "1.1.0"), name_of("clean", 2, "1.2.0")}
    assert versions <= before
    foretold = made.dbproc("withdraw", BAD, "--reason", "saturated", "--dry-run").out
    withdrawn = made.dbproc("withdraw", BAD, "--reason", "saturated").out
    assert dashes(withdrawn) == dashes(foretold) >= {f"  {name}: withdrawn" for name in versions}
    assert not versions & in_place(made)
    assert "would withdraw" not in made.dbproc("plan").out
    made.dbproc("restore", BAD)
    assert in_place(made) == before
    made.dbproc("check")
    assert made.dbproc("plan").out.strip() == "nothing to do"


def test_versions_that_are_no_longer_due_are_foretold_and_withdrawn_by_one_run(
    sqlite_mission: Mission, tmp_path: Path
) -> None:
    mission = sqlite_mission
    calendar = tmp_path / "calendar.json"
    calendar.write_text("{}")
    mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(calendar)))
    raw = product("raw", 0, directory="data/raw/{Y}/{d}", inspector={"file": "calendar.py"})
    mission.create(raw, *chain()[1:], retry_seconds=0, same_name="replace")
    for text in ("good", "better"):
        mission.deliver(RAW[0], content=text)
        mission.run()
    calendar.write_text(json.dumps({RAW[0]: 3}))
    mission.dbproc("reinspect", RAW[0])
    foretold = {line.split()[2].rstrip(",") for line in mission.dbproc("plan").out.splitlines() if "withdraw" in line}
    assert foretold >= {name_of("clean", 1), name_of("clean", 1, "1.1.0")}
    before = in_place(mission)
    mission.run()
    assert before - in_place(mission) == foretold
    mission.dbproc("restore", RAW[0])
    mission.run()
    assert {name_of("clean", 1), name_of("clean", 1, "1.1.0")} <= in_place(mission)
    mission.dbproc("check", "--deep")


def test_a_file_whose_former_place_is_another_ones_now_is_not_restored(sqlite_mission: Mission, tmp_path: Path) -> None:
    mission = sqlite_mission
    calendar = tmp_path / "calendar.json"
    calendar.write_text("{}")
    mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(calendar)))
    raw = product("raw", 0, directory="data/raw/{Y}/{d}", inspector={"file": "calendar.py"})
    mission.create(raw, *chain()[1:], retry_seconds=0)
    mission.deliver(RAW[0])
    mission.run()
    calendar.write_text(json.dumps({RAW[0]: 3, RAW[1]: -1}))
    mission.dbproc("reinspect", RAW[0])
    mission.deliver(RAW[1])
    mission.run()
    for words in (("--dry-run",), ()):
        error = mission.dbproc("restore", RAW[0], *words, status=2).err
        assert f"{RAW[1]} has its date, keywords and version now; nothing was restored" in error
    mission.dbproc("check", "--deep")


@pytest.mark.both_databases
def test_a_file_that_comes_back_beneath_a_newer_version_is_not_queued_in_vain(mission: Mission) -> None:
    mission.create(*chain())
    old, new = name_of("raw", 1), name_of("raw", 1, "1.1.0")
    mission.deliver(old, new)
    mission.run()
    mission.dbproc("withdraw", old, "--reason", "superseded")
    mission.run()
    mission.dbproc("restore", old)
    mission.dbproc("check")
    assert mission.dbproc("plan").out.strip() == "nothing to do"


@pytest.mark.both_databases
def test_what_would_come_of_a_correction_is_said_while_a_run_is_live_and_changes_nothing(
    made: Mission, tmp_path: Path
) -> None:
    made.deliver(BAD, content="good")
    made.run(status=1)
    ((number,),) = made.rows("SELECT quarantine_id FROM quarantine")
    other = tmp_path / "other.txt"
    other.write_text("other")
    made.dbproc("withdraw", RAW[2], "--reason", "noise")
    looks = [
        ("withdraw", BAD, "--reason", "noise"),
        ("restore", RAW[2]),
        ("replace", BAD, "with", str(other), "--reason", "recalibrated"),
        ("reinspect", BAD),
        ("mark", BAD, "--quality", "problem"),
        ("reap",),
        ("quarantine", "accept", str(number)),
    ]
    with open_store(made.database) as store, lock.holding(store, "run"):
        before = made.state()
        told = [made.dbproc(*words, "--dry-run").out for words in looks]
        assert made.state() == before
        assert "nothing was done: try again when it has ended" in made.dbproc(*looks[0], status=75).err
    fates = (f"{name_of('clean', 2)}: made anew", f"{name_of('clean', 2)}: withdrawn")
    assert [any(fate in each for fate in fates) for each in told] == [True, False, True, False, False, False, True]
    assert "would restore" in told[1]


@pytest.mark.both_databases
def test_what_is_undone_of_several_files_is_said_of_each(made: Mission) -> None:
    made.dbproc("withdraw", *RAW[:3], "--reason", "lens cap")
    made.dbproc("restore", RAW[0])
    assert "undone" in made.dbproc("why", RAW[0]).out
    assert "undone" not in made.dbproc("why", RAW[1]).out
    restored = [line for line in made.dbproc("log").out.splitlines() if "restored" in line]
    assert any(RAW[0] in line for line in restored)
    assert not any(RAW[1] in line for line in restored)
    made.run()
    made.dbproc("restore", "--product", "raw")
    made.dbproc("check")
    assert set(RAW[:3]) <= newest(made)
    assert made.rows("SELECT count(*) FROM correctionfile WHERE undone_time IS NULL") == [(0,)]


@pytest.mark.both_databases
def test_dates_that_were_swapped_are_swapped_back(mission: Mission, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.json"
    calendar.write_text("{}")
    mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(calendar)))
    raw = product("raw", 0, directory="data/raw/{Y}/{d}", inspector={"file": "calendar.py"})
    mission.create(raw, *chain()[1:], retry_seconds=0)
    mission.deliver(*RAW[:2])
    mission.run()
    calendar.write_text(json.dumps({RAW[0]: 1, RAW[1]: -1}))
    mission.dbproc("reinspect", "--product", "raw")
    mission.run()
    assert mission.content(name_of("clean", 1, "1.1.0")) == "clean(raw_20200102)"
    assert f"{RAW[1]} has its date" in mission.dbproc("restore", RAW[0], status=2).err
    mission.dbproc("restore", *RAW[:2])
    mission.run()
    assert mission.content(name_of("clean", 1, "1.2.0")) == "clean(raw_20200101)"
    mission.dbproc("check", "--deep")


def test_a_version_made_of_what_was_withdrawn_before_does_not_take_a_place(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(*RAW[:2])
    mission.run()
    mission.dbproc("withdraw", RAW[0], "--reason", "noise")
    mission.run()
    old = {name_of("smooth", 2), name_of("smooth", 2, "1.1.0")}
    assert old <= in_place(mission)
    assert f"{name_of('smooth', 2)}: withdrawn" in mission.dbproc("withdraw", RAW[1], "--reason", "noise").out
    assert not old & in_place(mission)
    mission.dbproc("check")
    assert mission.dbproc("plan").out.strip() == "nothing to do"
    mission.dbproc("restore", RAW[1])
    assert old & in_place(mission) == {name_of("smooth", 2, "1.1.0")}
    mission.dbproc("restore", RAW[0])
    assert old <= in_place(mission)


@pytest.mark.both_databases
def test_what_was_made_of_a_withdrawn_file_does_not_come_back_before_it(made: Mission) -> None:
    clean, smooth = name_of("clean", 2), name_of("smooth", 2)
    made.dbproc("withdraw", smooth, "--reason", "odd")
    made.dbproc("withdraw", clean, "--reason", "odd as well")
    made.run()
    assert f"restore that first: dbproc restore {clean}" in made.dbproc("restore", smooth, status=2).err
    made.dbproc("restore", clean)
    made.dbproc("restore", smooth)
    made.run()
    made.dbproc("check")
    assert clean in newest(made)


def test_what_comes_back_made_of_replaced_bytes_is_withdrawn_again(made: Mission, tmp_path: Path) -> None:
    """What should stand there a person has withdrawn: its own place is looked at, though nothing else of it changed."""
    clean = name_of("clean", 2)
    made.dbproc("withdraw", clean, "--whole-slot", "--reason", "odd")
    (tmp_path / "good").write_text("good")
    made.dbproc("replace", BAD, "with", str(tmp_path / "good"), "--reason", "better")
    made.run()
    made.dbproc("withdraw", name_of("clean", 2, "1.1.0"), "--whole-slot", "--reason", "odd")
    made.run()
    assert "the next run withdraws it again" in made.dbproc("restore", clean, "--dry-run").out
    made.dbproc("restore", clean)
    assert f"withdrawn {clean}: made from {BAD}, which was replaced" in made.run().out
    made.dbproc("check")
    made.dbproc("restore", name_of("clean", 2, "1.1.0"))
    made.run()
    assert name_of("clean", 2, "1.1.0") in newest(made)
    made.dbproc("check")


@pytest.mark.both_databases
def test_each_replacement_is_undone_in_its_turn(mission: Mission, tmp_path: Path) -> None:
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(RAW[0], content="state 0")
    mission.run()
    for number in 1, 2, 3:
        (tmp_path / "next").write_text(f"state {number}")
        mission.dbproc("replace", RAW[0], "with", str(tmp_path / "next"), "--reason", "better")
    mission.run()
    for number in 2, 1, 0:
        mission.dbproc("restore", RAW[0])
        mission.run()
        assert mission.content(RAW[0]) == f"state {number}"
    assert "nothing was done to it that could be undone" in mission.dbproc("restore", RAW[0], status=2).err
    assert mission.content(max(name for name in newest(mission) if "clean" in name)) == "clean(state 0)"
    mission.dbproc("check", "--deep")


@pytest.mark.both_databases
def test_an_inspected_file_is_delivered_again_where_it_is_lost(mission: Mission, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.json"
    calendar.write_text(json.dumps({RAW[0]: 3}))
    mission.inspector("calendar.py", CALENDAR.replace("CALENDAR", str(calendar)))
    raw = product("raw", 0, directory="data/raw/{Y}/{d}", inspector={"file": "calendar.py"})
    mission.create(raw, *chain()[1:], retry_seconds=0)
    mission.deliver(RAW[0])
    mission.run()
    calendar.write_text("{}")
    mission.dbproc("reinspect", RAW[0])
    mission.deliver(RAW[0])
    assert "1 duplicate" in mission.run().out
    mission.files()[RAW[0]].path.unlink()
    mission.run(status=1)
    mission.deliver(RAW[0])
    assert f"restored {RAW[0]}" in mission.run().out
    mission.dbproc("check", "--deep")


def test_a_file_lost_and_delivered_again_is_no_problem_of_that_run(made: Mission) -> None:
    made.files()[BAD].path.unlink()
    made.deliver(BAD)
    planned = made.dbproc("plan").out
    assert f"lost {BAD}" not in planned
    run = made.run()
    assert f"restored {BAD}" in run.out
    assert "gone from disk" not in run.out + run.err


def test_what_went_along_with_a_newer_version_comes_back_with_it(made: Mission, tmp_path: Path) -> None:
    (tmp_path / "good").write_text("good")
    made.dbproc("replace", BAD, "with", str(tmp_path / "good"), "--reason", "better")
    made.run()
    before, new = in_place(made), name_of("clean", 2, "1.1.0")
    made.dbproc("withdraw", new, "--reason", "odd")
    assert not {new, name_of("clean", 2)} & in_place(made)
    made.dbproc("restore", new)
    assert in_place(made) == before


def test_bytes_that_changed_in_quarantine_are_not_accepted(made: Mission) -> None:
    made.deliver(BAD, content="other")
    made.run(status=1)
    (stored,) = (made.root / "quarantine").iterdir()
    stored.write_text("OTHER")
    ((number,),) = made.rows("SELECT quarantine_id FROM quarantine")
    assert "does not have the bytes any more" in made.dbproc("quarantine", "accept", str(number), status=2).err
    assert made.content(BAD) == "raw_20200102"


def test_a_companion_that_lost_a_member_is_withdrawn(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(product("raw", 0, companion=True))
    mission.deliver(RAW[0])
    (mission.incoming / Path(RAW[0]).stem).mkdir()
    for name in "one", "two":
        (mission.incoming / Path(RAW[0]).stem / name).write_text(name)
    mission.run()
    home = mission.files()[RAW[0]].path
    (home.with_suffix("") / "one").unlink()
    mission.dbproc("withdraw", RAW[0], "--reason", "half of it is gone")
    assert not home.exists()
    assert not home.with_suffix("").exists()
    (kept,) = (mission.root / ".dbproc/withdrawn").rglob("two")
    assert kept.read_text() == "two"
    mission.dbproc("check", "--deep")
