"""A place opened by its URL, where the library of its protocol is installed and where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dbproc.core.errors import PermanentError
from dbproc.core.places import StoreSpec
from dbproc.storage.stores.opening import open_place


def test_a_directory_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    place = open_place(StoreSpec(name="s", url=f"file://{tmp_path}/a%20b"))
    assert place.url == f"file://{tmp_path}/a b"
    assert list(place.entries()) == []


@pytest.mark.parametrize(
    ("url", "library"), [("s3://b", "botocore"), ("gdrive://F", "jwt"), ("vos://a/x", "defusedxml")]
)
def test_without_its_library_a_place_says_what_to_install(
    url: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = url.partition(":")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"dbproc.storage.stores.{scheme}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(PermanentError, match=rf"{scheme}: places need .* pip install 'dbproc\[{scheme}\]'"):
        open_place(StoreSpec(name="s", url=url, endpoint="https://h", service_account="env:X"))


def test_a_protocol_that_nobody_speaks_is_refused() -> None:
    with pytest.raises(PermanentError, match="begins with none of file, sftp"):
        open_place(StoreSpec(name="s", url="ftp://h"))
