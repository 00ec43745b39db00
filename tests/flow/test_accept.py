"""Bytes that a file has in its place, accepted by a word: the digest is corrected, and what follows is told."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.kit.mission import Mission, chain, name_of, product


@pytest.mark.both_databases
def test_edited_bytes_are_accepted_with_the_former_digest_kept_and_what_was_made_from_them_made_anew_or_not(
    mission: Mission,
) -> None:
    mission.create(*chain())
    mission.deliver(name_of("raw", 1), name_of("raw", 2))
    mission.run()
    raw, clean = name_of("raw", 1), name_of("clean", 2)
    before = mission.files()
    before[raw].path.write_text("mended")
    assert f"dbproc check --accept {raw} --reason TEXT" in mission.dbproc("check", "--deep", status=1).out
    assert "give the reason" in mission.dbproc("check", "--accept", raw, status=2).err
    accept = ("check", "--accept", raw, "--reason", "a typo in it")
    foreseen = mission.dbproc(*accept, "--dry-run").out
    assert f"would accept {raw}: sha256:" in foreseen
    assert f"{name_of('clean', 1)}: made anew as {name_of('clean', 1, '1.1.0')}" in foreseen
    assert mission.files() == before
    told = json.loads(mission.dbproc(*accept, "--json").out)
    assert [(file["file"], file["former"]) for file in told["files"]] == [(raw, before[raw].digest)]
    assert mission.files()[raw].digest == told["files"][0]["digest"] != before[raw].digest
    why = mission.dbproc("why", raw).out
    assert "accepted with other bytes" in why
    assert f"before shasum {before[raw].digest}" in why
    assert "a typo in it" in why
    assert f"accepted {raw}: by " in mission.dbproc("log", "--file", raw).out
    mission.run()
    assert mission.content(name_of("clean", 1, "1.1.0")) == "clean(mended)"
    assert len(mission.names("smooth")) == 4
    mission.dbproc("check", "--deep")

    made = mission.files()
    made[clean].path.write_text("polished")
    assert "stays as it is" in mission.dbproc("check", "--accept", clean, "--reason", "by hand", "--keep").out
    mission.run()
    assert mission.files().keys() == made.keys()
    assert mission.files()[clean].inputs == made[clean].inputs
    mission.dbproc("check", "--deep")
    again = mission.dbproc("check", "--accept", clean, "--reason", "x", status=2).err
    assert f"{clean} has its recorded bytes; there is nothing to accept" in again


def test_what_is_no_file_of_its_product_or_not_in_its_place_is_not_accepted(sqlite_mission: Mission) -> None:
    mission, name = sqlite_mission, name_of("raw", 1)
    mission.create(*chain())
    mission.deliver(name)
    mission.run("-i")
    path = mission.files()[name].path
    shutil.copy(path, mission.root / "kept")
    path.write_text("")
    assert "not accepted by its inspector" in mission.dbproc("check", "--accept", name, "--reason", "x", status=2).err
    path.unlink()
    assert "cannot be read" in mission.dbproc("check", "--accept", name, "--reason", "x", status=2).err
    assert "stands alone" in mission.dbproc("check", "--accept", name, "--reason", "x", "--deep", status=2).err
    assert "with --accept alone" in mission.dbproc("check", "--keep", status=2).err
    shutil.move(mission.root / "kept", path)


def test_bytes_of_another_time_are_not_accepted(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.inspector(
        "spans.py",
        "import datetime as dt\n"
        "from dbproc.products import Facts, Inspector\n"
        "class Spans(Inspector):\n"
        "    def inspect(self, path, name):\n"
        "        start, stop = map(dt.datetime.fromisoformat, open(path).read().split())\n"
        "        return Facts(start=start, stop=stop)\n",
    )
    mission.create(product("span", 0, "span.txt", inspector="spans.py"))
    mission.deliver("span.txt", content="2020-01-01T00:00 2020-01-01T12:00")
    mission.run()
    path, accept = mission.files()["span.txt"].path, ("check", "--accept", "span.txt", "--reason", "x")
    path.write_text("2020-01-03T00:00 2020-01-03T12:00")
    assert "bytes are of 2020-01-03, and span.txt is of 2020-01-01;" in mission.dbproc(*accept, status=2).err
    path.write_text("2020-01-01T00:00 2020-01-02T12:00")
    assert "recorded as of 2020-01-01T00:00:00 to 2020-01-01T12:00:00" in mission.dbproc(*accept, status=2).err
    mission.dbproc("replace", "span.txt", "with", str(path), "--reason", "x")
    assert str(mission.one("SELECT utc_stop_time FROM file WHERE replaced_by IS NULL")).startswith("2020-01-02 12:00")
    mission.run()
    mission.dbproc("check", "--deep")
