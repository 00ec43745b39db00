"""From incoming into the catalogue: what is durable when it is recorded, and what becomes of a step that failed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from dbproc.database import files
from tests.kit.mission import Mission, name_of, process, product
from tests.kit.syncs import watched_syncs

RAW = name_of("raw", 1)
HOME = f"data/raw/{RAW}"


@pytest.fixture
def mission(tmp_path: Path) -> Mission:
    return Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite")).create(product("raw", 0))


def test_a_file_is_durable_before_it_is_recorded(mission: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, insert_files = watched_syncs(monkeypatch), files.insert_files
    when_recorded: list[str] = []

    def inserting(*arguments: Any) -> list[int]:
        when_recorded.extend(synced)
        return insert_files(*arguments)

    monkeypatch.setattr(files, "insert_files", inserting)
    mission.deliver(RAW)
    mission.run()
    assert {str(mission.root / HOME), str(mission.root / "data/raw")} <= set(when_recorded)


def test_what_could_not_be_made_durable_is_taken_by_the_next_run(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(HOME):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    mission.deliver(RAW)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        assert "cannot be made durable" in mission.run(status=1).err
    assert mission.files() == {}
    mission.run()
    assert mission.content(RAW) == "raw_20200101"
    mission.check()


def test_bytes_that_come_again_are_kept_while_those_at_home_are_damaged(mission: Mission) -> None:
    mission.deliver(RAW)
    mission.run()
    (mission.root / HOME).write_text("raw_2020010?")
    mission.deliver(RAW)
    assert "move it away, this one takes its place" in mission.run(status=1).err
    assert (mission.incoming / RAW).read_text() == "raw_20200101"
    (mission.root / HOME).unlink()
    mission.run()
    assert (mission.content(RAW), mission.waiting()) == ("raw_20200101", [])


@pytest.mark.parametrize("is_at_home", [True, False])
def test_a_file_that_was_recorded_as_gone_and_comes_again_is_built_from(is_at_home: bool, mission: Mission) -> None:
    mission.deliver(RAW)
    mission.run()
    home = mission.root / HOME
    home.rename(mission.root / "away")
    mission.dbproc("check", "--repair")
    mission.define(product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"]))
    mission.run()
    assert mission.names("clean") == []
    if is_at_home:
        (mission.root / "away").rename(home)
    mission.deliver(RAW)
    mission.run()
    assert mission.names("clean") == [name_of("clean", 1)]


def test_a_file_that_takes_the_place_of_a_link_that_was_taken_in_stays(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, link, insert_files = mission.root / HOME, mission.incoming / RAW, files.insert_files
    home.parent.mkdir(parents=True)
    home.write_text("raw_20200101")
    link.symlink_to(home)

    def inserting(connection: Any, new: Any) -> list[int]:
        if new:
            link.unlink()
            link.write_text("their newer one")
        return insert_files(connection, new)

    with monkeypatch.context() as patch:
        patch.setattr(files, "insert_files", inserting)
        mission.run()
    assert mission.content(RAW) == "raw_20200101"
    assert link.read_text() == "their newer one"
