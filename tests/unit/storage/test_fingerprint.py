"""The digest of a file is that of bytes which it had from the first to the last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbproc.core.errors import UnsettledError
from dbproc.storage.digest import digest_file
from dbproc.storage.fingerprint import measure


def grows(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("more")


def is_replaced(path: Path) -> None:
    (path.parent / "new").write_text("is")
    (path.parent / "new").replace(path)


@pytest.mark.parametrize("change", [grows, is_replaced])
@pytest.mark.parametrize("name", ["x.idx", "x/0"])
def test_what_is_changed_while_it_is_read_is_not_settled(
    name: str, change: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, changed = tmp_path / "x.idx", tmp_path / name
    (tmp_path / "x").mkdir()
    path.write_text("it")
    (tmp_path / "x" / "0").write_text("it")

    def digested(of: str, algorithm: str) -> str:
        made = digest_file(of, algorithm)
        if of == str(changed):
            change(changed)
        return made

    with monkeypatch.context() as patch:
        patch.setattr("dbproc.storage.fingerprint.digest_file", digested)
        with pytest.raises(UnsettledError, match="was changed while it was read"):
            measure(str(path), "sha256", companion=True)
    assert measure(str(path), "sha256", companion=True).size == path.stat().st_size
