"""Starts runs quickly: a process that has imported everything already forks itself for each of them.

A run so started is a process of its own, as ``ProcessQueue.py`` is; only the half second of imports is saved.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.crash.killer import Points, be_steady, main_of
from tests.crash.restricted import be_obedient

REPOSITORY = Path(__file__).resolve().parents[2]
HUNG = -1000
_LONGEST_SECONDS = 60.0
_IMPORTED_BY_USE = ("alembic", "psycopg2", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "sqlite3")
_NOT_IMPORTED = (
    "dbproc.codes.",
    "dbproc.products.dbprocessing",
    "dbproc.products.pool.worker",
    "dbproc.__main__",
    "dbproc.migrations",
)


@dataclass(frozen=True)
class Order:
    """A run to start; `at`: the point at which it is killed; `is_obedient`: root, too, obeys the modes of files."""

    program: str
    arguments: tuple[str, ...]
    cwd: str
    watched: tuple[str, ...]
    at: int | None = None
    is_steady: bool = True
    is_obedient: bool = False
    out: str = "/dev/null"
    trace: str | None = None


@dataclass(frozen=True)
class End:
    """How a run ended: its exit status, or minus the signal's number, or :data:`HUNG`."""

    status: int

    @property
    def was_killed(self) -> bool:
        return self.status == -signal.SIGKILL


class ForkServer:
    """The process that starts runs, as its user sees it. Use it as a context manager; one thread at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.fork_server"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, order: Order) -> End:
        """Start a run and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the fork server is gone"
        return End(int(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve() -> None:
    """Fork a run for every line on stdin, and answer with its end."""
    import_everything()
    gc.freeze()
    replies = os.dup(1)
    orders = os.dup(0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    with os.fdopen(orders, encoding="utf-8") as lines:
        for line in lines:
            order = Order(**json.loads(line))
            pid = os.fork()
            if pid == 0:
                os._exit(_perform(order))
            os.write(replies, f"{_end_of(pid)}\n".encode())


def _perform(order: Order) -> int:
    """What the forked process does."""
    try:
        out = os.open(order.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(order.cwd)
        if order.is_steady:
            be_steady()
        if order.is_obedient:
            be_obedient()
        points = Points(order.watched, order.at, order.trace)
        points.watch()
        status = main_of(order.program)(order.arguments)
        points.reach("the end")
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 99
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _end_of(pid: int) -> int:
    descriptor = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([descriptor], [], [], _LONGEST_SECONDS)
        if not ready:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return status if ready else HUNG
    finally:
        os.close(descriptor)


def import_everything() -> None:
    """Import what a run may come to need, so that its forks need not."""
    package = importlib.import_module("dbproc")
    names = [each.name for each in pkgutil.walk_packages(package.__path__, "dbproc.")]
    for name in (*_IMPORTED_BY_USE, *names):
        if not name.startswith(_NOT_IMPORTED):
            importlib.import_module(name)


if __name__ == "__main__":
    _serve()
