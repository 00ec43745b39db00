"""Which database this is: what stands in the mark of its root."""

from __future__ import annotations

import os

from sqlalchemy import Connection, exists, select, text, update
from sqlalchemy.exc import DBAPIError

from dbproc.database import schema
from dbproc.database.store import Store
from dbproc.storage.ownership import Owner

_PLACE = text("""
SELECT d.datname, d.oid, n.nspname, c.oid,
       has_function_privilege(to_regprocedure('pg_catalog.pg_control_system()')::oid, 'EXECUTE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, pg_catalog.pg_database d
WHERE c.oid = to_regclass('mission')::oid AND d.datname = current_database()
""")
_SYSTEM = text("SELECT system_identifier FROM pg_catalog.pg_control_system()")


def owner_of(store: Store, connection: Connection, identity: str = "") -> Owner:
    """The database, as it stands in the mark of its root; `identity` is that of its mission."""
    if store.is_server:
        return _on_server(connection, identity, store.name)
    return _in_file(connection, identity, store.name)


def set_marked(connection: Connection) -> None:
    """Record that the root bears the mark."""
    connection.execute(update(schema.mission).values(root_marked=True))


def has_files(connection: Connection) -> bool:
    """Whether any file was ever taken in or made."""
    return bool(connection.scalar(select(exists().select_from(schema.file))))


def _in_file(connection: Connection, identity: str, shown: str) -> Owner:
    path = next(row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main")
    return Owner(identity, shown, None, ("sqlite", os.path.realpath(path)), _number_of(path))


def _number_of(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_dev, status.st_ino


def _on_server(connection: Connection, identity: str, shown: str) -> Owner:
    database, database_number, namespace, table_number, is_told = connection.execute(_PLACE).one()
    name = ("postgresql", str(database), str(namespace))
    server = _system(connection) if is_told else None
    return Owner(identity, shown, server, name, (int(database_number), int(table_number)))


def _system(connection: Connection) -> str | None:
    """What tells this server from every other; None where it is not told."""
    try:
        with connection.begin_nested():
            return str(connection.scalar(_SYSTEM))
    except DBAPIError:
        return None
