"""The database goes away while a run is at work, or makes it wait."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from tests.crash.held import Held
from tests.kit.mission import LONGEST_SECONDS
from tests.kit.postgres import OwnServer, PostgresServer, Stop

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
        assert any(word in last.lower() for word in ("terminat", "connection", "shutting down", "starting up")), err


def test_connections_ended_while_a_job_runs(held_postgres: Held, postgres_server: PostgresServer) -> None:
    run = held_postgres.set_up().start_held()
    assert terminate(postgres_server, held_postgres) >= 1
    held_postgres.let_go()
    assert run.communicate(timeout=LONGEST_SECONDS)[1] == ""
    assert run.returncode == 0
    held_postgres.check_is_like_undisturbed()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.thorough
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


@pytest.mark.xdist_group("own server")
@pytest.mark.parametrize("way", Stop, ids=lambda way: way.name)
def test_a_server_that_is_started_anew_while_jobs_run(
    way: Stop, held_by_own_server: Held, own_server: OwnServer
) -> None:
    run = held_by_own_server.set_up().start_held()
    own_server.stop(way)
    own_server.start()
    held_by_own_server.let_go()
    assert run.communicate(timeout=LONGEST_SECONDS)[1] == ""
    assert run.returncode == 0
    assert held_by_own_server.open_runs() == 0
    held_by_own_server.check_is_like_undisturbed()


@pytest.mark.xdist_group("own server")
@pytest.mark.thorough
def test_a_server_that_is_gone_for_longer_than_the_run(held_by_own_server: Held, own_server: OwnServer) -> None:
    run = held_by_own_server.set_up().start_held(prepared="sleep 1000 &")
    own_server.stop()
    try:
        check_ends_with_its_jobs(held_by_own_server, run)
        again = held_by_own_server.run(status=2)
        assert "cannot open the database" in again.err
    finally:
        own_server.start()
    held_by_own_server.let_go()
    held_by_own_server.run()
    held_by_own_server.check_is_like_undisturbed()


def check_ends_with_its_jobs(mission: Held, run: subprocess.Popen[str]) -> None:
    """A run whose database is gone notices when a job ends; it ends the other one, and itself."""
    mission.end_one_of_two_jobs(run)
    check_said_clearly(run, {1})
    assert mission.jobs() == []


@pytest.mark.xdist_group("own server")
def test_a_server_that_is_started_anew_at_any_moment(held_by_own_server: Held, own_server: OwnServer) -> None:
    chance = random.Random(1)
    run = held_by_own_server.set_up().start()
    time.sleep(chance.uniform(0.4, 1.0))
    own_server.stop(chance.choice(list(Stop)))
    own_server.start()
    check_said_clearly(run, {0, 1, 2})
    assert held_by_own_server.jobs() == []
    held_by_own_server.run()
    held_by_own_server.check_is_like_undisturbed()


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


@pytest.mark.thorough
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


@pytest.fixture
def impatient(held_sqlite: Held) -> Held:
    held_sqlite.environment["DBPROC_LOCK_SECONDS"] = "0.5"
    return held_sqlite.set_up()


@contextmanager
def locked(mission: Held) -> Iterator[None]:
    """Another process writes, and does not come to an end."""
    with closing(sqlite3.connect(mission.database, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def check_says_locked(err: str, mission: Held) -> None:
    (line,) = err.splitlines()[-1:]
    assert line.startswith("ProcessQueue.py: ")
    assert f"{mission.database}: database is locked" in line
    assert "PostgreSQL" not in line
    assert "dbproc init" not in line


def test_a_database_that_stays_locked_in_mid_run_ends_the_run_with_its_jobs(impatient: Held) -> None:
    run = impatient.start_held(prepared="sleep 1000 &")
    with locked(impatient):
        impatient.end_one_of_two_jobs(run)
        out, err = run.communicate(timeout=LONGEST_SECONDS)
        assert "Traceback" not in out + err
        assert run.returncode == 1
        check_says_locked(err, impatient)
        assert impatient.jobs() == []
    impatient.let_go()
    impatient.run()
    impatient.check_is_like_undisturbed()


def test_a_database_that_stays_locked_at_the_beginning_is_left_alone(impatient: Held) -> None:
    before = impatient.state()
    with locked(impatient):
        done = impatient.run(status=2)
        check_says_locked(done.err, impatient)
    assert impatient.state() == before
    impatient.run()
    impatient.check_is_like_undisturbed()
