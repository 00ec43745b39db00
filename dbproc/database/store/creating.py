"""Creating a database, and bringing its tables to this dbproc's schema."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import URL, Connection, text

from dbproc.core.errors import DatabaseError, DatabaseLostError, DbprocError, SchemaError
from dbproc.database.store.faults import state, words
from dbproc.database.store.naming import database_url, shown_name
from dbproc.database.store.opening import (
    MAINTENANCE,
    SCHEMA_VERSION,
    Store,
    holds_mission,
    is_of_dbprocessing,
    newer,
    no_schema,
    of_dbprocessing,
    open_any_schema,
    schema_version,
)
from dbproc.system.package import PACKAGE

_SQLITE_MODE = 0o664
"""Of a new file, less what the umask takes; SQLite gives it to the files beside it, too."""
_PLAIN_SCHEMA = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([a-z_][a-z0-9_]*))\s*(?:,|$)', re.IGNORECASE)
_TAKEN = ("42P04", "23505", "42P06")  # somebody made it at the same moment
_ENCODING_AND_LOCALE = ("22023", "42P22")  # a server whose locale is not one of UTF-8


def create_database(name: str) -> None:
    """Create the tables of a new mission database; a SQLite file must not exist, a server's database may.

    Raises
    ------
    DatabaseError
        The file exists, or the database has tables of dbproc's already, or the server refuses.
    """
    url = database_url(name, creating=True)
    if url.get_backend_name() == "sqlite":
        _create_file(url)
    else:
        _create_on_server(url)


def upgrade_database(name: str) -> tuple[str, str]:
    """Bring an older database to this dbproc's schema; returns the versions before and after."""
    with open_any_schema(name) as store:
        before = str(schema_version(store))
        if before > SCHEMA_VERSION:
            raise SchemaError(newer(store.name, before))
        migrate(store)
        return before, SCHEMA_VERSION


def migrate(store: Store, *, creating: bool = False) -> None:
    """Apply every migration that is missing, in one transaction.

    On a server in the schema that has the tables, or, when they are made, in the first one of ``search_path``.

    Raises
    ------
    DatabaseError
        The database refuses one of them, and stays as it was.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    try:
        with store.begin() as connection:
            if store.is_server:
                _stay_in(connection, _current_schema(connection) if creating else _schema_of(connection))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseError(
            f"{store.name} has a table alembic_version of another program: name another database, or another schema "
            f"({words(error)})"
        ) from error


def migrations_directory() -> Path:
    """Where the migrations are: inside the installed package, or beside it in a checkout."""
    package = Path(PACKAGE)
    for candidate in (package / "migrations", package.parent / "migrations"):
        if (candidate / "env.py").is_file():
            return candidate
    raise DatabaseError(f"the migrations are missing from the installation at {package}; install dbproc again")


# --- SQLite ---


def _create_file(url: URL) -> None:
    path = Path(str(url.database))
    _touch(path)
    try:
        with Store(url) as store:
            migrate(store)
    except BaseException:
        path.unlink(missing_ok=True)  # it was not there before, and holds nothing
        raise


def _touch(path: Path) -> None:
    try:
        if not path.parent.is_dir():
            raise DatabaseError(f"the directory {path.parent} does not exist; make it first")
        path.touch(_SQLITE_MODE, exist_ok=False)
    except FileExistsError:
        raise DatabaseError(f"{path} exists and is not overwritten; name another file") from None
    except OSError as error:
        raise DatabaseError(f"cannot create {path}: {error.strerror}; name another path") from error


# --- PostgreSQL ---


def _create_on_server(url: URL) -> None:
    with Store(url) as store:
        if not url.database:
            raise DatabaseError(f"{store.name} names no database: write postgresql://user@host/database")
        try:
            with store.begin():
                pass
        except DatabaseLostError as error:
            _create_database(url, words(error.__cause__ or error))
        _refuse_other_encodings(store)
        _provide_schema(store)
        with store.begin() as connection:
            if is_of_dbprocessing(connection):
                raise DatabaseError(of_dbprocessing(store.name))
            if holds_mission(connection, _current_schema(connection)):
                shown = f"{store.name} already holds a mission; to upgrade it: dbproc upgrade -m {store.name}"
                raise DatabaseError(shown)
        migrate(store, creating=True)


def _create_database(url: URL, why: str) -> None:
    """Make a database that could not be opened, unless it is there; `why`: what was said then."""
    reasons = {f"{url.database}: {why}": None}
    for maintenance in MAINTENANCE:
        with Store(url.set(database=maintenance)) as store:
            try:
                with store.begin() as connection:
                    known = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :n"), {"n": url.database})
            except DbprocError as error:
                reasons[f"{maintenance}: {words(error.__cause__ or error)}"] = None
                continue
            if known:
                break
            return _make(store, str(url.database))
    raise DatabaseError(f"cannot create or open the database {shown_name(url)}: {'; '.join(reasons)}")


def _make(store: Store, database: str) -> None:
    statement = f"CREATE DATABASE {_quoted(database)} ENCODING 'UTF8' TEMPLATE template0"
    try:
        for ending in ("", " LC_COLLATE 'C' LC_CTYPE 'C'"):
            try:
                with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.exec_driver_sql(statement.replace("%", "%%") + ending)
                return
            except DbprocError as error:
                code = state(error.__cause__ or error)
                if code in _TAKEN:
                    return
                if ending or code not in _ENCODING_AND_LOCALE:
                    raise
    except DbprocError as error:
        raise DatabaseError(
            f"cannot create the database {database}: {words(error.__cause__ or error)}; have an administrator do it: "
            f"{statement} OWNER your_name; then run dbproc init again"
        ) from error


def _refuse_other_encodings(store: Store) -> None:
    with store.begin() as connection:
        encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise DatabaseError(
            f"the database {store.name} has the encoding {encoding}, which cannot hold every file's name; make another "
            f"one: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        )


def _provide_schema(store: Store) -> None:
    """Make the schema that the URL asks for, as the database itself is made."""
    from dbproc.database.store.server import search_path

    path = search_path(store.url)
    found = _PLAIN_SCHEMA.match(path or "")
    if found is not None:
        name = found[1].replace('""', '"') if found[1] else found[2].lower()
        with store.begin() as connection:
            known = connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :n"), {"n": name})
            if not known and name != "$user":
                connection.exec_driver_sql(f"CREATE SCHEMA {_quoted(name).replace('%', '%%')}")
    with store.begin() as connection:
        if connection.scalar(text("SELECT current_schema()")) is None:
            raise DatabaseError(no_schema(store, connection.scalar(text("SHOW search_path"))))


def _schema_of(connection: Connection) -> str:
    """The schema of the tables that search_path leads to, quoted; where there are none, that in which they are made."""
    where = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('mission')"
    return connection.scalar(text(where)) or _current_schema(connection)


def _current_schema(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT quote_ident(current_schema())")))


def _stay_in(connection: Connection, schema: str) -> None:
    """Neither look into nor write into another schema, and take the time that large tables need."""
    settings = "SELECT set_config('search_path', :s, true), set_config('statement_timeout', '0', true)"
    connection.execute(text(settings), {"s": schema})
    session = connection.connection.dbapi_connection
    if session is not None:
        session.seconds = float("inf")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
