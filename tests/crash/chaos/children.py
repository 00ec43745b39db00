"""The processes of dbproc that were started, and what came of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from dbproc.system.processes import JOB_MARK
from tests.crash.chaos.ground import Ground
from tests.crash.chaos.starter import Order, Starter

DEADLINE_SECONDS = 240.0
"""No process lives longer: so much that a slow machine does not matter."""
_STACK_SECONDS = 3.0
HARMLESS = (0, 1, 2, 75, 78, 130, 141, -signal.SIGKILL, -signal.SIGTERM)
RUN = "ProcessQueue.py"


@dataclass
class Child:
    """A process that was started."""

    order: Order
    pid: int
    began: float = field(default_factory=time.monotonic)

    @property
    def words(self) -> str:
        return f"{self.order.number} {self.order.program} {' '.join(self.order.arguments)}"


class Children:
    """All of them, by their number. Faults are kept as they come."""

    def __init__(self, ground: Ground, starter: Starter) -> None:
        self.alive: dict[int, Child] = {}
        self.faults: list[str] = []
        self.statuses: dict[tuple[str, int], int] = {}
        self._ground = ground
        self._starter = starter
        self._count = 0

    def create(self) -> Child:
        """Create the database."""
        return self.start("dbproc", "init", self._ground.database, on_mission=False)

    def start(self, *words: str, on_mission: bool = True, **limits: object) -> Child:
        """Start ``dbproc words…``, or a run."""
        self._count += 1
        program, *arguments = words
        order = Order(
            number=self._count,
            program=program,
            arguments=(*arguments, *(("-m", self._ground.database) if on_mission else ())),
            cwd=str(self._ground.base),
            out=str(self._ground.out / f"{self._count}.txt"),
            environment={"HOME": str(self._ground.base)},
        )
        order = replace(order, **limits)  # type: ignore[arg-type]
        child = Child(order, self._starter.start(order))
        self.alive[order.number] = child
        return child

    def look(self) -> Iterator[tuple[Child, int]]:
        """Those that have ended, with their statuses; what hangs is ended with its stack."""
        for number, status in self._starter.ended():
            child = self.alive.pop(number)
            name = child.order.program if child.order.program == RUN else child.order.arguments[0]
            self.statuses[name, status] = self.statuses.get((name, status), 0) + 1
            self.faults += _faults(child, status)
            yield child, status
        for child in list(self.alive.values()):
            if time.monotonic() - child.began > DEADLINE_SECONDS:
                self._end_hung(child)

    def wait(self, child: Child) -> int:
        """Wait for the end of one."""
        while True:
            for ended, status in self.look():
                if ended is child:
                    return status
            time.sleep(0.01)

    def wait_for_all(self) -> None:
        """Wait for the end of all."""
        while self.alive:
            for _ in self.look():
                pass
            time.sleep(0.01)

    def _end_hung(self, child: Child) -> None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGUSR1)
            time.sleep(_STACK_SECONDS)
            os.kill(child.pid, signal.SIGKILL)
        if "Current thread" in said(child):
            self.faults.append(f"{child.words} hangs:\n{said(child)[-6000:]}")
        child.began = float("inf")

    def runs(self) -> list[Child]:
        """The runs among those that live."""
        return [child for child in self.alive.values() if child.order.program == RUN]


def said(child: Child) -> str:
    """What a process printed."""
    path = Path(child.order.out)
    return path.read_text(errors="replace") if path.exists() else ""


def _faults(child: Child, status: int) -> Iterator[str]:
    text = said(child)
    if "Traceback (most recent call last)" in text:
        yield f"{child.words}: status {status}, a traceback:\n{text[-5000:]}"
    elif status not in HARMLESS:
        yield f"{child.words}: status {status}:\n{text[-3000:]}"


def send(child: Child, number: int) -> None:
    """A signal to one process."""
    with suppress(ProcessLookupError):
        os.kill(child.pid, number)


def send_to_all(ground: Ground, children: Sequence[Child], number: int) -> None:
    """A signal to processes, and to all that their jobs started, as the end of a machine sends it."""
    for child in children:
        send(child, number)
    for process in jobs(ground):
        with suppress(psutil.Error):
            process.send_signal(number)


def jobs(ground: Ground) -> list[psutil.Process]:
    """Everything that was started by a job."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(JOB_MARK, "").startswith(str(ground.base)):
                found.append(process)
    return found
