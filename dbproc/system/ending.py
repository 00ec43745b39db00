"""How a process ends in which a thread may hang: a peer that does not answer keeps it from nothing."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End this process; at once where a thread is still at work that nobody waits for.

    As Python ends it would take such a thread down in the middle of a library, which may abort the process.
    """
    if any(thread.daemon and thread.is_alive() for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)
    sys.exit(status)
