"""Inputs and waits that say two things at once, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbproc.mission import read_mission_file
from tests.kit.mission import mission_table, optional, process, product
from tests.kit.mission_files import line_of, problems_of, write_mission


def given(timebase: str = "DAILY", *inputs: Any, makes: bool = True, expect: str = "", **keys: Any) -> str:
    """A mission with a process of these inputs and keys."""
    expected = {"expect": expect} if expect else {}
    return "\n".join(
        [
            mission_table(),
            product("raw", 0, **expected),
            product("gain", 0),
            product("old", 0),
            product("out", 1, "out_{Y}{m}{d}T{H}{M}_v{VERSION}.txt"),
            process("to_out", "out" if makes else None, list(inputs) or ["raw"], timebase, keys=keys),
        ]
    )


def of(name: str, **keys: Any) -> dict[str, Any]:
    return {"product": name, **keys}


GAIN = of("gain", valid="latest")


@pytest.mark.parametrize(
    "mission",
    [
        given("15 min", of("raw", before="90 min", after="1.5 h")),
        given("DAILY", of("raw", before="1 h", tomorrow=1)),
        given("FILE", of("raw", before="2 days", after="1 week")),
        given("RUN", of("raw", before="1 day"), makes=False),
        given("FILE", "raw", GAIN),
        given("DAILY", "raw", of("gain", valid="covers")),
        given("DAILY", "raw", of("gain", valid="latest", max_age="30 days")),
        given("DAILY", "raw", {"first_of": ["gain", "old"], "valid": "latest", "max_age": "1 h"}),
        given("DAILY", "raw", of("gain", valid="latest", optional=True)),
        given("DAILY", optional("raw"), of("gain", valid="latest", optional=True)),
        given(build="when over"),
        given(build="when over", wait="2 days"),
        given("FILE", build="when over"),
        given("DAILY", "gain", "raw", build="when complete", wait="2 days", expect="daily"),
    ],
)
def test_windows_calibrations_and_waits_are_taken(tmp_path: Path, mission: str) -> None:
    read_mission_file(write_mission(tmp_path, mission))


@pytest.mark.parametrize(
    ("mission", "at", "said"),
    [
        (
            given("DAILY", of("raw", yesterday=1, before="1 h")),
            "inputs",
            "yesterday and before both widen the same end",
        ),
        (given("DAILY", of("raw", tomorrow=1, after="1 h")), "inputs", "tomorrow and after both widen the same end"),
        (
            given("FILE", of("raw", before="90 min")),
            "inputs",
            "timebase FILE takes inputs by their date, so '90 min' must be whole days, such as '1 day'",
        ),
        (
            given("RUN", of("raw", after="25 h"), makes=False),
            "inputs",
            "timebase RUN takes inputs by their date, so '25 h'",
        ),
        (given("DAILY", of("raw", max_age="1 h")), "inputs", "says nothing without valid = 'latest'"),
        (given("DAILY", "raw", of("gain", valid="covers", max_age="1 h")), "inputs", "says nothing without valid"),
        (
            given("DAILY", "raw", of("gain", valid="latest", before="1 h", tomorrow=1)),
            "inputs",
            "no window chooses them; leave tomorrow and before out, or valid",
        ),
        (given("DAILY", GAIN), "inputs", "'gain' is the only required input, and inputs with valid cover no period"),
        (given("DAILY", GAIN, optional("raw")), "inputs", "'gain' is the only required input"),
        (
            given("FILE", GAIN, of("old", valid="covers")),
            "inputs",
            "'gain', 'old' are all that there is, and inputs with",
        ),
        (given("DAILY", of("gain", valid="latest", optional=True)), "inputs", "nothing would ever be made"),
        (
            given("DAILY", {"first_of": ["gain", "old"], "valid": "latest"}),
            "inputs",
            "nothing would ever be made; leave valid out of one",
        ),
        (
            given("DAILY", "raw", {"first_of": ["gain", "old"], "max_age": "1 h"}),
            "inputs",
            "bounds how old the latest file may be, and says nothing without valid = 'latest'",
        ),
        (given(wait="2 days"), "wait", "says nothing with build = 'at once'; write build = 'when over'"),
        (
            given("DAILY", "raw", "gain", build="when complete"),
            "build",
            "no input says how often its files come, so none is ever complete; give one of them expect (raw, gain)",
        ),
        (given(build="later"), "build", "'later'"),
        (given("DAILY", "raw", of("gain", valid="sometimes")), "inputs", "'sometimes'"),
        (given("DAILY", of("raw", before="90")), "inputs", "'90' is no duration; write a number and one of s, min, h"),
        (given("DAILY", "raw", of("gain", valid="latest", max_age="0 s")), "inputs", "must be a duration above 0"),
    ],
)
def test_what_contradicts_itself_is_refused_on_its_line(tmp_path: Path, mission: str, at: str, said: str) -> None:
    found = [each for each in problems_of(tmp_path, mission) if said in each]
    assert [each.partition(",")[0] for each in found] == [f"line {line_of(mission, at)}"]


def test_startup_cannot_wait(tmp_path: Path) -> None:
    mission = given("STARTUP", makes=False, build="when over").replace('inputs = ["raw"]', "inputs = []")
    assert "timebase STARTUP has no period that could be over" in problems_of(tmp_path, mission)[0]


def test_what_is_run_for_its_effect_can_wait_for_the_end_of_its_day(tmp_path: Path) -> None:
    read_mission_file(write_mission(tmp_path, given("RUN", build="when over", makes=False)))
