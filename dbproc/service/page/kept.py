"""Answers that take long on a large catalogue: worked out beside the request, and shown with their age until then.

What is worked out quickly is worked out for each request. What is not is kept for some time, so that a page which is
looked at again and again costs little; whoever asks first is told to ask again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

_PATIENCE = 0.2  # seconds that a request waits for an answer
_QUICK = 0.25  # seconds: what takes less is never kept
_SHARE = 4  # an answer is kept so many times as long as it took
_MOST = 32
_AT_ONCE = 2


@dataclass(slots=True)
class Answer:
    """An answer that is worked out, or will be: `error` instead where that failed; `time` is when it was begun."""

    begun: float = field(default_factory=time.monotonic)
    is_ready: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: Exception | None = None
    took: float = 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether it need not be worked out anew."""
        return self.took >= _QUICK and time.monotonic() - self.begun < (1 + _SHARE) * self.took

    @property
    def age(self) -> float:
        """For how many seconds it has been known; zero where it is as things are now."""
        return 0.0 if self.took < _QUICK else time.monotonic() - self.begun

    def told(self) -> Answer:
        """The answer; what went wrong when it was worked out is raised."""
        if self.error is not None:
            raise self.error
        return self


class Kept:
    """The answers of one service."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, Answer] = {}
        self._coming: dict[Hashable, Answer] = {}
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def ask(self, key: Hashable, work: Callable[[], Any], *, is_patient: bool = True) -> Answer | None:
        """The answer, or the one before while it is worked out; None where there is none yet. Whoever `is_patient`
        waits a moment for it.

        What `work` raises is raised here. While very many answers are worked out no further one is begun.
        """
        with self._lock:
            known = self._known.get(key)
            coming = self._coming.get(key)
            is_full = coming is None and len(self._coming) >= _MOST
            if is_full or (known is not None and known.is_fresh):
                return known and known.told()
            if coming is None:
                coming = self._coming[key] = Answer()
                threading.Thread(target=self._work_out, args=(key, coming, work), daemon=True).start()
        if not coming.is_ready.wait(_PATIENCE if is_patient else 0):
            return known and known.told()
        return coming.told()

    def forget(self) -> None:
        """Work everything out anew: something was changed by way of the page."""
        with self._lock:
            self._known.clear()
            self._coming.clear()

    def _work_out(self, key: Hashable, answer: Answer, work: Callable[[], Any]) -> None:
        with self._room:
            answer.begun = time.monotonic()
            try:
                answer.value = work()
            except Exception as error:
                answer.error = error
            answer.took = time.monotonic() - answer.begun
        with self._lock:
            if self._coming.get(key) is answer:
                del self._coming[key]
                self._known.pop(key, None)
                self._known[key] = answer
                while len(self._known) > _MOST:
                    del self._known[next(iter(self._known))]
        answer.is_ready.set()
