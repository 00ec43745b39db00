"""A process that moves files while a run does other things; it ends with the run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress

from dbproc.core.text import one_line
from dbproc.database.store import Store
from dbproc.engines import confined
from dbproc.system import processes
from dbproc.system.signals import time_left
from dbproc.transfers.worker import EXIT_BUSY, MISSION

_END_SECONDS = 3.0  # for what came to be synced and recorded; one that hangs is ended after that


class Mover:
    """Works at the transfers of a rule until none can be moved now."""

    def __init__(self, store: Store, rule: str, run_id: int | None) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop
        self._process = subprocess.Popen(
            confined.command("dbproc.transfers.worker", [rule, str(run_id or "")], 0),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            start_new_session=True,
            env={**os.environ, **_own_environment(store)},
        )
        processes.OWN.add(self._process.pid)

    @property
    def is_at_work(self) -> bool:
        """Whether it still moves files."""
        return self._process.poll() is None

    @property
    def is_busy(self) -> bool:
        """Whether another process does that already."""
        return self._process.returncode == EXIT_BUSY

    @property
    def fault(self) -> str:
        """Why it ended otherwise than it should; nothing where it did not."""
        if self._process.poll() in (None, 0, EXIT_BUSY):
            return ""
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").split("\n")
        last = next((one_line(line) for line in reversed(lines) if line.strip()), "")
        return last or f"what moves files ended with status {self._process.returncode}"

    def wait(self, seconds: float) -> None:
        """Wait until it ends, at most for so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)

    def ask_to_stop(self) -> None:
        """Have it end: what it moves goes on another time where it is."""
        if self.is_at_work:
            self._process.terminate()

    def stop(self) -> None:
        """End it."""
        self.ask_to_stop()
        self.wait(time_left(_END_SECONDS))
        if self.is_at_work:
            processes.kill_group(self._process.pid)
            self.wait(1.0)
        processes.OWN.discard(self._process.pid)
        self._complaints.close()


def _own_environment(store: Store) -> dict[str, str]:
    """Where it finds this very dbproc, and the database; a password stands in no list of processes."""
    return {
        "PYTHONPATH": confined.environment()["PYTHONPATH"],
        MISSION: store.url.render_as_string(hide_password=False),
    }
