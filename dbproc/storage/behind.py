"""Work done behind: another thread does it in its order, while who asked for it goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

Call = Callable[[], None]
_DEPTH = 2


class Doing(Protocol):
    """Does what it is told, sooner or later; ends with its block."""

    def do(self, call: Call) -> None:
        """Have it done, after what was told before."""

    def wait(self) -> None:
        """Until all is done."""

    def __enter__(self) -> Doing:
        """Itself."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End it; after an error what waits is not done."""


class Behind:
    """A thread that does what it is told; at most `_DEPTH` things wait for it.

    The first error of what it does ends it, and is raised to who tells it more, or waits for it.
    """

    def __init__(self) -> None:
        self._calls: queue.Queue[Call | None] = queue.Queue(_DEPTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def do(self, call: Call) -> None:
        """Have it done later, after what was told before."""
        self._raise()
        self._calls.put(call)

    def wait(self) -> None:
        """Until all is done."""
        self._calls.join()
        self._raise()

    def __enter__(self) -> Behind:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End the thread; after an error what waits is not done."""
        if error is not None:
            self._error = self._error or error
        self._calls.put(None)
        self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _serve(self) -> None:
        while True:
            call = self._calls.get()
            try:
                if call is None:
                    return
                if self._error is None:
                    call()
            except BaseException as error:
                self._error = error
            finally:
                self._calls.task_done()


class AtOnce:
    """As :class:`Behind`, but in the same thread: for what is short."""

    def do(self, call: Call) -> None:
        """Do it."""
        call()

    def wait(self) -> None:
        """All is done."""

    def __enter__(self) -> AtOnce:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Nothing is to be ended."""
