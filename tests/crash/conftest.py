"""Missions in folders of their own, looked over when a test is done with them.

Fixtures
--------
held
    A mission whose jobs wait as long as they are held, on SQLite and again on PostgreSQL.
held_sqlite, held_postgres
    The same on one of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.crash.held import Held
from tests.crash.picture import Picture
from tests.postgres import PostgresServer

Undisturbed = Callable[[bool], Picture]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Undisturbed:
    """What an undisturbed run makes of the mission, on SQLite (True) or PostgreSQL (False); made when first asked."""
    made: dict[bool, Picture] = {}

    def of(is_sqlite: bool) -> Picture:
        if is_sqlite not in made:
            base = tmp_path_factory.mktemp("undisturbed")
            name = None if is_sqlite else postgres_server.create()
            database = str(base / "mission.sqlite") if name is None else postgres_server.url(name)
            mission = Held(base / "mission", database, partial(of, is_sqlite))
            mission.set_up().run()
            made[is_sqlite] = mission.picture()
            if name is not None:
                postgres_server.drop(name)
        return made[is_sqlite]

    return of


@pytest.fixture
def held(database: str, tmp_path: Path, undisturbed: Undisturbed) -> Iterator[Held]:
    with _held(database, tmp_path, undisturbed) as made:
        yield made


@pytest.fixture
def held_sqlite(tmp_path: Path, undisturbed: Undisturbed) -> Iterator[Held]:
    with _held(str(tmp_path / "mission.sqlite"), tmp_path, undisturbed) as made:
        yield made


@pytest.fixture
def held_postgres(postgres_database: str, tmp_path: Path, undisturbed: Undisturbed) -> Iterator[Held]:
    with _held(postgres_database, tmp_path, undisturbed) as made:
        yield made


@contextmanager
def _held(database: str, base: Path, undisturbed: Undisturbed) -> Iterator[Held]:
    made = Held(base / "here" / "mission", database, partial(undisturbed, "://" not in database))
    try:
        yield made
    finally:
        made.end_jobs()
    made.check()
