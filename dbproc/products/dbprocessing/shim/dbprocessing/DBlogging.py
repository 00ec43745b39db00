"""The logger of dbprocessing; what is logged there goes to whoever listens, never to a file of its own."""

from __future__ import annotations

import datetime
import logging

LEVELS = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error", "critical")}

utctoday = datetime.datetime.now(datetime.UTC).date().isoformat()
logname: str | None = None

dblogger = logging.getLogger("DBLogger")
dblogger.setLevel(logging.DEBUG)
dblogger.propagate = False
dblogger.addHandler(logging.NullHandler())


def change_logfile(logname: str | None = None) -> None:
    """Do nothing: there is no log file to change."""
