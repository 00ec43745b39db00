"""Jobs of the local engine: each comes to an outcome, whatever the system lacks, and leaves nothing running."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from dbproc.core.errors import UserError
from dbproc.core.model import Ending, Job, Outcome
from dbproc.engines import local
from dbproc.engines import process as execution
from dbproc.engines.local import LocalEngine
from dbproc.system import processes
from dbproc.system.signals import Interrupted

LONG = 60.0
"""Seconds within which everything here ends on the busiest of machines."""


class Bench:
    """An engine, and jobs that are shell scripts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.engine = LocalEngine(2)
        self.count = 0

    def job(self, script: str, *words: str, limit: float | None = None, cpu: int = 1, log: str | None = None) -> Job:
        self.count += 1
        return Job(
            attempt_id=self.count,
            command=("/bin/bash", "-c", script, "job", *words),
            directory=str(self.directory / f"1-{self.count}"),
            log=log or str(self.directory / f"1-{self.count}.log"),
            cpu=cpu,
            ram=0.0,
            time_limit=limit,
        )

    def outcome(self, job: Job) -> Outcome:
        self.engine.start(job)
        return self.next()

    def next(self) -> Outcome:
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:
            self.engine.wait(0.1)
            for outcome in self.engine.finished():
                return outcome
        raise AssertionError("a job has no outcome")

    def pid(self, name: str) -> psutil.Process:
        """The process that wrote its number into a file."""
        path = self.directory / name
        deadline = time.monotonic() + LONG
        while not (path.exists() and path.read_text().strip()):
            assert time.monotonic() < deadline, f"nothing wrote {name}"
            time.sleep(0.01)
        return psutil.Process(int(path.read_text()))

    def lives(self, name: str) -> bool:
        try:
            return bool(self.pid(name).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.engine.stop()


# --- every end is an outcome ---


@pytest.mark.parametrize("days", [24, 25, 30, 36_500, 1e12])
def test_a_time_limit_may_be_as_long_as_anybody_likes(bench: Bench, days: float) -> None:
    assert bench.outcome(bench.job(":", limit=days * 86_400)).ending is Ending.SUCCEEDED


@pytest.fixture(params=["ENOSYS", "EPERM", "EMFILE", "never heard of"])
def without_descriptors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel, a container, or a platform in which no descriptor of a process can be had."""
    import errno

    def refuse(pid: int, flags: int = 0) -> int:
        number = getattr(errno, request.param)
        raise OSError(number, os.strerror(number))

    if hasattr(errno, request.param):
        monkeypatch.setattr(os, "pidfd_open", refuse)
    else:
        monkeypatch.delattr(os, "pidfd_open")


@pytest.mark.usefixtures("without_descriptors")
def test_without_descriptors_of_processes_jobs_end_as_ever(bench: Bench) -> None:
    assert bench.outcome(bench.job("exit 0")).ending is Ending.SUCCEEDED
    assert bench.outcome(bench.job("exit 3")).message == "exit status 3"
    late = bench.outcome(bench.job("sleep 1000", limit=0.2))
    assert (late.ending, late.exit_status) == (Ending.TIMED_OUT, -signal.SIGTERM)
    bench.engine.start(bench.job("sleep 1000"))
    assert [outcome.ending for outcome in bench.engine.stop()] == [Ending.INTERRUPTED]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("a\0b", "an argument holds a NUL byte, which no command line can"),
        ("\ud800", "an argument holds '\\ud800', which cannot be written in utf-8; run it in UTF-8"),
        ("x" * (4 << 20), execution.TOO_LONG),
    ],
    ids=["NUL", "surrogate", "too long"],
)
def test_an_argument_that_no_command_line_holds_fails_its_job_alone(bench: Bench, word: str, words: str) -> None:
    outcome = bench.outcome(bench.job(":", word))
    assert (outcome.ending, outcome.exit_status) == (Ending.FAILED, None)
    assert outcome.message == f"cannot start /bin/bash: {words}"
    assert bench.outcome(bench.job(":")).ending is Ending.SUCCEEDED


def test_a_log_that_cannot_be_written_fails_its_job(bench: Bench) -> None:
    outcome = bench.outcome(bench.job(":", log=str(bench.directory / "none" / "1.log")))
    assert outcome.message == f"cannot start /bin/bash: No such file or directory ({bench.directory}/none/1.log)"
    outcome = bench.outcome(bench.job(":", log="/dev/full"))
    assert outcome.message == "cannot start /bin/bash: No space left on device"


@pytest.mark.parametrize("instead", ["mkfifo {0}", "mkdir {0}", "ln -s /etc/passwd {0}", "ln -s /dev/zero {0}", "true"])
def test_whatever_a_job_leaves_in_place_of_its_log_it_has_an_outcome(bench: Bench, instead: str) -> None:
    log = bench.directory / "1-1.log"
    outcome = bench.outcome(bench.job(f"rm {log}; {instead.format(log)}; exit 3"))
    assert (outcome.ending, outcome.message) == (Ending.FAILED, "exit status 3")


def test_no_descriptor_left_fails_a_job_and_not_the_next(bench: Bench) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    job = bench.job(":")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        outcome = bench.outcome(job)
        with pytest.raises(UserError, match="no job can be executed: Too many open files; see ulimit -n"):
            LocalEngine(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert outcome.ending is Ending.FAILED
    assert "Too many open files" in outcome.message
    assert bench.outcome(bench.job(":")).ending is Ending.SUCCEEDED


def test_a_job_for_which_no_thread_can_be_had_waits_for_one_that_ends_or_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(bench.directory / "go")
    bench.engine.start(bench.job("echo $$ > ../began; read line < ../go"))
    bench.pid("began")

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        bench.engine.start(bench.job(":"))
        (bench.directory / "go").write_text("go\n")
        assert [bench.next().ending for _ in range(2)] == [Ending.SUCCEEDED] * 2
        outcome = bench.outcome(bench.job(":"))
    assert outcome.ending is Ending.FAILED
    assert "can't start new thread" in outcome.message
    assert bench.outcome(bench.job(":")).ending is Ending.SUCCEEDED


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("odd"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_is_raised_while_a_job_runs_it_has_an_outcome_and_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def raise_it(*_: object, **__: object) -> None:
        bench.pid("began")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(execution._Watch, "wait", raise_it)
        outcome = bench.outcome(bench.job("echo $$ > ../began; exec sleep 1000"))
    assert outcome.ending is Ending.FAILED
    assert type(error).__name__ in outcome.message
    assert not bench.lives("began")
    assert bench.outcome(bench.job(":")).ending is Ending.SUCCEEDED


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_job_of_a_thread_that_is_gone_has_an_outcome(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> Outcome:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(local, "execute", end)
        outcome = bench.outcome(bench.job(":"))
    assert (outcome.ending, outcome.message) == (
        Ending.FAILED,
        "the run could not look after it: its thread has ended",
    )
    assert bench.outcome(bench.job(":")).ending is Ending.SUCCEEDED


class Held(threading.Thread):
    """A thread whose first step comes late, while who starts it has been told to end."""

    begins: ClassVar[list[threading.Thread]] = []

    def start(self) -> None:
        self.begins.append(self)
        raise Interrupted("SIGTERM")


def test_a_job_whose_thread_begins_after_the_run_ended_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.job("echo began > ../began")
    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", Held)
        with pytest.raises(Interrupted):
            bench.engine.start(job)
    assert [outcome.ending for outcome in bench.engine.stop()] == [Ending.INTERRUPTED]
    for thread in Held.begins:
        threading.Thread.start(thread)
        thread.join(LONG)
    assert not os.path.exists(job.directory)
    assert not (bench.directory / "began").exists()


def test_what_cannot_be_ended_does_not_keep_a_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LONGEST_STOP", 0.5)
    bench.engine.start(bench.job("echo $$ > ../began; exec sleep 1000"))
    process = bench.pid("began")
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", lambda *_: None)  # as if it waited for a disk that does not answer
        began = time.monotonic()
        assert [outcome.ending for outcome in bench.engine.stop()] == [Ending.INTERRUPTED]
        assert time.monotonic() - began < execution.GRACE_SECONDS
    process.kill()


# --- what a job leaves running ---

RETITLED = """
import ctypes, os, time
stat = open("/proc/self/stat").read().rpartition(")")[2].split()
ctypes.memset(int(stat[47]), 0, int(stat[48]) - int(stat[47]))
open("../left", "w").write(str(os.getpid()))
time.sleep(1000)
"""
"""As servers do: its environment is overwritten."""
LEAVING = {
    "in its group": "sh -c 'echo $$ > ../left; exec sleep 1000' &",
    "in a session of its own": "setsid sh -c 'echo $$ > ../left; exec sleep 1000' &",
    "without a parent": "(setsid sh -c 'echo $$ > ../left; exec sleep 1000' &) &",
    "deaf": "setsid nohup sh -c 'trap \"\" TERM HUP INT; echo $$ > ../left; while :; do sleep 1; done' > /dev/null &",
    "below one that bears the mark": 'setsid sh -c \'env -i /bin/sh -c "echo \\$\\$ > ../left; exec /bin/sleep 1000" & '
    "exec sleep 1000' &",
    "under another title": '"$1" -c "$2" &',
}
BEGUN = "\nwhile [ ! -s ../left ]; do sleep 0.01; done\n"


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("end", ["exit 0", "exit 1", "sleep 1000"])
def test_what_a_job_leaves_is_gone_when_it_has_an_outcome(bench: Bench, how: str, end: str) -> None:
    limit = 1.0 if end == "sleep 1000" else None
    outcome = bench.outcome(bench.job(LEAVING[how] + BEGUN + end, sys.executable, RETITLED, limit=limit))
    expected = {"exit 0": Ending.SUCCEEDED, "exit 1": Ending.FAILED, "sleep 1000": Ending.TIMED_OUT}
    assert not bench.lives("left")
    assert outcome.ending is expected[end]


def test_what_becomes_another_program_as_it_is_looked_at_is_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile it shows no environment, and has left the session of its job."""
    really, looked_at = processes._read, set[str]()

    def read(path: str) -> bytes:
        is_first = path.endswith("/environ") and path not in looked_at
        looked_at.add(path)
        return b"" if is_first else really(path)

    monkeypatch.setattr(processes, "_read", read)
    bench.outcome(bench.job(LEAVING["in a session of its own"] + BEGUN))
    assert not bench.lives("left")


def test_by_a_time_limit_what_has_left_its_environment_is_ended_too(bench: Bench) -> None:
    without = "setsid env -i /bin/sh -c 'echo $$ > ../left; exec /bin/sleep 1000' &"
    assert bench.outcome(bench.job(without + BEGUN + "sleep 1000", limit=1.0)).ending is Ending.TIMED_OUT
    assert not bench.lives("left")


@pytest.mark.parametrize("how", ["in its group", "without a parent", "deaf"])
def test_where_nothing_is_adopted_it_is_found_by_its_mark(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(processes, "adopt", lambda: False)
    bench.engine = LocalEngine(1)
    assert bench.outcome(bench.job(LEAVING[how] + BEGUN)).ending is Ending.SUCCEEDED
    assert not bench.lives("left")


def test_where_the_kernel_lists_no_children_it_is_found_by_its_mark(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "adopted", lambda: None)
    bench.engine = LocalEngine(1)
    assert bench.outcome(bench.job(LEAVING["without a parent"] + BEGUN)).ending is Ending.SUCCEEDED
    assert not bench.lives("left")


HURRIED = """
import os, time
os.setsid()
for _ in range(100_000):
    if os.fork():
        os._exit(0)
    with open("../left", "w") as stream:
        stream.write(str(os.getpid()))
    time.sleep(0.002)
"""


def test_what_forks_in_a_hurry_does_not_get_away(bench: Bench) -> None:
    script = f'"$1" -c "$2" & {BEGUN}'
    assert bench.outcome(bench.job(script, sys.executable, HURRIED)).ending is Ending.SUCCEEDED
    mark = str(bench.directory)
    assert processes.marked(lambda place: place.startswith(mark)) == []


def test_nothing_is_written_after_the_outcome(bench: Bench) -> None:
    writing = "exec 3>>../written; setsid sh -c 'echo $$ > ../left; while :; do echo late >&3; done' &"
    bench.outcome(bench.job(writing + BEGUN))
    size = (bench.directory / "written").stat().st_size
    time.sleep(0.2)
    assert (bench.directory / "written").stat().st_size == size


def test_the_end_of_one_job_ends_nothing_of_another(bench: Bench) -> None:
    bench.engine.start(bench.job(LEAVING["in a session of its own"] + BEGUN + "sleep 1000"))
    bench.pid("left")
    assert bench.outcome(bench.job("setsid sleep 1000 & exit 0")).ending is Ending.SUCCEEDED
    assert bench.lives("left")
    bench.engine.stop()
    assert not bench.lives("left")


def test_whoever_stands_in_a_jobs_directory_stays(bench: Bench) -> None:
    bench.engine.start(bench.job("echo $$ > ../began; exec sleep 1000"))
    bench.pid("began")
    with subprocess.Popen(["sleep", "1000"], cwd=bench.directory / "1-1", start_new_session=True) as bystander:
        try:
            bench.engine.stop()
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_what_was_adopted_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbproc.engines import strays

    monkeypatch.setattr(strays, "_REAP_SECONDS", 0.0)
    before = set(psutil.Process().children())
    for _ in range(3):
        bench.outcome(bench.job("(setsid true &); (true &); setsid sleep 1000 & sleep 0.1"))
    bench.engine.finished()
    assert set(psutil.Process().children()) <= before


# --- a shutdown, or a job that was killed ---

KILLED = {
    "SIGTERM": "kill $$",
    "SIGHUP": "kill -HUP $$",
    "143": "exit 143",
    "130": "exit 130",
}


@pytest.mark.parametrize("how", KILLED)
def test_a_job_that_dies_of_a_shutdown_a_moment_before_its_run_hears_of_it_was_interrupted(
    bench: Bench, how: str
) -> None:
    bench.engine.start(bench.job(f"echo $$ > ../began; {KILLED[how]}"))
    while not (bench.directory / "began").exists() or bench.lives("began"):
        time.sleep(0.005)
    assert [outcome.ending for outcome in bench.engine.stop()] == [Ending.INTERRUPTED]


@pytest.mark.parametrize(
    ("how", "message"),
    [("kill $$", "killed by SIGTERM"), ("kill -9 $$", "killed by SIGKILL"), ("exit 143", "exit status 143")],
)
def test_a_job_that_is_killed_while_its_run_lives_on_has_failed(bench: Bench, how: str, message: str) -> None:
    outcome = bench.outcome(bench.job(how))
    assert (outcome.ending, outcome.message) == (Ending.FAILED, message)
