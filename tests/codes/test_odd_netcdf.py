"""NetCDF files that are sound but odd: what they hold is kept, what does not fit is told."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from dbproc.codes.idx import coordinates
from dbproc.codes.idx.coordinates import LEFT_OUT
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.netcdf_to_idx import open_source
from tests.codes.conftest import same_bits, wild, write_netcdf

Convert = Callable[..., "subprocess.CompletedProcess[str]"]


def described(path: Path, *names: str) -> Description:
    with open_source([path], {"variables": list(names)}) as source:
        return source.description


def refusal(path: Path, *names: str) -> str:
    with pytest.raises(Refusal) as caught:
        described(path, *names)
    return str(caught.value)


def latin(path: Path) -> Path:
    """A classic file of three numbers whose units are °C in Latin-1."""

    def named(text: bytes) -> bytes:
        return struct.pack(">I", len(text)) + text + b"\0" * (-len(text) % 4)

    attribute = struct.pack(">II", 12, 1) + named(b"units") + struct.pack(">I", 2) + named(b"\xb0C")
    begin = 120
    variable = named(b"v") + struct.pack(">II", 1, 0) + attribute + struct.pack(">III", 5, 12, begin)
    parts = [b"CDF\x01", struct.pack(">I", 0), struct.pack(">II", 10, 1), named(b"x"), struct.pack(">I", 3)]
    parts += [struct.pack(">II", 0, 0), struct.pack(">II", 11, 1), variable]
    path.write_bytes(b"".join(parts).ljust(begin, b"\0") + np.arange(3, dtype=">f4").tobytes())
    return path


def test_a_groups_own_dimension_has_no_coordinates_of_another_of_its_name(tmp_path: Path, convert: Convert) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.createDimension("x", 3)
        dataset.createVariable("x", "f8", ("x",))[:] = [1, 2, 3]
        group = dataset.createGroup("g")
        group.createDimension("x", 4)
        group.createVariable("v", "f4", ("x",))[:] = [1, 2, 3, 4]
        group.createVariable("at", "f4", ("x",))[:] = [1, 2, 3, 4]
        group["v"].coordinates = "at x"
    convert("netcdf_to_idx", "--variable=g/v", "in.nc", "out.idx", "out.png")
    (axis,) = described(tmp_path / "in.nc", "g/v").axes
    assert (axis.name, axis.size, axis.is_placed) == ("x", 4, False)


def test_text_where_a_number_belongs_is_kept_and_not_reckoned_with(tmp_path: Path, convert: Convert) -> None:
    odd = {"scale_factor": "0.1", "add_offset": "abc", "units": np.int32(3), "missing_value": "NA", "valid_min": "x"}
    write_netcdf(
        tmp_path / "in.nc",
        {"x": 4},
        {"x": (("x",), np.arange(4.0), {"add_offset": "abc"}), "v": (("x",), np.arange(4, dtype="i2"), odd)},
    )
    said = convert("netcdf_to_idx", "in.nc", "out.idx", "out.png").stdout
    assert "its add_offset is no number" in said
    description = described(tmp_path / "in.nc")
    assert description.fields[0].attributes["add_offset"] == "abc"
    assert not description.fields[0].packed
    assert description.axes[0].attributes["source_add_offset"] == "abc"
    assert description.axes[0].positions() == [0, 1, 2, 3]


def test_text_in_latin_1_keeps_its_meaning(tmp_path: Path) -> None:
    assert described(latin(tmp_path / "in.nc")).fields[0].units == "°C"
    write_netcdf(tmp_path / "new.nc", {"x": 2}, {"v": (("x",), np.zeros(2), {"units": "°C \ufffd"})})
    assert described(tmp_path / "new.nc").fields[0].units == "°C \ufffd"


def test_names_in_latin_1_are_refused_as_not_supported(tmp_path: Path) -> None:
    content = latin(tmp_path / "in.nc").read_bytes()
    for name in (b"v\0\0\0", b"units\0\0\0"):
        (tmp_path / "in.nc").write_bytes(content.replace(name, name.replace(b"v", b"\xe4").replace(b"u", b"\xfc"), 1))
        assert "names in it are not UTF-8, which is not supported: " in refusal(tmp_path / "in.nc")


@pytest.mark.parametrize("shape", ["contiguous", "chunked"])
def test_values_that_were_never_written_and_have_no_fill_value_are_refused(tmp_path: Path, shape: str) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.set_fill_off()
        dataset.createDimension("x", 400)
        dataset.createVariable("v", "f8", ("x",), chunksizes=(10,) if shape == "chunked" else None)
    assert "were never written, and it has no fill value for them" in refusal(tmp_path / "in.nc")


def test_a_fill_value_among_the_times_leaves_no_coordinates(tmp_path: Path) -> None:
    packing = {"_FillValue": np.int16(-1), "scale_factor": 0.5, "units": "hours since 2000-01-01"}
    variables: dict[str, Any] = {"time": (("time",), np.array([2, 4, -1, 8], "i2"), packing)}
    write_netcdf(tmp_path / "in.nc", {"time": 4}, {**variables, "v": (("time",), wild("f4", (4,)), {})})
    description = described(tmp_path / "in.nc")
    assert not description.axes[0].is_placed
    assert description.axes[0].attributes[LEFT_OUT] == "1 of 4 are fill values"
    assert "axis time has no coordinates" in description.notes[0]


def test_words_of_axes_and_beside_them_are_kept(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        for name, size in {"station": 2, "letters": 5, "band": 2}.items():
            dataset.createDimension(name, size)
        dataset.createVariable("station", str, ("station",))[:] = np.array(["Bologna", "Köln"], object)
        for name, words in {"band": [b"red", b"nir"], "maker": [b"A\xc3\xa9", b"B\xb0"]}.items():
            made = dataset.createVariable(name, "S1", ("band", "letters"))
            letters = b"".join(word.ljust(5, b"\0") for word in words)
            made[:] = np.frombuffer(letters, "S1").reshape(2, 5)
        dataset.createVariable("v", "f4", ("station", "band"))[:] = 1
    description = described(tmp_path / "in.nc")
    assert [axis.attributes["labels"] for axis in description.axes] == [["Bologna", "Köln"], ["red", "nir"]]
    assert description.attributes["auxiliary_coordinates"]["maker"]["values"] == ["Aé", "B°"]


def test_curvilinear_places_are_kept_or_it_is_said_how_to_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lat = np.array([[1.0, 2, 3], [4, 5, 6]])
    write_netcdf(
        tmp_path / "in.nc",
        {"time": 2, "y": 2, "x": 3},
        {
            "lat": (("y", "x"), lat, {"units": "degrees_north"}),
            "nav": (("y", "x"), lat, {"standard_name": "longitude"}),
            "v": (("time", "y", "x"), wild("f4", (2, 2, 3)), {}),
        },
    )
    told = described(tmp_path / "in.nc").attributes["auxiliary_coordinates"]
    assert told["lat"]["values"] == told["nav"]["values"] == lat.tolist()
    monkeypatch.setattr(coordinates, "MOST", 5)
    description = described(tmp_path / "in.nc")
    assert "convert them as a field of their own" in description.attributes["auxiliary_coordinates"]["lat"]["values"]
    assert "lat, nav" in description.notes[0]


def test_what_a_mesh_is_made_of_is_no_data(tmp_path: Path) -> None:
    mesh = {
        "cf_role": "mesh_topology",
        "topology_dimension": np.int32(2),
        "node_coordinates": "node_x node_y",
        "face_node_connectivity": "nodes",
    }
    write_netcdf(
        tmp_path / "in.nc",
        {"face": 2, "node": 4, "three": 3},
        {
            "mesh": ((), np.int32(0), mesh),
            "nodes": (("face", "three"), np.zeros((2, 3), "i4"), {"cf_role": "face_node_connectivity"}),
            "node_x": (("node",), np.arange(4.0), {}),
            "node_y": (("node",), np.arange(4.0), {}),
            "area": (("face",), np.arange(2.0), {}),
            "depth": (("face",), np.arange(2.0), {"mesh": "mesh", "location": "face", "cell_measures": "area: area"}),
        },
    )
    assert [field.name for field in described(tmp_path / "in.nc").fields] == ["depth"]


def test_what_cannot_be_converted_is_not_offered(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.createDimension("t", None)
        dataset.createDimension("x", 3)
        dataset.createVariable("v", "f4", ("t", "x"))
        dataset.createVariable("scalar", "f8")
    for names in ((), ("v",)):
        said = refusal(tmp_path / "in.nc", *names)
        assert "Choose with" not in said
        assert "Not supported: v (no values)" in said


def test_a_dimension_that_occurs_twice_makes_two_axes(tmp_path: Path, convert: Convert) -> None:
    values = wild("f4", (3, 3))
    write_netcdf(tmp_path / "in.nc", {"x": 3}, {"x": (("x",), np.arange(3.0), {}), "v": (("x", "x"), values, {})})
    assert [axis.name for axis in described(tmp_path / "in.nc").axes] == ["x", "x_2"]
    convert("netcdf_to_idx", "--timesteps=x_2", "in.nc", "out.idx")
    assert same_bits(open_idx(tmp_path / "out.idx").read(), values.T)


def test_coordinates_that_were_never_written_are_none(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.createDimension("x", 400)
        dataset.createVariable("v", "f8", ("x",))[:] = 1
        dataset.set_fill_off()
        dataset.createVariable("x", "f8", ("x",))
    (axis,) = described(tmp_path / "in.nc").axes
    assert not axis.is_placed
    assert "were never written" in axis.attributes[LEFT_OUT]
