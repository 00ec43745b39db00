"""How a program says no: one line that tells what is wrong, where, and what to do."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

GET_AGAIN = "It is damaged; get it again from where it came"
"""What to do about a damaged file."""
FAILED = 1
"""Exit status of a program that refused its input or could not write its output."""


class Refusal(Exception):
    """Something the user can mend.

    Parameters
    ----------
    where
        The file, field or option that is meant.
    what
        What is wrong with it.
    todo
        What to do next; may be empty.
    """

    def __init__(self, where: object, what: str, todo: str = "") -> None:
        self.where, self.what, self.todo = str(where), what, todo
        super().__init__(self.where, what, todo)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" + (f". {self.todo}" if self.todo else "")
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in " ".join(text.split()))


class Terminated(SystemExit):
    """The program was told to end."""


def run(name: str, program: Callable[[], None]) -> int:
    """Run ``program`` and turn a refusal into one line on stderr.

    Returns
    -------
    int
        The exit status: 0, or 1 when the program refused.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        program()
    except Refusal as refusal:
        print(f"{name}: {refusal}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except Terminated:
        print(f"{name}: ended by SIGTERM", file=sys.stderr)
        return 128 + signal.SIGTERM
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    """Leave through every ``finally``, so that a terminated program cleans up behind itself."""
    raise Terminated(128 + number)
