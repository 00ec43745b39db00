"""The database goes away while a run is at work, or makes it wait."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from contextlib import closing

import psycopg2
import pytest

from tests.crash.held import Held
from tests.flow.mission import LONGEST_SECONDS
from tests.postgres import PostgresServer

LOCKED_SECONDS = 2.0
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND application_name = 'dbproc'
"""


def terminate(server: PostgresServer, mission: Held) -> int:
    """End dbproc's connections to the mission's database as an administrator would; how many there were."""
    with closing(psycopg2.connect(server.url())) as connection:
        cursor = connection.cursor()
        cursor.execute(TERMINATE, (mission.database.partition("?")[0].rpartition("/")[2],))
        ((count,),) = cursor.fetchall()
        return int(count)


def check_said_clearly(run: subprocess.Popen[str], statuses: set[int]) -> None:
    out, err = run.communicate(timeout=LONGEST_SECONDS)
    assert "Traceback" not in out + err, err
    assert run.returncode in statuses, (run.returncode, err)
    if run.returncode:
        (last,) = err.splitlines()[-1:]
        assert last.startswith("ProcessQueue.py: "), err
        assert "terminat" in last or "connection" in last, err


def test_connections_ended_while_a_job_runs(held_postgres: Held, postgres_server: PostgresServer) -> None:
    run = held_postgres.set_up().start_held()
    assert terminate(postgres_server, held_postgres) >= 1
    held_postgres.let_go()
    check_said_clearly(run, {1})
    assert held_postgres.jobs() == []
    held_postgres.run()
    held_postgres.check_is_like_undisturbed()


@pytest.mark.parametrize("seed", range(2))
def test_connections_ended_again_and_again(seed: int, held_postgres: Held, postgres_server: PostgresServer) -> None:
    chance = random.Random(seed)
    run = held_postgres.set_up().start()
    ended = 0
    while run.poll() is None:
        ended += terminate(postgres_server, held_postgres)
        time.sleep(chance.uniform(0.01, 0.1))
    assert ended >= 1
    check_said_clearly(run, {0, 1, 2})
    held_postgres.run()
    assert held_postgres.jobs() == []
    held_postgres.check_is_like_undisturbed()


def test_a_locked_database_is_waited_for_in_mid_run(held_sqlite: Held) -> None:
    run = held_sqlite.set_up().start_held()
    with closing(sqlite3.connect(held_sqlite.database, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        held_sqlite.let_go()
        time.sleep(LOCKED_SECONDS)
        assert run.poll() is None
        assert other.execute("SELECT count(*) FROM attempt WHERE status = 'succeeded'").fetchone() == (0,)
        other.execute("ROLLBACK")
    assert run.communicate(timeout=LONGEST_SECONDS)[1] == ""
    assert run.returncode == 0
    held_sqlite.check_is_like_undisturbed()


def test_a_locked_database_is_waited_for_at_the_beginning(held_sqlite: Held) -> None:
    held_sqlite.set_up()
    with closing(sqlite3.connect(held_sqlite.database, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        run = held_sqlite.start()
        time.sleep(LOCKED_SECONDS)
        assert run.poll() is None
        assert other.execute("SELECT count(*) FROM logging").fetchone() == (0,)
        other.execute("ROLLBACK")
    assert run.communicate(timeout=LONGEST_SECONDS)[1] == ""
    assert run.returncode == 0
    held_sqlite.check_is_like_undisturbed()
