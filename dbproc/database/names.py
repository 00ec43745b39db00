"""Names in the catalogue that begin with what is typed."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from dbproc.database import schema

MOST = 100
"""So many names are told at most."""


def products(connection: Connection, begin: str) -> list[str]:
    """The products whose names begin so."""
    return _names(connection, schema.product.c.product_name, begin)


def processes(connection: Connection, begin: str) -> list[str]:
    """The processes whose names begin so."""
    return _names(connection, schema.process.c.process_name, begin)


def files(connection: Connection, begin: str) -> list[str]:
    """The files whose names begin so."""
    return _names(connection, schema.file.c.filename, begin)


def releases(connection: Connection, begin: str) -> list[str]:
    """The releases of data whose names begin so."""
    return _names(connection, schema.release.c.release_num, begin)


def _names(connection: Connection, column: ColumnElement[str], begin: str) -> list[str]:
    found = select(column).where(column.startswith(begin, autoescape=True)).distinct().order_by(column).limit(MOST)
    return list(connection.scalars(found))
