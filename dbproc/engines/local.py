"""The local engine: subprocesses of this machine, within slots of CPUs and memory."""

from __future__ import annotations

import queue
import threading
from collections import deque

from dbproc.engines.execution import StopSign, execute
from dbproc.model import Job, Outcome

_AHEAD = 64
"""Jobs taken ahead for each slot, so that no slot is idle while outcomes are being registered."""


class LocalEngine:
    """Runs jobs as subprocesses, first come first served.

    Parameters
    ----------
    slots
        How many CPUs the jobs of this run may use together; a job that asks for more runs alone.
    ram
        Likewise in GiB; None: no limit.
    """

    def __init__(self, slots: int, ram: float | None = None) -> None:
        self._slots = slots
        self._ram = ram
        self._stop = StopSign()
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._pending = 0

    def room(self) -> int:
        """How many more jobs may be started now."""
        return 0 if self._stop.is_set else max(0, self._slots * (_AHEAD + 1) - self._pending)

    def fits(self, cpu: int, ram: float) -> bool:
        """Whether jobs that ask for so much together would begin at once."""
        with self._lock:
            return not self._stop.is_set and not self._waiting and self._has_slots(cpu, ram)

    def start(self, job: Job) -> None:
        """Execute a job as soon as its slots are free."""
        self._pending += 1
        with self._lock:
            self._waiting.append(job)
            self._dispatch()

    def finished(self, timeout: float) -> list[Outcome]:
        """The jobs that ended since the last call; waits at most `timeout` seconds for the first."""
        outcomes: list[Outcome] = []
        try:
            if self._pending and timeout > 0:
                outcomes.append(self._outcomes.get(timeout=timeout))
            while True:
                outcomes.append(self._outcomes.get_nowait())
        except queue.Empty:
            self._pending -= len(outcomes)
            return outcomes

    def stop(self) -> list[Outcome]:
        """End every job, and give the outcomes that are left; jobs that had not begun have none."""
        with self._lock:
            self._pending -= len(self._waiting)
            self._waiting.clear()
            self._stop.set()
        outcomes: list[Outcome] = []
        while self._pending:
            outcomes.extend(self.finished(timeout=1.0))
        return outcomes

    def _dispatch(self) -> None:
        """Begin the jobs at the head of the line that fit; called with the lock held."""
        while self._waiting and self._fits(self._waiting[0]):
            job = self._waiting.popleft()
            self._running[job.attempt_id] = job
            threading.Thread(target=self._execute, args=(job,), daemon=True).start()

    def _fits(self, job: Job) -> bool:
        return not self._running or self._has_slots(job.cpu, job.ram)

    def _has_slots(self, cpu: int, ram: float) -> bool:
        cpu += sum(running.cpu for running in self._running.values())
        ram += sum(running.ram for running in self._running.values())
        return cpu <= self._slots and (self._ram is None or ram <= self._ram)

    def _execute(self, job: Job) -> None:
        outcome = execute(job, self._stop)
        with self._lock:
            del self._running[job.attempt_id]
            self._dispatch()
        self._outcomes.put(outcome)
