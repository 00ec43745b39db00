"""PostgreSQL as it is run: schemas, encodings, users with few rights, settings of others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, nullcontext

import psycopg2
import pytest
from sqlalchemy import text

from dbproc.core.errors import DatabaseError, DbprocError
from dbproc.database.store import Store, create_database, open_store, schema_version, upgrade_database
from dbproc.database.store.server import divided_options
from tests.kit.postgres import OwnServer, PostgresServer, running_server


def execute(database: str, *statements: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(database)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def with_options(database: str, options: str) -> str:
    return f"{database}&options={options.replace(' ', '%20').replace('=', '%3D').replace(',', '%2C')}"


def tables_of(database: str, schema: str) -> set[str]:
    question = (
        f"SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('{schema}') AND relkind IN ('r', 'v')"
    )
    return {str(name) for (name,) in execute(database, question)}


# --- schemas ---


@pytest.mark.parametrize(
    ("options", "rest", "path"),
    [
        ("", "", None),
        ("-csearch_path=m1", "", "m1"),
        ("-c search_path=m1,public", "", "m1,public"),
        ("--search-path=m1 -c geqo=off", "-c geqo=off", "m1"),
        (r"-c search_path=m1,\ public -cwork_mem=1GB", "-cwork_mem=1GB", "m1, public"),
        ("-c statement_timeout=5s", "-c statement_timeout=5s", None),
        ("-csearch_path=a -csearch_path=b", "", "b"),
    ],
)
def test_the_search_path_is_taken_out_of_options(options: str, rest: str, path: str | None) -> None:
    assert divided_options(options) == (rest, path)


@pytest.mark.parametrize("form", ["-csearch_path=m1", "-c search_path=m1,public", "--search_path=m1"])
def test_two_missions_in_one_database_by_schema(form: str, postgres_database: str) -> None:
    create_database(postgres_database)
    one, two = with_options(postgres_database, form), with_options(postgres_database, form.replace("m1", "m2"))
    create_database(one)
    create_database(two)
    wanted = tables_of(postgres_database, "public")
    assert {"mission", "alembic_version", "newest_file", "lineage", "unixtime"} <= wanted
    assert tables_of(postgres_database, "m1") == tables_of(postgres_database, "m2") == wanted
    with open_store(one) as store, store.begin() as connection:
        assert connection.scalar(text("SELECT current_schema()")) == "m1"
    with pytest.raises(DatabaseError, match="already holds a mission"):
        create_database(one)


def test_a_view_asks_the_tables_of_its_own_schema(postgres_database: str) -> None:
    create_database(postgres_database)
    create_database(with_options(postgres_database, "-csearch_path=m1,public"))
    question = "SELECT DISTINCT table_schema FROM information_schema.view_table_usage WHERE view_schema = 'm1'"
    assert execute(postgres_database, question) == [("m1",)]


def test_an_upgrade_stays_in_the_schema_of_the_mission(postgres_database: str) -> None:
    """Tables that search_path leads to are brought up to date where they are."""
    create_database(with_options(postgres_database, "-csearch_path=m1"))
    execute(postgres_database, "CREATE SCHEMA mine")
    both = with_options(postgres_database, "-csearch_path=mine,m1")
    assert upgrade_database(both)[0] == upgrade_database(both)[1]
    with open_store(both) as store:
        assert schema_version(store) is not None
    assert tables_of(postgres_database, "mine") == set()


def test_the_environment_may_name_the_schema(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=m1 -c work_mem=7MB")
    create_database(postgres_database)
    assert "mission" in tables_of(postgres_database, "m1")
    with open_store(postgres_database) as store, store.begin() as connection:
        assert connection.scalar(text("SHOW work_mem")) == "7MB"


def test_a_schema_that_is_not_there_is_named(postgres_database: str) -> None:
    create_database(postgres_database)
    with pytest.raises(DatabaseError, match=r"no schema of search_path 'm7' exists.*CREATE SCHEMA"):
        open_store(with_options(postgres_database, "-csearch_path=m7"))


def test_tables_of_another_program_are_left_alone(postgres_database: str) -> None:
    execute(
        postgres_database,
        "CREATE TABLE alembic_version (version_num text)",
        "INSERT INTO alembic_version VALUES ('b1')",
    )
    with pytest.raises(DatabaseError, match="another program"):
        create_database(postgres_database)
    with pytest.raises(DatabaseError, match="is not a dbproc database"):
        open_store(postgres_database)
    assert tables_of(postgres_database, "public") == {"alembic_version"}


def test_a_table_that_is_in_the_way_is_named(postgres_database: str) -> None:
    execute(postgres_database, "CREATE TABLE file (i int)")
    with pytest.raises(DbprocError, match='"file" already exists'):
        create_database(postgres_database)
    assert tables_of(postgres_database, "public") == {"file"}


# --- settings ---


def test_what_the_user_or_the_url_sets_is_respected(postgres_database: str) -> None:
    name = with_options(postgres_database, "-c lock_timeout=4s -c statement_timeout=2min -c timezone=Asia/Tokyo")
    with Store(f"{name}&application_name=mine") as store, store.begin() as connection:
        shown = [connection.scalar(text(f"SHOW {each}")) for each in ("lock_timeout", "statement_timeout")]
        assert shown == ["4s", "2min"]
        assert connection.scalar(text("SHOW timezone")) == "UTC"
        assert connection.scalar(text("SHOW application_name")) == "mine"


def test_no_transaction_depends_on_the_one_before(postgres_database: str) -> None:
    """What pgbouncer does when it gives each another session."""
    with Store(postgres_database, read_only=True) as store:
        for _ in range(2):
            with store.begin() as connection:
                shown = [
                    connection.scalar(text(f"SHOW {each}"))
                    for each in ("timezone", "lock_timeout", "statement_timeout", "transaction_read_only", "datestyle")
                ]
                assert shown == ["UTC", "30s", "10min", "on", "ISO, MDY"]
                connection.execute(text("ROLLBACK"))
                connection.execute(text("DISCARD ALL"))


def test_a_still_transaction_sees_one_moment(postgres_database: str) -> None:
    execute(postgres_database, "CREATE TABLE t (i int)")
    with Store(postgres_database) as store:
        for moment, seen in ((store.at_one_moment(), 0), (nullcontext(store), 2)):
            with moment as asked, asked.begin() as connection:
                connection.execute(text("SELECT count(*) FROM t"))
                execute(postgres_database, "INSERT INTO t VALUES (1)")
                assert connection.scalar(text("SELECT count(*) FROM t")) == seen


# --- encodings ---


@pytest.fixture
def latin(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[str]:
    name = f"l{os.urandom(6).hex()}"
    execute(postgres_server.url(), f"CREATE DATABASE {name} ENCODING '{request.param}' TEMPLATE template0")
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.mark.parametrize("latin", ["LATIN1", "SQL_ASCII"], indirect=True)
def test_a_database_that_cannot_hold_every_name_is_refused(latin: str) -> None:
    with pytest.raises(DatabaseError, match=r"has the encoding (LATIN1|SQL_ASCII).*ENCODING 'UTF8'"):
        create_database(latin)
    assert tables_of(latin, "public") == set()


def test_names_are_sent_in_utf8_whatever_the_environment_says(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with Store(f"{postgres_database}&client_encoding=LATIN1") as store, store.begin() as connection:
        assert connection.scalar(text("SELECT 'Ω' || :name"), {"name": "é"}) == "Ωé"


# --- creating databases ---


@pytest.fixture(scope="module")
def strict_server() -> Iterator[OwnServer]:
    """A server whose user `me` may create databases, and enter only those that are his."""
    with running_server() as server:
        closing_both = [f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC" for name in ("postgres", "template1")]
        execute(server.url(), "CREATE ROLE me LOGIN CREATEDB", *closing_both)
        execute(server.url(), "CREATE DATABASE mine OWNER me TEMPLATE template0 ENCODING 'UTF8'")
        yield server


@pytest.mark.xdist_group("strict server")
def test_a_database_that_is_there_needs_no_other_one(strict_server: OwnServer) -> None:
    name = strict_server.url("mine").replace("postgres@", "me@")
    create_database(name)
    open_store(name).close()


@pytest.mark.xdist_group("strict server")
def test_where_no_other_database_is_open_every_reason_is_told(strict_server: OwnServer) -> None:
    with pytest.raises(DatabaseError) as error:
        create_database(strict_server.url("nosuch").replace("postgres@", "me@"))
    for reason in ("nosuch: ", "postgres: ", "template1: ", "does not exist", "permission denied"):
        assert reason in str(error.value)


@pytest.mark.xdist_group("strict server")
def test_a_database_is_made_from_another_one_where_postgres_is_missing(strict_server: OwnServer) -> None:
    execute(strict_server.url("template1"), "DROP DATABASE postgres")
    try:
        create_database(strict_server.url("made"))
        with open_store(strict_server.url("made")) as store, store.begin() as connection:
            assert connection.scalar(text("SHOW server_encoding")) == "UTF8"
    finally:
        execute(strict_server.url("template1"), "CREATE DATABASE postgres TEMPLATE template0")


@pytest.mark.xdist_group("strict server")
def test_who_may_not_create_databases_is_told_what_to_ask_for(strict_server: OwnServer) -> None:
    execute(strict_server.url("template1"), "CREATE ROLE you LOGIN", "GRANT CONNECT ON DATABASE template1 TO you")
    with pytest.raises(DatabaseError, match=r"permission denied to create database.*OWNER"):
        create_database(strict_server.url("yours").replace("postgres@", "you@"))
