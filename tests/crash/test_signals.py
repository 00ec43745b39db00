"""SIGTERM and SIGINT while jobs run: everything ends soon, nothing is left running, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from tests.crash.held import Held
from tests.kit.mission import chain, product, wait_for

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


# --- everything is ended at once: a shutdown, systemctl stop ---


def end(*pids: int) -> None:
    """SIGTERM to each that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def jobs_first(run: int, others: list[int]) -> None:
    end(*others, run)


def jobs_a_moment_before(run: int, others: list[int]) -> None:
    end(*others)
    time.sleep(0.2)
    end(run)


def run_first(run: int, others: list[int]) -> None:
    end(run, *others)


def run_a_moment_before(run: int, others: list[int]) -> None:
    end(run)
    time.sleep(0.1)
    end(*others)


@pytest.mark.parametrize("order", [jobs_first, jobs_a_moment_before, run_first, run_a_moment_before])
def test_a_shutdown_is_no_failure_and_the_next_run_goes_on_at_once(
    order: Callable[[int, list[int]], None], held_sqlite: Held
) -> None:
    run = held_sqlite.set_up(retry_seconds=3600).start_held("-n", "2")
    others = [child.pid for child in psutil.Process(run.pid).children(recursive=True)]
    order(run.pid, others)
    _, err = run.communicate(timeout=SECONDS)
    assert (run.returncode, "Traceback" in err) == (130, False)
    assert {status for _, _, status in held_sqlite.attempts()} == {"interrupted"}
    assert held_sqlite.rows("SELECT * FROM attempt WHERE failures > 0 OR next_try_time IS NOT NULL") == []
    assert held_sqlite.rows("SELECT * FROM quarantine") == []
    held_sqlite.let_go()
    assert "dead run" not in held_sqlite.run().out
    assert "failed" not in {status for _, _, status in held_sqlite.attempts()}


def test_a_job_that_is_killed_while_the_run_lives_on_has_failed(held_sqlite: Held) -> None:
    run = held_sqlite.set_up(retry_seconds=3600).start_held("-n", "2")
    wait_for(lambda: len(held_sqlite._jobs_of(run)) == 2, "two jobs")
    held_sqlite._jobs_of(run)[0].terminate()
    time.sleep(3.0)  # longer than a shutdown takes from one process to the next
    held_sqlite.let_go()
    run.communicate(timeout=60)
    assert held_sqlite.rows("SELECT message, failures FROM attempt WHERE status = 'failed'") == [
        ("killed by SIGTERM", 1)
    ]


# --- in every state ---

HANGING = """
import time
from dbproc.products import Inspector

class Hanging(Inspector):
    def inspect(self, path, name):
        open(__file__ + ".began", "w").close()
        time.sleep(1000)
"""


@pytest.mark.parametrize("is_ended_first", [False, True], ids=["alone", "its worker a moment before"])
def test_in_an_inspector_that_hangs(held_sqlite: Held, is_ended_first: bool) -> None:
    mission = held_sqlite
    mission.inspector("hanging.py", HANGING)
    mission.create(product("raw", 0, inspector="hanging.py"))
    mission.deliver("raw_20200101_v1.0.0.txt")
    run = mission.start()
    wait_for(lambda: any(mission.root.rglob("*.began")), "the inspector to begin")
    if is_ended_first:
        for worker in psutil.Process(run.pid).children():
            worker.terminate()
        time.sleep(0.2)
    ended(run)
    assert mission.rows("SELECT * FROM quarantine") == []


def test_while_a_large_file_is_read(held_sqlite: Held) -> None:
    mission = held_sqlite
    mission.create(*chain())
    for day in (1, 2):
        with open(mission.incoming / f"raw_2020010{day}_v1.0.0.txt", "wb") as stream:
            stream.truncate(1 << 38)  # all of it holes
    run = mission.start()
    wait_for(lambda: has_open(run, mission.incoming), "a file to be read")
    ended(run)
    assert len(list(mission.incoming.iterdir())) == 2


def test_while_an_output_is_read_that_is_large(held_sqlite: Held) -> None:
    mission = held_sqlite
    mission.code("to_clean.sh", '#!/bin/sh\nprintf x > "$2"; truncate -s 256G "$2"\n')
    mission.create(*chain(), retry_seconds=0)
    mission.deliver("raw_20200101_v1.0.0.txt")
    run = mission.start()
    wait_for(lambda: has_open(run, mission.root / ".dbproc" / "work"), "the output to be read")
    ended(run)
    assert [status for _, _, status in mission.attempts()] == ["interrupted"]


def test_with_many_orphans_that_do_not_end_at_once(held_sqlite: Held) -> None:
    ran = held_sqlite.set_up().start_held(prepared="for n in 1 2 3 4 5 6 7 8 9; do setsid sleep 1000 & done")
    ran.kill()
    ran.communicate()
    assert len(held_sqlite.jobs()) >= 9
    held_sqlite.let_go()
    began = time.monotonic()
    assert held_sqlite.run().status == 0
    assert time.monotonic() - began < 60
    assert held_sqlite.jobs() == []


def has_open(run: subprocess.Popen[str], place: object) -> bool:
    assert run.poll() is None, run.communicate()
    try:
        return any(file.path.startswith(f"{place}/") for file in psutil.Process(run.pid).open_files())
    except psutil.Error:
        return False


def ended(run: subprocess.Popen[str]) -> None:
    """End a run, as soon as it must."""
    run.terminate()
    out, err = run.communicate(timeout=SECONDS)
    assert run.returncode == 130
    assert "Traceback" not in out + err
    assert "did not end" not in err
