"""Releases of data: what they hold stays what it was, with its bytes, whatever is done to its files afterwards."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from dbproc.changes import data_release
from dbproc.core.errors import StorageError
from dbproc.database import lock
from dbproc.database.store import open_store
from tests.kit.mission import Mission, name_of, process, product

RAW = [name_of("raw", day) for day in (1, 2, 3)]
CLEAN = [name_of("clean", day) for day in (1, 2, 3)]


@pytest.fixture
def made(mission: Mission) -> Mission:
    """Two days of raw and clean; one of each is kept where reaping has its way."""
    blocks = [product("raw", 0), product("clean", 1, keep="newest"), process("to_clean", "clean", ["raw"])]
    mission.create(*blocks, retry_seconds=0)
    mission.deliver(*RAW[:2])
    mission.run()
    return mission


def manifest(mission: Mission, release: str) -> Path:
    return mission.root / ".dbproc" / "releases" / f"{release}.jsonl"


def held(mission: Mission, release: str) -> dict[str, dict[str, object]]:
    return {each["filename"]: each for each in mission.dbproc("release", "files", release, "--json").json}


@pytest.mark.both_databases
def test_a_release_stays_what_it_was_whatever_becomes_of_its_files(made: Mission) -> None:
    assert "would release 4 files" in made.dbproc("release", "tag", "2020a", "--dry-run").out
    assert "no data was released yet" in made.dbproc("release", "list").out
    done = made.dbproc("release", "tag", "2020a", "--comment", "first days", "--json").json
    text = manifest(made, "2020a").read_bytes()
    assert done["digest"] == f"sha256:{hashlib.sha256(text).hexdigest()}"
    head, *lines = map(json.loads, text.decode().splitlines())
    assert (head["release"], head["comment"], head["files"]) == ("2020a", "first days", 4)
    assert {line["path"]: line["digest"] for line in lines} == {
        f"data/{name.split('_')[0]}/{name}": file.digest for name, file in made.files().items()
    }
    contents = {name: made.content(name) for name in (*RAW[:2], *CLEAN[:2])}
    assert "there is a release 2020a" in made.dbproc("release", "tag", "2020a", status=2).err

    other = made.root / "other.txt"
    other.write_text("other bytes")
    replaced = made.dbproc("replace", RAW[0], "with", str(other), "--reason", "late half").out
    assert "held by the release 2020a: its bytes stay there" in replaced
    assert "held by the release 2020a" in made.dbproc("withdraw", RAW[1], "--reason", "saturated").out
    made.run()  # makes clean of day 1 anew, and takes that of day 2 back
    made.deliver(RAW[2])
    made.run()
    assert "it belongs to a release" in made.dbproc("reap").out
    made.write(*_renamed())
    made.dbproc("apply", str(made.file))
    found = held(made, "2020a")
    assert {Path(str(each["released_path"])).name for each in found.values()} == set(contents)
    for each in found.values():
        name = Path(str(each["released_path"])).name
        assert Path(str(each["path"])).read_text() == contents[name], name
    assert "saturated" in str(found[RAW[1]]["since"])
    assert "late half" in str(found[RAW[0]]["since"])
    renamed = name_of("clean", 1).replace("clean", "fine")
    assert found[renamed]["since"] == f"was data/clean/{CLEAN[0]}"
    shown = made.dbproc("release", "files", "2020a").out
    assert "saturated" in shown
    paths = made.dbproc("release", "files", "2020a", "--paths").out.splitlines()
    assert sorted(Path(path).read_text() for path in paths) == sorted(contents.values())
    assert made.dbproc("release", "files", "2020a", "--manifest", "-").out.encode() == text
    onto = str(made.files()[RAW[0]].path)
    assert "File exists" in made.dbproc("release", "files", "2020a", "--manifest", onto, status=2).err
    assert "in the release 2020a" in made.dbproc("why", RAW[1]).out
    assert len(made.dbproc("files", "--release", "2020a", "--json").json) == 4
    assert made.dbproc("files", "--release", "2020a", "--withdrawn", "--json").json[0]["filename"] == RAW[1]
    assert "no release of data 2020b; did you mean 2020a?" in made.dbproc("files", "--release", "2020b", status=2).err

    made.dbproc("release", "tag", "2020b", "raw", "clean", "--end", "2020-01-03")
    told = made.dbproc("release", "diff", "2020a", "2020b", "--json").json
    assert {(each["change"], each["old"], each["new"]) for each in told["files"]} == {
        ("other bytes", RAW[0], RAW[0]),
        ("removed", RAW[1], None),
        ("added", None, RAW[2]),
        ("other version", renamed, renamed.replace("v1.0.0", "v1.1.0")),
        ("removed", name_of("clean", 2).replace("clean", "fine"), None),
        ("added", None, name_of("clean", 3).replace("clean", "fine")),
    }
    assert {each["product"]: each["same"] for each in told["products"]} == {"raw": 0, "clean": 0}
    assert made.dbproc("release", "diff", "2020a", "--json").json["files"] == told["files"]
    assert f"+ {RAW[2]}" in made.dbproc("release", "diff", "2020a", "2020b").out
    assert [each["name"] for each in made.dbproc("release", "list", "--json").json] == ["2020a", "2020b"]
    made.dbproc("check", "--deep")


def _renamed() -> list[str]:
    clean = product("clean", 1, "fine_{Y}{m}{d}_v{VERSION}.txt", keep="newest")
    return [product("raw", 0), clean, process("to_clean", "clean", ["raw"])]


@pytest.mark.both_databases
def test_nothing_is_released_that_is_not_as_it_should_be(made: Mission) -> None:
    def refused(*arguments: str) -> str:
        text = made.dbproc("release", "tag", "2020a", *arguments, status=2).err
        assert made.rows("SELECT * FROM release") == []
        assert not manifest(made, "2020a").exists()
        return text

    assert "cannot be called '../a'" in made.dbproc("release", "tag", "../a", status=2).err
    assert "nothing to release" in refused("--start", "2021-01-01")
    foreign = manifest(made, "foreign")
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("somebody's")
    assert f"{foreign} is there already" in made.dbproc("release", "tag", "foreign", status=2).err
    assert foreign.read_text() == "somebody's"
    made.dbproc("mark", RAW[0], "--quality", "problem")
    made.run()
    assert f"{RAW[0]}: marked as ignore or problem" in refused()
    for chosen in (["--doubtful"], ["--quality", "problem", "raw"], ["--quality", "ok", "--quality", "unknown"]):
        assert "would release" in made.dbproc("release", "tag", "2020a", "--dry-run", *chosen).out
    path = made.files()[RAW[1]].path
    path.write_text("edited")
    assert "does not have the bytes that were recorded" in refused("--doubtful")
    path.unlink()
    assert "is missing from disk" in refused("--doubtful")
    made.execute(f"UPDATE file SET exists_on_disk = FALSE WHERE filename = '{RAW[1]}'")
    assert f"{RAW[1]}: gone from disk" in refused("--doubtful")
    made.dbproc("withdraw", RAW[1], "--reason", "gone")
    digest = made.one(f"SELECT shasum FROM file WHERE filename = '{RAW[1]}'")
    assert "out of its place" in refused("--digest", digest, "--every-version")


def test_a_kill_leaves_a_whole_release_or_none(made: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise StorageError("killed")

    monkeypatch.setattr(data_release, "write_missing", killed)
    assert "the release 2020a is made, and then killed" in made.dbproc("release", "tag", "2020a", status=78).err
    monkeypatch.undo()
    assert made.one("SELECT count(*) FROM release") == 4
    assert not manifest(made, "2020a").exists()
    assert "release_manifest" in made.dbproc("check", status=1).out
    made.dbproc("mark", RAW[0], "--quality", "ok")  # a correction puts right what a dead one left
    assert made.dbproc("release", "files", "2020a", "--manifest", "-").out == manifest(made, "2020a").read_text()
    made.dbproc("check", "--deep")
    manifest(made, "2020a").unlink()
    made.dbproc("check", "--repair", status=0)
    made.dbproc("check")
    manifest(made, "2020a").write_text("forged")
    assert "not the bytes of the manifest" in made.dbproc("check", "--deep", status=1).out


def test_what_is_inspected_anew_is_found_by_its_release(made: Mission) -> None:
    """Its bytes are where the row is that has its name now; a run that is live keeps releases away."""
    made.dbproc("release", "tag", "2020a", "raw")
    made.define(product("raw", 0, covers="6 h"), *_renamed()[1:], retry_seconds=0)
    made.dbproc("reinspect", "--product", "raw")
    assert "queued" in made.dbproc("release", "tag", "2020b", "raw", "--dry-run").err
    paths = made.dbproc("release", "files", "2020a", "--paths").out.splitlines()
    assert paths == [str(made.files()[name].path) for name in RAW[:2]]
    assert "no fault" in made.dbproc("check").out
    with open_store(made.database) as store, lock.holding(store, "run"):
        assert "is live" in made.dbproc("release", "tag", "2020b", status=75).err


def test_what_is_made_again_with_other_bytes_does_not_take_the_place_in_a_release(mission: Mission) -> None:
    mission.code("to_day.sh", _COUNTS.replace("COUNTER", str(mission.root / "counter")))
    (mission.root / "counter").write_text("one")
    mission.create(product("raw", 0), product("day", 1, "day_{Y}{m}{d}.txt"), process("to_day", "day", ["raw"]))
    mission.deliver(RAW[0])
    mission.run()
    mission.dbproc("release", "tag", "2020a")
    mission.files()["day_20200101.txt"].path.unlink()
    (mission.root / "counter").write_text("two")
    mission.run()
    assert mission.content("day_20200101.txt") == "two"
    (lost,) = (each for each in mission.dbproc("release", "files", "2020a", "--json").json if each["path"] is None)
    assert lost["digest"] == lost["released_digest"] == f"sha256:{hashlib.sha256(b'one').hexdigest()}"
    assert "release_lost" in mission.dbproc("check", status=1).out


_COUNTS = """#!/bin/sh
cat COUNTER > "$2"
"""


def test_what_is_gone_from_a_release_is_told(made: Mission) -> None:
    made.dbproc("release", "tag", "2020a", "clean")
    path = made.files()[CLEAN[0]].path
    os.unlink(path)
    made.execute(f"UPDATE file SET exists_on_disk = FALSE WHERE filename = '{CLEAN[0]}'")
    assert "release_lost" in made.dbproc("check", status=1).out
    assert "the bytes of 1 of these are gone" in made.dbproc("release", "files", "2020a").err
    made.execute("UPDATE release SET entry = '{}'")
    assert "somebody changed the tables" in made.dbproc("release", "files", "2020a", "--manifest", "-", status=2).err
    made.execute("UPDATE release SET shasum = NULL, entry = NULL")
    made.execute("DELETE FROM datarelease")
    assert "made by dbprocessing" in made.dbproc("release", "files", "2020a", "--manifest", "-", status=2).err
    assert len(held(made, "2020a")) == 2
    (row,) = made.dbproc("release", "list", "--json").json
    assert (row["name"], row["time"], row["digest"]) == ("2020a", None, None)
