"""SIGTERM, SIGINT and SIGHUP during a run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(BaseException):
    """SIGTERM, SIGINT or SIGHUP: no new job starts, running ones are ended, the lock is released."""


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP (the terminal is gone) into :class:`Interrupted`."""

    def interrupt(number: int, _: FrameType | None) -> None:
        for each in _heard():  # a second one would keep the first from ending the jobs
            signal.signal(each, _nothing)
        raise Interrupted(signal.Signals(number).name)

    with _handlers(interrupt):
        yield


def _heard() -> list[signal.Signals]:
    """SIGHUP, too, unless it is ignored: ``nohup`` has it so."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [*_NUMBERS] if is_ignored else [*_NUMBERS, signal.SIGHUP]


def _nothing(_: int, __: FrameType | None) -> None:
    """Unlike SIG_IGN, it is no race that Python complains of when a signal is on its way already."""


@contextmanager
def signals_ignored() -> Iterator[None]:
    with _handlers(_nothing):
        yield


@contextmanager
def _handlers(handler: object) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _heard()}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
