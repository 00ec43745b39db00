"""What was asked for directly, and what it left out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from dbproc.core.plan import State
from dbproc.core.slot_text import SlotChoice, between_days
from dbproc.run.on_demand import Request, decisions_of, leave_out
from tests.kit.engine import DAYS, delivered, opened
from tests.kit.mission import chain, name_of, optional, process, product


def of_days(first: dt.date, last: dt.date) -> SlotChoice:
    return SlotChoice(between_days(first, last))


def test_optional_inputs_that_were_left_out_are_queued_for_a_later_run(tmp_path: Path) -> None:
    blocks = [
        product("raw", 0),
        product("help", 0),
        product("clean", 1),
        process("to_clean", "clean", ["raw", optional("help")]),
    ]
    names = [name_of(each, day) for each in ("raw", "help") for day in (1, 2)]
    mission = delivered(tmp_path / "mission", blocks, names)
    mission.run("-p")
    for with_optional, expected in ((True, []), (False, [(name_of("help", 1),)])):
        with opened(mission) as (store, definition):
            request = Request(process="to_clean", slots=of_days(DAYS[0], DAYS[0]), with_optional=with_optional)
            leave_out(store, definition, request)
        assert mission.rows("SELECT f.filename FROM processqueue q JOIN file f ON f.file_id = q.file_id") == expected


def test_what_failed_is_run_without_delay_when_it_is_asked_for(tmp_path: Path) -> None:
    mission = delivered(tmp_path / "mission", chain(), retry_seconds=3600)
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.run("-p", status=1)
    with opened(mission) as (store, definition):
        found = decisions_of(store, definition, Request(process="to_clean", slots=of_days(DAYS[0], DAYS[2])))
    assert [(decision.state, decision.task is not None) for decision in found] == [(State.STALE, True)] * 3
