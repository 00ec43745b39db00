"""HDF5 to IDX: any dataset of numbers, nothing from outside, nothing missing passed over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dbproc.codes.hdf5_to_idx import open_source
from dbproc.codes.idx import slabs
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from tests.codes.conftest import same_bits, wild

COMPRESS = """
import h5py, hdf5plugin, numpy
with h5py.File("in.h5", "w") as file:
    file.create_dataset("v", data=numpy.load("v.npy"), chunks=(7, 6), **dict(hdf5plugin.{}()))
"""
"""In a process of its own: filters are confused by the HDF5 library that netCDF4 brings along."""

Convert = Callable[..., Any]
Refused = Callable[..., str]
Array = np.ndarray[Any, Any]


def opened(path: Path, *names: str) -> tuple[Description, dict[str, Array]]:
    """What an opener says of a file, and the values it reads box by box."""
    with open_source([path], {"datasets": list(names)}) as source:
        about = source.description
        return about, {each.name: whole(source, each) for each in about.fields}


def whole(source: Any, field: Any) -> Array:
    shape = source.description.shape
    found = np.empty(shape if field.components == 1 else (*shape, field.components), dtype=field.dtype)
    for box in slabs.plan(shape, 8, 64):
        found[box] = source.read(field.name, box).reshape(found[box].shape)
    return found


def why(path: Path, *names: str) -> str:
    with pytest.raises(Refusal) as refusal:
        opened(path, *names)
    return str(refusal.value)


def write(path: Path, **datasets: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def test_datasets_in_groups_come_back_bit_for_bit(tmp_path: Path, convert: Convert) -> None:
    first, second = wild(">f8", (5, 4, 7)), wild("<i2", (5, 4, 7))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["a/b/odd name"] = first
        file["a/soft"] = h5py.SoftLink("/a/b/odd name")
        file["c/d"] = second
        file["a"].attrs["who"] = "me"
        file["a/b/odd name"].attrs["units"] = "K"
    convert("hdf5_to_idx", "--dataset=a/soft", "--dataset=/c/d", "in.h5", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    assert same_bits(dataset.read("soft"), first.astype("=f8"))
    assert same_bits(dataset.read("d"), second)
    assert dataset.description.attributes["/a"] == {"who": "me"}
    assert dataset.field("soft").units == "K"


@pytest.mark.parametrize(
    "how",
    [
        "Zstd",
        pytest.param("Bitshuffle", marks=pytest.mark.thorough),
        pytest.param("LZ4", marks=pytest.mark.thorough),
        pytest.param("Blosc", marks=pytest.mark.thorough),
    ],
)
def test_a_plugin_filter_is_decoded_in_a_conversion(tmp_path: Path, convert: Convert, how: str) -> None:
    values = wild("float32", (30, 20))
    np.save(tmp_path / "v.npy", values)
    own = {name: value for name, value in os.environ.items() if name != "HDF5_PLUGIN_PATH"}  # netCDF4 sets it
    subprocess.run([sys.executable, "-c", COMPRESS.format(how)], cwd=tmp_path, env=own, check=True)
    convert("hdf5_to_idx", "in.h5", "out.idx")
    assert same_bits(open_idx(tmp_path / "out.idx").read(), values)


def test_a_filter_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((2, 2))
        made.set_filter(32999, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((4, 4))
        h5py.h5d.create(file.id, b"v", h5py.h5t.NATIVE_FLOAT, space, made)
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    said = why(tmp_path / "in.h5")
    assert "32999" in said
    assert said.endswith("Decompress it with h5repack -f NONE")


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
def test_one_to_five_axes_are_read(tmp_path: Path, rank: int) -> None:
    values = wild("uint16", (3, 2, 4, 2, 3)[:rank])
    _, found = opened(write(tmp_path / "in.h5", v=values), "v")
    assert same_bits(found["v"], values)


def test_truth_enumerations_and_complex_numbers_are_stored_and_told(tmp_path: Path) -> None:
    states = h5py.enum_dtype({"off": 1, "on": 2}, basetype=">i2")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["truth"] = np.array([[True, False, True]])
        file["complex"] = np.array([[1 + 2j, -0.0 + 3j, 5]], dtype=">c8")
        file.create_dataset("state", data=np.array([[1, 2, 1]], dtype=">i2"), dtype=states)
        file["half"] = wild("float16", (1, 3))
    about, found = opened(tmp_path / "in.h5", "truth", "complex", "state", "half")
    assert found["truth"].tolist() == [[1, 0, 1]]
    assert found["complex"].tolist() == [[[1, 2], [0, 3], [5, 0]]]
    assert found["state"].tolist() == [[1, 2, 1]]
    assert about.named("complex").openvisus_dtype == "float32[2]"
    assert about.named("half").dtype == "float16"
    assert about.named("state").attributes["hdf5"]["enumeration"] == {"off": 1, "on": 2}
    assert len(about.notes) == 3


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("pair", "compound (a, b)"),
        ("text", "text"),
        ("words", "text"),
        ("link", "references"),
        ("ragged", "various lengths"),
        ("bits", "bit fields"),
        ("long", "float128"),
        ("nothing", "no values"),
        ("empty", "no values"),
        ("scalar", "single value"),
        ("seven", "7 axes"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_with_what_is(tmp_path: Path, name: str, complaint: str) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["pair"] = np.zeros((2, 2), dtype=[("a", "f4"), ("b", "i2")])
        file["text"] = np.array([b"a"])
        file.create_dataset("words", (2,), dtype=h5py.string_dtype())
        file.create_dataset("link", (2,), dtype=h5py.ref_dtype)
        file.create_dataset("ragged", (2,), dtype=h5py.vlen_dtype("i4"))
        file.create_dataset("bits", (2, 2), dtype=h5py.h5t.STD_B8LE)
        file["long"] = np.zeros((2, 2), dtype="longdouble")
        file["nothing"] = h5py.Empty("f4")
        file["empty"] = np.zeros((0, 3))
        file["scalar"] = 5.0
        file["seven"] = np.zeros((1,) * 7)
        file["g/fit"] = np.zeros((2, 3), dtype="f4")
    said = why(tmp_path / "in.h5", name)
    assert complaint in said
    assert "--dataset: g/fit (2, 3) <f4" in said


def test_the_only_dataset_of_several_axes_is_taken_and_several_are_listed(tmp_path: Path) -> None:
    values = wild("int8", (3, 4))
    about, _ = opened(write(tmp_path / "one.h5", v=values, x=np.arange(4.0)))
    assert about.fields[0].variable == "v"
    assert "several" in why(write(tmp_path / "two.h5", v=values, w=values))
    assert "no dataset 'V'" in why(tmp_path / "two.h5", "V")
    assert "different shapes" in why(tmp_path / "one.h5", "v", "x")


def test_links_into_files_below_are_followed_and_those_files_are_origins(tmp_path: Path) -> None:
    values = wild("int16", (3, 4))
    write(tmp_path / "sub/other.h5", v=values)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["there"] = h5py.ExternalLink("sub/other.h5", "/v")
        file["soft"] = h5py.SoftLink("/there")
    about, found = opened(tmp_path / "in.h5", "soft")
    assert same_bits(found["soft"], values)
    assert [each.name for each in about.origins] == ["in.h5", "sub/other.h5"]


@pytest.mark.parametrize("way", ["above", "absolute", "symlink", "missing", "circle"])
def test_links_that_lead_elsewhere_are_refused(tmp_path: Path, way: str) -> None:
    outside = write(tmp_path / "out.h5", v=wild("int16", (3, 4)))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/sym.h5").symlink_to(outside)
    names = {"above": "../out.h5", "absolute": str(outside), "symlink": "sym.h5", "missing": "no.h5"}
    with h5py.File(tmp_path / "in/in.h5", "w") as file:
        file["v"] = h5py.ExternalLink(names[way], "/v") if way in names else h5py.SoftLink("/v")
    wanted = {"missing": "not there", "circle": "circle"}.get(way, "outside the directory")
    assert wanted in why(tmp_path / "in/in.h5", "v")


def test_values_stored_outside_are_read_across_their_files(tmp_path: Path) -> None:
    values = wild(">i2", (4, 6))
    raw = values.tobytes()
    (tmp_path / "a.bin").write_bytes(b"xx" + raw[:20])
    (tmp_path / "b.bin").write_bytes(raw[20:])
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("v", (4, 6), ">i2", external=[("a.bin", 2, 20), ("b.bin", 0, 28)])
        file.create_dataset("cut", (5, 6), ">i2", external=[("a.bin", 2, 20), ("b.bin", 0, 40)])
        file.create_dataset("gone", (4, 6), ">i2", external=[("c.bin", 0, 48)])
    about, found = opened(tmp_path / "in.h5", "v")
    assert same_bits(found["v"], values.astype("=i2"))
    assert [each.name for each in about.origins] == ["in.h5", "a.bin", "b.bin"]
    with open_source([tmp_path / "in.h5"], {"datasets": ["v"]}) as source:
        assert np.array_equal(source.read("v", (slice(1, 3), slice(2, 5))), values[1:3, 2:5])
    assert "b.bin" in why(tmp_path / "in.h5", "cut")
    assert "c.bin" in why(tmp_path / "in.h5", "gone")


def virtual(path: Path, name: str, file: str, shape: tuple[int, ...], of: str = "v") -> None:
    with h5py.File(path, "a") as target:
        layout = h5py.VirtualLayout((2, *shape), "i2")
        layout[0] = h5py.VirtualSource(file, of, shape=shape)
        target.create_virtual_dataset(name, layout, fillvalue=-7)


def test_virtual_datasets_are_read_and_what_they_lack_is_told(tmp_path: Path) -> None:
    values = wild("int16", (3, 4))
    write(tmp_path / "part.h5", v=values)
    virtual(tmp_path / "in.h5", "half", "part.h5", (3, 4))
    virtual(tmp_path / "in.h5", "gone", "lost.h5", (3, 4))
    virtual(tmp_path / "in.h5", "nameless", "part.h5", (3, 4), "w")
    virtual(tmp_path / "in.h5", "larger", "part.h5", (4, 4))
    about, found = opened(tmp_path / "in.h5", "half")
    assert same_bits(found["half"][0], values)
    assert "12 of 24 values were never written" in about.notes[0]
    assert len(about.origins) == 2
    assert "lost.h5" in why(tmp_path / "in.h5", "gone")
    assert "no dataset" in why(tmp_path / "in.h5", "nameless")
    assert "another size" in why(tmp_path / "in.h5", "larger")


def test_a_further_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    write(tmp_path / "part.h5", v=wild("int16", (3, 4)))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["v"] = h5py.ExternalLink("part.h5", "/v")
    with pytest.raises(Refusal, match="changed"), open_source([tmp_path / "in.h5"], {"datasets": ["v"]}):
        (tmp_path / "part.h5").write_bytes((tmp_path / "part.h5").read_bytes() + b"x")


def test_dimension_scales_are_axes_and_one_more_coordinate_are_edges(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["v"] = wild("float32", (3, 4))
        file["time"] = np.array([10, 20, 30], dtype="i2")
        file["time"].attrs.update({"units": "days since 2001-01-01", "scale_factor": np.array([0.5])})
        file["time"].make_scale("time")
        file["v"].dims[0].attach_scale(file["time"])
        file["v"].dims[1].label = "range"
    about, _ = opened(tmp_path / "in.h5")
    first, second = about.axes
    assert (first.name, first.coordinates, first.positions()) == ("time", (10, 20, 30), [5.0, 10.0, 15.0])
    assert (second.name, second.coordinates) == ("range", None)


def test_fill_values_are_declared_ones_and_missing_chunks_are_counted(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        some = file.create_dataset("v", (4, 4), "i2", chunks=(2, 2), fillvalue=-9)
        some[:2, :2] = 1
        some.attrs["_FillValue"] = np.array([-99], dtype="i2")
        file.create_dataset("zero", (4, 4), "i2", fillvalue=0)[...] = 1
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((2, 2))
        made.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(file.id, b"unknown", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((4, 4)), made)
    about, found = opened(tmp_path / "in.h5", "v", "zero")
    assert about.named("v").fills == (-99, -9)
    assert about.named("zero").fills == ()
    assert "3 of 4 chunks were never written" in about.notes[0]
    assert found["v"][3, 3] == -9
    assert "no fill value" in why(tmp_path / "in.h5", "unknown")


def test_odim_gain_and_offset_are_taken_from_the_group_beside(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["dataset1/data1/data"] = wild("uint8", (3, 4))
        told = {"gain": [0.5], "offset": [-31.5], "nodata": [255.0], "undetect": [0.0]}
        file.create_group("dataset1/data1/what").attrs.update(told)
    about, _ = opened(tmp_path / "in.h5")
    (field,) = about.fields
    assert (field.scale_factor, field.add_offset, field.fills) == (0.5, -31.5, (255.0, 0.0))
    assert about.attributes["/dataset1/data1/what"]["undetect"] == [0.0]


def test_a_chunk_is_decoded_once_though_slabs_cut_through_it(tmp_path: Path) -> None:
    """What the cache does not keep would be read from the file again, which by then holds something else."""
    values = np.arange(64, dtype="i4").reshape(16, 4)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("v", data=values, chunks=(8, 4), compression="gzip")
        place = file["v"].id.get_chunk_info(0)
    with open_source([tmp_path / "in.h5"], {"datasets": ["v"]}) as source:
        assert np.array_equal(source.read("v", (slice(0, 2), slice(0, 4))), values[:2])
        with (tmp_path / "in.h5").open("r+b") as stream:
            stream.seek(place.byte_offset)
            stream.write(b"\xff" * place.size)
        assert np.array_equal(source.read("v", (slice(2, 4), slice(0, 4))), values[2:4])


def test_a_chunk_larger_than_memory_allows_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("v", (1024, 1024), "f8", chunks=(1024, 1024))
    with (
        pytest.raises(Refusal, match="8 MiB"),
        open_source([tmp_path / "in.h5"], {"datasets": ["v"], "memory": 1 << 20}),
    ):
        pass


def test_a_wrong_checksum_is_refused(tmp_path: Path, refused: Refused) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("v", data=wild("int16", (8, 8)), chunks=(4, 4), fletcher32=True)
        place = file["v"].id.get_chunk_info(2).byte_offset
    damaged = bytearray((tmp_path / "in.h5").read_bytes())
    damaged[place + 5] ^= 4
    (tmp_path / "in.h5").write_bytes(damaged)
    assert "filter returned failure" in refused("hdf5_to_idx", "in.h5", "out.idx")


def test_damage_that_only_values_show_is_told_of_its_file_and_field(tmp_path: Path, refused: Refused) -> None:
    for i in range(2):
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            for name in ("u", "v"):
                file.create_dataset(name, data=wild("int16", (8, 8)), chunks=(4, 4), fletcher32=True)
            place = file["v"].id.get_chunk_info(3).byte_offset
    damaged = bytearray((tmp_path / "1.h5").read_bytes())
    damaged[place] ^= 1
    (tmp_path / "1.h5").write_bytes(damaged)
    said = refused("hdf5_to_idx", "--dataset", "u", "--dataset", "v", "0.h5", "1.h5", "out.idx")
    assert "1.h5: its field 'v' cannot be read: " in said


@pytest.mark.parametrize("key", range(5))
@pytest.mark.parametrize("axis", [0, 1])
def test_a_chunk_that_the_index_no_longer_finds_is_damage(tmp_path: Path, key: int, axis: int) -> None:
    """The library would take it for one that was never written, and read fill values."""
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("v", data=wild("int16", (8, 8)), chunks=(4, 4), compression="gzip")
    damaged = bytearray((tmp_path / "in.h5").read_bytes())
    damaged[damaged.index(b"TREE\x01") + 24 + 40 * key + 8 * (1 + axis)] ^= 4
    (tmp_path / "in.h5").write_bytes(damaged)
    with pytest.raises((Refusal, OSError, RuntimeError)):
        opened(tmp_path / "in.h5", "v")


def test_a_file_cut_anywhere_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    sound = write(tmp_path / "in.h5", v=wild("float64", (16, 20))).read_bytes()
    for keep in (9, len(sound) // 2, len(sound) - 1):
        (tmp_path / "in.h5").write_bytes(sound[:keep])
        assert "in.h5" in why(tmp_path / "in.h5", "v")
    (tmp_path / "in.h5").write_bytes(b"CDF\x01" + bytes(100))
    assert "netcdf_to_idx" in why(tmp_path / "in.h5", "v")
