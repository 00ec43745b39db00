"""The database of a mission: naming it, opening it, its transactions, and what is said when it does not answer.

All the rest of dbproc imports from here; any failure in a transaction is a
:class:`~dbproc.core.errors.DbprocError`.
"""

from dbproc.database.store.creating import create_database, migrate, migrations_directory, upgrade_database
from dbproc.database.store.naming import database_url, server_url, shown_name
from dbproc.database.store.opening import (
    SCHEMA_VERSION,
    Store,
    Transaction,
    is_writable,
    open_any_schema,
    open_store,
    schema_version,
)

__all__ = [
    "SCHEMA_VERSION",
    "Store",
    "Transaction",
    "create_database",
    "database_url",
    "is_writable",
    "migrate",
    "migrations_directory",
    "open_any_schema",
    "open_store",
    "schema_version",
    "server_url",
    "shown_name",
    "upgrade_database",
]
