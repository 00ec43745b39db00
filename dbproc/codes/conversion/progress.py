"""How far a conversion is: one line that is rewritten on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

OFTEN, SELDOM = 0.2, 30.0
"""Seconds between two lines on a terminal, and elsewhere."""


class Progress:
    """Shows what a child process reports.

    Parameters
    ----------
    name
        What is being made.
    stream
        Where to.
    """

    def __init__(self, name: str, stream: TextIO = sys.stderr) -> None:
        self._name, self._stream = name, stream
        self._is_terminal = stream.isatty()
        self._shown = self._began = time.monotonic()
        self._phase = ""

    def show(self, report: Mapping[str, Any]) -> None:
        """Take a report of a phase, the bytes done and their total."""
        now = time.monotonic()
        if report["phase"] != self._phase:
            self._phase, self._began = report["phase"], now
        if now - self._shown < (OFTEN if self._is_terminal else SELDOM):
            return
        self._shown = now
        text = line(self._name, self._phase, report["done"], report["total"], now - self._began)
        print(
            f"\r{text}\033[K" if self._is_terminal else text, end="" if self._is_terminal else "\n", file=self._stream
        )
        self._stream.flush()

    def clear(self) -> None:
        """Leave no line behind on a terminal."""
        if self._is_terminal:
            print("\r\033[K", end="", file=self._stream, flush=True)


def line(name: str, phase: str, done: int, total: int, seconds: float) -> str:
    """One line: what is done of what, how quickly, and how long the rest of the phase takes at that pace."""
    told = f"{name}: {phase} {done / 1e6:.0f} of {total / 1e6:.0f} MB"
    if not done or seconds <= 0:
        return told
    rate = done / seconds
    left = f", {(total - done) / rate:.0f} s left" if total > done else ""
    return f"{told}, {rate / 1e6:.0f} MB/s{left}"
