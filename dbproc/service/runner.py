"""Runs, started when something waits: one at a time, each a process of its own that outlives the service.

What waits is looked at every few seconds, and at once when something was recorded. A run that ends and leaves all as it
was is not started again at once, but after longer and longer times. A service that ends, however that is, leaves its
run alone; the one that is begun next finds the lock held, and waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from dbproc.core.errors import EXIT_BUSY, EXIT_DONE, EXIT_SOME_FAILED, DbprocError
from dbproc.core.text import one_line
from dbproc.database.store import Store
from dbproc.explain.work import Work, waiting_work

LOOK_SECONDS = 5.0
"""How often it is looked at what waits."""

_REAP_SECONDS = 0.2
_LONGEST_PAUSE = 300.0
_USUAL = (EXIT_DONE, EXIT_SOME_FAILED, EXIT_BUSY)
_LAST_BYTES = 4096


class Runner:
    """Starts runs of a mission. Use it as a context manager.

    Parameters
    ----------
    store
        The mission's database, opened to read.
    name
        What runs are told by ``DBPROC_MISSION``: a URL may hold a password, which a command line would show to all.
    say
        Is given a line when a run ends as none should, or nobody can tell what waits.
    arguments
        Of ``dbproc run``.
    look_seconds
        How often it is looked at what waits.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        say: Callable[[str], None],
        arguments: Sequence[str] = (),
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._command = [sys.executable, "-m", "dbproc", "run", "--quiet-if-busy", *arguments]
        self._environment: Mapping[str, str] = {**os.environ, "DBPROC_MISSION": name}
        self._say = say
        self._look_seconds = look_seconds
        self._bell = threading.Event()
        self._is_ending = False
        self._was_woken = True
        self._run: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._before = Work()
        self._pause = 0.0
        self._rests_until = 0.0
        self._said = ""
        self._thread = threading.Thread(target=self._work, name="runner", daemon=True)

    def __enter__(self) -> Runner:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Start no more; a run that is at work goes on to its end."""
        self._is_ending = True
        self._bell.set()
        self._thread.join(2 * _REAP_SECONDS)
        if self._output is not None:
            self._output.close()

    @property
    def is_at_work(self) -> bool:
        """Whether a run of its is."""
        return self._run is not None

    def wake(self) -> None:
        """Look at once: something was recorded that a run has to do."""
        self._was_woken = True
        self._bell.set()

    def _work(self) -> None:
        while not self._is_ending:
            self._bell.clear()
            try:
                self._step()
            except (DbprocError, OSError) as error:
                self._tell(f"what waits cannot be told: {one_line(str(error))}; it is tried again")
            self._bell.wait(self._look_seconds if self._run is None else _REAP_SECONDS)

    def _step(self) -> None:
        """Look how the run is, or whether one is needed."""
        if self._run is not None:
            status = self._run.poll()
            if status is None:
                return
            self._ended(status)
        if self._was_woken or time.monotonic() >= self._rests_until:
            self._was_woken = False
            self._start_if_needed()

    def _start_if_needed(self) -> None:
        work = waiting_work(self._store)
        self._said = ""
        if not work.words or self._is_ending:
            return
        self._pause = next_pause(self._pause, self._look_seconds) if work == self._before else 0.0
        self._before = work
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed when the run has ended
        self._run = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what ends the service from a terminal is not meant for it
        )

    def _ended(self, status: int) -> None:
        assert self._output is not None
        self._run, self._rests_until = None, time.monotonic() + self._pause
        with self._output as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - _LAST_BYTES))
            lines = output.read().decode(errors="replace").strip().splitlines()
        if status not in _USUAL:
            self._tell(f"a run ended with {status}: {lines[-1] if lines else 'it said nothing'}")

    def _tell(self, words: str) -> None:
        """Say it, once."""
        if words != self._said:
            self._said = words
            self._say(words)


def next_pause(pause: float, least: float) -> float:
    """The seconds to wait after a run that left all as it was, by those that were waited before it."""
    return min(max(2 * pause, least), _LONGEST_PAUSE)
