"""Periods and keys, wherever a person sees or chooses them: stations that deliver by the hour, and orbits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kit.mission import Mission, process, product

pytestmark = pytest.mark.both_databases

STATIONS = [
    product("raw", 0, "raw_{station}_{Y}{m}{d}T{H}.txt"),
    product("orbit", 0, "orbit_{number}_{Y}{m}{d}T{H}{M}.txt", covers="90 min"),
    product("hour", 1, "hour_{station}_{Y}{m}{d}T{H}_v{VERSION}.txt"),
    product("day", 2, "day_{station}_{Y}{m}{d}_v{VERSION}.txt"),
    product("pass", 2, "pass_{number}_{Y}{m}{d}T{H}{M}_v{VERSION}.txt"),
    product("week", 3, "week_{Y}{m}{d}_v{VERSION}.txt"),
    process("to_hour", "hour", ["raw"], "HOURLY"),
    process("to_day", "day", ["hour"]),
    process("to_pass", "pass", ["orbit", "hour"], "per orbit"),
    process("to_week", "week", ["day"], "WEEKLY"),
]
RAW = [f"raw_{station}_20200106T{hour}.txt" for station in ("ANK", "BOL") for hour in ("03", "04")]
ORBITS = ["orbit_7_20200106T0312.txt", "orbit_8_20200106T0442.txt"]
BOL = ("--key", "station=BOL")
HOUR_4 = ("--start", "2020-01-06T04", "--end", "2020-01-06T04")


def period(start: str, stop: str) -> dict[str, str]:
    return {"start": f"{start}+00:00", "stop": f"{stop}.999999+00:00"}


HOUR_3 = period("2020-01-06T03:00:00", "2020-01-06T03:59:59")
PASS_7 = period("2020-01-06T03:12:00", "2020-01-06T04:41:59")
WEEK = period("2020-01-06T00:00:00", "2020-01-12T23:59:59")


def delivered(mission: Mission) -> Mission:
    mission.create(*STATIONS)
    mission.deliver(*RAW, *ORBITS, content="x")
    return mission


def built(mission: Mission) -> Mission:
    delivered(mission).run()
    return mission


def why(mission: Mission, *words: str) -> list[str]:
    return mission.dbproc("why", *words).out.splitlines()


def slots(rows: list[dict[str, Any]]) -> list[tuple[Any, Any, Any]]:
    return [(row["date"], row["period"], row["key"]) for row in rows]


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["output"] for row in rows]


# --- why ---


def test_why_names_the_file_of_an_hour_and_station(mission: Mission) -> None:
    built(mission)
    name = "hour_BOL_20200106T03_v1.0.0.txt"
    assert why(mission, "hour", "2020-01-06T03", "station=BOL")[:2] == [
        f"hour 2020-01-06T03 station=BOL: up to date: {name} is up to date",
        f"  there is {name}",
    ]
    answer = mission.dbproc("why", "hour", "2020-01-06T03:30", "station=BOL", "--json").json
    assert slots([answer, answer["last_attempt"]]) == [("2020-01-06", HOUR_3, "station=BOL")] * 2
    assert [row["filename"] for row in answer["files"]] == [name]


def test_why_lists_the_keys_of_a_period_where_none_is_given(mission: Mission) -> None:
    built(mission)
    heads = [line for line in why(mission, "hour", "2020-01-06T03") if "hour 2020" in line]
    assert heads == [
        "hour 2020-01-06T03: up to date: all 2 of it, by period and key",
        "  hour 2020-01-06T03 station=ANK: up to date: hour_ANK_20200106T03_v1.0.0.txt is up to date",
        "  hour 2020-01-06T03 station=BOL: up to date: hour_BOL_20200106T03_v1.0.0.txt is up to date",
    ]
    of_day = mission.dbproc("why", "hour", "2020-01-06", "station=BOL", "--json").json
    assert (of_day["state"], of_day["explanation"]) == (
        None,
        "24 of it, by period and key: 2 up to date, 22 not due",
    )
    assert why(mission, "hour", "2020-01-06", "station=BOL")[0] == (
        "hour 2020-01-06 station=BOL: 24 of it, by period and key: 2 up to date, 22 not due"
    )
    assert of_day["details"] == ["of the 22 that are not due the first 3 are looked at"]
    states = {part["period"]["start"][11:13]: part["state"] for part in of_day["because"]}
    late = {"03": "up to date", "04": "up to date"}
    assert states == {"00": "not due", "01": "not due", "02": "not due", **late}
    stations = mission.dbproc("why", "day", "2020-01-06T23", "--json").json["because"]
    assert [part["key"] for part in stations] == ["station=ANK", "station=BOL"]


def test_why_follows_a_missing_file_by_its_hour_and_station(mission: Mission) -> None:
    built(mission)
    slot = "2020-01-06T05 station=BOL"
    assert why(mission, "hour", *slot.split()) == [
        f"hour {slot}: not due: no file of the required input raw for {slot}",
        f"  raw {slot}: not delivered: no process makes this product, and no file of it was delivered",
    ]
    lines = why(mission, "week", "2020-01-15")
    assert lines[0].startswith(
        "week 2020-01-13 to 2020-01-19: not due: no file of the required input day for 2020-01-13"
    )
    assert "    hour 2020-01-13: not due: all 24 of it, by period and key" in lines
    for pattern in ("raw_BOL_20200106T05.txt", "raw_ANK_20200106T05.txt", "raw_BOL_20200106T06.txt"):
        (mission.incoming / f"{pattern}.part").write_text("x")
    (incoming,) = mission.dbproc("why", "raw", "2020-01-06T05", "station=BOL", "--json").json["incoming"]
    assert incoming["file"] == "raw_BOL_20200106T05.txt.part"


def test_why_finds_what_goes_by_files_by_their_time(mission: Mission) -> None:
    built(mission)
    words = "pass 2020-01-06T03:12:00 to 2020-01-06T04:41:59 number=7: up to date"
    for given in (["2020-01-06T03"], ["2020-01-06T04:41:30"], ["2020-01-06", "number=7"]):
        assert why(mission, "pass", *given)[0].startswith(words)
    both = mission.dbproc("why", "pass", "2020-01-06T04", "--json").json["because"]
    assert slots(both)[0] == ("2020-01-06", PASS_7, "number=7")
    assert len(both) == 2
    assert why(mission, "pass", "2020-01-06T09", "number=7") == [
        "pass 2020-01-06T09 number=7: not due: no file of the required input orbit for 2020-01-06T09 number=7",
        "  orbit 2020-01-06T09 number=7: not delivered: no process makes this product, and no file of it was delivered",
    ]
    nothing = why(mission, "pass", "2020-01-07", "number=9")
    assert nothing[0] == (
        "pass 2020-01-07 number=9: not due: no file of the required input orbit for 2020-01-07 number=9"
    )
    assert "  orbit 2020-01-07 number=9: not delivered" in nothing[1]


def test_why_tells_delivered_files_by_time_and_key(mission: Mission) -> None:
    built(mission)
    assert why(mission, "raw", "2020-01-06T03", "station=BOL") == [
        "raw 2020-01-06T03 station=BOL: delivered: no process makes this product; its files are delivered",
        "  there is raw_BOL_20200106T03.txt",
    ]
    of_day = mission.dbproc("why", "raw", "2020-01-06", "--json").json
    assert [row["filename"] for row in of_day["files"]] == sorted(RAW, key=lambda name: (name[-6:-4], name))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["2020-01-06T03", "statoin=BOL"], "product hour has no keyword statoin in its key; it has: station"),
        (["2020-01-06T03", "H=03"], "product hour has no keyword H in its key; it has: station"),
        (["2020-01-06T03", "BOL"], "'BOL' is no part of a key; write it as station=BOL"),
        (["2020-01-06T03", "station=BOL", "station=ANK"], "two values are given for station: BOL and ANK"),
        (["2020-13-06"], "'2020-13-06' is not a date or time; write 2024-05-06, 2024-05-06T03,"),
    ],
)
def test_why_refuses_what_is_no_time_and_no_key(mission: Mission, words: list[str], message: str) -> None:
    mission.create(*STATIONS)
    assert f"dbproc: {message}" in mission.dbproc("why", "hour", *words, status=2).err


# --- plan and status ---


def test_plan_shows_periods_and_keys_and_those_that_are_chosen(mission: Mission) -> None:
    delivered(mission)
    tasks = mission.dbproc("plan", "--json").json["tasks"]
    by_output = dict(zip(names(tasks), slots(tasks), strict=True))
    assert by_output["hour_BOL_20200106T03_v1.0.0.txt"] == ("2020-01-06", HOUR_3, "station=BOL")
    assert by_output["pass_7_20200106T0312_v1.0.0.txt"] == ("2020-01-06", PASS_7, "number=7")
    assert by_output["week_20200106_v1.0.0.txt"] == ("2020-01-06", WEEK, "")
    assert {row["waits_for"] for row in tasks if row["process"] == "to_week"} == {"to_day 2020-01-06 station=BOL"}
    chosen = mission.dbproc("plan", *BOL, *HOUR_4)
    assert [line.split()[-4] for line in chosen.out.splitlines() if line.startswith("would")] == [
        "hour_BOL_20200106T04_v1.0.0.txt:",
        "day_BOL_20200106_v1.0.0.txt:",
    ]
    orbits = mission.dbproc("plan", "--start", "2020-01-06T05", "--only", "to_pass", "--json").json["tasks"]
    assert names(orbits) == []
    orbits = mission.dbproc("plan", "--start", "2020-01-06T05", "--key", "number=8", "--json").json["tasks"]
    assert names(orbits) == ["pass_8_20200106T0442_v1.0.0.txt"]
    refused = mission.dbproc("plan", "--key", "x=1", status=2).err
    assert "what is planned has no keyword x in its key; it has: number, station" in refused


def test_status_plan_and_reports_name_what_failed_by_period_and_key(mission: Mission) -> None:
    mission.code("to_hour.sh", "#!/bin/sh\ncase $1 in *BOL*T03*) exit 3;; esac; cat $1 > $2\n")
    mission.code("to_pass.sh", "#!/bin/sh\nexit 4\n")
    delivered(mission)
    told = mission.dbproc("run", "-m", mission.database, "--json", status=1).json["events"]
    failed = {row["subject"]: row for row in told if row["event"] == "failed"}
    assert sorted(failed) == [
        "to_hour 2020-01-06T03 station=BOL",
        "to_pass 2020-01-06T03:12:00 to 2020-01-06T04:41:59 number=7",
        "to_pass 2020-01-06T04:42:00 to 2020-01-06T06:11:59 number=8",
    ]
    assert slots([failed["to_hour 2020-01-06T03 station=BOL"]]) == [("2020-01-06", HOUR_3, "station=BOL")]
    text = mission.dbproc("status").out
    assert "  to_hour 2020-01-06T03 station=BOL: exit status 3" in text
    assert "    waiting for it: day 2020-01-06 station=BOL, week 2020-01-06 to 2020-01-12" in text
    failures = {row["process"]: row for row in mission.dbproc("status", "--json").json["failures"]}
    assert slots([failures["to_pass"]])[0][1:] in [
        (PASS_7, "number=7"),
        (period("2020-01-06T04:42:00", "2020-01-06T06:11:59"), "number=8"),
    ]
    assert slots(failures["to_hour"]["waiting"]) == [
        ("2020-01-06", period("2020-01-06T00:00:00", "2020-01-06T23:59:59"), "station=BOL"),
        ("2020-01-06", WEEK, ""),
    ]
    of_key = mission.dbproc("status", "--key", "number=7", "--json").json["failures"]
    assert slots(of_key) == [("2020-01-06", PASS_7, "number=7")]
    of_time = mission.dbproc("status", "--start", "2020-01-06T05", "--json").json["failures"]
    assert [row["key"] for row in of_time] == ["number=8"]
    of_day = mission.dbproc("status", "--end", "2020-01-05").out
    assert "failed:" not in of_day
    assert "the mission has no keyword x in its key; it has: number, station" in (
        mission.dbproc("status", "--key", "x=1", status=2).err
    )
    shown = mission.dbproc("plan").out
    assert "failed to_hour 2020-01-06T03 station=BOL: exit status 3" in shown
    assert "failed to_pass 2020-01-06T03:12:00 to 2020-01-06T04:41:59 number=7: exit status 4" in shown
    assert "to_hour" not in mission.dbproc("plan", "--key", "number=7").out


def test_what_failed_is_tried_again_by_hour_and_station(mission: Mission) -> None:
    mission.code("to_hour.sh", "#!/bin/sh\nexit 3\n")
    mission.code("to_pass.sh", "#!/bin/sh\nexit 4\n")
    delivered(mission).run(status=1)
    for words, count in (
        ([*BOL, "--start", "2020-01-06T04", "--end", "2020-01-06T04"], 1),
        (BOL, 2),
        (["--start", "2020-01-06T03", "--end", "2020-01-06T03"], 2),
        (["--start", "2020-01-06T03", "--end", "2020-01-06T03", "--only", "to_hour", *BOL], 1),
        (["--start", "2020-01-07", "--end", "2020-01-07"], 0),
        ([], 4),
    ):
        assert mission.dbproc("retry", *words).out == f"{count} failed jobs are tried again by the next run\n"
    assert (
        "what failed has no keyword x in its key; it has: number, station"
        in mission.dbproc("retry", "--key", "x=1", status=2).err
    )


def test_check_names_what_is_forgotten_by_period_and_key(mission: Mission) -> None:
    delivered(mission).run("-i")
    mission.dbproc("queue", "--flush")
    faults = mission.dbproc("check", "--json", status=1).json["faults"]
    assert "hour 2020-01-06T03 station=BOL" in [fault["place"] for fault in faults]


# --- reprocess, campaigns, what-if ---


@pytest.fixture(scope="module")
def a_mission(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    folder = tmp_path_factory.mktemp("stations")
    return built(Mission(folder / "mission", str(folder / "mission.sqlite")))


SELECTIONS = [
    (["--product", "day", *BOL], ["day_BOL_20200106"]),
    (["--product", "hour", *BOL, *HOUR_4], ["hour_BOL_20200106T04"]),
    (["--product", "hour", "--start", "2020-01-06T04:59:59"], ["hour_ANK_20200106T04", "hour_BOL_20200106T04"]),
    (["--product", "pass", "--start", "2020-01-06T04:30", "--end", "2020-01-06T04:41"], ["pass_7_20200106T0312"]),
    (["--product", "pass", "--end", "2020-01-06", "--key", "number=8"], ["pass_8_20200106T0442"]),
    (["--product", "raw", *BOL], ["hour_BOL_20200106T03", "hour_BOL_20200106T04"]),
    (["--product", "raw", *BOL, *HOUR_4], ["hour_BOL_20200106T04"]),
    (["--level", "2", *BOL], ["day_BOL_20200106"]),
    (["--product", "week", "--start", "2020-01-12T23"], ["week_20200106"]),
    (["--code", "to_hour.sh", *BOL, *HOUR_4], ["hour_BOL_20200106T04"]),
    (["--file", RAW[3], *BOL], ["hour_BOL_20200106T04"]),
    ([*BOL, *HOUR_4], ["day_BOL_20200106", "hour_BOL_20200106T04"]),
]


@pytest.mark.parametrize(("words", "outputs"), SELECTIONS)
def test_reprocess_and_what_if_choose_by_time_and_key(a_mission: Mission, words: list[str], outputs: list[str]) -> None:
    chosen = a_mission.dbproc("reprocess", *words, "--force", "2", "--dry-run", "--json").json["outputs"]
    assert sorted(names(chosen)) == [f"{name}_v1.0.1.txt" for name in outputs]
    made = a_mission.dbproc("whatif", "reprocess", *words, "--force", "2", "--json").json["files"]
    forced = [row["file"] for row in made if "forced to raise revision" in row["reasons"]]
    assert set(forced) == {f"{name}_v1.0.1.txt" for name in outputs}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--product", "week", *BOL], "what is selected has no keyword station in its key; it has: none"),
        (["--product", "raw", "--key", "H=03"], "product raw has no keyword H in its key; it has: station"),
        (["--key", "BOL"], "'BOL' is no part of a key; write it as station=BOL"),
        (["--start", "soon"], "'soon' is not a date or time; write 2024-05-06"),
        (["--start", "2020-01-06T05", "--end", "2020-01-06T04"], "2020-01-06T05 is after 2020-01-06T04"),
    ],
)
def test_what_cannot_be_chosen_is_refused(a_mission: Mission, words: list[str], message: str) -> None:
    for command in (["reprocess"], ["whatif", "reprocess"]):
        assert message in a_mission.dbproc(*command, *words, status=2).err


def test_a_campaign_makes_the_station_again_that_was_chosen(mission: Mission) -> None:
    built(mission)
    shown = mission.dbproc("reprocess", "--product", "hour", *BOL, "--force", "1", "--dry-run").out.splitlines()
    assert shown == [
        f"would make hour_BOL_20200106T0{hour}_v1.1.0.txt 2020-01-06T0{hour} station=BOL: forced to raise quality"
        for hour in (3, 4)
    ]
    mission.dbproc("reprocess", "--product", "hour", *BOL, "--force", "1", "--campaign", "again")
    mission.code("to_hour.sh", "#!/bin/sh\ncase $1 in *T04*) exit 3;; esac; cat $1 > $2\n")
    mission.dbproc("code", "accept", "to_hour", "--reason", "it fails")
    mission.run(status=1)
    assert mission.names("hour")[-2:] == ["hour_BOL_20200106T03_v1.1.0.txt", "hour_BOL_20200106T04_v1.0.0.txt"]
    assert (
        "  failed to_hour 2020-01-06T04 station=BOL: exit status 3" in mission.dbproc("campaign", "show", "again").out
    )
    failed = mission.dbproc("campaign", "show", "again", "--json").json["failures"]
    assert slots(failed) == [("2020-01-06", period("2020-01-06T04:00:00", "2020-01-06T04:59:59"), "station=BOL")]


def test_whatif_names_jobs_by_period_and_key(mission: Mission) -> None:
    built(mission)
    found = mission.dbproc("whatif", "file", RAW[2], "--json").json["files"]
    assert {row["product"]: slot for row, slot in zip(found, slots(found), strict=True)} == {
        "hour": ("2020-01-06", HOUR_3, "station=BOL"),
        "day": ("2020-01-06", period("2020-01-06T00:00:00", "2020-01-06T23:59:59"), "station=BOL"),
        "pass": ("2020-01-06", PASS_7, "number=7"),
        "week": ("2020-01-06", WEEK, ""),
    }


# --- run-process and canary ---


def test_run_process_runs_the_hours_of_one_station(mission: Mission, tmp_path: Path) -> None:
    built(mission)
    words = ("run-process", "to_hour", "--start", "2020-01-06T04", "--end", "2020-01-06T05", *BOL)
    name = "hour_BOL_20200106T04_v1.0.1.txt"
    rows = mission.dbproc(*words, "--dry-run", "--json").json["dates"]
    assert [(row["period"]["start"][11:13], row["key"], row["outputs"]) for row in rows] == [
        ("04", "station=BOL", [name]),
        ("05", "station=BOL", []),
    ]
    undue = "2020-01-06T05 station=BOL: not due: no file of the required input raw for 2020-01-06T05 station=BOL"
    assert undue in mission.dbproc(*words, "--dry-run").out
    mission.dbproc(*words, "--output", str(tmp_path / "here"))
    assert [path.name for path in (tmp_path / "here").iterdir()] == [name]
    mission.dbproc(*words, "--ingest")
    assert name in mission.names("hour")
    assert len(mission.names("hour")) == 5


def test_run_process_takes_the_periods_of_files_and_all_keys_where_none_is_given(mission: Mission) -> None:
    built(mission)

    def outputs(process: str, first: str, last: str, *words: str) -> list[str]:
        asked = ("run-process", process, "--start", first, "--end", last, *words, "--dry-run", "--json")
        return [name for row in mission.dbproc(*asked).json["dates"] for name in row["outputs"]]

    passes = ["pass_7_20200106T0312_v1.0.1.txt", "pass_8_20200106T0442_v1.0.1.txt"]
    assert outputs("to_pass", "2020-01-06", "2020-01-06") == passes
    assert outputs("to_pass", "2020-01-06T05", "2020-01-06T06") == passes[1:]
    assert outputs("to_pass", "2020-01-06", "2020-01-06", "--key", "number=7") == passes[:1]
    assert outputs("to_day", "2020-01-06T03", "2020-01-06T03") == [
        "day_ANK_20200106_v1.0.1.txt",
        "day_BOL_20200106_v1.0.1.txt",
    ]
    refused = mission.dbproc("run-process", "to_week", "--start", "2020-01-06", "--end", "2020-01-06", *BOL, status=2)
    assert "process to_week has no keyword station in its key; it has: none" in refused.err


def test_a_canary_tries_the_hours_of_one_station(mission: Mission) -> None:
    built(mission)
    shown = mission.dbproc("canary", "to_hour", "--version", "2.0.0", "--dates", "2020-01-06T04", *BOL, "--json").json
    assert slots(shown["sample"]) == [
        ("2020-01-06", period("2020-01-06T04:00:00", "2020-01-06T04:59:59"), "station=BOL")
    ]
    assert "<td>2020-01-06T04 station=BOL</td>" in Path(shown["report"]).read_text()
    everything = mission.dbproc("canary", "to_hour", "--version", "2.1.0", *BOL, "--json").json["sample"]
    assert [row["period"]["start"][11:13] for row in everything] == ["03", "04"]
    orbits = ("canary", "to_pass", "--version", "2.0.0", "--dates", "2020-01-06T05..2020-01-06T06")
    assert [row["key"] for row in mission.dbproc(*orbits, "--json").json["sample"]] == ["number=8"]
    for words, message in (
        (["--dates", "2020-01-06T07", *BOL], "has no inputs on 2020-01-06T07 of station=BOL"),
        (["--key", "x=1"], "process to_hour has no keyword x in its key; it has: station"),
        (["--dates", "2020-01-06T04..2020-01-06T03"], "reversed; write 2020-01-06T03..2020-01-06T04"),
    ):
        assert message in mission.dbproc("canary", "to_hour", "--version", "3.0.0", *words, status=2).err


# --- files that are named to the hour, without periods finer than a day ---


def test_an_output_for_each_file_is_told_by_the_hour_of_its_name(mission: Mission) -> None:
    mission.create(*(STATIONS[place] for place in (0, 2)), process("to_hour", "hour", ["raw"], "FILE"))
    mission.deliver(*RAW, content="x")
    told = mission.dbproc("plan", "--key", "station=BOL", *HOUR_4, "--json").json["tasks"]
    assert slots(told) == [("2020-01-06", period("2020-01-06T04:00:00", "2020-01-06T04:59:59"), "station=BOL")]
    mission.run()
    name = "hour_BOL_20200106T03_v1.0.0.txt"
    head = f"hour 2020-01-06T03 station=BOL: up to date: {name} is up to date"
    assert why(mission, "hour", "2020-01-06T03", "station=BOL")[0] == head
    words = ("run-process", "to_hour", "--start", "2020-01-06T04", "--end", "2020-01-06T04", "--dry-run", "--json")
    assert [row["key"] for row in mission.dbproc(*words).json["dates"]] == ["station=ANK", "station=BOL"]
    chosen = mission.dbproc("reprocess", "--product", "hour", *BOL, *HOUR_4, "--force", "2", "--dry-run").out
    assert chosen.startswith("would make hour_BOL_20200106T04_v1.0.1.txt 2020-01-06T04 station=BOL: forced")
    assert len(chosen.splitlines()) == 1


def test_a_delivered_file_has_the_same_words_wherever_it_is_told(sqlite_mission: Mission) -> None:
    hour = product("hour", 0, "hour_{station}_{Y}{m}{d}_{H}.txt")
    mission = sqlite_mission.create(hour, product("other", 0, "other_{Y}.txt"))
    mission.deliver("hour_BOL_20200101_03.txt", "other_2020.txt")
    words = "hour 2020-01-01T03 station=BOL"
    assert f"incoming hour_BOL_20200101_03.txt: {words} 1.0.0" in mission.dbproc("plan").out
    foretold = mission.dbproc("whatif", "file", str(mission.incoming / "hour_BOL_20200101_03.txt")).out
    assert f"would be {words} 1.0.0" in foretold
    done = mission.run()
    assert f"ingested hour_BOL_20200101_03.txt: {words} 1.0.0" in done.out
    assert "ingested other_2020.txt: other 2020-01-01 to 2020-12-31 1.0.0" in done.out
    assert mission.dbproc("why", "hour_BOL_20200101_03.txt").out.startswith(
        f"hour_BOL_20200101_03.txt: {words} version 1.0.0"
    )
    assert mission.dbproc("why", *words.split()).out.startswith(f"{words}: ")
