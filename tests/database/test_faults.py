"""Whatever a database refuses or fails at is an error that says what to do, never a traceback of a driver's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import event, text

from dbproc.cli import main
from dbproc.core.errors import ConflictError, DatabaseLostError, DatabaseRefusedError, DbprocError, UnstorableError
from dbproc.database.store import Store, create_database, open_store
from dbproc.database.store.faults import NUMBERS, STATES
from tests.kit.databases import new_database
from tests.kit.postgres import PostgresServer


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(new_database(database)) as opened:
        yield opened


def do(store: Store, *statements: str, **values: object) -> None:
    with store.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


@pytest.mark.parametrize("value", [10**30, "a\0b", "\udcff"], ids=["number", "NUL", "surrogate"])
def test_a_value_that_cannot_be_held(value: object, store: Store) -> None:
    if value == "a\0b" and not store.is_server:
        return do(store, "SELECT :v", v=value)  # it holds that
    column = "satellite_id" if isinstance(value, int) else "satellite_name"
    with pytest.raises(UnstorableError, match="cannot hold this value"):
        do(store, f"INSERT INTO satellite ({column}) VALUES (:v)", v=value)


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM nosuch", "SELECT nosuch FROM mission", "UPDATE mission SET nosuch = 1"]
)
def test_tables_and_columns_that_are_gone(statement: str, store: Store) -> None:
    with pytest.raises(DatabaseRefusedError, match="its tables are not those that dbproc made"):
        do(store, statement)


def test_a_missing_table_costs_a_command_no_traceback(
    store: Store, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    do(store, "DROP VIEW newest_file", "ALTER TABLE processqueue RENAME TO renamed")
    assert main(["queue", "-m", database]) == 78
    told = capsys.readouterr().err
    assert "processqueue" in told
    assert "Traceback" not in told


def test_a_contradiction_is_a_conflict(store: Store) -> None:
    with pytest.raises(ConflictError):
        do(store, "INSERT INTO release (file_id, release_num) VALUES (77, '1')")


# --- PostgreSQL ---


def raised(store: Store, code: str) -> DbprocError:
    with pytest.raises(DbprocError) as error:
        do(store, f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END $$")
    return error.value


@pytest.mark.parametrize("code", [code if len(code) == 5 else f"{code}000" for code in STATES] + ["P0001", "F0000"])
def test_every_state_of_a_server_has_its_error(code: str, postgres_database: str) -> None:
    with Store(postgres_database) as store:
        error = raised(store, code)
        wanted = STATES.get(code) or STATES.get(code[:2])
        assert type(error) is (DatabaseRefusedError if wanted is None else wanted.kind)
        assert "so it is" in str(error)
        do(store, "SELECT 1")


def test_messages_in_another_language_decide_nothing(postgres_database: str) -> None:
    """There is no word in what a server says that matters."""
    with Store(postgres_database) as store, pytest.raises(DatabaseLostError, match="führt Selbstmord aus"):
        do(store, "DO $$ BEGIN RAISE EXCEPTION 'führt Selbstmord aus' USING ERRCODE = '57P01'; END $$")


def test_a_user_without_a_right_is_told_which(
    postgres_database: str, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    create_database(postgres_database)
    role = f"r{os.urandom(6).hex()}"
    with closing(psycopg2.connect(postgres_database)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON alembic_version TO {role}")
        try:
            assert main(["status", "-m", postgres_database.replace("postgres@", f"{role}@")]) == 78
        finally:
            cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    told = capsys.readouterr().err
    assert "permission denied for table" in told
    assert "GRANT" in told


# --- SQLite ---


@pytest.mark.parametrize("number", [*NUMBERS, sqlite3.SQLITE_PROTOCOL])
def test_every_number_of_sqlite_has_its_error(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBPROC_LOCK_SECONDS", "0.1")
    error = sqlite3.OperationalError("so it is")
    error.sqlite_errorcode = number | 1 << 8  # an extended one

    def fail() -> None:
        raise error

    create_database(str(tmp_path / "x.sqlite"))
    wanted = NUMBERS[number].kind if number in NUMBERS else DatabaseLostError
    with Store(str(tmp_path / "x.sqlite")) as store:
        event.listen(store.engine, "connect", lambda session, _: setattr(session, "checked", lambda _: fail()))
        with pytest.raises(wanted) as raised:
            do(store, "SELECT 1")
    assert type(raised.value) is wanted


def damage(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        question = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = ?"
        page, size = connection.execute(question, (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(range(1, 251)) * (size // 250))


def test_a_damaged_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.sqlite"
    create_database(str(path))
    damage(path, "mission")
    for command in (["check"], ["status"], ["export"]):
        assert main([*command, "-m", str(path)]) == 78
        told = capsys.readouterr().err
        assert "the database is damaged" in told
        assert "Traceback" not in told


@pytest.mark.parametrize(
    "content",
    [b"this is a text\n" * 1000, b"\x93" * 5000, b"SQLite format 3\0" + b"x" * 5000],
    ids=["text", "bytes", "head of a database"],
)
def test_a_file_that_is_something_else(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    for command in ("status", "run", "upgrade"):
        assert main([command, "-m", str(path)]) in (2, 78)
        told = capsys.readouterr().err
        assert "not a database" in told or "damaged" in told
        assert "Traceback" not in told
    assert path.read_bytes() == content


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    create_database(str(tmp_path / "x.sqlite"))
    with (
        Store(str(tmp_path / "x.sqlite")) as store,
        pytest.raises(DatabaseRefusedError, match="damaged"),
        store.begin() as connection,
    ):
        connection.scalar(text("SELECT CAST(x'ff41' AS TEXT)"))


# --- names ---


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("~nobody0/x.sqlite", "there is no user nobody0"),
        ("\udcff/x.sqlite", r"\\xff/x.sqlite is not UTF-8"),
        ("a\0.sqlite", "NUL"),
        ("x" * 300 + ".sqlite", "File name too long"),
        ("/dev/null/x.sqlite", "does not exist"),
        ("sqlite://", "by its path alone"),
        ("sqlite:///:memory:", "by its path alone"),
        ("oracle://me@h/x", "oracle is not supported"),
        ("postgresql+nosuch://", "names no database"),
    ],
)
def test_a_name_that_cannot_be(name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DbprocError, match=told):
        create_database(name)
    assert list(tmp_path.iterdir()) == []


def test_without_a_current_directory_a_whole_path_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(DbprocError, match="there is no current directory"):
        create_database("x.sqlite")
    create_database(str(tmp_path / "x.sqlite"))


def test_what_could_not_be_created_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbproc.database.store.creating.migrations_directory", lambda: tmp_path / "nowhere")
    with pytest.raises(DbprocError):
        create_database(str(tmp_path / "x.sqlite"))
    assert not list(tmp_path.iterdir())
