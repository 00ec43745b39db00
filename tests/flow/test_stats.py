"""What jobs took and made, by version of the code; a version that is markedly different is said once."""

from __future__ import annotations

import pytest

from dbproc.database.store import open_store
from dbproc.explain.statistics import records
from tests.kit.mission import Mission, chain, name_of

OF_VERSION = """(SELECT c.code_id FROM code c JOIN process p ON p.process_id = c.process_id
WHERE p.process_name = 'to_clean' AND c.quality_version = {quality})"""


def ran(mission: Mission, quality: int, **values: float) -> None:
    """Put other numbers into the attempts that the code 1.`quality`.0 made."""
    changes = ", ".join(f"{name} = {value}" for name, value in values.items())
    mission.execute(f"UPDATE attempt SET {changes} WHERE code_id = {OF_VERSION.format(quality=quality)}")


@pytest.mark.both_databases
def test_jobs_are_told_by_code_version(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(*(name_of("raw", day) for day in (1, 2, 3)))
    mission.run()
    ran(mission, 0, cpu_seconds=2.5, memory_bytes=1 << 20)
    mission.code("broken.sh", "#!/bin/sh\nexit 3\n")
    mission.define(*chain(version="1.1.0", file="broken.sh"))
    mission.run(status=1)
    facts = mission.dbproc("stats", "to_clean", "--json").json
    assert [(each["version"], each["jobs"], each["failures"], each["active"]) for each in facts] == [
        ("1.0.0", 3, 0, False),
        ("1.1.0", 3, 3, True),
    ]
    assert facts[0]["cpu_seconds"] == {"median": 2.5, "max": 2.5}
    assert facts[0]["memory_bytes"]["median"] == 1 << 20
    size = len("clean(raw_20200101)")
    assert facts[0]["output_bytes"] == {"median": size, "max": size}
    assert facts[1]["cpu_seconds"] == {"median": None, "max": None}
    assert [each["process"] for each in mission.dbproc("stats", "--json").json] == ["to_clean", "to_clean", "to_smooth"]
    text = mission.dbproc("stats").out.splitlines()
    assert text[1].split()[:5] == ["to_clean", "to_clean.sh", "1.0.0", "3", "0"]


def test_a_process_that_is_not_there_is_named_with_those_that_are(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    assert sqlite_mission.dbproc("stats").out == "no job has run yet\n"
    assert "the mission has: to_clean, to_smooth" in sqlite_mission.dbproc("stats", "x", status=2).err


def test_a_version_is_slower_when_it_takes_half_as_much_again_and_a_second(sqlite_mission: Mission) -> None:
    sqlite_mission.create(*chain())
    sqlite_mission.deliver(*(name_of("raw", day) for day in (1, 2, 3)))
    sqlite_mission.run()
    sqlite_mission.define(*chain(version="1.1.0"))
    sqlite_mission.run("--only", "to_clean")
    said = "to_clean.sh 1.1.0 is slower: 16 CPU seconds a job, 1.0.0 took 10"
    for before, after, remarks in ((10, 16, [said]), (10, 14.9, []), (0.5, 1.4, [])):
        ran(sqlite_mission, 0, cpu_seconds=before)
        ran(sqlite_mission, 1, cpu_seconds=after)
        with open_store(sqlite_mission.database, read_only=True) as store:
            assert [list(each.remarks) for each in records(store, "to_clean")] == [[], remarks]


LONGER = "#!/bin/sh\nfor output; do :; done\nprintf '%060d' 0 > \"$output\"\n"


@pytest.mark.parametrize("jobs", [2, 3])
@pytest.mark.thorough
def test_a_run_says_once_that_a_version_makes_files_of_another_size(jobs: int, sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.create(*chain())
    mission.deliver(*(name_of("raw", day) for day in range(1, jobs + 1)))
    assert "note" not in mission.run().out
    mission.code("longer.sh", LONGER)
    mission.define(*chain(version="1.1.0", file="longer.sh"))
    notes = [line for line in mission.run().out.splitlines() if line.startswith("note to_clean")]
    said = "note to_clean: longer.sh 1.1.0 makes 60 bytes a job, 1.0.0 made 19"
    assert notes == ([said] if jobs == 3 else [])
    mission.deliver(name_of("raw", 9))
    assert "note" not in mission.run().out
    assert mission.run().out == ""


@pytest.mark.both_databases
def test_what_runs_did_since_a_time_is_told_by_day_and_product(mission: Mission) -> None:
    mission.create(*chain())
    mission.deliver(name_of("raw", 1), "nobody knows this")
    mission.run(status=1)
    mission.code("to_smooth.sh", "#!/bin/sh\nexit 3\n")
    mission.define(*chain(), name="test")
    mission.deliver(name_of("raw", 2))
    mission.run(status=1)
    told = mission.dbproc("report", "--since", "7d", "--json").json
    counted = {each["product"]: tuple(each.values())[2:] for each in told["days"]}
    assert counted["raw"] == (2, 0, 0, 0)
    assert counted["clean"] == (0, 2, 0, 0)
    assert counted["smooth"][1:3] == (1, 2)
    assert (told["runs"], told["quarantined"], told["queued"]) == (2, 1, 0)
    assert {job["process"] for job in told["slowest"]} == {"to_clean", "to_smooth"}
    text = mission.dbproc("report", "--since", "2020-01-01").out
    assert "runs: 2, to quarantine: 1, queued now: 0" in text
    page = mission.root.parent / "week.html"
    mission.dbproc("report", "--since", "1 day", "--html", str(page))
    assert "to_clean.sh 1.0.0" in page.read_text()
    assert mission.dbproc("report", "--since", "2090-01-01", "--json").json["days"] == []
    assert "write how long ago" in mission.dbproc("report", "--since", "soon", status=2).err
    assert "goes with --since" in mission.dbproc("report", "--html", str(page), status=2).err
    mission.dbproc("stats", "--png", str(mission.root.parent / "stats.png"))
    assert (mission.root.parent / "stats.png").read_bytes().startswith(b"\x89PNG")
