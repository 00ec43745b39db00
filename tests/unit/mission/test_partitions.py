"""Periods and keys that cannot be told apart, or not be filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbproc.mission import read_mission_file
from tests.kit.mission import mission_table, optional, process, product, window
from tests.kit.mission_files import line_of, problems_of, write_mission

DATE = "_{Y}{m}{d}_v{VERSION}.txt"
HOUR = "_{Y}{m}{d}T{H}_v{VERSION}.txt"
MINUTE = "_{Y}{m}{d}T{H}{M}_v{VERSION}.txt"


def text(*blocks: str) -> str:
    return "\n".join([mission_table(), *blocks])


def made(
    timebase: str,
    inputs: list[Any],
    format: str = "out" + DATE,
    *,
    products: tuple[str, ...] = (),
    output: Any = "out",
    **keys: Any,
) -> str:
    """A mission in which a process makes `out` of raw files of stations, gains, hours and orbits."""
    return text(
        product("raw", 0, "raw_{station}" + DATE),
        product("gain", 0, "gain" + DATE),
        product("hour", 0, "hour_{station}" + HOUR),
        product("orbit", 0, "orbit_{pass}" + MINUTE),
        product("own", 0, "own" + DATE, inspector="own.py"),
        *products,
        product("out", 1, format),
        process("to_out", output, inputs, timebase, keys=keys),
    )


STATION = "out_{station}" + DATE
PASS = "out_{pass}" + MINUTE


@pytest.mark.parametrize(
    "mission",
    [
        made("DAILY", ["raw"], STATION),
        made("DAILY", ["raw", "gain"], STATION),
        made("WEEKLY", ["raw"]),
        made("FILE", ["raw", "gain"], STATION),
        made("FILE", ["raw"]),
        made("FILE", ["hour"]),
        made("FILE", ["gain"], "out" + HOUR),
        made("HOURLY", ["hour"], "out_{station}" + HOUR),
        made("HOURLY", ["hour"], "out_{station}" + MINUTE),
        made("15 min", ["hour"], "out_{station}" + MINUTE),
        made("6 h", ["hour"], "out" + HOUR),
        made("30 s", ["hour"], "out_{Y}{j}T{H}{M}{S}.txt"),
        made("DAILY", ["own"], STATION),
        made("DAILY", [{"first_of": ["raw", "gain"]}], STATION),
        made("DAILY", ["raw"], STATION, keywords="merged"),
        made("DAILY", ["gain", optional("raw")], STATION, keywords="merged"),
        made("per orbit", ["orbit", "raw"], PASS),
        made("per orbit", ["orbit", window("raw", 1, 1)], "out_{pass}_{station}" + MINUTE),
        made("per own", ["own", "raw"], "out_{Y}{m}.txt"),
        made(
            "DAILY", ["raw"], STATION, products=(product("more", 1, "more_{station}" + DATE),), output=["out", "more"]
        ),
    ],
)
def test_what_has_a_name_for_each_period_and_key_is_taken(tmp_path: Path, mission: str) -> None:
    read_mission_file(write_mission(tmp_path, mission))


@pytest.mark.parametrize(
    ("mission", "at", "said"),
    [
        (
            made("7 h", ["hour"]),
            "timebase",
            "'7 h' is no part of a day: it must divide a day, in whole seconds, as '15 min'",
        ),
        (made("1 day", ["hour"]), "timebase", "'1 day' is no part of a day"),
        (made("0.5 s", ["hour"]), "timebase", "'0.5 s' is no part of a day"),
        (made("hourly", ["hour"]), "timebase", "not 'per PRODUCT'; did you mean 'HOURLY'?"),
        (made("per", ["hour"]), "timebase", "no part of a day such as '15 min', and not 'per PRODUCT'"),
        (made("HOURLY", ["hour"]), 'format = "out', "two periods of a day would have the same filename"),
        (made("HOURLY", ["hour"]), 'format = "out', "has timebase HOURLY; put {H} into the format"),
        (made("15 min", ["hour"], "out" + HOUR), 'format = "out', "timebase 15 min; put {M} into the format"),
        (made("90 s", ["hour"]), 'format = "out', "timebase 90 s; put {H}{M}{S} into the format"),
        (made("HOURLY", ["hour"], "out_{Y}{m}T{H}.txt"), 'format = "out', "names no day; put {d} into it, too"),
        (made("WEEKLY", ["raw"], "out_{Y}{m}.txt"), 'format = "out', "put {Y}{m}{d} or another date into the format"),
        (made("MONTHLY", ["raw"], "out_{Y}.txt"), 'format = "out', "two months would have the same filename"),
        (
            made("DAILY", ["raw"], "out_{band}" + DATE),
            'format = "out',
            "nothing can fill the field {band}: no required input of the process 'to_out' has it in its format: "
            "'raw' ('raw_{station}_{Y}{m}{d}_v{VERSION}.txt'); leave it out, or put it into the format of an input",
        ),
        (
            made("DAILY", ["gain", optional("raw")], STATION),
            'format = "out',
            "{station}: no required input of the process 'to_out' has it in its format: 'gain' "
            "('gain_{Y}{m}{d}_v{VERSION}.txt'); 'raw' has it, but is optional",
        ),
        (made("FILE", ["gain"], STATION), 'format = "out', "nothing can fill the field {station}"),
        (made("per orbit", ["orbit"], "out_{pass}_{station}" + MINUTE), 'format = "out', "nothing can fill the field"),
        (made("DAILY", ["gain"], STATION, keywords="merged"), 'format = "out', "nothing can fill the field {station}"),
        (made("DAILY", [], STATION), 'format = "out', "the process 'to_out' has no input"),
        (made("FILE", ["gain"], "out_{Y}{m}.txt"), 'format = "out', "two dates would have the same filename"),
        (made("DAILY", ["raw"], "out_{Station}" + DATE), 'format = "out', "; did you mean {station}?"),
        (
            made("DAILY", ["raw"], STATION, products=(product("more", 1),), output=["out", "more"]),
            'format = "more',
            "makes 'out' for each {station}, and 'more' for each period alone; give all its outputs the same keywords",
        ),
        (
            made("FILE", ["hour"], "out" + HOUR, products=(product("more", 1),), output=["more", "out"]),
            'format = "out',
            "makes 'more' for each period alone, and 'out' for each {H}",
        ),
        (
            made("DAILY", [{"product": "raw"}], "out_{station:03d}" + DATE, products=()).replace(
                "raw_{station}", "raw_{station:04d}"
            ),
            'format = "out',
            "the field {station} has 3 digits, and in the format of 'raw' it has 4",
        ),
    ],
)
def test_what_two_periods_or_nothing_would_name_is_refused_on_its_line(
    tmp_path: Path, mission: str, at: str, said: str
) -> None:
    found = [each for each in problems_of(tmp_path, mission) if said in each]
    assert [each.partition(",")[0] for each in found] == [f"line {line_of(mission, at)}"]


@pytest.mark.parametrize(
    ("mission", "at", "said"),
    [
        (made("per orbit", ["raw"]), "timebase", "'orbit' is none of the inputs"),
        (made("per orbit", ["orbit"], PASS, keywords="merged"), "keywords", "and each is to be a period; leave it out"),
        (
            made("per tour", ["tour"], products=(product("tour", 0, "tour_{number}" + DATE, inspector="own.py"),)),
            'format = "out',
            "put {number} into the format",
        ),
        (
            made("per own", ["own"], "out" + MINUTE),
            'format = "out',
            "{H}{M} would be that of a file of 'own'",
        ),
        (made("per orbitt", ["orbit"], PASS), "timebase", "add it to the inputs; did you mean 'orbit'?"),
        (
            made("per orbit", ["raw", optional("orbit")], PASS),
            "inputs",
            "must be required, and alone: leave optional out",
        ),
        (made("per orbit", [{"first_of": ["orbit", "raw"]}], PASS), "inputs", "alone: take it out of first_of"),
        (made("per orbit", [window("orbit", 1, 1)], PASS), "inputs", "alone: leave yesterday and tomorrow out"),
        (made("per orbit", [{"product": "orbit", "before": "1 h"}], PASS), "inputs", "alone: leave before out"),
        (made("per orbit", ["raw", {"product": "orbit", "valid": "latest"}], PASS), "inputs", "leave valid out"),
        (
            made("per orbit", ["orbit"], "out" + MINUTE),
            'format = "out',
            "makes a file for each file of 'orbit' ('orbit_{pass}_{Y}{m}{d}T{H}{M}_v{VERSION}.txt'), and two that "
            "differ in {pass} would give one name; put {pass} into the format",
        ),
        (
            made("per orbit", ["orbit"], "out_{pass}" + HOUR),
            'format = "out',
            "two that differ in {M} would give one name",
        ),
        (
            made("per gain", ["gain"], "out_{Y}{m}.txt"),
            'format = "out',
            "two of different dates would give one name; put {Y}{m}{d} or another date into the format",
        ),
        (
            made("per gain", ["gain", "hour"], "out" + HOUR),
            'format = "out',
            "{H} would be that of a file of 'gain', whose format 'gain_{Y}{m}{d}_v{VERSION}.txt' has none",
        ),
        (
            text(
                product("raw", 0),
                product("mid", 1),
                product("out", 2),
                process("to_mid", "mid", ["out"], "FILE"),
                process("to_out", "out", ["raw", "mid"], "per mid"),
            ),
            'timebase = "per',
            "'mid' is made from what this process makes; its files can be no periods of it",
        ),
    ],
)
def test_a_product_whose_files_can_be_no_periods_is_refused_on_its_line(
    tmp_path: Path, mission: str, at: str, said: str
) -> None:
    found = [each for each in problems_of(tmp_path, mission) if said in each]
    assert [each.partition(",")[0] for each in found] == [f"line {line_of(mission, at)}"]
