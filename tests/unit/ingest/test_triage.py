"""What arrivals say of themselves, as it can be recorded."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from dbproc.core.errors import PlacementError
from dbproc.core.text import storable, time_of
from dbproc.storage.fingerprint import measure


def test_a_time_outside_of_the_calendar_is_its_nearest_day() -> None:
    assert time_of(1e15) == dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    assert time_of(-1e15) == dt.datetime(1, 1, 1, tzinfo=dt.UTC)
    assert time_of(0.5) == dt.datetime(1970, 1, 1, 0, 0, 0, 500_000, dt.UTC)


def test_any_name_becomes_text_that_a_database_takes() -> None:
    assert storable(os.fsdecode(b"\xff\x00a")) == "\\xff\\x00a"


@pytest.mark.parametrize("member", [b"\xff", b"a\nb", b"a\x1b[2Jb", b"/".join([b"a" * 250] * 5)])
def test_a_member_that_cannot_be_recorded_is_told_of_in_printable_words(member: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.idx").write_text("x")
    path = Path(os.fsdecode(os.fsencode(tmp_path / "x") + b"/" + member))
    path.parent.mkdir(parents=True)
    path.write_text("y")
    with pytest.raises(PlacementError, match="in its companion directory") as error:
        measure(str(tmp_path / "x.idx"), "sha256", companion=True)
    assert str(error.value).isprintable()
