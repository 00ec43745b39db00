"""What a database refuses or fails at, as an error of dbproc: by its code, never by the words of a message.

PostgreSQL's codes are SQLSTATEs: the first two characters are a class. SQLite's are numbers whose lowest byte is the
class. (PostgreSQL speaks the language of its server; a connection that never came about has no code at all.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import ExceptionContext

from dbproc.core.errors import (
    ConflictError,
    DatabaseError,
    DatabaseLostError,
    DatabaseRefusedError,
    DbprocError,
    UnstorableError,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of failure: the exception that it is raised as, and the remedy."""

    kind: type[DbprocError]
    todo: str


_ANEW = "what was not recorded is done anew by the next run"
_LOST = Fault(DatabaseLostError, _ANEW)
_CONFLICT = Fault(ConflictError, "the record contradicts one that is there")
_VALUE = Fault(UnstorableError, "the database cannot hold this value: mend it where it comes from")
_DISK = Fault(DatabaseLostError, f"see to the database's disk, then run again; {_ANEW}")
_FULL = Fault(DatabaseLostError, f"make room on the database's disk; {_ANEW}")
_DAMAGED = Fault(
    DatabaseRefusedError,
    "the database is damaged: copy it away, see to its disk, and restore it from a backup (see Backup in "
    "docs/operating.md)",
)
_TABLES = Fault(
    DatabaseRefusedError,
    "its tables are not those that dbproc made: undo what was changed by hand, or restore a backup",
)

STATES: Mapping[str, Fault] = {
    "08": _LOST,
    "0A": Fault(DatabaseRefusedError, "this server does not support it: PostgreSQL 13 or later is needed"),
    "22": _VALUE,
    "23": _CONFLICT,
    "25": _LOST,
    "25006": Fault(
        DatabaseRefusedError,
        "this server or user may only read: name the primary server, or see to default_transaction_read_only",
    ),
    "28": Fault(DatabaseRefusedError, "see to the user and the password: PGUSER, PGPASSWORD, ~/.pgpass, pg_hba.conf"),
    "3D": Fault(DatabaseRefusedError, "a new database is created with: dbproc init"),
    "3F": Fault(DatabaseRefusedError, "create the schema, or name another one in search_path"),
    "40": Fault(DatabaseLostError, f"another session was in the way; {_ANEW}"),
    "42": _TABLES,
    "42501": Fault(DatabaseRefusedError, "have the owner of the database GRANT this right, or act as the owner"),
    "53": Fault(DatabaseLostError, f"the server is short of means; {_ANEW}"),
    "53100": _FULL,
    "53200": Fault(DatabaseLostError, f"the server is out of memory; {_ANEW}"),
    "53300": Fault(DatabaseLostError, f"the server takes no more connections (max_connections); {_ANEW}"),
    "54": Fault(DatabaseRefusedError, "a limit of the server was met: see its documentation"),
    "55": Fault(DatabaseLostError, f"something is in use; {_ANEW}"),
    "55P03": Fault(DatabaseLostError, f"end the session that holds the lock, or wait; {_ANEW}"),
    "57": _LOST,
    "57014": Fault(
        DatabaseLostError,
        f"it was cancelled by a person, or took longer than statement_timeout: see what else the server does; {_ANEW}",
    ),
    "58": _DISK,
    "72": _LOST,
    "XX": Fault(DatabaseRefusedError, "the server failed in itself: see its log"),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By SQLSTATE or its class; the longer one counts."""

NUMBERS: Mapping[int, Fault] = {
    sqlite3.SQLITE_ERROR: _TABLES,
    sqlite3.SQLITE_PERM: Fault(DatabaseRefusedError, "see to the rights of the file"),
    sqlite3.SQLITE_BUSY: Fault(DatabaseLostError, f"end that process, or wait for it; {_ANEW}"),
    sqlite3.SQLITE_LOCKED: Fault(DatabaseLostError, f"end that process, or wait for it; {_ANEW}"),
    sqlite3.SQLITE_READONLY: Fault(
        DatabaseRefusedError, "see to the rights of the file and of its directory: both must be writable"
    ),
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: Fault(DatabaseLostError, "see to the file, its directory and its disk, then run again"),
    sqlite3.SQLITE_TOOBIG: _VALUE,
    sqlite3.SQLITE_CONSTRAINT: _CONFLICT,
    sqlite3.SQLITE_MISMATCH: _VALUE,
    sqlite3.SQLITE_NOTADB: Fault(DatabaseRefusedError, "it is not a SQLite file, or it is damaged: restore a backup"),
}
"""By the lowest byte of SQLite's number."""


def translator(name: str) -> Callable[[ExceptionContext], DbprocError | None]:
    """What SQLAlchemy asks about each error of the database `name` (its event ``handle_error``)."""

    def translated(context: ExceptionContext) -> DbprocError | None:
        error, is_sent = context.original_exception, context.execution_context is not None
        fault = _fault_of(error, is_connected=context.connection is not None, is_sent=is_sent)
        if fault is None:
            return None
        if _breaks_connection(error):
            context.is_disconnect = True
        return fault.kind(f"{name}: {words(error)}{_blocker(error)}; {fault.todo}")

    return translated


def words(error: BaseException) -> str:
    """What the driver says, on one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def state(error: BaseException) -> str | None:
    """The SQLSTATE, where the server gave one."""
    code = getattr(error, "pgcode", None)
    return code if isinstance(code, str) else None


def _blocker(error: BaseException) -> str:
    """Whom the statement waited for, see :class:`dbproc.database.store.waiting.Session`."""
    session = getattr(getattr(error, "cursor", None), "connection", None)
    return str(getattr(session, "blocked_by", "")) if state(error) in ("55P03", "57014") else ""


def _fault_of(error: BaseException, *, is_connected: bool, is_sent: bool) -> Fault | None:
    """None: no failure of the database, but a defect, or a signal."""
    if isinstance(error, sqlite3.Error):
        return _fault_of_sqlite(error)
    if hasattr(error, "pgcode"):
        return _fault_of_server(error, is_connected=is_connected)
    is_value = isinstance(error, UnicodeError | OverflowError | ValueError)  # a driver's own look at a value
    return _VALUE if is_value and is_sent else None


def _fault_of_sqlite(error: sqlite3.Error) -> Fault | None:
    number = getattr(error, "sqlite_errorcode", None)
    if number is not None:
        return None if number & 0xFF == sqlite3.SQLITE_MISUSE else NUMBERS.get(number & 0xFF, _LOST)
    return _DAMAGED if isinstance(error, sqlite3.OperationalError) else None  # text in it that is not UTF-8


def _fault_of_server(error: BaseException, *, is_connected: bool) -> Fault | None:
    code = state(error)
    if code is not None:
        return STATES.get(code) or STATES.get(code[:2]) or _TABLES
    if type(error).__name__ == "ProgrammingError":  # of the driver: settings that it does not know, or a defect
        return None if is_connected else Fault(DatabaseError, "see to the URL of the database")
    return _LOST


def _breaks_connection(error: BaseException) -> bool:
    code = state(error)
    return code is not None and (code[:2] == "08" or code in ("57P01", "57P02", "57P03", "57P05", "25P03", "25P04"))
