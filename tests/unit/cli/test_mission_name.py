"""The mission that a command is for, where none is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbproc.cli.mission_name import found
from dbproc.storage import ownership
from dbproc.storage.layout import PRIVATE


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    directory = tmp_path / "root" / "clean" / "2020"
    directory.mkdir(parents=True)
    return directory


def mark(root: Path, name: list[str], shown: str) -> None:
    facts = {"database": shown, "identity": "7", "server": None, "name": name, "number": []}
    (root / PRIVATE).mkdir()
    Path(ownership.path_of(str(root))).write_text(json.dumps(facts), encoding="utf-8")


def test_the_nearest_database_is_found(tmp_path: Path, deep: Path) -> None:
    assert found(deep) is None
    (tmp_path / "mission.sqlite").touch()
    assert found(deep) == str(tmp_path / "mission.sqlite")
    assert found(tmp_path) == str(tmp_path / "mission.sqlite")
    mark(tmp_path / "root", ["sqlite", "/elsewhere/own.db"], "own.db")
    assert found(deep) == "/elsewhere/own.db"


def test_a_root_names_its_database_on_a_server_without_the_password(tmp_path: Path, deep: Path) -> None:
    mark(tmp_path / "root", ["postgresql", "orbits"], "postgresql://ops:***@host/orbits")
    assert found(deep) == "postgresql://ops@host/orbits"


def test_a_directory_that_everybody_may_write_to_is_left_out(tmp_path: Path, deep: Path) -> None:
    (tmp_path / "root" / "mission.sqlite").touch()
    (tmp_path / "root").chmod(0o777)
    assert found(deep) is None
