"""NetCDF to IDX: exact, honest, all or nothing."""

from __future__ import annotations

import struct
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

from dbproc.codes.conversion.witness import require_same
from dbproc.codes.formats import array_file, chunks, classic
from dbproc.codes.formats.classic import require_whole
from dbproc.codes.idx.description import Description, plain
from dbproc.codes.idx.idx_reader import open_idx, read_field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import plan
from dbproc.codes.idx.values import native
from dbproc.codes.netcdf_to_idx import open_source
from tests.codes.conftest import ROOT, environment, same_bits, wild, write_netcdf

DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]
AXES = ("a", "b", "c", "d", "e", "f")

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]


def one(path: Path, values: np.ndarray[Any, Any], layout: str = "NETCDF4", **attributes: Any) -> Path:
    """A file with one variable ``v`` and no coordinates."""
    axes = AXES[: values.ndim]
    return write_netcdf(path, dict(zip(axes, values.shape, strict=True)), {"v": (axes, values, attributes)}, layout)


def read(path: Path, *names: str, unpack: bool = False, budget: int = 10**9) -> dict[str, np.ndarray[Any, Any]]:
    """All values of variables, in the boxes of a conversion, without one."""
    with open_source([path], {"variables": list(names), "unpack": unpack}) as source:
        found = {}
        for each in source.description.fields:
            values = np.empty(source.description.shape, each.dtype)
            for box in plan(values.shape, values.itemsize, budget):
                values[box] = source.read(each.name, box)
                require_same(source, each, box, native(values[box]), "in")
            found[each.name] = values
    return found


def described(path: Path, *names: str, unpack: bool = False) -> Description:
    with open_source([path], {"variables": list(names), "unpack": unpack}) as source:
        return source.description


def refusal(path: Path, *names: str) -> str:
    with pytest.raises(Refusal) as caught:
        read(path, *names)
    return str(caught.value)


def test_every_dtype_comes_back_bit_for_bit(tmp_path: Path, convert: Convert) -> None:
    values = {dtype: wild(dtype, (13, 17, 5), seed) for seed, dtype in enumerate(DTYPES)}
    axes = AXES[:3]
    sizes = dict(zip(axes, (13, 17, 5), strict=True))
    write_netcdf(tmp_path / "in.nc", sizes, {dtype: (axes, array, {}) for dtype, array in values.items()})
    found = read(tmp_path / "in.nc", *DTYPES, budget=300)
    for dtype, array in values.items():
        assert same_bits(found[dtype], array), dtype
    convert("netcdf_to_idx", "--variable=int8", "--variable=float64", "in.nc", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    assert same_bits(dataset.read("int8"), values["int8"])
    assert same_bits(dataset.read("float64"), values["float64"])


@pytest.mark.parametrize(
    "shape",
    [
        *((1, 1, 4), (101, 3, 7), (2, 3, 4, 3, 2)),
        *(pytest.param(each, marks=pytest.mark.thorough) for each in ((7,), (1,), (1, 7), (7, 1), (1, 1), (1, 5, 3))),
        *(pytest.param(each, marks=pytest.mark.thorough) for each in ((5, 1, 3), (5, 3, 1), (1, 1, 1), (64, 64))),
        *(pytest.param(each, marks=pytest.mark.thorough) for each in ((3, 1, 4, 5), (1, 3, 4, 3, 2))),
    ],
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


@pytest.mark.thorough
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
def test_every_file_format_is_read(tmp_path: Path, layout: str) -> None:
    values = wild("float64", (6, 10))
    assert same_bits(read(one(tmp_path / "in.nc", values, layout), budget=100)["v"], values)


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


@pytest.mark.parametrize(
    "name",
    [
        "with blank ünï'\"cödé",
        *(pytest.param(each, marks=pytest.mark.thorough) for each in ("-dash", "v1.2.3", "#&;$x")),
    ],
)
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


def test_several_candidates_are_listed(tmp_path: Path) -> None:
    values = wild("float32", (3, 4))
    variables: dict[str, Any] = {name: (("y", "x"), values, {}) for name in ("rain", "snow")}
    write_netcdf(tmp_path / "in.nc", {"y": 3, "x": 4}, {**variables, "row": (("y",), wild("int8", (3,)), {})})
    said = refusal(tmp_path / "in.nc")
    assert "in.nc" in said
    assert "--variable: rain (y=3, x=4), snow (y=3, x=4), row (y=3)" in said


def test_data_variables_of_the_same_dimensions_are_fields_together(tmp_path: Path) -> None:
    values = {name: wild("float32", (3, 4), seed) for seed, name in enumerate(("rain", "snow"))}
    write_netcdf(tmp_path / "in.nc", {"y": 3, "x": 4}, {name: (("y", "x"), v, {}) for name, v in values.items()})
    found = read(tmp_path / "in.nc")
    assert list(found) == ["rain", "snow"]
    assert all(same_bits(found[name], each) for name, each in values.items())


def test_a_wrong_name_is_answered_with_the_choices(tmp_path: Path, refused: Refused) -> None:
    one(tmp_path / "in.nc", wild("float32", (3, 4)))
    said = refused("netcdf_to_idx", "--variable", "V", "in.nc", "out.idx")
    assert "no variable 'V'" in said
    assert "v (a=3, b=4)" in said


def test_seven_dimensions_or_none_are_refused_by_name(tmp_path: Path) -> None:
    sizes = dict(zip((*AXES, "g"), (2, 1, 2, 1, 2, 2, 1), strict=True))
    path = write_netcdf(
        tmp_path / "in.nc",
        sizes,
        {
            "deep": (tuple(sizes), wild("float32", tuple(sizes.values())), {}),
            "fit": (("a", "b"), wild("float32", (2, 1)), {}),
            "alone": ((), np.float32(1), {}),
        },
    )
    assert "'deep' is 7D" in refusal(path, "deep")
    assert "'alone' is 0D" in refusal(path, "alone")
    assert "fit (a=2, b=1). Not supported: deep (7D)" in refusal(path, "other")
    assert described(path).fields[0].name == "fit"


def test_what_is_not_of_numbers_is_refused_by_name(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.createDimension("x", 3)
        pair = dataset.createCompoundType(np.dtype([("a", "i4"), ("b", "f8")]), "pair_t")
        dataset.createVariable("pair", pair, ("x",))
        dataset.createVariable("ragged", dataset.createVLType("i4", "ragged_t"), ("x",))
        dataset.createVariable("word", str, ("x",))
        dataset.createVariable("letter", "S1", ("x",))
        clouds = dataset.createEnumType("u1", "cloud_t", {"clear": 0, "storm": 7})
        dataset.createVariable("cloud", clouds, ("x",))[:] = [0, 7, 7]
    with h5py.File(tmp_path / "in.nc", "a") as file:
        file.create_dataset("opaque", data=np.zeros(3, "V8"))
    path = tmp_path / "in.nc"
    assert "'pair' is compound" in refusal(path, "pair")
    assert "'ragged' is of variable length" in refusal(path, "ragged")
    assert "'word' is text" in refusal(path, "word")
    assert "'letter' is text" in refusal(path, "letter")
    assert "'opaque' is of an unsupported type" in refusal(path, "opaque")
    assert same_bits(read(path, "cloud")["cloud"], np.array([0, 7, 7], "u1"))
    assert described(path, "cloud").fields[0].attributes["enum"] == {"clear": 0, "storm": 7}


def test_fields_of_different_shapes_are_refused(tmp_path: Path) -> None:
    path = write_netcdf(
        tmp_path / "in.nc",
        {"a": 2, "b": 3},
        {"p": (("a", "b"), wild("int8", (2, 3)), {}), "q": (("b", "a"), wild("int8", (3, 2)), {})},
    )
    assert "different dimensions" in refusal(path, "p", "q")


def test_a_variable_of_one_dimension_is_the_only_one_when_there_is_no_other(tmp_path: Path) -> None:
    path = write_netcdf(
        tmp_path / "in.nc",
        {"x": 3},
        {"x": (("x",), np.arange(3.0), {}), "v": (("x",), wild("int8", (3,)), {})},
    )
    assert described(path).fields[0].name == "v"


@pytest.mark.parametrize("single", [True, False])
def test_unpacked_values_are_by_the_formula_that_is_told(tmp_path: Path, single: bool) -> None:
    kind = np.float32 if single else np.float64
    stored = np.array([[0, 1, -99], [300, -5, 7]], dtype="int16")
    facts = {"missing_value": np.array([7, 300], "int16"), "valid_min": np.int16(-4)}
    packing = {"scale_factor": kind(0.1), "add_offset": kind(273.15)}
    path = one(tmp_path / "in.nc", stored, _FillValue=np.int16(-99), **facts, **packing)
    found, description = read(path, unpack=True)["v"], described(path, unpack=True)
    wanted = stored.astype(kind) * kind(0.1) + kind(273.15)
    absent = np.isin(stored, [-99, 7, 300, -5])
    assert found.dtype == kind
    assert np.array_equal(np.isnan(found), absent)
    assert same_bits(found[~absent], wanted[~absent])
    field = description.fields[0]
    assert (field.packed, field.fills, field.attributes["stored_fills"]) == (False, (), [-99, 7, 300])
    assert f"in {kind.__name__}; NaN where" in description.notes[0]


def test_unsigned_bytes_are_unpacked_as_such_and_keep_their_range(tmp_path: Path) -> None:
    stored = np.array([[0, 127], [-128, -1]], dtype="int8")
    facts = {"_Unsigned": "true", "valid_range": np.array([1, -2], "int8")}
    path = one(tmp_path / "in.nc", stored, **facts, scale_factor=2.0)
    field = described(path).fields[0]
    assert (field.unsigned, field.valid_min, field.valid_max) == (True, 1, 254)
    assert np.array_equal(read(path, unpack=True)["v"], [[np.nan, 254.0], [256.0, np.nan]], equal_nan=True)


def test_a_range_in_unpacked_units_counts_for_unpacked_values(tmp_path: Path) -> None:
    path = one(tmp_path / "in.nc", np.array([[1, 2]], "int16"), scale_factor=0.5, valid_range=np.array([0.0, 0.7]))
    packed, unpacked = described(path).fields[0], described(path, unpack=True).fields[0]
    assert (packed.valid_min, packed.valid_max) == (None, None)
    assert (unpacked.valid_min, unpacked.valid_max) == (0.0, 0.7)


def test_what_serves_a_variable_is_kept(tmp_path: Path) -> None:
    lat = np.array([60, 50], "float32")
    path = write_netcdf(
        tmp_path / "in.nc",
        {"lat": 2, "x": 3, "nv": 2},
        {
            "lat": (("lat",), lat, {"units": "degrees_north", "bounds": "lat_b"}),
            "lat_b": (("lat", "nv"), np.array([[65.0, 55.0], [55.0, 45.0]]), {}),
            "height": ((), np.float32(2.5), {"units": "m"}),
            "lon": (("lat", "x"), wild("float32", (2, 3)), {"units": "degrees_east"}),
            "crs": ((), np.int32(0), {"grid_mapping_name": "mercator"}),
            "v": (("lat", "x"), wild("int8", (2, 3)), {"coordinates": "height lon", "grid_mapping": "crs"}),
        },
    )
    description = described(path)
    told = description.attributes
    assert description.axes[0].attributes["bounds_values"] == [[65.0, 55.0], [55.0, 45.0]]
    assert description.axes[0].attributes["dtype"] == "float32"
    assert told["auxiliary_coordinates"]["height"]["values"] == 2.5
    assert told["auxiliary_coordinates"]["lon"]["values"] == plain(wild("float32", (2, 3)))
    assert told["auxiliary_coordinates"]["lon"]["shape"] == [2, 3]
    assert told["grid_mappings"]["crs"]["grid_mapping_name"] == "mercator"
    assert told["axes_without_coordinates"] == ["x"]
    assert "lat falls from row to row, the first row is the northernmost" in description.orientation


def test_records_are_an_axis(tmp_path: Path) -> None:
    values = wild("float32", (5, 4))
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.createDimension("time", None)
        dataset.createDimension("x", 4)
        dataset.createVariable("v", "f4", ("time", "x"), chunksizes=(2, 4))[:] = values
    assert same_bits(read(tmp_path / "in.nc", budget=16)["v"], values)


def test_chunks_that_were_never_written_are_told(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        dataset.createDimension("y", 6)
        dataset.createDimension("x", 4)
        dataset.createVariable("v", "i2", ("y", "x"), chunksizes=(2, 4))[:2] = 1
    assert "2 of 3 chunks were never written" in described(tmp_path / "in.nc").notes[0]


def test_chunks_across_the_slabs_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = wild("float32", (64, 24, 24))
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        for name, size in zip(AXES, values.shape, strict=False):
            dataset.createDimension(name, size)
        variable = dataset.createVariable("v", "f4", AXES[:3], chunksizes=(64, 4, 4), zlib=True)
        variable.set_auto_maskandscale(False)
        variable[...] = values
    monkeypatch.setattr(chunks, "LAYER", 1 << 12)
    monkeypatch.setattr(array_file, "WINDOW", 1 << 13)
    decoded = 0
    with open_source([tmp_path / "in.nc"], {"variables": None}) as source:
        (stored,) = source._stored.values()
        decode = stored._decoded

        def counted(box: Any) -> Any:
            nonlocal decoded
            decoded += 1
            return decode(box)

        monkeypatch.setattr(stored, "_decoded", counted)
        for box in plan(values.shape, 4, 24 * 24 * 4):
            assert same_bits(source.read("v", box), values[box])
    assert decoded == 18


@pytest.mark.parametrize("layout", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, layout: str) -> None:
    whole = one(tmp_path / "in.nc", wild("float64", (16, 20)), layout).read_bytes()
    for keep in (0.02, 0.5, 0.99):
        (tmp_path / "in.nc").write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises((Refusal, OSError)):
            read(tmp_path / "in.nc")


def test_a_cut_record_variable_is_refused(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w", format="NETCDF3_CLASSIC") as dataset:
        dataset.createDimension("time", None)
        dataset.createDimension("x", 3)
        for name in ("v", "w"):
            dataset.createVariable(name, "i2", ("time", "x"))[:20] = wild("int16", (20, 3))
    whole = (tmp_path / "in.nc").read_bytes()
    (tmp_path / "in.nc").write_bytes(whole[:-7])
    assert "it is cut" in refusal(tmp_path / "in.nc", "v")


def header(version: int, records: int, *, name: int = 1, dimension: int = 0, kind: int = 6) -> bytes:
    """A classic file of one variable ``v`` of doubles and as many records as it is told, with no record in it."""
    wide = "Q" if version == 5 else "I"
    words = [f">4s{wide}", b"CDF" + bytes([version]), records]
    parts = [struct.pack(*words), struct.pack(f">I{wide}{wide}4s{wide}", 10, 1, 1, b"t", 0)]
    parts += [struct.pack(f">I{wide}", 0, 0), struct.pack(f">I{wide}{wide}4s", 11, 1, name, b"v")]
    parts += [struct.pack(f">{wide}{wide}I{wide}", 1, dimension, 0, 0), struct.pack(f">I{wide}Q", kind, 8, 200)]
    return b"".join(parts).ljust(200, b"\0")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (header(5, 0xFFFFFFFF), "it is cut off: it has 200 bytes"),  # four thousand million records: no streaming
        (header(2, 1), "it is cut off: it has 200 bytes"),
        (header(5, 0, name=70_000), "its header has a name of 70000 bytes"),
        (header(5, 0, name=(1 << 63) - 40), "its header has a name of"),
        (header(2, 0, name=60_000), "its header does not end before the file does"),
        (header(2, 0, dimension=1), "a variable has a dimension that its header does not define"),
        (header(2, 0, kind=12), "its header has the data type 12"),
    ],
)
def test_what_a_classic_header_promises_must_be_there(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "in.nc").write_bytes(content)
    assert words in refusal(tmp_path / "in.nc", "v")


@pytest.mark.parametrize("content", [header(5, (1 << 64) - 1), header(2, 0xFFFFFFFF), header(2, 0)])
def test_records_that_are_still_being_written_are_no_cut(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.nc").write_bytes(content)
    require_whole(tmp_path / "in.nc")


@pytest.mark.parametrize("how", ["data in what is no file", "data outside", "virtual", "link"])
def test_what_lies_in_another_file_is_not_converted(tmp_path: Path, how: str) -> None:
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
            place = "." if how == "data in what is no file" else str(tmp_path / "other.nc")
            file.create_dataset("w", (4, 4), "u1", external=[(place, 0, 16)])
    assert "'w' lies in another file" in refusal(tmp_path / "in.nc", "v")


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


def test_coordinates_that_rise_give_increasing_positions(tmp_path: Path) -> None:
    """Packed coordinates are stored as they are and scaled when asked for."""
    write_netcdf(
        tmp_path / "in.nc",
        {"x": 3, "y": 2},
        {
            "x": (("x",), np.array([10, 20, 30], dtype="int16"), {"scale_factor": 0.5}),
            "v": (("x", "y"), wild("int8", (3, 2)), {}),
        },
    )
    axis = described(tmp_path / "in.nc").axes[0]
    positions = axis.positions()
    assert axis.coordinates == (10, 20, 30)
    assert positions is not None
    assert [b - a for a, b in pairwise(positions)] == [5.0, 5.0]


def test_a_file_is_found_sound_once_and_again_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(classic, "require_own", looked.append)
    path = one(tmp_path / "in.nc", wild("float64", (16, 20)), "NETCDF3_CLASSIC")
    for _ in range(2):
        classic.require_sound(path)
    assert looked == [path]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Refusal, match="cut off"):
        classic.require_sound(path)
