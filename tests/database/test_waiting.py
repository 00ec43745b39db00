"""A database that makes one wait: it is waited for so long, a signal is heard, and who is in the way is named."""

from __future__ import annotations

import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text

from dbproc.core.errors import DatabaseLostError
from dbproc.database.store import Store, create_database, open_store, waiting
from dbproc.system import signals
from dbproc.system.signals import Interrupted, signals_interrupt
from tests.kit.databases import new_database
from tests.kit.postgres import PostgresServer

SECONDS = 10
"""So soon a process that was told to end has ended."""


@pytest.fixture(autouse=True)
def untold() -> Iterator[None]:
    yield
    with signals_interrupt():  # else the tests that follow are in a hurry
        assert not signals.told()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with open_store(new_database(database)) as opened:
        yield opened


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Another session, of this process or none, is idle in a transaction that has locked what we need."""
    if store.is_server:
        connection = psycopg2.connect(
            store.url.set(drivername="postgresql").render_as_string(), application_name="lazy"
        )
        lock = "LOCK TABLE mission IN ACCESS EXCLUSIVE MODE"
    else:
        connection = sqlite3.connect(str(store.url.database), isolation_level=None)
        lock = "BEGIN EXCLUSIVE"
    with closing(connection):
        connection.cursor().execute(lock)
        yield


def ask(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(text("SELECT count(*) FROM mission"))


@contextmanager
def told_to_end(number: int, after: float = 0.5) -> Iterator[None]:
    timer = threading.Timer(after, os.kill, (os.getpid(), number))
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_who_holds_a_lock_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBPROC_LOCK_SECONDS", "2.5")
    with Store(store.url) as other, held(store), pytest.raises(DatabaseLostError) as error:
        ask(other)
    told = str(error.value)
    if store.is_server:
        assert "(lazy), in a transaction since" in told
        assert "now idle in transaction" in told
        assert "LOCK TABLE mission" in told
        assert "pg_terminate_backend(" in told
    else:
        assert "database is locked by" in told
        assert "2 s" in told or "3 s" in told
    ask(store)


def test_another_process_that_holds_a_sqlite_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_database(str(tmp_path / "x.sqlite"))
    monkeypatch.setenv("DBPROC_LOCK_SECONDS", "0.3")
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print(); input()"
    holder = subprocess.Popen(
        [sys.executable, "-u", "-c", hold, str(tmp_path / "x.sqlite")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder, Store(str(tmp_path / "x.sqlite")) as store:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DatabaseLostError, match=rf"locked by PID {holder.pid} \(.*sqlite3"):
            ask(store)
        holder.communicate(b"\n")
        ask(store)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_and_whoever_waits_afterwards_does_not_wait_for_long(
    number: signal.Signals, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "_AFTER_SECONDS", 1.0)
    began = time.monotonic()
    with held(store), signals_interrupt():
        with told_to_end(number), pytest.raises(Interrupted):
            ask(store)
        assert time.monotonic() - began < 3
        with pytest.raises(DatabaseLostError):  # what releases the lock in the end
            ask(store)
        with pytest.raises(DatabaseLostError):
            ask(store)
    assert time.monotonic() - began < SECONDS - 4  # which is what they are given in all
    ask(store)


def test_ctrl_c_is_heard_by_commands_that_are_no_runs(store: Store) -> None:
    with held(store), told_to_end(signal.SIGINT), pytest.raises(KeyboardInterrupt):
        ask(store)
    ask(store)


def test_a_commit_is_waited_for_with_open_ears(postgres_database: str) -> None:
    create_database(postgres_database)
    late = "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON satellite DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
    with open_store(postgres_database) as store, signals_interrupt():
        with store.begin() as connection:
            connection.execute(text("CREATE TABLE slow (id int)"))
            sleep = "BEGIN PERFORM pg_sleep(60); RETURN NULL; END"
            connection.execute(text(f"CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS '{sleep}'"))
            connection.execute(text(f"{late.replace('satellite', 'slow')} EXECUTE FUNCTION late()"))
        began = time.monotonic()
        with told_to_end(signal.SIGTERM), pytest.raises(Interrupted), store.begin() as connection:
            connection.execute(text("INSERT INTO slow VALUES (1)"))
        assert time.monotonic() - began < 5


# --- connections that are closed while they are idle ---


def end_sessions(server: PostgresServer, store: Store) -> None:
    with closing(psycopg2.connect(server.url())) as connection:
        cursor = connection.cursor()
        ending = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s"
        cursor.execute(ending, (store.url.database,))
        ((count,),) = cursor.fetchall()
    assert count >= 1


def test_a_connection_that_was_closed_while_idle_is_replaced(
    postgres_database: str, postgres_server: PostgresServer
) -> None:
    create_database(postgres_database)
    with open_store(postgres_database) as store:
        for _ in range(2):
            end_sessions(postgres_server, store)
            ask(store)


def losing_a_statement(server: PostgresServer, store: Store) -> None:
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE t (i int)"))
        end_sessions(server, store)
        connection.execute(text("SELECT 1"))


def losing_the_commit(server: PostgresServer, store: Store) -> None:
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE t (i int)"))
        end_sessions(server, store)


@pytest.mark.parametrize("losing", [losing_a_statement, losing_the_commit], ids=lambda function: function.__name__)
def test_nothing_is_repeated_once_a_transaction_has_begun(
    losing: Callable[[PostgresServer, Store], None], postgres_database: str, postgres_server: PostgresServer
) -> None:
    create_database(postgres_database)
    with open_store(postgres_database) as store:
        with pytest.raises(DatabaseLostError, match="done anew"):
            losing(postgres_server, store)
        ask(store)


# --- a server that vanishes from the network ---


class Proxy:
    """Forwards a port of this machine to a server's socket, until it is told to swallow everything."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.swallowing = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while True:
                for one in select.select([client, server], [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    if not self.swallowing:
                        (server if one is client else client).sendall(data)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxied(postgres_database: str, postgres_server: PostgresServer) -> Iterator[tuple[Store, Proxy]]:
    create_database(postgres_database)
    proxy = Proxy(f"{postgres_server.directory}/.s.PGSQL.5432")
    name = postgres_database.partition("?")[0].rpartition("/")[2]
    with closing(proxy), open_store(f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}") as store:
        ask(store)
        yield store, proxy


def in_haste(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    for name, value in seconds.items():
        monkeypatch.setattr(waiting, name, value)


def vanishing_in_mid_transaction(store: Store, proxy: Proxy) -> None:
    with store.begin() as connection:
        proxy.swallowing = True
        connection.execute(text("SELECT 1"))


def vanishing_while_idle(store: Store, proxy: Proxy) -> None:
    proxy.swallowing = True
    ask(store)


def vanishing_at_the_commit(store: Store, proxy: Proxy) -> None:
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE t (i int)"))
        proxy.swallowing = True


@pytest.mark.parametrize(
    "vanishing", [vanishing_in_mid_transaction, vanishing_while_idle, vanishing_at_the_commit], ids=lambda f: f.__name__
)
def test_a_server_that_vanishes_is_noticed(
    vanishing: Callable[[Store, Proxy], None], proxied: tuple[Store, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_haste(monkeypatch, _LOOK_ANSWER_SECONDS=1.0, ANSWER_SECONDS=1.0, CONNECT_SECONDS=1.0)
    monkeypatch.setattr("dbproc.database.store.server.ANSWER_SECONDS", 1.0)
    monkeypatch.setattr("dbproc.database.store.server.CONNECT_SECONDS", 1.0)
    with pytest.raises(DatabaseLostError, match=r"the server (does not answer any more|has not answered)"):
        vanishing(*proxied)


def test_a_session_that_the_network_forgot_is_given_up_while_the_server_is_there(
    proxied: tuple[Store, Proxy], postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, proxy = proxied
    direct = waiting.connect
    around = {"host": str(postgres_server.directory), "dbname": store.url.database, "user": "postgres"}
    monkeypatch.setattr(waiting, "connect", lambda _, seconds: direct(around, seconds))
    with pytest.raises(DatabaseLostError, match="lost what was asked"):
        vanishing_in_mid_transaction(store, proxy)


def test_a_long_statement_is_not_taken_for_a_lost_one(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_haste(monkeypatch, _LOOK_SECONDS=0.2, _FIRST_LOOK_SECONDS=0.1, _SLICE_SECONDS=0.1)
    with Store(postgres_database) as store, store.begin() as connection:
        assert connection.scalar(text("SELECT 7 FROM pg_sleep(2)")) == 7


def test_the_time_that_a_statement_may_take_is_limited(postgres_database: str) -> None:
    with (
        Store(f"{postgres_database}&options=-cstatement_timeout%3D300") as store,
        pytest.raises(DatabaseLostError, match="statement_timeout"),
        store.begin() as connection,
    ):
        connection.execute(text("SELECT pg_sleep(60)"))


def test_large_results_come_whole(postgres_database: str) -> None:
    with Store(postgres_database) as store, store.begin() as connection:
        rows = connection.execute(text("SELECT i, repeat('x', 100) FROM generate_series(1, 200000) AS i")).all()
    assert len(rows) == 200_000
    assert sum(number for number, _ in rows) == 200_000 * 200_001 // 2
