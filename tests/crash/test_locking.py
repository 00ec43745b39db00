"""One run at a time, and no lock that nobody holds stands in the way of the next run."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import pytest

from dbproc.database.store import database_url, shown_name
from tests.crash.concurrent_runs import concurrent_runs
from tests.crash.held import ALL, RAW, Held
from tests.kit.mission import LONGEST_SECONDS, PROCESS_QUEUE, REPOSITORY, kill, wait_for

RUNS = 32


def died(mission: Held) -> None:
    """Leave what a run leaves that was killed while its jobs ran."""
    kill(mission.start_held(prepared="sleep 1000 &"))
    assert mission.jobs() != []  # what a job started lives on, and holds no lock
    mission.let_go()
    assert mission.open_runs() == 1


def test_of_runs_started_at_once_one_works_and_the_others_change_nothing(held: Held, tmp_path: Path) -> None:
    check_one_works(held.set_up(), tmp_path / "runs")


@pytest.mark.thorough
def test_of_runs_that_find_a_dead_holder_at_once_one_takes_its_lock(held_postgres: Held, tmp_path: Path) -> None:
    """SQLite lets one write at a time anyway."""
    died(held_postgres.set_up())
    check_one_works(held_postgres, tmp_path / "runs")


def check_one_works(held: Held, directory: Path) -> None:
    dead = held.rows("SELECT pid FROM logging")
    held.hold()
    with concurrent_runs(held, RUNS, directory) as runs:
        wait_for(lambda: len(runs.ended()) == RUNS - 1, "all runs but one to end")
        turned_away = runs.ended()
        wait_for((held.root.parent / "began").exists, "a job to begin")
        worker = held.one("SELECT pid FROM logging WHERE currently_processing")
        assert held.rows("SELECT pid FROM logging ORDER BY logging_id") == [*dead, (worker,)]
        assert worker not in turned_away
        for pid, status in turned_away.items():
            out, err = runs.said(pid)
            assert (status, out) == (75, ""), err
            assert re.search(rf"another run is live .*PID {worker} ", err), err
            assert len(err.splitlines()) == 1
        held.let_go()
        wait_for(lambda: worker in runs.ended(), "the worker to end")
        assert (runs.ended()[worker], runs.said(worker)[1]) == (0, "")
    assert [status for *_, status in held.attempts()].count("succeeded") == 2 * len(RAW)
    held.check_is_like_undisturbed()


def test_a_run_that_is_turned_away_leaves_every_byte_as_it_is(held: Held) -> None:
    worker = held.set_up().start_held("-n", "1")
    try:
        tree, tables = held.tree(), held.tables()
        held.run(status=75)
        assert held.tables() == tables
        database = Path(held.database).name
        changed = {path for path, fact in held.tree().items() if tree.get(path) != fact}
        assert {path for path in changed if not path.name.startswith(database)} == set()
    finally:
        held.let_go()
        worker.communicate(timeout=LONGEST_SECONDS)
    assert worker.returncode == 0
    assert sorted(held.files()) == ALL


def test_a_live_holder_is_not_cleared(held: Held) -> None:
    worker = held.set_up().start_held()
    try:
        before = held.tables()
        done = held.script("clearProcessingFlag.py", held.database, "in my way", status=75)
        assert f"kill {worker.pid}" in done.err
        assert held.tables() == before
        assert worker.poll() is None
    finally:
        held.let_go()
        worker.communicate(timeout=LONGEST_SECONDS)
    assert worker.returncode == 0
    assert sorted(held.files()) == ALL


def test_a_holder_on_another_host_needs_a_person_and_loses_nothing_when_cleared(held: Held) -> None:
    died(held.set_up())
    held.execute("UPDATE logging SET hostname = 'elsewhere', boot_id = 'another'")
    before, waiting = held.tables(), held.waiting()
    for _ in range(2):
        done = held.run(status=78)
        assert "elsewhere" in done.err
        assert f'dbproc unlock --reason "why" -m {quote(shown_name(database_url(held.database)))}' in done.err
        assert "cannot be told" in held.dbproc("status").out
    assert held.tables() == before
    assert held.waiting() == waiting
    held.script("clearProcessingFlag.py", held.database, "it burnt down")
    assert held.rows("SELECT currently_processing, comment FROM logging") == [(False, "cleared: it burnt down")]
    held.run()
    held.check_is_like_undisturbed()


def test_a_lock_that_was_cleared_after_a_kill_loses_nothing(held_sqlite: Held) -> None:
    kill(held_sqlite.set_up().start_held(prepared="sleep 1000 &"))
    assert held_sqlite.jobs() != []
    held_sqlite.script("clearProcessingFlag.py", held_sqlite.database, "it was killed")
    assert held_sqlite.rows("SELECT currently_processing, comment FROM logging") == [(False, "cleared: it was killed")]
    held_sqlite.let_go()
    held_sqlite.run()
    assert held_sqlite.jobs() == []
    held_sqlite.check_is_like_undisturbed()


def of_this_process(mission: Held) -> None:
    """The lock's PID, start time and boot are those of a process that lives: this one."""
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    mission.execute(f"UPDATE logging SET pid = {os.getpid()}, pid_start_time = '{start}'")
    mission.in_processes = True  # the runs that find this process are others


def reuse(mission: Held) -> None:
    """The holder's PID belongs to another process by now."""
    of_this_process(mission)
    mission.execute("UPDATE logging SET pid_start_time = '1'")


def reboot(mission: Held) -> None:
    """The machine was started anew, and another process came to the same PID at the same time after the start."""
    of_this_process(mission)
    mission.execute("UPDATE logging SET boot_id = '00000000-0000-0000-0000-000000000000'")


def earlier_dbproc(mission: Held) -> None:
    """The holder did not lock the file, as an earlier dbproc."""
    mission.execute("UPDATE logging SET machine_id = NULL, pid_namespace = NULL, lock_mark = NULL")


def clock(mission: Held) -> None:
    """The clock was years ahead when the holder began."""
    mission.execute("UPDATE logging SET processing_start_time = '2099-01-01 00:00:00'")


def test_a_lock_whose_pid_belongs_to_another_process_now_is_taken(held: Held) -> None:
    check_is_taken(held, reuse)


@pytest.mark.parametrize("event", [reboot, clock, earlier_dbproc], ids=lambda event: event.__name__)
def test_a_dead_holders_lock_is_taken_by_itself(event: Callable[[Held], None], held_sqlite: Held) -> None:
    check_is_taken(held_sqlite, event)


def check_is_taken(mission: Held, event: Callable[[Held], None]) -> None:
    died(mission.set_up())
    event(mission)
    done = mission.run()
    assert "taken from a dead run" in done.out
    comments = mission.rows("SELECT comment FROM logging ORDER BY logging_id")
    assert comments == [("crashed: found dead by the next run",), ("done",)]
    mission.check_is_like_undisturbed()


# --- a holder that cannot be seen ---

CONTAINER = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "sh", "-c")
"""Needs root: a PID namespace and a hostname of its own, as containers have them."""
OTHER_BOOT = 'echo another > "$0" && mount --bind "$0" /proc/sys/kernel/random/boot_id'
OTHER_MACHINE = f'{OTHER_BOOT} && head -c 33 /dev/zero | tr "\\0" f > "$0.id" && mount --bind "$0.id" /etc/machine-id'


def in_container(mission: Held, prepare: str = "hostname node2") -> tuple[int, str]:
    """A run in a container of its own, made as `prepare` says; its exit status and what it said."""
    script = f'{prepare} && exec "$@"'
    scratch = str(mission.root.parent / "scratch")
    words = [*CONTAINER, script, scratch, sys.executable, PROCESS_QUEUE, "-m", mission.database]
    done = subprocess.run(words, cwd=REPOSITORY, env=mission.environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@contextmanager
def held_in_container(mission: Held) -> Iterator[subprocess.Popen[str]]:
    """A run in a container, one of whose jobs has begun and waits; in the end all of it is killed."""
    mission.hold()
    words = [*CONTAINER, 'hostname node1 && exec "$@"', "sh", sys.executable, PROCESS_QUEUE, "-m", mission.database]
    run = subprocess.Popen(words, cwd=REPOSITORY, env=mission.environment, text=True)
    try:
        wait_for((mission.root.parent / "began").exists, "a job to begin")
        yield run
    finally:
        run.kill()
        run.wait()
        mission.let_go()
        wait_for(lambda: mission.jobs() == [], "the container to end")


def test_a_run_in_another_container_keeps_its_lock_until_it_is_killed(held: Held) -> None:
    with held_in_container(held.set_up()):
        before = held.tables()
        for status, said in (in_container(held), in_container(held, "true")):
            assert (status, "another run is live" in said) == (75, True), said
        held.run(status=75)
        assert "is alive" in held.dbproc("unlock", "--reason", "in my way", status=75).err
        assert "(live)" in held.dbproc("status").out
        assert held.tables() == before
    status, said = in_container(held)
    assert (status, "taken from a dead run" in said) == (0, True), said
    held.check_is_like_undisturbed()


def test_the_file_tells_of_a_holder_that_died_before_the_machine_was_started_anew(held_sqlite: Held) -> None:
    with held_in_container(held_sqlite.set_up()):
        pass
    held_sqlite.execute(f"UPDATE logging SET hostname = '{socket.gethostname()}'")
    before = held_sqlite.tables()
    status, said = in_container(held_sqlite, OTHER_MACHINE)
    assert (status, "another machine has its name" in said) == (78, True), said
    assert held_sqlite.tables() == before
    status, said = in_container(held_sqlite, OTHER_BOOT)
    assert (status, "taken from a dead run" in said) == (0, True), said
    held_sqlite.check_is_like_undisturbed()


def test_a_live_holder_whose_file_was_removed_keeps_its_lock(held_sqlite: Held) -> None:
    worker = held_sqlite.set_up().start_held()
    try:
        (held_sqlite.root / ".dbproc" / "lock").unlink()
        worker.send_signal(signal.SIGSTOP)
        assert f"PID {worker.pid} " in held_sqlite.run(status=75).err
        status, said = in_container(held_sqlite)
        assert (status, "dbproc unlock" in said) == (78, True), said
    finally:
        worker.send_signal(signal.SIGCONT)
        held_sqlite.let_go()
        worker.communicate(timeout=LONGEST_SECONDS)
    assert worker.returncode == 0
    assert sorted(held_sqlite.files()) == ALL


@pytest.mark.parametrize("event", [lambda mission: None, clock], ids=["now", "clock"])
@pytest.mark.thorough
def test_a_live_holder_keeps_its_lock_whatever_the_clock_says(event: Callable[[Held], None], held_sqlite: Held) -> None:
    held_sqlite.set_up()
    died(held_sqlite)
    of_this_process(held_sqlite)
    earlier_dbproc(held_sqlite)
    event(held_sqlite)
    before = held_sqlite.tables()
    assert f"PID {os.getpid()}" in held_sqlite.run(status=75).err
    assert held_sqlite.tables() == before
    reuse(held_sqlite)
    held_sqlite.run()
    assert sorted(held_sqlite.files()) == ALL
