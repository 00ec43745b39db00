"""The missions of docs/sources.md and docs/stores.md, and the tables of docs/mission-file.md, as they stand there."""

from __future__ import annotations

import hashlib
import re
import tarfile
from pathlib import Path

from dbproc.mission import read_mission_file
from tests.kit.mission import Mission
from tests.kit.mission_files import write_mission
from tests.kit.sessions import BLOCK, DOCS


def blocks(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [block["text"] for block in BLOCK.finditer(text) if block["kind"] == kind]


def test_the_examples_are_mission_files(tmp_path: Path) -> None:
    (sources,), (stores,) = blocks("sources.md", "toml"), blocks("stores.md", "toml")
    assert [each.name for each in read_mission_file(write_mission(tmp_path, sources)).mission.sources] == [
        "observatory"
    ]
    found = read_mission_file(write_mission(tmp_path, stores)).mission
    assert [store.name for store in found.stores] == ["old-nas1", "old-nas5", "nas", "cloud", "observatory"]
    tables = next(text for text in blocks("mission-file.md", "toml") if "[[replicate]]" in text)
    mission = '[mission]\nname = "m"\n[product.mag_raw]\nlevel = 0\ndirectory = "raw"\nformat = "raw_{Y}.txt"\n'
    whole = read_mission_file(write_mission(tmp_path, mission + tables)).mission
    assert (len(whole.sources), len(whole.stores), len(whole.replicates), len(whole.areas)) == (1, 2, 1, 1)


def test_the_small_mission_fetches_as_the_page_says(tmp_path: Path) -> None:
    far, page = tmp_path / "far" / "2024" / "05", (DOCS / "sources.md").read_text(encoding="utf-8")
    far.mkdir(parents=True)
    for day in (1, 2, 3):
        path, text = far / f"mag_2024050{day}.txt", f"day {day:02d}\n"
        path.write_text(text)
        Path(f"{path}.sha256").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  {path.name}\n")
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission" / "mission.sqlite"))
    mission.environment["DBPROC_SETTLE_SECONDS"] = "0"
    (text,) = blocks("sources.md", "toml")
    mission.file.write_text(text.replace("https://data.example.org/mag", f"file://{tmp_path}/far"))
    mission.dbproc("init", mission.database)
    mission.dbproc("apply", str(mission.file))
    previewed = mission.dbproc("fetch", "--dry-run").out
    assert previewed in page
    ran = mission.run().out
    told = [line for line in page.splitlines() if re.match(r"fetched mag|ingested mag|\d fetched", line)]
    assert len(told) == 3
    assert set(told) < set(ran.splitlines())
    why = mission.dbproc("why", "mag_20240501.txt").out
    assert "verified, as 2024/05/mag_20240501.txt.sha256 says" in why
    (query,) = blocks("sources.md", "sql")
    assert len(mission.rows(query)) == 3


def test_the_mission_with_several_stores_does_what_the_page_says(tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission" / "mission.sqlite"))
    (text,) = blocks("stores.md", "toml")
    text = re.sub(r"(?m)^(private_key|host_key|endpoint|access_key|secret_key|token) = .*\n", "", text)
    text = re.sub(r'url = "\w+://([\w@{}.-]+)[^"]*"', rf'url = "file://{tmp_path}/\1"', text)
    mission.file.write_text(text)
    name, there = "SONAR_20240501T101112-IMAGING", "2024/05/01"
    old = tmp_path / "sonar@old-nas1.example.org" / there
    old.mkdir(parents=True)
    for each in ("sonar@nas.example.org", "sonar-raw"):
        (tmp_path / each).mkdir()
    with tarfile.open(old / f"{name}.tar.gz", "w:gz") as archive:
        archive.add(mission.file, "rec.bin")
    size = (old / f"{name}.tar.gz").stat().st_size
    (mission.root / "nas1.txt").write_text(f"nas1\t{size}\t./{there}/{name}.tar.gz\nnas1\t6\t./{there}/README\n")
    mission.dbproc("init", mission.database)
    mission.dbproc("apply", str(mission.file))
    commands = [line.split() for block in blocks("stores.md", "sh") for line in block.splitlines()]
    adopt, run = commands[:2]
    assert (adopt[1:4], run) == (["stores", "adopt", "old-nas1"], ["dbproc", "run"])
    adopt[adopt.index("nas1.txt")] = str(mission.root / "nas1.txt")
    assert "1 left alone" in mission.dbproc(*adopt[1:]).out
    assert "recalls 1 file" in mission.dbproc("plan").out
    mission.run()
    for store in ("sonar@nas.example.org", "sonar-raw"):
        assert (tmp_path / store / there / f"{name}.7z").exists()
    for command in commands[2:4]:
        assert "1 file" in mission.dbproc(*command[1:]).out
    assert len(mission.dbproc("files", "--offloaded", "--json").json) == 2
    assert not list(mission.root.rglob(f"{name}*"))
