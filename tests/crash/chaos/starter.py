"""Starts many processes of dbproc at once, each with limits of its own: what has imported everything forks.

A process so started is one of its own, in a session of its own, as cron starts it.
"""

from __future__ import annotations

import datetime
import faulthandler
import gc
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from tests.crash.fork_server import REPOSITORY, import_everything
from tests.crash.killer import main_of
from tests.crash.restricted import be_obedient

CLOSED = "closed"
"""As `stdout`: a pipe that nobody reads any more."""
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class Order:
    """A process to start.

    `out` receives what it prints; what it prints on stdout goes to `stdout`, where that is given. `file_size`: the
    largest file that it and its jobs can write, bytes. `clock`: how far its clock is ahead, seconds.
    """

    number: int
    program: str
    arguments: tuple[str, ...]
    cwd: str
    out: str
    stdout: str = ""
    file_size: int | None = None
    clock: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)


class Starter:
    """The process that starts others, as its user sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._ended: list[tuple[int, int]] = []

    def start(self, order: Order) -> int:
        """Start a process, and give its PID."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        while True:
            answer = self._answer()
            if "pid" in answer:
                return int(answer["pid"])
            self._ended.append((answer["number"], answer["status"]))

    def ended(self) -> list[tuple[int, int]]:
        """Number and exit status (or minus the signal) of those that ended since the last call."""
        assert self._process.stdout is not None
        while select.select([self._process.stdout], [], [], 0)[0]:
            answer = self._answer()
            self._ended.append((answer["number"], answer["status"]))
        ended, self._ended = self._ended, []
        return ended

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = _line(self._process.stdout)
        assert line, "the starter is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _line(stream: IO[str]) -> str:
    """A line, read byte by byte: what is buffered could not be selected for."""
    read = bytearray()
    while not read.endswith(b"\n"):
        byte = os.read(stream.fileno(), 1)
        if not byte:
            break
        read += byte
    return read.decode()


@contextmanager
def starter() -> Iterator[Starter]:
    """A starter; at the end what it started and what still runs is killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.chaos.starter"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Starter(process)
        finally:
            process.terminate()


# --- in the starting process ---


def _serve() -> None:
    """Fork a process for every line on stdin; say its PID, and its status when it has ended."""
    import_everything()
    gc.freeze()
    orders, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    numbers: dict[int, int] = {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        _fork_for_each(orders, replies, numbers)
    finally:
        for pid in numbers:
            os.kill(pid, signal.SIGKILL)


def _fork_for_each(orders: int, replies: int, numbers: dict[int, int]) -> None:
    with os.fdopen(orders, encoding="utf-8") as lines:
        while True:
            if select.select([lines], [], [], _LOOK_SECONDS)[0]:
                line = _line(lines)
                if not line:
                    break
                order = Order(**json.loads(line))
                pid = os.fork()
                if pid == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)
                    os.close(replies)
                    os._exit(_perform(order))
                numbers[pid] = order.number
                _say(replies, pid=pid)
            for pid, status in _reaped():
                _say(replies, number=numbers.pop(pid), status=status)


def _say(replies: int, **answer: int) -> None:
    os.write(replies, (json.dumps(answer) + "\n").encode())


def _reaped() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)


# --- in the forked process ---


def _perform(order: Order) -> int:
    try:
        os.setsid()
        os.chdir(order.cwd)
        out = os.open(order.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(out, 2)
        os.dup2(_stdout(order.stdout) if order.stdout else out, 1)
        os.environ.update(order.environment)
        faulthandler.register(signal.SIGUSR1, file=os.fdopen(os.dup(out), "w"), all_threads=True)
        be_obedient()
        if order.file_size is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (order.file_size, order.file_size))
        if order.clock:
            shift_clock(order.clock)
        status = main_of(order.program)(order.arguments)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 99
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    return status


def _stdout(name: str) -> int:
    if name == CLOSED:
        read, write = os.pipe()
        os.close(read)
        return write
    return os.open(name, os.O_WRONLY)


class _Real(type):
    """What is a real date is one."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1])


def shift_clock(seconds: float) -> None:
    """From now on this process believes that it is so much later. What the system stamps is as before."""
    real_time, real_ns, date, moment = time.time, time.time_ns, datetime.date, datetime.datetime

    class Shifted(moment, metaclass=_Real):  # type: ignore[misc, valid-type]
        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            return moment(*arguments, **named)

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return moment.fromtimestamp(real_time() + seconds, tz)

        @classmethod
        def utcnow(cls) -> datetime.datetime:
            return moment.fromtimestamp(real_time() + seconds, datetime.UTC).replace(tzinfo=None)

    class ShiftedDate(date, metaclass=_Real):  # type: ignore[misc, valid-type]
        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            return date(*arguments, **named)

        @classmethod
        def today(cls) -> datetime.date:
            return date.fromtimestamp(real_time() + seconds)

    for name in ("combine", "fromisoformat", "fromtimestamp", "strptime", "fromordinal"):
        setattr(Shifted, name, getattr(moment, name))
    for name in ("fromisoformat", "fromtimestamp", "fromordinal", "fromisocalendar"):
        setattr(ShiftedDate, name, getattr(date, name))
    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)
    datetime.datetime, datetime.date = Shifted, ShiftedDate  # type: ignore[misc]


if __name__ == "__main__":
    _serve()
