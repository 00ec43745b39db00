"""What a program takes while it runs: memory of all its processes together, time on the clock and of the processors."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

OFTEN = 0.05
"""Seconds between two looks."""


@dataclass(frozen=True)
class Footprint:
    """How a program ended and what it took: the peak of memory that nobody else shares, in bytes, and seconds."""

    status: int
    said: str
    memory: int
    wall: float
    cpu: float


def footprint(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Footprint:
    """Run a program to its end and watch its whole tree of processes."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    watch = _Watch(psutil.Process(process.pid))
    watch.start()
    said, _ = process.communicate()
    wall = time.perf_counter() - begun
    watch.is_over.set()
    watch.join()
    return Footprint(process.returncode, said, watch.memory, wall, watch.cpu)


class _Watch(threading.Thread):
    """Looks at a process and its children until told that it is over."""

    def __init__(self, root: psutil.Process) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._cpu: dict[tuple[int, float], float] = {}
        self.is_over = threading.Event()
        self.memory = 0

    @property
    def cpu(self) -> float:
        """Seconds of the processors, of each process as far as it was seen."""
        return sum(self._cpu.values())

    def run(self) -> None:
        while not self.is_over.wait(OFTEN):
            self.memory = max(self.memory, sum(map(self._look, self._tree())))

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _look(self, process: psutil.Process) -> int:
        try:
            times = process.cpu_times()
            self._cpu[process.pid, process.create_time()] = times.user + times.system
            return int(process.memory_full_info().uss)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return 0
