"""SIGTERM and SIGINT while jobs run: everything ends soon, nothing is left running, and the next run goes on."""

from __future__ import annotations

import signal

import pytest

from tests.crash.held import Held

SECONDS = 10
"""So soon a run ends, whatever its jobs do."""
GRANDCHILDREN = "sleep 1000 & sleep 1000 & (trap '' TERM INT HUP; sleep 1000; sleep 1000) &"
DEAF = "trap '' TERM INT HUP; (sleep 1000; sleep 1000) &"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_run_ends_with_all_that_its_jobs_started(number: signal.Signals, held: Held) -> None:
    check_ends(held, GRANDCHILDREN, number)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)], ids=["SIGTERM", "SIGINT"]
)
def test_jobs_that_do_not_hear_get_a_moment_and_are_ended(number: signal.Signals, held_sqlite: Held) -> None:
    check_ends(held_sqlite, DEAF, number)


def test_what_left_its_group_is_ended_too(held_sqlite: Held) -> None:
    check_ends(held_sqlite, "setsid sleep 1000 &", signal.SIGTERM)


def check_ends(mission: Held, prepared: str, number: signal.Signals) -> None:
    run = mission.set_up().start_held("-n", "2", prepared=prepared)
    assert len(mission.jobs()) >= 2
    run.send_signal(number)
    out, err = run.communicate(timeout=SECONDS)
    assert run.returncode == 130
    assert number.name in err
    assert "Traceback" not in out + err
    assert mission.jobs() == []
    assert {status for _, _, status in mission.attempts()} == {"interrupted"}
    assert mission.rows("SELECT failures, next_try_time FROM attempt WHERE failures > 0") == []
    assert mission.open_runs() == 0
    assert number.name in mission.one("SELECT comment FROM logging")
    mission.check()
    mission.let_go()
    done = mission.run()
    assert "dead run" not in done.out
    mission.check_is_like_undisturbed()


@pytest.mark.thorough
def test_signals_that_come_at_once_are_as_one(held_sqlite: Held) -> None:
    run = held_sqlite.set_up().start_held(prepared=DEAF)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        run.send_signal(number)
    out, err = run.communicate(timeout=SECONDS)
    assert run.returncode == 130
    assert "Traceback" not in out + err
    assert held_sqlite.jobs() == []
    assert {status for _, _, status in held_sqlite.attempts()} == {"interrupted"}
    held_sqlite.let_go()
    held_sqlite.run()
    held_sqlite.check_is_like_undisturbed()
