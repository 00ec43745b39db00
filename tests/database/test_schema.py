"""The schema: models and migrations agree, views answer, other versions are refused, upgrades keep everything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Table, delete, inspect, select, text

from dbproc.cli import main
from dbproc.core.errors import ConflictError, DatabaseError, DbprocError, SchemaError
from dbproc.database import schema
from dbproc.database.store import (
    SCHEMA_VERSION,
    Store,
    create_database,
    migrations_directory,
    open_store,
    schema_version,
    upgrade_database,
)
from tests.kit.databases import new_database

FIRST, LAST = "0001", SCHEMA_VERSION
DAY = dt.date(2020, 1, 1)
TIME = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store(new_database(database)) as opened:
        yield opened


# --- models and migrations ---


def test_models_and_migrations_agree(store: Store) -> None:
    # Alembic does not understand SQLite's default of empty text.
    options = {"compare_type": True, "compare_server_default": store.is_server, "include_name": _is_ours}
    with store.begin() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.complete_metadata()) == []


def test_models_and_migrations_have_the_same_checks_and_partial_indexes(store: Store) -> None:
    # Alembic compares neither.
    wanted = schema.complete_metadata()
    found = inspect(store.engine)
    for table in wanted.tables.values():
        checks = {check["name"] for check in found.get_check_constraints(table.name)}
        assert checks == _check_names(table), table.name
        where = f"{store.dialect}_where"
        partial = {
            (index["name"], tuple(index["column_names"]), bool(index["unique"]))
            for index in found.get_indexes(table.name)
            if index.get("dialect_options", {}).get(where) is not None
        }
        expected = {
            (name, tuple(column.name for column in columns), unique)
            for name, columns, unique, _ in schema.PARTIAL_INDEXES
            if columns[0].table is table
        }
        assert partial == expected, table.name


def test_the_schema_version_is_the_newest_migration(store: Store) -> None:
    scripts = ScriptDirectory.from_config(_config(None))
    assert scripts.get_heads() == [SCHEMA_VERSION]
    assert schema_version(store) == SCHEMA_VERSION


def test_views_are_made_by_the_migrations_as_the_schema_has_them(store: Store) -> None:
    assert set(inspect(store.engine).get_view_names()) == set(schema.views(store.dialect))
    for name, statement in schema.views(store.dialect).items():
        with store.begin() as connection:
            if store.dialect == "sqlite":
                stored = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = :n"), {"n": name})
                assert stored.strip() == statement.strip()
                continue
            before = connection.scalar(text("SELECT pg_get_viewdef(CAST(:n AS regclass))"), {"n": name})
            connection.execute(text(f"DROP VIEW {name}"))
            connection.execute(text(statement))
            assert connection.scalar(text("SELECT pg_get_viewdef(CAST(:n AS regclass))"), {"n": name}) == before


def test_triggers_are_made_by_the_migrations_as_the_schema_has_them(store: Store) -> None:
    expected = schema.triggers(store.dialect)
    with store.begin() as connection:
        if store.dialect == "sqlite":
            found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
            assert {name: sql.strip() for name, sql in found} == {name: sql.strip() for name, sql in expected.items()}
            return
        definitions = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
        bodies = text("SELECT prosrc FROM pg_proc WHERE proname = 'audit_refusal'")
        before, body = (
            {name: str(how) for name, how in connection.execute(text(definitions))},
            connection.scalar(bodies),
        )
        assert set(before) == set(expected)
        connection.execute(text("DROP FUNCTION audit_refusal CASCADE"))
        for statement in (schema.AUDIT_REFUSAL, *expected.values()):
            connection.execute(text(statement))
        assert {name: str(how) for name, how in connection.execute(text(definitions))} == before
        assert connection.scalar(bodies) == body


# --- views ---


def test_newest_file_holds_the_newest_existing_version_of_each_date_and_keywords(store: Store) -> None:
    with store.begin() as connection:
        _define(connection)
        _file(connection, 1, "1.9.0")
        _file(connection, 2, "1.10.0")
        _file(connection, 3, "2.0.0", exists_on_disk=False)
        _file(connection, 4, "1.0.0", process_keywords="station=a")
        _file(connection, 5, "1.0.0", product_id=2)
        _file(connection, 6, "1.0.0", utc_file_date=DAY + dt.timedelta(days=1))
        _file(connection, 7, "1.0.1", utc_file_date=DAY + dt.timedelta(days=2), exists_on_disk=False)
        newest = connection.execute(text("SELECT file_id, filename FROM newest_file ORDER BY file_id")).all()
    assert [tuple(row) for row in newest] == [(2, "file 2"), (4, "file 4"), (5, "file 5"), (6, "file 6")]


def test_lineage_holds_every_ancestor_at_its_shortest_distance(store: Store) -> None:
    with store.begin() as connection:
        _define(connection)
        for number in range(1, 6):
            _file(connection, number, f"1.0.{number}")
        for source, result in ((1, 2), (2, 3), (1, 3), (3, 4)):
            _insert(connection, schema.filefilelink, source_file=source, resulting_file=result)
        rows = connection.execute(text("SELECT ancestor, descendant, depth FROM lineage ORDER BY 1, 2")).all()
    assert [tuple(row) for row in rows] == [(1, 2, 1), (1, 3, 1), (1, 4, 2), (2, 3, 1), (2, 4, 2), (3, 4, 1)]


def test_unixtime_counts_whole_seconds(store: Store) -> None:
    stop = dt.datetime(2020, 1, 1, 23, 59, 59, 999999, dt.UTC)
    with store.begin() as connection:
        _define(connection)
        _file(connection, 1, "1.0.0", utc_start_time=dt.datetime(1969, 12, 31, 23, 59, 58, tzinfo=dt.UTC))
        _file(connection, 2, "1.0.1", utc_stop_time=stop)
        rows = connection.execute(text("SELECT file_id, unix_start, unix_stop FROM unixtime ORDER BY 1")).all()
    assert [tuple(row) for row in rows] == [(1, -2, 1577880000), (2, 1577880000, 1577923199)]


# --- invariants ---


def test_one_version_of_one_date_is_one_file(store: Store) -> None:
    with store.begin() as connection:
        _define(connection)
        _file(connection, 1, "1.0.0")
    with pytest.raises(ConflictError), store.begin() as connection:
        _file(connection, 2, "1.0.0")
    with store.begin() as connection:
        _file(connection, 2, "1.0.0", process_keywords="station=a")


def test_one_run_is_open_at_most(store: Store) -> None:
    with store.begin() as connection:
        _define(connection)
        _run(connection, False)
        _run(connection, False)
        _run(connection, True)
    with pytest.raises(ConflictError), store.begin() as connection:
        _run(connection, True)


@pytest.mark.parametrize(
    "fault",
    [
        {"product_id": 77},
        {"interface_version": 0},
        {"file_size": -1},
        {"utc_start_time": TIME + dt.timedelta(days=9)},
        {"process_keywords": None},
        {"shasum": None},
    ],
    ids=str,
)
def test_what_cannot_be_is_not_recorded(fault: dict[str, Any], store: Store) -> None:
    with store.begin() as connection:
        _define(connection)
    with pytest.raises(ConflictError), store.begin() as connection:
        _file(connection, 1, "1.0.0", **fault)
    with store.begin() as connection:
        assert connection.execute(select(schema.file)).all() == []


def test_what_files_come_from_cannot_be_deleted(store: Store) -> None:
    with store.begin() as connection:
        _define(connection)
        _file(connection, 1, "1.0.0")
        _file(connection, 2, "1.0.1")
        _insert(connection, schema.filefilelink, source_file=1, resulting_file=2)
    with pytest.raises(ConflictError), store.begin() as connection:
        connection.execute(delete(schema.file).where(schema.file.c.file_id == 1))


def test_naive_times_are_refused_and_others_come_back_as_utc(store: Store) -> None:
    other = dt.timezone(dt.timedelta(hours=5, minutes=30))
    with store.begin() as connection:
        _define(connection)
        _file(connection, 1, "1.0.0", utc_start_time=TIME.astimezone(other), utc_stop_time=TIME)
        read = connection.scalar(select(schema.file.c.utc_start_time))
        assert read == TIME
        assert read.utcoffset() == dt.timedelta(0)
    with pytest.raises(Exception, match="is naive"), store.begin() as connection:
        _file(connection, 2, "1.0.1", utc_start_time=TIME.replace(tzinfo=None))


# --- other versions ---


def test_an_older_database_is_refused_with_the_command_that_upgrades_it(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _create_at(FIRST, database)
    assert main(["status", "-m", database]) == 78
    said = capsys.readouterr().err
    assert f"has schema {FIRST}, this dbproc needs {LAST}" in said
    assert "dbproc upgrade -m" in said


def test_upgrade_brings_an_older_database_up_and_keeps_what_it_holds(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _create_at(FIRST, database)
    with Store(database) as old, old.begin() as connection:
        _define(connection)
        _file(connection, 1, "1.0.0")
        rows = _everything(connection)
    assert main(["upgrade", "-m", database]) == 0
    assert capsys.readouterr().out == f"upgraded from schema {FIRST} to {LAST}\n"
    with open_store(database) as store, store.begin() as connection:
        assert _holds(_everything(connection), rows)
        assert connection.execute(text("SELECT filename FROM newest_file")).all() == [("file 1",)]
    assert main(["status", "-m", database]) == 0
    assert main(["upgrade", "-m", database]) == 0
    assert capsys.readouterr().out.endswith(f"schema {LAST} is up to date\n")


def test_an_upgrade_that_fails_says_so_and_leaves_the_old_schema(database: str) -> None:
    _create_at(FIRST, database)
    with Store(database) as old, old.begin() as connection:
        connection.execute(text("CREATE TABLE lineage (in_the_way INTEGER)"))
    with pytest.raises(DbprocError, match="lineage"):
        upgrade_database(database)
    with Store(database) as old:
        assert schema_version(old) == FIRST
        assert "newest_file" not in inspect(old.engine).get_view_names()


def test_a_newer_database_is_refused_by_every_command(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    create_database(database)
    with Store(database) as store, store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for name in ("status", "run", "upgrade"):
        assert main([name, "-m", database]) == 78
        assert f"has schema 9999, newer than this dbproc's {LAST}" in capsys.readouterr().err
    with pytest.raises(SchemaError):
        open_store(database)


def test_a_database_of_something_else_is_refused(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(database) as store, store.begin() as connection:
        connection.execute(text("CREATE TABLE something (x INTEGER)"))
    for name in ("status", "upgrade"):
        assert main([name, "-m", database]) == 2
        assert "is not a dbproc database" in capsys.readouterr().err


def test_a_database_is_not_created_twice(store: Store, database: str) -> None:
    with pytest.raises(DatabaseError, match=r"exists and is not overwritten|already holds a mission"):
        create_database(database)


# --- making and looking ---


def _is_ours(name: str | None, kind: str, parents: Mapping[str, Any]) -> bool:
    return not (kind == "table" and name == "alembic_version")


def _check_names(table: Table) -> set[str]:
    return {str(item.name) for item in table.constraints if isinstance(item, CheckConstraint)}


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()))
    config.attributes["connection"] = connection
    return config


def _create_at(version: str, database: str) -> None:
    with Store(database) as store, store.begin() as connection:
        command.upgrade(_config(connection), version)


def _everything(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, with the columns that there are."""
    there = set(inspect(connection).get_table_names())
    return {
        name: [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]
        for name in schema.METADATA.tables
        if name in there
    }


def _holds(after: dict[str, list[dict[str, Any]]], before: dict[str, list[dict[str, Any]]]) -> bool:
    """Whether every row is there as it was, whatever columns and tables were added."""
    kept = {name: [{key: row[key] for key in rows[0]} for row in after[name]] for name, rows in before.items() if rows}
    return kept == {name: rows for name, rows in before.items() if rows}


def _insert(connection: Connection, table: Table, **values: Any) -> None:
    connection.execute(table.insert().values(values))


def _define(connection: Connection) -> None:
    """A mission with the products 1 and 2."""
    _insert(connection, schema.mission, mission_id=1, mission_name="m", rootdir="/nowhere", incoming_dir="incoming")
    _insert(connection, schema.satellite, satellite_id=1, satellite_name="s", mission_id=1)
    _insert(connection, schema.instrument, instrument_id=1, instrument_name="i", satellite_id=1)
    for number in (1, 2):
        _insert(
            connection,
            schema.product,
            product_id=number,
            product_name=f"p{number}",
            instrument_id=1,
            relative_path="data",
            level=0,
            format=f"p{number}_" + "{Y}{m}{d}_v{VERSION}",
        )


def _file(connection: Connection, number: int, version: str, **values: Any) -> None:
    interface, quality, revision = map(int, version.split("."))
    given = {
        "file_id": number,
        "filename": f"file {number}",
        "product_id": 1,
        "utc_file_date": DAY,
        "utc_start_time": TIME,
        "utc_stop_time": TIME,
        "data_level": 0,
        "relative_path": "data",
        "interface_version": interface,
        "quality_version": quality,
        "revision_version": revision,
        "file_create_date": TIME,
        "exists_on_disk": True,
        "process_keywords": "",
        "file_size": 1,
        "shasum": "sha256:0",
        **values,
    }
    _insert(connection, schema.file, **given)


def _run(connection: Connection, is_open: bool) -> None:
    _insert(
        connection,
        schema.logging,
        currently_processing=is_open,
        pid=1,
        pid_start_time="1",
        boot_id="b",
        processing_start_time=TIME,
        mission_id=1,
        user="u",
        hostname="h",
    )
