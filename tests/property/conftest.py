"""Empty databases for missions of many trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.databases import new_database
from tests.kit.postgres import PostgresServer

Copy = Callable[[Path], str]
"""Makes an empty database, and the folder of its mission, and names it."""


@pytest.fixture(scope="module")
def sqlite_copy() -> Copy:
    def copy(folder: Path) -> str:
        folder.mkdir(exist_ok=True)
        return new_database(str(folder / "mission.sqlite"))

    return copy


@pytest.fixture(scope="module")
def postgres_copy(postgres_server: PostgresServer) -> Iterator[Copy]:
    made: list[str] = []

    def copy(_: Path) -> str:
        made.append(postgres_server.create())
        return new_database(postgres_server.url(made[-1]))

    yield copy
    for name in made:
        postgres_server.drop(name)
