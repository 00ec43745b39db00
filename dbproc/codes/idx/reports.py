"""What a child process tells its parent: JSON lines through a pipe, and how long its next step may take."""

from __future__ import annotations

import json
import math
import os
import resource
import threading
import time
from collections.abc import Mapping
from typing import IO, Any

RATE = 1 << 20
"""Bytes a second below which a step counts as hanging."""
OFTEN = 0.05
"""Seconds within which steps that are no longer than the last one, and their progress, are not told one by one."""


class Reports:
    """The writing end of the pipe; any thread may use it.

    Parameters
    ----------
    stream
        Where the lines go.
    patience
        Seconds that a step may take, besides what its size asks for.
    """

    def __init__(self, stream: IO[bytes], patience: float) -> None:
        self._stream, self._patience = stream, patience
        self._lock = threading.Lock()
        self._done = {"phase": "", "done": 0, "total": 0}
        self._shown = -math.inf
        self._step, self._stepped = -1, 0.0

    def send(self, message: Mapping[str, Any], data: Any = b"") -> None:
        """Send a message, and raw bytes behind it."""
        with self._lock:
            self._stream.write(json.dumps(message).encode() + b"\n")
            self._stream.write(data)
            self._stream.flush()

    def step(self, size: int) -> None:
        """Announce a step over ``size`` bytes: it is given its time, and CPU time accordingly."""
        now = time.monotonic()
        if size <= self._step and now - self._stepped < OFTEN:
            return
        self._step, self._stepped = size, now
        seconds = self._patience + size / RATE + OFTEN
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + (os.cpu_count() or 1) * seconds) + 1
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (limit if hard < 0 else min(limit, hard), hard))
        self.send({"seconds": seconds})

    def begin(self, phase: str, total: int) -> None:
        """Announce a phase over so many bytes."""
        self._done = {"phase": phase, "done": 0, "total": total}
        self.send({"progress": dict(self._done)})

    def advance(self, size: int) -> None:
        """Tell that so many bytes more of the phase are done."""
        now = time.monotonic()
        with self._lock:
            self._done["done"] += size  # type: ignore[operator]
            if now - self._shown < OFTEN and self._done["done"] != self._done["total"]:
                return
            self._shown = now
            message = {"progress": dict(self._done)}
        self.send(message)
