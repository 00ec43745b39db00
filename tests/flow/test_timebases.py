"""What one output stands for: a file, a day, a week, a month, a year, or a run of a code for its effect."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import netCDF4
import pytest

from tests.kit.mission import Mission, name_of, process, product, window

LIST = """#!/bin/sh
for output; do :; done
while [ $# -gt 1 ]; do basename "$1" >> made; shift; done
mv made "$output"
"""

DAYS_BY_CONTENT = """
import datetime as dt
from pathlib import Path
import pytest

from dbproc.products import Facts, Inspector

class Days(Inspector):
    def inspect(self, path, name):
        length = int(Path(path).read_text())
        return Facts(start=name.start, stop=name.stop + dt.timedelta(days=length - 1))
"""


# --- FILE ---

STATIONS = [
    product("raw", 0, "raw_{station}_{Y}{m}{d}_v{VERSION}.txt"),
    product("clean", 1, "clean_{station}_{Y}{m}{d}_v{VERSION}.txt"),
    process("to_clean", "clean", ["raw"], "FILE"),
]


def test_each_file_of_a_day_has_its_own_output_when_the_timebase_is_file(mission: Mission) -> None:
    mission.create(*STATIONS)
    mission.deliver("raw_north_20200101_v1.0.0.txt", "raw_south_20200101_v1.0.0.txt")
    mission.run()
    files = mission.files()
    for station in ("north", "south"):
        clean = files[f"clean_{station}_20200101_v1.0.0.txt"]
        assert clean.inputs == {f"raw_{station}_20200101_v1.0.0.txt"}
        assert clean.keywords == f"station={station}"
    mission.deliver("raw_north_20200101_v1.1.0.txt", content="better")
    mission.run()
    assert mission.names("clean") == [
        "clean_north_20200101_v1.0.0.txt",
        "clean_north_20200101_v1.1.0.txt",
        "clean_south_20200101_v1.0.0.txt",
    ]
    before = mission.state()
    mission.run()
    assert mission.state() == before


def test_inputs_of_two_products_meet_by_their_keywords(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        product("cal", 0, "cal_{station}_{Y}{m}{d}.txt"),
        *STATIONS[:2],
        process("to_clean", "clean", ["raw", "cal"], "FILE"),
    )
    mission.deliver("raw_north_20200101_v1.0.0.txt", "raw_south_20200101_v1.0.0.txt", "cal_south_20200101.txt")
    mission.run()
    assert mission.names("clean") == ["clean_south_20200101_v1.0.0.txt"]
    assert mission.files()["clean_south_20200101_v1.0.0.txt"].inputs == {
        "raw_south_20200101_v1.0.0.txt",
        "cal_south_20200101.txt",
    }
    mission.deliver("cal_north_20200101.txt")
    mission.run()
    assert mission.names("clean") == ["clean_north_20200101_v1.0.0.txt", "clean_south_20200101_v1.0.0.txt"]


# --- hours ---


def test_hourly_files_are_outputs_of_their_own_and_inputs_of_one_day(mission: Mission) -> None:
    mission.create(
        product("raw", 0, "raw_{Y}{m}{d}T{H}.txt"),
        product("hour", 1, "hour_{Y}{m}{d}T{H}_v{VERSION}.txt"),
        product("day", 2, "day_{Y}{m}{d}_v{VERSION}.txt"),
        process("to_hour", "hour", ["raw"], "FILE"),
        process("to_day", "day", ["hour"]),
    )
    mission.deliver("raw_20200101T12.txt", "raw_20200101T00.txt", "raw_20200101T23.txt", content="x")
    mission.run()
    assert mission.names("hour") == [f"hour_20200101T{hour}_v1.0.0.txt" for hour in ("00", "12", "23")]
    assert mission.files()["day_20200101_v1.0.0.txt"].inputs == set(mission.names("hour"))
    mission.deliver("raw_20200101T06.txt", content="late")
    mission.run()
    day = "day_20200101_v1.1.0.txt"
    assert mission.names("day") == ["day_20200101_v1.0.0.txt", day]
    assert mission.content(day) == "day(hour(x))(hour(late))(hour(x))(hour(x))"
    assert len(mission.attempts()) == 6


@pytest.mark.both_databases
def test_the_catalogue_has_the_hour_of_an_hourly_file_and_what_longer_ones_cover(mission: Mission) -> None:
    mission.create(
        product("hour", 0, "hour_{Y}{m}{d}T{H}.txt"),
        product("scan", 0, "scan_{Y}{m}{d}T{H}{M}.txt", covers="4 h"),
        product("day", 1),
        process("to_day", "day", ["scan"]),
    )
    mission.deliver("hour_20200101T23.txt", "scan_20200101T2130.txt")
    mission.run()
    times = mission.rows("SELECT unix_start, unix_stop FROM unixtime WHERE file_id < 3 ORDER BY file_id")
    nine_pm, hour = 1577912400, 3600
    assert times == [(nine_pm + 2 * hour, nine_pm + 3 * hour - 1), (nine_pm + hour // 2, nine_pm + 9 * hour // 2 - 1)]
    assert mission.names("day") == [name_of("day", 1), name_of("day", 2)]


# --- files of more than a day ---


@pytest.mark.both_databases
def test_a_file_that_reaches_into_the_next_day_is_an_input_of_both(mission: Mission) -> None:
    mission.inspector("days.py", DAYS_BY_CONTENT)
    mission.create(product("raw", 0, inspector="days.py"), product("clean", 1), process("to_clean", "clean", ["raw"]))
    mission.deliver(name_of("raw", 1), content="2")
    mission.run()
    files = mission.files()
    assert mission.names("clean") == [name_of("clean", 1), name_of("clean", 2)]
    assert all(files[name].inputs == {name_of("raw", 1)} for name in mission.names("clean"))

    mission.deliver(name_of("raw", 2), content="1")
    mission.run()
    assert mission.files()[name_of("clean", 2, "1.1.0")].inputs == {name_of("raw", 1), name_of("raw", 2)}
    assert name_of("clean", 1, "1.1.0") not in mission.files()


def test_a_day_that_the_new_version_of_a_file_no_longer_covers_is_made_without_it(mission: Mission) -> None:
    mission.inspector("days.py", DAYS_BY_CONTENT)
    mission.create(product("raw", 0, inspector="days.py"), product("clean", 1), process("to_clean", "clean", ["raw"]))
    mission.deliver(name_of("raw", 1), content="2")
    mission.deliver(name_of("raw", 2), content="1")
    mission.run()
    mission.deliver(name_of("raw", 1, "1.1.0"), content="1")
    mission.run()
    files = mission.files()
    assert files[name_of("clean", 1, "1.1.0")].inputs == {name_of("raw", 1, "1.1.0")}
    assert files[name_of("clean", 2, "1.1.0")].inputs == {name_of("raw", 2)}


def test_the_times_in_a_netcdf_file_say_which_days_it_is_an_input_of(sqlite_mission: Mission) -> None:
    mission = sqlite_mission
    mission.code("to_list.sh", LIST)
    mission.create(
        product("raw", 0, "raw_{Y}{m}{d}.nc", inspector="netcdf"),
        product("list", 1),
        process("to_list", "list", ["raw"]),
    )
    write_netcdf(mission.incoming / "raw_20200101.nc", dt.datetime(2020, 1, 1, 18), hours=12)
    write_netcdf(mission.incoming / "raw_20200102.nc", dt.datetime(2020, 1, 2, 6), hours=18)
    mission.run()
    both = {"raw_20200101.nc", "raw_20200102.nc"}
    inputs = {name: mission.files()[name].inputs for name in mission.names("list")}
    assert inputs == {
        name_of("list", 1): {"raw_20200101.nc"},
        name_of("list", 2): both,
        name_of("list", 3): {"raw_20200102.nc"},
    }


def write_netcdf(path: Path, start: dt.datetime, hours: int) -> None:
    """Hourly times, both ends included."""
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createDimension("time", hours + 1)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = f"hours since {start.isoformat(' ')}"
        time[:] = range(hours + 1)


# --- weeks, months, years ---

PERIODS = [
    product("raw", 0),
    product("week", 1),
    product("month", 1, "month_{Y}{m}_v{VERSION}.txt"),
    product("year", 2, "year_{Y}_v{VERSION}.txt"),
    process("to_week", "week", ["raw"], "WEEKLY"),
    process("to_month", "month", ["raw"], "MONTHLY"),
    process("to_year", "year", ["week"], "YEARLY"),
]
TURN = name_of("week", "20191230")


def test_a_week_at_the_turn_of_the_year_is_an_input_of_both_years(mission: Mission) -> None:
    mission.create(*PERIODS)
    mission.deliver(name_of("raw", "20191230"), name_of("raw", 5), name_of("raw", 6))
    mission.run()
    files = mission.files()
    assert mission.names("week") == [TURN, name_of("week", "20200106")]
    assert files[TURN].inputs == {name_of("raw", "20191230"), name_of("raw", 5)}
    assert files[name_of("week", "20200106")].inputs == {name_of("raw", 6)}
    assert mission.names("month") == ["month_201912_v1.0.0.txt", "month_202001_v1.0.0.txt"]
    assert files["month_202001_v1.0.0.txt"].inputs == {name_of("raw", 5), name_of("raw", 6)}
    assert mission.names("year") == ["year_2019_v1.0.0.txt", "year_2020_v1.0.0.txt"]
    assert files["year_2019_v1.0.0.txt"].inputs == {TURN}
    assert files["year_2020_v1.0.0.txt"].inputs == {TURN, name_of("week", "20200106")}
    assert (files[TURN].date, files["year_2020_v1.0.0.txt"].date) == ("2019-12-30", "2020-01-01")

    mission.deliver(name_of("raw", 1))
    mission.run()
    files = mission.files()
    new = name_of("week", "20191230", "1.1.0")
    assert {name for name in files if "v1.1.0" in name} == {
        new,
        "month_202001_v1.1.0.txt",
        "year_2019_v1.1.0.txt",
        "year_2020_v1.1.0.txt",
    }
    assert files["year_2019_v1.1.0.txt"].inputs == {new}
    assert len(mission.attempts()) == 6 + 4

    before = mission.state()
    mission.run()
    assert mission.state() == before


def test_a_week_may_take_the_days_around_it(sqlite_mission: Mission) -> None:
    mission = sqlite_mission.create(
        product("raw", 0), product("week", 1), process("to_week", "week", [window("raw", 1, 1)], "WEEKLY")
    )
    mission.deliver(*(name_of("raw", day) for day in (4, 5, 6, 12, 13, 14)))
    mission.run()
    files = mission.files()
    assert files[name_of("week", "20200106")].inputs == {name_of("raw", day) for day in (5, 6, 12, 13)}
    assert files[TURN].inputs == {name_of("raw", day) for day in (4, 5, 6)}
    assert mission.names("week") == [TURN, name_of("week", "20200106"), name_of("week", "20200113")]


# --- RUN ---


def announcing(mission: Mission) -> Mission:
    mission.code("announce.sh", f'#!/bin/sh\nbasename "$1" >> {mission.root}/announced\n')
    return mission.create(
        product("raw", 0),
        product("clean", 1),
        process("to_clean", "clean", ["raw"]),
        process("announce", None, ["clean"], "RUN"),
    )


def announced(mission: Mission) -> list[str]:
    path = mission.root / "announced"
    return sorted(path.read_text().split()) if path.exists() else []


def test_a_code_without_output_is_run_once_for_its_inputs(mission: Mission) -> None:
    announcing(mission)
    mission.deliver(name_of("raw", 1), name_of("raw", 2))
    mission.run()
    assert announced(mission) == [name_of("clean", 1), name_of("clean", 2)]
    mission.run()
    assert len(announced(mission)) == 2
    mission.deliver(name_of("raw", 2, "1.1.0"), content="better")
    mission.run()
    assert announced(mission) == [name_of("clean", 1), name_of("clean", 2), name_of("clean", 2, "1.1.0")]
    assert mission.attempts().count(("announce", "2020-01-02", "succeeded")) == 2


def test_codes_without_output_that_are_skipped_stay_queued(mission: Mission) -> None:
    announcing(mission)
    mission.deliver(name_of("raw", 1))
    mission.run("-s")
    assert mission.names("clean") == [name_of("clean", 1)]
    assert announced(mission) == []
    assert mission.queued() == 1
    mission.run("-p", "-s")
    assert mission.queued() == 1
    mission.run()
    assert (announced(mission), mission.queued()) == ([name_of("clean", 1)], 0)


def test_a_code_without_output_that_fails_is_told_and_tried_again(sqlite_mission: Mission) -> None:
    mission = announcing(sqlite_mission)
    mission.code("announce.sh", "#!/bin/sh\nexit 3\n")
    mission.deliver(name_of("raw", 1))
    done = mission.run(status=1)
    assert "announce 2020-01-01" in done.err
    assert "exit status 3" in done.err
    mission.code("announce.sh", f'#!/bin/sh\nbasename "$1" >> {mission.root}/announced\n')
    mission.run()
    assert announced(mission) == [name_of("clean", 1)]
