"""What a person sees while a command works: its events, and how far it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from dbproc.cli.terminal import bad
from dbproc.core.text import one_line


class Screen:
    """The output of a run: lines of text and, on a terminal, a progress line below them."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = False
        self._above = 0  # how many lines are above the one that the cursor is in

    def say(self, line: str, wrong: bool) -> None:
        """Print a line, to stderr if it reports a problem."""
        self.clear()
        click.echo(bad(line) if wrong else line, err=wrong)

    def progress(self, done: int, total: int) -> None:
        """Show the progress of the run."""
        if self._live and total:
            width = 30 * done // total
            sys.stderr.write(f"\r[{'#' * width}{'.' * (30 - width)}] {done}/{total} ")
            sys.stderr.flush()
            self._shown = True

    def counted(self, what: str, done: int) -> None:
        """Show how far something is of which nobody knows how much there is."""
        if self._live:
            sys.stderr.write(f"\r{one_line(what)}: {done:,} ")
            sys.stderr.flush()
            self._shown = True

    def lines(self, lines: Sequence[str]) -> None:
        """Show several lines in the place of the progress line."""
        if self._live and lines:
            self.clear()
            sys.stderr.write("\n".join(lines))
            sys.stderr.flush()
            self._shown, self._above = True, len(lines) - 1

    def clear(self) -> None:
        """Remove the progress line, or what was shown in its place."""
        if self._shown:
            sys.stderr.write("\r\033[K" + "\033[A\033[K" * self._above)
            sys.stderr.flush()
            self._shown, self._above = False, 0
