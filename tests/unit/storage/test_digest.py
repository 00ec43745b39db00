"""Digests of files, and the cheap sign that one may have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbproc.core.errors import UserError
from dbproc.storage.digest import algorithm_of, digest_file, missing_algorithm, stat_text


def test_a_digest_names_its_algorithm(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digest = digest_file(path)
    assert digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert algorithm_of(digest) == "sha256"


def test_an_unknown_algorithm_is_answered_with_those_that_are_known(tmp_path: Path) -> None:
    assert missing_algorithm("sha256") is None
    with pytest.raises(UserError, match="'md5' is not known; use one of sha256, blake3"):
        digest_file(tmp_path / "file", "md5")


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    missing = missing_algorithm("blake3")
    (tmp_path / "file").write_bytes(b"abc")
    if missing is None:
        assert digest_file(tmp_path / "file", "blake3").startswith("blake3:6437b3ac38465133ffb63b75273a8db5")
    else:
        assert "pip install blake3" in missing


def test_the_sign_changes_with_every_write_and_replacement(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"abc")
    other.write_bytes(b"xyz")
    first = stat_text(path)
    assert stat_text(path) == first
    facts = path.stat()
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.rename(path)
    assert stat_text(path) != first


def test_what_has_become_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    other_end = os.open(tmp_path / "fifo", os.O_RDWR)  # else whoever opens it to read waits for ever
    with pytest.raises(OSError, match="no regular file"):
        digest_file(tmp_path / "fifo")
    os.close(other_end)
