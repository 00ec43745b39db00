"""One run at a time; and whatever ends a run, the next one goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from shlex import quote

import psutil
import pytest

from dbproc.database.store import database_url, shown_name
from tests.kit.mission import Mission, chain, kill, name_of, wait_for

RAW = [name_of("raw", day) for day in (1, 2, 3)]

WAITING = """#!/bin/sh
if [ -p ROOT/gate ]; then : > ROOT/began; ELSEWHERE read line < ROOT/gate; fi
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""


@pytest.fixture
def waiting(mission: Mission) -> Mission:
    """A mission whose jobs wait, having begun, as long as there is a gate."""
    return prepared(mission)


def prepared(mission: Mission, elsewhere: str = "") -> Mission:
    os.mkfifo(mission.root / "gate")
    mission.code("to_clean.sh", WAITING.replace("ROOT", str(mission.root)).replace("ELSEWHERE", elsewhere))
    mission.create(*chain())
    mission.deliver(*RAW)
    return mission


def began(mission: Mission) -> None:
    wait_for((mission.root / "began").exists, "a job to begin")


def jobs_of(mission: Mission) -> list[psutil.Process]:
    """The processes of the mission's codes."""
    found = []
    for process in psutil.process_iter():
        try:
            is_job = any(str(mission.codes) in word for word in process.cmdline()[:3])
            if is_job and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # it ended while it was looked at
            continue
    return found


def check_all_is_built(mission: Mission) -> None:
    assert sorted(mission.files()) == sorted(
        name_of(name, day) for name in ("raw", "clean", "smooth") for day in (1, 2, 3)
    )
    assert mission.content(name_of("smooth", 3)) == "smooth(clean(raw_20200102))(clean(raw_20200103))"
    assert mission.waiting() == []
    assert mission.queued() == 0
    before = mission.state()
    mission.run()
    assert mission.state() == before


# --- the lock ---


@pytest.mark.both_databases
def test_a_second_run_is_turned_away_and_changes_nothing(waiting: Mission) -> None:
    first = waiting.start()
    try:
        began(waiting)
        before = waiting.tables()
        done = waiting.run(status=75)
        assert f"PID {first.pid}" in done.err
        assert waiting.tables() == before
        assert "alive" in waiting.script("clearProcessingFlag.py", waiting.database, "me", status=75).err
        assert waiting.tables() == before
        assert "live" in waiting.dbproc("status", "--json").json["lock"]
        release(waiting, 2)
        assert first.communicate(timeout=60)[1] == ""
        assert first.returncode == 0
    finally:
        first.kill()
    check_all_is_built(waiting)


def release(mission: Mission, count: int) -> None:
    """Open the gate for jobs that wait, and take it away."""
    gate = mission.root / "gate"
    keep = os.open(gate, os.O_RDWR)
    gate.unlink()
    os.write(keep, b"go\n" * count)
    wait_for(lambda: not jobs_of(mission), "the jobs to end")
    os.close(keep)


@pytest.mark.both_databases
def test_runs_started_at_the_same_time_do_the_work_once(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    runs = [mission.start() for _ in range(4)]
    ends = [(run.communicate(timeout=90), run.returncode) for run in runs]
    assert {status for _, status in ends} <= {0, 75}, ends
    assert 0 in {status for _, status in ends}
    assert not any("Traceback" in end[1] for end, _ in ends)
    assert len(mission.attempts()) == 6
    check_all_is_built(mission)


def test_a_lock_held_on_another_host_needs_a_person(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    hold(mission, hostname="elsewhere")
    done = mission.run(status=78)
    assert "elsewhere" in done.err
    assert f'dbproc unlock --reason "why" -m {quote(shown_name(database_url(mission.database)))}' in done.err
    assert mission.waiting() == RAW
    mission.script("clearProcessingFlag.py", mission.database, "it burnt down")
    assert mission.rows("SELECT comment FROM logging")[0] == ("cleared: it burnt down",)
    mission.run()
    check_all_is_built(mission)


@pytest.mark.in_processes
def test_a_lock_whose_pid_belongs_to_another_process_now_is_taken(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    hold(mission, hostname=socket.gethostname(), pid=os.getpid())
    done = mission.run()
    assert "dead run" in done.out
    assert "crashed" in mission.rows("SELECT comment FROM logging ORDER BY logging_id")[0][0]
    check_all_is_built(mission)


def test_the_run_after_a_crash_looks_for_what_it_damaged(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    mission.run()
    files = mission.files()
    missing, cut = files[RAW[0]].path, files[name_of("clean", 2)].path
    content = cut.read_text()
    cut.write_text("")
    mission.run()  # looks at nothing that did not change
    missing.unlink()
    hold(mission, hostname=socket.gethostname())
    said = mission.run(status=1).err
    assert f"problem {missing.name}: is gone from disk; " in said
    assert f"problem truncated {cut}: " in said
    assert len([line for line in said.splitlines() if line.startswith("problem")]) == 2
    cut.write_text(content)


def hold(mission: Mission, hostname: str, pid: int = 1) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    mission.execute(
        "INSERT INTO logging (currently_processing, pid, pid_start_time, boot_id, processing_start_time, mission_id, "
        f"\"user\", hostname) VALUES (true, {pid}, '1', '{boot}', '2020-01-01 00:00:00', 1, 'who', '{hostname}')"
    )


# --- kill -9 ---


@pytest.mark.thorough
def test_a_run_killed_while_jobs_run_is_put_right_by_the_next(waiting: Mission) -> None:
    first = waiting.start()
    began(waiting)
    kill(first)
    assert jobs_of(waiting)
    (waiting.root / "gate").unlink()
    done = waiting.run()
    assert "dead run" in done.out
    assert jobs_of(waiting) == []
    assert "interrupted" in {status for _, _, status in waiting.attempts()}
    check_all_is_built(waiting)


@pytest.mark.thorough
def test_a_job_of_a_killed_run_that_went_elsewhere_is_ended_too(sqlite_mission: Mission) -> None:
    mission = prepared(sqlite_mission, elsewhere="cd /;")
    first = mission.start()
    began(mission)
    kill(first)
    (mission.root / "gate").unlink()
    try:
        mission.run()
        assert jobs_of(mission) == []
    finally:
        for process in jobs_of(mission):
            process.kill()
    check_all_is_built(mission)


@pytest.mark.parametrize("delay", [0.3, 0.5, 0.7, 0.9, 1.1])
@pytest.mark.thorough
def test_a_run_killed_at_any_moment_is_put_right_by_the_next(delay: float, mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    first = mission.start()
    try:
        first.wait(delay)
    except Exception:
        kill(first)
    else:
        first.communicate()
    mission.run()
    check_all_is_built(mission)


@pytest.mark.thorough
def test_a_run_killed_again_and_again_comes_to_its_end(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*RAW)
    for number in range(6):
        run = mission.start()
        try:
            run.wait(0.4 + 0.1 * number)
        except Exception:
            kill(run)
        else:
            run.communicate()
    mission.run()
    check_all_is_built(mission)


# --- signals ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_run_ends_within_seconds_of_a_signal_and_the_next_goes_on(number: signal.Signals, waiting: Mission) -> None:
    first = waiting.start()
    began(waiting)
    first.send_signal(number)
    _, said = first.communicate(timeout=8)
    assert first.returncode == 130
    assert number.name in said
    assert "Traceback" not in said
    assert jobs_of(waiting) == []
    assert waiting.rows("SELECT * FROM logging WHERE currently_processing") == []
    assert {status for _, _, status in waiting.attempts()} == {"interrupted"}
    (waiting.root / "gate").unlink()
    done = waiting.run()
    assert "dead run" not in done.out
    check_all_is_built(waiting)


@pytest.mark.thorough
def test_a_job_that_ignores_the_signal_does_not_hold_the_run(sqlite_mission: Mission) -> None:
    mission = prepared(sqlite_mission, elsewhere="trap '' TERM INT;")
    first = mission.start()
    began(mission)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=15)
    assert jobs_of(mission) == []
    (mission.root / "gate").unlink()
    mission.run()
    check_all_is_built(mission)


def test_a_job_that_was_interrupted_does_not_count_as_failed(sqlite_mission: Mission) -> None:
    mission = prepared(sqlite_mission)
    first = mission.start()
    began(mission)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=15)
    assert {row[0] for row in mission.rows("SELECT failures FROM attempt")} == {0}
    assert mission.dbproc("status", "--json").json["failures"] == []
    (mission.root / "gate").unlink()
    mission.run()


def test_a_job_that_failed_and_then_was_interrupted_is_tried_again(sqlite_mission: Mission) -> None:
    mission = prepared(sqlite_mission, elsewhere=f"[ -e {sqlite_mission.root}/bad ] && exit 3;")
    mission.define(*chain(), retry_seconds=0)
    (mission.root / "bad").touch()
    mission.run(status=1)
    (mission.root / "bad").unlink()
    (mission.root / "began").unlink()
    first = mission.start()
    began(mission)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=15)
    (mission.root / "gate").unlink()
    mission.run()
    check_all_is_built(mission)
