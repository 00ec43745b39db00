"""What jobs leave running: found wherever it went, and ended, before an output is looked at.

This process becomes the parent of orphans below it. So a look at its own children tells whether a
job left anything, and only where there is something, or where the system has no such list, others are looked at. What
is ended bears the job's mark, is in the job's session, or was started by what does or is: nobody else is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dbproc.system import processes
from dbproc.system.processes import Process

_REAP_SECONDS = 1.0
_LOOKS, _LOOK_PAUSE = 10, 0.002


@dataclass(frozen=True, slots=True)
class Family:
    """A job's directory, the first of its processes (not waited for yet), and others that are known to be its own."""

    directory: str
    leader: int
    members: set[tuple[int, str]] = field(default_factory=set)


class Strays:
    """Finds and ends what jobs left; made by the thread that also starts other children, before any job."""

    def __init__(self) -> None:
        earlier, self._was_adopting = processes.adopted(), processes.is_adopting()
        self._sees_all = processes.adopt() and earlier is not None
        self._earlier = frozenset(earlier or ())
        self._reaping = threading.Lock()
        self._reaped = time.monotonic()

    def note(self, family: Family) -> None:
        """Remember what a job's first process has started, as long as it lives."""
        self._include(family, processes.descendants([family.leader]))

    def find(self, family: Family) -> Sequence[Process]:
        """What a job started and that lives, but for its first process; what has ended is waited for."""
        children = processes.adopted() if self._sees_all else None
        if children is None:
            return processes.marked(lambda mark: mark == family.directory)
        self._earlier = self._earlier.intersection(children)
        known_dead: set[int] = set()
        for _ in range(_LOOKS):
            strangers = set(children or ()) - self._earlier - processes.OWN - known_dead - {family.leader}
            judged = {pid: self._is_of(family, pid) for pid in strangers}
            self._include(family, (pid for pid, is_of in judged.items() if is_of))
            living = self._living(family)
            doubtful = {pid for pid, is_of in judged.items() if is_of is None}
            if living or not doubtful:
                return living
            known_dead |= {pid for pid in doubtful if (process := processes.look(pid)) is None or process.is_dead}
            time.sleep(_LOOK_PAUSE)
            children = processes.adopted()
        return ()

    def end(self, family: Family, seconds: float) -> Sequence[Process]:
        """End all that a job started; gives what could not be ended within so many seconds."""
        return processes.end_all(lambda: self.find(family), seconds, self._kill)

    def reap(self) -> None:
        """Wait, now and then, for what was adopted and has ended; only by the thread that starts other children."""
        now = time.monotonic()
        if now - self._reaped < _REAP_SECONDS or threading.current_thread() is not threading.main_thread():
            return
        self._reaped = now
        for pid in set(processes.adopted() or ()) - self._earlier - processes.OWN:
            process = processes.look(pid)
            if process is not None and process.is_dead:
                self._wait_for(process)

    def close(self) -> None:
        """Wait for adopted processes that have ended, and stop adopting; called by the thread that made this."""
        self._reaped = 0.0
        self.reap()
        if self._sees_all and not self._was_adopting:
            processes.adopt(on=False)

    def _is_of(self, family: Family, pid: int) -> bool | None:
        """Whether a child of ours, that we did not start, is of a job; None when that cannot be told in this moment.

        It has ended, perhaps leaving others to us; or it becomes another program, and has left the job's session.
        """
        process = processes.look(pid)
        if process is None or process.is_dead:
            return None
        if process.session == family.leader or (pid, process.start) in family.members:
            return True
        found = processes.mark(pid)
        return None if found is None else found == family.directory

    def _include(self, family: Family, pids: Iterable[int]) -> None:
        known = list(pids)
        for pid in {*known, *processes.descendants(known)}:
            process = processes.look(pid)
            if process is not None:
                family.members.add((pid, process.start))

    def _living(self, family: Family) -> list[Process]:
        """The members that live."""
        living = []
        for pid, start in list(family.members):
            process = processes.look(pid)
            if process is None or process.start != start:
                family.members.discard((pid, start))
            elif process.is_dead:
                self._wait_for(process)
            else:
                living.append(process)
        return living

    def _wait_for(self, process: Process) -> None:
        """Wait for what has ended, when it is our child: its number stays its own until then, so none other is met."""
        with self._reaping:
            now = processes.look(process.pid)
            if now is not None and now.start == process.start and now.is_dead and now.parent == os.getpid():
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)

    def _kill(self, process: Process) -> None:
        """End a process, and at the same instant all of its group: what forks in a hurry does not get away."""
        if self._sees_all and process.group not in (os.getpgid(0), 0, 1):
            processes.kill_group(process.group)
        processes.kill(process)
