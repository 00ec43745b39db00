"""Missions in folders of their own, looked over when a test is done with them.

Their commands run in this process; in tests marked ``in_processes`` each is a process of its own.

Fixtures
--------
mission
    A mission folder on SQLite and again on PostgreSQL, with nothing defined yet.
sqlite_mission
    The same on SQLite alone, for what the database has no part in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.mission import Mission


@pytest.fixture
def mission(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Iterator[Mission]:
    made = _mission(request, database, tmp_path)
    yield made
    made.check()


@pytest.fixture
def sqlite_mission(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mission]:
    made = _mission(request, str(tmp_path / "mission.sqlite"), tmp_path)
    yield made
    made.check()


def _mission(request: pytest.FixtureRequest, database: str, directory: Path) -> Mission:
    in_processes = request.node.get_closest_marker("in_processes") is not None
    return Mission(directory / "mission", database, in_processes=in_processes)
