"""Which directories are products' own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dbproc.check.tree import Ground, Tree
from dbproc.database.audit import ProductPlace
from tests.kit.facts import ground_of, mission_in


def own_directories(ground: Ground, root: Path) -> set[str]:
    return {os.path.relpath(path, root) for path in ground.read(Tree())}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("data/raw/2020/01", "data/raw/notes", "data/old", "incoming", "codes", "2020/01", "2020/x", "other"):
        (tmp_path / path).mkdir(parents=True)
    return tmp_path


def test_all_below_the_fixed_part_of_a_directory_is_the_products(root: Path) -> None:
    found = own_directories(ground_of(root, "data/raw/{Y}"), root)
    assert found == {"data/raw", "data/raw/2020", "data/raw/2020/01", "data/raw/notes"}


def test_a_directory_in_use_is_the_products_without_what_is_below(root: Path) -> None:
    assert own_directories(ground_of(root, "data/old", in_use=("data",)), root) == {"data", "data/old"}


def test_a_pattern_in_the_root_has_only_the_directories_that_fit(root: Path) -> None:
    assert own_directories(ground_of(root, "{Y}/{m}"), root) == {"2020", "2020/01"}


def test_the_root_itself_is_a_products_directory_for_names_of_its_format_alone(root: Path) -> None:
    ground = ground_of(root, ".")
    assert own_directories(ground, root) == {"."}
    assert ground.counts(str(root), "p_20200101.txt")
    assert not ground.counts(str(root), "mission.toml")


def test_incoming_and_codes_are_not_products_directories(root: Path) -> None:
    mission = replace(mission_in(root), incoming=str(root / "data" / "raw" / "notes"))
    ground = Ground(mission, [ProductPlace("p", "data/{Y}", "p_{Y}.txt")], (), "")
    assert "data/raw/notes" not in own_directories(ground, root)
    assert ground.holds_ours(str(root / "data" / "raw"))


def test_a_directory_that_is_not_there_and_one_outside_are_passed_over(root: Path) -> None:
    assert own_directories(ground_of(root, "nowhere/{Y}", "../out", in_use=("gone", "/etc")), root) == set()


def test_the_database_is_no_file_of_products(root: Path) -> None:
    ground = ground_of(root, "data")
    assert ground.counts(str(root / "data"), "mission.sqlite")
    assert not ground_of(root, ".", in_use=(".",)).counts(str(root), "mission.sqlite-wal")
