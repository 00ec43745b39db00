"""The local engine: subprocesses of this machine, within slots of CPUs and memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace

from dbproc.core.errors import UserError
from dbproc.core.model import Ending, Job, Outcome
from dbproc.engines.process import StopSign, execute, failed, in_words
from dbproc.engines.strays import Strays
from dbproc.system import signals

_AHEAD = 64
"""Jobs taken ahead for each slot, so that no slot is idle while outcomes are being registered."""

LONGEST_STOP = 8.0
"""Seconds after which no job that is to end is waited for any more."""


class LocalEngine:
    """Runs jobs as subprocesses, first come first served; made by the main thread.

    Its jobs use no more CPUs than `slots`, nor GiB than `ram` (None: no limit), together; one that asks for more runs
    alone. UserError when this process may open no more files.
    """

    def __init__(self, slots: int, ram: float | None = None) -> None:
        self._slots = slots
        self._ram = ram
        try:
            self._stop = StopSign()
        except OSError as error:
            raise UserError(f"no job can be executed: {error.strerror}; see ulimit -n") from error
        signals.listen(self._stop)
        self._strays = Strays()
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._running: dict[int, Job] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._outcomes: deque[Outcome] = deque()
        self._has_outcomes = threading.Event()
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

    def wait(self, timeout: float) -> None:
        """Wait until a job has ended that :meth:`finished` has not given, at most `timeout` seconds."""
        if self._pending and timeout > 0:
            self._has_outcomes.wait(timeout)

    def finished(self) -> list[Outcome]:
        """The jobs that ended since the last call; each is given once."""
        self._strays.reap()
        self._has_outcomes.clear()
        outcomes = [self._outcomes.popleft() for _ in range(len(self._outcomes))]
        self._pending -= len(outcomes)
        if not outcomes:
            self._bury()
        return outcomes

    def stop(self) -> list[Outcome]:
        """End every job, and give the outcomes that are left; jobs that had not begun have none."""
        with self._lock:
            self._pending -= len(self._waiting)
            self._waiting.clear()
            self._stop.set()
        outcomes: list[Outcome] = []
        deadline = time.monotonic() + signals.time_left(LONGEST_STOP)
        while self._are_at_work() and time.monotonic() < deadline:
            self.wait(0.1)
            outcomes.extend(self.finished())
        with self._lock:
            late = list(self._running.values())
            self._running.clear()
        outcomes.extend(self.finished())
        self._strays.close()
        return [*outcomes, *(_interrupted(job) for job in late)]

    def _are_at_work(self) -> bool:
        with self._lock:
            return bool(self._running)

    def _dispatch(self) -> None:
        """Begin the jobs at the head of the line that fit; called with the lock held."""
        while (job := self._next()) is not None:
            thread = threading.Thread(target=self._work, args=(job,), daemon=True)
            self._threads[job.attempt_id] = thread
            try:
                thread.start()
            except (RuntimeError, MemoryError) as error:
                if not self._put_off(job, error):
                    return

    def _put_off(self, job: Job, error: Exception) -> bool:
        """No thread can be had for a job: the next to end takes it; where none is at work, it is a failure (True)."""
        del self._running[job.attempt_id], self._threads[job.attempt_id]
        if self._running:
            self._waiting.appendleft(job)
            return False
        text = f"cannot start {job.command[0]}: {in_words(error)}; the limit of processes is reached: see ulimit -u"
        self._enter(failed(job, text))
        return True

    def _next(self) -> Job | None:
        """The job at the head of the line, when it fits; called with the lock held."""
        if self._stop.is_set or not self._waiting or not self._fits(self._waiting[0]):
            return None
        job = self._waiting.popleft()
        self._running[job.attempt_id] = job
        return job

    def _fits(self, job: Job) -> bool:
        return not self._running or self._has_slots(job.cpu, job.ram)

    def _has_slots(self, cpu: int, ram: float) -> bool:
        cpu += sum(running.cpu for running in self._running.values())
        ram += sum(running.ram for running in self._running.values())
        return cpu <= self._slots and (self._ram is None or ram <= self._ram)

    def _work(self, first: Job) -> None:
        """Execute a job, and others after it as long as there are any: in a thread."""
        thread = threading.current_thread()
        job = self._still_wanted(first)
        while job is not None:
            outcome = execute(job, self._stop, self._strays)
            with self._lock:
                if self._running.pop(job.attempt_id, None) is not None:
                    self._enter(outcome)
                self._threads.pop(job.attempt_id, None)
                job = self._next()
                if job is not None:
                    self._threads[job.attempt_id] = thread
                    self._dispatch()

    def _still_wanted(self, job: Job) -> Job | None:
        """The job, unless it has an outcome already: a signal came while its thread was being started."""
        with self._lock:
            return job if job.attempt_id in self._running else None

    def _bury(self) -> None:
        """A job has an outcome however its thread ended."""
        with self._lock:
            for number, job in list(self._running.items()):
                thread = self._threads.get(number)
                if thread is None or not thread.is_alive():
                    del self._running[number]
                    self._threads.pop(number, None)
                    outcome = failed(job, "the run could not look after it: its thread has ended")
                    self._enter(_interrupted(job) if self._stop.is_set else outcome)
            self._dispatch()

    def _enter(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._has_outcomes.set()


def _interrupted(job: Job) -> Outcome:
    """The outcome of a job that was ended with its run, and of which nothing else is known."""
    return replace(failed(job, "the run was ended"), ending=Ending.INTERRUPTED)
