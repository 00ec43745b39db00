"""Outputs that wait until their period is over or their inputs are complete, and files that are late.

No test depends on the time of day: a week of 2024 is over, and one of 2090 is not. Where time has to pass, it passes in
the database: the wait of the process and the time until which its outputs wait are set back.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

import pytest

from dbproc.run.selection import Options
from tests.kit.mission import Mission, days, kill, name_of, process, product, wait_for, window
from tests.property import killable

OVER = list(days("20240506", 7))
TO_COME = list(days("20900102", 7))
LONG = "36500 days"
WEEK = [
    product("raw", 0),
    product("week", 1),
    process("to_week", "week", ["raw"], "WEEKLY", keys={"build": "when over"}),
]

KEYED = "raw_{station}_{Y}{m}{d}T{H}.txt"
QUARTERS = ("00", "06", "12", "18")

both_databases = pytest.mark.both_databases


def raw(*dates: str, version: str = "1.0.0") -> list[str]:
    return [name_of("raw", date, version) for date in dates]


def quarters(station: str, date: str, hours: tuple[str, ...] = QUARTERS) -> list[str]:
    return [f"raw_{station}_{date}T{hour}.txt" for hour in hours]


def weeks(build: str = "when over", **keys: object) -> list[str]:
    return [*WEEK[:2], process("to_week", "week", ["raw"], "WEEKLY", keys={"build": build, **keys})]


def stations(wait: str | None = None, keys: Any = ("ANK", "BOL"), **expect: object) -> list[str]:
    """Four files a day of each station, a product of each day and station, and one of the day."""
    when = {"build": "when complete", **({} if wait is None else {"wait": wait})}
    named = {"keys": list(keys)} if keys else {}
    return [
        product("raw", 0, KEYED, covers="6 h", expect="6 h", **named, **expect),
        product("day", 1, "day_{station}_{Y}{m}{d}_v{VERSION}.txt"),
        product("net", 1, "net_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_day", "day", ["raw"], keys=when),
        process("to_net", "net", ["raw"], keys=when),
    ]


def waits(mission: Mission) -> list[tuple[str, str, str | None]]:
    """Process, date and the day until which it waits, of all that does."""
    rows = mission.rows(
        "SELECT p.process_name, w.utc_file_date, w.process_keywords, w.until_time FROM waitingslot w "
        "JOIN process p ON p.process_id = w.process_id ORDER BY 1, 2, 3"
    )
    outside = "utc_start_time >= utc_stop_time OR utc_stop_time >= until_time"
    assert mission.rows(f"SELECT 1 FROM waitingslot WHERE {outside}") == []
    return [(f"{row[0]} {row[2]}".rstrip(), str(row[1]), _time(row[3])) for row in rows]


def _time(stored: str | dt.datetime | None) -> str | None:
    """A time to the minute, in UTC; SQLite keeps text, PostgreSQL shows its own zone."""
    if stored is None:
        return None
    time = dt.datetime.fromisoformat(stored) if isinstance(stored, str) else stored.astimezone(dt.UTC)
    return f"{time:%Y-%m-%d %H:%M}"


def is_sound(mission: Mission) -> bool:
    return mission.dbproc("check", "--json").json["faults"] == []


def at_rest(mission: Mission) -> None:
    """A run that has nothing to do changes nothing, and nothing is wrong."""
    before = mission.state(), waits(mission)
    mission.run()
    assert (mission.state(), waits(mission)) == before
    assert is_sound(mission)


# --- when over ---


@both_databases
def test_a_week_is_built_once_when_it_is_over(mission: Mission) -> None:
    mission.create(*weeks(wait=LONG))
    for date in OVER:
        mission.deliver(*raw(date))
        mission.run()
        assert mission.names("week") == []
        assert mission.queued() == 0
        assert waits(mission) == [("to_week", "2024-05-06", "2124-04-19 00:00")]
    at_rest(mission)
    mission.let_time_pass()
    mission.run()
    assert mission.names("week") == raw_week("1.0.0")
    assert mission.files()[name_of("week", OVER[0])].inputs == set(raw(*OVER))
    assert mission.attempts() == [("to_week", "2024-05-06", "succeeded")]
    assert waits(mission) == []
    at_rest(mission)


def raw_week(*versions: str) -> list[str]:
    return [name_of("week", OVER[0], version) for version in versions]


@both_databases
def test_a_week_to_come_waits_for_its_end(mission: Mission) -> None:
    mission.create(*weeks())
    for date in TO_COME:
        mission.deliver(*raw(date))
        mission.run()
    assert waits(mission) == [("to_week", "2090-01-02", "2090-01-09 00:00")]
    assert mission.attempts() == []
    at_rest(mission)


def test_late_data_rebuilds_a_week_at_once(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks())
    mission.deliver(*raw(*OVER[:6]))
    mission.run()
    mission.deliver(*raw(OVER[6]))
    mission.run()
    assert mission.names("week") == raw_week("1.0.0", "1.1.0")
    assert waits(mission) == []
    at_rest(mission)


def test_what_is_made_of_what_waits_comes_when_that_is_made(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        *weeks(wait=LONG), product("story", 2), process("to_story", "story", ["week"], "WEEKLY")
    )
    mission.deliver(*raw(*OVER[:2]))
    mission.run()
    assert mission.attempts() == []
    mission.let_time_pass()
    mission.run()
    assert mission.attempts() == [("to_week", "2024-05-06", "succeeded"), ("to_story", "2024-05-06", "succeeded")]


def test_a_process_without_output_waits_until_its_day_is_over(sqlite_mission: Mission) -> None:
    sqlite_mission.code("tell.sh", "#!/bin/sh\nexit 0\n")
    mission = sqlite_mission.create(
        product("raw", 0), process("tell", None, ["raw"], "RUN", keys={"build": "when over"})
    )
    mission.deliver(*raw(OVER[0], TO_COME[0]))
    mission.run()
    assert mission.attempts() == [("tell", "2024-05-06", "succeeded")]
    assert waits(mission) == [("tell", "2090-01-02", "2090-01-03 00:00")]
    at_rest(mission)


# --- when complete ---


@both_databases
def test_what_is_complete_is_built_before_its_day_is_over_and_a_station_waits_for_its_own_files(
    mission: Mission,
) -> None:
    date = TO_COME[0]
    mission.create(*stations(wait="1 day"))
    mission.deliver(*quarters("ANK", date), *quarters("BOL", date, QUARTERS[:2]))
    mission.run()
    assert mission.names("day") == [f"day_ANK_{date}_v1.0.0.txt"]
    until = "2090-01-04 00:00"
    assert waits(mission) == [("to_day station=BOL", "2090-01-02", until), ("to_net", "2090-01-02", until)]
    at_rest(mission)
    mission.deliver(*quarters("BOL", date, QUARTERS[2:]))
    mission.run()
    assert mission.names("day") == [f"day_{station}_{date}_v1.0.0.txt" for station in ("ANK", "BOL")]
    assert mission.files()[f"net_{date}_v1.0.0.txt"].inputs == {*quarters("ANK", date), *quarters("BOL", date)}
    assert waits(mission) == []
    assert len(mission.attempts()) == 3
    at_rest(mission)


def test_when_the_wait_is_over_it_is_built_of_what_is_there(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*stations(wait=LONG))
    mission.deliver(*quarters("ANK", OVER[0], QUARTERS[:1]))
    mission.run()
    assert [name for name, _, _ in waits(mission)] == ["to_day station=ANK", "to_net"]
    mission.let_time_pass()
    mission.run()
    assert mission.names("day") == [f"day_ANK_{OVER[0]}_v1.0.0.txt"]
    assert mission.names("net") == [f"net_{OVER[0]}_v1.0.0.txt"]
    mission.deliver(*quarters("ANK", OVER[0], QUARTERS[1:2]))
    mission.run()
    assert mission.names("day") == [f"day_ANK_{OVER[0]}_v{version}.txt" for version in ("1.0.0", "1.1.0")]
    at_rest(mission)


def test_without_a_wait_it_waits_until_everything_is_there(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*stations())
    mission.deliver(*quarters("ANK", OVER[0]))
    mission.run()
    assert waits(mission) == [("to_net", "2024-05-06", None)]
    at_rest(mission)
    mission.deliver(*quarters("BOL", OVER[0]))
    mission.run()
    assert mission.names("net") == [f"net_{OVER[0]}_v1.0.0.txt"]
    at_rest(mission)


def test_where_no_keys_are_named_those_seen_are_expected(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*stations(keys=None))
    mission.deliver(*quarters("ANK", OVER[0]))
    mission.run()
    assert mission.names("net") == [f"net_{OVER[0]}_v1.0.0.txt"]
    mission.deliver(*quarters("BOL", OVER[1], QUARTERS[:1]), *quarters("ANK", OVER[1]))
    mission.run()
    assert waits(mission) == [("to_day station=BOL", "2024-05-07", None), ("to_net", "2024-05-07", None)]
    at_rest(mission)


def test_all_days_of_the_window_are_waited_for(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        product("raw", 0, expect="daily"),
        product("smooth", 1),
        process("to_smooth", "smooth", [window("raw", 1, 1)], keys={"build": "when complete"}),
    )
    mission.deliver(*raw(*TO_COME[:4]))
    mission.run()
    assert mission.names("smooth") == [name_of("smooth", date) for date in TO_COME[:3]]
    assert waits(mission) == [("to_smooth", "2090-01-05", None)]


def test_what_completes_a_period_is_noticed_by_all_that_wait_for_it(sqlite_mission: Mission) -> None:
    """The gain of a day is of its first hour alone: no input of the third one, which waits for it all the same."""
    mission = sqlite_mission.create(
        product("raw", 0, "raw_{Y}{m}{d}T{H}.txt"),
        product("gain", 0, "gain_{Y}{m}{d}.txt", covers="1 h", expect="daily", **{"from": dt.date(2024, 5, 6)}),
        product("hour", 1, "hour_{Y}{m}{d}T{H}_v{VERSION}.txt"),
        process(
            "to_hour", "hour", ["raw", {"product": "gain", "optional": True}], "HOURLY", keys={"build": "when complete"}
        ),
    )
    mission.deliver("raw_20240506T03.txt", "raw_20240507T00.txt")
    mission.run()
    assert [date for _, date, _ in waits(mission)] == ["2024-05-06", "2024-05-07"]
    mission.deliver("gain_20240506.txt")
    mission.run()
    assert mission.names("hour") == ["hour_20240506T03_v1.0.0.txt"]
    assert [date for _, date, _ in waits(mission)] == ["2024-05-07"]
    at_rest(mission)


# --- by hand, and by other means ---


def test_what_is_asked_for_by_hand_does_not_wait(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks())
    mission.deliver(*raw(*TO_COME[:2]))
    mission.run()
    span = ("--start", "2090-01-02", "--end", "2090-01-08")
    assert "week_20900102_v1.0.0.txt" in mission.dbproc("run-process", "to_week", *span, "--dry-run").out
    mission.dbproc("run-process", "to_week", *span, "--ingest")
    assert mission.names("week") == [name_of("week", TO_COME[0])]
    assert waits(mission) == []
    at_rest(mission)


def test_what_is_forced_does_not_wait(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks())
    mission.deliver(*raw(*TO_COME[:2]))
    mission.run()
    mission.dbproc("reprocess", "--product", "week", "--force", "2")
    mission.run()
    assert mission.names("week") == [name_of("week", TO_COME[0])]
    assert waits(mission) == []
    at_rest(mission)


def test_what_may_not_run_now_goes_on_waiting(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks(wait=LONG), product("spare", 1), process("to_spare", "spare", ["raw"]))
    mission.deliver(*raw(OVER[0]))
    mission.run()
    mission.let_time_pass()
    mission.run("--only", "to_spare")
    assert mission.names("week") == []
    assert len(waits(mission)) == 1
    mission.run()
    assert mission.names("week") == raw_week("1.0.0")


# --- changes of the mission file ---


@both_databases
def test_a_change_of_when_it_is_built_is_looked_at_again(mission: Mission) -> None:
    mission.create(*weeks(wait=LONG))
    mission.deliver(*raw(*OVER[:2]))
    mission.run()
    mission.define(*weeks(wait="36000 days"))
    assert waits(mission) == []
    assert is_sound(mission)
    mission.run()
    assert waits(mission) == [("to_week", "2024-05-06", "2122-12-06 00:00")]
    mission.define(*weeks(wait="1 day"))
    mission.run()
    assert mission.names("week") == raw_week("1.0.0")
    mission.define(*weeks(wait=LONG))
    mission.deliver(*raw(OVER[2]))
    mission.run()
    assert len(waits(mission)) == 1
    mission.define(*weeks("at once"))
    mission.run()
    assert mission.names("week") == raw_week("1.0.0", "1.1.0")
    assert waits(mission) == []
    at_rest(mission)


def test_a_change_of_what_is_expected_is_looked_at_again(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*stations())
    mission.deliver(*quarters("ANK", OVER[0]))
    mission.run()
    assert mission.names("net") == []
    mission.define(*stations(keys=("ANK",)))
    assert waits(mission) == []
    mission.run()
    assert mission.names("net") == [f"net_{OVER[0]}_v1.0.0.txt"]
    mission.define(*stations(keys=("ANK", "CIZ")))
    mission.run()
    assert waits(mission) == []
    mission.deliver(*quarters("ANK", OVER[1]))
    mission.run()
    assert waits(mission) == [("to_net", "2024-05-07", None)]
    mission.define(*stations(keys=("ANK", "CIZ"), to=dt.date(2024, 5, 6)))
    mission.run()
    assert mission.names("net")[1:] == [f"net_{OVER[1]}_v1.0.0.txt"]
    at_rest(mission)


def test_what_is_said_of_lateness_alone_makes_nothing_be_looked_at_again(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*stations())
    mission.deliver(*quarters("ANK", OVER[0]))
    mission.run()
    mission.define(*stations(late_after="1 day"))
    assert mission.queued() == 0
    assert len(waits(mission)) == 1


def test_a_process_that_is_taken_out_waits_no_longer(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks(), product("spare", 1), process("to_spare", "spare", ["raw"]))
    mission.deliver(*raw(TO_COME[0]))
    mission.run()
    assert len(waits(mission)) == 1
    mission.define(WEEK[0], product("spare", 1), process("to_spare", "spare", ["raw"]))
    assert waits(mission) == []
    at_rest(mission)


# --- kept, whatever happens ---


def test_what_should_wait_and_is_not_recorded_is_a_fault_and_repaired(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks())
    mission.deliver(*raw(*TO_COME[:2]))
    mission.run()
    mission.execute("DELETE FROM waitingslot")
    (fault,) = mission.dbproc("check", "--json", status=1).json["faults"]
    assert (fault["kind"], fault["place"]) == ("stale", "week 2090-01-02 to 2090-01-08")
    assert "not recorded" in mission.dbproc("why", "week", "2090-01-02").out
    mission.dbproc("check", "--repair")
    assert is_sound(mission)
    mission.run()
    assert len(waits(mission)) == 1
    at_rest(mission)


def test_what_is_recorded_to_wait_longer_than_it_should_is_a_fault(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks(wait=LONG))
    mission.deliver(*raw(OVER[0]))
    mission.run()
    mission.execute("UPDATE process SET wait_seconds = 0")
    (fault,) = mission.dbproc("check", "--json", status=1).json["faults"]
    assert fault["kind"] == "stale"
    mission.let_time_pass()
    assert is_sound(mission)


GATED = """#!/bin/sh
if [ -p ROOT/gate ]; then : > ROOT/began; read line < ROOT/gate; fi
printf 'week of %s' "$#" > made
for output; do :; done
mv made "$output"
"""


@both_databases
@pytest.mark.in_processes
def test_what_waited_is_built_by_the_next_run_when_a_run_is_killed(mission: Mission) -> None:
    mission.create(*weeks(wait=LONG))
    mission.code("to_week.sh", GATED.replace("ROOT", str(mission.root)))
    mission.define(*weeks(wait=LONG))
    mission.deliver(*raw(*OVER))
    mission.run()
    mission.let_time_pass()
    gate = mission.root / "gate"
    os.mkfifo(gate)
    run = mission.start()
    wait_for((mission.root / "began").exists, "the code")
    assert len(waits(mission)) == 1
    kill(run)
    gate.unlink()
    mission.run()
    assert mission.names("week") == raw_week("1.0.0")
    assert waits(mission) == []
    at_rest(mission)


def test_a_run_that_is_killed_at_any_step_forgets_nothing_that_is_to_wait(sqlite_mission: Mission) -> None:
    """Each run is killed one step later than the one before, and has a week of its own to settle."""
    mission = sqlite_mission.create(*weeks())
    mondays = (f"{dt.date(2090, 1, 2) + dt.timedelta(weeks=number):%Y%m%d}" for number in range(99))
    for step, monday in enumerate(mondays, start=1):
        mission.deliver(*raw(monday))
        killable.run(mission.database, Options(process=False))
        if killable.run(mission.database, Options(ingest=False), step):
            break
    assert len(waits(mission)) == step > 5
    at_rest(mission)


def test_what_failed_is_tried_again_and_waits_no_longer(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks(wait=LONG), retry_seconds=0)
    good = (mission.codes / "to_week.sh").read_text()
    mission.deliver(*raw(OVER[0]))
    mission.run()
    mission.code("to_week.sh", "#!/bin/sh\nexit 3\n")
    mission.define(
        *WEEK[:2],
        process("to_week", "week", ["raw"], "WEEKLY", keys={"build": "when over", "wait": LONG}, version="1.0.1"),
        retry_seconds=0,
    )
    mission.run()
    mission.let_time_pass()
    mission.run(status=1)
    assert waits(mission) == []
    mission.code("to_week.sh", good)
    mission.run()
    assert len(mission.names("week")) == 1


# --- what people are told ---


def test_status_plan_and_why_say_what_waits_until_when_and_for_what(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*stations(wait="1 day"))
    mission.deliver(*quarters("BOL", TO_COME[0], QUARTERS[:2]), *quarters("ANK", TO_COME[0]))
    plan = mission.dbproc("plan", "--json").json
    assert [(each["process"], each["until"]) for each in plan["later"]] == [
        ("to_day", "2090-01-04T00:00:00+00:00"),
        ("to_net", "2090-01-04T00:00:00+00:00"),
    ]
    missing = "raw 2090-01-02T12 station=BOL, raw 2090-01-02T18 station=BOL"
    why = f"no output yet; waits until 2090-01-04 00:00Z or for {missing}"
    assert {each["why"] for each in plan["later"]} == {why}
    assert f"waiting to_net 2090-01-02: {why}" in mission.dbproc("plan").out
    mission.run()
    assert mission.dbproc("plan", "--json").json["later"] == plan["later"]
    status = mission.dbproc("status", "--json").json
    assert [(each["process"], each["product"], each["key"], each["until"]) for each in status["waiting"]] == [
        ("to_day", "day", "station=BOL", "2090-01-04T00:00:00+00:00"),
        ("to_net", "net", "", "2090-01-04T00:00:00+00:00"),
    ]
    assert f"waiting:\n  day 2090-01-02 station=BOL: {why}\n  net 2090-01-02: {why}\n" in mission.dbproc("status").out
    for words, names in (
        (["--key", "station=BOL"], ["day"]),
        (["--key", "station=ANK"], []),
        (["--start", "2090-01-02T18"], ["day", "net"]),
        (["--start", "2090-01-03"], []),
    ):
        assert [each["product"] for each in mission.dbproc("status", *words, "--json").json["waiting"]] == names
    assert f"net 2090-01-02: waiting: {why}\n" in mission.dbproc("why", "net", "2090-01-02").out
    assert mission.dbproc("why", "net", "2090-01-02", "--json").json["until"] == "2090-01-04T00:00:00+00:00"


def test_what_is_missing_is_named_as_far_as_it_is_of_use(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*stations())
    mission.deliver(*quarters("BOL", OVER[0], QUARTERS[:1]))
    mission.run()
    words = "waits for raw 2024-05-06T00 station=ANK, raw 2024-05-06T06 station=ANK, raw 2024-05-06T12 station=ANK"
    assert f"{words} and 4 more" in mission.dbproc("status").out


@both_databases
def test_status_tells_what_is_late(mission: Mission) -> None:
    mission.create(*stations(late_after="3 days", to=dt.date(2024, 5, 7)))
    assert "late:" not in mission.dbproc("status").out
    mission.deliver(*quarters("ANK", OVER[0]), *quarters("BOL", OVER[0], QUARTERS[:3]))
    mission.run()
    (late,) = mission.dbproc("status", "--json").json["late"]
    assert (late["product"], late["count"]) == ("raw", 9)
    assert late["oldest"][0]["period"]["start"] == "2024-05-06T18:00:00+00:00"
    assert (late["oldest"][0]["date"], late["oldest"][0]["key"]) == ("2024-05-06", "station=BOL")
    told = "late:\n  raw: 9 files: 2024-05-06T18 station=BOL, 2024-05-07T00 station=ANK, "
    out = mission.dbproc("status").out
    assert told in out
    assert " and 4 more\n" in out
    of_key = mission.dbproc("status", "--key", "station=BOL", "--start", "2024-05-07T06", "--json").json["late"]
    assert [(late["count"], late["oldest"][0]["period"]["start"]) for late in of_key] == [
        (3, "2024-05-07T06:00:00+00:00")
    ]
    assert "raw: 1 file: 2024-05-06T18 station=BOL\n" in mission.dbproc("status", "--end", "2024-05-06").out
    assert "late:" not in mission.dbproc("status", "--end", "2024-05-05").out
    mission.deliver(*quarters("ANK", OVER[1]), *quarters("BOL", OVER[1]), *quarters("BOL", OVER[0], QUARTERS[3:]))
    mission.run()
    assert mission.dbproc("status", "--json").json["late"] == []


def test_nothing_is_late_before_its_time(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(product("raw", 0, expect="daily", late_after="3 days"))
    mission.deliver(*raw(TO_COME[0]))
    mission.run()
    assert mission.dbproc("status", "--json").json["late"] == []


def test_what_if_leaves_out_what_would_wait(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(*weeks())
    mission.deliver(*raw(TO_COME[0], OVER[0]))
    mission.run()
    done = mission.dbproc("whatif", "file", str(mission.files()[raw(TO_COME[0])[0]].path), "--json").json
    assert done["files"] == []
    assert [each["state"] for each in done["hindered"]] == ["waiting"]
    done = mission.dbproc("whatif", "file", str(mission.files()[raw(OVER[0])[0]].path), "--json").json
    assert [each["file"] for each in done["files"]] == raw_week("1.0.1")


def planned_to_wait(mission: Mission) -> list[tuple[str, str]]:
    return [(each["date"], each["why"]) for each in mission.dbproc("plan", "--json").json["later"]]


def messages(mission: Mission) -> list[tuple[str, str]]:
    rows = mission.rows("SELECT utc_file_date, message FROM waitingslot ORDER BY utc_file_date")
    return [(str(date)[:10], message) for date, message in rows]


def test_what_is_gone_from_disk_is_waited_for_as_it_was_planned(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        product("raw", 0, "raw_{station}_{Y}{m}{d}.txt", expect="daily"),
        product("near", 1),
        process("to_near", "near", [window("raw", 0, 2)], keys={"build": "when complete", "wait": LONG}),
    )
    mission.deliver("raw_south_20240503.txt", "raw_north_20240505.txt")
    mission.run()
    (path,) = mission.root.rglob("raw_north_20240505.txt")  # the only file of its station
    path.unlink()
    planned = planned_to_wait(mission)
    mission.run(status=1)
    assert planned == messages(mission)
    assert "2024-05-05 station=north" in dict(planned)["2024-05-03"]


def test_what_waits_no_longer_is_not_planned_to_wait_where_others_are_made(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        *(product(name, 0) for name in ("raw", "other")),
        *(product(name, 1) for name in ("kept", "made")),
        process("to_made", "made", ["other"]),
        process("to_kept", "kept", [window("raw", 1, 2)], keys={"build": "when over", "wait": LONG}),
    )
    others = [name_of("other", day) for day in (1, 5, 9)]
    mission.deliver(name_of("raw", 5), name_of("raw", 6), *others)
    mission.run()
    for name in (name_of("raw", 5), *(name_of("made", day) for day in (1, 5))):
        (path,) = mission.root.rglob(name)
        path.unlink()
    planned = planned_to_wait(mission)
    mission.run(status=1)
    assert planned == messages(mission)
    assert [date for date, _ in planned] == ["2020-01-06"]
