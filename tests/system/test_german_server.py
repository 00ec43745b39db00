"""A server that speaks another language than ours."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from dbproc.core.errors import ConflictError, DatabaseError, DatabaseLostError, DatabaseRefusedError
from dbproc.database.store import Store, create_database, open_store
from tests.kit.mission import Mission, chain, name_of
from tests.kit.postgres import OwnServer


def test_a_mission_lives_there(german_server: OwnServer, tmp_path: Path) -> None:
    mission = Mission(tmp_path / "mission", german_server.url("mission"))
    mission.create(*chain())
    mission.deliver(name_of("raw", 1))
    mission.run()
    mission.check()
    with pytest.raises(DatabaseError, match="already holds a mission"):
        create_database(mission.database)


def test_what_is_missing_is_told(german_server: OwnServer) -> None:
    with pytest.raises(DatabaseError, match=r"cannot open the database.*existiert nicht.*dbproc init"):
        open_store(german_server.url("nosuch"))
    with pytest.raises(DatabaseError, match="is not a dbproc database"):
        open_store(german_server.url("template1"))


def test_errors_are_what_they_are(german_server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBPROC_LOCK_SECONDS", "1.5")
    name = german_server.url(german_server.create())
    create_database(name)
    with closing(psycopg2.connect(name)) as other, Store(name) as store:
        other.cursor().execute("LOCK TABLE mission")
        for statement, kind, told in (
            ("SELECT * FROM nosuch", DatabaseRefusedError, "existiert nicht"),
            ("INSERT INTO release VALUES (7, '1')", ConflictError, "Fremdschl"),
            ("SELECT * FROM mission", DatabaseLostError, "pg_terminate_backend"),
        ):
            with pytest.raises(kind, match=told), store.begin() as connection:
                connection.exec_driver_sql(statement)
