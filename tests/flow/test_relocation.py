"""A product gets another name, directory or format: its files go along, and everything knows them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.kit.mission import JOIN, Mission, chain, name_of, process, product, window

RAW = [name_of("raw", day) for day in (1, 2, 3)]


def renamed_chain() -> list[str]:
    """The chain of :func:`tests.kit.mission.chain`: `raw` is `counts` with another format, `clean` lies elsewhere."""
    return [
        product("counts", 0, "counts_{Y}{j}_v{VERSION}.txt", directory="data/counts/{Y}", renamed_from="raw"),
        product("clean", 1, directory="data/level1/{Y}{m}"),
        product("smoothed", 2),
        process("to_clean", "clean", ["counts"]),
        process("smoothing", "smoothed", [window("clean", 1, 1)], file="to_smooth.sh"),
    ]


@pytest.fixture
def made(mission: Mission) -> Mission:
    mission.create(*chain(), retry_seconds=0)
    mission.deliver(*RAW)
    mission.run()
    return mission


def newest(mission: Mission) -> set[str]:
    return {row[0] for row in mission.rows("SELECT filename FROM newest_file")}


@pytest.mark.both_databases
def test_names_directories_and_formats_change_and_the_files_go_along(made: Mission) -> None:
    before = made.files()
    lineage = made.rows("SELECT * FROM filefilelink ORDER BY 1, 2")
    foreign = made.root / "data" / "raw" / "notes.txt"
    foreign.write_text("whoever reads this")
    made.deliver(RAW[1], content="other")
    made.run(status=1)
    made.write(*renamed_chain(), retry_seconds=0)
    foretold = made.dbproc("apply", str(made.file), "--dry-run").out
    assert made.files() == before
    out = made.dbproc("apply", str(made.file)).out
    assert foretold.splitlines()[:-1] == out.splitlines()
    assert "changes would be made, 9 files carried along; nothing was changed" in foretold
    assert (
        "move: product counts: 3 files\n"
        "  data/raw/raw_20200101_v1.0.0.txt\n    → data/counts/2020/counts_2020001_v1.0.0.txt\n"
        "  data/raw/raw_20200102_v1.0.0.txt\n    → data/counts/2020/counts_2020002_v1.0.0.txt\n"
        "  … and 1 more\n"
    ) in out
    assert "change: product smoothed: name smooth → smoothed" in out
    assert made.names("counts") == [f"counts_2020{day:03d}_v1.0.0.txt" for day in (1, 2, 3)]
    assert made.names("clean") == [name_of("clean", day) for day in (1, 2, 3)]
    assert made.names("smoothed") == [name_of("smoothed", day) for day in (1, 2, 3)]
    assert {(file.digest, file.version, file.code) for file in made.files().values()} == {
        (file.digest, file.version, file.code) for file in before.values()
    }
    assert made.rows("SELECT * FROM filefilelink ORDER BY 1, 2") == lineage
    assert foreign.read_text() == "whoever reads this"
    assert not (made.root / "data" / "smooth").exists()
    foreign.unlink()
    made.check()
    made.dbproc("check", "--deep")
    assert "nothing to change" in made.dbproc("apply", str(made.file)).out
    assert "nothing to do" in made.dbproc("plan").out
    attempts = made.attempts()
    made.run()
    assert made.attempts() == attempts
    called = {"product raw": "counts", "process to_smooth": "smoothing"}
    told = made.dbproc("why", "raw", "2020-01-02", status=2).err + made.dbproc("why", "raw", status=2).err
    assert told.count("the product raw is called counts now") == 2
    assert "process to_smooth is called smoothing now" in made.dbproc("log", "--process", "to_smooth", status=2).err
    log = made.dbproc("log").out
    assert all(f" renamed {former} → {name}: by " in log for former, name in called.items())
    ((number,),) = made.rows("SELECT quarantine_id FROM quarantine")
    assert "counts_2020002_v1.0.0.txt would have" in made.dbproc("quarantine", "accept", str(number), "--dry-run").out
    made.dbproc("quarantine", "accept", str(number))
    assert "counts_2020002_v1.0.0.txt has these bytes already" in (
        made.dbproc(
            "replace",
            RAW[1],
            "with",
            str(made.root / "data/counts/2020/counts_2020002_v1.0.0.txt"),
            "--reason",
            "x",
            status=2,
        ).err
    )
    made.dbproc("restore", RAW[1])
    made.deliver("counts_2020002_v1.0.1.txt", content="better")
    made.run()
    assert name_of("clean", 2, "1.0.1") in newest(made)
    assert name_of("smoothed", 3, "1.0.1") in newest(made)
    made.check()


def test_a_file_is_found_by_the_names_that_it_had(made: Mission) -> None:
    made.write(*renamed_chain(), retry_seconds=0)
    made.dbproc("apply", str(made.file))
    said = made.dbproc("why", RAW[0]).out
    assert said.startswith("counts_2020001_v1.0.0.txt: counts 2020-01-01")
    assert "  was named raw_20200101_v1.0.0.txt in data/raw until " in said
    (row,) = json.loads(made.dbproc("why", "counts_2020001_v1.0.0.txt", "--json").out)["corrections"]
    assert row["former"] == {"filename": RAW[0], "relative_path": "data/raw"}
    assert "  was in data/clean until " in made.dbproc("why", name_of("clean", 1)).out


def test_applying_the_former_file_undoes_it(made: Mission) -> None:
    before = made.files()
    made.write(*renamed_chain(), retry_seconds=0)
    made.dbproc("apply", str(made.file))
    back = [block.replace("[product.raw]", '[product.raw]\nrenamed_from = "counts"') for block in chain()]
    made.write(*back, retry_seconds=0)
    made.dbproc("apply", str(made.file))
    assert made.files() == before
    assert not (made.root / "data" / "counts").exists()
    assert "nothing to do" in made.dbproc("plan").out
    made.check()


def test_a_mission_gets_another_name_with_the_files_and_the_quarantine_that_bear_it(mission: Mission) -> None:
    blocks = [product("raw", 0, "{MISSION}_{Y}{m}{d}_v{VERSION}.txt", directory="data/{MISSION}")]
    mission.create(*blocks, name="one", quarantine="{MISSION}-errors")
    mission.deliver("one_20200101_v1.0.0.txt", "whose.txt")
    mission.run(status=1)
    mission.write(*blocks, name="two", quarantine="{MISSION}-errors")
    refused = mission.dbproc("apply", str(mission.file), status=2).err
    assert "this database holds the mission 'one'" in refused
    assert 'renamed_from = "one"' in refused
    mission.write(*blocks, name="two", quarantine="{MISSION}-errors", renamed_from="one")
    out = mission.dbproc("apply", str(mission.file)).out
    assert "change: mission two: name one → two" in out
    assert "move: what is in quarantine: 1" in out
    assert (mission.root / "data/two/two_20200101_v1.0.0.txt").read_text() == "one_20200101"
    assert mission.one("SELECT mission_name FROM mission") == "two"
    (number,) = [row[0] for row in mission.rows("SELECT quarantine_id FROM quarantine")]
    mission.dbproc("quarantine", "release", str(number))
    assert (mission.incoming / "whose.txt").exists()
    assert "nothing to change" in mission.dbproc("apply", str(mission.file)).out


def test_all_that_hinders_it_is_said_at_once_and_nothing_is_changed(mission: Mission) -> None:
    blocks = [
        product("raw", 0, "raw_{Y}{m}{d}_{site}_v{VERSION}.txt"),
        product("other", 0, "other_{Y}{m}{d}_v{VERSION}.txt"),
        product("third", 0),
    ]
    mission.create(*blocks)
    mission.deliver(*(f"raw_2020010{day}_{site}_v1.0.0.txt" for day in (1, 2) for site in ("a", "b")))
    mission.deliver(name_of("other", 1), name_of("other", 2), name_of("third", 1), name_of("third", 2))
    mission.run()
    (mission.root / "data/moved").mkdir()
    (mission.root / "data/moved" / name_of("third", 1)).write_text("somebody else's")
    gone = mission.root / "data/third" / name_of("third", 2)
    gone.rename(mission.root / "elsewhere")
    before = mission.state()
    mission.write(
        product("raw", 0, "raw_{Y}{m}{d}_v{VERSION}.txt"),
        product("other", 0, "other_{Y}{m}{d}_{site}_v{VERSION}.txt"),
        product("third", 0, directory="data/moved"),
    )
    said = mission.dbproc("apply", str(mission.file), status=2).err
    assert "cannot be applied, it has 4 problems" in said
    assert "4 of its 4 files cannot be carried along: no name or directory can be made for it; raw_" in said
    assert "would be raw_20200101_v1.0.0.txt, or one version of one file" in said
    assert "2 of its 2 files cannot be carried along: no name or directory can be made for it; other_" in said
    assert "needs the keyword {site}, which these files do not have" in said
    assert "1 of its 2 files cannot be carried along: something is in its new place already" in said
    assert "1 of its 2 files cannot be carried along: it is not where the catalogue has it" in said
    after = mission.state()
    assert after[0] == before[0]
    assert {path: fact for path, fact in after[1].items() if path != mission.file} == {
        path: fact for path, fact in before[1].items() if path != mission.file
    }
    (mission.root / "elsewhere").rename(gone)
    (mission.root / "data/moved" / name_of("third", 1)).unlink()


def test_a_move_that_fails_in_the_middle_puts_everything_back(made: Mission) -> None:
    before, files = made.files(), made.tree()
    made.write(*renamed_chain(), retry_seconds=0)
    blocked = made.root / "data" / "level1"
    blocked.write_text("a file where a directory is to be")
    said = made.dbproc("apply", str(made.file), status=2).err
    assert "nothing was changed" in said
    assert made.files() == before
    blocked.unlink()
    data = made.root / "data"
    assert {path for path in made.tree() if data in path.parents and path.is_file()} == {
        path for path in files if data in path.parents and path.is_file()
    }
    assert made.rows("SELECT * FROM placement") == []
    made.check()


def test_withdrawn_and_replaced_files_have_the_new_names_too_and_come_back_under_them(made: Mission) -> None:
    made.dbproc("withdraw", RAW[0], "--reason", "bad")
    better = made.root / "better.txt"
    better.write_text("better")
    made.dbproc("replace", RAW[1], "with", str(better), "--reason", "bad")
    made.run()
    made.write(*renamed_chain(), retry_seconds=0)
    made.dbproc("apply", str(made.file))
    made.dbproc("check", "--deep")
    made.dbproc("restore", "counts_2020001_v1.0.0.txt", "counts_2020002_v1.0.0.txt")
    made.run()
    assert made.names("counts")[0] == "counts_2020001_v1.0.0.txt"
    assert (made.root / "data/counts/2020/counts_2020001_v1.0.0.txt").read_text() == "raw_20200101"
    assert (made.root / "data/counts/2020/counts_2020002_v1.0.0.txt").read_text() == "raw_20200102"
    made.dbproc("check", "--deep")


def test_companion_directories_go_along_and_an_idx_file_keeps_its_stem(mission: Mission) -> None:
    def scan(format: str, directory: str) -> str:
        return product("scan", 0, format, directory=directory, companion=True)

    mission.create(scan("scan_{Y}{m}{d}_v{VERSION}.dat", "data/scan"))
    stem = "scan_20200101_v1.0.0"
    (mission.incoming / stem / "deep").mkdir(parents=True)
    (mission.incoming / stem / "deep" / "1.bin").write_text("block")
    mission.deliver(f"{stem}.dat")
    mission.run()
    stranger = mission.root / "data" / "scan" / "other"
    stranger.mkdir()
    mission.write(scan("s_{Y}{j}_v{VERSION}.dat", "data/scans"))
    mission.dbproc("apply", str(mission.file))
    assert (mission.root / "data/scans/s_2020001_v1.0.0/deep/1.bin").read_text() == "block"
    assert os.listdir(mission.root / "data" / "scan") == ["other"]
    mission.dbproc("check", "--deep")
    mission.write(scan("s_{Y}{j}_v{VERSION}.idx", "data/scans"))
    mission.dbproc("apply", str(mission.file))
    mission.write(scan("t_{Y}{j}_v{VERSION}.idx", "data/scans"))
    said = mission.dbproc("apply", str(mission.file), status=2).err
    assert "an .idx file says itself how its directory is named" in said
    assert Path(mission.root / "data/scans/s_2020001_v1.0.0.idx").exists()


def test_what_is_made_and_cannot_have_a_new_name_stays_and_is_made_anew(made: Mission) -> None:
    blocks = [block.replace("clean_{Y}{m}{d}", "clean_{Y}{m}{d}_{H}") for block in chain()]
    made.write(*blocks, retry_seconds=0)
    told = made.dbproc("apply", str(made.file), "--dry-run", "--json").json[0]["moves"]
    assert (told["count"], told["examples"]) == (0, [])
    assert {each["file"] for each in told["stay"]} == {name_of("clean", day) for day in (1, 2, 3)}
    out = made.dbproc("apply", str(made.file)).out
    assert "stay: product clean: 3 files, what they are of is made anew\n  clean_2020010" in out
    assert "_00_v1.0.0.txt would say another time than that which it is of" in out
    assert made.names("clean") == [name_of("clean", day) for day in (1, 2, 3)]


@pytest.mark.both_databases
def test_names_may_change_places_where_directories_change_too(mission: Mission) -> None:
    mission.create(product("raw", 0, "raw_{m}{d}_{Y}.txt"))
    mission.deliver("raw_0102_2020.txt", "raw_0201_2020.txt", "raw_0303_2020.txt")
    mission.run()
    mission.write(product("raw", 0, "raw_{d}{m}_{Y}.txt"))
    said = mission.dbproc("apply", str(mission.file), status=2).err
    assert "something is in its new place already" in said
    mission.write(product("raw", 0, "raw_{d}{m}_{Y}.txt", directory="data/other"))
    mission.dbproc("apply", str(mission.file))
    assert {name: file.date for name, file in mission.files().items()} == {
        "raw_0201_2020.txt": "2020-01-02",
        "raw_0102_2020.txt": "2020-02-01",
        "raw_0303_2020.txt": "2020-03-03",
    }


def test_templates_say_it_too(made: Mission) -> None:
    text = made.file.read_text()
    made.file.write_text(
        text.replace("[product.raw]", '[product."{kind}_counts"]\nfor = { kind = ["raw"] }\nrenamed_from = "{kind}"')
        .replace('inputs = ["raw"]', 'inputs = ["raw_counts"]')
        .replace("[process.to_clean", "[process.cleaning")
    )
    out = made.dbproc("apply", str(made.file)).out
    assert "change: product raw_counts: name raw → raw_counts" in out
    assert "change: process cleaning: name to_clean → cleaning" in out
    assert "move:" not in out
    assert "nothing to do" in made.dbproc("plan").out


def test_a_process_that_is_given_another_name_by_its_word_keeps_its_codes_and_its_failures(made: Mission) -> None:
    made.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    made.deliver(name_of("raw", 9))
    made.run(status=1)
    made.code("to_clean.sh", JOIN)
    text = made.file.read_text()
    made.file.write_text(text.replace("[process.to_smooth", "[process.averages"))
    assert "name to_smooth → averages" in made.dbproc("apply", str(made.file)).out
    assert made.names("smooth") == [name_of("smooth", day) for day in (1, 2, 3)]


def test_a_product_whose_names_lose_their_versions_goes_on(sqlite_mission: Mission) -> None:
    mission, raw = sqlite_mission, name_of("raw", 1)
    mission.create(*chain(), retry_seconds=0, same_name="replace")
    for content in "one", "two":
        mission.deliver(raw, content=content)
        mission.run()
    mission.define(chain()[0], product("clean", 1, "clean_{Y}{m}{d}.txt"), *chain()[2:], retry_seconds=0)
    planned = mission.dbproc("plan").out
    assert "would build clean_20200101.txt" in planned
    mission.run()
    assert mission.content("clean_20200101.txt") == "clean(two)"
    assert f"would then build {name_of('smooth', 1, '1.1.1')}" in planned
    assert name_of("smooth", 1, "1.1.1") in mission.files()
    mission.dbproc("check")
