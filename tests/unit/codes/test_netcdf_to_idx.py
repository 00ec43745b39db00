"""NetCDF to IDX: exact, honest, all or nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbproc.codes.idx_reader import open_idx, read_field
from tests.unit.codes.conftest import ROOT, environment, same_bits, wild, write_netcdf

DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]
AXES = ("a", "b", "c")

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]


def one(path: Path, values: np.ndarray[Any, Any], layout: str = "NETCDF4", **attributes: Any) -> Path:
    """A file with one variable ``v`` and no coordinates."""
    axes = AXES[: values.ndim]
    return write_netcdf(path, dict(zip(axes, values.shape, strict=True)), {"v": (axes, values, attributes)}, layout)


def test_every_dtype_comes_back_bit_for_bit(tmp_path: Path, convert: Convert) -> None:
    values = {dtype: wild(dtype, (13, 17, 5), seed) for seed, dtype in enumerate(DTYPES)}
    sizes = dict(zip(AXES, (13, 17, 5), strict=True))
    write_netcdf(tmp_path / "in.nc", sizes, {dtype: (AXES, array, {}) for dtype, array in values.items()})
    convert("netcdf_to_idx", *(f"--variable={dtype}" for dtype in DTYPES), "in.nc", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    for dtype, array in values.items():
        assert same_bits(dataset.read(dtype), array), dtype


@pytest.mark.parametrize(
    "shape",
    [(1, 7), (7, 1), (1, 1), (1, 5, 3), (5, 1, 3), (5, 3, 1), (1, 1, 4), (1, 1, 1), (2, 2), (101, 3, 7), (64, 64)],
)
def test_every_shape_comes_back(tmp_path: Path, convert: Convert, shape: tuple[int, ...]) -> None:
    values = wild("float32", shape)
    one(tmp_path / "in.nc", values)
    convert("netcdf_to_idx", "in.nc", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_left_out_axes_are_noted(tmp_path: Path, convert: Convert) -> None:
    one(tmp_path / "in.nc", wild("int16", (1, 5, 3)))
    said = convert("netcdf_to_idx", "in.nc", "out.idx").stdout
    metadata = open_idx(tmp_path / "out.idx").metadata
    assert metadata.stored_shape == (5, 3)
    assert metadata.description.shape == (1, 5, 3)
    assert "leading axes of size 1" in said
    assert "leading axes of size 1" in metadata.description.notes[0]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.sampled_from([1, 2, 3, 5, 8, 13, 31, 32]), min_size=2, max_size=3).map(tuple),
    dtype=st.sampled_from(DTYPES),
    slab=st.sampled_from([1e-5, 1e-4, 1e-3]),
    endian=st.sampled_from(["big", "little"]),
)
def test_any_array_comes_back_whatever_the_slabs(
    tmp_path_factory: pytest.TempPathFactory,
    convert: Convert,
    shape: tuple[int, ...],
    dtype: str,
    slab: float,
    endian: str,
) -> None:
    place = tmp_path_factory.mktemp("any")
    values = wild(dtype, shape)
    one(place / "in.nc", values, endian=endian)
    convert("netcdf_to_idx", "--slab", slab, place / "in.nc", place / "out.idx")
    assert same_bits(read_field(place / "out.idx"), values)


@pytest.mark.parametrize("layout", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4_CLASSIC"])
def test_every_file_format_is_read(tmp_path: Path, convert: Convert, layout: str) -> None:
    values = wild("float64", (6, 10))
    one(tmp_path / "in.nc", values, layout)
    convert("netcdf_to_idx", "in.nc", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_packed_values_stay_packed_and_say_what_they_mean(tmp_path: Path, convert: Convert) -> None:
    values = np.array([[1, 2, -99], [300, -5, 7]], dtype="int16")
    one(
        tmp_path / "in.nc",
        values,
        _FillValue=np.int16(-99),
        missing_value=np.int16(7),
        valid_min=np.int16(-4),
        scale_factor=0.01,
        add_offset=273.15,
        units="K",
        long_name="warmth",
    )
    convert("netcdf_to_idx", "in.nc", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    field, tally = dataset.field(), dataset.metadata.tallies["v"]
    assert same_bits(dataset.read(), values)
    assert (field.scale_factor, field.add_offset, field.units, field.long_name) == (0.01, 273.15, "K", "warmth")
    assert field.fills == (-99, 7)
    assert (tally.valid, tally.fill, tally.out_of_range, tally.minimum, tally.maximum) == (3, 2, 1, 1, 300)


def test_axes_keep_their_exact_coordinates(tmp_path: Path, convert: Convert) -> None:
    time, height = np.array([0.1, 0.7]), np.arange(3, dtype="float32") / 3
    write_netcdf(
        tmp_path / "in.nc",
        {"time": 2, "height": 3, "nv": 2},
        {
            "time": (("time",), time, {"units": "days since 2001-01-01", "calendar": "noleap", "bounds": "time_edges"}),
            "time_edges": (("time", "nv"), np.zeros((2, 2)), {}),
            "height": (("height",), height, {"units": "m", "standard_name": "height", "positive": "up"}),
            "v": (("time", "height"), wild("float32", (2, 3)), {}),
        },
    )
    convert("netcdf_to_idx", "in.nc", "out.idx")
    first, second = open_idx(tmp_path / "out.idx").description.axes
    assert (first.name, first.units, first.calendar) == ("time", "days since 2001-01-01", "noleap")
    assert first.coordinates == (0.1, 0.7)
    assert np.array_equal(np.asarray(second.coordinates, dtype="float32"), height)
    assert second.attributes["positive"] == "up"
    assert second.regular is not None
    assert "(physic_box)\n0 1" in (tmp_path / "out.idx").read_text()


def test_a_variable_in_a_group_is_found_with_its_coordinates(tmp_path: Path, convert: Convert) -> None:
    values = wild("int32", (4, 3))
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.createDimension("y", 4)
        dataset.createVariable("y", "f8", ("y",))[...] = [1, 2, 4, 8]
        group = dataset.createGroup("deep").createGroup("deeper")
        group.createDimension("x", 3)
        group.createVariable("odd name", "i4", ("y", "x"))[...] = values
    convert("netcdf_to_idx", "--variable", "/deep/deeper/odd name", "in.nc", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    assert dataset.field().variable == "deep/deeper/odd name"
    assert dataset.field().name == "deep_deeper_odd_name"
    assert dataset.description.axes[0].coordinates == (1.0, 2.0, 4.0, 8.0)
    assert same_bits(dataset.read(), values)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, convert: Convert) -> None:
    one(tmp_path / "in.nc", wild("float32", (30, 40)))
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        convert("netcdf_to_idx", "in.nc", f"{place}/out.idx")
    for path in (tmp_path / "first").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "second" / path.relative_to(tmp_path / "first")).read_bytes()


def test_the_source_is_not_changed_and_nothing_else_is_left(tmp_path: Path, convert: Convert) -> None:
    before = one(tmp_path / "in.nc", wild("float32", (3, 4))).read_bytes()
    convert("netcdf_to_idx", "in.nc", "out.idx")
    assert (tmp_path / "in.nc").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.nc", "out", "out.idx"]


@pytest.mark.parametrize("name", ["with blank", "ünï'\"cödé", "-dash", "v1.2.3", "#&;$x"])
def test_odd_names_of_outputs_work(tmp_path: Path, convert: Convert, name: str) -> None:
    values = wild("int16", (3, 4))
    one(tmp_path / "in.nc", values)
    convert("netcdf_to_idx", "in.nc", tmp_path / f"{name}.idx")
    assert same_bits(read_field(tmp_path / f"{name}.idx"), values)


def test_it_runs_as_a_script_from_anywhere(tmp_path: Path) -> None:
    values = wild("int16", (3, 4))
    one(tmp_path / "in.nc", values)
    script = ROOT / "dbproc/codes/netcdf_to_idx.py"
    assert script.stat().st_mode & 0o111
    subprocess.run([sys.executable, script, "in.nc", "out.idx"], cwd=tmp_path, check=True, capture_output=True)
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_help_loads_no_heavy_library() -> None:
    heavy = {"numpy", "netCDF4", "tifffile", "matplotlib", "OpenVisus", "h5py"}
    modules = "dbproc.codes.netcdf_to_idx, dbproc.codes.tiff_to_idx, dbproc.codes.picture"
    check = f"import sys, {modules}; sys.exit(' '.join({heavy} & set(sys.modules)) or None)"
    subprocess.run([sys.executable, "-c", check], env=environment(), check=True)


def test_several_candidates_are_listed(tmp_path: Path, refused: Refused) -> None:
    values = wild("float32", (3, 4))
    write_netcdf(tmp_path / "in.nc", {"y": 3, "x": 4}, {name: (("y", "x"), values, {}) for name in ("rain", "snow")})
    said = refused("netcdf_to_idx", "in.nc", "out.idx")
    assert "in.nc" in said
    assert "--variable: rain (y=3, x=4), snow (y=3, x=4)" in said


def test_a_wrong_name_is_answered_with_the_choices(tmp_path: Path, refused: Refused) -> None:
    one(tmp_path / "in.nc", wild("float32", (3, 4)))
    said = refused("netcdf_to_idx", "--variable", "V", "in.nc", "out.idx")
    assert "no variable 'V'" in said
    assert "v (a=3, b=4)" in said


def test_what_is_not_2d_or_3d_is_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    sizes = {"a": 2, "b": 3, "c": 4, "d": 5}
    write_netcdf(
        tmp_path / "in.nc",
        sizes,
        {
            "flat": (("a",), wild("float32", (2,)), {}),
            "deep": (tuple(sizes), wild("float32", (2, 3, 4, 5)), {}),
            "fit": (("a", "b"), wild("float32", (2, 3)), {}),
        },
    )
    assert "'deep' is 4D" in refused("netcdf_to_idx", "--variable=deep", "in.nc", "out.idx")
    assert "'flat' is 1D" in refused("netcdf_to_idx", "--variable=flat", "in.nc", "out.idx")
    assert "deep (4D)" in refused("netcdf_to_idx", "in.nc", "out.idx")


def test_text_is_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    one(tmp_path / "in.nc", np.array([[b"a", b"b"]], dtype="S1"))
    assert "not of numbers" in refused("netcdf_to_idx", "--variable=v", "in.nc", "out.idx")


def test_fields_of_different_shapes_are_refused(tmp_path: Path, refused: Refused) -> None:
    write_netcdf(
        tmp_path / "in.nc",
        {"a": 2, "b": 3},
        {"p": (("a", "b"), wild("int8", (2, 3)), {}), "q": (("b", "a"), wild("int8", (3, 2)), {})},
    )
    said = refused("netcdf_to_idx", "--variable=p", "--variable=q", "in.nc", "out.idx")
    assert "different dimensions" in said


@pytest.mark.parametrize("layout", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, refused: Refused, layout: str) -> None:
    whole = one(tmp_path / "in.nc", wild("float64", (16, 20)), layout).read_bytes()
    for keep in (0.02, 0.5, 0.99):
        (tmp_path / "in.nc").write_bytes(whole[: int(len(whole) * keep)])
        assert "in.nc" in refused("netcdf_to_idx", "in.nc", "out.idx")


def test_a_cut_record_variable_is_refused(tmp_path: Path, refused: Refused) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w", format="NETCDF3_CLASSIC") as dataset:
        dataset.createDimension("time", None)
        dataset.createDimension("x", 3)
        for name in ("v", "w"):
            dataset.createVariable(name, "i2", ("time", "x"))[:20] = wild("int16", (20, 3))
    whole = (tmp_path / "in.nc").read_bytes()
    (tmp_path / "in.nc").write_bytes(whole[:-7])
    assert "it is cut" in refused("netcdf_to_idx", "--variable=v", "in.nc", "out.idx")


@pytest.mark.parametrize("how", ["data outside", "virtual", "link"])
def test_what_lies_in_another_file_is_not_converted(tmp_path: Path, refused: Refused, how: str) -> None:
    one(tmp_path / "in.nc", wild("uint8", (4, 4)))
    one(tmp_path / "other.nc", wild("uint8", (4, 4)))
    with h5py.File(tmp_path / "in.nc", "a") as file:
        if how == "link":
            file["w"] = h5py.ExternalLink(str(tmp_path / "other.nc"), "/v")
        elif how == "virtual":
            layout = h5py.VirtualLayout((4, 4), "u1")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.nc"), "v", shape=(4, 4))
            file.create_virtual_dataset("w", layout)
        else:
            file.create_dataset("w", (4, 4), "u1", external=[(str(tmp_path / "other.nc"), 0, 16)])
    assert "'w' lies in another file" in refused("netcdf_to_idx", "--variable=v", "in.nc", "out.idx")


@pytest.mark.parametrize("content", [b"", b"not a NetCDF file at all", b"CDF\x01" + b"\xff" * 40])
def test_what_is_no_netcdf_is_refused(tmp_path: Path, refused: Refused, content: bytes) -> None:
    (tmp_path / "in.nc").write_bytes(content)
    assert "in.nc" in refused("netcdf_to_idx", "in.nc", "out.idx")


def test_a_name_with_control_characters_is_not_printed_as_it_is(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "in\x1b[31m.nc").write_text("no NetCDF")
    said = refused("netcdf_to_idx", "in\x1b[31m.nc", "out.idx")
    assert r"in\x1b[31m.nc" in said
    assert said.rstrip("\n").isprintable()


def test_a_missing_input_is_refused(refused: Refused) -> None:
    assert "no such file" in refused("netcdf_to_idx", "in.nc", "out.idx")


@pytest.mark.parametrize("existing", ["out.idx", "out"])
def test_an_existing_target_is_left_alone(tmp_path: Path, refused: Refused, existing: str) -> None:
    one(tmp_path / "in.nc", wild("float32", (3, 4)))
    (tmp_path / existing).write_text("mine")
    assert "exists already" in refused("netcdf_to_idx", "in.nc", "out.idx")
    assert (tmp_path / existing).read_text() == "mine"


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("out.nc", ".idx"),
        ("a%b.idx", "%"),
        ("a?b.idx", "?"),
        ("gone/out.idx", "no such directory"),
        ("in.nc/out.idx", "no such directory"),
        ("/proc/out.idx", "cannot be made"),
    ],
)
def test_an_output_that_cannot_be_is_refused(tmp_path: Path, refused: Refused, output: str, complaint: str) -> None:
    one(tmp_path / "in.nc", wild("float32", (3, 4)))
    assert complaint in refused("netcdf_to_idx", "in.nc", output)


def test_wrong_usage_ends_with_status_2(run: Convert) -> None:
    for arguments in ((), ("in.nc",), ("--patience", "0", "in.nc", "out.idx"), ("--slab", "in.nc", "out.idx")):
        assert run("netcdf_to_idx", *arguments).returncode == 2


def test_coordinates_that_rise_give_increasing_positions(tmp_path: Path, convert: Convert) -> None:
    """Packed coordinates are stored as they are and scaled when asked for."""
    write_netcdf(
        tmp_path / "in.nc",
        {"x": 3, "y": 2},
        {
            "x": (("x",), np.array([10, 20, 30], dtype="int16"), {"scale_factor": 0.5}),
            "v": (("x", "y"), wild("int8", (3, 2)), {}),
        },
    )
    convert("netcdf_to_idx", "in.nc", "out.idx")
    axis = open_idx(tmp_path / "out.idx").description.axes[0]
    positions = axis.positions()
    assert axis.coordinates == (10, 20, 30)
    assert positions is not None
    assert [b - a for a, b in pairwise(positions)] == [5.0, 5.0]
