"""What a database is called: by users, and in messages.

A path is SQLite; ``postgresql://…`` is a URL; a bare name that is not a file is a PostgreSQL database reached with
``PGHOST PGPORT PGUSER PGPASSWORD``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dbproc.core.errors import DatabaseError
from dbproc.system.home import expanded

_SQLITE_SUFFIXES = (".sqlite", ".sqlite3", ".db")
_IS_OTHERS = re.compile(r"\s*(?:postgres(?:ql)?(?:\+\w+)?:|(?:host|hostaddr|port|user|dbname|password|service)\s*=)")
"""A name that looks like a URL without its slashes, or like the settings that libpq takes."""
_NO_URL = "the database URL cannot be read: write postgresql://user@host/database"


def database_url(name: str, *, creating: bool = False) -> URL:
    """What `name` means, see the module's text.

    Raises
    ------
    DatabaseError
        It is empty, or a URL of another kind of database, or a path that cannot be.
    """
    if not name.strip():
        raise DatabaseError("no database is named: give -m DATABASE, or set DBPROC_MISSION")
    if "\0" in name:
        raise DatabaseError("the name of the database holds a NUL character; name another one")
    if "://" in name:
        return _parsed_url(name)
    if _IS_OTHERS.match(name):
        raise DatabaseError(_NO_URL)
    path = Path(expanded(name))
    if creating or _exists(path) or os.sep in name or path.suffix in _SQLITE_SUFFIXES:
        return _sqlite_url(path)
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


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise DatabaseError(f"cannot look at {path}: {error.strerror}; name another path") from error


def _sqlite_url(path: Path) -> URL:
    try:
        database = str(path.absolute())
    except OSError as error:
        raise DatabaseError(f"{path}: there is no current directory ({error.strerror}); write the whole path") from None
    if not _is_text(database):
        shown = os.fsencode(database).decode("utf-8", "backslashreplace")
        raise DatabaseError(f"the path {shown} is not UTF-8; rename the directory, or name another path")
    return URL.create("sqlite", database=database)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parsed_url(name: str) -> URL:
    try:
        url = make_url(name)
    except (ArgumentError, ValueError):
        raise DatabaseError(_NO_URL) from None
    kind = url.drivername.partition("+")[0]
    if kind not in ("postgresql", "sqlite"):
        raise DatabaseError(f"{kind} is not supported: use a SQLite path or postgresql://…")
    if kind == "sqlite":
        return _parsed_sqlite_url(url)
    if "@" in (url.host or ""):
        raise DatabaseError(f"{_NO_URL}; in a password, @ is written %40")
    return _parsed_server_url(url)


def _parsed_sqlite_url(url: URL) -> URL:
    if url.host or url.username:
        raise DatabaseError("a SQLite database is named by its path, with three slashes in a URL: sqlite:///path")
    if not url.database or url.database == ":memory:" or url.query:
        raise DatabaseError("a SQLite database is named by its path alone: sqlite:///path")
    return _sqlite_url(Path(url.database))


def _parsed_server_url(url: URL) -> URL:
    """The URL with its password where passwords are looked for, wherever it was given."""
    given = url.query.get("password")
    if given is not None:
        password = given if isinstance(given, str) else given[-1]
        url = url.difference_update_query(["password"]).set(password=password)
    return url.set(drivername="postgresql+psycopg2")
