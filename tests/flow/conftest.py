"""Missions in folders of their own, looked over when a test is done with them.

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

from tests.flow.mission import Mission


@pytest.fixture
def mission(database: str, tmp_path: Path) -> Iterator[Mission]:
    made = Mission(tmp_path / "mission", database)
    yield made
    made.check()


@pytest.fixture
def sqlite_mission(tmp_path: Path) -> Iterator[Mission]:
    made = Mission(tmp_path / "mission", str(tmp_path / "mission.sqlite"))
    yield made
    made.check()
