"""What there is of a mission and what is not, as ``coverage`` and ``report`` tell it."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest

from tests.kit.mission import Mission, name_of, process, product

RAW = "raw_{station}_{Y}{m}{d}_v{VERSION}.txt"
CLEAN = "clean_{station}_{Y}{m}{d}_v{VERSION}.txt"
FAILING = """#!/bin/sh
case "$1" in *ANK_20200105*) echo 'no signal' >&2; exit 3;; esac
cat "$1" > "$2"
"""
EVIL = "<script>alert(1)</script>"


def raw(station: str, day: int) -> str:
    return f"raw_{station}_202001{day:02d}_v1.0.0.txt"


def coverage(mission: Mission, *arguments: str) -> dict[str, Any]:
    return json.loads(mission.dbproc("coverage", *arguments, "--json").out)


def marks(mission: Mission, *arguments: str) -> dict[str, str]:
    """The line of each product and key in the calendar."""
    lines = re.findall(r"^(\S.*?) {2,}(\S+) +(?:\d+%|-)$", mission.dbproc("coverage", *arguments).out, re.MULTILINE)
    return dict(lines)


@pytest.fixture
def made(mission: Mission) -> Mission:
    """Eight days of two stations, made clean and summed; the third never came, one job failed."""
    mission.code("to_clean.sh", FAILING)
    mission.create(
        product("raw", 0, RAW, expect="daily", keys=["ANK", "BOL"], to=dt.date(2020, 1, 8)),
        product("clean", 1, CLEAN),
        product("sum", 2),
        process("to_clean", "clean", ["raw"]),
        process("to_sum", "sum", ["clean"]),
    )
    mission.deliver(*(raw(station, day) for station in ("ANK", "BOL") for day in (1, 2, 4, 5, 6, 7, 8)))
    mission.run(status=1)
    return mission


@pytest.mark.both_databases
def test_what_is_not_there_has_its_cause_and_what_helps(made: Mission) -> None:
    made.dbproc("withdraw", raw("BOL", 6), raw("BOL", 7), "--reason", f"noise {EVIL}")
    (made.root / "data" / "raw" / raw("ANK", 8)).unlink()
    made.dbproc("check", "--repair")
    made.run()
    found = made.dbproc("coverage").out
    assert found.splitlines()[:9] == [
        "2020-01-01 to 2020-01-08, a mark for each day",
        "                   2020-01",
        "raw station=ANK    ##M####G  75%",
        "raw station=BOL    ##M##WW#  62%",
        "clean station=ANK  ##M#F###  75%",
        "clean station=BOL  ##M##WW#  62%",
        "sum                ##M#####  87%",
        "# there, M missing, G gone, W withdrawn, F failed; small: a part is there",
        "",
    ]
    assert "  raw 2020-01-03 station=ANK: missing: no file of it came\n    dbproc why raw 2020-01-03" in found
    assert "  clean 2020-01-03 station=ANK: missing: raw is missing\n  clean" in found
    assert "    dbproc retry --only to_clean --start 2020-01-05 --end 2020-01-05 --key station=ANK\n" in found
    assert "  raw 2020-01-06 to 2020-01-07 station=BOL (2): withdrawn: noise <script>" in found
    restore = next(line.split() for line in found.splitlines() if "dbproc restore" in line)
    made.dbproc(*restore[1:])
    made.deliver(raw("ANK", 8))
    made.run()
    assert marks(made, "raw") == dict.fromkeys(("raw station=ANK", "raw station=BOL"), "##M#####")


def test_a_product_a_key_and_a_time_choose_what_is_shown(made: Mission) -> None:
    one = coverage(made, "clean", "--key", "station=ANK", "--start", "2020-01-04", "--end", "2020-01-05")
    (series,) = one["series"]
    assert (series["product"], series["key"], series["basis"]) == ("clean", "station=ANK", "process")
    assert [each["mark"] for each in series["stretches"]] == ["there", "failed"]
    assert (series["periods"], series["there"], series["files"]) == (2, 1, 6)
    (gap,) = one["gaps"]
    assert gap["mark"] == "failed"
    assert gap["log"].endswith(".log")
    assert coverage(made, "--month", "2020-01")["start"] == "2020-01-01T00:00:00+00:00"
    assert coverage(made, "--year", "2021")["series"] == []
    assert "no product nope" in made.dbproc("coverage", "nope", status=2).err
    assert "no keyword band" in made.dbproc("coverage", "--key", "band=red", status=2).err
    assert "two times" in made.dbproc("coverage", "--year", "2020", "--month", "2020-01", status=2).err
    assert "is no month" in made.dbproc("coverage", "--month", "May", status=2).err


@pytest.mark.both_databases
def test_pages_and_pictures_show_the_same_and_run_nothing(made: Mission) -> None:
    made.dbproc("withdraw", raw("BOL", 6), "--reason", EVIL)
    made.run()
    before = made.tables()
    page, picture, report = (str(made.root.parent / name) for name in ("c.html", "c.png", "r.html"))
    made.dbproc("coverage", "--html", page)
    made.dbproc("coverage", "--png", picture)
    made.dbproc("report", "--output", report)
    assert made.tables() == before
    with open(picture, "rb") as stream:
        assert stream.read(4) == b"\x89PNG"
    for path in (page, report):
        with open(path, encoding="utf-8") as text:
            words = text.read()
        assert "<script" not in words
        assert "&lt;script&gt;" in words
        assert "dbproc retry --only to_clean" in words
    told = json.loads(made.dbproc("report", "--json").out)
    assert {each["product"]: (each["files"], each["withdrawn"]) for each in told["holdings"]} == {
        "raw": (13, 1),
        "clean": (12, 1),
        "sum": (8, 0),
    }
    assert [each["failed"] for each in told["runs"]][-1] == 1
    assert {(each["kind"], each["reason"]) for each in told["corrections"]} >= {("withdraw", EVIL)}
    assert "cannot write" in made.dbproc("report", "--output", "/nowhere/r.html", status=2).err
    gaps = made.dbproc("coverage", "--gaps").out
    assert gaps.splitlines()[:2] == ["", "gaps:"]
    assert "dbproc retry --only to_clean" in gaps


def test_without_expectations_the_rhythm_so_far_tells_what_is_missing(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0), product("odd", 0))
    mission.deliver(*(name_of("raw", day) for day in (1, 2, 3, 5, 6, 7, 8)))
    mission.deliver(*(name_of("odd", day) for day in (1, 2, 7)))
    mission.run()
    assert marks(mission) == {"raw": "###M####", "odd": "##....#"}
    series = {each["product"]: each for each in coverage(mission)["series"]}
    assert [each["mark"] for each in series["raw"]["stretches"]] == ["there", "missing", "there"]
    assert (series["raw"]["every"], series["raw"]["basis"]) == ("daily", "seen")
    assert [each["mark"] for each in series["odd"]["stretches"]] == ["there", "not due", "there"]
    assert (series["odd"]["every"], series["odd"]["basis"]) == ("any time", "none")


@pytest.mark.both_databases
def test_hours_of_a_day_and_what_waits_for_them(mission: Mission) -> None:
    mission.create(
        product("hour", 0, "hour_{station}_{Y}{m}{d}_{H}_v{VERSION}.txt", expect="hourly", keys=["ANK"]),
        product("day", 1, "day_{station}_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_day", "day", ["hour"], keys={"build": "when complete"}),
    )
    mission.deliver(*(f"hour_ANK_20980505_{hour:02d}_v1.0.0.txt" for hour in range(24) if hour not in (3, 4)))
    mission.run()
    found = mission.dbproc("coverage", "hour", "--start", "2098-05-05", "--end", "2098-05-05").out
    assert "\n2098-05-05  ###..###################\n" in found
    (day,) = coverage(mission, "day")["series"]
    assert [each["mark"] for each in day["stretches"]] == ["waiting"]


def test_nothing_is_told_of_a_mission_without_files(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0))
    assert "there is nothing of that" in mission.dbproc("coverage").out
    assert "nothing is expected" in mission.dbproc("coverage", "--html", "-").out
    mission.dbproc("report", "--output", str(mission.root.parent / "r.html"))


def test_files_that_are_numbered_are_one_line_and_what_is_made_of_each_too(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        product("orbit", 0, "orbit_{orbit}_{Y}{m}{d}_v{VERSION}.txt"),
        product("frame", 0, "frame_{camera}_{Y}{m}{d}_v{VERSION}.txt"),
        product("look", 1, "look_{camera}_{orbit}_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_look", "look", ["orbit", "frame"], "per orbit"),
    )
    mission.deliver(*(f"orbit_{100 + day}_202001{day:02d}_v1.0.0.txt" for day in (1, 2, 3, 4)))
    mission.deliver(*(f"frame_{camera}_202001{day:02d}_v1.0.0.txt" for camera in "LR" for day in (1, 2, 3, 4)))
    mission.run()
    whole = "####"
    assert marks(mission) == {
        **{f"frame camera={camera}": whole for camera in "LR"},
        **{f"look camera={camera}": whole for camera in "LR"},
        "orbit": whole,
    }
    mission.dbproc("withdraw", "look_L_102_20200102_v1.0.0.txt", "--reason", "blurred")
    assert marks(mission, "look") == {"look camera=L": "#W##", "look camera=R": whole}


def test_a_product_of_merged_keys_is_one_line(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        product("raw", 0, RAW),
        product("both", 1, "both_{station}_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_both", "both", ["raw"], keys={"keywords": "merged"}),
    )
    mission.deliver(*(raw(station, day) for station in ("ANK", "BOL") for day in (1, 2)))
    mission.deliver(*(raw("ANK", day) for day in (3, 4)))
    mission.run()
    assert marks(mission) == {"raw station=ANK": "####", "raw station=BOL": "##MM", "both": "####"}


@pytest.mark.both_databases
def test_a_gap_names_what_came_and_would_fill_it(made: Mission) -> None:
    def gap(station: str) -> tuple[str, str]:
        (found,) = (
            each
            for each in coverage(made, "raw")["gaps"]
            if (each["date"], each["key"]) == ("2020-01-03", f"station={station}")
        )
        return found["why"], found["command"]

    assert gap("ANK")[0] == "no file of it came"
    made.deliver(raw("ANK", 3))
    assert gap("ANK") == (f"{raw('ANK', 3)} is in incoming", "dbproc run")
    assert gap("BOL")[0] == "no file of it came"
    (made.incoming / raw("ANK", 3)).unlink()
    (made.incoming / raw("BOL", 3)).symlink_to("nowhere")
    made.run(status=1)
    ((number,),) = made.rows("SELECT quarantine_id FROM quarantine")
    assert gap("BOL") == (
        f"{raw('BOL', 3)} is in quarantine, entry {number}: dangling_link",
        f"dbproc quarantine show {number}",
    )
    assert gap("ANK")[0] == "no file of it came"


def gaps(mission: Mission, *arguments: str) -> dict[str, tuple[str, str]]:
    """How it stands and what helps, by what lacks."""
    lines = mission.dbproc("coverage", *arguments).out.partition("\ngaps:\n")[2].splitlines()
    heads = [number for number, line in enumerate(lines) if not line.startswith("    ")]
    ends = [*heads, len(lines)][1:]
    found = (lines[head:end] for head, end in zip(heads, ends, strict=True))
    return {
        each[0].strip().partition(": ")[0]: (each[0].partition(": ")[2], each[-1].strip() if each[1:] else "")
        for each in found
    }


@pytest.mark.both_databases
def test_what_is_withdrawn_is_looked_for_wherever_it_was(mission: Mission) -> None:
    mission.create(
        product("raw", 0),
        product("said", 0, expect="daily"),
        product("clean", 1),
        process("to_clean", "clean", ["raw"]),
    )
    mission.deliver(*(name_of(name, day) for name in ("raw", "said") for day in (1, 2, 3, 5, 6)))
    mission.run()
    whole = dict.fromkeys(("raw", "clean"), "###M##")
    span = ("raw", "clean", "said", "--start", "2020-01-01", "--end", "2020-01-06")
    assert marks(mission, *span) == {**whole, "said": "###M##"}
    bad = [name_of(name, day) for name in ("raw", "said") for day in (1, 6)]
    mission.dbproc("withdraw", *bad, "--reason", "noise")
    mission.run()
    assert marks(mission, *span) == dict.fromkeys(("raw", "clean", "said"), "W##M#W")
    assert gaps(mission, "raw", "clean", *span[3:])["clean 2020-01-06"] == (
        "withdrawn: because of raw: noise",
        f"dbproc restore {name_of('raw', 6)}",
    )
    mission.dbproc("withdraw", "--product", "raw", "--reason", "all bad")
    assert marks(mission, "raw", "clean") == dict.fromkeys(("raw", "clean"), "WWWMWW")
    assert gaps(mission, "raw", "--month", "2020-01")["raw 2020-01-02 to 2020-01-03 (2)"] == (
        "withdrawn: all bad",
        "dbproc restore --product raw --withdrawn --start 2020-01-02 --end 2020-01-03",
    )
    mission.dbproc("restore", "--product", "raw", "--withdrawn")
    assert marks(mission, "raw", "clean") == whole


@pytest.mark.both_databases
def test_what_goes_with_a_calibration_names_it_and_comes_back_with_it(mission: Mission) -> None:
    mission.create(
        product("cal", 0, "cal_{cam}_{Y}{m}{d}_v{VERSION}.txt"),
        product("raw", 0, "raw_{cam}_{Y}{m}{d}_{H}_v{VERSION}.txt"),
        product("day", 1, "day_{cam}_{Y}{m}{d}_v{VERSION}.txt"),
        product("pic", 2, "pic_{cam}_{Y}{m}{d}.txt"),
        process("to_day", "day", ["raw", {"product": "cal", "valid": "latest"}]),
        process("to_pic", "pic", ["day"]),
    )
    mission.deliver(*(f"cal_{cam}_20200101_v1.0.0.txt" for cam in "LR"))
    mission.deliver(
        *(
            f"raw_{cam}_2020010{day}_{hour}_v1.0.0.txt"
            for cam in "LR"
            for day in (2, 3)
            for hour in ("00", "06", "12", "18")
        )
    )
    mission.run()
    left = {"day cam=L", "day cam=R", "pic cam=L", "pic cam=R"}
    span = ("day", "pic", "--start", "2020-01-02", "--end", "2020-01-03")
    assert set(marks(mission, *span)) == left
    cal = "cal_L_20200101_v1.0.0.txt"
    mission.dbproc("withdraw", cal, "--reason", "wrong lamp")
    mission.run()
    kept = {each: "WW" if each.endswith("L") else "##" for each in left}
    assert marks(mission, *span) == kept
    told = gaps(mission, *span)
    assert told == {
        f"{name} 2020-01-02 to 2020-01-03 cam=L (2)": ("withdrawn: because of cal: wrong lamp", f"dbproc restore {cal}")
        for name in ("day", "pic")
    }
    mission.deliver("raw_L_20200104_00_v1.0.0.txt", "raw_R_20200104_00_v1.0.0.txt")
    mission.run()
    assert gaps(mission, "day", "--start", "2020-01-04", "--end", "2020-01-04") == {
        "day 2020-01-04 cam=L": ("missing: cal is withdrawn", f"dbproc restore {cal}")
    }
    mission.dbproc("restore", cal)
    mission.run()
    mission.dbproc(
        "withdraw",
        "--product",
        "raw",
        "--start",
        "2020-01-03",
        "--end",
        "2020-01-03",
        "--key",
        "cam=R",
        "--reason",
        "dark",
    )
    ((told_of, (_, command)),) = gaps(mission, "raw").items()
    assert told_of == "raw 2020-01-03 cam=R (4)"
    mission.dbproc(*command.split()[1:])
    assert gaps(mission) == {}


@pytest.mark.both_databases
def test_a_file_that_could_not_be_made_anew_is_stale(mission: Mission) -> None:
    mission.create(
        product("raw", 0),
        product("clean", 1),
        product("pic", 1, "pic_{Y}{m}{d}.txt"),
        process("to_clean", "clean", ["raw"]),
        process("to_pic", "pic", ["raw"]),
    )
    mission.deliver(*(name_of("raw", day) for day in (1, 2, 3)))
    mission.run()
    assert "no gaps" in mission.dbproc("coverage").out
    mission.code("to_clean.sh", "#!/bin/sh\nexit 3\n")
    mission.dbproc("code", "accept", "to_clean", "--reason", "broken")
    mission.deliver(*(name_of("raw", day, "1.1.0") for day in (2, 3)))
    mission.run(status=1)
    assert marks(mission) == {"raw": "###", "clean": "#SS", "pic": "#SS"}
    told = gaps(mission)
    assert (
        told["clean 2020-01-02 to 2020-01-03 (2)"][1]
        == "dbproc retry --only to_clean --start 2020-01-02 --end 2020-01-03"
    )
    assert told["pic 2020-01-02 to 2020-01-03 (2)"] == (
        "stale: to_pic: product pic has no {VERSION} in its format",
        "dbproc withdraw --product pic --start 2020-01-02 --end 2020-01-03 --reason TEXT",
    )
    assert [(each["product"], each["mark"], each["count"]) for each in coverage(mission)["gaps"]] == [
        ("clean", "stale", 2),
        ("pic", "stale", 2),
    ]
    mission.dbproc(*told["pic 2020-01-02 to 2020-01-03 (2)"][1].split()[1:])
    mission.run()
    assert marks(mission, "pic", "raw")["pic"] == "###"


def test_a_first_job_that_failed_is_looked_for(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_clean.sh", FAILING)
    clean = product("clean", 1, CLEAN, expect="daily", to=dt.date(2020, 1, 7))
    mission.create(product("raw", 0, RAW), clean, process("to_clean", "clean", ["raw"]))
    mission.deliver(raw("ANK", 5))
    mission.run(status=1)
    assert marks(mission, "clean", "raw")["clean station=ANK"] == "FMM"
    mission.deliver(raw("ANK", 6))
    mission.run()
    assert marks(mission, "clean", "raw")["clean station=ANK"] == "F#M"
