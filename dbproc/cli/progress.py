"""What a person sees while a command works: its events, and how far it is."""

from __future__ import annotations

import os
import sys

import click


class Screen:
    """The terminal of a run: lines of text, and below them a progress line where there is a terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = False

    def say(self, line: str, wrong: bool) -> None:
        """Print a line, to stderr when something went wrong."""
        self.clear()
        click.echo(line, err=wrong)

    def progress(self, done: int, total: int) -> None:
        """Show how far the run is."""
        if self._live and total:
            width = 30 * done // total
            sys.stderr.write(f"\r[{'#' * width}{'.' * (30 - width)}] {done}/{total} ")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Take the progress line away."""
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._shown = False
