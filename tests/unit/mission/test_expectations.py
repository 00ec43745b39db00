"""Expectations that contradict the format, or say nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from dbproc.mission import read_mission_file
from tests.kit.mission import mission_table, product
from tests.kit.mission_files import line_of, problems_of, write_mission

DATE, HOUR, MINUTE = "_{Y}{m}{d}.txt", "_{Y}{m}{d}T{H}.txt", "_{Y}{m}{d}T{H}{M}.txt"


def expecting(format: str = "raw" + DATE, **keys: Any) -> str:
    return "\n".join([mission_table(), product("raw", 0, format, **keys)])


@pytest.mark.parametrize(
    "mission",
    [
        expecting(expect="daily"),
        expecting(expect="weekly", late_after="3 days"),
        expecting("raw_{Y}{m}.txt", expect="monthly"),
        expecting("raw_{Y}.txt", expect="yearly"),
        expecting("raw" + HOUR, expect="hourly"),
        expecting("raw" + MINUTE, expect="15 min"),
        expecting("raw" + HOUR, expect="6 h"),
        expecting(expect="hourly", inspector="own.py"),
        expecting("raw_{st}" + DATE, expect="daily", keys=["ANK", "BOL"]),
        expecting("raw_{st}" + DATE, expect="daily", keys=["st=ANK", "B O L"]),
        expecting("raw_{st}_{n:02d}" + HOUR, expect="hourly", keys=["st=ANK n=01", "n=02 st=ANK"]),
    ],
)
def test_what_files_can_meet_is_taken(tmp_path: Path, mission: str) -> None:
    read_mission_file(write_mission(tmp_path, mission))


def test_an_expectation_may_be_of_some_days(tmp_path: Path) -> None:
    text = expecting(expect="daily") + "from = 2020-01-01\nto = 2020-01-01\n"
    product = read_mission_file(write_mission(tmp_path, text)).products["raw"]
    assert (product.expect_from, product.expect_to) == (dt.date(2020, 1, 1), dt.date(2020, 1, 1))


@pytest.mark.parametrize(
    ("mission", "at", "said"),
    [
        (
            expecting(expect="often"),
            "expect",
            "'often' does not say how often a file comes; write hourly, daily, weekly",
        ),
        (expecting(expect="DAILY"), "expect", "or a part of a day such as '15 min'; did you mean 'daily'?"),
        (expecting(expect="7 h"), "expect", "'7 h' does not say how often"),
        (expecting(expect="per orbit"), "expect", "'per orbit' does not say how often"),
        (
            expecting(expect="hourly"),
            "expect",
            "'hourly' contradicts the format 'raw_{Y}{m}{d}.txt': two files would have one name; put {H} into the",
        ),
        (expecting("raw" + HOUR, expect="15 min"), "expect", "put {M} into the format, or expect files less often"),
        (expecting(expect="15 min"), "expect", "put {H}{M} into the format"),
        (expecting("raw_{Y}{m}.txt", expect="daily"), "expect", "put {Y}{m}{d} into the format"),
        (expecting("raw_{Y}.txt", expect="monthly"), "expect", "'monthly' contradicts the format"),
        (
            expecting(expect="daily", keys=["ANK"]),
            "keys",
            "has no keyword of which 'ANK' could be a value; leave keys out",
        ),
        (
            expecting("raw" + HOUR, expect="hourly", keys=["05"]),
            "keys",
            "has no keyword of which '05' could be a value",
        ),
        (
            expecting("raw_{st}_{n:02d}" + DATE, expect="daily", keys=["ANK"]),
            "keys",
            "'ANK' is no key of the format 'raw_{st}_{n:02d}_{Y}{m}{d}.txt'; write n=… st=…",
        ),
        (
            expecting("raw_{st}" + DATE, expect="daily", keys=["x=ANK"]),
            "keys",
            "write the value of {st} alone, or st=…",
        ),
        (
            expecting("raw_{st}" + DATE, expect="daily", keys=["st=a st=b"]),
            "keys",
            "'st=a st=b' is no key of the format",
        ),
        (expecting("raw_{st}" + DATE, expect="daily", keys=[""]), "keys", "'' is no key of the format"),
        (
            expecting("raw_{n:02d}" + DATE, expect="daily", keys=["3"]),
            "keys",
            "'3' can never stand for {n} in the format",
        ),
        (expecting("raw_{nnn}" + DATE, expect="daily", keys=["12x"]), "keys", "'12x' can never stand for {nnn}"),
        (expecting("raw_{st}" + DATE, expect="daily", keys=["a/b"]), "keys", "'a/b' can never stand for {st}"),
        (expecting("raw_{st}" + DATE, expect="daily", keys=["a", "a"]), "keys", "'a' is listed twice; list it once"),
        (expecting("raw_{st}" + DATE, keys=["a"]), "keys", "says nothing without expect; add expect"),
        (expecting(late_after="1 h"), "late_after", "says nothing without expect"),
        (expecting() + "from = 2020-01-01\n", "from", "says nothing without expect"),
        (expecting() + "to = 2020-01-01\n", "to =", "says nothing without expect"),
        (
            expecting(expect="daily") + "from = 2020-01-02\nto = 2020-01-01\n",
            "from",
            "from 2020-01-02 is after to 2020-01-01; no file would be expected",
        ),
    ],
)
def test_what_no_file_could_meet_is_refused_on_its_line(tmp_path: Path, mission: str, at: str, said: str) -> None:
    found = [each for each in problems_of(tmp_path, mission) if said in each]
    assert [each.partition(",")[0] for each in found] == [f"line {line_of(mission, at)}"]
