"""Runs one of dbproc's commands and counts the points at which it touches the outside; ends it with SIGKILL at one.

    python -m tests.crash.killer --at 117 -- -m mission.sqlite
    python -m tests.crash.killer --on "INSERT INTO file " -- -m mission.sqlite

A point is a statement, the begin or the end of a transaction, a call that changes the file system below a watched
directory, the start or the end of a child process, a signal sent. Each is noticed just before it happens (the end of a
child just after), so that what one kill leaves is what all had left that came before it: a kill after point K is the
kill before point K + 1. The product has no line for this: SQLAlchemy's events and Python's audit events tell.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from sqlalchemy import Engine, event

PROGRAMS = {"ProcessQueue.py": "dbproc.cli.dbprocessing.processqueue", "dbproc": "dbproc.cli"}
CALLS = {
    "os.chmod": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.utime": 1,
    "shutil.copyfile": 2,
    "shutil.copymode": 2,
    "shutil.copystat": 2,
    "shutil.copytree": 2,
    "shutil.move": 2,
    "shutil.rmtree": 1,
    "sqlite3.connect": 1,
}
"""Audit events about paths, with how many paths they bring."""
ALWAYS = {"os.fork", "os.kill", "os.killpg", "os.posix_spawn", "os.system", "subprocess.Popen"}
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHUNK = 7  # bytes: a copy between filesystems is made so slowly that it can be killed in the middle


class Points:
    """The points of one process, counted and traced.

    Parameters
    ----------
    watched
        Directories whose changes count.
    at
        The point at which to die, from 1; None: never.
    trace
        A file that receives a line for every point: what it is, and where in the product.
    on
        The beginning of what a point is: to die at the first such one.
    """

    def __init__(
        self, watched: Sequence[str], at: int | None = None, trace: str | None = None, on: str | None = None
    ) -> None:
        self.count = 0
        self._on = on
        self._watched = tuple(directory.rstrip("/") for directory in watched)
        self._at = at
        self._trace = None if trace is None else os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()
        self._is_dying = False

    def reach(self, what: str) -> None:
        """One point more; the end, when it is the one."""
        with self._lock:
            if self._is_dying:
                return
            self.count += 1
            if self._trace is not None:
                os.write(self._trace, f"{self.count}\t{what}\t{_place()}\n".encode(errors="backslashreplace"))
            if self.count == self._at or (self._on is not None and what.startswith(self._on)):
                self._is_dying = True
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Begin to count, for the rest of this process."""
        event.listen(Engine, "before_cursor_execute", self._on_statement)
        for name in ("begin", "commit", "rollback"):
            event.listen(Engine, name, lambda _, name=name: self.reach(name.upper()))
        for function in ("wait4", "waitpid", "waitid"):
            setattr(os, function, self._followed(getattr(os, function)))
        os.sendfile = self._slow(os.sendfile)
        sys.addaudithook(self._on_audit)

    def _on_statement(self, _connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        self.reach(" ".join(statement.split())[:60])

    def _on_audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in ALWAYS:
            if not self._is_dying:
                self.reach(f"{name} {arguments[0]!r}"[:80])
        elif name in CALLS:
            paths = arguments[: CALLS[name]]
            if any(self._is_watched(path) for path in paths):
                self.reach(f"{name} {' '.join(map(str, paths))}")
        elif name == "open" and arguments[2] & _FOR_WRITING and self._is_watched(arguments[0]):
            self.reach(f"open {arguments[0]} for writing")

    def _is_watched(self, path: object) -> bool:
        if not isinstance(path, str | bytes):
            return False
        text = os.fsdecode(path)
        if not text.startswith("/") or text.startswith("/proc/self/fd/"):
            return True  # in a directory that was opened before
        return text.startswith(self._watched)

    def _followed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def followed(*arguments: Any) -> Any:
            result = function(*arguments)
            self.reach(f"after os.{function.__name__}")
            return result

        return followed

    def _slow(self, function: Callable[..., int]) -> Callable[..., int]:
        @wraps(function)
        def slow(out: int, source: int, offset: int, count: int) -> int:
            self.reach(f"os.sendfile from byte {offset}")
            return function(out, source, offset, min(count, _CHUNK))

        return slow


def be_steady() -> None:
    """Let the engine take one job at a time, so that every run comes to the same points in the same order."""
    local: Any = importlib.import_module("dbproc.engines.local")
    assert hasattr(local, "_AHEAD"), "dbproc.engines.local takes jobs ahead under another name now"
    local._AHEAD = 0
    mover: Any = importlib.import_module("dbproc.run.mover")
    assert hasattr(mover, "Mover"), "dbproc.run.mover has another name for what moves files now"
    mover.Mover = _MoverHere


class _MoverHere:
    """What moves files beside a run, at work within it and done at once: so it is killed at its points, too."""

    is_at_work = is_busy = False
    fault = ""

    def __init__(self, store: Any, rule: str, run_id: int | None) -> None:
        from dbproc.database.definition.load import load_mission
        from dbproc.transfers.work import work

        with store.begin() as connection:
            mission = load_mission(connection)
        work(store, mission, rule, run_id=run_id)

    def wait(self, seconds: float) -> None:
        """It is done."""

    def ask_to_stop(self) -> None:
        """It is done."""

    def stop(self) -> None:
        """It is done."""


def main_of(program: str) -> Callable[[Sequence[str]], int]:
    """The main function of one of :data:`PROGRAMS`."""
    main: Callable[[Sequence[str]], int] = importlib.import_module(PROGRAMS[program]).main
    return main


def _place() -> str:
    """The innermost line of the product that is being executed, and who called it from another of its modules."""
    frame = sys._getframe(2)
    places: list[str] = []
    while frame is not None and len(places) < 3:
        name = frame.f_code.co_filename
        if "/dbproc/" in name and not name.endswith("store.py"):
            places.append(f"{name.rpartition('/dbproc/')[2]}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return " < ".join(places)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.crash.killer", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--at", type=int, help="the point to die at, from 1; without it the run is only counted")
    parser.add_argument("--on", help="die at the first point of which this is the beginning")
    parser.add_argument("--side", choices=("before", "after"), default="before")
    parser.add_argument("--trace", help="file for a line about every point")
    parser.add_argument("--watch", action="append", default=[], help="directory whose changes count; all, without it")
    parser.add_argument("--program", choices=tuple(PROGRAMS), default="ProcessQueue.py")
    parser.add_argument("--free", action="store_true", help="let the engine take jobs ahead")
    parser.add_argument("arguments", nargs="+")
    given = parser.parse_args()
    program = main_of(given.program)
    if not given.free:
        be_steady()
    at = None if given.at is None else given.at + (given.side == "after")
    points = Points(given.watch or [""], at, given.trace, given.on)
    points.watch()
    status = program(given.arguments)
    points.reach("the end")
    print(f"{points.count} points", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
