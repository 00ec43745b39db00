"""The words of a command line: what is put into them, and that it is put in once."""

from __future__ import annotations

import datetime as dt

import pytest

from dbproc.run.command_line import argument

DAY = dt.date(2019, 1, 31)
ROOT = "/a{Y}b$HOME/{{b}}/{PROCESS}/${HOME}"
CONSTANTS = {"ROOTDIR": ROOT, "CODEDIR": f"{ROOT}/codes", "PROCESS": "clean", "VERSION": "1.2.3"}


@pytest.mark.parametrize(
    ("word", "filled"),
    [
        ("--out", "--out"),
        ("{ROOTDIR}/ref.txt", f"{ROOT}/ref.txt"),
        ("{CODEDIR}", f"{ROOT}/codes"),
        ("{Y}-{m}-{d} {j} {y} {b} {datetime}", "2019-01-31 031 19 Jan 2019-01-31"),
        ("{PROCESS}_{VERSION}", "clean_1.2.3"),
        ("{other} {x:02d} {}", "{other} {x:02d} {}"),
        ("$PLACE/x", "/p{Y}$HOME/x"),
        ("${PLACE}x", "/p{Y}$HOMEx"),
        ("$no_such_name", "$no_such_name"),
        ("~/x", "/home/me/x"),
        ("a~", "a~"),
    ],
)
def test_each_field_is_filled_in_once(monkeypatch: pytest.MonkeyPatch, word: str, filled: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("PLACE", "/p{Y}$HOME")
    assert argument(word, CONSTANTS, DAY) == filled


def test_a_value_that_begins_like_a_home_directory_is_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert argument("{MISSION}/x", {"MISSION": "~"}, DAY) == "~/x"
