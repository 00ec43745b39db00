"""The mark of a root outlives a power cut, and is taken away by its own database alone."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from dbproc.core.errors import RootError
from dbproc.storage.ownership import Owner, Standing, mark, read_mark, standing, unmark
from tests.kit.syncs import watched_syncs

OURS = Owner("one", "/a.sqlite", None, ("sqlite", "/a.sqlite"), (5, 7))
ANEW = Owner("two", "/a.sqlite", None, ("sqlite", "/a.sqlite"), (5, 8))
THEIRS = Owner("three", "/b.sqlite", None, ("sqlite", "/b.sqlite"), (5, 9))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dbproc").mkdir()
    mark(str(tmp_path), OURS, nullcontext)
    return tmp_path


def test_a_mark_is_synced_before_it_has_its_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = watched_syncs(monkeypatch)
    mark(str(root), OURS, nullcontext)
    assert synced == [f"{root}/.dbproc/owner.json.part", f"{root}/.dbproc"]


def test_a_root_whose_mark_was_borne_is_given_to_no_other_database_in_the_same_place(root: Path) -> None:
    assert standing(str(root), OURS, was_marked=True) is Standing.OURS
    assert standing(str(root), ANEW, was_marked=False) is Standing.RENAMED
    for other, was_marked in ((ANEW, True), (THEIRS, False), (THEIRS, True)):
        with pytest.raises(RootError, match="belongs to"):
            standing(str(root), other, was_marked=was_marked)


def test_a_mark_of_another_database_stays(root: Path) -> None:
    for other in (ANEW, THEIRS):
        unmark(str(root), other)
        assert read_mark(str(root)) == OURS
    unmark(str(root), OURS)
    assert read_mark(str(root)) is None
