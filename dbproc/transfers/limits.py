"""The limit of bandwidth of a place, shared by all threads that move bytes from or to it."""

from __future__ import annotations

import threading
import time

_BURST = 0.25  # seconds' worth of bytes that may go at once


class Bandwidth:
    """So many bytes per second, of all together."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def spend(self, count: int, stop: threading.Event) -> None:
        """Wait until these bytes are within the limit, or `stop` is set."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _BURST) + count / self._rate
            pause = self._free_at - now
        if pause > 0:
            stop.wait(pause)
