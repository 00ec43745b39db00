"""The end of a text file."""

from __future__ import annotations

import os
from pathlib import Path

from dbproc.storage.tail import Tail, tail_of


def test_whole_lines_of_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr\xffe\n")
    assert tail_of(str(path), 100) == Tail("one\ntwo\nthr\ufffde\n", 14, is_whole=True)
    assert tail_of(str(path), 9) == Tail("thr\ufffde\n", 14, is_whole=False)


def test_only_a_file_is_read_and_no_link(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    (tmp_path / "link").symlink_to("log")
    os.mkfifo(tmp_path / "pipe")
    assert [tail_of(str(tmp_path / name), 9) for name in ("link", "pipe", "none", ".")] == [None] * 4
