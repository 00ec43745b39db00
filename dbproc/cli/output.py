"""What commands print on, and what becomes of a command whose words reach nobody.

A full disk, a reader that went away, a closed descriptor, a terminal that is gone: none of them ends a command in the
midst of its work. What cannot be written is let go, and remembered; when the command is done,
:func:`dbproc.cli.guarded` says so. The exit status depends on whether the output was the purpose of the command, or
a report of its work.
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
    """A file descriptor on which words are let go once they cannot be written; `failure` says why.

    Parameters
    ----------
    fd
        The descriptor; it is not closed.

    Notes
    -----
    As long as `patience` (seconds) is None, a reader that does not read is waited for without end, as a pager is.
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
        """Write all of it, or let it go."""
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
        """Write no more than there is room for when a pipe says that there is some."""
        try:
            return os.write(self._fd, view[: select.PIPE_BUF])
        except BlockingIOError:  # another process that shares this descriptor made it so
            return 0


class _Words:
    """What is known of the words of this command."""

    def __init__(self) -> None:
        self.outlets: tuple[Outlet, ...] = ()
        self.tell_of_work = False


_words = _Words()


def install() -> None:
    """Have this process print through outlets.

    Descriptors that were closed are opened, so that no other file gets their numbers: what is printed, by whichever
    library, would be written into it.
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
    """A command begins, whose words are its purpose as long as nothing else is said."""
    _words.tell_of_work = False
    _set_patience(None)


def tell_of_work() -> None:
    """From now on words tell of work, which counts though nobody hears of it, and which does not wait for readers."""
    _words.tell_of_work = True
    _set_patience(PATIENCE)


def are_of_work() -> bool:
    """Whether what is printed reports work."""
    return _words.tell_of_work


def failure() -> OSError | None:
    """Why standard output was not written, None when all of it was."""
    sys.stdout.flush()
    return _words.outlets[0].failure if _words.outlets else None


def _set_patience(seconds: float | None) -> None:
    for outlet in _words.outlets:
        outlet.patience = seconds


def _open_if_closed(fd: int) -> None:
    """Standard output is opened in a way in which writing fails, as it did: a command that is asked must not seem to
    have answered."""
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
