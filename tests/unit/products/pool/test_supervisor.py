"""The worker and who asks it, without the mission around them."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbproc.core.errors import InspectionError
from dbproc.products.pool.child import Answer, Child, Limits
from dbproc.products.pool.protocol import Reply, line
from dbproc.products.pool.supervisor import Supervisor

HEAD = "import os, sys, time, ctypes, signal\nfrom dbproc.products import Facts, Inspector\n"
WRITE = """
def write(data, times):
    for fd in sorted(map(int, os.listdir("/proc/self/fd")))[3:]:
        for _ in range(times):
            try:
                os.write(fd, data)
            except OSError:
                break

def later(work):
    time.sleep(0.2)
    work()
"""
LIMIT = 400 << 20
TOO_LARGE = (
    "its inspector needs more than the memory limit of 400 MiB; "
    "a larger inspector_memory in the mission file gives it more"
)
HUNG = "its inspector hung for {} s and was ended; a larger inspector_seconds in the mission file gives it longer"


def setup(inspector: Path | str) -> bytes:
    row = {"product_id": 1, "name": "p", "level": 0.0, "directory": "d", "format": "{any}", "instrument": "i"}
    row |= {"satellite": "s", "inspector_id": 1, "inspector": str(inspector), "arguments": {}, "covers": None}
    names = ("name", "root", "incoming", "quarantine", "code_directory", "inspector_directory")
    return line({"mission": {"mission_id": 1, **dict.fromkeys(names, "/m")}, "products": [row]})


class Bench:
    """A directory with one inspector whose deeds depend on the file's name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.supervisors: list[Supervisor] = []
        self._others = living_workers()  #: of tests before this one, whose supervisors are not collected yet

    def supervisor(
        self, body: str, *, seconds: float = 20.0, memory: int = 2 << 30, size: int | None = None, more: str = ""
    ) -> Supervisor:
        inspector = self._directory / "insp.py"
        method = "class Mine(Inspector):\n    def inspect(self, path, name):\n        name = os.path.basename(path)\n"
        rest = textwrap.indent(textwrap.dedent(body).strip(), "        ") + "\n        return name\n"
        inspector.write_text(HEAD + more + method + rest)
        self.supervisors.append(Supervisor(setup(inspector), Limits(seconds, memory), size))
        return self.supervisors[-1]

    def workers(self) -> list[psutil.Process]:
        """The workers that live and were started since."""
        return [each for each in living_workers() if each not in self._others]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for supervisor in bench.supervisors:
        supervisor.close()


def asked(supervisor: Supervisor, *names: str) -> list[Answer]:
    return supervisor.ask([("inspect", 1, f"/in/{name}") for name in names])


def living_workers() -> list[psutil.Process]:
    """The workers that are children of this process."""
    living = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in living if "dbproc.products.pool.worker" in each.cmdline()]


GOOD = [Answer(Reply.REASON, name) for name in ("a", "b", "c", "d")]


def test_answers_come_in_the_order_of_the_questions(bench: Bench) -> None:
    names = [f"f{number}" for number in range(3_000)]
    answers = asked(bench.supervisor("pass"), *names)
    assert [answer.content for answer in answers] == names


def test_one_worker_serves_a_handful_of_questions(bench: Bench) -> None:
    supervisor = bench.supervisor("return str(os.getpid())", size=4)
    assert len({answer.content for _ in range(3) for answer in asked(supervisor, "a", "b", "c", "d")}) == 1
    assert len(bench.workers()) == 1


def test_many_questions_are_answered_by_several_workers_and_no_more_than_allowed(bench: Bench) -> None:
    supervisor = bench.supervisor("time.sleep(0.05)\nreturn name + ' ' + str(os.getpid())", size=3)
    names = [f"f{number}" for number in range(100)]
    answers = [str(answer.content).split() for answer in asked(supervisor, *names)]
    assert [name for name, _ in answers] == names
    assert len({pid for _, pid in answers}) == 3
    assert len(bench.workers()) == 3


@pytest.mark.parametrize("place", [0, 400], ids=["first", "among quick ones"])
@pytest.mark.thorough
def test_a_file_that_hangs_holds_up_one_worker_and_no_other_file(bench: Bench, place: int) -> None:
    supervisor = bench.supervisor("time.sleep(1000 * (name == 'bad'))\nreturn str(time.time())", seconds=6.0, size=2)
    names = ["a"] * 500
    names.insert(place, "bad")
    began = time.time()
    answers = asked(supervisor, *names)
    assert answers.pop(place) == Answer(Reply.FAILED, HUNG.format(6))
    assert max(float(str(answer.content)) for answer in answers) < began + 5.5


def test_what_waits_behind_a_file_that_takes_long_is_given_to_others(bench: Bench) -> None:
    supervisor = bench.supervisor("time.sleep(1.7 * (name == 'slow'))", size=2)
    names = [*["a"] * 400, "slow", *["b"] * 80]
    assert [answer.content for answer in asked(supervisor, *names)] == names
    assert asked(supervisor, "a", "b", "c") == GOOD[:3]


def test_each_file_that_kills_its_worker_is_blamed_and_no_other(bench: Bench) -> None:
    supervisor = bench.supervisor("if name == 'bad': os.abort()\ntime.sleep(0.02)", size=3)
    names = ["bad" if number % 20 == 7 else "a" for number in range(100)]
    died = Answer(Reply.FAILED, "its inspector died by signal SIGABRT")
    assert asked(supervisor, *names) == [died if name == "bad" else GOOD[0] for name in names]


def test_a_file_that_kills_its_worker_is_asked_about_twice_at_most(bench: Bench, tmp_path: Path) -> None:
    mark = f"with open({str(tmp_path / 'asked')!r}, 'a') as log: log.write('x')"
    supervisor = bench.supervisor(f"if name == 'bad':\n    {mark}\n    os.abort()\ntime.sleep(0.05)", size=3)
    asked(supervisor, *["a"] * 60, "bad", *["a"] * 60)
    assert (tmp_path / "asked").read_text() == "xx"


def test_what_waits_for_a_worker_that_is_replaced_is_asked_elsewhere(bench: Bench) -> None:
    supervisor = bench.supervisor("sys.left = bytearray(330 << 20) if name == 'large' else b''", memory=LIMIT, size=2)
    names = [*["a"] * 200, "large", *["b"] * 200]
    assert [answer.content for answer in asked(supervisor, *names)] == names


@pytest.mark.parametrize("how", ["cannot be started", "ends before it is ready"])
@pytest.mark.thorough
def test_helpers_that_cannot_start_are_done_without(bench: Bench, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def child(first_line: bytes, limits: Limits) -> Child:
        is_first = not bench.workers()
        if not is_first and how == "cannot be started":
            raise InspectionError("no more processes")
        return Child(first_line if is_first else b"no json\n", limits)

    monkeypatch.setattr("dbproc.products.pool.supervisor.Child", child)
    names = [f"f{number}" for number in range(30)]
    answers = asked(bench.supervisor("time.sleep(0.05)", size=3), *names)
    assert [answer.content for answer in answers] == names
    assert len(bench.workers()) == 1


def test_no_worker_runs_before_it_is_needed_nor_after_the_end(bench: Bench) -> None:
    supervisor = bench.supervisor("pass")
    assert asked(supervisor) == []
    assert bench.workers() == []
    asked(supervisor, "a")
    assert len(bench.workers()) == 1
    supervisor.close()
    assert bench.workers() == []


DEATHS = {
    "ctypes.string_at(0)": "died by signal SIGSEGV",
    "os.abort()": "died by signal SIGABRT",
    "os.kill(os.getpid(), signal.SIGKILL)": "died by signal SIGKILL",
    "os._exit(0)": "ended its process with exit status 0",
    "os._exit(7)": "ended its process with exit status 7",
    "os.closerange(0, 1 << 20)": "died by signal|ended its process|closed the worker's connection|is not ready",
}


@pytest.mark.parametrize("deed", DEATHS)
def test_a_death_costs_one_file_its_answer_and_no_other(bench: Bench, deed: str, request: Any) -> None:
    answers = asked(bench.supervisor(f"if name == 'bad': {deed}"), "a", "b", "bad", "c", "d")
    bad = answers.pop(2)
    assert answers == GOOD
    assert bad.reply is Reply.FAILED
    assert any(words in str(bad.content) for words in DEATHS[deed].split("|"))


def test_a_hang_is_ended_after_the_time_limit(bench: Bench) -> None:
    answers = asked(bench.supervisor("while name == 'bad': pass", seconds=2.0), "a", "b", "bad", "c", "d")
    assert answers.pop(2) == Answer(Reply.FAILED, HUNG.format(2))
    assert answers == GOOD


def test_what_says_a_little_now_and_then_hangs_all_the_same(bench: Bench) -> None:
    body = """
        while name == "bad":
            write(b"x", 1)
            time.sleep(0.1)
    """
    answers = asked(bench.supervisor(body, seconds=2.0, more=WRITE), "a", "b", "bad", "c", "d")
    assert answers.pop(2) == Answer(Reply.FAILED, HUNG.format(2))
    assert answers == GOOD


def test_the_start_of_a_worker_does_not_count_as_time_of_a_file(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(1.5)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert asked(bench.supervisor("pass", seconds=1.0), "a", "b") == GOOD[:2]


def test_the_time_limit_is_for_each_file_not_for_all(bench: Bench) -> None:
    names = ["a", "b", "c", "d"]
    assert [a.content for a in asked(bench.supervisor("time.sleep(0.8)", seconds=3.0), *names)] == names


def test_a_child_that_holds_the_connection_of_a_dead_worker_is_no_hang(bench: Bench) -> None:
    body = """
        if name == "bad" and os.fork():
            os._exit(7)
        if name == "bad":
            os.setsid()
            time.sleep(8)
            os._exit(0)
    """
    answers = asked(bench.supervisor(body, seconds=3.0), "a", "b", "bad", "c", "d")
    assert answers.pop(2) == Answer(Reply.FAILED, "its inspector ended its process with exit status 7")
    assert answers == GOOD


def test_the_end_of_a_hang_ends_the_children_of_the_inspector_too(bench: Bench, tmp_path: Path) -> None:
    body = f"""
        import subprocess
        child = subprocess.Popen(["sleep", "600"])
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        child.wait()
    """
    asked(bench.supervisor(body, seconds=2.0), "a")
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail("the inspector's child still runs")


def test_what_an_inspector_prints_hurts_nobody(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    body = """
        print("x" * 100_000_000)
        os.write(1, b"y" * 1_000_000)
        sys.stderr.write("z" * 1_000_000)
        if name == "b":
            sys.stdout.close()
    """
    assert asked(bench.supervisor(body), "a", "b", "c", "d") == GOOD
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("sys.exit(3)", "it raised SystemExit: 3 (insp.py, line 6)"),
        ("raise KeyboardInterrupt", "it raised KeyboardInterrupt (insp.py, line 6)"),
        ("{}['station']", "it raised KeyError: 'station' (insp.py, line 6)"),
        ("raise type('Odd', (Exception,), {'__str__': None})()", "it raised Odd: (its text cannot be shown)"),
    ],
)
def test_what_it_raises_is_told_with_its_place(bench: Bench, deed: str, words: str) -> None:
    answers = asked(bench.supervisor(f"if name == 'bad': {deed}"), "a", "b", "bad", "c", "d")
    bad = answers.pop(2)
    assert answers == GOOD
    assert bad.reply is Reply.FAILED
    assert str(bad.content).startswith(words)


def test_a_file_that_needs_more_memory_than_allowed_is_named(bench: Bench) -> None:
    supervisor = bench.supervisor("x = bytearray(1 << 30) if name == 'bad' else b''", memory=LIMIT)
    answers = asked(supervisor, "a", "b", "bad", "c", "d")
    assert answers.pop(2) == Answer(Reply.FAILED, TOO_LARGE)
    assert answers == GOOD


def test_a_leak_harms_no_later_file(bench: Bench) -> None:
    body = """
        leaked = sys.__dict__.setdefault("leaked", [])
        leaked.append(bytearray(60 << 20))
        try:
            bytearray(70 << 20)
        except MemoryError:
            return "cannot be read, says a library that has no memory left"
    """
    names = [str(number) for number in range(12)]
    answers = asked(bench.supervisor(body, memory=LIMIT), *names)
    assert [answer.content for answer in answers] == names


LEFT_BEHIND = {
    "an alarm": "signal.setitimer(signal.ITIMER_REAL, 0.2)",
    "a thread that writes rubbish": "Thread(target=later, args=[lambda: write(b'rubbish\\n', 1)]).start()",
    "a thread that writes without end": "Thread(target=later, args=[lambda: write(b'x' * 65536, 80)]).start()",
    "a child that writes rubbish": "os.fork() or (os.setsid(), later(lambda: write(b'rubbish\\n', 1)), os._exit(0))",
    "a child that goes on as its parent does": "os.fork()",
}


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_what_an_inspector_leaves_behind_is_not_laid_at_the_next_files_door(bench: Bench, what: str) -> None:
    body = f"""
        if name == "a":
            {LEFT_BEHIND[what]}
        if name == "b":
            time.sleep(0.5)
    """
    assert asked(bench.supervisor(body, more="from threading import Thread\n" + WRITE), "a", "b", "c", "d") == GOOD


@pytest.fixture
def few_files() -> Iterator[None]:
    """No process may have more than 200 files open, or a few more than this one has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(200, highest + 60), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
def test_files_left_open_are_no_burden_to_later_files(bench: Bench) -> None:
    supervisor = bench.supervisor("sys.__dict__.setdefault('left', []).extend(open('/dev/null') for _ in range(40))")
    names = [str(number) for number in range(24)]
    assert [answer.content for answer in asked(supervisor, *names)] == names


def test_writing_into_the_connection_is_noticed(bench: Bench) -> None:
    body = """
        if name == "bad":
            for fd in range(3, 512):
                try:
                    os.write(fd, b'[0,"reason","forged",false]\\n[')
                except OSError:
                    pass
    """
    answers = asked(bench.supervisor(body), "a", "b", "bad", "c", "d")
    bad = answers.pop(2)
    assert answers == GOOD
    assert "wrote into the worker's connection" in str(bad.content)


def test_an_answer_cannot_be_given_for_another_file(bench: Bench) -> None:
    body = """
        if name == "bad":
            frame = sys._getframe()
            while "question" not in frame.f_locals:
                frame = frame.f_back
            (key, *_) = frame.f_locals["question"]
            for number in range(key, key + 3):
                write(b'[%d,"reason","forged",false]\\n' % number, 1)
    """
    answers = asked(bench.supervisor(body, more=WRITE), "a", "b", "bad", "c", "d")
    del answers[2]  # what it says of its own file is its own affair
    assert answers == GOOD


def test_an_endless_answer_is_cut(bench: Bench) -> None:
    body = """
        while name == "bad":
            for fd in range(3, 512):
                try:
                    os.write(fd, b"x" * 65536)
                except OSError:
                    pass
    """
    answers = asked(bench.supervisor(body), "a", "b", "bad", "c", "d")
    assert "more than 4 MiB" in str(answers.pop(2).content)
    assert answers == GOOD


def test_a_worker_that_was_killed_while_idle_is_replaced(bench: Bench) -> None:
    supervisor = bench.supervisor("pass")
    assert asked(supervisor, "a") == GOOD[:1]
    (worker,) = bench.workers()
    worker.kill()
    while worker.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert asked(supervisor, "a", "b") == GOOD[:2]


def test_a_worker_that_cannot_start_is_an_error_with_its_words() -> None:
    supervisor = Supervisor(b"no json\n")
    with pytest.raises(InspectionError, match=r"inspection worker ended with exit status 1.*JSONDecodeError"):
        asked(supervisor, "a")
    supervisor.close()


@pytest.mark.parametrize("busy", [True, False])
def test_the_worker_dies_with_its_parent(bench: Bench, tmp_path: Path, busy: bool) -> None:
    bench.supervisor(f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nwhile {busy}: pass")
    code = (
        "from dbproc.products.pool.supervisor import Supervisor; import time\n"
        f"Supervisor({setup(tmp_path / 'insp.py')!r}).ask([('inspect', 1, '/in/a')]); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        worker = psutil.Process(int((tmp_path / "pid").read_text()))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        worker.wait(timeout=10)


def test_a_worker_starts_without_what_is_slow_to_import() -> None:
    code = (
        "import dbproc.products.pool.worker, sys; "
        "print(*{'sqlalchemy', 'numpy', 'click', 'netCDF4', 'h5py', 'PIL', 'dbproc.core.model'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == ""
