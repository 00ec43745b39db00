"""The databases that the tests are given are real, empty and apart from each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from dbproc.core.errors import DatabaseError
from dbproc.database.store import open_store
from tests.kit.postgres import PostgresServer


def connect(database: str) -> sqlite3.Connection | psycopg2.extensions.connection:
    return psycopg2.connect(database) if "://" in database else sqlite3.connect(database)


def test_database_is_new_and_can_be_written(database: str) -> None:
    assert not Path(database).exists()
    with closing(connect(database)) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE file (name TEXT)")
        cursor.execute("INSERT INTO file VALUES ('a')")
        cursor.execute("SELECT name FROM file")
        assert cursor.fetchall() == [("a",)]


def test_databases_of_one_test_are_apart(make_database: Callable[[], str]) -> None:
    names = [make_database() for _ in range(3)]
    assert len(set(names)) == 3
    for name in names:
        with closing(connect(name)) as connection, connection:
            connection.cursor().execute("CREATE TABLE file (name TEXT)")


def test_postgres_is_a_real_server(postgres_database: str) -> None:
    with closing(psycopg2.connect(postgres_database)) as connection:
        assert connection.server_version >= 160000


def test_postgres_is_reached_by_a_bare_name(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in postgres_server.environment().items():
        monkeypatch.setenv(name, value)
    with closing(psycopg2.connect(dbname="postgres")) as connection:
        assert connection.info.dbname == "postgres"


def test_a_database_is_copied_with_its_tables_and_dropped_under_an_open_connection(
    postgres_server: PostgresServer,
) -> None:
    original = postgres_server.create()
    with closing(psycopg2.connect(postgres_server.url(original))) as connection, connection:
        connection.cursor().execute("CREATE TABLE file (name TEXT)")
    copy = postgres_server.create(template=original)
    with closing(psycopg2.connect(postgres_server.url(copy))) as connection:
        connection.cursor().execute("SELECT name FROM file")
        postgres_server.drop(copy)
        with pytest.raises(psycopg2.OperationalError):
            connection.cursor().execute("SELECT 1")
    postgres_server.drop(original)


def test_of_a_server_that_is_down_and_of_a_database_that_is_not_there_each_remedy_is_told(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with pytest.raises(DatabaseError, match="a new one is created with: dbproc init"):
        open_store(postgres_server.url("no_such_database"))
    with pytest.raises(DatabaseError, match="see that the server runs and can be reached") as caught:
        open_store(f"postgresql:///mission?host={tmp_path}")
    assert "dbproc init" not in str(caught.value)
