"""Files leave quarantine whole, by an order that can be broken off; else their entries stay open."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbproc.database import quarantine as entries
from dbproc.database.store import open_store
from dbproc.ingest import quarantine
from tests.kit.mission import Mission, product

NAME = "set_20200101.idx"
FILES = {NAME: "main", "set_20200101/0": "zero", "set_20200101/deep/1": "one"}


@pytest.fixture
def refused(tmp_path: Path) -> Mission:
    """A mission with a dataset in quarantine: another one of its name is in the catalogue."""
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    mission.create(product("set", 0, "set_{Y}{m}{d}.idx", companion=True))
    for content in ("", "other "):
        for name, text in FILES.items():
            path = mission.incoming / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + text)
        mission.run(status=int(bool(content)))
    assert mission.quarantined() == {NAME: "same_name"}
    return mission


def below(directory: Path) -> dict[str, str]:
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_text() for path in paths}


def release(mission: Mission) -> None:
    store = open_store(mission.database)
    try:
        quarantine.release(store, 1, "again")
    finally:
        store.close()


def test_a_dataset_comes_back_whole(refused: Mission) -> None:
    release(refused)
    assert below(refused.incoming) == {name: f"other {text}" for name, text in FILES.items()}
    assert below(refused.quarantine) == {}


def test_a_dataset_is_discarded_whole_and_is_not_said_to_be_released(refused: Mission) -> None:
    refused.dbproc("quarantine", "discard", "1", "--reason", "wrong")
    assert list(refused.quarantine.iterdir()) == []
    ((released, discarded),) = refused.rows("SELECT released_time, discarded_time FROM quarantine")
    assert released is None
    assert discarded is not None


def test_what_was_on_its_way_out_when_it_was_broken_off_is_in_quarantine_again(
    refused: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = below(refused.quarantine)
    with monkeypatch.context() as patch:
        patch.setattr(entries, "close_entry", broken)
        with pytest.raises(KeyboardInterrupt):
            release(refused)
    assert below(refused.quarantine) == {}
    refused.run("-i", status=0)
    assert (below(refused.quarantine), below(refused.incoming)) == (before, {})
    assert refused.one("SELECT count(*) FROM quarantine WHERE released_time IS NULL") == 1
