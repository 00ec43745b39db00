"""What a run tells who watches over it: a ping at its begin and its end, and its numbers in a file for Prometheus.

Whatever goes wrong with that is a note, and changes nothing of the run. The first ping is sent beside the work, the
last one when the lock is free.
"""

from __future__ import annotations

import threading
import uuid
from contextlib import suppress

from dbproc.core.errors import EXIT_INTERRUPTED, DbprocError
from dbproc.core.events import Event, Report
from dbproc.core.model import Mission
from dbproc.core.text import one_line
from dbproc.database.definition.load import load_mission
from dbproc.database.store import Store

_OF_RUNS = uuid.UUID("4b9b7c0e-2d0c-5f0e-9a53-0d1b6a1f2c77")
_HURRY_SECONDS = 1.0


class Monitor:
    """Who watches over one run."""

    def __init__(self, store: Store, report: Report) -> None:
        self._store = store
        self._report = report
        self._mission: Mission | None = None
        self._run = ""
        self._first: threading.Thread | None = None
        self._problem = ""

    def began(self, mission: Mission, run_id: int) -> None:
        """Tell that the run has the lock."""
        self._mission, self._run = mission, str(uuid.uuid5(_OF_RUNS, f"{mission.identity} {run_id}"))
        if mission.monitor.ping:
            self._first = threading.Thread(target=self._ping, args=("start",), name="ping", daemon=True)
            self._first.start()
        self._write()

    def ended(self, status: int, words: str) -> None:
        """Tell what the run ended with, also one that could not begin."""
        if self._mission is None:
            with suppress(DbprocError), self._store.begin() as connection:
                self._mission = load_mission(connection)
        if self._mission is None:
            return
        self._write()
        is_hurried = status == EXIT_INTERRUPTED
        if self._first is not None:
            self._first.join(_HURRY_SECONDS if is_hurried else None)
        if self._mission.monitor.ping:
            self._ping(str(status), f"{self._report.text}{words}\n", is_hurried=is_hurried)
        if self._problem:
            self._report.add(Event.NOTE, "ping", self._problem)

    def _ping(self, what: str, text: str = "", *, is_hurried: bool = False) -> None:
        from dbproc.storage.stores import credentials, ping

        assert self._mission is not None
        seconds, tries = (_HURRY_SECONDS, 1) if is_hurried else (ping.TIMEOUT, ping.TRIES)
        try:
            url = credentials.value(self._mission.monitor.ping)
            ping.ping(url, what, text, self._run, seconds=seconds, tries=tries)
        except DbprocError as error:
            self._problem = f"cannot be sent: {one_line(str(error))}"

    def _write(self) -> None:
        """Write the numbers as they are now."""
        assert self._mission is not None
        if not self._mission.monitor.textfile:
            return
        from dbproc.explain.metrics import write_textfile

        try:
            write_textfile(self._store, self._mission)
        except DbprocError as error:
            self._report.add_once(Event.NOTE, "metrics", one_line(str(error)))
