"""How long a database is waited for."""

from __future__ import annotations

import os

from dbproc.core.errors import DatabaseError

CONNECT_SECONDS = 20.0
ANSWER_SECONDS = 30.0  # of a statement that waits for nobody
STATEMENT_SECONDS = 600.0  # of any other, unless the server, the user or the URL have a limit of their own
_LOCK_SECONDS = 30.0
_VARIABLE = "DBPROC_LOCK_SECONDS"


def lock_seconds() -> float:
    """How long a lock that somebody else holds is waited for: 30 s, or what DBPROC_LOCK_SECONDS says.

    Raises
    ------
    DatabaseError
        It says something that is not a number of seconds.
    """
    given = os.environ.get(_VARIABLE)
    try:
        seconds = _LOCK_SECONDS if not given else float(given)
    except ValueError:
        seconds = -1.0
    if not 0.001 <= seconds <= 1_000_000:
        raise DatabaseError(f"{_VARIABLE}={given!r} is not a number of seconds: write {_VARIABLE}=30, or unset it")
    return seconds
