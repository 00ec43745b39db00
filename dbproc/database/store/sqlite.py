"""SQLite: connections that wait for locks in Python, where signals are heard, and connections that only read.

Who only reads leaves nothing behind. A file without a log (FILE-wal) is opened as it is where we may write, and its log
is removed again when we close it; where we may not, it is read as a file that nobody changes, and held to that. With a
log the file is opened to read only, and the log is left to those who write.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from dbproc.core.errors import DatabaseError
from dbproc.database.store.faults import translator
from dbproc.database.store.limits import lock_seconds
from dbproc.system import signals

_TRY_SECONDS = 0.1  # in C, deaf
_TRY_SECONDS_WITHOUT_LOG = 5.0  # where readers and writers lock each other out in the middle of a transaction
_PAUSE_SECONDS = 0.01
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
Result = TypeVar("Result")
Stamp = tuple[int, ...]


class Locked(sqlite3.OperationalError):
    """Another process did not let go of the database."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY


class Changed(sqlite3.OperationalError):
    """Somebody has written the file, which was opened as one that nobody writes."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY

    def __init__(self) -> None:
        super().__init__("a run has begun to write it while it was read, where only that run may write: ask again")


class OnlyLog(sqlite3.OperationalError):
    """What was written last cannot be read without the right to write."""

    sqlite_errorcode = sqlite3.SQLITE_CANTOPEN


class _Cursor(sqlite3.Cursor):
    """Waits for locks where nothing is begun yet."""

    connection: _Session

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        session, execute = self.connection, super().execute
        if session.in_transaction and not session.is_reading:
            return session.checked(lambda: execute(statement, parameters))
        return session.patiently(lambda: execute(statement, parameters))


class _Session(sqlite3.Connection):
    """A connection; ``stamp``: the state that a file must keep which is read as one that nobody changes."""

    path: Path
    is_reading: bool = False
    stamp: Stamp | None = None

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        self.checked(lambda: self.patiently(super(_Session, self).commit))

    def patiently(self, function: Callable[[], Result]) -> Result:
        """Call it until nobody holds the database, or the time for that is over."""
        began, seconds = time.monotonic(), lock_seconds()
        while True:
            try:
                return self.checked(function)
            except sqlite3.OperationalError as error:
                now = time.monotonic()
                if _class(error) not in _LOCKED or isinstance(error, Changed):
                    raise
                if now >= signals.patience(seconds, began):
                    raise Locked(f"{error} by {_holders(self.path)}, for {now - began:.0f} s") from error
                time.sleep(_PAUSE_SECONDS)
            except KeyboardInterrupt:
                signals.hurry()
                raise

    def checked(self, function: Callable[[], Result]) -> Result:
        """Call it; a file that somebody wrote meanwhile, although it was opened as one that nobody writes, is told."""
        try:
            result = function()
        except sqlite3.DatabaseError as error:
            if self.stamp is not None and self.stamp != _stamp(self.path):
                raise Changed from error
            raise
        if self.stamp is not None and self.stamp != _stamp(self.path):
            raise Changed
        return result


def sqlite_engine(url: URL, *, echo: bool = False, read_only: bool = False) -> Engine:
    """An engine for a SQLite file; all its errors are those of :mod:`dbproc.core.errors`."""
    path = Path(str(url.database))
    pool = {"poolclass": NullPool} if read_only else {}  # each time anew: whether there is a log may have changed
    engine = create_engine(url, echo=echo, creator=lambda: _open(path, read_only=read_only), **pool)
    event.listen(engine, "begin", _begin_reading if read_only else _begin_writing)
    event.listen(engine, "handle_error", translator(str(path)))
    return engine


def copy_to(connection: Connection, path: Path) -> None:
    """Copy the database, as a transaction sees it, to a file that there is not yet.

    Raises
    ------
    DatabaseError
        The disk has no room for it, or the file cannot be made.
    """
    session = connection.connection.dbapi_connection
    assert isinstance(session, sqlite3.Connection)
    try:
        with closing(sqlite3.connect(path)) as copy:
            session.backup(copy)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(
            f"a copy of the database is tried on, and cannot be made at {path}: {error}; make room there, or set TMPDIR"
        ) from error


def _open(path: Path, *, read_only: bool) -> _Session:
    if not read_only:
        return _writing(_connected(path, "mode=rwc"))
    if _may_write(path) and not _has_content(_log_of(path)):
        return _reading(_connected(path, "mode=rw"))
    if not any(map(_exists, _beside(path))):
        return _reading_unchanging(path)
    try:
        return _reading(_connected(path, "mode=ro"))
    except sqlite3.OperationalError as error:
        if _class(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        return _reading_without_log(path, error)


def _reading_without_log(path: Path, why: sqlite3.OperationalError) -> _Session:
    """Read a file whose log cannot be read without its index (FILE-shm), which we may not make."""
    for log in filter(_has_content, _beside(path)):
        raise OnlyLog(
            f"{why}: what was written last is in {log}, and reading that takes the right to write; "
            "any command of a user who may write does so"
        ) from why
    return _reading_unchanging(path)


def _reading_unchanging(path: Path) -> _Session:
    stamp = _stamp(path)
    session = _connected(path, "immutable=1")
    session.stamp = stamp
    return _reading(session)


def _connected(path: Path, how: str) -> _Session:
    session: _Session = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=_TRY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=_Session,
    )
    session.path = path
    return session


def _writing(session: _Session) -> _Session:
    try:
        (mode,) = session.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            session.execute(f"PRAGMA busy_timeout = {int(_TRY_SECONDS_WITHOUT_LOG * 1000)}")
        session.execute("PRAGMA synchronous = FULL")
        session.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        session.close()
        raise
    return session


def _reading(session: _Session) -> _Session:
    session.is_reading = True
    try:
        session.execute("PRAGMA query_only = ON")
        session.execute("PRAGMA schema_version").fetchone()  # opens the file, and its log
    except BaseException:
        session.close()
        raise
    return session


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    """Begin at once, not with the first question: what is read is of one moment, and a lock is waited for here."""
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")


def _class(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _beside(path: Path) -> tuple[Path, Path]:
    """What holds changes that are not in the file: its log, or where there can be none, its journal."""
    return _log_of(path), path.with_name(path.name + "-journal")


def _has_content(path: Path) -> bool:
    return _exists(path) and path.stat().st_size > 0


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _stamp(path: Path) -> Stamp:
    """Changes with each write; a log counts as one."""
    stat = os.stat(path)
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, int(_exists(_log_of(path))))


def _holders(path: Path) -> str:
    """Who holds locks on the database, as far as the system tells."""
    files = {str(each.stat().st_ino) for each in (path, path.with_name(path.name + "-shm")) if each.exists()}
    try:
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        locks = []
    # 1: POSIX ADVISORY WRITE 4711 fe:00:123456 120 120
    pids = {
        lock[4] for lock in locks if lock[3] == "WRITE" and len(lock) > 5 and lock[5].rpartition(":")[2] in files
    } - {str(os.getpid())}
    return " and ".join(sorted(f"PID {pid}{_command(pid)}" for pid in pids)) or f"another process (see: fuser {path})"


def _command(pid: str) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return f" ({' '.join(words).strip()[:80]})"
