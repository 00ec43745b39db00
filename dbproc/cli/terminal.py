"""What a terminal gets besides words: lines that fit it, and colours unless ``NO_COLOR`` is set."""

from __future__ import annotations

import os
import shutil
import sys

import click


def room() -> int | None:
    """The columns of the terminal that is printed on; None where it is none, and lines may be of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def color_setting() -> bool | None:
    """The setting of click for colours: None leaves it to whether what is printed on is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def heading(text: str) -> str:
    """The head of a table or a paragraph."""
    return click.style(text, bold=True)


def bad(text: str) -> str:
    """What failed or is at fault."""
    return click.style(text, fg="red")


def pending(text: str) -> str:
    """What is late, or needs to be looked at."""
    return click.style(text, fg="yellow")


def good(text: str) -> str:
    """What is as it should be."""
    return click.style(text, fg="green")
