"""Empty databases for missions of many trials: copies, which are quicker made."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbproc.database.store import create_database
from tests.kit.postgres import PostgresServer

Copy = Callable[[Path], str]
"""Makes an empty database, and the folder of its mission, and names it."""


@pytest.fixture(scope="module")
def sqlite_copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    template = tmp_path_factory.mktemp("template") / "empty.sqlite"
    create_database(str(template))

    def copy(folder: Path) -> str:
        folder.mkdir(exist_ok=True)
        return str(shutil.copy(template, folder / "mission.sqlite"))

    return copy


@pytest.fixture(scope="module")
def postgres_copy(postgres_server: PostgresServer) -> Iterator[Copy]:
    template = postgres_server.create()
    create_database(postgres_server.url(template))
    made = [template]

    def copy(_: Path) -> str:
        made.append(postgres_server.create(template))
        return postgres_server.url(made[-1])

    yield copy
    for name in made:
        postgres_server.drop(name)
