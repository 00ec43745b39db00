"""Who runs this, as rows of the database name him."""

from __future__ import annotations

import getpass
import os

import pytest

from dbproc.system.machine import this_process, user_name


def test_a_user_without_a_name_is_named_by_his_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert user_name() == str(os.getuid())
    assert this_process().user == user_name()
