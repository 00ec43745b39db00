"""Beside the server: what was cut off when a service ended is finished, and what nobody goes on with is ended."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dbproc.core.errors import DbprocError
from dbproc.service.context import Context
from dbproc.service.uploads.streams import desk_of
from dbproc.transfers.uploads import put_right

_EVERY_SECONDS = 600.0


@contextmanager
def tidied(context: Context) -> Iterator[None]:
    """Keep uploads tidy as long as the block lasts, in a thread of its own."""
    stop = threading.Event()

    def work() -> None:
        is_beginning = True
        while True:
            with suppress(DbprocError):  # the database is away; the next time it may be there
                if put_right(desk_of(context), is_beginning=is_beginning).finished:
                    context.wake()
                is_beginning = False
            if stop.wait(_EVERY_SECONDS):
                return

    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    try:
        yield
    finally:
        stop.set()
