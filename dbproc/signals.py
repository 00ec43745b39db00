"""SIGTERM and SIGINT during a run."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGINT)
_AFTER_SECONDS = 5.0  # so long a run that was told to end may still wait for a database, in all
_LEAST_SECONDS = 1.0  # and so long in each wait: one that answers is given the time to
_told: float | None = None  # when it was


class Interrupted(BaseException):
    """SIGTERM or SIGINT: no new job starts, running ones are ended, the lock is released."""


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into :class:`Interrupted`."""
    global _told
    _told = None

    def interrupt(number: int, _: FrameType | None) -> None:
        for each in _NUMBERS:  # a second one would keep the first from ending the jobs
            signal.signal(each, _nothing)
        hurry()
        raise Interrupted(signal.Signals(number).name)

    with _handlers(interrupt):
        yield


def hurry() -> None:
    """From now on no wait takes long: the process was told to end."""
    global _told
    if _told is None:
        _told = time.monotonic()


def told() -> bool:
    """Whether the process was told to end."""
    return _told is not None


def patience(seconds: float, began: float) -> float:
    """When a wait is over that `began` at a moment of :func:`time.monotonic` and may take so many seconds.

    Sooner once the process was told to end.
    """
    if _told is None:
        return began + seconds
    return min(began + seconds, max(_told + _AFTER_SECONDS, began + _LEAST_SECONDS))


def _nothing(_: int, __: FrameType | None) -> None:
    """Unlike SIG_IGN, it is no race that Python complains of when a signal is on its way already."""


@contextmanager
def signals_ignored() -> Iterator[None]:
    with _handlers(_nothing):
        yield


@contextmanager
def _handlers(handler: object) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _NUMBERS}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
