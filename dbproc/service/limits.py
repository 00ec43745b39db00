"""How often somebody may ask: so many times at once, and so many a second in the long run. Kept in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_MOST = 10_000


class Pace:
    """Who asked how often; threads may share it.

    Parameters
    ----------
    rate
        How often a second in the long run.
    burst
        How often at once.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, max(burst, 1.0), clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, who: str) -> float:
        """Let somebody ask once; the seconds after which they may ask again, 0 where they may ask now."""
        with self._lock:
            left = self._now(who)
            if left < 1:
                return (1 - left) / self._rate
            self._left[who] = (left - 1, self._clock())
            if len(self._left) > _MOST:
                self._forget()
            return 0.0

    def wait(self, who: str) -> float:
        """The seconds after which they may ask; nothing is taken."""
        with self._lock:
            left = self._now(who)
        return 0.0 if left >= 1 else (1 - left) / self._rate

    def _now(self, who: str) -> float:
        left, at = self._left.get(who, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - at) * self._rate)

    def _forget(self) -> None:
        """Forget those who may ask as often as anybody; where all of them ask, the one who asked longest ago."""
        before = len(self._left)
        self._left = {who: kept for who, kept in self._left.items() if self._now(who) < self._burst}
        if len(self._left) == before:
            del self._left[min(self._left, key=lambda who: self._left[who][1])]


class Remembered:
    """Words of late, at most so many, each for so long; threads may share it."""

    def __init__(self, most: int, seconds: float = float("inf"), clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._words: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, word: str) -> bool:
        """Remember a word; whether it was not remembered before."""
        with self._lock:
            if self._has(word):
                return False
            self._words.pop(word, None)
            self._words[word] = self._clock()
            if len(self._words) > self._most:
                del self._words[next(iter(self._words))]
            return True

    def __contains__(self, word: str) -> bool:
        """Whether a word is remembered."""
        with self._lock:
            return self._has(word)

    def _has(self, word: str) -> bool:
        at = self._words.get(word)
        return at is not None and self._clock() - at < self._seconds
