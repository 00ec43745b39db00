"""The copy of a code that is kept is of the bytes that were read, and outlives a power cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbproc.core.errors import UnsettledError
from dbproc.storage.bundle import keep, read_bundle
from tests.kit.syncs import watched_syncs


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "codes" / "lib").mkdir(parents=True)
    (tmp_path / "codes" / "lib" / "part.py").write_text("part")
    path = tmp_path / "codes" / "make.py"
    path.write_text("make")
    return path


@pytest.mark.parametrize("name", ["make.py", "lib/part.py"])
def test_a_code_that_was_changed_since_it_was_read_is_not_kept(name: str, code: Path, tmp_path: Path) -> None:
    bundle = read_bundle(str(code), ["lib/*.py"])
    (code.parent / name).write_text("edited")
    with pytest.raises(UnsettledError, match="was changed in this moment"):
        keep(str(code), bundle, str(tmp_path / "store"))
    assert list((tmp_path / "store").iterdir()) == []


def test_what_is_kept_is_synced_with_its_name(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = watched_syncs(monkeypatch)
    kept = Path(keep(str(code), read_bundle(str(code), ["lib/*.py"]), str(tmp_path / "store")))
    partial = f"{kept.parent}.partial"
    assert synced == [f"{partial}/make.py", f"{partial}/lib/part.py", str(tmp_path / "store")]
    assert (kept.read_text(), (kept.parent / "lib/part.py").read_text()) == ("make", "part")
