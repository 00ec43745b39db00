"""``python -m dbproc``."""

from dbproc import entry

entry.dbproc()
