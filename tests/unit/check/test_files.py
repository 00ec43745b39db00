"""Files that cannot be read."""

from __future__ import annotations

from pathlib import Path

from dbproc.check.digests import digest_faults
from dbproc.check.faults import Kind
from dbproc.check.files import Files
from dbproc.check.tree import Tree
from dbproc.database.audit import FileRow
from tests.kit.facts import ground_of


def test_what_cannot_be_read_is_named_and_its_files_are_not_called_missing(forbidden: Path) -> None:
    ground, tree = ground_of(forbidden, in_use=("secret", ".")), Tree()
    files = Files(ground, tree, ())
    digest = f"sha256:{'0' * 64}"
    files.enter([FileRow(1, "a.txt", "secret", 1, digest, True), FileRow(2, "file", ".", 1, digest, True)], [])
    found = [*files.faults(ground.read(tree)), *digest_faults(files)]
    assert {(fault.kind, fault.place) for fault in found} == {
        (Kind.UNREADABLE, str(forbidden / "secret")),
        (Kind.UNREADABLE, str(forbidden / "file")),
    }
