"""The example missions of docs/partitions.md: the page shows them as they are, and they make what it says."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.mission import Mission
from tests.kit.sessions import (
    BLOCK,
    CHECKOUT,
    CORRECTIONS,
    DOCS,
    LONGEST_SECONDS,
    PARTITIONS,
    Session,
    make_home,
    played,
    settled,
)

EXAMPLES = CHECKOUT / "examples"
PAGE = (DOCS / "partitions.md").read_text(encoding="utf-8")


def shown(kind: str) -> list[str]:
    """The blocks of a kind on the page."""
    return [block["text"] for block in BLOCK.finditer(PAGE) if block["kind"] == kind]


def hours(station: str, day: str, count: int = 24) -> set[str]:
    return {f"hour_{station}_{day}_{hour:02d}.csv" for hour in range(count)}


def example(name: str, database: str, directory: Path) -> Mission:
    """The example, copied, and its mission file applied."""
    mission = Mission(directory / name, database)
    mission.environment["DBPROC_SETTLE_SECONDS"] = "0"
    shutil.copytree(EXAMPLES / name, mission.root, dirs_exist_ok=True)
    mission.dbproc("init", database)
    mission.dbproc("apply", "mission.toml")
    return mission


def make_up(mission: Mission, *words: str) -> None:
    """Deliver what the example's own program makes up."""
    subprocess.run([sys.executable, mission.root / "deliver.py", *words], check=True)


@pytest.fixture
def network(database: str, tmp_path: Path) -> Mission:
    return example("network", database, tmp_path)


@pytest.fixture
def orbits(database: str, tmp_path: Path) -> Mission:
    return example("orbits", database, tmp_path)


def newest(mission: Mission) -> dict[str, set[str]]:
    """The newest version of everything that was made, and what it was made from, without versions."""
    made = sorted((file for file in mission.files().items() if file[1].inputs), key=lambda file: file[1].version)
    return {without_version(name): {without_version(each) for each in file.inputs} for name, file in made}


def without_version(name: str) -> str:
    return name.rpartition("_v")[0] or name


# --- the page ---


def test_the_page_shows_the_mission_files_in_full() -> None:
    files = [(EXAMPLES / name / "mission.toml").read_text() for name in ("network", "orbits")]
    assert "\n".join(shown("toml")) == "\n".join(files)


def test_the_programs_on_the_page_are_those_of_the_examples() -> None:
    day, orbit = shown("python")
    assert day == (EXAMPLES / "network" / "codes" / "day.py").read_text()
    assert orbit == (EXAMPLES / "orbits" / "inspectors" / "orbit.py").read_text()


@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.parametrize(("session", "least"), [(PARTITIONS, 10), (CORRECTIONS, 7)], ids=["partitions", "corrections"])
def test_what_the_page_tells_the_reader_to_type_prints_what_it_says(
    session: Session, least: int, tmp_path: Path
) -> None:
    steps = session.steps()
    assert sum(step.told is not None for step in steps) >= least
    for step, printed in zip(steps, played(steps, make_home(tmp_path)), strict=True):
        if step.told is not None:
            assert settled(printed) == settled(step.told), step.commands


# --- the network ---


def test_each_station_has_its_day_from_its_own_hours_and_the_gain_of_all(network: Mission) -> None:
    for station in ("ANK", "BOL", "CIV"):
        make_up(network, "2024-05-06", station)
    network.deliver("gain_2024.txt", content="0.25")
    network.run()
    for station, rain in (("ANK", "36.0"), ("BOL", "72.0"), ("CIV", "108.0")):
        name = f"day_{station}_20240506_v1.0.0.csv"
        assert network.files()[name].inputs == hours(station, "20240506") | {"gain_2024.txt"}
        assert network.files()[name].keywords == f"station={station}"
        assert network.content(name) == f"station,hours,rain_mm\n{station},24,{rain}\n"


def test_the_week_is_one_file_of_all_stations(network: Mission) -> None:
    for station, day in (("ANK", "2024-05-06"), ("ANK", "2024-05-12"), ("BOL", "2024-05-06"), ("BOL", "2024-05-13")):
        make_up(network, day, station)
    network.deliver("gain_2024.txt", content="0.25")
    network.run()
    assert network.names("week") == ["week_20240506_v1.0.0.csv", "week_20240513_v1.0.0.csv"]
    assert network.content("week_20240506_v1.0.0.csv") == "station,days,rain_mm\nANK,2,72.0\nBOL,1,72.0\n"
    days = {"day_ANK_20240506_v1.0.0.csv", "day_ANK_20240512_v1.0.0.csv", "day_BOL_20240506_v1.0.0.csv"}
    assert network.files()["week_20240506_v1.0.0.csv"].inputs == days


def test_a_station_that_is_late_changes_no_other(network: Mission) -> None:
    make_up(network, "2024-05-06", "ANK")
    network.deliver("gain_2024.txt", content="0.25")
    network.run()
    make_up(network, "2024-05-06", "CIV")
    network.run()
    assert network.names("day") == ["day_ANK_20240506_v1.0.0.csv", "day_CIV_20240506_v1.0.0.csv"]
    assert network.names("week") == ["week_20240506_v1.0.0.csv", "week_20240506_v1.1.0.csv"]


def test_a_new_gain_rebuilds_the_days_that_it_holds_for(network: Mission) -> None:
    for day in ("2023-12-31", "2024-01-01"):
        make_up(network, day, "ANK")
    network.deliver("gain_2023.txt", content="0.2")
    network.run()
    network.deliver("gain_2024.txt", content="0.25")
    network.run()
    assert network.names("day") == [
        "day_ANK_20231231_v1.0.0.csv", "day_ANK_20240101_v1.0.0.csv", "day_ANK_20240101_v1.1.0.csv",
    ]  # fmt: skip
    assert network.files()["day_ANK_20231231_v1.0.0.csv"].inputs == hours("ANK", "20231231") | {"gain_2023.txt"}
    assert network.files()["day_ANK_20240101_v1.1.0.csv"].inputs == hours("ANK", "20240101") | {"gain_2024.txt"}


def test_a_day_waits_for_its_hours_and_a_week_for_its_end(network: Mission) -> None:
    make_up(network, "2098-05-05", "ANK")
    make_up(network, "2098-05-05", "BOL", "23")
    network.deliver("gain_2024.txt", content="0.25")
    network.run()
    assert network.names("day") == ["day_ANK_20980505_v1.0.0.csv"]
    assert "waits until 2098-05-06 06:00Z" in network.dbproc("why", "day", "2098-05-05", "station=BOL").out
    assert "waits until 2098-05-13 00:00Z" in network.dbproc("why", "week", "2098-05-05").out
    make_up(network, "2098-05-05", "BOL")
    network.run()
    assert network.names("day") == ["day_ANK_20980505_v1.0.0.csv", "day_BOL_20980505_v1.0.0.csv"]
    assert network.files()["day_BOL_20980505_v1.0.0.csv"].inputs == hours("BOL", "20980505") | {"gain_2024.txt"}
    assert network.names("week") == []


def test_the_network_is_the_same_in_whatever_order_its_files_come(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    together, apart = (example("network", make_database(), tmp_path / name) for name in ("together", "apart"))
    for station in ("ANK", "BOL", "CIV"):
        make_up(together, "2024-05-06", station)
    for year in (2023, 2024):
        together.deliver(f"gain_{year}.txt", content="0.25")
    together.run()
    make_up(apart, "2024-05-06", "CIV", "12")
    apart.deliver("gain_2024.txt", content="0.25")
    apart.run()
    make_up(apart, "2024-05-06", "CIV")
    make_up(apart, "2024-05-06", "BOL")
    apart.run()
    make_up(apart, "2024-05-06", "ANK")
    apart.deliver("gain_2023.txt", content="0.25")
    apart.run()
    assert newest(together) == newest(apart) != {}


# --- the orbits ---


def utc(time: str | dt.datetime) -> str:
    """A time of either database."""
    return time if isinstance(time, str) else f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}"


def frames(camera: str, *times: str) -> set[str]:
    return {f"frame_{camera}_{time}.pgm" for time in times}


FIRST = [f"20240506T{time}00" for time in ("2030", "2045", "2100", "2115", "2130", "2145", "2200")]
SECOND = [f"20240506T{time}00" for time in ("2205", "2220", "2235", "2250", "2305", "2320", "2335")]
THIRD = ["20240506T234000", "20240506T235500"]
THIRD += [f"20240507T{time}00" for time in ("0010", "0025", "0040", "0055", "0110")]


def calibrate(orbits: Mission, camera: str, day: str) -> str:
    orbits.deliver(f"flat_{camera}_{day}.txt", content="1 1 1 2")
    return f"flat_{camera}_{day}.txt"


def test_each_orbit_and_camera_has_a_picture_of_the_frames_that_overlap_it(orbits: Mission) -> None:
    flats = {camera: calibrate(orbits, camera, "20240501") for camera in "LR"}
    make_up(orbits, "101", "102", "103")
    orbits.run()
    wanted = {101: [*FIRST, SECOND[0]], 102: [FIRST[-1], *SECOND, THIRD[0]], 103: [SECOND[-1], *THIRD]}
    for camera, flat in flats.items():
        for orbit, times in wanted.items():
            made = orbits.files()[f"quicklook_{camera}_{orbit}_20240506_v1.0.0.pgm"]
            assert made.inputs == {f"orbit_{orbit}.txt", flat} | frames(camera, *times)
            assert (made.date, made.keywords) == ("2024-05-06", f"camera={camera} orbit={orbit}")
    assert len(orbits.names("quicklook")) == 6


def test_a_picture_has_a_line_for_each_frame_in_their_order(orbits: Mission) -> None:
    calibrate(orbits, "R", "20240501")
    make_up(orbits, "101")
    orbits.run()
    lines = [f"{light} {light} {light} {2 * light}" for light in range(20, 160, 20)]
    assert orbits.content("quicklook_R_101_20240506_v1.0.0.pgm").splitlines() == ["P2", "4 7", "255", *lines]


def test_the_times_of_an_orbit_are_those_in_its_file(orbits: Mission) -> None:
    make_up(orbits, "103")
    orbits.run()
    (times,) = orbits.rows("SELECT utc_start_time, utc_stop_time FROM file WHERE filename = 'orbit_103.txt'")
    assert [utc(time) for time in times] == ["2024-05-06 23:40:00.000000", "2024-05-07 01:14:59.999999"]


def test_a_calibration_that_is_too_old_is_none(orbits: Mission) -> None:
    calibrate(orbits, "L", "20240407")
    calibrate(orbits, "R", "20240406")  # 30 days and some hours
    make_up(orbits, "101")
    orbits.run()
    assert orbits.names("quicklook") == ["quicklook_L_101_20240506_v1.0.0.pgm"]
    calibrate(orbits, "R", "20240501")
    orbits.run()
    assert orbits.names("quicklook") == ["quicklook_L_101_20240506_v1.0.0.pgm", "quicklook_R_101_20240506_v1.0.0.pgm"]


def test_a_new_calibration_rebuilds_what_should_have_used_it(orbits: Mission) -> None:
    calibrate(orbits, "L", "20240501")
    calibrate(orbits, "R", "20240501")
    make_up(orbits, "101", "103", "105")
    orbits.run()
    flat = calibrate(orbits, "L", "20240507")
    orbits.run()
    rebuilt = {name: file for name, file in orbits.files().items() if file.version == "1.1.0"}
    assert set(rebuilt) == {"quicklook_L_105_20240507_v1.1.0.pgm"}
    assert flat in rebuilt["quicklook_L_105_20240507_v1.1.0.pgm"].inputs


def test_the_orbits_are_the_same_in_whatever_order_their_files_come(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    together, apart = (example("orbits", make_database(), tmp_path / name) for name in ("together", "apart"))
    make_up(together, "101", "102", "103")
    for camera, day in (("L", "20240501"), ("L", "20240506"), ("R", "20240501")):
        calibrate(together, camera, day)
    together.run()
    make_up(apart, "103")
    calibrate(apart, "L", "20240506")
    apart.run()
    calibrate(apart, "R", "20240501")
    make_up(apart, "102")
    apart.run()
    calibrate(apart, "L", "20240501")
    make_up(apart, "101")
    apart.run()
    assert newest(together) == newest(apart) != {}
