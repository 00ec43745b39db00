"""The database of a mission: naming it, opening it, its schema version, transactions.

A path is SQLite; ``postgresql://…`` is a URL; a bare name that is no file is a PostgreSQL database reached with
``PGHOST PGPORT PGUSER PGPASSWORD``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from dbproc.errors import ConflictError, DatabaseError, DatabaseLostError, SchemaError
from dbproc.home import expanded
from dbproc.secrecy import masked

Transaction = Connection
"""What :meth:`Store.begin` gives: committed when its block ends, rolled back when that raises."""

SCHEMA_VERSION = "0005"
"""The newest migration; a test holds it equal to what ``migrations/`` says."""

_SQLITE_SUFFIXES = (".sqlite", ".sqlite3", ".db")
_SQLITE_MODE = 0o664
"""Of a new file, less what the umask takes; SQLite gives it to the files beside it, too."""
_IS_OTHERS = re.compile(r"\s*(?:postgres(?:ql)?(?:\+\w+)?:|(?:host|hostaddr|port|user|dbname|password|service)\s*=)")
"""A name that looks like a URL without its slashes, or like the settings that libpq takes."""
_NO_URL = "the database URL cannot be read: write postgresql://user@host/database"


class Store:
    """An open mission database. Close it, or use it as a context manager.

    Parameters
    ----------
    name
        What the user gave: a path, a URL, or the name of a PostgreSQL database.
    read_only
        Refuse every write, and leave a SQLite file byte for byte as it is.
    """

    def __init__(self, name: str, *, echo: bool = False, read_only: bool = False) -> None:
        self.url = database_url(name)
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

        Raises
        ------
        ConflictError
            What was written contradicts a constraint.
        DatabaseLostError
            The connection broke, or the database cannot be written.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except IntegrityError as error:
            raise ConflictError(_first_line(error)) from error
        except DBAPIError as error:
            if not _is_lost(error):
                raise
            raise DatabaseLostError(f"{self.name}: {_first_line(error)}; what was not recorded is done anew") from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
    """Open an existing mission database whatever its schema version is, to upgrade it."""
    store = _opened(name, echo=False, read_only=False)
    if schema_version(store) is None:
        store.close()
        raise DatabaseError(f"{store.name} is no dbproc database; create one with: dbproc init DATABASE")
    return store


def create_database(name: str) -> None:
    """Create the tables of a new mission database; a SQLite file must not exist, a server's database may.

    Raises
    ------
    DatabaseError
        The file exists, or the database has tables of dbproc's already, or the server refuses.
    """
    url = database_url(name, creating=True)
    if url.get_backend_name() == "sqlite":
        _create_sqlite_file(Path(str(url.database)))
    else:
        _create_server_database(url)
    with Store(str(url.render_as_string(hide_password=False))) as store:
        if schema_version(store) is not None:
            raise DatabaseError(f"{store.name} already holds a mission; to upgrade it: dbproc upgrade -m {store.name}")
        migrate(store)


def upgrade_database(name: str) -> tuple[str, str]:
    """Bring an older database to this dbproc's schema; returns the versions before and after."""
    with open_any_schema(name) as store:
        before = str(schema_version(store))
        if before > SCHEMA_VERSION:
            raise SchemaError(_newer(store.name, before))
        migrate(store)
        return before, SCHEMA_VERSION


def schema_version(store: Store) -> str | None:
    """The version of the newest migration that was applied, None for a database that is not dbproc's."""
    try:
        with store.engine.begin() as connection:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError as error:
        if _is_missing_table(error):
            return None
        raise DatabaseError(f"{store.name} cannot be read: {_first_line(error)}") from error


def migrate(store: Store) -> None:
    """Apply every migration that is missing, in one transaction.

    Raises
    ------
    DatabaseError
        The database refuses one of them, and stays as it was.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    try:
        with store.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except ProgrammingError as error:
        raise DatabaseError(f"{store.name} cannot be upgraded: {_first_line(error)}") from error


def migrations_directory() -> Path:
    """Where the migrations are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "migrations", package.parent / "migrations"):
        if (candidate / "env.py").is_file():
            return candidate
    raise DatabaseError(f"the migrations are missing from the installation at {package}; install dbproc again")


def database_url(name: str, *, creating: bool = False) -> URL:
    """What `name` means, see the module's text.

    Raises
    ------
    DatabaseError
        It is empty, or a URL of another kind of database.
    """
    if not name.strip():
        raise DatabaseError("no database is named: give -m DATABASE, or set DBPROC_MISSION")
    if "://" in name:
        return _parsed_url(name)
    if _IS_OTHERS.match(name):
        raise DatabaseError(_NO_URL)
    path = Path(expanded(name))
    if creating or path.exists() or os.sep in name or path.suffix in _SQLITE_SUFFIXES:
        return URL.create("sqlite", database=str(path.absolute()))
    return server_url(name)


def shown_name(url: URL) -> str:
    """A database as messages name it and commands take it, without its passwords."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    url = url.difference_update_query(["sslpassword"])
    if url.host is None and not url.query and url.username is None:
        return str(url.database)
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def server_url(database: str) -> URL:
    """The PostgreSQL database of this name, reached as ``PGHOST PGPORT PGUSER PGPASSWORD`` say."""
    return URL.create("postgresql+psycopg2", database=database)


def _parsed_url(name: str) -> URL:
    try:
        url = make_url(name)
    except (ArgumentError, ValueError):
        raise DatabaseError(_NO_URL) from None
    if url.get_backend_name() not in ("postgresql", "sqlite"):
        raise DatabaseError(f"{url.get_backend_name()} is not supported: use a SQLite path or postgresql://…")
    if url.get_backend_name() == "sqlite" and (url.host or url.username):
        raise DatabaseError("a SQLite database is named by its path, with three slashes in a URL: sqlite:///path")
    if "@" in (url.host or ""):
        raise DatabaseError(f"{_NO_URL}; in a password, @ is written %40")
    return _server_url(url) if url.get_backend_name() == "postgresql" else url


def _server_url(url: URL) -> URL:
    """The URL with its password where passwords are looked for, wherever it was given."""
    given = url.query.get("password")
    if given is not None:
        password = given if isinstance(given, str) else given[-1]
        url = url.difference_update_query(["password"]).set(password=password)
    return url.set(drivername="postgresql+psycopg2")


def _opened(name: str, *, echo: bool, read_only: bool) -> Store:
    url = database_url(name)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise DatabaseError(f"there is no database {url.database}; create it with: dbproc init {masked(name)}")
    store = Store(name, echo=echo, read_only=read_only)
    try:
        with store.engine.begin():
            return store
    except OperationalError as error:
        store.close()
        raise DatabaseError(_cannot_open(name, store, _first_line(error))) from error
    except SQLAlchemyError as error:
        store.close()
        raise DatabaseError(f"{store.name} is no dbproc database: {_first_line(error)}") from error


def _cannot_open(name: str, store: Store, why: str) -> str:
    if not store.is_server:
        return (
            f"cannot open the database {store.name}: {why}; see to the file, its directory and its disk, then run again"
        )
    tried = "" if "://" in name else f"no file {name!r} here, and "
    return f"cannot open the database: {tried}PostgreSQL {store.name}: {why}; a new one is created with: dbproc init"


def _check_schema(store: Store) -> None:
    version = schema_version(store)
    if version is None:
        raise DatabaseError(f"{store.name} is no dbproc database; create one with: dbproc init DATABASE")
    if version < SCHEMA_VERSION:
        raise SchemaError(
            f"{store.name} has schema {version}, this dbproc needs {SCHEMA_VERSION}; "
            f"make a copy of it, then: dbproc upgrade -m {store.name}"
        )
    if version > SCHEMA_VERSION:
        raise SchemaError(_newer(store.name, version))


def _newer(name: str, version: str) -> str:
    return f"{name} has schema {version}, newer than this dbproc's {SCHEMA_VERSION}; install a newer dbproc"


def _create_sqlite_file(path: Path) -> None:
    if path.exists():
        raise DatabaseError(f"{path} exists and is not overwritten; name another file")
    if not path.parent.is_dir():
        raise DatabaseError(f"the directory {path.parent} does not exist; make it first")
    try:
        path.touch(_SQLITE_MODE, exist_ok=False)
    except OSError as error:
        raise DatabaseError(f"cannot create {path}: {error.strerror}") from error


def _create_server_database(url: URL) -> None:
    """Make the database on the server unless it is there."""
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            known = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :n"), {"n": url.database})
            if known.scalar() is None:
                quoted = str(url.database).replace('"', '""')
                connection.execute(text(f"CREATE DATABASE \"{quoted}\" ENCODING 'UTF8' TEMPLATE template0"))
    except SQLAlchemyError as error:
        raise DatabaseError(f"cannot create the database {url.database}: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _engine(url: URL, *, echo: bool, read_only: bool) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(url, echo=echo, hide_parameters=True, connect_args=_server_options(read_only))
    if read_only and _has_write_ahead_log(Path(str(url.database))):
        path = Path(str(url.database)).absolute().as_uri()
        url = URL.create("sqlite", database=path, query={"mode": "ro", "uri": "true"})
    engine = create_engine(url, echo=echo, connect_args={"timeout": 30, "isolation_level": None})
    event.listen(engine, "connect", _prepare_read_only if read_only else _prepare_sqlite)
    event.listen(engine, "begin", _begin_deferred if read_only else _begin_immediate)
    return engine


def _server_options(read_only: bool) -> dict[str, Any]:
    settings = "-c timezone=UTC" + (" -c default_transaction_read_only=on" if read_only else "")
    return {"options": settings, "connect_timeout": 20, "application_name": "dbproc"}


def _prepare_sqlite(connection: Any, _: object) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _has_write_ahead_log(path: Path) -> bool:
    """Whether a run is live or died: closing an ordinary connection would then write the log into the file."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _prepare_read_only(connection: Any, _: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _is_missing_table(error: SQLAlchemyError) -> bool:
    message = str(getattr(error, "orig", error))
    return "no such table" in message or 'relation "alembic_version" does not exist' in message


def _is_lost(error: DBAPIError) -> bool:
    """Whether the database is gone, or cannot be written: some drivers say so with their most general error."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError | InternalError)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
