"""The queue of one run: what leaves it, what stays, and what is tried no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dbproc.core.model import Definition, Ending, Job, Outcome
from dbproc.core.plan import State
from dbproc.core.slot_text import SlotChoice, between_days
from dbproc.core.version import Part
from dbproc.database import queue
from dbproc.database.store import Store
from dbproc.run.campaigns import Campaigns
from dbproc.run.executor import Executor
from dbproc.run.on_demand import OnDemand, Request, decisions_of
from dbproc.run.scheduler import Scheduler
from dbproc.system.signals import Interrupted
from tests.kit.engine import DAYS, RAW, FakeEngine, delivered, opened, process_id, setup_of
from tests.kit.mission import Mission, chain, name_of, process, product

BOTH = [
    product("raw", 0),
    product("clean", 1),
    product("map", 1),
    process("to_clean", "clean", ["raw"]),
    process("to_map", "map", ["raw"]),
]


def scheduler(store: Store, definition: Definition, *names: str) -> Scheduler:
    """The queue, taken up, of a run of some processes; of all where none is named."""
    allowed = frozenset(process_id(definition, name) for name in names) or frozenset(definition.processes)
    made = Scheduler(store, definition, allowed)
    made.begin()
    return made


def executed(mission: Mission, engine: FakeEngine, *names: str) -> list[str]:
    """One run of the queue, and of what campaigns want; gives the names of what was begun."""
    with setup_of(mission, engine) as setup:
        source = scheduler(setup.store, setup.definition, *names)
        Executor(setup, _run_id(mission), source, Campaigns(source)).run()
    return outputs_of(engine.started)


def _run_id(mission: Mission) -> int:
    return int(mission.one("SELECT max(logging_id) FROM logging"))


def queued_names(mission: Mission) -> list[str]:
    rows = mission.rows("SELECT f.filename FROM processqueue q JOIN file f ON f.file_id = q.file_id")
    return sorted(row[0] for row in rows)


def outputs_of(jobs: Iterable[Job]) -> list[str]:
    return [Path(job.command[-1]).name for job in jobs]


def test_a_file_stays_queued_while_a_process_that_may_not_run_now_needs_it(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", BOTH)
    assert executed(mission, FakeEngine(), "to_clean") == [name_of("clean", day) for day in (1, 2, 3)]
    assert queued_names(mission) == RAW
    assert executed(mission, FakeEngine(), "to_map") == [name_of("map", day) for day in (1, 2, 3)]
    assert executed(mission, FakeEngine()) == []
    assert queued_names(mission) == []


def test_a_file_leaves_the_queue_with_the_last_of_what_is_made_of_it(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", BOTH, RAW[:1])
    with opened(mission) as (store, definition):
        source = scheduler(store, definition)
        slots = [decision.slot for decision in source.decide() if decision.state is State.STALE]
        assert len(slots) == 2
        assert source.settle(slots[:1]).is_empty
        with store.begin() as connection:
            assert list(source.settle(slots[1:]).files) == [item.file_id for item in queue.load(connection)]
        assert source.settle([]).is_empty


def test_a_version_is_raised_once_for_what_is_queued_with_the_part_to_raise(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", BOTH[:2] + BOTH[3:4], RAW[:1])
    executed(mission, FakeEngine())
    file_id = mission.one("SELECT file_id FROM file WHERE product_id = 1")
    with opened(mission) as (store, definition):
        with store.begin() as connection:
            queue.push(connection, [file_id], "by hand", Part.QUALITY)
        source = scheduler(store, definition)
        (decision,) = source.decide()
        assert decision.state is State.STALE
        source.settle([decision.slot])
        with store.begin() as connection:
            source.enqueue(queue.as_queued(connection, file_ids=[file_id]))
        (decision,) = source.decide()
        assert decision.state is State.UP_TO_DATE


def test_a_slot_is_a_campaigns_as_long_as_nothing_else_is_a_cause_of_it(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain(), RAW[:2])
    executed(mission, FakeEngine(), "to_clean")
    with opened(mission) as (store, definition):
        with store.begin() as connection:
            made = [item for item in queue.load(connection) if item.product_id == 2]
        first, second = sorted(made, key=lambda item: item.date)
        of_campaign = replace(first, campaign_id=7)
        for items, expected in (([of_campaign], {7}), ([of_campaign, second], {None}), ([second, of_campaign], {None})):
            source = Scheduler(store, definition, frozenset(definition.processes))
            source.enqueue(items)
            found = [decision.task for decision in source.decide() if decision.slot.date <= DAYS[1]]
            assert {task.campaign_id for task in found if task is not None} == expected


def test_what_failed_of_a_process_that_may_not_run_now_is_not_tried_again(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", BOTH, RAW[:1], retry_seconds=0)
    executed(mission, FakeEngine(lambda _: Ending.FAILED))
    assert executed(mission, FakeEngine(), "to_clean") == [name_of("clean", 1)]
    assert executed(mission, FakeEngine()) == [name_of("map", 1)]


def test_what_failed_for_a_campaign_that_was_cancelled_is_not_looked_at_again(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain()[:2] + chain()[3:4], retry_seconds=0)
    executed(mission, FakeEngine())
    mission.dbproc("reprocess", "--product", "clean", "--force", "2", "--campaign", "again")
    assert len(executed(mission, FakeEngine(lambda _: Ending.FAILED))) == 3
    mission.execute("UPDATE campaign SET status = 'cancelled'")
    assert executed(mission, FakeEngine()) == []
    assert mission.rows("SELECT count(*) FROM attempt WHERE next_try_time IS NOT NULL") == [(0,)]


def test_what_failed_for_a_campaign_rests_until_its_delay_is_over(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain()[:2] + chain()[3:4], retry_seconds=3600)
    executed(mission, FakeEngine())
    mission.dbproc("reprocess", "--product", "clean", "--force", "2", "--campaign", "again")
    assert len(executed(mission, FakeEngine(lambda _: Ending.FAILED))) == 3
    assert executed(mission, FakeEngine()) == []


LEVELS = [
    product("raw", 0),
    product("late", 1.5),
    product("high", 3),
    product("low", 1),
    process("to_late", "late", ["raw"]),
    process("to_two", ["high", "low"], ["raw"]),
]


def write_all(job: Job) -> None:
    for word in job.command:
        if word.startswith(job.directory):
            Path(word).write_text("made")


def test_a_process_with_two_outputs_has_the_level_of_the_lower(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", LEVELS, RAW[:1])
    assert executed(mission, FakeEngine(write_all)) == [name_of("low", 1), name_of("late", 1)]


def test_so_it_has_among_the_items_of_a_campaign(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", LEVELS, RAW[:1])
    executed(mission, FakeEngine(write_all))
    mission.dbproc("reprocess", "--product", "raw", "--force", "2", "--campaign", "again", "--jobs-per-run", "1")
    assert executed(mission, FakeEngine(write_all)) == [name_of("low", 1, "1.0.1")]


def test_what_was_asked_for_directly_leaves_the_queue_as_it_is(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain())
    engine = FakeEngine()
    with setup_of(mission, engine) as setup:
        request = Request(process="to_clean", slots=SlotChoice(between_days(DAYS[1], DAYS[1])))
        decisions = decisions_of(setup.store, setup.definition, request)
        Executor(setup, 1, OnDemand(setup.definition, decisions)).run()
    assert outputs_of(engine.started) == [name_of("clean", 2)]
    assert queued_names(mission) == sorted([name_of("clean", 2), *RAW])


def test_a_run_that_is_ended_closes_what_it_had_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mission = delivered(tmp_path / "mission", chain())
    engine = FakeEngine()

    def finished() -> list[Outcome]:
        if engine.started:
            raise Interrupted
        return []

    monkeypatch.setattr(engine, "finished", finished)
    with pytest.raises(Interrupted):
        executed(mission, engine)
    assert {status for _, _, status in mission.attempts()} == {"interrupted"}
    assert queued_names(mission) == RAW


def test_what_is_marked_while_it_is_queued_is_looked_at_once_more(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", BOTH, RAW[:1])
    with opened(mission) as (store, definition):
        source = scheduler(store, definition)
        begun = [decision.slot for decision in source.decide()]
        assert not source.enqueue_new()
        with store.begin() as connection:
            queue.push_marked(connection, sorted(queue.file_ids(connection)))
        assert source.enqueue_new()
        assert not source.enqueue_new()
        source.settle(begun)
        assert {decision.slot for decision in source.decide()} == set(begun)
