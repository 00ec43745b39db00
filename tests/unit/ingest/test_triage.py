"""What becomes of arrivals, and what they say of themselves, as it can be recorded."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from dbproc.core.errors import PlacementError
from dbproc.core.text import storable, time_of
from dbproc.ingest.incoming import arrival_at
from dbproc.ingest.triage import Accepted, Decision, Triage
from dbproc.storage.digest import digest_file
from dbproc.storage.fingerprint import Measured, Unmeasured, measure, measure_all
from tests.kit.engine import FakeEngine, setup_of
from tests.kit.mission import Mission, name_of, product


def test_a_time_outside_of_the_calendar_is_its_nearest_day() -> None:
    assert time_of(1e15) == dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    assert time_of(-1e15) == dt.datetime(1, 1, 1, tzinfo=dt.UTC)
    assert time_of(0.5) == dt.datetime(1970, 1, 1, 0, 0, 0, 500_000, dt.UTC)


def test_any_name_becomes_text_that_a_database_takes() -> None:
    assert storable(os.fsdecode(b"\xff\x00a")) == "\\xff\\x00a"


@pytest.mark.parametrize("member", [b"\xff", b"a\nb", b"a\x1b[2Jb", b"/".join([b"a" * 250] * 5)])
def test_a_member_that_cannot_be_recorded_is_told_of_in_printable_words(member: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.idx").write_text("x")
    path = Path(os.fsdecode(os.fsencode(tmp_path / "x") + b"/" + member))
    path.parent.mkdir(parents=True)
    path.write_text("y")
    with pytest.raises(PlacementError, match="in its companion directory") as error:
        measure(str(tmp_path / "x.idx"), "sha256", companion=True)
    assert str(error.value).isprintable()


RAW = name_of("raw", 1)


def decided(mission: Mission, path: Path) -> list[Decision]:
    """What becomes of an arrival."""
    with setup_of(mission, FakeEngine()) as setup:
        triage = Triage(setup.store, setup.definition, setup.inspection)
        return triage.decide([arrival_at(str(path), setup.definition)])


@pytest.fixture
def mission(tmp_path: Path) -> Mission:
    return Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite")).create(product("raw", 0))


def test_a_file_of_which_another_was_read_meanwhile_waits(mission: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a second name, so that the time of its inode says nothing."""
    path, second = mission.incoming / RAW, mission.incoming / "second"
    path.write_text("it")
    second.hardlink_to(path)

    def measured(*arguments: Any) -> list[Measured | Unmeasured]:
        path.unlink()
        path.write_text("another")
        try:
            return measure_all(*arguments)
        finally:
            path.unlink()
            path.hardlink_to(second)

    with monkeypatch.context() as patch:
        patch.setattr("dbproc.ingest.triage.measure_all", measured)
        assert decided(mission, path) == []
    (decision,) = decided(mission, path)
    assert isinstance(decision, Accepted)


def test_a_file_that_is_written_to_once_it_was_read_waits(mission: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mission.incoming / RAW
    path.write_text("it")

    def measured(*arguments: Any) -> list[Measured | Unmeasured]:
        found = measure_all(*arguments)
        path.write_text("it and more")
        return found

    with monkeypatch.context() as patch:
        patch.setattr("dbproc.ingest.triage.measure_all", measured)
        assert decided(mission, path) == []


def test_a_dataset_of_which_a_member_is_written_to_meanwhile_waits(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission.define(product("set", 0, "set_{Y}{m}{d}.idx", companion=True))
    path, member = mission.incoming / "set_20200101.idx", mission.incoming / "set_20200101" / "0"
    member.parent.mkdir()
    for each in (path, member):
        each.write_text("it")

    def digested(of: str, algorithm: str) -> str:
        if of == str(member):
            member.write_text("and more")
        return digest_file(of, algorithm)

    with monkeypatch.context() as patch:
        patch.setattr("dbproc.storage.fingerprint.digest_file", digested)
        assert decided(mission, path) == []
    (decision,) = decided(mission, path)
    assert isinstance(decision, Accepted)
