from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from dbproc.core.filenames import NameFacts, compile_format
from dbproc.products import NotMine
from dbproc.products.facts import CheckedFacts, settle
from dbproc.products.netcdf import NetcdfInspector

CLASSIC = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")
FORMATS = (*CLASSIC, "NETCDF4")


def name_of(path: Path, text: str = "met_{Y}{m}{d}.nc") -> NameFacts:
    found = compile_format(text).match(path.name)
    assert found is not None
    return found


def inspected(path: Path, text: str = "met_{Y}{m}{d}.nc", **arguments: str) -> CheckedFacts:
    name = name_of(path, text)
    return settle(NetcdfInspector().inspect(str(path), name, **arguments), name)


def written(
    path: Path,
    kind: Any = "NETCDF4",
    *,
    times: Any = (0.0, 60.0, 3600.0),
    units: str = "seconds since 2019-01-02 00:00:00",
    calendar: str = "standard",
    variable: str = "time",
    attributes: dict[str, str] | None = None,
) -> Path:
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        dataset.createDimension("t", None)
        dataset.createDimension("x", 3)
        time = dataset.createVariable(variable, "f8", ("t",), fill_value=-1.0)
        time.units, time.calendar = units, calendar
        time[:] = np.ma.asarray(times)
        data = dataset.createVariable("data", "i2", ("t", "x"))
        data[:] = np.ones((len(times), 3))
        dataset.createVariable("fixed", "f4", ("x",))[:] = 1.0
        dataset.setncatts(attributes or {})
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_times_are_those_of_the_variable_time(tmp_path: Path, kind: str) -> None:
    settled = inspected(written(tmp_path / "met_20190102.nc", kind))
    assert settled.start == dt.datetime(2019, 1, 2, tzinfo=dt.UTC)
    assert settled.stop == dt.datetime(2019, 1, 2, 1, tzinfo=dt.UTC)


def test_another_variable_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102.nc", variable="epoch", times=(5.0, 6.0))
    assert inspected(path, time="epoch").start == dt.datetime(2019, 1, 2, 0, 0, 5, tzinfo=dt.UTC)
    assert inspected(path).start == dt.datetime(2019, 1, 2, tzinfo=dt.UTC)  # not named, so from the name


def test_missing_ends_are_passed_over(tmp_path: Path) -> None:
    times = np.ma.masked_values([-1.0, 30.0, 90.0, -1.0], -1.0)
    settled = inspected(written(tmp_path / "met_20190102.nc", times=times))
    assert (settled.start.second, settled.stop.minute) == (30, 1)


def test_falling_times_are_taken_the_right_way_round(tmp_path: Path) -> None:
    settled = inspected(written(tmp_path / "met_20190102.nc", times=(3600.0, 0.0)))
    assert settled.start < settled.stop


def test_arms_units_with_a_zone_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102.nc", units="seconds since 2019-01-02 00:00:00 0:00")
    assert inspected(path).start == dt.datetime(2019, 1, 2, tzinfo=dt.UTC)


def test_times_of_global_attributes(tmp_path: Path) -> None:
    attributes = {"begin": "2019-01-02T03:00:00Z", "finish": "2019-01-02T04:00:00.123456789Z"}
    path = written(tmp_path / "met_20190102.nc", attributes=attributes)
    settled = inspected(path, start_attribute="begin", stop_attribute="finish")
    assert (settled.start.hour, settled.stop.hour) == (3, 4)


def test_attributes_written_in_another_way(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102.nc", attributes={"begin": "02/01/2019 03h"})
    assert inspected(path, start_attribute="begin", time_format="%d/%m/%Y %Hh").start.hour == 3


def test_usual_attributes_serve_where_there_is_no_time(tmp_path: Path) -> None:
    attributes = {"time_coverage_start": "2019-01-02T03:00:00Z", "time_coverage_end": "2019-01-02T05:00:00Z"}
    path = written(tmp_path / "met_20190102.nc", variable="t0", attributes=attributes)
    assert inspected(path).stop == dt.datetime(2019, 1, 2, 5, tzinfo=dt.UTC)


def test_contents_without_times_leave_them_to_the_name(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102.nc", units="months")
    assert inspected(path).stop == dt.datetime(2019, 1, 2, 23, 59, 59, 999999, tzinfo=dt.UTC)


def test_the_date_of_a_dateless_name_is_the_day_of_the_start(tmp_path: Path) -> None:
    assert inspected(written(tmp_path / "met_sgp.nc"), "met_{site}.nc").date == dt.date(2019, 1, 2)


def test_contents_of_another_day_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotMine, match="of 2019-01-02, but its name says 2019-03-09"):
        inspected(written(tmp_path / "met_20190309.nc"))


def test_the_version_can_come_from_an_attribute(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102.nc", attributes={"v": "3.1.0"})
    assert str(inspected(path, version_attribute="v").version) == "3.1.0"


def test_a_version_that_contradicts_the_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102_v1.0.0.nc", attributes={"v": "3.1.0"})
    with pytest.raises(NotMine, match=r"version 3\.1\.0, but its name says 1\.0\.0"):
        inspected(path, "met_{Y}{m}{d}_v{VERSION}.nc", version_attribute="v")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"time": "nothing"}, "no variable 'nothing'"),
        ({"time": "data"}, "units of 'data'"),
        ({"start_attribute": "nothing"}, "no attribute 'nothing'"),
        ({"start_attribute": "v"}, "'v' is '3.1.0', no time in ISO 8601"),
        ({"version_attribute": "nothing"}, "no attribute 'nothing'"),
    ],
)
def test_what_the_arguments_name_must_be_there(tmp_path: Path, arguments: dict[str, str], words: str) -> None:
    path = written(tmp_path / "met_20190102.nc", attributes={"v": "3.1.0"})
    with pytest.raises(NotMine, match=words):
        inspected(path, **arguments)


def test_a_named_variable_without_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotMine, match="'time' holds no value"):
        inspected(written(tmp_path / "met_20190102.nc", times=()), time="time")


@pytest.mark.parametrize(("units", "value"), [("days since 0049-09-01", 1.0), ("days since 2000-01-01", 1e30)])
def test_times_that_no_file_has_are_refused(tmp_path: Path, units: str, value: float) -> None:
    with pytest.raises(NotMine, match="its time"):
        inspected(written(tmp_path / "met_20190102.nc", units=units, times=(value,)))


def test_a_day_that_our_calendar_lacks_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102.nc", units="days since 2019-02-30", calendar="360_day", times=(0.0,))
    with pytest.raises(NotMine, match="its times"):
        inspected(path)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("missing", [1, 5, 20])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kind: str, missing: int) -> None:
    path = written(tmp_path / "met_20190102.nc", kind, times=np.arange(100.0))
    whole = path.read_bytes()
    if kind in CLASSIC:
        missing += 2  # the padding of the last record of 6 bytes
    path.write_bytes(whole[:-missing])
    with pytest.raises(NotMine, match=r"cut off|cannot be read as NetCDF"):
        inspected(path)


@pytest.mark.parametrize("kind", CLASSIC)
def test_a_classic_file_cut_anywhere_is_answered(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "met_20190102.nc", kind)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 2, 3):
        path.write_bytes(whole[:size])
        with pytest.raises(NotMine):
            inspected(path)


@pytest.mark.parametrize("content", [b"", b"CDF\x01", b"CDF\x05" + b"\xff" * 60, b"\x89HDF\r\n\x1a\n", b"no NetCDF"])
def test_what_is_no_netcdf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "met_20190102.nc"
    path.write_bytes(content)
    with pytest.raises(NotMine):
        inspected(path)


@pytest.mark.parametrize("how", ["link", "link in a group", "data outside", "virtual"])
def test_a_file_that_takes_its_data_from_another_is_refused(tmp_path: Path, how: str) -> None:
    path, other = written(tmp_path / "met_20190102.nc"), written(tmp_path / "other.nc")
    with h5py.File(path, "a") as file:
        if how == "link":
            file["more"] = h5py.ExternalLink(str(other), "/data")
        elif how == "link in a group":
            file["group/more"] = h5py.ExternalLink(str(other), "/data")
        elif how == "data outside":
            file.create_dataset("more", (16,), "u1", external=[(str(other), 0, 16)])
        else:
            layout = h5py.VirtualLayout((3, 3), "i2")
            layout[:] = h5py.VirtualSource(str(other), "data", shape=(3, 3))
            file.create_virtual_dataset("more", layout)
    with pytest.raises(NotMine, match=r"is not whole by itself: '(group/)?more' lies in another file"):
        inspected(path)


def test_a_virtual_dataset_of_the_file_itself_is_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path / "met_20190102.nc")
    with h5py.File(path, "a") as file:
        layout = h5py.VirtualLayout((3, 3), "i2")
        layout[:] = h5py.VirtualSource(".", "data", shape=(3, 3))
        file.create_virtual_dataset("more", layout)
    assert inspected(path).stop.hour == 1
