"""Commands of dbproc and of ``scripts/``, run in this process or as processes of their own.

In this process a command costs a small part of what a process does. It finds what a process finds: an environment, a
current directory, two descriptors to print on, empty caches; and it has to leave this process as it found it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from dbproc import entry
from dbproc.cli import output
from dbproc.core.events import LOGGER

REPOSITORY = Path(__file__).resolve().parents[2]
PROCESS_QUEUE = str(REPOSITORY / "ProcessQueue.py")
LONGEST_SECONDS = 90.0
_Cached = type(cache(int))
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call_command(name: str, arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Done:
    """Run ``dbproc``, ``ProcessQueue.py`` or a script in this process."""
    _forget_caches()
    before = _own_state()
    with ExitStack() as stack:
        stack.enter_context(_environment(environment))
        stack.enter_context(_directory(directory))
        stack.enter_context(_arguments(name, arguments))
        files = stack.enter_context(_printing_to_memory())
        status = entry._run(name)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = (os.pread(file, os.fstat(file).st_size, 0).decode(errors="surrogateescape") for file in files)
    assert _own_state() == before, "the command left this process as another one"
    return Done(status, out, err)


def run_process(name: str, arguments: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Done:
    """Run the same as a process of its own."""
    done = subprocess.run(
        [sys.executable, *_program(name), *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=LONGEST_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _program(name: str) -> list[str]:
    if name == "dbproc":
        return ["-m", "dbproc"]
    return [PROCESS_QUEUE if name == "ProcessQueue.py" else str(REPOSITORY / "scripts" / name)]


def _forget_caches() -> None:
    """Empty the caches of all modules of dbproc: a new process has none."""
    for name, module in list(sys.modules.items()):
        if name.startswith("dbproc."):
            for cached in _caches_of(module):
                cached.cache_clear()


@cache
def _caches_of(module: ModuleType) -> list[Any]:
    """The functions of a module that remember; a module is searched once, for there are twenty thousand names."""
    return [value for value in vars(module).values() if isinstance(value, _Cached)]


def _own_state() -> object:
    """What a command changes in its process for the time of its work."""
    umask = os.umask(0o077)
    os.umask(umask)
    threads = {thread for thread in threading.enumerate() if not thread.daemon}
    return umask, [signal.getsignal(number) for number in _SIGNALS], list(LOGGER.handlers), logging.root.level, threads


@contextmanager
def _environment(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    _set_environment(environment)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(wanted: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)


@contextmanager
def _arguments(name: str, arguments: Sequence[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, [name, *arguments]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _directory(directory: Path) -> Iterator[None]:
    before = os.open(".", os.O_RDONLY)
    os.chdir(directory)
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


@contextmanager
def _printing_to_memory() -> Iterator[tuple[int, int]]:
    """Print through outlets, as a process does; children that print on their parents' descriptors are heard, too."""
    files = os.memfd_create("out"), os.memfd_create("err")
    streams, kept = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    for stream in streams:
        stream.flush()
    try:
        for number, file in enumerate(files, 1):
            os.dup2(file, number)
        yield files
    finally:
        sys.stdout, sys.stderr = streams
        output._words.outlets = ()
        for number, file in enumerate(kept, 1):
            os.dup2(file, number)
        for file in (*files, *kept):
            os.close(file)
