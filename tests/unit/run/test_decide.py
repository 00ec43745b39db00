"""Slots are decided in their order, batch by batch, by the facts of the database or of whatever stands in for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dbproc.core.facts import Facts
from dbproc.core.model import Slot
from dbproc.core.needs import Needs
from dbproc.core.plan import State
from dbproc.core.version import Part
from dbproc.run import decide as module
from dbproc.run.decide import decide, facts_in, facts_of, planners
from tests.kit.engine import DAYS, delivered, opened, process_id
from tests.kit.mission import Mission, chain

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def mission(tmp_path: Path) -> Mission:
    return delivered(tmp_path / "mission", chain())


def test_decisions_come_in_the_order_of_their_slots_across_batches(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    with opened(mission) as (store, definition):
        number = process_id(definition, "to_clean")
        slots = [Slot(number, day) for day in (DAYS[2], DAYS[0], dt.date(2021, 1, 1), DAYS[1])]
        decisions = list(decide(definition, facts_of(store, definition), slots, NOW))
        assert [each.slot for each in decisions] == slots
        assert [each.state for each in decisions] == [State.STALE, State.STALE, State.NOT_DUE, State.STALE]
        with store.begin() as transaction:
            assert list(decide(definition, facts_in(transaction, definition), slots, NOW)) == decisions


def test_facts_of_later_slots_are_asked_for_when_earlier_decisions_are_used(
    mission: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    with opened(mission) as (store, definition):
        asked_for: list[Sequence[Slot]] = []
        inner = facts_of(store, definition)

        def facts(asked: Needs, slots: Sequence[Slot]) -> Facts:
            asked_for.append(slots)
            return inner(asked, slots) if len(asked_for) == 1 else replace(inner(asked, slots), by_time={}, by_date={})

        number = process_id(definition, "to_clean")
        decisions = decide(definition, facts, [Slot(number, day) for day in DAYS], NOW)
        assert next(decisions).state is State.STALE
        assert [len(slots) for slots in asked_for] == [2]
        assert [each.state for each in decisions] == [State.STALE, State.NOT_DUE]
        assert [len(slots) for slots in asked_for] == [2, 1]


def test_what_is_forced_is_built_though_it_is_up_to_date_and_may_be_said_late(mission: Mission) -> None:
    mission.run()
    with opened(mission) as (store, definition):
        number = process_id(definition, "to_clean")
        slots = [Slot(number, day) for day in DAYS]
        forced = {slots[0]: Part.QUALITY}
        decisions = decide(definition, facts_of(store, definition), slots, NOW, forced)
        first = next(decisions)
        forced[slots[2]] = Part.INTERFACE
        second, third = decisions
        assert second.state is State.UP_TO_DATE
        assert [str(each.task.output_version) for each in (first, third) if each.task] == ["1.1.0", "2.0.0"]


def test_no_transaction_is_open_while_decisions_are_used(mission: Mission) -> None:
    with opened(mission) as (store, definition):
        slots = [Slot(process_id(definition, "to_clean"), day) for day in DAYS]
        for planner, some in planners(definition, facts_of(store, definition), slots, NOW):
            mission.execute("UPDATE mission SET mission_name = 'other'")  # waits for ever if one were
            assert [planner.decide(slot).state for slot in some] == [State.STALE] * 3
