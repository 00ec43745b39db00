"""Files on their way: listed, explained, tried again, given up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.mission import Mission, name_of, product

FIRST, SECOND = name_of("raw", 1), name_of("raw", 2)


@pytest.fixture
def far(mission: Mission) -> Path:
    """A source with two files; the mission has fetched neither: the first fails, the second waits."""
    far = mission.root.parent / "far"
    far.mkdir()
    for name in (FIRST, SECOND):
        (far / name).write_text(name)
    block = f'[source.far]\nurl = "file://{far}"\npath = "*.txt"\nreserve = 0\n'
    mission.create(product("raw", 0), block, settle_seconds=3600)
    mission.dbproc("fetch")
    for name in (FIRST, SECOND):
        (mission.incoming / name).unlink()
    mission.execute("UPDATE transfer SET placed = '', shasum = NULL, durable_bytes = 2, ended_time = NULL")
    mission.execute("UPDATE transfer SET state = 'failed', reason = 'denied' WHERE transfer_id = 1")
    mission.execute(
        "UPDATE transfer SET state = 'waiting', reason = 'no route', next_try = '2199-01-01 00:00:00.000000' "
        "WHERE transfer_id = 2"
    )
    return far


def answer(mission: Mission, *arguments: str, status: int = 0) -> object:
    return json.loads(mission.dbproc("transfers", *arguments, "--json", status=status).out)


def numbers(mission: Mission, *arguments: str) -> list[int]:
    return [row["transfer_id"] for row in answer(mission, "list", *arguments)]  # type: ignore[attr-defined]


def states(mission: Mission) -> list[str]:
    return [row[0] for row in mission.rows("SELECT state FROM transfer ORDER BY transfer_id")]


@pytest.mark.both_databases
def test_what_is_on_its_way_or_failed_is_listed_with_the_reason(mission: Mission, far: Path) -> None:
    said = mission.dbproc("transfers", "list").out
    assert f"{FIRST}  2 B of {len(FIRST)} B" in said
    assert "no route" in said
    assert "2199-01-01 " in said or "2198-12-31 " in said
    assert numbers(mission) == [2, 1]
    assert numbers(mission, "--state", "failed") == [1]
    assert numbers(mission, "--rule", "source") == numbers(mission, "--rule", "source far") == [2, 1]
    assert numbers(mission, "--rule", "sou") == []
    assert numbers(mission, "--file", SECOND) == [2]
    assert numbers(mission, "--limit", "1") == [2]


def test_what_came_is_listed_where_it_is_asked_for(mission: Mission, far: Path) -> None:
    mission.execute("UPDATE transfer SET state = 'verified'")
    assert "nothing is on its way" in mission.dbproc("transfers", "list").out
    assert numbers(mission, "--all") == [2, 1]


def test_everything_about_one_is_shown(mission: Mission, far: Path) -> None:
    said = mission.dbproc("transfers", "show", "2").out
    for words in (f"origin: file://{far}/{SECOND}", "state: waiting", "reason: no route", "durable_bytes: 2"):
        assert words in said
    shown = answer(mission, "show", "2")
    assert shown["expected_end"] is None  # type: ignore[index]
    assert "no transfer 9" in mission.dbproc("transfers", "show", "9", status=2).err


def test_how_long_one_takes_is_told_by_its_rate(mission: Mission, far: Path) -> None:
    mission.execute("UPDATE transfer SET state = 'moving', bytes_per_second = 1.0 WHERE transfer_id = 2")
    assert answer(mission, "show", "2")["expected_end"] is not None  # type: ignore[index]
    assert "[#." in mission.dbproc("transfers", "show", "2").out


@pytest.mark.both_databases
def test_one_is_tried_again_at_once(mission: Mission, far: Path) -> None:
    assert answer(mission, "retry", "1", "2") == {"changed": [1, 2], "unchanged": []}
    assert states(mission) == ["waiting", "waiting"]
    mission.dbproc("fetch")
    assert states(mission) == ["verified", "verified"]
    assert sorted(mission.waiting()) == [FIRST, SECOND]
    done = mission.dbproc("transfers", "retry", "1", status=1)
    assert "transfer 1 is left as it is" in done.err
    mission.run("-i")


@pytest.mark.both_databases
def test_one_is_given_up_and_what_was_there_of_it_is_removed(mission: Mission, far: Path) -> None:
    assert answer(mission, "cancel", "2", "--reason", "not wanted") == {"changed": [2], "unchanged": []}
    assert states(mission) == ["failed", "cancelled"]
    assert ": not wanted" in mission.dbproc("transfers", "show", "2").out
    mission.dbproc("fetch")
    assert mission.waiting() == []
    assert states(mission) == ["failed", "cancelled"], "it is not fetched again by itself"
    (far / SECOND).write_text("changed")
    mission.dbproc("fetch")
    assert mission.waiting() == [SECOND]
    mission.run("-i")


def test_the_partial_file_of_one_that_was_given_up_is_removed_by_the_next_fetch(mission: Mission, far: Path) -> None:
    from dbproc.database.definition.load import load_mission
    from dbproc.database.store import open_store
    from dbproc.storage.stores.local import LocalPlace

    with open_store(mission.database) as store, store.begin() as connection:
        identity = load_mission(connection).identity
    upload = LocalPlace(str(mission.incoming)).upload(SECOND, f"{identity[:8]}-2")
    upload.write(b"ab")
    upload.close()
    assert len(list(mission.incoming.iterdir())) == 1
    mission.dbproc("transfers", "cancel", "2")
    mission.dbproc("fetch")
    assert list(mission.incoming.iterdir()) == []
    assert mission.rows("SELECT tries, durable_bytes FROM transfer WHERE transfer_id = 2") == [(0, 0)]


def test_many_are_chosen_by_how_they_are(mission: Mission, far: Path) -> None:
    assert answer(mission, "retry", "--failed", "--rule", "source far") == {"changed": [1], "unchanged": []}
    assert answer(mission, "cancel", "--waiting") == {"changed": [1, 2], "unchanged": []}
    assert answer(mission, "cancel", "1", status=1) == {"changed": [], "unchanged": [1]}
    for wrong in (["retry"], ["retry", "1", "--failed"], ["cancel", "1", "--rule", "source"]):
        mission.dbproc("transfers", *wrong, status=2)
    assert "no transfer 9" in mission.dbproc("transfers", "retry", "9", status=2).err
