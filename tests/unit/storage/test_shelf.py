"""Results are kept as long as there is room for them; the longest unused go first."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dbproc.storage.shelf import Shelf


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "shelf"), most_bytes=20)
    assert shelf.get("a") is None
    for number, name in enumerate("ab"):
        shelf.put(name, name.encode() * 10)
        age(tmp_path / "shelf" / name, 100 - number)
    assert shelf.get("a") == b"a" * 10
    shelf.put("c", b"c" * 10)
    assert sorted(os.listdir(tmp_path / "shelf")) == ["a", "c"]


def test_what_a_killed_process_left_goes_with_time(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path), most_bytes=20)
    for name in ("part-new", "part-old"):
        (tmp_path / name).mkdir()
    age(tmp_path / "part-old", 7200)
    shelf.put("a", b"a")
    assert sorted(os.listdir(tmp_path)) == ["a", "part-new"]


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = Shelf(str(tmp_path / "file"), most_bytes=20)
    shelf.put("a", b"a")
    assert shelf.get("a") is None
