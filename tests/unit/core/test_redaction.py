"""Passwords: masked in texts, missing from messages, kept from children and from command lines."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

import pytest

from dbproc.core.errors import DatabaseError, TemporaryError, TransferError
from dbproc.core.events import LOGGER, Event, Report
from dbproc.core.redaction import masked, remember
from dbproc.database.store import Store, create_database, database_url, open_store
from dbproc.engines.environment import public_environment
from dbproc.engines.process import environment
from dbproc.products.pool.protocol import reason_line
from dbproc.run.command_line import argument
from dbproc.run.daily_log import log_to, stop_logging

SECRET = "s3cret"


# --- texts ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:s3cret@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:a@s3cret@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:s3/cret?#@db/x", "postgresql://me:***@db/x"),
        ("postgresql://:s3cret@db", "postgresql://:***@db"),
        ("postgresql://me:s3cret/x", "postgresql://me:***/x"),
        ("(postgresql://me:s3cret)", "(postgresql://me:***)"),
        ("cannot reach 'https://me:s3cret@h' and mysql+x://a:s3cret@b", None),
        ("postgresql:///x?host=/tmp&password=s3cret&user=me", "postgresql:///x?host=/tmp&password=***&user=me"),
        ("postgresql:///x?sslpassword=s3cret", "postgresql:///x?sslpassword=***"),
        ("host=h PassWord = 's3cret of two' user=me", "host=h PassWord = *** user=me"),
    ],
)
def test_passwords_are_masked(text: str, shown: str | None) -> None:
    assert SECRET not in masked(text)
    assert shown is None or masked(text) == shown
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://db:5432/x",
        "postgresql://me@db:5432/x?host=/tmp",
        "postgresql://me@db, port 5432 failed: wrong",
        "see http://[::1]:80/ and http://h:80",
        "12:30 me@example.org",
        "a=1 b=2",
        "the password is wrong",
        "",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    assert masked(text) == text


# --- databases ---


@pytest.mark.parametrize(
    "name",
    [
        "postgresql://me:s3cret@127.0.0.1:1/x",
        "postgresql://me:s3c%72et@127.0.0.1:1/x",
        "postgresql://me@127.0.0.1:1/x?password=s3cret",
        "postgresql://me@127.0.0.1:1/x?password=other&password=s3cret",
        "postgresql:///x?host=/nowhere&password=s3cret",
        "postgresql://me@127.0.0.1:1/x?sslpassword=s3cret&sslmode=disable",
        "postgresql://me:s3cret@127.0.0.1:1/x?no_such_option=1",
        "postgresql://me:s3cret@127.0.0.1:1/x?sslmode=wrong",
        "postgresql://me:s3cret@127.0.0.1:5x1/x",
        "postgresql://me:s3cret/x",
        "postgresql://me:a@s3cret@127.0.0.1:1/x",
        "postgresql:/me:s3cret@127.0.0.1/x",
        "postgres:me:s3cret@127.0.0.1/x",
        "postgres://me:s3cret@127.0.0.1/x",
        "mysql://me:s3cret@127.0.0.1/x",
        "sqlite://me:s3cret@127.0.0.1/x",
        "host=127.0.0.1 port=1 password=s3cret dbname=x",
        " password = s3cret",
    ],
)
def test_no_message_about_a_database_has_its_password(name: str) -> None:
    with pytest.raises(DatabaseError) as error:
        open_store(name)
    told = str(error.value)
    assert SECRET not in told
    assert "s3c%72et" not in told
    with pytest.raises(DatabaseError) as error:
        create_database(name)
    assert SECRET not in str(error.value)


def test_a_password_reaches_the_database_wherever_it_was_given() -> None:
    for name in ("postgresql://me:s3c%72et@h/x", "postgresql://me@h/x?password=s3cret"):
        url = database_url(name)
        assert (url.password, dict(url.query)) == (SECRET, {})
        with Store(name) as store:
            assert store.name == "postgresql://me:***@h/x"
            assert SECRET not in repr(store.engine)


def test_a_new_sqlite_file_is_never_for_everybody_to_write(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_database(str(tmp_path / "x.sqlite"))
        with open_store(str(tmp_path / "x.sqlite")) as store, store.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes.keys() >= {"x.sqlite", "x.sqlite-wal"}
    assert set(modes.values()) == {0o664}


# --- what is logged ---


def test_no_password_is_logged_or_told(tmp_path: Path) -> None:
    said: list[str] = []
    log = log_to(str(tmp_path), "info")
    report = Report(lambda line, wrong: said.append(line))
    report.add(Event.FAILED, "x", "cannot reach postgresql://me:s3cret@db/x")
    LOGGER.error("ended by password=s3cret")
    stop_logging(log)
    (path,) = tmp_path.iterdir()
    for told in (path.read_text(), *said, repr(report.events)):
        assert SECRET not in told
    assert path.read_text().count("***") == 2


def test_no_password_is_taken_over_from_an_inspector() -> None:
    assert reason_line("cannot reach\npostgresql://me:s3cret@db/x") == "cannot reach postgresql://me:***@db/x"


# --- children ---


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setenv("DBPROC_MISSION", "postgresql://me:s3cret@db/x")
    monkeypatch.setenv("PGUSER", "me")


@pytest.mark.usefixtures("secrets")
def test_children_are_not_given_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (public_environment(), environment()):
        assert SECRET not in repr(given)
        assert given["PGUSER"] == "me"
    monkeypatch.setenv("DBPROC_MISSION", "postgresql://me@db/x")
    assert public_environment()["DBPROC_MISSION"] == "postgresql://me@db/x"


@pytest.mark.usefixtures("secrets")
def test_no_argument_of_a_code_is_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("WORD", "a $PGUSER")
    day = dt.date(2020, 1, 1)
    for word in ("$PGPASSWORD", "${PGPASSWORD}", "-m=$DBPROC_MISSION", "$NO_SUCH_VARIABLE", "$", "${", "$(id)", "`id`"):
        assert argument(word, {}, day) == word
    assert argument("$PGUSER-${WORD}", {}, day) == "me-a $PGUSER"
    assert argument("~/x", {}, day) == "/home/me/x"


# --- credentials of places ---


def test_what_a_peer_says_holds_no_credential_that_was_used_and_nothing_that_stands_for_one() -> None:
    remember("k3y+of/a-store")
    remember("abc")  # too short to be told from words
    said = "no abc with k3y+of/a-store; Authorization: Bearer abcdefgh.ij, Basic bWU6eA==xx; Signature=0123456789abcdef"
    hidden = "no abc with ***; Authorization: Bearer ***, Basic ***; Signature=***"
    assert str(TemporaryError(said)) == str(TransferError(said)) == hidden
