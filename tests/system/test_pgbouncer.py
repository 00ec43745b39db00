"""Behind a real pgbouncer, which closes what is idle, and gives each transaction another session."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from dbproc.core.errors import DatabaseError
from dbproc.database.store import Store, create_database, open_store
from tests.kit.mission import LONGEST_SECONDS, Mission, chain, name_of, product
from tests.kit.postgres import PostgresServer
from tests.system.conftest import pgbouncer

SLOW = """
import time
from dbproc.products import Facts, Inspector

class Slow(Inspector):
    def inspect(self, path, name):
        time.sleep(3)
        return Facts()
"""
MODES = pytest.mark.parametrize("mode", ["transaction", "session"])


@MODES
def test_idle_connections_are_closed_while_a_file_is_looked_at(
    mode: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    name = postgres_server.create()
    idle = {"client_idle_timeout": "1", "server_idle_timeout": "1"}
    with pgbouncer(postgres_server, pool_mode=mode, **idle) as bouncer:
        mission = Mission(tmp_path / "mission", bouncer.url(name))
        mission.inspector("slow.py", SLOW)
        mission.create(product("raw", 0, inspector="slow.py"), *chain()[1:])
        mission.deliver(name_of("raw", 1))
        mission.run()
        assert sorted(mission.files()) == [name_of(each, 1) for each in ("clean", "raw", "smooth")]
        mission.check()


@MODES
def test_a_mission_in_a_schema(mode: str, postgres_server: PostgresServer, tmp_path: Path) -> None:
    """Options are refused by pgbouncer; the search path does not need them."""
    name = postgres_server.create()
    with pgbouncer(postgres_server, pool_mode=mode, server_idle_timeout="1") as bouncer:
        for schema in ("m1", "m2"):
            database = f"{bouncer.url(name)}&options=-csearch_path%3D{schema}"
            create_database(database)
            for _ in range(3):
                with open_store(database) as store, store.begin() as connection:
                    assert connection.scalar(text("SELECT current_schema()")) == schema
                    assert connection.scalar(text("SHOW timezone")) == "UTC"
                    assert connection.scalar(text("SHOW lock_timeout")) == "30s"
        with pytest.raises(DatabaseError, match="unsupported startup parameter"):
            open_store(f"{bouncer.url(name)}&options=-cgeqo%3Doff")


def test_one_session_for_all_is_enough(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who looks at what a long statement waits for finds another one, and it is not taken for lost."""
    name = postgres_server.create()
    with (
        pgbouncer(postgres_server, pool_mode="transaction", default_pool_size="1") as bouncer,
        Store(bouncer.url(name)) as store,
        store.begin() as connection,
    ):
        monkeypatch.setattr("dbproc.database.store.waiting._LOOK_ANSWER_SECONDS", 1.0)
        assert connection.scalar(text("SELECT 7 FROM pg_sleep(4)")) == 7


def test_a_transaction_that_only_reads_leaves_no_session_that_only_reads(postgres_server: PostgresServer) -> None:
    name = postgres_server.create()
    with pgbouncer(postgres_server, pool_mode="transaction", default_pool_size="1") as bouncer:
        create_database(bouncer.url(name))
        with open_store(bouncer.url(name), read_only=True) as reader, open_store(bouncer.url(name)) as writer:
            for _ in range(2):
                with pytest.raises(DatabaseError, match="may only read"), reader.begin() as connection:
                    connection.execute(text("CREATE TABLE t (i int)"))
                with writer.begin() as connection:
                    connection.execute(text("CREATE TABLE t (i int)"))
                    connection.execute(text("DROP TABLE t"))


def test_pgbouncer_is_started_anew_while_a_job_runs(postgres_server: PostgresServer, tmp_path: Path) -> None:
    name = postgres_server.create()
    with pgbouncer(postgres_server, pool_mode="transaction") as bouncer:
        mission = Mission(tmp_path / "mission", bouncer.url(name))
        mission.code("to_clean.sh", f'#!/bin/sh\n: > {tmp_path}/began\nsleep 4\ncat "$1" > "$2"\n')
        mission.create(*chain())
        mission.deliver(name_of("raw", 1))
        run = mission.start()
        while not (tmp_path / "began").exists():
            assert run.poll() is None, run.communicate()
        bouncer.stop()
        bouncer.start()
        _, err = run.communicate(timeout=LONGEST_SECONDS)
        assert (run.returncode, err) == (0, "")
        mission.check()
