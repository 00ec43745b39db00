"""The daily log of the runs of a mission."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress

from dbproc.core.errors import StorageError
from dbproc.core.events import LOGGER
from dbproc.core.redaction import masked


class _Line(logging.Formatter):
    """A line of the log: time, process and message, without passwords."""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(process)d %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return masked(super().format(record))


class _DailyLog(logging.FileHandler):
    """A log that a full disk silences; the run goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Drop the record: the event is in the database, too."""

    def close(self) -> None:
        """Close the file, even when its rest cannot be written."""
        with suppress(OSError):
            super().close()


def log_to(directory: str, level: str) -> logging.Handler:
    """Start the daily log (UTC) in `directory`; pass the handler to :func:`stop_logging`."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    path = os.path.join(directory, f"{day}.log")
    try:
        handler = _DailyLog(path, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; every run writes there") from error
    handler.setFormatter(_Line())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
    return handler


def stop_logging(handler: logging.Handler) -> None:
    """Close the daily log."""
    LOGGER.removeHandler(handler)
    handler.close()
