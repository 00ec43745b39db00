"""A mission whose tables stand for several: what is built, what ``apply`` says, and what ``export`` gives back."""

from __future__ import annotations

import pytest

from tests.kit.mission import Mission

MISSION = """
[mission]
name = "survey"
settle_seconds = 0

[product."raw_{band}"]
for = { band = ["red", "nir"] }
level = 0
directory = "data/raw/{band}"
format = "raw_{band}_{tile}_{Y}{m}{d}_v{VERSION}.txt"

[product."clean_{band}"]
for = { band = ["red", "nir"] }
level = 1
directory = "data/clean/{band}"
format = "clean_{band}_{tile}_{Y}{m}{d}_v{VERSION}.txt"

[product."{kind}_{band}"]
for = { kind = ["day", "month"], band = ["red", "nir"] }
level = 2
directory = "data/{kind}"
format = "{kind}_{band}_{Y}{m}{d}_v{VERSION}.txt"

[product.index]
level = 3
directory = "data/index"
format = "index_{Y}{m}{d}_v{VERSION}.txt"

[process."clean_{of}"]
for = { of = ["red", "nir"] }
output = "clean_{of}"
timebase = "FILE"
inputs = ["raw_{of}"]

[process."clean_{of}".code]
file = "join.sh"
version = "1.0.0"
arguments = ["clean {of}"]

[process."to_{kind}_{band}"]
for = { kind = ["day", "month"], band = ["red", "nir"] }
output = "{kind}_{band}"
timebase = "DAILY"
inputs = ["clean_{band}"]

[process."to_{kind}_{band}".code]
file = "join.sh"
version = "1.0.0"
arguments = ["{kind}"]

[process.to_index]
output = "index"
timebase = "DAILY"
inputs = ["day_red", { product = "day_nir", optional = true }]

[process.to_index.code]
file = "join.sh"
version = "1.0.0"
arguments = ["index"]
"""

JOIN = """#!/bin/sh
printf '%s' "$1" > made
shift
while [ $# -gt 1 ]; do printf '(%s)' "$(cat "$1")" >> made; shift; done
mv made "$1"
"""

EXPANDED = [
    "product raw_{band} expands to raw_red, raw_nir",
    "product clean_{band} expands to clean_red, clean_nir",
    "product {kind}_{band} expands to day_red, day_nir, month_red, month_nir",
    "process clean_{of} expands to clean_red, clean_nir",
    "process to_{kind}_{band} expands to to_day_red, to_day_nir, to_month_red, to_month_nir",
]


def survey(mission: Mission) -> Mission:
    mission.code("join.sh", JOIN)
    mission.file.write_text(MISSION)
    mission.dbproc("init", mission.database)
    return mission


def test_products_and_processes_of_a_template_are_built_each_by_itself(mission: Mission) -> None:
    survey(mission).dbproc("apply", str(mission.file))
    mission.deliver(*(f"raw_{band}_a_20200101_v1.0.0.txt" for band in ("red", "nir")), "raw_red_b_20200101_v1.0.0.txt")
    mission.run()
    red = "(clean red(raw_red_a_20200101))(clean red(raw_red_b_20200101))"
    nir = "(clean nir(raw_nir_a_20200101))"
    assert mission.names("clean_red") == [f"clean_red_{tile}_20200101_v1.0.0.txt" for tile in "ab"]
    assert mission.content("day_red_20200101_v1.0.0.txt") == f"day{red}"
    assert mission.content("month_nir_20200101_v1.0.0.txt") == f"month{nir}"
    assert mission.content("index_20200101_v1.0.0.txt") == f"index(day{red})(day{nir})"
    assert mission.files()["clean_nir_a_20200101_v1.0.0.txt"].keywords == "tile=a"
    mission.deliver("raw_nir_a_20200101_v1.1.0.txt", content="better")
    mission.run()
    assert len(mission.names("day_nir")) == len(mission.names("month_nir")) == len(mission.names("index")) == 2
    assert len(mission.names("day_red")) == len(mission.names("month_red")) == 1


def test_apply_says_what_templates_expand_to(sqlite_mission: Mission) -> None:
    mission = survey(sqlite_mission)
    apply = ("apply", str(mission.file))
    dry = mission.dbproc(*apply, "--dry-run").out.splitlines()
    assert dry[: len(EXPANDED)] == EXPANDED
    changes = mission.dbproc(*apply, "--dry-run", "--json").json
    assert [change["template"] for change in changes if "red" in change["name"]] == [
        "raw_{band}",
        "clean_{band}",
        *["{kind}_{band}"] * 2,
        *["clean_{of}"] * 2,
        *["to_{kind}_{band}"] * 4,
    ]
    alone = [change["name"] for change in changes if "template" not in change]
    assert alone == ["survey", "index", "to_index", "to_index"]
    assert mission.dbproc(*apply).out.splitlines()[: len(EXPANDED)] == EXPANDED
    assert mission.dbproc(*apply).out.splitlines() == [*EXPANDED, "nothing to change"]


@pytest.mark.parametrize("between", ["nothing", "files"])
def test_what_is_exported_is_the_same_mission(mission: Mission, between: str) -> None:
    survey(mission).dbproc("apply", str(mission.file))
    if between == "files":
        mission.deliver("raw_red_a_20200101_v1.0.0.txt")
        mission.run()
    exported = mission.root / "exported.toml"
    mission.dbproc("export", "--output", str(exported))
    assert mission.dbproc("apply", str(exported)).out == "nothing to change\n"
    assert mission.dbproc("apply", str(mission.file)).out.endswith("\nnothing to change\n")


def test_a_value_more_adds_and_a_value_less_removes(sqlite_mission: Mission) -> None:
    mission = survey(sqlite_mission)
    mission.dbproc("apply", str(mission.file))
    mission.deliver("raw_nir_a_20200101_v1.0.0.txt")
    mission.run()
    longer = MISSION.replace('["red", "nir"]', '["red", "nir", "blue"]')
    mission.file.write_text(longer)
    added = mission.dbproc("apply", str(mission.file), "--json").json
    assert {change["kind"] for change in added} == {"add"}
    assert all("blue" in change["name"] for change in added)
    mission.file.write_text(MISSION)
    removed = mission.dbproc("apply", str(mission.file), "--json").json
    assert {change["kind"] for change in removed} <= {"delete", "retire"}
    assert {change["name"] for change in removed} == {change["name"] for change in added}
    mission.run()
    assert mission.names("day_nir") == ["day_nir_20200101_v1.0.0.txt"]
