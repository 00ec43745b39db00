"""NeXus to IDX: the data that the file means, with its axes, and time where it says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dbproc.codes.formats.nexus import numbered
from dbproc.codes.idx.description import Axis, Description
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.nexus_to_idx import Roles, open_source, roles
from tests.codes.conftest import same_bits, wild

Convert = Callable[..., Any]
Refused = Callable[..., str]


def about(path: Path, **options: Any) -> Description:
    with open_source([path], options) as source:
        found = source.description
        for each in found.fields:
            box = tuple(slice(0, size) for size in found.shape)
            with h5py.File(path) as file:
                assert same_bits(source.read(each.name, box), file[each.variable][...])
        return found


def why(path: Path, **options: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        about(path, **options)
    return str(refusal.value)


def nexus(path: Path, shape: tuple[int, ...], axes: list[str], **datasets: Any) -> Path:
    """A file with one NXdata in ``entry/data`` that says what it is."""
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        file.create_group("entry").attrs.update({"NX_class": "NXentry", "default": "data"})
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": axes})
        group["counts"] = wild("int32", shape)
        for name, values in datasets.items():
            group[name] = values
        file["entry/title"] = "a scan"
    return path


def axes_of(*told: str) -> list[Axis]:
    """Axes by name and units: ``x mm``."""
    return [Axis(each.split(" ", 1)[0], 4, units=each.partition(" ")[2]) for each in told]


def test_the_default_data_come_back_with_their_axes(tmp_path: Path, convert: Convert) -> None:
    nexus(tmp_path / "in.nxs", (3, 4), ["angle", "tof"], angle=np.array([1.0, 2, 4]), tof=np.arange(5, dtype="f4"))
    convert("nexus_to_idx", "in.nxs", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    first, second = dataset.description.axes
    assert same_bits(dataset.read(), wild("int32", (3, 4)))
    assert (first.name, first.coordinates) == ("angle", (1.0, 2.0, 4.0))
    assert second.coordinates == (0.5, 1.5, 2.5, 3.5)
    assert list(second.attributes["edges"]) == [0, 1, 2, 3, 4]
    assert dataset.description.attributes["/entry/title"] == "a scan"


def test_several_data_are_listed_unless_one_is_named(tmp_path: Path, refused: Refused) -> None:
    nexus(tmp_path / "in.nxs", (3, 4), ["y", "x"])
    with h5py.File(tmp_path / "in.nxs", "a") as file:
        file.copy("entry/data", "entry/other")
        file["entry/other/counts"].attrs["units"] = "K"
        del file["entry"].attrs["default"]
    said = refused("nexus_to_idx", "in.nxs", "out.idx")
    assert "--data: entry/data (counts (3, 4) <i4), entry/other (counts (3, 4) <i4)" in said
    assert about(tmp_path / "in.nxs", data="/entry/other").fields[0].units == "K"
    assert "no group 'nowhere'" in why(tmp_path / "in.nxs", data="nowhere")


def test_a_default_path_that_breaks_off_is_refused(tmp_path: Path) -> None:
    nexus(tmp_path / "in.nxs", (3, 4), ["y", "x"])
    with h5py.File(tmp_path / "in.nxs", "a") as file:
        file["entry"].attrs["default"] = "gone"
    assert "'entry/gone'" in why(tmp_path / "in.nxs")


def test_the_older_style_names_axes_on_the_signal(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.nxs", "w") as file:
        file.create_group("entry").attrs["NX_class"] = "NXentry"
        group = file.create_group("entry/data")
        group.attrs["NX_class"] = "NXdata"
        group["v"] = wild("float32", (2, 3))
        group["v"].attrs.update({"signal": 1, "axes": "[phi:t]"})
        group["phi"], group["t"] = np.arange(2.0), np.arange(3.0)
    assert [axis.name for axis in about(tmp_path / "in.nxs").axes] == ["phi", "t"]


def test_the_oldest_style_numbers_axes_from_the_quickest_unless_only_the_other_way_fits() -> None:
    numbers, sizes = {1: "tof", 2: "angle"}, {"tof": (4,), "angle": (3,)}
    assert numbered(numbers, sizes, (3, 4)) == ["angle", "tof"]
    assert numbered(numbers, sizes, (4, 3)) == ["tof", "angle"]
    assert numbered(numbers, sizes, (7, 8)) is None
    assert numbered({1: "tof"}, {"tof": (5,)}, (3, 4)) == ["", "tof"]


def test_numbered_axes_prefer_the_primary_one(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.nxs", "w") as file:
        group = file.create_group("data")
        group.attrs["NX_class"] = "NXdata"
        group["v"] = wild("float32", (2, 3))
        group["v"].attrs["signal"] = 1
        for name, number, primary in (("a", 1, 2), ("b", 1, 1), ("c", 2, 1)):
            group[name] = np.arange(3.0 if number == 1 else 2.0)
            group[name].attrs.update({"axis": number, "primary": primary})
    assert [axis.name for axis in about(tmp_path / "in.nxs").axes] == ["c", "b"]


def test_axes_that_do_not_fit_are_told_and_not_bent(tmp_path: Path) -> None:
    path = nexus(tmp_path / "in.nxs", (3, 4), ["y", "."], y=np.zeros((3, 4)), extra=np.arange(4.0))
    with h5py.File(path, "a") as file:
        file["entry/data"].attrs.update({"y_indices": [0, 1], "extra_indices": 1})
    found = about(path)
    assert [(axis.name, axis.coordinates) for axis in found.axes] == [("y", None), ("dim_1", None)]
    assert "shape (3, 4)" in found.notes[0]


def test_links_to_a_detector_and_scaling_are_followed(tmp_path: Path) -> None:
    path = nexus(tmp_path / "in.nxs", (2, 3), ["y", "x"], counts_scaling_factor=0.5, counts_offset=4.0)
    with h5py.File(path, "a") as file:
        file["entry/detector/raw"] = file["entry/data/counts"]
        del file["entry/data/counts"]
        file["entry/data/counts"] = h5py.SoftLink("/entry/detector/raw")
    (field,) = about(path).fields
    assert (field.scale_factor, field.add_offset) == (0.5, 2.0)


def test_further_signals_are_converted_when_asked_and_named_when_not(tmp_path: Path) -> None:
    values = wild("float64", (2, 3))
    path = nexus(tmp_path / "in.nxs", (2, 3), [".", "."], counts_errors=values, more=values, odd=np.zeros(9))
    with h5py.File(path, "a") as file:
        file["entry/data"].attrs["auxiliary_signals"] = ["more"]
    assert about(path).notes == ("not converted, but there: more, counts_errors (--signal)",)
    both = about(path, signals=["counts", "counts_errors", "more"])
    assert [field.name for field in both.fields] == ["counts", "counts_errors", "more"]
    assert both.notes == ()
    assert "different shapes" in why(path, signals=["counts", "odd"])
    assert "--signal: counts (2, 3) <i4" in why(path, signals=["gone"])


def test_time_becomes_timesteps_where_the_data_say_so(tmp_path: Path) -> None:
    path = nexus(tmp_path / "in.nxs", (2, 3, 4), ["time", "y", "x"])
    assert about(path).timesteps == "time"
    assert about(path, timesteps="none").timesteps == ""


@pytest.mark.parametrize(
    ("told", "time"),
    [
        ("time, y mm, x mm", "time"),
        ("scan s, y, x", "scan"),
        ("y, x, when days since 2001-01-01", "when"),
        ("angle deg, time_of_flight s, x", ""),
        ("tof us, y, x", ""),
        ("exposure s, y, x", ""),
        ("time, x", ""),
        ("y, x, energy eV", ""),
    ],
)
def test_which_axis_is_time(told: str, time: str) -> None:
    assert roles(axes_of(*told.split(", ")), "", [], "").time == time


@pytest.mark.parametrize(
    ("told", "interpretation", "space", "timesteps", "wanted"),
    [
        ("theta deg, x, y, energy eV", "", [], "", Roles(("x", "y"))),
        ("scan, angle, a, b", "image", [], "", Roles(("a", "b"))),
        ("scan, a mm, b um, c pixel", "", [], "", Roles(("a", "b", "c"))),
        ("scan, angle, row, column", "", ["angle", "row"], "", Roles(("angle", "row"))),
        ("scan, a, b, c", "", [], "scan", Roles((), "scan")),
        ("scan, a, b, c", "", [], "none", Roles()),
        ("time, a, b, c", "", [], "", Roles((), "time")),
        ("time, a, b", "", ["time", "a"], "", Roles(("time", "a"))),
        ("a, b, c", "", [], "", Roles()),
    ],
)
def test_which_axes_are_space(told: str, interpretation: str, space: list[str], timesteps: str, wanted: Roles) -> None:
    assert roles(axes_of(*told.split(", ")), interpretation, space, timesteps) == wanted


def test_four_axes_of_which_nothing_says_what_they_are_stay_what_they_are(tmp_path: Path) -> None:
    path = nexus(tmp_path / "in.nxs", (2, 3, 2, 3), ["a", "b", "c", "d"])
    assert about(path).attributes["nexus"]["other_axes"] == ["a", "b", "c", "d"]
    said = why(path, space=["e"])
    assert "a 2, b 3, c 2, d 3" in said
    assert "--space NAMES" in said
    assert "not e" in said
    assert about(path, space=["c", "d"]).attributes["nexus"]["other_axes"] == ["a", "b"]


def test_a_scan_of_four_axes_is_converted(tmp_path: Path, convert: Convert) -> None:
    nexus(tmp_path / "in.nxs", (2, 3, 4, 5), ["angle", "y", "x", "energy"])
    convert("nexus_to_idx", "--space=y,x", "in.nxs", "out.idx")
    assert same_bits(open_idx(tmp_path / "out.idx").read(), wild("int32", (2, 3, 4, 5)))


def test_a_file_without_data_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.nxs", "w") as file:
        file["v"] = wild("int8", (3, 4))
    assert "hdf5_to_idx" in why(tmp_path / "in.nxs")
