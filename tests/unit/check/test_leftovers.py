"""The lock of a live, dead or distant run."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from dbproc.check.faults import Kind
from dbproc.check.leftovers import live_run, lock_faults
from dbproc.database import lock
from dbproc.database.lock import Holder
from dbproc.database.store import open_store
from dbproc.system.machine import this_process
from tests.kit.mission import Mission, chain

BEFORE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
MINE = Holder(1, this_process(), BEFORE, "/nowhere", None)
DEAD = replace(MINE, run_id=3, process=replace(this_process(), start_time="1"))
ELSEWHERE = replace(MINE, run_id=4, process=replace(this_process(), hostname="elsewhere", boot_id="another"))


@pytest.mark.parametrize(
    ("before", "during", "after", "is_live"),
    [
        (None, None, None, False),
        (MINE, 1, MINE, False),
        (DEAD, 3, DEAD, False),
        (ELSEWHERE, 4, ELSEWHERE, True),
        (None, 9, None, True),  # it began and ended while we looked
        (None, None, DEAD, True),
        (DEAD, 9, None, True),
        (DEAD, 3, None, True),
    ],
)
def test_a_run_is_taken_for_live_unless_it_is_known_to_be_dead(
    before: Holder | None, during: int | None, after: Holder | None, is_live: bool
) -> None:
    assert (live_run(before, during, after) is not None) == is_live


@pytest.mark.parametrize(
    ("holder", "kinds"),
    [(None, []), (MINE, []), (DEAD, [Kind.STALE_LOCK]), (ELSEWHERE, [Kind.FOREIGN_LOCK])],
)
def test_a_lock_is_a_fault_when_its_holder_is_dead_or_out_of_sight(holder: Holder | None, kinds: list[Kind]) -> None:
    assert [fault.kind for fault in lock_faults("mission.sqlite", holder)] == kinds


def test_a_run_that_ends_when_it_has_been_seen_was_alive(tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite")).create(*chain())
    with open_store(mission.database) as store:
        acquired = lock.acquire(store)
        seen = lock.seen(store)
        lock.release(store, acquired, "done")
    assert seen is not None
    ended = replace(seen, process=DEAD.process)
    assert list(lock_faults("mission", ended)) == []
    assert live_run(ended, ended.run_id, ended) is not None
