"""Output that cannot end a command in the middle of its work.

After a full disk, a closed pipe or descriptor, or a lost terminal, output is dropped and the failure remembered; at the
end :func:`dbproc.cli.guarded` reports it. The exit status depends on whether the output was the purpose of the command
or a report of its work.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

PATIENCE = 60.0
"""Seconds that a command at work waits for a reader that has stopped reading."""


class Outlet(io.RawIOBase):
    """A file descriptor whose output is dropped after a failed write; `failure` says why.

    Parameters
    ----------
    fd
        The descriptor; it is not closed.

    Notes
    -----
    While `patience` (seconds) is None, a slow reader, such as a pager, is waited for without end.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.failure: OSError | None = None
        self.patience: float | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._fd)

    def write(self, data: Any) -> int:
        """Write all, or drop the rest."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while view and self.failure is None:
                self._wait()
                view = view[self._written(view) :]
        except OSError as error:
            self.failure = error
        return size

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        if not poll.poll(None if self.patience is None else self.patience * 1000):
            raise TimeoutError(errno.ETIMEDOUT, f"nobody read it for {self.patience:g} s")

    def _written(self, view: memoryview) -> int:
        """Write at most as much as a pipe has room for."""
        try:
            return os.write(self._fd, view[: select.PIPE_BUF])
        except BlockingIOError:  # another process that shares this descriptor made it so
            return 0


class _Words:
    """The state of this command's output."""

    def __init__(self) -> None:
        self.outlets: tuple[Outlet, ...] = ()
        self.is_report = False


_words = _Words()


def install() -> None:
    """Print through outlets in this process.

    Closed descriptors are opened, so that no other file gets their numbers: anything printed, by any library, would be
    written into it.
    """
    for fd in range(3):
        _open_if_closed(fd)
    out, err = Outlet(1), Outlet(2)
    _words.outlets = (out, err)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = _text(out, sys.stdout, line_buffering=out.isatty())
    sys.stderr = _text(err, sys.stderr, line_buffering=True)


def begin() -> None:
    """Begin a command; its output counts as its purpose until :func:`report_work`."""
    _words.is_report = False
    _set_patience(None)


def report_work() -> None:
    """From now on output only reports work, which succeeds without a reader and does not wait for one."""
    _words.is_report = True
    _set_patience(PATIENCE)


def are_of_work() -> bool:
    """Whether output reports work."""
    return _words.is_report


def failure() -> OSError | None:
    """The reason why standard output was not written, or None."""
    sys.stdout.flush()
    return _words.outlets[0].failure if _words.outlets else None


def _set_patience(seconds: float | None) -> None:
    for outlet in _words.outlets:
        outlet.patience = seconds


def _open_if_closed(fd: int) -> None:
    """Open closed standard output so that writing fails, as it would have: a query must not seem to have been
    answered."""
    try:
        os.fstat(fd)
    except OSError:
        opened = os.open(os.devnull, os.O_WRONLY if fd == 2 else os.O_RDONLY)
        if opened != fd:  # it is the lowest that is free
            os.dup2(opened, fd)
            os.close(opened)
        os.set_inheritable(fd, True)


def _text(outlet: Outlet, before: TextIO | None, *, line_buffering: bool) -> TextIO:
    encoding = "utf-8" if before is None else before.encoding
    buffer = io.BufferedWriter(outlet)
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=line_buffering)
