"""Digests of files at home."""

from __future__ import annotations

from pathlib import Path

from dbproc.check.digests import digest_faults
from dbproc.check.files import Files
from dbproc.check.tree import Tree
from dbproc.database.audit import FileRow
from dbproc.storage.digest import digest_file
from tests.kit.facts import ground_of


def test_digests_are_read_with_the_algorithm_that_each_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    files = Files(ground_of(tmp_path, in_use=(".",)), Tree(), ())
    files.enter([FileRow(1, "a.txt", ".", 1, digest_file(tmp_path / "a.txt", "sha256"), True)], [])
    seen: list[tuple[int, int]] = []
    assert list(files.faults([str(tmp_path)])) == []
    assert list(digest_faults(files, lambda done, total: seen.append((done, total)))) == []
    assert seen == [(1, 1)]
