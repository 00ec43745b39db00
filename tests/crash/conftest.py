"""Missions in folders of their own, looked over when a test is done with them.

Fixtures
--------
held
    A mission whose jobs wait as long as they are held, on SQLite and again on PostgreSQL.
held_sqlite, held_postgres
    The same on one of them alone.
own_server, held_by_own_server
    A PostgreSQL server that tests may stop and start, and such a mission on it.
disk
    A disk with little room.
held_on_disk
    `held`, the mission's root on that disk.
by_disk
    A mission on SQLite, and the disk that its "database" is on or all of the "mission", as the test's parameter says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.crash.disk import Disk, small_disk
from tests.crash.held import Held
from tests.crash.picture import Picture
from tests.kit.postgres import OwnServer, PostgresServer, running_server

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


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    with running_server(synchronous_commit="on") as server:  # else the server itself forgets what it had committed
        yield server


@pytest.fixture
def held_by_own_server(own_server: OwnServer, tmp_path: Path, undisturbed: Undisturbed) -> Iterator[Held]:
    with _held(own_server.url(own_server.create()), tmp_path, undisturbed) as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path) as made:
        yield made


@pytest.fixture
def held_on_disk(database: str, disk: Disk, undisturbed: Undisturbed) -> Iterator[Held]:
    with _held(database, disk.place, undisturbed) as made:
        yield made


@pytest.fixture
def by_disk(request: pytest.FixtureRequest, tmp_path: Path, undisturbed: Undisturbed) -> Iterator[tuple[Held, Disk]]:
    with small_disk(tmp_path, for_sqlite=True) as made:
        base = {"database": tmp_path, "mission": made.place}[request.param]
        with _held(str(made.place / "mission.sqlite"), base, undisturbed) as held:
            yield held, made


@contextmanager
def _held(database: str, base: Path, undisturbed: Undisturbed) -> Iterator[Held]:
    made = Held(base / "here" / "mission", database, partial(undisturbed, "://" not in database))
    try:
        yield made
    finally:
        made.end_jobs()
    made.check()
