"""Credentials by reference: found where they are kept, and never shown."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dbproc.core.errors import PermanentError
from dbproc.storage.stores import credentials

SECRET = "hunter2"


def test_a_credential_is_read_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    monkeypatch.setenv("KEY", SECRET)
    entries = SimpleNamespace(get_password=lambda service, name: SECRET if (service, name) == ("nas", "me") else None)
    monkeypatch.setitem(sys.modules, "keyring", entries)
    for reference in ("env:KEY", f"file:{path}", "keyring:nas/me"):
        assert credentials.value(reference) == SECRET
    assert credentials.value("") == ""
    assert credentials.user("me") == "me"
    assert credentials.user("env:KEY") == SECRET
    with pytest.raises(PermanentError, match="the keyring has no entry you of nas"):
        credentials.value("keyring:nas/you")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.raises(PermanentError, match=f"may be read by others \\(mode {mode:03o}\\); chmod 600 it"):
        credentials.value(f"file:{path}")


def test_what_is_not_there_is_named_by_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "empty").chmod(0o600)
    monkeypatch.delenv("KEY", raising=False)
    monkeypatch.setitem(sys.modules, "keyring", None)
    for reference, said in (
        ("env:KEY", "the variable KEY of the environment is not set"),
        (f"file:{tmp_path}/none", "cannot be read: No such file"),
        (f"file:{tmp_path}", "is no file"),
        (f"file:{tmp_path}/empty", "is empty"),
        ("keyring:nas/me", r"pip install 'dbproc\[keyring\]'"),
    ):
        with pytest.raises(PermanentError, match=said):
            credentials.value(reference)
    with pytest.raises(PermanentError) as caught:
        credentials.value(SECRET)
    assert SECRET not in str(caught.value)
