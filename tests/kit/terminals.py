"""What was shown on a pseudo-terminal, read from its other end."""

from __future__ import annotations

import os
from contextlib import suppress


def shown_on(terminal: int) -> str:
    """Everything written to a terminal until its writers are gone; it comes in pieces as large as the system likes.

    terminal: the reading end of `pty.openpty`, which is closed; the writing end is to be closed by all who hold it.
    """
    pieces = bytearray()
    with os.fdopen(terminal, "rb", buffering=0) as reader, suppress(OSError):  # Linux ends a terminal with EIO
        while piece := reader.read(4096):
            pieces += piece
    return pieces.decode()
