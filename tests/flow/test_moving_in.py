"""Missions of dbprocessing taken over: whole, with their numbers, and nothing made anew before something changes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.flow.compat.legacy import HERE as SCENARIO_FILES
from tests.flow.compat.legacy import Mission as Compat
from tests.flow.compat.legacy import load, write_release
from tests.kit import old_missions
from tests.kit.commands import Done, call_command
from tests.kit.mission import Mission
from tests.kit.old_missions import Tables

DAY = "2020-01-01"
SCENARIOS = sorted(path.stem.partition("_")[2] for path in SCENARIO_FILES.glob("scenario_*.json"))
HERE = socket.gethostname()
MakeDatabase = Callable[[], str]
MISSIONS: dict[str, tuple[Callable[[], Tables], int, dict[str, int]]] = {
    "full": (old_missions.full_mission, 2021, {"stale": 2, "not_made": 2, "runs": 3}),
    "testDB": (lambda: old_missions.dump("testDB"), 2018, {"stale": 2, "not_made": 0, "runs": 5}),
    "RBSP_MAGEIS": (lambda: old_missions.dump("RBSP_MAGEIS"), 2014, {"stale": 21, "not_made": 17, "runs": 0}),
}
"""Each with the year of its tables, and what is stale in it by dbproc's rules."""


class Moved:
    """A mission of dbprocessing in its root, and the database that it is taken over into."""

    def __init__(self, directory: Path, old: str, new: str, tables: Tables, year: int = old_missions.NEWEST) -> None:
        self.mission = Mission(directory / "mission", new)
        self.tables = old_missions.lay_out(self.mission.root, tables)
        self.old = old_missions.make(old, self.tables, year)

    def take(self, *options: str, status: int = 0) -> Done:
        return self.mission.dbproc("import", "dbprocessing", self.old, *options, status=status)

    def told(self, *options: str) -> Any:
        return json.loads(self.take("--json", *options).out)

    def ids(self, table: str, key: str) -> list[int]:
        return sorted(row[0] for row in self.mission.rows(f"SELECT {key} FROM {table}"))


@pytest.fixture
def full(tmp_path: Path) -> Moved:
    return Moved(tmp_path, str(tmp_path / "old.sqlite"), str(tmp_path / "new.sqlite"), old_missions.full_mission())


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.both_databases) if each == "full" else each for each in MISSIONS]
)
def test_a_mission_comes_over_as_it_is(name: str, make_database: MakeDatabase, tmp_path: Path) -> None:
    tables, year, stale = MISSIONS[name]
    moved = Moved(tmp_path, make_database(), make_database(), tables(), year)
    mission, before = moved.mission, old_missions.everything(moved.old)
    foreseen = moved.told("--dry-run")
    assert not mission.is_sqlite or not Path(mission.database).exists()
    told = moved.told()
    assert old_missions.everything(moved.old) == before
    assert foreseen["is_done"] is False
    assert {**foreseen, "is_done": True} == told
    assert {key: len(told[key]) for key in stale} == stale

    for table, key in (("product", "product_id"), ("process", "process_id"), ("code", "code_id"), ("file", "file_id")):
        assert moved.ids(table, key) == sorted(row[key] for row in moved.tables[table])
    linked = "SELECT instrument_id, product_id FROM instrumentproductlink ORDER BY product_id"
    assert mission.rows(linked) == [
        (row["instrument_id"], row["product_id"])
        for row in sorted(moved.tables["product"], key=lambda row: row["product_id"])
    ]
    made = {row["resulting_file"] for row in moved.tables["filecodelink"]}
    assert len(mission.rows("SELECT * FROM attempt WHERE output_file IS NOT NULL")) == len(made)
    for row in mission.rows("SELECT file_id, shasum FROM file WHERE exists_on_disk"):
        assert row[1].startswith("sha1:")
    assert mission.dbproc("check").out.startswith("no fault")
    assert mission.dbproc("check", "--deep").out.startswith("no fault")
    if not moved.tables["processqueue"]:
        assert mission.dbproc("plan").out == "nothing to do\n"
    mission.dbproc("export", "--output", str(mission.file))
    assert mission.dbproc("apply", str(mission.file)).out == "nothing to change\n"
    assert mission.rows("SELECT count(*) FROM filefilelink")[0][0] == told["counts"]["links"]
    # what comes next has a number of its own, on every database
    mission.execute("INSERT INTO satellite (satellite_name, mission_id) SELECT 'another', mission_id FROM mission")
    assert mission.one("SELECT count(*) FROM satellite") == len(moved.tables["satellite"]) + 1


@pytest.mark.both_databases
def test_what_no_dump_has_comes_over_as_well(make_database: MakeDatabase, tmp_path: Path) -> None:
    moved = Moved(tmp_path, make_database(), make_database(), old_missions.full_mission())
    mission, told = moved.mission, moved.told("--timezone", "America/Denver")
    assert mission.rows("SELECT inspector_id FROM inspector WHERE active_code ORDER BY 1") == [(7,), (8,), (9,), (11,)]
    assert mission.one("SELECT arguments FROM inspector WHERE inspector_id = 8") == "name=clean -q"
    assert mission.rows("SELECT code_id FROM code WHERE newest_version ORDER BY 1") == [(21,), (22,), (23,), (24,)]
    assert mission.rows("SELECT code_id FROM code WHERE shasum IS NULL") == [(20,)]
    assert mission.one("SELECT arguments FROM code WHERE code_id = 23") == "TABLE.txt -x"
    assert mission.rows("SELECT file_id, release_num FROM release ORDER BY 1") == [(200, "1"), (300, "1")]
    assert mission.rows("SELECT file_id, reason FROM processqueue") == [(103, "imported")]
    assert mission.one("SELECT process_keywords FROM file WHERE file_id = 110") == "a=1 b=2 word"
    assert mission.one("SELECT process_keywords FROM file WHERE file_id = 100") == ""
    assert mission.one("SELECT relative_path FROM file WHERE file_id = 300") == "data/mean/2020"
    assert mission.rows("SELECT met_start_time, quality_checked FROM file WHERE file_id = 300") == [(12.5, True)]
    assert mission.one("SELECT caveats FROM file WHERE file_id = 500") == "take care"
    assert str(mission.one("SELECT file_create_date FROM file WHERE file_id = 100"))[:16] in (
        "2020-02-01 19:00",
        "2020-02-02 08:45",  # as the server of the tests shows it
    )
    assert mission.rows("SELECT exists_on_disk, file_size, shasum FROM file WHERE file_id = 400") == [
        (False, None, "sha1:unknown")
    ]
    assert told["missing"] == ["data/aux/2020/aux_20200101_v1.0.0.txt"]
    assert mission.rows("SELECT source_code FROM filecodelink WHERE resulting_file = 201") == [(21,)]
    runs = mission.rows("SELECT logging_id, pid, purpose, comment FROM logging WHERE logging_id < 6 ORDER BY 1")
    assert runs[0] == (1, 4321, "dbprocessing", "done")
    assert runs[1][:3] == (5, 0, "dbprocessing")
    assert "counts as crashed" in runs[1][3]
    notes = "\n".join(told["notes"])
    for words in ("999 → 300", "codes 20, 21", "product gone", "on other machines", "aux_20200102"):
        assert words in notes


def test_every_version_of_the_tables_is_read(tmp_path: Path) -> None:
    tables = old_missions.full_mission()
    tables["mission"][0].update(codedir="", inspectordir="", errordir="codes/errors")
    tables["productprocesslink"] = [{**row, "yesterday": 0, "tomorrow": 0} for row in tables["productprocesslink"]]
    for row in tables["file"]:
        row["newest_version"] = row["file_id"] != 100
    moved = Moved(tmp_path, str(tmp_path / "old.sqlite"), str(tmp_path / "new.sqlite"), tables)
    newest = moved.told("--dry-run")
    for year in (2012, 2016, 2019):
        moved.old = old_missions.make(str(tmp_path / f"old{year}.sqlite"), moved.tables, year)
        told = moved.told("--dry-run")
        assert {**told, "old": "", "notes": []} == {**newest, "old": "", "notes": []}, year
        assert ("newest_version" in str(told["notes"])) == (year <= 2016)


@pytest.mark.parametrize(
    "name",
    [each if each in ("keywords", "release") else pytest.param(each, marks=pytest.mark.thorough) for each in SCENARIOS],
)
def test_a_mission_that_dbprocessing_has_run_is_as_it_was(name: str, tmp_path: Path) -> None:
    """The files are those that dbprocessing 0.1.0 made of the scenario, also where dbproc makes others."""
    mission, files = Compat(load("scenario", name), tmp_path / "home"), load("expected", name)["files"]
    defined, old, new = (tmp_path / each for each in ("defined.sqlite", "old.sqlite", "new.sqlite"))
    environment = mission.environment()

    def dbproc(*words: str) -> str:
        done = call_command("dbproc", words, mission.root, environment)
        assert done.status == 0, done.err
        return done.out

    dbproc("init", str(defined))
    dbproc("apply", mission.config.name, "-m", str(defined))
    for step in mission.scenario["steps"]:
        if "release" in step:
            write_release(mission, step["release"])
            dbproc("apply", mission.config.name, "-m", str(defined))
    shutil.rmtree(mission.root / ".dbproc")
    for file, each in files.items():
        place = mission.root / each["directory"] / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(file)
    old_missions.make(str(old), old_missions.replayed(defined, files))
    told = json.loads(dbproc("import", "dbprocessing", str(old), "-m", str(new), "--json"))
    assert told["missing"] == []
    assert bool(told["stale"] or told["not_made"]) == (name not in ("chain", "diamond", "keywords", "release"))
    assert dbproc("check", "--deep", "-m", str(new)).startswith("no fault")
    assert dbproc("plan", "-m", str(new)) == "nothing to do\n"
    dbproc("export", "-m", str(new), "--output", str(tmp_path / "mission.toml"))
    assert dbproc("apply", str(tmp_path / "mission.toml"), "-m", str(new)) == "nothing to change\n"
    assert dbproc("apply", mission.config.name, "-m", str(new)) == "nothing to change\n"


def test_what_is_in_force_no_more_stays_so(tmp_path: Path) -> None:
    tables, (product, file) = old_missions.full_mission(), old_missions.rows_for("idle", 60)
    tables["product"] += [product, {**product, "product_id": 70, "product_name": "empty", "format": "empty_{DATE}"}]
    tables["inspector"] += [{**tables["inspector"][0], "inspector_id": 13, "product": 60, "arguments": "name=idle"}]
    tables["process"] += [{"process_id": 12, "process_name": "to_idle", "output_product": 60}]
    tables["productprocesslink"] += [{"process_id": 12, "input_product_id": old_missions.RAW}]
    tables["code"] += [{**tables["code"][0], "code_id": 30, "process_id": 12, "newest_version": False}]
    tables["file"] += [file(600, DAY), *delivered("2020-01-10")]
    tables["filefilelink"] += [
        {"source_file": 100, "resulting_file": 600},
        {"source_file": 111, "resulting_file": 211},
    ]
    tables["filecodelink"] += [{"resulting_file": 600, "source_code": 30}]
    cube, (cube_file,) = (
        {**product, "product_id": 80, "product_name": "cube", "format": "cube_{DATE}.idx"},
        [file(700, DAY)],
    )
    tables["product"] += [{**cube, "relative_path": "data/cube"}]
    tables["file"] += [{**cube_file, "product_id": 80, "filename": "cube_20200101.idx"}]
    moved = Moved(tmp_path, str(tmp_path / "old.sqlite"), str(tmp_path / "new.sqlite"), tables)
    blocks = moved.mission.root / "data" / "cube" / "cube_20200101" / "0000.bin"
    blocks.parent.mkdir()
    blocks.write_text("blocks")
    mission, told = moved.mission, moved.told()
    assert mission.rows("SELECT file_id, member_path, member_size FROM filemember") == [(700, "0000.bin", 6)]
    notes = "\n".join(told["notes"])
    for words in ("to_idle has no code in force", "product empty has neither", "count as delivered", "clean_20200110"):
        assert words in notes, words
    assert [each["file"] for each in told["stale"] if "delivered" in each["why"]] == ["clean_20200110_v1.0.0.txt"]
    assert mission.dbproc("check").out.startswith("no fault")
    mission.dbproc("export", "--output", str(mission.file))
    assert mission.dbproc("apply", str(mission.file)).out == "nothing to change\n"
    mission.run()
    assert mission.dbproc("check").out.startswith("no fault")
    mission.deliver("raw_20200110_v1.1.0.txt")
    assert "clean_20200110_v1.1.0.txt" in made(mission.run())


@pytest.mark.parametrize(
    "link", [[], [{"source_file": 500, "resulting_file": 300}]], ids=["alone", "with a former input"]
)
def test_what_would_not_be_made_now_stays(link: list[dict[str, object]], tmp_path: Path) -> None:
    tables, (product, _) = old_missions.full_mission(), old_missions.rows_for("more", 90)
    tables["product"] += [product]
    tables["inspector"] += [{**tables["inspector"][0], "inspector_id": 90, "product": 90, "arguments": "name=more"}]
    tables["productprocesslink"] += [{"process_id": 6, "input_product_id": 90}]  # of which there is no file
    tables["filefilelink"] += link
    tables["processqueue"] = []
    moved = Moved(tmp_path, str(tmp_path / "old.sqlite"), str(tmp_path / "new.sqlite"), tables)
    moved.take()
    mission = moved.mission
    assert mission.dbproc("check").out.startswith("no fault")
    assert mission.dbproc("plan").out == "nothing to do\n"
    mission.deliver("more_20200102_v1.0.0.txt")
    assert "mean_20200102_v1.1.0.txt" in made(mission.run())


def delivered(day: str) -> list[dict[str, object]]:
    """An input, and what was made from it by nobody knows what."""
    _, raw = old_missions.rows_for("raw", old_missions.RAW)
    _, clean = old_missions.rows_for("clean", old_missions.CLEAN)
    return [raw(111, day), clean(211, day)]


# --- afterwards ---


@pytest.mark.both_databases
def test_later_changes_make_exactly_what_they_touch(make_database: MakeDatabase, tmp_path: Path) -> None:
    tables, back = old_missions.full_mission(), "aux_20200101_v1.0.0.txt"
    tables["file"][9]["shasum"] = hashlib.sha1(back.encode()).hexdigest()
    moved = Moved(tmp_path, make_database(), make_database(), tables)
    mission = moved.mission
    moved.take("--timezone", "UTC")
    assert made(mission.run()) == {
        *("clean_20200104_v1.0.0.txt", "mean_20200103_v1.0.0.txt", "mean_20200104_v1.0.0.txt", "plot 2020-01-04")
    }
    mission.deliver("raw_20200103_v1.1.0.txt")  # a new version
    assert made(mission.run()) == {
        *("clean_20200103_v1.1.0.txt", "plot 2020-01-03"),
        *("mean_20200102_v1.1.0.txt", "mean_20200103_v1.1.0.txt", "mean_20200104_v1.1.0.txt"),
    }
    mission.deliver("aux_20200102_v1.1.0.txt")  # one more version of another input, of a day whose output is as it was
    assert made(mission.run()) == {
        *("clean_20200102_v1.1.0.txt", "plot 2020-01-02"),
        *("mean_20200101_v1.0.0.txt", "mean_20200102_v1.2.0.txt", "mean_20200103_v1.2.0.txt"),
    }
    mission.deliver(back, content=back)  # what was gone comes back
    assert "clean_20200101_v1.1.0.txt" in made(mission.run())
    assert mission.dbproc("plan").out == "nothing to do\n"
    assert mission.dbproc("check").out.startswith("no fault")


def test_a_new_code_makes_what_an_imported_file_was_made_by_another(full: Moved) -> None:
    full.take()
    mission = full.mission
    mission.execute("DELETE FROM processqueue")
    mission.dbproc("export", "--output", str(mission.file))
    validity = "from = 2000-01-01\nto = 2020-01-02"
    text = mission.file.read_text()
    mission.file.write_text(text.replace(f'version = "1.0.0"\n{validity}', f'version = "1.0.1"\n{validity}'))
    mission.dbproc("apply", str(mission.file))
    done = made(mission.run())
    assert "clean_20200103_v1.1.0.txt" not in done  # of the other code
    assert {"clean_20200102_v1.0.1.txt", "clean_20200101_v1.1.0.txt"} <= done  # this one of other inputs, too


def test_an_input_that_is_taken_back_takes_along_what_was_really_made_from_it(full: Moved) -> None:
    full.take()
    mission = full.mission
    mission.execute("DELETE FROM processqueue")
    mission.dbproc("withdraw", "raw_20200101_v1.0.0.txt", "--reason", "wrong")  # it is not the newest, but was used
    assert "clean_20200101_v1.1.0.txt" in made(mission.run())


def test_what_is_delivered_again_is_known(full: Moved) -> None:
    full.take()
    mission = full.mission
    mission.execute("DELETE FROM processqueue")
    mission.deliver("raw_20200102_v1.0.0.txt", content="raw_20200102_v1.0.0.txt")
    mission.run()
    assert mission.waiting() == []
    assert mission.quarantined() == {}
    mission.deliver("raw_20200102_v1.0.0.txt", content="other")
    mission.run("-i", status=1)
    assert mission.quarantined() == {"raw_20200102_v1.0.0.txt": "same_name"}


def test_what_was_made_from_a_file_that_was_gone_stays_when_it_comes_back(tmp_path: Path) -> None:
    tables, back = old_missions.full_mission(), "raw_20200103_v1.0.0.txt"
    tables["file"][2] = {**tables["file"][2], "gone": True, "shasum": hashlib.sha1(back.encode()).hexdigest()}
    tables["filecodelink"][3]["source_code"] = 20  # one that is in force no more
    tables["processqueue"] = []
    moved = Moved(tmp_path, str(tmp_path / "old.sqlite"), str(tmp_path / "new.sqlite"), tables)
    moved.take()
    mission = moved.mission
    mission.deliver(back, content=back)
    assert "clean_20200103" not in " ".join(made(mission.run()))
    mission.deliver("raw_20200103_v1.1.0.txt")
    assert "clean_20200103_v1.1.0.txt" in made(mission.run())


def test_files_that_say_how_good_others_are_mark_them(tmp_path: Path) -> None:
    tables, name = old_missions.full_mission(), "clean_20200102_v1.0.0_problem.txt"
    product = next(row for row in tables["product"] if row["product_name"] == "clean")
    of_file = next(row for row in tables["file"] if row["filename"] == "clean_20200102_v1.0.0.txt")
    judging = {"product_id": 60, "product_name": "qa", "relative_path": "qa", "level": 0.0}
    tables["product"].append({**product, **judging, "format": product["format"].replace(".txt", "_{QACODE}.txt")})
    tables["instrumentproductlink"].append({"instrument_id": 4, "product_id": 60})
    tables["inspector"].append({**tables["inspector"][0], "inspector_id": 60, "product": 60})
    tables["file"].append({**of_file, "file_id": 600, "product_id": 60, "filename": name})
    moved = Moved(tmp_path, str(tmp_path / "old.sqlite"), str(tmp_path / "new.sqlite"), tables)
    told = moved.told()
    assert any(note.startswith("files of qa say how good those of clean are") for note in told["notes"])
    assert moved.mission.one("SELECT quality FROM file WHERE filename = 'clean_20200102_v1.0.0.txt'") == "problem"
    assert moved.mission.one("SELECT process_keywords FROM file WHERE file_id = 600") == "QACODE=problem"
    assert [row[0] for row in moved.mission.rows("SELECT file_id FROM processqueue")] == [103]


def test_times_of_other_zones_are_told_in_utc_and_bytes_as_text(full: Moved) -> None:
    with closing(sqlite3.connect(full.old)) as connection, connection:
        connection.execute("UPDATE file SET filename = CAST(filename AS BLOB) WHERE file_id = 101")
        connection.execute("UPDATE file SET utc_stop_time = '2020-01-02 01:59:59+02:00' WHERE file_id = 100")
    full.take()
    assert str(full.mission.one("SELECT utc_stop_time FROM file WHERE file_id = 100")).startswith("2020-01-01 23:59:59")
    assert full.mission.one("SELECT filename FROM file WHERE file_id = 101") == "raw_20200102_v1.0.0.txt"


def test_what_was_never_made_is_made_when_it_is_asked_for(full: Moved) -> None:
    (slot, *_) = (each["slot"] for each in full.told()["not_made"] if each["process"] == "to_mean")
    full.mission.execute("DELETE FROM processqueue")
    assert full.mission.dbproc("plan").out == "nothing to do\n"
    full.mission.script("missingFilesByProduct.py", "-m", full.mission.database, "-s", slot, "-e", slot, "-p", "mean")
    assert f"would build mean_{slot.replace('-', '')}_v1.0.0.txt: no output yet" in full.mission.dbproc("plan").out


def test_with_judge_the_next_run_makes_what_is_stale(full: Moved) -> None:
    told = full.told("--judge")
    assert told["is_judged"] is True
    mission = full.mission
    assert mission.rows("SELECT * FROM baselinecode") == []
    plan = mission.dbproc("plan").out
    for each in (*told["stale"], *told["not_made"], *told["runs"]):
        assert each["slot"] in plan
    mission.run()
    assert mission.dbproc("plan").out == "nothing to do\n"
    assert mission.dbproc("check").out.startswith("no fault")


def test_digests_are_verified_or_taken_anew(full: Moved) -> None:
    full.take("--verify", "sha1", "--dry-run")
    damaged = full.mission.root / "data" / "raw" / "2020" / "raw_20200102_v1.0.0.txt"
    damaged.write_text("damaged")
    done = full.take("--verify", "sha1", status=2)
    assert "raw_20200102_v1.0.0.txt" in done.err
    assert "--rehash" in done.err
    assert "those that were recorded: the present ones are: raw_20200102_v1.0.0.txt" in full.take("--rehash").out
    digest = full.mission.one("SELECT shasum FROM file WHERE file_id = 101")
    assert digest == f"sha256:{hashlib.sha256(b'damaged').hexdigest()}"
    assert full.mission.dbproc("check", "--deep").out.startswith("no fault")


def test_a_mission_can_be_believed_unseen(full: Moved) -> None:
    raw, away = full.mission.root / "data" / "raw", full.mission.root / "away"
    raw.rename(away)
    assert "lack all their files: is a disk to be mounted? Import then: data/raw/2020" in str(full.told("--dry-run"))
    away.rename(raw)
    assert "--verify size" in full.take("--verify", "none", status=2).err  # of one there is no digest
    for row in full.tables["file"]:
        row["exists_on_disk"] = row["file_id"] != 400
    full.old = old_missions.make(f"{full.old}2", full.tables)
    told = full.told("--verify", "none")
    assert told["counts"]["missing"] == 0
    assert full.mission.rows("SELECT DISTINCT file_size FROM file") == [(None,)]
    assert full.mission.dbproc("check", "--deep").out.startswith("no fault")
    assert "raw_20200101" in full.mission.dbproc("files").out
    full.mission.dbproc("stats")
    full.mission.dbproc("report", "--output", str(full.mission.root / "report.html"))


# --- refusals ---


def test_all_that_hinders_is_told_at_once(tmp_path: Path) -> None:
    tables = old_missions.full_mission()
    tables["product"][3]["product_name"] = "raw"
    tables["product"][4]["format"] = "sub/gone_{DATE}.txt"
    tables["inspector"][1].update(active_code=True)
    tables["process"][1].update(output_timebase="ORBIT")
    tables["code"][1].update(code_start_date="2020-01-01")
    tables["code"][2].update(interface_version=0, code_stop_date="1999-01-01")
    tables["file"][1].update(filename="raw_20200101_v1.0.0.txt")
    tables["file"][2].update(utc_stop_time="2019-01-01T00:00:00")
    tables["file"][3].update(product_id=77)
    tables["filefilelink"] += [{"source_file": 300, "resulting_file": 201}]
    tables["logging"] += [{"logging_id": 9, "pid": os.getpid(), "hostname": HERE, "currently_processing": True}]
    moved = Moved(tmp_path, str(tmp_path / "old.sqlite"), str(tmp_path / "new.sqlite"), tables)
    before = moved.mission.tree()
    error = moved.take(status=2).err
    for words in (
        *("'raw'", "6, 7", "raw_20200101_v1.0.0.txt (100, 101)", "raw_20200103_v1.0.0.txt (2020", "product 77"),
        *("clean_20200102_v1.0.0.txt → mean_20200102_v1.0.0.txt", f"PID {os.getpid()}"),
        *("code 20 (to_clean_old.sh): 0.0.0 is not a version", "valid from 2000-01-01 to 1999-01-01"),
    ):
        assert words in error, words
    assert moved.mission.tree() == before
    tables["product"][3]["product_name"] = "aux"
    tables["inspector"][1].update(active_code=False)
    tables["code"][2].update(interface_version=1, code_stop_date="2001-01-01")
    tables["product"][2]["relative_path"] = "data/{what}"
    again = Moved(tmp_path / "again", str(tmp_path / "2.sqlite"), str(tmp_path / "new.sqlite"), tables)
    error = again.take(status=2).err
    for words in (
        "product.mean.directory: the field {what}",
        "process.to_mean.timebase",
        "ORBIT",
        "there must be one code",
        "raw_20200101_v1.0.0.txt (100, 101)",
    ):
        assert words in error, words


def test_text_in_latin_1_is_read(full: Moved) -> None:
    with closing(sqlite3.connect(full.old)) as connection, connection:
        words = "CAST(x'33b043' AS TEXT)"  # 3°C
        connection.execute(f"UPDATE file SET caveats = {words}, quality_comment = '3°C' WHERE file_id = 100")
    full.take()
    assert full.mission.rows("SELECT caveats, quality_comment FROM file WHERE file_id = 100") == [("3°C", "3°C")]


def test_values_that_are_none_of_their_kind_are_told(full: Moved) -> None:
    with closing(sqlite3.connect(full.old)) as connection, connection:
        connection.execute("UPDATE code SET date_written = 'long ago' WHERE code_id = 21")
        connection.execute("UPDATE file SET utc_start_time = 'noon' WHERE file_id = 100")
        connection.execute("UPDATE file SET quality_version = 'good' WHERE file_id = 101")
    error = full.take(status=2).err
    assert "file.quality_version is to be a number; correct it" in " ".join(error.split())
    assert "101 ('good')" in error
    with closing(sqlite3.connect(full.old)) as connection, connection:
        connection.execute("UPDATE file SET quality_version = 0 WHERE file_id = 101")
    error = full.take(status=2).err
    for words in ("'long ago' is not a date", "raw_20200101_v1.0.0.txt ("):
        assert words in error, words


def test_a_relative_root_is_to_be_named(tmp_path: Path) -> None:
    tables = old_missions.lay_out(tmp_path / "mission", old_missions.dump("testDB"))
    tables["mission"][0]["rootdir"] = "."
    mission = Mission(tmp_path / "new", str(tmp_path / "new.sqlite"))
    old = old_missions.make(str(tmp_path / "old.sqlite"), tables, 2018)
    assert "--root" in mission.dbproc("import", "dbprocessing", old, status=2).err
    mission.dbproc("import", "dbprocessing", old, "--root", str(tmp_path / "mission"))
    assert mission.one("SELECT rootdir FROM mission") == str(tmp_path / "mission")


def test_codes_may_be_elsewhere(full: Moved, tmp_path: Path) -> None:
    (full.mission.root / "codes").rename(tmp_path / "programs")
    error = full.take(status=2).err
    assert "there is no code" in error
    assert "--codes-from" in error
    assert "--root" in full.take("--root", str(tmp_path / "nowhere"), status=2).err
    full.take("--codes-from", str(tmp_path / "programs"))
    assert full.mission.dbproc("check").out.startswith("no fault")


def test_product_directories_on_other_disks_are_meant(full: Moved, tmp_path: Path) -> None:
    data = full.mission.root / "data"
    data.rename(tmp_path / "disk")
    data.symlink_to(tmp_path / "disk")
    told, mission = full.told(), full.mission
    assert any("outside" in note for note in told["notes"])
    assert mission.dbproc("check").out.startswith("no fault")
    mission.dbproc("export", "--output", str(mission.file))
    assert f'outside = ["{tmp_path}/disk' in mission.file.read_text()
    assert mission.dbproc("apply", str(mission.file)).out.endswith("nothing to change\n")
    mission.run()


@pytest.mark.both_databases
def test_a_new_database_is_empty_or_none(make_database: MakeDatabase, tmp_path: Path) -> None:
    moved = Moved(tmp_path, make_database(), make_database(), old_missions.full_mission())
    mission, new = moved.mission, moved.mission.database
    mission.dbproc("init", new)
    moved.take()
    assert "holds a mission already" in moved.take(status=2).err
    other = make_database()
    mark = mission.root / ".dbproc" / "owner.json"
    assert f"remove {mark}" in mission.dbproc("import", "dbprocessing", moved.old, "-m", other, status=2).err
    for words in (["status"], ["check"], ["upgrade"], ["plan"], ["run"], ["apply", str(mission.file)]):
        mission.file.write_text('[mission]\nname = "old"\n')
        error = mission.dbproc(*words, "-m", moved.old, status=2).err
        assert "dbproc import dbprocessing" in error or "root" in error, words
    if not mission.is_sqlite:
        assert "dbproc import dbprocessing" in mission.dbproc("init", moved.old, status=2).err
    mark.unlink()
    mission.dbproc("import", "dbprocessing", moved.old, "-m", other)


def test_what_is_no_database_of_dbprocessing_is_refused(full: Moved, tmp_path: Path) -> None:
    full.take()
    again = full.mission.dbproc("import", "dbprocessing", full.mission.database, "-m", "x.sqlite", status=2)
    assert "is no database of dbprocessing" in again.err
    assert "there is no database" in full.mission.dbproc("import", "dbprocessing", "./nothing", status=2).err
    with closing(sqlite3.connect(full.old)) as connection, connection:
        connection.execute("UPDATE file SET data_level = 'high' WHERE file_id = 100")
    error = " ".join(full.take(status=2).err.split())
    assert "file.data_level is to be a number" in error
    assert "100 ('high')" in error
    Path(f"{full.old}-journal").write_text("half of a transaction")
    assert "printProcessQueue.py" in full.take(status=2).err


def made(done: Done) -> set[str]:
    """What a run built and ran."""
    words = [line.split(": ")[0].split(" ", 1) for line in done.out.splitlines()]
    return {rest[0] for kind, *rest in words if kind in ("built", "ran") and rest}


def test_a_name_that_is_not_as_the_format_writes_it_is_no_reason_to_make_a_file_anew(full: Moved) -> None:
    name, other = "clean_20200103_v1.0.0.txt", "clean_20200103_v01.0.0.txt"
    with closing(sqlite3.connect(full.old)) as connection, connection:
        connection.execute("UPDATE file SET filename = ? WHERE filename = ?", (other, name))
    (path,) = full.mission.root.rglob(name)
    path.rename(path.with_name(other))
    assert other in [each["file"] for each in full.told()["stale"]]
    assert full.mission.dbproc("check").out.startswith("no fault")
    assert "clean_20200103" not in full.mission.dbproc("plan").out
