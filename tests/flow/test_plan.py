"""A plan of many jobs, and of jobs of many inputs, is one that a person can read."""

from __future__ import annotations

import pytest

from tests.kit.mission import Mission, days, process, product

DAYS = list(days("20200101", 31))
BLOCKS = [
    product("raw", 0),
    product("clean", 1),
    product("month", 2),
    process("to_clean", "clean", ["raw"]),
    process("to_month", "month", ["clean"], "MONTHLY"),
]
REPLACED = "31 inputs of clean replaced, 2020-01-01 to 2020-01-31"
MONTH = "month_20200101_v1.1.0.txt"


@pytest.mark.both_databases
def test_many_jobs_and_reasons_are_few_lines_and_all_of_them_on_demand(mission: Mission) -> None:
    mission.create(*BLOCKS)
    mission.deliver(*(f"raw_{day}_v1.0.0.txt" for day in DAYS))
    assert (
        "32 to build, all without a history to judge by\n  to_clean: 31\n  to_month: 1\n" in mission.dbproc("plan").out
    )
    mission.run()
    mission.deliver(*(f"raw_{day}_v1.1.0.txt" for day in DAYS), content="better")
    said = mission.dbproc("plan").out
    assert said.count("would build clean_") == 20
    assert "… and 11 more of to_clean; to see them: dbproc plan --all" in said
    assert f"would then build {MONTH}: {REPLACED}\n" in said
    assert "32 to build, about " in said
    assert " on 2 slots\n  to_clean: 31, " in said
    assert max(map(len, said.splitlines())) < 200
    everything = mission.dbproc("plan", "--all").out
    assert everything.count("would build clean_") == 31
    assert everything.count(" replaced by clean_") == 31
    totals = mission.dbproc("plan", "--json", "-n", "1").json["totals"]
    assert (totals["jobs"], totals["slots"], totals["jobs_without_history"]) == (32, 1, 0)
    assert totals["seconds"] == pytest.approx(sum(each["jobs"] * each["seconds"] for each in totals["processes"]))
    assert len(mission.dbproc("plan", "--json").json["tasks"][-1]["reasons"]) == 31

    assert f"built {MONTH}: {REPLACED}" in mission.run("-n", "2").out
    why = mission.dbproc("why", MONTH).out
    assert f"  because: {REPLACED}\n" in why
    assert "  … and 11 more; to see them: --all" in why
    assert mission.dbproc("why", MONTH, "--all").out.count("because: input clean_") == 31
