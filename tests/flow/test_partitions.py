"""Keys and periods of a real mission: stations, parts of a day, calibrations, passes of uneven length."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import pytest

from tests.kit.mission import Mission, process, product

pytestmark = pytest.mark.both_databases

VERSION = "_v{VERSION}.txt"
RAW = product("raw", 0, "raw_{station}_{Y}{m}{d}" + VERSION)
DAY = product("day", 1, "day_{station}_{Y}{m}{d}" + VERSION)
GAIN = product("gain", 0, "gain_{Y}{m}{d}" + VERSION)
LATEST = {"product": "gain", "valid": "latest"}

PASS = """
import datetime as dt
from pathlib import Path

from dbproc.products import Facts, Inspector


class Pass(Inspector):
    def inspect(self, path, name):
        start, stop = Path(path).read_text().split()
        return Facts(start=dt.datetime.fromisoformat(start), stop=dt.datetime.fromisoformat(stop))
"""


DATELESS = [
    product("pass", 0, "pass_{number}" + VERSION, inspector="pass.py"),
    product("look", 1, "look_{number}_{Y}{m}{d}" + VERSION),
    process("to_look", "look", ["pass"], "per pass"),
]


def raw(station: str, day: int = 6, version: str = "1.0.0") -> str:
    return f"raw_{station}_202405{day:02d}_v{version}.txt"


def inputs_of(mission: Mission, name: str) -> Mapping[str, frozenset[str]]:
    """The newest files of a product, and what they were made from."""
    files = mission.files()
    return {each: files[each].inputs for each in mission.names(name)}


def idle(mission: Mission) -> bool:
    before = mission.state()
    mission.run()
    return mission.state() == before


# --- keys ---


@pytest.mark.parametrize("order", list(permutations(["ANK", "BOL"])))
def test_each_station_has_a_day_of_its_own_in_any_order(mission: Mission, order: tuple[str, ...]) -> None:
    mission.create(RAW, DAY, process("to_day", "day", ["raw"]))
    for station in order:
        mission.deliver(raw(station))
        mission.run()
    assert inputs_of(mission, "day") == {
        f"day_{station}_20240506_v1.0.0.txt": {raw(station)} for station in ("ANK", "BOL")
    }
    assert idle(mission)


def test_what_has_no_station_is_of_all_and_one_without_data_delays_no_other(mission: Mission) -> None:
    gain = "gain_20240506_v1.0.0.txt"
    mission.create(RAW, GAIN, DAY, process("to_day", "day", ["raw", "gain"]))
    mission.deliver(raw("ANK"), raw("BOL"))
    mission.run()
    assert mission.names("day") == []
    mission.deliver(gain)
    mission.run()
    assert set(inputs_of(mission, "day").values()) == {frozenset({raw("ANK"), gain}), frozenset({raw("BOL"), gain})}
    mission.deliver(raw("CAR"))
    mission.run()
    assert len(mission.names("day")) == 3
    assert idle(mission)


def test_a_file_of_timebase_file_takes_what_has_no_keyword_too(mission: Mission) -> None:
    gain = "gain_20240506_v1.0.0.txt"
    mission.create(RAW, GAIN, DAY, process("to_day", "day", ["raw", "gain"], "FILE"))
    mission.deliver(raw("ANK"), raw("BOL"), gain)
    mission.run()
    assert set(inputs_of(mission, "day").values()) == {frozenset({raw("ANK"), gain}), frozenset({raw("BOL"), gain})}


def test_what_the_output_does_not_name_is_put_together(mission: Mission) -> None:
    week = product("week", 2, "week_{Y}{m}{d}" + VERSION)
    mission.create(RAW, DAY, week, process("to_day", "day", ["raw"]), process("to_week", "week", ["day"], "WEEKLY"))
    mission.deliver(*(raw(station, day) for station in ("ANK", "BOL") for day in (6, 12, 13)))
    mission.run()
    days = {f"day_{station}_202405{day:02d}_v1.0.0.txt" for station in ("ANK", "BOL") for day in (6, 12)}
    assert inputs_of(mission, "week")["week_20240506_v1.0.0.txt"] == days
    assert len(mission.names("week")) == 2


def test_an_output_in_which_its_inspector_finds_another_key_is_refused(mission: Mission) -> None:
    other = PASS.replace("return Facts(start", "return Facts(keywords={'station': 'ZZZ'}, start")
    mission.inspector("other.py", other)
    day = product("day", 1, "day_{station}_{Y}{m}{d}" + VERSION, inspector="other.py")
    mission.create(RAW, day, process("to_day", "day", ["raw"]))
    mission.deliver(raw("ANK"), content="2024-05-06T00:00:00 2024-05-06T01:00:00")
    mission.code("to_day.sh", '#!/bin/sh\ncp "$1" "$2"\n')
    done = mission.run(status=1)
    assert "its inspector finds the keywords station=ZZZ, planned were station=ANK" in done.out + done.err


@pytest.mark.parametrize("there", [True, False], ids=["station comes", "station goes"])
def test_what_was_made_before_the_key_changed_is_not_put_beside_the_new(mission: Mission, there: bool) -> None:
    merged = product("day", 1, "day_{Y}{m}{d}" + VERSION)
    net = product("net", 2, "net_{Y}{m}{d}" + VERSION)
    ways = [process("to_day", "day", ["raw"]), process("to_net", "net", ["day"])]
    mission.create(RAW, merged if there else DAY, net, *ways)
    mission.deliver(raw("ANK"), raw("BOL"))
    mission.run()
    mission.define(RAW, DAY if there else merged, net, *ways)
    mission.run()
    days = {f"day_{station}_20240506_v1.0.0.txt" for station in ("ANK", "BOL")}
    assert list(inputs_of(mission, "net").values())[-1] == (days if there else {"day_20240506_v1.0.0.txt"})
    assert idle(mission)


def test_a_keyword_may_be_renamed_where_names_stay_as_they_are(mission: Mission) -> None:
    ways = [process("to_day", "day", ["raw"])]
    mission.create(RAW, DAY, *ways)
    mission.deliver(raw("ANK"), raw("BOL"))
    mission.run()
    renamed = [block.replace("{station}", "{site}") for block in (RAW, DAY)]
    mission.define(*renamed, *ways)
    mission.deliver(raw("CAR"))
    mission.run()
    assert inputs_of(mission, "day") == {
        f"day_{station}_20240506_v1.0.0.txt": {raw(station)} for station in ("ANK", "BOL", "CAR")
    }
    assert {file.keywords for file in mission.files().values()} == {"site=ANK", "site=BOL", "site=CAR"}
    mission.dbproc("check")
    assert idle(mission)


# --- parts of a day ---


def test_parts_of_a_day_are_made_of_what_overlaps_them_and_say_when_they_are(mission: Mission) -> None:
    hour = product("hour", 0, "hour_{Y}{m}{d}_{H}" + VERSION)
    quarter = product("quarter", 1, "quarter_{Y}{m}{d}_{H}{M}" + VERSION)
    six = product("six", 2, "six_{Y}{m}{d}_{H}" + VERSION)
    mission.create(
        *(hour, quarter, six),
        process("to_quarter", "quarter", ["hour"], "15 min"),
        process("to_six", "six", [{"product": "quarter", "before": "30 min"}], "6 h"),
    )
    mission.deliver("hour_20240506_05_v1.0.0.txt", "hour_20240506_06_v1.0.0.txt")
    mission.run()
    assert mission.names("quarter") == [
        f"quarter_20240506_{hour}{minute}_v1.0.0.txt" for hour in ("05", "06") for minute in ("00", "15", "30", "45")
    ]
    assert inputs_of(mission, "six") == {
        "six_20240506_00_v1.0.0.txt": {
            f"quarter_20240506_05{minute}_v1.0.0.txt" for minute in ("00", "15", "30", "45")
        },
        "six_20240506_06_v1.0.0.txt": {
            *(f"quarter_20240506_06{minute}_v1.0.0.txt" for minute in ("00", "15", "30", "45")),
            *(f"quarter_20240506_05{minute}_v1.0.0.txt" for minute in ("30", "45")),
        },
    }
    assert mission.rows(
        "SELECT unix_start, unix_stop FROM unixtime JOIN file USING (file_id) "
        "WHERE filename = 'quarter_20240506_0515_v1.0.0.txt'"
    ) == [(1714972500, 1714973399)]
    of_their_time = "f.utc_start_time = a.utc_start_time AND f.utc_stop_time = a.utc_stop_time"
    made = mission.rows(f"SELECT 1 FROM attempt a JOIN file f ON f.file_id = a.output_file WHERE {of_their_time}")
    assert len(made) == len(mission.attempts()) == 10
    assert idle(mission)


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hours_of_a_day_are_made_again_in_their_order(mission: Mission, newest_first: bool) -> None:
    hour = product("hour", 0, "hour_{Y}{m}{d}_{H}" + VERSION)
    mission.create(
        hour, product("mean", 1, "mean_{Y}{m}{d}_{H}" + VERSION), process("to_mean", "mean", ["hour"], "HOURLY")
    )
    mission.deliver(*(f"hour_20240506_{number:02d}_v1.0.0.txt" for number in (3, 17, 9)))
    mission.run("-n", "1")
    order = ["--newest-first"] if newest_first else []
    mission.dbproc("reprocess", "--product", "mean", "--force", "2", "--campaign", "again", *order)
    mission.run("-n", "1")
    rows = mission.rows("SELECT output_filename FROM attempt ORDER BY attempt_id")
    again = [name for (name,) in rows if "v1.0.1" in name]
    hours = [f"mean_20240506_{number:02d}_v1.0.1.txt" for number in (3, 9, 17)]
    assert again == (hours[::-1] if newest_first else hours)


# --- calibrations ---


def gain(day: int) -> str:
    return f"gain_202405{day:02d}_v1.0.0.txt"


def test_a_calibration_holds_until_the_next_one_and_a_late_one_rebuilds_what_should_have_had_it(
    mission: Mission,
) -> None:
    mission.create(RAW, GAIN, DAY, process("to_day", "day", ["raw", LATEST]))
    mission.deliver(*(raw("ANK", day) for day in (5, 6, 8, 10)), gain(6), gain(9))
    mission.run()
    made = inputs_of(mission, "day")
    assert "day_ANK_20240505_v1.0.0.txt" not in made
    assert made["day_ANK_20240506_v1.0.0.txt"] == {raw("ANK", 6), gain(6)}
    assert made["day_ANK_20240508_v1.0.0.txt"] == {raw("ANK", 8), gain(6)}
    assert made["day_ANK_20240510_v1.0.0.txt"] == {raw("ANK", 10), gain(9)}
    mission.deliver(gain(7))
    mission.run()
    made = inputs_of(mission, "day")
    assert set(made) - {f"day_ANK_202405{day}_v1.0.0.txt" for day in ("06", "08", "10")} == {
        "day_ANK_20240508_v1.1.0.txt"
    }
    assert made["day_ANK_20240508_v1.1.0.txt"] == {raw("ANK", 8), gain(7)}
    assert idle(mission)


def test_a_calibration_that_is_the_latest_to_one_process_may_hold_longer_to_another(mission: Mission) -> None:
    long, covers = product("gain", 0, "gain_{Y}{m}{d}" + VERSION, covers="10 days"), {**LATEST, "valid": "covers"}
    two = [process("to_day", "day", ["raw", LATEST]), process("to_week", "week", ["raw", covers])]
    mission.create(RAW, long, DAY, product("week", 1, "week_{station}_{Y}{m}{d}" + VERSION), *two)
    mission.deliver(raw("ANK", 8), gain(7))
    mission.run()
    mission.deliver(gain(6))
    mission.run()
    assert list(inputs_of(mission, "day")) == ["day_ANK_20240508_v1.0.0.txt"]
    assert inputs_of(mission, "week")["week_ANK_20240508_v1.1.0.txt"] == {raw("ANK", 8), gain(6), gain(7)}


def test_a_calibration_that_is_gone_gives_way_to_the_one_before(mission: Mission) -> None:
    mission.create(RAW, GAIN, DAY, process("to_day", "day", ["raw", LATEST]))
    mission.deliver(raw("ANK", 8), gain(6), gain(7))
    mission.run()
    mission.files()[gain(7)].path.unlink()
    mission.dbproc("check", "--repair")
    mission.run()
    assert inputs_of(mission, "day")["day_ANK_20240508_v1.1.0.txt"] == {raw("ANK", 8), gain(6)}
    mission.deliver(gain(7))
    mission.run()
    assert inputs_of(mission, "day")["day_ANK_20240508_v1.2.0.txt"] == {raw("ANK", 8), gain(7)}


def test_a_late_calibration_is_used_for_a_week_of_which_all_files_are_of_the_next_ones_time(mission: Mission) -> None:
    mission.create(RAW, GAIN, DAY, process("to_day", "day", ["raw", LATEST], "WEEKLY"))
    mission.deliver(raw("ANK", 11), gain(8))
    mission.run()
    assert not inputs_of(mission, "day")
    mission.deliver(gain(5))
    mission.run()
    assert inputs_of(mission, "day") == {"day_ANK_20240506_v1.0.0.txt": {raw("ANK", 11), gain(5)}}


def test_a_key_that_only_a_calibration_tells_is_due_with_it_alone(mission: Mission) -> None:
    gain = product("gain", 0, "gain_{band}_{Y}{m}{d}" + VERSION)
    week = product("week", 1, "week_{band}_{Y}{m}{d}" + VERSION)
    raws = product("raw", 0, "raw_{Y}{m}{d}" + VERSION)
    optional = [{"product": "raw", "optional": True}, {"product": "gain", "valid": "latest", "optional": True}]
    mission.create(raws, gain, week, process("to_week", "week", optional, "WEEKLY"))
    mission.deliver("raw_20240507_v1.0.0.txt")
    mission.run()
    mission.deliver("gain_red_20240508_v1.0.0.txt")  # it begins in the middle of the week
    mission.run()
    assert mission.names("week") == []
    mission.deliver("gain_red_20240506_v1.0.0.txt")
    mission.run()
    assert list(inputs_of(mission, "week").values()) == [{"raw_20240507_v1.0.0.txt", "gain_red_20240506_v1.0.0.txt"}]
    assert idle(mission)


# --- passes ---


def test_a_pass_takes_what_overlaps_it_and_is_made_again_when_its_times_change(mission: Mission) -> None:
    mission.inspector("pass.py", PASS)
    look = product("look", 1, "look_{station}_{number}_{Y}{m}{d}_{H}{M}" + VERSION)
    mission.create(
        product("pass", 0, "pass_{number}_{Y}{m}{d}_{H}{M}" + VERSION, inspector="pass.py"),
        product("frame", 0, "frame_{station}_{Y}{m}{d}_{H}{M}.txt"),
        *(look, process("to_look", "look", ["pass", "frame"], "per pass")),
    )
    one, frames = "pass_7_20240506_2340_v1.0.0.txt", [f"frame_A_202405{time}.txt" for time in ("06_2340", "07_0009")]
    mission.deliver(*frames, "frame_A_20240507_0020.txt", "frame_B_20240507_0005.txt")
    mission.deliver(one, content="2024-05-06T23:40:00 2024-05-07T00:10:00")
    mission.run()
    assert inputs_of(mission, "look") == {
        "look_A_7_20240506_2340_v1.0.0.txt": {one, *frames},
        "look_B_7_20240506_2340_v1.0.0.txt": {one, "frame_B_20240507_0005.txt"},
    }
    two = one.replace("1.0.0", "1.1.0")
    mission.deliver(two, content="2024-05-06T23:40:00 2024-05-07T00:30:00")
    mission.run()
    made = inputs_of(mission, "look")["look_A_7_20240506_2340_v1.1.0.txt"]
    assert made == {two, *frames, "frame_A_20240507_0020.txt"}
    late = "frame_A_20240507_0029.txt"
    mission.deliver(late)
    mission.run()
    assert late in inputs_of(mission, "look")["look_A_7_20240506_2340_v1.2.0.txt"]
    assert idle(mission)


def test_what_was_made_of_a_pass_that_is_elsewhere_now_is_withdrawn(mission: Mission) -> None:
    mission.inspector("pass.py", PASS)
    mission.create(
        product("pass", 0, "pass_{number}_{Y}{m}{d}" + VERSION, inspector="pass.py"),
        product("frame", 0, "frame_{Y}{m}{d}_{H}{M}.txt"),
        product("look", 1, "look_{number}_{Y}{m}{d}" + VERSION),
        process("to_look", "look", ["pass", "frame"], "per pass"),
    )
    mission.deliver("frame_20240506_2340.txt")
    mission.deliver("pass_7_20240506_v1.0.0.txt", content="2024-05-06T23:30:00 2024-05-06T23:50:00")
    mission.run()
    mission.dbproc("check")
    mission.deliver("pass_7_20240506_v1.1.0.txt", content="2024-05-06T12:30:00 2024-05-06T12:50:00")
    assert "would withdraw look_7_20240506_v1.0.0.txt" in mission.dbproc("plan").out
    said = mission.run().out
    assert "withdrawn look_7_20240506_v1.0.0.txt" in said
    assert "no file of the required input frame for 2024-05-06T12:30:00" in said
    assert newest(mission) == set()
    mission.dbproc("check", "--deep")


def test_two_passes_are_never_one_period(mission: Mission) -> None:
    """Their names are alike, and an inspector finds what tells them apart in what they hold."""
    numbered = PASS.replace("start, stop =", "number, start, stop =").replace(
        "Facts(start", "Facts(keywords={'n': number}, start"
    )
    mission.inspector("pass.py", numbered)
    mission.create(
        product("pass", 0, "pass_{Y}{m}{d}" + VERSION, inspector="pass.py"),
        product("look", 1, "look_{Y}{m}{d}" + VERSION),
        process("to_look", "look", ["pass"], "per pass"),
    )
    mission.deliver("pass_20240506_v1.0.0.txt", content="7 2024-05-06T10:00:00 2024-05-06T11:00:00")
    mission.deliver("pass_20240506_v1.1.0.txt", content="8 2024-05-06T20:00:00 2024-05-06T21:00:00")
    done = mission.run(status=1)
    assert "pass_20240506_v1.0.0.txt and pass_20240506_v1.1.0.txt would be one period" in done.out + done.err
    assert mission.names("look") == []


def test_what_is_made_of_a_pass_is_of_its_time(mission: Mission, tmp_path: Path) -> None:
    mission.inspector("pass.py", PASS)
    mission.create(
        product("pass", 0, "pass_{number}_{Y}{m}{d}" + VERSION, inspector="pass.py"),
        product("look", 1, "look_{number}_{Y}{m}{d}" + VERSION),
        product("hour", 2, "hour_{Y}{m}{d}_{H}" + VERSION),
        process("to_look", "look", ["pass"], "per pass"),
        process("to_hour", "hour", ["look"], "HOURLY"),
    )
    mission.deliver("pass_7_20240506_v1.0.0.txt", content="2024-05-06T22:30:00 2024-05-07T00:10:00")
    mission.run()
    assert mission.names("hour") == [
        f"hour_{hour}_v1.0.0.txt" for hour in ("20240506_22", "20240506_23", "20240507_00")
    ]


def test_a_driver_that_starts_on_another_day_is_another_period_until_the_old_one_is_taken_away(
    mission: Mission,
) -> None:
    mission.inspector("pass.py", PASS)
    mission.create(*DATELESS)
    mission.deliver("pass_7_v1.0.0.txt", content="2024-05-06T23:55:00 2024-05-07T00:01:00")
    mission.run()
    mission.deliver("pass_7_v1.1.0.txt", content="2024-05-07T00:00:00 2024-05-07T00:01:00")
    mission.run()
    old, new = "look_7_20240506_v1.0.0.txt", "look_7_20240507_v1.0.0.txt"
    assert newest(mission) == {old, new}
    files = mission.files()
    for name in ("pass_7_v1.0.0.txt", old):
        files[name].path.rename(mission.incoming / f"{name}.part")
    mission.dbproc("check", "--repair")
    mission.run()
    assert newest(mission) == {new}
    for name in ("pass_7_v1.0.0.txt", old):
        (mission.incoming / f"{name}.part").rename(mission.incoming / name)
    mission.run()
    assert newest(mission) == {old, new}


def test_a_driver_that_moved_is_not_told_for_the_time_that_it_had(mission: Mission) -> None:
    mission.inspector("pass.py", PASS)
    frame = product("frame", 0, "frame_{Y}{m}{d}_{H}{M}.txt")
    mission.create(*DATELESS[:2], frame, process("to_look", "look", ["pass", "frame"], "per pass"))
    mission.deliver("frame_20240506_2256.txt")
    mission.deliver("pass_7_v1.0.0.txt", content="2024-05-06T22:55:00 2024-05-06T23:01:00")
    mission.run()
    mission.deliver("pass_7_v1.1.0.txt", content="2024-05-06T12:00:00 2024-05-06T12:05:00")
    mission.run()
    assert mission.dbproc("why", "look", "2024-05-06T22").out.splitlines() == [
        "look 2024-05-06T22: not due: no file of the required input pass for 2024-05-06T22",
        "  pass 2024-05-06T22: replaced: it is replaced by pass_7_v1.1.0.txt, which is of 2024-05-06T12:00:00 to"
        " 2024-05-06T12:05:00",
        "    there is pass_7_v1.0.0.txt",
    ]
    assert mission.dbproc("why", "pass", "2024-05-06T12", "--json").json["state"] == "delivered"


def newest(mission: Mission) -> set[str]:
    """The looks that are inputs of whatever comes after them."""
    rows = mission.rows("SELECT filename FROM newest_file")
    return {str(name) for (name,) in rows if str(name).startswith("look")}


def test_the_plan_knows_how_long_what_is_made_holds(mission: Mission) -> None:
    mission.create(
        product("raw", 0, "raw_{Y}{m}{d}" + VERSION),
        product("clean", 1, "clean_{Y}{m}{d}" + VERSION, covers="2 days"),
        product("day", 2, "day_{Y}{m}{d}" + VERSION),
        process("to_clean", "clean", ["raw"], "FILE"),
        process("to_day", "day", ["clean"]),
    )
    mission.deliver("raw_20240506_v1.0.0.txt")
    said = mission.dbproc("plan").out
    mission.run()
    made = [*mission.names("clean"), *mission.names("day")]
    assert made == [f"{name}_v1.0.0.txt" for name in ("clean_20240506", "day_20240506", "day_20240507")]
    assert all(name in said for name in made)
