"""Which files lie in the directories of a pattern."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbproc.storage.tree import files_in


def found(root: Path, pattern: str, *left_out: str) -> set[str]:
    places = files_in(str(root), pattern, {str(root / name) for name in left_out})
    return {str((Path(directory) / name).relative_to(root)) for directory, name in places}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("a/2020/01/x", "a/2020/01/y", "a/2021/12/x", "a/2020/13/x", "a/later/01/x", "a/2020/x", "{a}/x", "x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "a/2020/01/link").symlink_to("x")
    (tmp_path / "a/2020/01/directory").mkdir()
    (tmp_path / "a/2022").symlink_to("2021")  # as where a year is on another disk
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("a/{Y}/{m}", {"a/2020/01/x", "a/2020/01/y", "a/2021/12/x", "a/2022/12/x"}),
        ("a/2020/{m}", {"a/2020/01/x", "a/2020/01/y"}),
        ("./a//{Y}", {"a/2020/x"}),
        ("{{a}}", {"{a}/x"}),
        (".", {"x"}),
        ("nowhere/{Y}", set()),
        ("a/{Y", set()),
    ],
)
def test_files_are_found_in_the_directories_that_a_pattern_may_be(root: Path, pattern: str, files: set[str]) -> None:
    assert found(root, pattern) == files


def test_what_is_left_out_is_not_entered(root: Path) -> None:
    assert found(root, "a/{Y}/{m}", "a/2020", "a/2022") == {"a/2021/12/x"}
    assert found(root, ".", ".") == set()
