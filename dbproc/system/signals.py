"""SIGTERM, SIGINT and SIGHUP during a run: it ends within ten seconds in every state.

A signal becomes an exception in the main thread. It is heard by a thread of its own as well: that tells those who
listen at once, even while the main thread is in a call that does not return, and after all too long a time it ends the
process, as ``kill -9`` would; the next run goes on from there.
"""

from __future__ import annotations

import _thread
import os
import select
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Protocol
from weakref import WeakSet

_NUMBERS = (signal.SIGTERM, signal.SIGINT)
_AFTER_SECONDS = 5.0  # so long a run that was told to end may still wait for a database, in all
_LEAST_SECONDS = 1.0  # and so long in each wait: one that answers is given the time to

LONGEST_ENDING = 9.5
"""Seconds after a signal at which the process is ended in every state."""

FOR_FINISHING = 7.5
"""Seconds after a signal for which what is already made may still be looked at and recorded."""

MOMENT = 2.0
"""Seconds within which a signal that was sent to all reaches all."""

_DEADLY = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL})
"""What a shutdown ends processes with."""

EXIT_INTERRUPTED = 130


class Interrupted(BaseException):
    """SIGTERM, SIGINT or SIGHUP: no new job starts, running ones are ended, the lock is released."""


class Listener(Protocol):
    """What is told at once that a signal came, by another thread."""

    def set(self) -> None:
        """Hear it; may be told twice."""


@dataclass(slots=True)
class _Arrival:
    """The first signal: its name, and when it came."""

    name: str = ""
    time: float = 0.0
    is_raised: bool = False
    is_finishing: bool = False
    is_heeded: bool = False  #: within :func:`signals_interrupt`

    def note(self, number: int) -> None:
        if not self.name:
            self.time = time.monotonic()
            self.name = signal.Signals(number).name


_ARRIVAL = _Arrival()
_LISTENERS: WeakSet[Listener] = WeakSet()


def listen(listener: Listener) -> None:
    """Tell a listener of signals as long as it exists."""
    _LISTENERS.add(listener)


def seconds_since() -> float | None:
    """Seconds since the signal that ends this run; None when none has come."""
    return time.monotonic() - _ARRIVAL.time if _ARRIVAL.name and _ARRIVAL.is_heeded else None


def keep_time() -> None:
    """Leave off, in any thread, when the run is to end: what takes long asks again and again.

    Raises Interrupted when a signal has come, and there is no time left to finish anything.
    """
    if not _ARRIVAL.name or (threading.current_thread() is threading.main_thread() and not _ARRIVAL.is_heeded):
        return
    if not _ARRIVAL.is_finishing or time.monotonic() - _ARRIVAL.time > FOR_FINISHING:
        raise Interrupted(_ARRIVAL.name)


def is_deadly(status: int | None) -> bool:
    """Whether an exit status means a signal that a shutdown sends; shells report it as 128 plus the number."""
    return status is not None and (-status in _DEADLY or status - 128 in _DEADLY)


def time_left(seconds: float) -> float:
    """So many seconds, or fewer when the run is to end."""
    since = seconds_since()
    return seconds if since is None else max(0.0, min(seconds, FOR_FINISHING - since))


def await_ours() -> None:
    """Wait a moment, in the main thread: a child died of what a shutdown sends, which may be on its way to us, too."""
    deadline = time.monotonic() + MOMENT
    while time.monotonic() < deadline:
        if _ARRIVAL.name:
            raise Interrupted(_ARRIVAL.name)
        time.sleep(0.05)


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP (the terminal is gone) into :class:`Interrupted`; the process ends in time."""

    def interrupt(number: int, _: FrameType | None) -> None:
        for each in _heard():  # a second one would keep the first from ending the jobs
            signal.signal(each, _nothing)
        _ARRIVAL.note(number)
        _ARRIVAL.is_raised = True
        raise Interrupted(_ARRIVAL.name)

    _forget(is_heeded=True)
    try:
        with _Ear(), _handlers(interrupt):
            yield
    finally:
        _ARRIVAL.is_heeded = False  # other threads still leave off: this one may have given up waiting for them


def _heard() -> list[signal.Signals]:
    """SIGHUP, too, unless it is ignored: ``nohup`` has it so."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [*_NUMBERS] if is_ignored else [*_NUMBERS, signal.SIGHUP]


def hurry() -> None:
    """From now on no wait takes long: the process was told to end, by Ctrl-C."""
    _ARRIVAL.note(signal.SIGINT)


def told() -> bool:
    """Whether the process was told to end."""
    return bool(_ARRIVAL.name)


def patience(seconds: float, began: float) -> float:
    """When a wait is over that `began` at a moment of :func:`time.monotonic` and may take so many seconds.

    Sooner once the process was told to end.
    """
    if not _ARRIVAL.name:
        return began + seconds
    return min(began + seconds, max(_ARRIVAL.time + _AFTER_SECONDS, began + _LEAST_SECONDS))


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Finish something; a first signal that comes meanwhile interrupts after it."""
    was_finishing, _ARRIVAL.is_finishing = _ARRIVAL.is_finishing, True
    try:
        with _handlers(_nothing):
            yield
    finally:
        _ARRIVAL.is_finishing = was_finishing
    if _ARRIVAL.name and not _ARRIVAL.is_raised:
        name, _ARRIVAL.is_raised = _ARRIVAL.name, True
        if not _ARRIVAL.is_heeded:
            _forget(is_heeded=False)
        raise Interrupted(name)


def _nothing(number: int, _: FrameType | None) -> None:
    """Unlike SIG_IGN, it is not a race that Python complains of when a signal is on its way already."""
    _ARRIVAL.note(number)


def _forget(*, is_heeded: bool) -> None:
    global _ARRIVAL
    # A new one: a handler that still runs notes the earlier signal in the old one.
    _ARRIVAL = _Arrival(is_heeded=is_heeded)


@contextmanager
def _handlers(handler: object) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _heard()}  # type: ignore[arg-type]
    try:
        yield
    finally:
        try:
            _restore(before)
        except Interrupted:  # one came in between: its handler has set all to nothing
            _restore(before)
            raise


def _restore(handlers: Mapping[signal.Signals, object]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]


class _Ear:
    """A thread that hears signals while the main thread may not; where none can be had, the run does without."""

    def __enter__(self) -> None:
        self._write = -1
        self._numbers = _heard()
        self._arrival = _ARRIVAL
        try:
            read, write = os.pipe()
        except OSError:
            return
        try:
            _thread.start_new_thread(self._listen, (read,))  # unlike Thread.start, it does not wait for a processor
        except (RuntimeError, MemoryError):
            os.close(read)
            os.close(write)
            return
        os.set_blocking(write, False)
        self._write, self._before = write, signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def __exit__(self, *_: object) -> None:
        if self._write >= 0:
            signal.set_wakeup_fd(self._before)
            os.close(self._write)  # which ends the thread

    def _listen(self, read: int) -> None:
        try:
            while heard := os.read(read, 1):
                if heard[0] in self._numbers:
                    self._heard(heard[0], read)
                    return
        finally:
            os.close(read)

    def _heard(self, number: int, read: int) -> None:
        self._arrival.note(number)
        for listener in list(_LISTENERS):
            listener.set()
        deadline = time.monotonic() + LONGEST_ENDING
        poller = select.poll()
        poller.register(read, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if poller.poll(left * 1000) and not os.read(read, 64):
                return
        _end_at_once()


def _end_at_once() -> None:
    text = (
        f"dbproc: ended by {_ARRIVAL.name}; what it was at did not end within {LONGEST_ENDING:g} s, "
        "and the next run puts right what it left\n"
    )
    with suppress(OSError):
        os.set_blocking(2, False)
        os.write(2, text.encode())
    os._exit(EXIT_INTERRUPTED)
