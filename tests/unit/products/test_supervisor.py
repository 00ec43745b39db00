"""The worker and who asks it, without the mission around them."""

from __future__ import annotations

import os
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

from dbproc.errors import InspectionError
from dbproc.products.supervisor import Answer, Supervisor
from dbproc.products.wire import Reply, line

HEAD = "import os, sys, time, ctypes, signal\nfrom dbproc.products import Facts, Inspector\n"


def greeting(inspector: Path | str) -> bytes:
    row = {"product_id": 1, "name": "p", "level": 0.0, "directory": "d", "format": "{any}", "instrument": "i"}
    row |= {"satellite": "s", "inspector_id": 1, "inspector": str(inspector), "arguments": {}}
    names = ("name", "root", "incoming", "quarantine", "code_directory", "inspector_directory")
    return line({"mission": {"mission_id": 1, **dict.fromkeys(names, "/m")}, "products": [row]})


class Bench:
    """A directory with one inspector whose deeds depend on the file's name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.supervisors: list[Supervisor] = []

    def supervisor(self, body: str, **limits: Any) -> Supervisor:
        inspector = self._directory / "insp.py"
        method = "class Mine(Inspector):\n    def inspect(self, path, name):\n        name = os.path.basename(path)\n"
        rest = textwrap.indent(textwrap.dedent(body).strip(), "        ") + "\n        return name\n"
        inspector.write_text(HEAD + method + rest)
        self.supervisors.append(Supervisor(greeting(inspector), **{"time_limit": 20.0, **limits}))
        return self.supervisors[-1]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for supervisor in bench.supervisors:
        supervisor.close()


def asked(supervisor: Supervisor, *names: str) -> list[Answer]:
    return supervisor.ask([("inspect", 1, f"/in/{name}") for name in names])


def workers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "dbproc.products.worker" in each.cmdline()]


GOOD = [Answer(Reply.REASON, name) for name in ("a", "b", "c", "d")]


def test_answers_come_in_the_order_of_the_questions(bench: Bench) -> None:
    names = [f"f{number}" for number in range(3_000)]
    answers = asked(bench.supervisor("pass"), *names)
    assert [answer.content for answer in answers] == names


def test_one_worker_serves_all_questions(bench: Bench) -> None:
    supervisor = bench.supervisor("return str(os.getpid())")
    assert len({answer.content for _ in range(3) for answer in asked(supervisor, "a", "b")}) == 1


def test_no_worker_runs_before_it_is_needed_nor_after_the_end(bench: Bench) -> None:
    supervisor = bench.supervisor("pass")
    assert asked(supervisor) == []
    assert workers() == []
    asked(supervisor, "a")
    assert len(workers()) == 1
    supervisor.close()
    assert workers() == []


DEATHS = {
    "ctypes.string_at(0)": "died by signal SIGSEGV",
    "os.abort()": "died by signal SIGABRT",
    "os.kill(os.getpid(), signal.SIGKILL)": "died by signal SIGKILL",
    "os._exit(0)": "ended its process with exit status 0",
    "os._exit(7)": "ended its process with exit status 7",
    "os.closerange(0, 256)": "died by signal|ended its process|closed the worker's connection|is not ready",
}


@pytest.mark.parametrize("deed", DEATHS)
def test_a_death_costs_one_file_its_answer_and_no_other(bench: Bench, deed: str, request: Any) -> None:
    answers = asked(bench.supervisor(f"if name == 'bad': {deed}"), "a", "b", "bad", "c", "d")
    bad = answers.pop(2)
    assert answers == GOOD
    assert bad.reply is Reply.FAILED
    assert any(words in str(bad.content) for words in DEATHS[deed].split("|"))


def test_a_hang_is_ended_after_the_time_limit(bench: Bench) -> None:
    answers = asked(bench.supervisor("while name == 'bad': pass", time_limit=2.0), "a", "b", "bad", "c", "d")
    assert answers.pop(2) == Answer(Reply.FAILED, "its inspector hung for 2 s and was ended")
    assert answers == GOOD


def test_the_time_limit_is_for_each_file_not_for_all(bench: Bench) -> None:
    names = ["a", "b", "c", "d"]
    assert [a.content for a in asked(bench.supervisor("time.sleep(0.8)", time_limit=3.0), *names)] == names


def test_the_end_of_a_hang_ends_the_children_of_the_inspector_too(bench: Bench, tmp_path: Path) -> None:
    body = f"""
        import subprocess
        child = subprocess.Popen(["sleep", "600"])
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        child.wait()
    """
    asked(bench.supervisor(body, time_limit=2.0), "a")
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


LIMIT = 400 << 20


def test_a_file_that_needs_more_memory_than_allowed_is_named(bench: Bench) -> None:
    supervisor = bench.supervisor("x = bytearray(1 << 30) if name == 'bad' else b''", memory_limit=LIMIT)
    answers = asked(supervisor, "a", "b", "bad", "c", "d")
    assert answers.pop(2) == Answer(Reply.FAILED, "its inspector needs more than the memory limit of 400 MiB")
    assert answers == GOOD


def test_a_leak_harms_no_later_file(bench: Bench) -> None:
    body = """
        leaked = sys.__dict__.setdefault("leaked", [])
        leaked.append(bytearray(120 << 20))
    """
    names = [str(number) for number in range(12)]
    answers = asked(bench.supervisor(body, memory_limit=LIMIT), *names)
    assert [answer.content for answer in answers] == names


def test_what_an_inspector_leaves_behind_is_not_laid_at_the_next_files_door(bench: Bench) -> None:
    body = """
        if name == "a":
            signal.setitimer(signal.ITIMER_REAL, 0.2)
        if name == "b":
            time.sleep(0.5)
    """
    assert asked(bench.supervisor(body), "a", "b", "c", "d") == GOOD


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
    (worker,) = workers()
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
        "from dbproc.products.supervisor import Supervisor; import time\n"
        f"Supervisor({greeting(tmp_path / 'insp.py')!r}).ask([('inspect', 1, '/in/a')]); time.sleep(60)"
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
        "import dbproc.products.worker, sys; "
        "print(*{'sqlalchemy', 'numpy', 'click', 'netCDF4', 'h5py', 'PIL', 'dbproc.model'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == ""
