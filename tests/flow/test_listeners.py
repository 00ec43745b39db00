"""Who listens to a command, and in which locale it is started: neither changes what is done."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dbproc.cli import main
from tests.kit.mission import LONGEST_SECONDS, PROCESS_QUEUE, REPOSITORY, Mission, process, product, wait_for

pytestmark = pytest.mark.in_processes

RUN = f"exec {sys.executable} {PROCESS_QUEUE} -m"
IMPATIENT = f"""exec {sys.executable} -c 'import sys
from dbproc import entry
from dbproc.cli import output
output.PATIENCE = 0.2
entry.enter("ProcessQueue.py")' -m"""

BARE = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""A locale whose encoding has no letters but English ones."""


def shell(mission: Mission, command: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, in the mission's directory."""
    captured: dict[str, Any] = {name: subprocess.PIPE for name in ("stdout", "stderr") if name not in streams}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=mission.root,
        env={**mission.environment, "DBPROC_MISSION": mission.database},
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
        **captured,
        **streams,
    )


@pytest.fixture
def waiting(sqlite_mission: Mission) -> Mission:
    """A mission with a good file and a bad one in incoming: a run has words for both streams."""
    mission = sqlite_mission.create(product("raw", 0), product("clean", 1), process("to_clean", "clean", ["raw"]))
    mission.deliver("raw_20200101_v1.0.0.txt", "nobody.txt")
    return mission


def is_done(mission: Mission) -> None:
    """Everything was done, and the daily log tells of it."""
    assert mission.names("clean") == ["clean_20200101_v1.0.0.txt"]
    assert mission.quarantined() == {"nobody.txt": "no_product"}
    (log,) = (mission.root / ".dbproc" / "logs").glob("*.log")
    for words in ("ingested raw_20200101", "quarantined nobody.txt", "built clean_20200101", "1 built"):
        assert words in log.read_text()
    assert mission.one("SELECT comment FROM logging WHERE purpose = 'run'") == "done, with failures"


@pytest.mark.parametrize(
    ("streams", "told"),
    [
        ("> /dev/full", "cannot write to standard output: No space left on device"),
        (">&-", "cannot write to standard output: Bad file descriptor"),
        ("2>&-", ""),
        ("2> /dev/full", ""),
        ("0<&- >&- 2>&-", ""),
        ("> /dev/full 2>&1", ""),
    ],
)
def test_a_run_does_its_work_whatever_its_streams_are(waiting: Mission, streams: str, told: str) -> None:
    done = shell(waiting, f"{RUN} {waiting.database} {streams}")
    assert done.returncode == 1, "as the bad file has it"
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    is_done(waiting)


@contextmanager
def reader_gone() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def terminal_gone() -> Iterator[int]:
    ours, theirs = pty.openpty()
    os.close(ours)
    yield theirs
    os.close(theirs)


@contextmanager
def reader_asleep() -> Iterator[int]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("listener", "run"), [(reader_gone, RUN), (terminal_gone, RUN), (reader_asleep, IMPATIENT)]
)  # fmt: skip
def test_a_run_does_its_work_whoever_listens(
    waiting: Mission, listener: Callable[[], AbstractContextManager[int]], run: str
) -> None:
    with listener() as stream:
        done = shell(waiting, f"{run} {waiting.database}", stdout=stream, stderr=stream)
    assert done.returncode == 1, "as the bad file has it"
    is_done(waiting)


def test_a_run_that_built_everything_ends_well_though_nobody_reads_it(waiting: Mission) -> None:
    (waiting.incoming / "nobody.txt").unlink()
    with reader_gone() as stream:
        done = shell(waiting, f"{RUN} {waiting.database}", stdout=stream)
    assert (done.returncode, done.stderr) == (0, "")
    assert waiting.names("clean") == ["clean_20200101_v1.0.0.txt"]


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        ("-m dbproc status > /dev/full", 1, "dbproc: cannot write to standard output: No space left on device\n"),
        ("-m dbproc status --json >&-", 1, "dbproc: cannot write to standard output: Bad file descriptor\n"),
        ("-m dbproc --help > /dev/full", 1, "dbproc: cannot write to standard output: No space left on device\n"),
        ("-m dbproc plan 2>&- > /dev/full", 1, ""),
        (f"{REPOSITORY}/scripts/printProcessQueue.py mission.sqlite > /dev/full", 1, "printProcessQueue.py: cannot"),
    ],
)
def test_a_command_that_is_asked_fails_when_its_answer_cannot_be_written(
    waiting: Mission, command: str, status: int, told: str
) -> None:
    (waiting.root / "mission.sqlite").symlink_to(waiting.database)
    done = shell(waiting, f"{sys.executable} {command}")
    assert (done.returncode, done.stderr[: len(told)]) == (status, told)
    assert done.stderr.count("\n") <= 1


def test_a_command_that_is_asked_ends_silently_when_its_reader_is_gone(waiting: Mission) -> None:
    with reader_gone() as stream:
        done = shell(waiting, f"{sys.executable} -m dbproc status", stdout=stream)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_ends_any_command_without_a_traceback(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    assert main(["init", mission.database]) == 0
    os.mkfifo(mission.root / "mission.toml")
    words = [sys.executable, "-m", "dbproc", "apply", "mission.toml", "-m", mission.database]
    run = subprocess.Popen(words, cwd=mission.root, env=mission.environment, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: has_reader(mission.root / "mission.toml"), "the command to read its file")
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=LONGEST_SECONDS)
    assert (run.returncode, said.strip()) == (130, "")


def has_reader(fifo: Path) -> bool:
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


# --- the locale ---

NAMED = """#!/bin/sh
printf '%s %s %s %s' "$1" "$LC_ALL" "$PYTHONUTF8" "$(cat "$2")" > "$3"
"""

INSPECTOR = """from dbproc.products import Facts, Inspector

class Look(Inspector):
    def inspect(self, path, name):
        with open(path) as stream:
            return Facts() if stream.read() == "été" else "something else is in it"
"""


def test_names_are_utf8_whatever_the_locale_is(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", NAMED)
    mission.inspector("look.py", INSPECTOR)
    mission.create(
        product("raw", 0, "raw_{station}_{Y}{m}{d}_v{VERSION}.txt", inspector="look.py"),
        product("clean", 1, "clean_{station}_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_clean", "clean", ["raw"], "FILE", arguments=["Ω"]),
        inspectors="inspectors",
    )
    mission.deliver("raw_é_20200101_v1.0.0.txt", content="été")
    mission.environment.update(BARE)
    mission.run()
    assert sorted(mission.files()) == ["clean_é_20200101_v1.0.0.txt", "raw_é_20200101_v1.0.0.txt"]
    assert mission.content("clean_é_20200101_v1.0.0.txt") == "Ω POSIX 0 été"
    assert mission.dbproc("check").out.startswith("no fault")
    assert (
        "clean_é_20200101"
        in mission.script("printProcessQueue.py", mission.database).out
        + mission.dbproc("why", "clean_é_20200101_v1.0.0.txt").out
    )
