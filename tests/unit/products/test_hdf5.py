from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from dbproc.core.filenames import NameFacts, compile_format
from dbproc.products import NotMine
from dbproc.products.facts import CheckedFacts, settle
from dbproc.products.hdf5 import Hdf5Inspector

FORMAT = "scan_{Y}{m}{d}.h5"


def name_of(path: Path) -> NameFacts:
    found = compile_format(FORMAT).match(path.name)
    assert found is not None
    return found


def inspected(path: Path, **arguments: str) -> CheckedFacts:
    return settle(Hdf5Inspector().inspect(str(path), name_of(path), **arguments), name_of(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scan_20190102.h5"


def time_dataset(file: h5py.File, where: str) -> None:
    dataset = file.create_dataset(where, data=np.array([60.0, 3600.0]))
    dataset.attrs["units"] = "seconds since 2019-01-02"


@pytest.mark.parametrize("where", ["time", "entry/time"])
def test_times_of_a_dataset_time_are_found(path: Path, where: str) -> None:
    with h5py.File(path, "w") as file:
        time_dataset(file, where)
    settled = inspected(path)
    assert (settled.start.minute, settled.stop.hour) == (1, 1)


def test_a_dataset_can_be_named(path: Path) -> None:
    with h5py.File(path, "w") as file:
        time_dataset(file, "a/b/epoch")
    assert inspected(path, time="a/b/epoch").start.minute == 1


def test_times_of_nexus_entries_are_found(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for number, hour in ((1, 4), (2, 6)):
            entry = file.create_group(f"run{number}")
            entry.attrs["NX_class"] = "NXentry"
            entry["start_time"] = np.bytes_(f"2019-01-02T0{hour}:00:00+01:00")
            entry["end_time"] = [f"2019-01-02T0{hour}:30:00+01:00"]
    settled = inspected(path)
    assert settled.start == dt.datetime(2019, 1, 2, 3, tzinfo=dt.UTC)
    assert settled.stop == dt.datetime(2019, 1, 2, 5, 30, tzinfo=dt.UTC)


def test_usual_attributes_are_found(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["time_coverage_start"] = "2019-01-02T01:00:00"
        file.attrs["time_coverage_end"] = "2019-01-02T02:00:00"
    assert inspected(path).stop == dt.datetime(2019, 1, 2, 2, tzinfo=dt.UTC)


def test_attributes_and_datasets_of_text_can_be_named(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["when"] = np.bytes_("201901020330")
        file["log/end"] = "201901020430"
    settled = inspected(path, start_attribute="when", stop_attribute="log/end", time_format="%Y%m%d%H%M")
    assert (settled.start.hour, settled.stop.hour) == (3, 4)


def test_an_attribute_of_a_group_can_be_named(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("entry").attrs["version"] = "2.0.1"
    assert str(inspected(path, version_attribute="entry/version").version) == "2.0.1"


def test_contents_without_times_leave_them_to_the_name(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(5)
    assert inspected(path).date == dt.date(2019, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"time": "nothing"}, "no dataset 'nothing' of its own"),
        ({"time": "data"}, "units of 'data'"),
        ({"start_attribute": "nothing"}, "no attribute or dataset 'nothing' of its own"),
        ({"start_attribute": "no/thing"}, "no attribute or dataset 'no/thing'"),
    ],
)
def test_what_the_arguments_name_must_be_there(path: Path, arguments: dict[str, str], words: str) -> None:
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(5)
    with pytest.raises(NotMine, match=words):
        inspected(path, **arguments)


def test_a_file_that_was_cut_off_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(5000)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(NotMine, match="cannot be read as HDF5"):
        inspected(path)


def test_dangling_links_do_no_harm(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["soft"] = h5py.SoftLink("/nothing")
        file["outside"] = h5py.ExternalLink("/nothing.h5", "/")
    assert inspected(path).date == dt.date(2019, 1, 2)


def elsewhere(directory: Path) -> Path:
    """Another file, with times and attributes of its own."""
    path = directory / "elsewhere.h5"
    with h5py.File(path, "w") as file:
        time_dataset(file, "time")
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["start_time"] = "2019-01-02T04:00:00"
        file.attrs["when"] = "2019-01-02T05:00:00"
    (directory / "raw").write_bytes(np.array([60.0, 3600.0]).tobytes())
    return path


def reach(path: Path, other: Path, how: str) -> None:
    """Make a file whose ``time`` or ``entry`` is in another one."""
    with h5py.File(path, "w") as file:
        if how == "link":
            file["time"] = h5py.ExternalLink(str(other), "/time")
        elif how == "linked group":
            file["entry"] = h5py.ExternalLink(str(other), "/")
        elif how == "link to a link":
            file["group/link"] = h5py.ExternalLink(str(other), "/")
            file["time"] = h5py.SoftLink("/group/link/time")
        elif how == "NeXus entry":
            file["run"] = h5py.ExternalLink(str(other), "/entry")
        elif how == "time of a NeXus entry":
            file.create_group("run").attrs["NX_class"] = "NXentry"
            file["run/start_time"] = h5py.ExternalLink(str(other), "/entry/start_time")
        elif how == "virtual over data outside":
            file.create_dataset("raw", (2,), "f8", external=[(str(other.with_name("raw")), 0, 16)])
            layout = h5py.VirtualLayout((2,), "f8")
            layout[:] = h5py.VirtualSource(".", "raw", shape=(2,))
            file.create_virtual_dataset("time", layout)
        elif how == "data outside":
            file.create_dataset("time", (2,), "f8", external=[(str(other.with_name("raw")), 0, 16)])
        elif how == "data in what is no file":
            file.create_dataset("time", (2,), "f8", external=[(".", 0, 16)])
        else:
            layout = h5py.VirtualLayout((2,), "f8")
            layout[:] = h5py.VirtualSource(str(other), "time", shape=(2,))
            file.create_virtual_dataset("time", layout)
        if isinstance(file.get("time", getlink=True), h5py.HardLink):
            file["time"].attrs["units"] = "seconds since 2019-01-02"


OUTSIDE = (
    "link",
    "linked group",
    "link to a link",
    "NeXus entry",
    "time of a NeXus entry",
    "data outside",
    "data in what is no file",
    "virtual",
    "virtual over data outside",
)


@pytest.mark.parametrize("how", OUTSIDE)
def test_times_of_other_files_are_not_taken_for_its_own(path: Path, tmp_path: Path, how: str) -> None:
    reach(path, elsewhere(tmp_path), how)
    assert inspected(path).stop == dt.datetime(2019, 1, 2, 23, 59, 59, 999999, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("how", "arguments"),
    [
        ("link", {"time": "time"}),
        ("virtual", {"time": "time"}),
        ("linked group", {"time": "entry/time"}),
        ("linked group", {"start_attribute": "entry/when"}),
        ("NeXus entry", {"start_attribute": "run/start_time"}),
        ("link to a link", {"version_attribute": "group/link/when"}),
    ],
)
def test_what_the_arguments_name_must_be_in_the_file_itself(
    path: Path, tmp_path: Path, how: str, arguments: dict[str, str]
) -> None:
    reach(path, elsewhere(tmp_path), how)
    with pytest.raises(NotMine, match=r"it has no .* of its own"):
        inspected(path, **arguments)


def test_a_link_to_what_can_only_be_waited_for_is_not_opened(path: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with h5py.File(path, "w") as file:
        file["time"] = h5py.ExternalLink(str(tmp_path / "fifo"), "/time")
        file["entry"] = h5py.ExternalLink(str(tmp_path / "fifo"), "/")
    assert inspected(path).date == dt.date(2019, 1, 2)


def test_links_within_the_file_are_followed(path: Path) -> None:
    with h5py.File(path, "w") as file:
        time_dataset(file, "a/b/epoch")
        file["a/c"] = h5py.SoftLink("b/./epoch")
        file["time"] = h5py.SoftLink("/a/c")
        file["a/d"] = h5py.SoftLink("/a/c")
        file["ring"] = h5py.SoftLink("/ring")
    assert inspected(path).start.minute == 1
    assert inspected(path, time="a/d").start.minute == 1
    with pytest.raises(NotMine, match="no dataset 'ring'"):
        inspected(path, time="ring")


def test_a_virtual_dataset_of_the_file_itself_is_its_own(path: Path) -> None:
    with h5py.File(path, "w") as file:
        time_dataset(file, "a/epoch")
        layout = h5py.VirtualLayout((2,), "f8")
        layout[:] = h5py.VirtualSource(".", "a/epoch", shape=(2,))
        file.create_virtual_dataset("time", layout).attrs["units"] = "seconds since 2019-01-02"
    assert inspected(path).start.minute == 1
