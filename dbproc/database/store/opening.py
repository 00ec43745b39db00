"""Opening a database, and its transactions."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from dbproc.core.errors import (
    DatabaseError,
    DatabaseLostError,
    DbprocError,
    SchemaError,
    UnreadableError,
    UnstorableError,
)
from dbproc.core.redaction import masked
from dbproc.database.store.faults import words
from dbproc.database.store.naming import database_url, shown_name
from dbproc.storage import disk

Transaction = Connection
"""What :meth:`Store.begin` gives: committed when its block ends, rolled back when that raises."""

_QUICK_SECONDS = 1.0  # a failure that came so soon costs little to try again

MAINTENANCE = ("postgres", "template1")
"""Databases of every server, from which others are made; either may be missing, or closed to the user."""

_MAY_COME_OF_A_VALUE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, UnstorableError)

SCHEMA_VERSION = "0011"
"""The newest migration; a test holds it equal to what ``migrations/`` says."""


class Store:
    """An open mission database. Close it, or use it as a context manager.

    Parameters
    ----------
    name
        What the user gave: a path, a URL, or the name of a PostgreSQL database; or what that means.
    read_only
        Refuse every write, and leave a SQLite file byte for byte as it is.
    """

    def __init__(self, name: str | URL, *, echo: bool = False, read_only: bool = False) -> None:
        self.url = database_url(name) if isinstance(name, str) else name
        self.name = shown_name(self.url)
        self.read_only = read_only
        self.engine = _engine(self.url, echo=echo, read_only=read_only)

    @property
    def is_server(self) -> bool:
        """Whether the database is on a PostgreSQL server."""
        return self.url.get_backend_name() == "postgresql"

    @property
    def file(self) -> str | None:
        """The path of a SQLite file; None of a database on a server, and of one in memory."""
        return None if self.is_server or self.url.database in (None, "", ":memory:") else str(self.url.database)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.url.get_backend_name()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back when it raises.

        A connection that was closed while it was idle is replaced; nothing was written yet. Later, nothing is tried
        again: whether a commit whose answer never came was carried out cannot be known.

        Raises
        ------
        ConflictError
            What was written contradicts a constraint.
        UnstorableError
            A value that the database cannot hold.
        DatabaseLostError
            The connection broke, or the database did not answer, or is locked, or its disk is full.
        DatabaseRefusedError
            A right is missing, or a table, or the database is damaged.
        """
        with ExitStack() as stack:
            yield self._begun(stack, self.engine)

    @contextmanager
    def at_one_moment(self) -> Iterator[Store]:
        """This store, read only, with one transaction for all: every question is answered from one moment."""
        with ExitStack() as stack:
            yield _Moment(self, self._begun(stack, self.engine.execution_options(still=True)))

    @contextmanager
    def on_trial(self) -> Iterator[tuple[Store, Connection]]:
        """This store with one transaction for all, undone at the end, and that transaction: what is written to it is
        seen by whoever asks the store, and by nobody else.

        Of a store that only reads, a SQLite file is copied for that: who writes to it keeps runs waiting.
        """
        with ExitStack() as stack:
            engine: Engine = self.engine.execution_options(trial=True)
            if self.read_only and self.file is not None:
                engine = stack.enter_context(_copied(self)).engine
            connection = stack.enter_context(engine.connect())
            transaction = connection.begin()
            stack.callback(transaction.rollback)
            yield _Moment(self, connection), connection

    def _begun(self, stack: ExitStack, engine: Engine) -> Connection:
        was_idle, began = getattr(self.engine.pool, "checkedin", int)() > 0, time.monotonic()
        try:
            return stack.enter_context(engine.begin())
        except DatabaseLostError:
            is_quick = time.monotonic() - began < _QUICK_SECONDS
            if not self.is_server or not (was_idle or is_quick):
                raise
        return stack.enter_context(engine.begin())

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if isinstance(error, _MAY_COME_OF_A_VALUE):
                self._explain(error)
        finally:
            self.close()

    def _explain(self, error: BaseException) -> None:
        """Say so, if an error may come of a value in the database that its column cannot hold."""
        from dbproc.database.store.misfits import misfits

        found = None
        with suppress(SQLAlchemyError, DbprocError), self.engine.connect() as connection:
            found = next(misfits(connection), None)
        if found is not None:
            raise UnreadableError(f"{self.name}: {found}; every such value is listed by: dbproc check") from error


class _Moment(Store):
    """A store whose transactions are all the same one."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self.url, self.name, self.engine = store.url, store.name, store.engine
        self.read_only = True
        self._connection = connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """The transaction, which goes on after the block."""
        yield self._connection


@contextmanager
def _copied(store: Store) -> Iterator[Store]:
    """A copy of a SQLite file, in a directory for temporary files."""
    from dbproc.database.store.sqlite import copy_to

    with TemporaryDirectory(prefix="dbproc-") as directory, store.begin() as connection:
        path = Path(directory, "trial.sqlite")
        copy_to(connection, path)
        with closing(Store(store.url.set(database=str(path)))) as copy:
            yield copy


def open_store(name: str, *, echo: bool = False, read_only: bool = False) -> Store:
    """Open an existing mission database whose schema is this dbproc's.

    Raises
    ------
    DatabaseError
        There is no such database, or it is not one of dbproc's.
    SchemaError
        Its schema is older (the message names the command that upgrades it) or newer.
    """
    store = _opened(name, echo=echo, read_only=read_only)
    try:
        _check_schema(store)
    except BaseException:
        store.close()
        raise
    return store


def open_any_schema(name: str) -> Store:
    """Open an existing mission database of any schema version, to upgrade it."""
    store = _opened(name, echo=False, read_only=False)
    try:
        if schema_version(store) is None:
            raise DatabaseError(_no_mission(store))
    except BaseException:
        store.close()
        raise
    return store


def schema_version(store: Store) -> str | None:
    """The version of the newest migration that was applied, None for a database that is not dbproc's."""
    with store.begin() as connection:
        if not holds_mission(connection):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def is_writable(store: Store) -> bool:
    """Whether anything can be recorded, as far as that is seen without keeping anybody waiting; nothing is."""
    if store.file is not None:
        directory = os.path.dirname(os.path.abspath(store.file))
        return disk.fault(directory) is None and os.access(store.file, os.W_OK, effective_ids=True)
    with store.begin() as connection:
        return not store.is_server or connection.scalar(text("SHOW transaction_read_only")) == "off"


def holds_mission(connection: Connection, schema: str = "") -> bool:
    """Whether dbproc's tables are there; on a server in that `schema`, quoted, or else wherever search_path leads."""
    if connection.dialect.name == "sqlite":
        count = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('alembic_version', 'mission')"
        return bool(connection.scalar(text(count)) == 2)
    prefix = f"{schema}." if schema else ""
    found = connection.execute(
        text("SELECT to_regclass(:version) IS NOT NULL AND to_regclass(:mission) IS NOT NULL"),
        {"version": f"{prefix}alembic_version", "mission": f"{prefix}mission"},
    )
    return bool(found.scalar())


def _opened(name: str, *, echo: bool, read_only: bool) -> Store:
    url = database_url(name)
    if url.get_backend_name() == "sqlite" and not _is_file(Path(str(url.database))):
        raise DatabaseError(f"there is no database {url.database}; create it with: dbproc init {masked(name)}")
    store, began = Store(url, echo=echo, read_only=read_only), time.monotonic()
    try:
        with store.begin():
            return store
    except DatabaseLostError as error:
        store.close()
        is_quick = time.monotonic() - began < _QUICK_SECONDS
        text = _cannot_open(name, store, words(error.__cause__ or error), is_quick=is_quick)
        raise DatabaseError(text) from error
    except DbprocError:
        store.close()
        raise


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise DatabaseError(f"cannot look at {path}: {error.strerror}; name another path") from error


def _cannot_open(name: str, store: Store, why: str, *, is_quick: bool) -> str:
    if not store.is_server:
        return (
            f"cannot open the database {store.name}: {why}; see to the file, its directory and its disk, then run again"
        )
    tried = "" if "://" in name else f"no file {name!r} here, and "
    is_known = known_to_server(store.url) if is_quick else None
    return f"cannot open the database: {tried}PostgreSQL {store.name}: {why}; {_REMEDIES[is_known]}"


def known_to_server(url: URL) -> bool | None:
    """Whether a server has a database that cannot be opened; None when the server does not tell.

    The failure itself says so in the language of the server alone.
    """
    for maintenance in MAINTENANCE:
        with suppress(DbprocError), Store(url.set(database=maintenance)) as store, store.begin() as connection:
            found = text("SELECT 1 FROM pg_database WHERE datname = :n")
            return connection.scalar(found, {"n": url.database}) is not None
    return None


_REMEDIES = {
    True: "the server has it: see to the rights of the user, and to the server's log",
    False: "a new one is created with: dbproc init",
    None: "see that the server runs and can be reached: PGHOST, PGPORT, PGUSER, PGPASSWORD, and the server's log",
}
"""The remedy, depending on what :func:`known_to_server` says."""


def _check_schema(store: Store) -> None:
    version = schema_version(store)
    if version is None:
        raise DatabaseError(_no_mission(store))
    if version < SCHEMA_VERSION:
        raise SchemaError(
            f"{store.name} has schema {version}, this dbproc needs {SCHEMA_VERSION}; "
            f"make a copy of it, then: dbproc upgrade -m {store.name}"
        )
    if version > SCHEMA_VERSION:
        raise SchemaError(newer(store.name, version))


def _no_mission(store: Store) -> str:
    if store.is_server:
        with store.begin() as connection:
            if connection.scalar(text("SELECT current_schema()")) is None:
                return no_schema(store, connection.scalar(text("SHOW search_path")))
    with store.begin() as connection:
        if is_of_dbprocessing(connection):
            return of_dbprocessing(store.name)
    return f"{store.name} is not a dbproc database; create one with: dbproc init DATABASE"


_OF_DBPROCESSING = {"mission", "product", "productprocesslink", "instrumentproductlink", "filefilelink", "logging_file"}


def is_of_dbprocessing(connection: Connection) -> bool:
    """Whether the tables are those of a database of dbprocessing."""
    tables = set(inspect(connection).get_table_names())
    return tables >= _OF_DBPROCESSING and "alembic_version" not in tables


def of_dbprocessing(name: str) -> str:
    """What is said of a database of dbprocessing, where one of dbproc's is meant."""
    return f"{name} is a database of dbprocessing; to take it over: dbproc import dbprocessing {name} -m NEW"


def newer(name: str, version: str) -> str:
    """What is said of a database that is ahead of this dbproc."""
    return f"{name} has schema {version}, newer than this dbproc's {SCHEMA_VERSION}; install a newer dbproc"


def no_schema(store: Store, path: str | None) -> str:
    """What is said where ``search_path`` leads nowhere."""
    return (
        f"{store.name}: no schema of search_path {path or ''!r} exists, or may be used; have it made: "
        "CREATE SCHEMA NAME, GRANT ALL ON SCHEMA NAME TO USER; or correct search_path"
    )


def _engine(url: URL, *, echo: bool, read_only: bool) -> Engine:
    if url.get_backend_name() == "postgresql":
        from dbproc.database.store.server import server_engine

        return server_engine(url, echo=echo, read_only=read_only)
    from dbproc.database.store.sqlite import sqlite_engine

    return sqlite_engine(url, echo=echo, read_only=read_only)
