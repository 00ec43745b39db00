"""``dbproc:to_idx`` converts whatever holds an array, asks nothing, and tells what it chose."""

from __future__ import annotations

import gzip
import importlib
import shlex
import shutil
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cdflib.cdfwrite
import h5py
import netCDF4
import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image

from dbproc.cli import main
from dbproc.codes.automatic import names, sensors
from dbproc.codes.conversion import converter
from dbproc.codes.conversion.inputs import found
from dbproc.codes.conversion.joined import joined
from dbproc.codes.conversion.source import opener, witness
from dbproc.codes.conversion.stepped import arranged
from dbproc.codes.idx.description import Description
from dbproc.codes.idx.idx_reader import open_idx, read_field, read_metadata
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.values import native
from dbproc.codes.to_idx import open_source
from tests.codes.conftest import same_bits, wild, write_netcdf

Arrays = dict[str, np.ndarray[Any, Any]]
SPACE = {"y": 4, "x": 5}


def chosen(*paths: Path, **options: Any) -> tuple[Description, Arrays]:
    """What is chosen of files, directories and archives, and its values, timesteps first."""
    with ExitStack() as stack:
        place = paths[0].parent / f"unpacked {paths[0].name}"
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        files = found(paths, (), place).files
        source = arranged(stack.enter_context(open_source(files, options)), options.get("timesteps", ""), "in")
        told = source.description
        box = tuple(slice(0, size) for size in told.shape)
        values = {field.name: np.asarray(source.read(field.name, box)) for field in told.fields}
        for field in told.fields:
            assert values[field.name].shape == (*told.shape, *((field.components,) if field.components > 1 else ()))
            assert values[field.name].dtype.newbyteorder("=").name == field.dtype
        for name, whole in values.items():
            for inside, part in witness(source)(name, box):
                assert same_bits(np.ascontiguousarray(native(whole[inside])), np.ascontiguousarray(native(part)))
    return told, values


def what(told: Description) -> tuple[list[str], tuple[int, ...], str]:
    """Fields, shape and timesteps."""
    return [field.name for field in told.fields], told.shape, told.timesteps


def left_out(told: Description) -> str:
    return ", ".join(told.attributes["to_idx"]["left_out"])


def netcdf(path: Path, values: Mapping[str, tuple[tuple[str, ...], np.ndarray[Any, Any]]], **units: str) -> Path:
    sizes = {name: size for axes, each in values.values() for name, size in zip(axes, each.shape, strict=True)}
    told = {
        name: (axes, each, {"units": units[name]} if name in units else {}) for name, (axes, each) in values.items()
    }
    return write_netcdf(path, sizes, told)


def photo(path: Path, seed: int, **told: Any) -> np.ndarray[Any, Any]:
    """A photograph with what its camera tells."""
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0110] = told.get("model", "camera")
    if "date" in told:
        exif[0x8769] = {0x9003: told["date"]}
    if "place" in told:
        exif[0x8825] = {1: "N", 2: (told["place"], 0.0, 0.0), 3: "E", 4: (10.0, 0.0, 0.0)}
    Image.fromarray(pixels).save(path, exif=exif)
    return pixels


def test_netcdf_gives_all_data_variables_of_most_dimensions(tmp_path: Path) -> None:
    grid = ("time", "y", "x")
    values = {name: wild("float32", (3, 4, 5), seed) for seed, name in enumerate(("a", "b"))}
    path = netcdf(
        tmp_path / "in.dat",
        {
            **{name: (grid, each) for name, each in values.items()},
            "time": (("time",), np.arange(3.0)),
            "flat": (("y", "x"), wild("float64", (4, 5))),
            "cells_bnds": (("time", "y", "x", "bnds"), wild("float64", (3, 4, 5, 2))),
        },
        time="hours since 2020-01-01",
    )
    told, got = chosen(path)
    assert what(told) == (["a", "b"], (3, 4, 5), "time")
    assert all(same_bits(got[name], each) for name, each in values.items())
    assert told.notes[0] == "chosen: netcdf_to_idx --variable a --variable b, timesteps time"
    assert told.notes[1] == "left out: flat (4, 5)"
    assert what(chosen(path, variables=["flat"])[0]) == (["flat"], (4, 5), "")
    assert what(chosen(path, timesteps="none")[0])[2] == ""


def test_a_variable_that_cannot_be_converted_is_left_out_with_the_reason(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as file:
        file.createDimension("x", 4)
        file.createVariable("a", "f4", ("x",))[:] = np.arange(4)
        file.createVariable("b", "f4", ("x",), fill_value=False)
    told, _ = chosen(tmp_path / "in.nc")
    assert what(told)[0] == ["a"]
    assert "b: 4 of 4 values of b were never written" in left_out(told)


def test_axes_beyond_three_and_of_size_1_become_timesteps_and_a_line_of_time_stays_one(tmp_path: Path) -> None:
    deep = wild("int16", (2, 3, 2, 4, 5, 6))
    path = netcdf(tmp_path / "deep.nc", {"v": (("run", "time", "q", "z", "y", "x"), deep)})
    told, got = chosen(path)
    assert what(told) == (["v"], (12, 4, 5, 6), "time_run_q")
    assert same_bits(got["v"], np.ascontiguousarray(deep.transpose(1, 0, 2, 3, 4, 5)).reshape(12, 4, 5, 6))
    assert [axis["name"] for axis in told.axes[0].attributes["axes"]] == ["time", "run", "q"]
    for i, (shape, steps, got_shape) in enumerate(
        (
            ((4, 1, 5), "z", (1, 4, 5)),
            ((3, 4, 5, 1), "c", (1, 3, 4, 5)),
            ((6, 3, 4, 5, 1), "v_c", (6, 3, 4, 5)),
            ((2, 1, 4, 5), "q", (2, 1, 4, 5)),
            ((4, 1, 1), "", (4, 1, 1)),
        )
    ):
        names = {3: ("y", "z", "x"), 4: ("q", "y", "x", "c"), 5: ("v", "q", "y", "x", "c")}[len(shape)]
        path = netcdf(tmp_path / f"one{i}.nc", {"d": (names, wild("int16", shape))})
        told, got = chosen(path)
        assert what(told) == (["d"], got_shape, steps)
        assert same_bits(got["d"].reshape(shape), wild("int16", shape))
    lidar = netcdf(tmp_path / "lidar.nc", {"v": (("time", "height"), wild("float32", (30, 5)))})
    assert what(chosen(lidar)[0]) == (["v"], (30, 5), "")


def test_hdf5_gives_the_largest_and_its_equals_and_names_what_it_cannot(tmp_path: Path) -> None:
    path = tmp_path / "in"
    with h5py.File(path, "w", userblock_size=512) as file:
        for seed, name in enumerate(("g/a", "g/b")):
            file[name] = wild("uint16", (4, 5), seed)
        file["small"] = np.arange(7)
        file["words"] = ["a", "b"]
        file["table"] = np.zeros(3, [("n", "i4")])
    told, got = chosen(path)
    assert what(told) == (["a", "b"], (4, 5), "")
    assert same_bits(got["b"], wild("uint16", (4, 5), 1))
    assert left_out(told) == "small (7), table (compound (n))"


def nexus(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "e"
        file.create_group("e").attrs.update(NX_class="NXentry", default="d")
        data = file.create_group("e/d")
        data.attrs.update(NX_class="NXdata", signal="counts", axes=["time", "y", "x"])
        for name, each in {"time": np.arange(3.0), "y": np.arange(4.0), "x": np.arange(5.0)}.items():
            data[name] = each
        data["counts"], data["errors"] = wild("int32", (3, 4, 5)), wild("float32", (3, 4, 5))
        file["e/raw"] = wild("uint8", (30, 40, 5))
    return path


def test_members_of_compound_values_are_fields_where_they_are_maps_or_alone(tmp_path: Path) -> None:
    kind = np.dtype([("re", "f4"), ("im", ">f4"), ("name", "S3"), ("v", "f8", (3,)), ("z", "c8")])
    values = np.frombuffer(wild("uint8", (4, 5, kind.itemsize)).tobytes(), kind).reshape(4, 5)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("g/map", data=values, chunks=(3, 3), compression="gzip")
        file["x"] = np.zeros(3)
    told, got = chosen(tmp_path / "in.h5")
    assert [(field.name, field.components) for field in told.fields] == [("re", 1), ("im", 1), ("v", 3), ("z", 2)]
    assert got["v"].tobytes() == np.ascontiguousarray(values["v"]).tobytes()
    assert native(got["im"]).tobytes() == values["im"].astype("f4").tobytes()
    assert left_out(told) == "x (3)"
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["t"], file["x"] = values[0], np.zeros(3)
    assert left_out(chosen(tmp_path / "table.h5")[0]).startswith("t (compound (re, im, name, v, z))")
    assert what(chosen(tmp_path / "table.h5", variables=["t/re"])[0])[:2] == (["re"], (5,))
    with pytest.raises(Refusal, match="members are named by path, such as NAME/re"):
        chosen(tmp_path / "table.h5", variables=["t"])
    with h5py.File(tmp_path / "table.h5", "a") as file:
        del file["x"]
    assert what(chosen(tmp_path / "table.h5")[0])[:2] == (["re", "im", "v", "z"], (5,))


def test_nexus_gives_the_default_signal_and_its_equals(tmp_path: Path) -> None:
    told, got = chosen(nexus(tmp_path / "in.h5"))
    assert what(told) == (["counts", "errors"], (3, 4, 5), "time")
    assert same_bits(got["counts"], wild("int32", (3, 4, 5)))
    assert "e/raw (30, 40, 5)" in left_out(told)
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        data = file.create_group("entry/data")
        data.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["angle", ".", "."]})
        file["entry/instrument/detector"] = wild("int32", (3, 4, 5))
        data["counts"] = h5py.SoftLink("/entry/instrument/detector")
        data["gone"], data["angle"] = h5py.ExternalLink("gone.h5", "/x"), np.arange(3.0)
    told, got = chosen(tmp_path / "linked.h5")
    assert told.notes[0] == "chosen: nexus_to_idx --data entry/data --signal counts"
    assert told.axes[0].coordinates == (0, 1, 2)
    assert same_bits(got["counts"], wild("int32", (3, 4, 5)))
    assert left_out(told) == "entry/data/angle (3)"


@pytest.mark.parametrize("places", [((4, 5), (4, 5)), ((5,), (4,))])
def test_probe_data_keep_the_positions_of_their_scan(tmp_path: Path, places: Any) -> None:
    xs, ys = (wild("float64", shape, seed) for seed, shape in enumerate(places))
    with h5py.File(tmp_path / "probe.h5", "w") as file:
        file["entry/data/frames"] = wild("uint16", (4, 5, 6, 7))
        file["entry/positions/Xs"], file["entry/positions/Ys"] = np.nan_to_num(xs), np.nan_to_num(ys)
        file["far/u"], file["far/v"] = np.zeros(5), np.arange(4.0)
    told, got = chosen(tmp_path / "probe.h5", sensor="4D_NEXUS")
    assert what(told) == (["frames"], (4, 5, 6, 7), "dim_0")
    assert same_bits(got["frames"], wild("uint16", (4, 5, 6, 7)))
    kept = told.attributes["scan_positions"]
    assert kept["xs"]["dataset"] == "entry/positions/Xs"
    assert np.array_equal(kept["ys"]["values"], np.nan_to_num(ys))
    other = chosen(tmp_path / "probe.h5", xs="far/u", ys="far/v")[0].attributes["scan_positions"]
    assert other["ys"]["values"] == [0, 1, 2, 3]
    with h5py.File(tmp_path / "points.h5", "w") as file:
        file["frames"], file["u"], file["v"] = np.zeros((12, 6, 7)), np.arange(12.0), np.arange(12.0) % 4
    kept = chosen(tmp_path / "points.h5", xs="u", ys="v")[0].attributes["scan_positions"]
    assert kept["ys"]["values"][:5] == [0, 1, 2, 3, 0]
    with pytest.raises(Refusal, match=r"positions far/v have the shape \(4,\), the scan \(4, 5\)"):
        chosen(tmp_path / "probe.h5", xs="far/v")


def test_probe_data_come_before_a_map_of_their_sums_where_a_scan_is_meant(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.nxs", "w") as file:
        for name, kind in (("entry", "NXentry"), ("entry/sum", "NXdata"), ("entry/detector", "NXdetector")):
            file.create_group(name).attrs["NX_class"] = kind
        file["entry/sum"].attrs["signal"], file["entry/sum/counts"] = "counts", np.zeros((4, 5))
        file["entry/detector/frames"] = wild("uint16", (4, 5, 6, 7))
        file["entry/u"], file["entry/v"] = np.arange(5.0), np.arange(4.0)
    assert what(chosen(tmp_path / "in.nxs")[0])[0] == ["counts"]
    for options in ({"sensor": "4D_NEXUS"}, {"xs": "entry/u", "ys": "entry/v"}):
        told, got = chosen(tmp_path / "in.nxs", **options)
        assert same_bits(got["frames"], wild("uint16", (4, 5, 6, 7)))
        assert "entry/sum/counts (4, 5)" in left_out(told)
    assert told.attributes["scan_positions"]["ys"]["values"] == [0, 1, 2, 3]


def test_cdf_gives_data_before_support_with_records_as_time(tmp_path: Path) -> None:
    writer = cdflib.cdfwrite.CDF(tmp_path / "in.cdf", cdf_spec={"Compressed": 0}, delete=True)
    spec = {"Data_Type": 45, "Num_Elements": 1, "Rec_Vary": True, "Compress": 0, "Var_Type": "zVariable"}
    images = {name: np.nan_to_num(wild("float64", (3, 4, 5), seed)) for seed, name in enumerate(("A", "B"))}
    for name, values in {**images, "flags": np.zeros((3, 40, 5))}.items():
        kind = "support_data" if name == "flags" else "data"
        told = {"VAR_TYPE": kind, "DEPEND_0": "Epoch"}
        writer.write_var(
            {**spec, "Variable": name, "Dim_Sizes": list(values.shape[1:])}, var_attrs=told, var_data=values
        )
    epochs = {**spec, "Variable": "Epoch", "Data_Type": 33, "Dim_Sizes": []}
    writer.write_var(epochs, var_attrs={"VAR_TYPE": "support_data"}, var_data=np.arange(3) * 10**9)
    writer.close()
    told, got = chosen(tmp_path / "in.cdf")
    assert what(told) == (["A", "B"], (3, 4, 5), "Epoch")
    assert same_bits(got["B"], images["B"])


def test_fits_gives_the_first_image_and_its_equals(tmp_path: Path) -> None:
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(np.full((4, 5), i, "f4"), name=f"I{i}") for i in range(2))]
    hdus += [fits.ImageHDU(np.zeros((9, 9, 9)), name="CUBE"), fits.BinTableHDU.from_columns([], name="T")]
    fits.HDUList(hdus).writeto(tmp_path / "in.fits")
    (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "in.fits").read_bytes()))
    for name in ("in.fits", "packed"):
        told, got = chosen(tmp_path / name)
        assert what(told) == (["I0", "I1"], (4, 5), "")
        assert (got["I1"] == 1).all()
    assert left_out(told) == "HDU 3 CUBE (9, 9, 9), HDU 4 T (table)"
    columns = [fits.Column(name, "E", array=np.arange(6.0)) for name in ("TIME", "FLUX")]
    columns += [fits.Column("OK", "L", array=[True] * 6), fits.Column("BOX", "4D", array=np.zeros((6, 4)))]
    for count in (3, 4):
        hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns[:count], name="LC")]
        fits.HDUList(hdus).writeto(tmp_path / f"t{count}.fits")
    told, got = chosen(tmp_path / "t3.fits")
    assert told.notes[0] == "chosen: fits_to_idx --hdu 1 --column TIME --column FLUX"
    assert (got["FLUX"] == np.arange(6)).all()
    assert left_out(told) == "OK (truth values)"
    told, _ = chosen(tmp_path / "t4.fits")
    assert what(told)[:2] == (["BOX"], (6, 4))
    assert left_out(told) == "TIME (6), FLUX (6), OK (truth values)"
    assert what(chosen(tmp_path / "t4.fits", variables=["FLUX"])[0])[:2] == (["FLUX"], (6,))


def test_tiff_gives_its_largest_series_with_bands_as_fields(tmp_path: Path) -> None:
    values = wild("uint8", (3, 2, 4, 6, 7))
    tifffile.imwrite(tmp_path / "ome", values, ome=True, metadata={"axes": "TCZYX"})
    told, got = chosen(tmp_path / "ome")
    assert what(told) == (["channel_0", "channel_1"], (3, 4, 6, 7), "time")
    assert same_bits(got["channel_1"], np.ascontiguousarray(values[:, 1]))
    bands = wild("uint16", (6, 7, 5))
    tifffile.imwrite(tmp_path / "bands", bands, photometric="minisblack", planarconfig="contig", metadata=None)
    assert same_bits(chosen(tmp_path / "bands")[1]["band_4"], np.ascontiguousarray(bands[..., 4]))
    with tifffile.TiffWriter(tmp_path / "several") as writer:
        for shape in ((3, 4), (30, 40)):
            writer.write(wild("uint8", shape), metadata=None)
    told, got = chosen(tmp_path / "several")
    assert same_bits(got["image"], wild("uint8", (30, 40)))
    assert left_out(told) == "series 1 (3, 4)"
    tifffile.imwrite(tmp_path / "colour", wild("uint8", (6, 7, 3)), photometric="rgb")
    assert [field.components for field in chosen(tmp_path / "colour")[0].fields] == [3]


def test_a_band_or_a_series_of_tiff_is_chosen_by_name_or_refused(tmp_path: Path) -> None:
    for seed, (band, size) in enumerate({"B02": 4, "B03": 4, "B05": 2}.items()):
        tifffile.imwrite(tmp_path / f"T12_{band}.tif", wild("uint16", (size, size), seed), metadata=None)
    files = sorted(tmp_path.glob("*.tif"))
    assert what(chosen(*files)[0])[0] == ["B02", "B03"]
    assert what(chosen(*files, variables=["B03", "B02"])[0])[0] == ["B02", "B03"]
    _, got = chosen(*files, variables=["B05"])
    assert same_bits(*got.values(), wild("uint16", (2, 2), 2))
    with pytest.raises(Refusal, match=r"it has no series 'B08'.*bands of the files: B02, B03, B05"):
        chosen(*files, variables=["B08"])
    with pytest.raises(Refusal, match="it has no series '3'"):
        chosen(files[0], variables=["3"])


def test_very_many_bands_are_an_axis(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", wild("uint8", (4, 3, 33)), extrasamples=[0] * 32, photometric="minisblack")
    told, got = chosen(tmp_path / "in.tif")
    assert what(told) == (["image"], (33, 4, 3), "")
    assert same_bits(np.ascontiguousarray(np.moveaxis(got["image"], 0, -1)), wild("uint8", (4, 3, 33)))


def test_bare_values_are_known_by_a_header_or_their_name(tmp_path: Path) -> None:
    values = wild(">f4", (4, 5, 6))
    np.save(tmp_path / "in.npy", values)
    assert same_bits(chosen(tmp_path / "in.npy")[1]["data"], values)
    np.savez(tmp_path / "many.npz", a=values, b=values[::-1])
    assert what(chosen(tmp_path / "many.npz")[0])[:2] == (["a", "b"], (4, 5, 6))
    for i in range(2):
        (tmp_path / f"vol_t{i}_6x5x4_uint16.raw").write_bytes(wild("uint16", (4, 5, 6), i).tobytes())
    told, got = chosen(*sorted(tmp_path.glob("vol*")))
    assert what(told) == (["data"], (2, 4, 5, 6), "time")
    assert same_bits(got["data"][1], wild("uint16", (4, 5, 6), 1))


@pytest.mark.parametrize(
    ("name", "size", "shape", "dtype"),
    [
        ("foot_256x128x64_uint8.raw", 256 * 128 * 64, (64, 128, 256), "<u1"),
        ("skull-4x5x6-float32be.bin", 480, (6, 5, 4), ">f4"),
        ("run_20240501_f32_4_5_6.dat", 480, (6, 5, 4), "<f4"),
        ("z3_y4_x5_int16.raw", 120, (3, 4, 5), "<i2"),
        ("plain_4x5.raw", 20, (5, 4), "<u1"),
        ("skull4x5x6.raw", 120, (6, 5, 4), "<u1"),
        ("foot.4x5x6.f64.v1.2x3.dat", 960, (6, 5, 4), "<f8"),
        ("w5_h4_d3_x20240501_u16.raw", 120, (3, 4, 5), "<u2"),
        ("density.6x5x4.f32.dat", 480, (4, 5, 6), "<f4"),
        ("grid_0.5x0.5_4x5_u1.raw", 20, (5, 4), "<u1"),
        ("CLDHGH_1_18_36.f32", 18 * 36 * 4, (1, 18, 36), "<f4"),
        ("x1_y18_z36_f32.raw", 18 * 36 * 4, (36, 18, 1), "<f4"),
        ("ct_w6_h5_d4_u16.raw", 240, (4, 5, 6), "<u2"),
    ],
)
def test_names_tell_shape_and_type(name: str, size: int, shape: tuple[int, ...], dtype: str) -> None:
    assert names.raw(name, size) == names.Raw(shape, dtype)
    assert names.raw(name, size + 1) is None


@pytest.mark.parametrize(
    ("told", "coordinates"),
    [
        (("a_20240501.nc", "a_20240503.nc"), (1714521600, 1714694400)),
        (("A.2024-05-01T06:30.h5", "A.2024-05-01T07:00.h5"), (1714545000, 1714546800)),
        (("MOD.A2024122.x", "MOD.A2024123.x"), (1714521600, 1714608000)),
        (("img_t002.tif", "img_t010.tif"), (2, 10)),
        (("slice_1.tif", "slice_2.tif"), None),
        (("a_20240501.nc", "b_20240501.nc"), None),
        (("v_t1.nc", "w_t2.nc"), None),
    ],
)
def test_names_tell_times(told: tuple[str, ...], coordinates: tuple[int, ...] | None) -> None:
    found = names.times(told)
    assert (None if found is None else found.coordinates) == coordinates


@pytest.mark.parametrize(
    ("told", "pattern"),
    [
        (("s_0_0.png", "s_0_1.png", "s_1_0.png", "s_1_1.png"), "s_{row}_{column}*"),
        (("a_r0_c1.tif", "a_r1_c1.tif"), "*r{row}_c{column}*"),
        (("x1_y0.jpg", "x1_y1.jpg"), "*x{column}_y{row}*"),
        (("m_2020_01.png", "m_2020_02.png", "m_2021_01.png", "m_2021_02.png"), ""),
        (("s_0_0.png", "s_0_1.png", "s_1_0.png"), ""),
        (("p1.png", "p2.png"), ""),
    ],
)
def test_names_tell_tiles(told: tuple[str, ...], pattern: str) -> None:
    assert names.tiles(told) == pattern


def test_several_files_follow_one_another_in_time_or_are_fields_together(tmp_path: Path) -> None:
    for name in ("days", "named", "winds"):
        (tmp_path / name).mkdir()
    for day in range(3):
        maps = {
            "T": (("time", "y", "x"), wild("float32", (2, 4, 5), day)),
            "time": (("time",), np.arange(2.0) + day * 2),
        }
        netcdf(tmp_path / f"days/{day}.nc", maps, time="hours since 2020-01-01")
        netcdf(tmp_path / f"named/map_2020010{day + 1}.nc", {"T": (("y", "x"), wild("float32", (4, 5), day))})
    for name in ("u", "v"):
        netcdf(tmp_path / f"winds/{name}.nc", {name: (("y", "x"), wild("float32", (4, 5)))})
    assert what(chosen(tmp_path / "days")[0]) == (["T"], (6, 4, 5), "time")
    told, got = chosen(tmp_path / "named")
    assert what(told) == (["T"], (3, 4, 5), "time")
    assert told.axes[0].units == "seconds since 1970-01-01 00:00:00"
    assert told.axes[0].coordinates == (1577836800, 1577923200, 1578009600)
    assert same_bits(got["T"][2], wild("float32", (4, 5), 2))
    assert what(chosen(tmp_path / "winds")[0]) == (["u", "v"], (4, 5), "")
    netcdf(tmp_path / "named/odd_20200109.nc", {"T": (("y", "x"), wild("float32", (3, 5)))})
    told, _ = chosen(tmp_path / "named")
    assert told.shape == (3, 4, 5)
    assert told.axes[0].coordinates == (1577836800, 1577923200, 1578009600)
    assert "odd_20200109.nc: it cannot be joined" in left_out(told)
    (tmp_path / "named/map_20200104.nc").touch()
    assert "map_20200104.nc (empty)" in left_out(chosen(tmp_path / "named")[0])
    (tmp_path / "named/odd_20200109.nc").rename(tmp_path / "named/mean.nc")
    assert what(chosen(tmp_path / "named")[0]) == (["T"], (3, 4, 5), "time")


def test_pictures_become_timesteps_a_stack_or_a_mosaic(tmp_path: Path) -> None:
    for name in ("flight", "stack", "tiles", "mapir"):
        (tmp_path / name).mkdir()
    for i in range(3):
        date = f"2021:05:01 10:00:0{3 - i}"
        last = photo(tmp_path / f"flight/DJI_{i}.png", i, date=date, place=50 + i)
        photo(tmp_path / f"stack/page{i}.png", i)
        photo(tmp_path / f"mapir/{i}.png", i, model="Survey3W_RGN", date=date)
    (tmp_path / "flight/README.txt").write_text("from above")
    told, got = chosen(tmp_path / "flight", sensor="RGB")
    assert what(told) == (["image"], (3, 6, 8), "time")
    assert same_bits(got["image"][0], last)
    assert told.axes[0].attributes["latitude"] == [52, 51, 50]
    assert told.axes[0].regular is not None
    assert told.axes[0].regular.step == 1
    assert left_out(told) == "README.txt (text)"
    assert what(chosen(tmp_path / "stack")[0]) == (["image"], (3, 6, 8), "")
    tiles = {(y, x): photo(tmp_path / f"tiles/t_r{y}_c{x}.png", y * 3 + x) for y in range(2) for x in range(3)}
    told, got = chosen(tmp_path / "tiles")
    assert what(told) == (["image"], (12, 24), "")
    assert same_bits(got["image"][6:, 16:], tiles[1, 2])
    assert what(chosen(tmp_path / "mapir")[0]) == (["red", "green", "nir"], (3, 6, 8), "time")
    assert what(chosen(tmp_path / "stack", sensor="MAPIR")[0])[0] == ["band_1", "band_2", "band_3"]
    with pytest.raises(Refusal, match="nothing that --variable could choose from: it is picture"):
        chosen(tmp_path / "stack", variables=["red"])


def test_single_bands_of_captures_become_fields_and_timesteps(tmp_path: Path) -> None:
    for capture in range(2):
        for number, band in enumerate(("Blue", "NIR"), 1):
            told = f'Camera:BandName="{band}" Camera:Gain="{number}" Camera:Exposure="{capture}{number}"'
            rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:Camera="http://pix4d.com/camera/1.0"'
            xmp = f"<rdf:RDF {rdf}><rdf:Description {told}/></rdf:RDF>".encode()
            path = tmp_path / f"IMG_000{capture}_{number}.tif"
            tags = [(700, "B", len(xmp), xmp, True)]
            tifffile.imwrite(path, wild("uint16", (6, 5), 10 * capture + number), extratags=tags, metadata=None)
    told, got = chosen(*sorted(tmp_path.glob("IMG*")))
    assert what(told)[:2] == (["blue", "nir"], (2, 6, 5))
    assert same_bits(got["nir"][1], wild("uint16", (6, 5), 12))
    assert told.fields[1].attributes["xmp"]["Camera:Gain"] == "2"
    assert told.parts[1].attributes["nir:xmp"]["Camera:Exposure"] == "12"
    assert what(chosen(*sorted(tmp_path.glob("IMG_0000*")))[0]) == (["blue", "nir"], (6, 5), "")
    lacking = [path for path in sorted(tmp_path.glob("IMG*")) if path.stem != "IMG_0000_2"]
    told, got = chosen(*lacking)
    assert what(told) == (["blue", "nir"], (6, 5), "")
    assert same_bits(got["nir"], wild("uint16", (6, 5), 12))
    assert left_out(told) == "IMG_0000_1.tif: its capture lacks bands"
    for path in sorted(tmp_path.glob("IMG*")):
        capture, number = path.stem[-3], int(path.stem[-1])
        tifffile.imwrite(tmp_path / f"DJI_{capture}_MS_{' GR'[number]}.tif", wild("uint16", (6, 5)), metadata=None)
    assert what(chosen(*sorted(tmp_path.glob("DJI*")))[0])[:2] == (["green", "red"], (2, 6, 5))
    for band in ("B04", "B8A"):
        tifffile.imwrite(tmp_path / f"S2_20240501_{band}_20m.tif", wild("uint16", (6, 5)), metadata=None)
    assert what(chosen(*sorted(tmp_path.glob("S2*")))[0]) == (["B04", "B8A"], (6, 5), "")


def test_an_archive_is_known_by_its_content_and_a_readme_passed_over(tmp_path: Path) -> None:
    (tmp_path / "slices").mkdir()
    for i in range(11):
        tifffile.imwrite(tmp_path / f"slices/slice{i}.TIF", wild("uint8", (4, 5), i))
    (tmp_path / "slices/notes.json").write_text("{}")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "slices")
    (tmp_path / "up").mkdir()
    (tmp_path / "a.zip").rename(tmp_path / "up/upload")
    for path in (tmp_path / "slices", tmp_path / "up/upload", tmp_path / "up"):
        told, got = chosen(path)
        assert what(told) == (["image"], (11, 4, 5), "")
        assert same_bits(got["image"][10], wild("uint8", (4, 5), 10))
        assert left_out(told) == "notes.json (text)"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"only words\n", "it holds no array of numbers: it is text"),
        (b"", "the file is empty"),
        (b"GRIB" + bytes(90), "it is a file of GRIB, which is not supported"),
        (bytes(range(200)) + b"\x80", "it is of a kind that is not supported"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "damaged|cannot be opened"),
        (b"CDF\x01" + struct.pack(">I", 9) + bytes(3), "damaged|cut"),
        (b"SIMPLE  =                    T" + b" " * 50, "it is the header of a FITS file alone"),
    ],
)
def test_what_is_not_converted_is_told_apart(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(Refusal, match=words) as refused:
        chosen(tmp_path / "in")
    assert not refused.value.what.startswith("it cannot be read: ")


def test_sound_files_without_an_array_say_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "words.h5", "w") as file:
        file["t"] = ["a"]
        file["table"] = np.zeros(3, [("n", "S4")])
    with pytest.raises(Refusal, match=r"it holds no array that is supported: table .compound"):
        chosen(tmp_path / "words.h5")
    netCDF4.Dataset(tmp_path / "empty.nc", "w").close()
    with pytest.raises(Refusal, match="it holds no array of numbers"):
        chosen(tmp_path / "empty.nc")


def test_sensors_have_other_spellings_and_look_for_their_kinds_first(tmp_path: Path) -> None:
    assert [sensors.named(word) for word in ("tiff_rgb", "4D_Probe", "mapir drone", "Other")] == [
        "TIFF RGB",
        "4D_NEXUS",
        "MAPIR",
        "OTHER",
    ]
    photo(tmp_path / "preview.png", 1)
    netcdf(tmp_path / "grid.nc", {"v": (("y", "x"), wild("float64", (1, 2)))})
    both = (tmp_path / "preview.png", tmp_path / "grid.nc")
    assert what(chosen(*both, sensor="RGB")[0])[0] == ["image"]
    told, _ = chosen(*both, sensor="NETCDF")
    assert what(told)[0] == ["v"]
    assert left_out(told) == "preview.png (picture)"
    with netCDF4.Dataset(tmp_path / "classic", "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("x", 4)
        file.createVariable("v", "f4", ("x",))[:] = 1
    assert what(chosen(tmp_path / "classic", sensor="4D_NEXUS")[0])[0] == ["v"]


def test_positions_of_what_is_no_scan_are_refused(tmp_path: Path) -> None:
    photo(tmp_path / "p.png", 1)
    with pytest.raises(Refusal, match="it has no datasets that --xs and --ys could name: it is picture"):
        chosen(tmp_path / "p.png", xs="u")
    with pytest.raises(Refusal, match="less than 3 axes: it is no scan"):
        chosen(netcdf(tmp_path / "grid.nc", {"v": (("y", "x"), wild("float64", (2, 3)))}), xs="v")


def test_the_command_tells_what_was_chosen_and_info_keeps_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, output = nexus(tmp_path / "in.h5"), tmp_path / "out.idx"
    assert main(["idx", "convert", str(source), str(output), "--sensor", "4d_nexus"]) == 0
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith("out.idx: counts int32, errors float32, shape 3x4x5, read back equal; chosen: nexus_to_idx ")
    assert main(["idx", "info", str(output)]) == 0
    assert "note: left out: e/raw (30, 40, 5)" in capfd.readouterr().out
    metadata = read_metadata(output)
    assert metadata is not None
    assert metadata.description.attributes["to_idx"]["sensor"] == "4D_NEXUS"
    assert same_bits(read_field(output, "counts"), wild("int32", (3, 4, 5)))
    assert len(open_idx(output).description.origins) == 1


def test_a_strict_converter_is_named_and_wrong_words_are_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "values").write_bytes(bytes(24))
    raw = ["--converter", "raw_to_idx", str(tmp_path / "values"), str(tmp_path / "raw.idx"), "--shape", "3"]
    assert main(["idx", "convert", *raw, "--dtype", "float64"]) == 0
    assert main(["idx", "convert", *raw, "--tipe", "float64"]) == 2
    assert main(["idx", "convert", "--converter", "x", *raw[2:]]) == 2
    assert main(["idx", "convert", str(tmp_path / "values"), str(tmp_path / "o.idx"), "--sensor", "x"]) == 2
    said = capfd.readouterr().err
    assert "there is no converter x: name one of cdf_to_idx, fits_to_idx" in said
    assert "there is no sensor 'x': name one of IDX, TIFF, TIFF RGB" in said


def test_the_command_that_is_told_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(converter, "convert", lambda conversion: asked.append(conversion) or "")
    pages = [wild("uint8", (4, 5), 1), wild("uint16", (4, 5), 2), wild("uint8", (3, 2), 3)]
    for i, page in enumerate(pages):
        tifffile.imwrite(tmp_path / "pages.tif", page, metadata=None, photometric="minisblack", append=i > 0)
        tifffile.imwrite(tmp_path / f"day_2024010{i + 1}.tif", wild("uint8", (4, 5), i), metadata=None)
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(wild("float32", (4, 5), i), name=name) for i, name in enumerate("ABC"))]
    fits.HDUList(hdus).writeto(tmp_path / "in.fits")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["g/p"], file["g/q"], file["r"] = wild("int16", (4, 5), 1), wild("int16", (4, 5), 2), wild("int16", (4,))
    days = sorted(tmp_path.glob("day_*"))
    for paths, count in (
        ([tmp_path / "pages.tif"], 2),
        ([tmp_path / "in.fits"], 3),
        ([tmp_path / "in.h5"], 2),
        (days, 1),
    ):
        told, got = chosen(*paths)
        command, _, timesteps = told.notes[0].removeprefix("chosen: ").partition(", timesteps ")
        program, *options = shlex.split(command)
        module = importlib.import_module(f"dbproc.codes.{program}")
        assert module.main([*options, *map(str, paths), str(tmp_path / "o.idx")]) == 0
        one = asked[-1]
        with joined(opener(one.opener), one.inputs, one.options, one.join, one.new_axis) as strict:
            source = arranged(strict, timesteps, "in")
            box = tuple(slice(0, size) for size in source.description.shape)
            assert [field.name for field in source.description.fields] == list(got)
            assert [axis.name for axis in source.description.axes] == [axis.name for axis in told.axes]
            assert len(got) == count
            assert all(same_bits(np.asarray(source.read(name, box)), values) for name, values in got.items())
    for row, column in ((0, 0), (0, 1), (1, 0)):
        photo(tmp_path / f"t_r{row}_c{column}.png", 1)
    assert "--overlap first --fill 0.0 --mask" in chosen(*tmp_path.glob("t_*"))[0].notes[0]
    photo(tmp_path / "a.jpg", 1, place=40.0)
    photo(tmp_path / "b.jpg", 2, place=41.0)
    told, _ = chosen(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert told.notes[0] == "chosen: image_to_idx of 2 files each, one after another"
    assert told.notes[1].startswith("places of cameras are kept with page")
    assert told.axes[0].attributes["latitude"] == [40.0, 41.0]


def test_fields_of_other_places_and_directions_are_left_out_with_the_reason(tmp_path: Path) -> None:
    for name, start, step in (("a", 40.0, -1.0), ("b", 37.0, 1.0), ("c", 40.0, -1.0)):
        lat = {"lat": (("lat",), start + step * np.arange(4)), name: (("lat", "lon"), wild("float32", (4, 5)))}
        netcdf(tmp_path / f"f{name}.nc", lat, lat="degrees_north")
    told, _ = chosen(*sorted(tmp_path.glob("f?.nc")))
    assert what(told)[0] == ["a", "c"]
    assert left_out(told) == "fb.nc: its coordinates of lat are not those of the first"
    for band, x, pixel in (("B02", 0, 10), ("B03", 100_000, 10), ("B04", 0, 20), ("B08", 0, 10)):
        tags = [(33550, "d", 3, (pixel, pixel, 0)), (33922, "d", 6, (0, 0, 0, x, 5_000_000, 0))]
        tifffile.imwrite(tmp_path / f"S_{band}.tif", wild("uint16", (4, 5)), extratags=tags, metadata=None)
    told, _ = chosen(*sorted(tmp_path.glob("S_*")))
    assert what(told)[0] == ["B02", "B08"]
    assert "S_B03.tif: its coordinates of x are not" in left_out(told)
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(np.full((4, 5), i, "f4"), name=f"I{i}") for i in range(4))]
    for hdu, place in zip(hdus[1:], (7, 8, 7, None), strict=True):
        hdu.header.update({} if place is None else {"CRVAL1": place, "CRPIX1": 1, "CDELT1": 1, "CTYPE1": "X"})
    fits.HDUList(hdus).writeto(tmp_path / "wd.fits")
    assert what(chosen(tmp_path / "wd.fits")[0])[0] == ["I0", "I2", "I3"]


def test_pages_of_another_orientation_are_left_out_with_the_reason(tmp_path: Path) -> None:
    for i, orientation in enumerate((1, 4, 1)):
        tag = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(tmp_path / f"p{i}.tif", wild("uint8", (4, 5), i), extratags=tag, metadata=None)
        tifffile.imwrite(tmp_path / "in.tif", wild("uint8", (4, 5), i), extratags=tag, metadata=None, append=i > 0)
    told, got = chosen(*sorted(tmp_path.glob("p?.tif")))
    assert same_bits(got["image"], np.stack([wild("uint8", (4, 5), i) for i in (0, 2)]))
    assert "p1.tif: it cannot be joined to p0.tif: its orientation" in left_out(told)
    told, got = chosen(tmp_path / "in.tif")
    assert same_bits(got["image"], np.stack([wild("uint8", (4, 5), i) for i in (0, 2)]))
    assert left_out(told) == "series 2 (4, 5): its first row BOTLEFT, that of the others TOPLEFT"


def test_the_files_that_hold_most_decide_and_not_the_first_name(tmp_path: Path) -> None:
    for name in ("tif", "h5", "nc", "raw"):
        (tmp_path / name).mkdir()
    for i, (name, shape) in enumerate((("a_thumb", (2, 3)), ("s_0", (4, 5)), ("s_1", (4, 5)), ("s_2", (4, 6)))):
        values = wild("uint8", shape, i)
        tifffile.imwrite(tmp_path / f"tif/{name}.tif", values, metadata=None)
        netcdf(tmp_path / f"nc/{name}.nc", {"thumb" if i == 0 else "v": (("y", "x"), values.astype("f4"))})
        (tmp_path / f"raw/{name}_{shape[1]}x{shape[0]}_uint8.raw").write_bytes(values.tobytes())
        with h5py.File(tmp_path / f"h5/{name}.h5", "w") as file:
            file["thumb" if i == 0 else "v"] = np.repeat(values, 500, 0)
    for name in ("tif", "h5", "nc", "raw"):
        told, got = chosen(tmp_path / name)
        (values,) = got.values()
        assert values.shape == (2, 2000 if name == "h5" else 4, 5), name
        assert "a_thumb" in left_out(told)
        assert "s_2" in left_out(told)


def test_places_far_apart_make_no_mosaic(tmp_path: Path) -> None:
    for day, x in ((1, 0), (2, 100_000), (3, 0)):
        tags = [(33550, "d", 3, (10, 10, 0)), (33922, "d", 6, (0, 0, 0, x, 5_000_000, 0))]
        tifffile.imwrite(tmp_path / f"s_2024010{day}.tif", wild("uint16", (4, 5), day), extratags=tags, metadata=None)
    told, got = chosen(*sorted(tmp_path.glob("s_*")))
    assert what(told) == (["image"], (2, 4, 5), "time")
    assert same_bits(got["image"][1], wild("uint16", (4, 5), 3))
    assert "s_20240102.tif: it cannot be joined to s_20240101.tif: its coordinates of axis x" in left_out(told)
    for day, x in ((4, 10), (5, 10)):  # over one another for the most part: of several times, not tiles
        tags = [(33550, "d", 3, (10, 10, 0)), (33922, "d", 6, (0, 0, 0, x, 5_000_000, 0))]
        tifffile.imwrite(tmp_path / f"s_2024010{day}.tif", wild("uint16", (4, 5), day), extratags=tags, metadata=None)
    told, got = chosen(*(tmp_path / f"s_2024010{day}.tif" for day in (3, 4, 5)))
    assert what(told) == (["image"], (2, 4, 5), "time")
    assert same_bits(got["image"][0], wild("uint16", (4, 5), 4))


def test_pictures_of_another_system_of_coordinates_are_left_out(tmp_path: Path) -> None:
    for i, (x, system) in enumerate(((0, 32633), (50, 32634), (50, 32633))):
        tags: list[Any] = [(33550, "d", 3, (10, 10, 0)), (33922, "d", 6, (0, 0, 0, x, 5_000_000, 0))]
        keys = (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, system)
        tags.append((34735, "H", len(keys), keys))
        tifffile.imwrite(tmp_path / f"p{i}.tif", wild("uint16", (4, 5), i), extratags=tags, metadata=None)
        turned = [(34264, "d", 16, (10, 1, 0, x, 1, -10, *[0] * 10))]
        tifffile.imwrite(tmp_path / f"t{i}.tif", wild("uint16", (4, 5), i), extratags=turned, metadata=None)
    assert left_out(chosen(*sorted(tmp_path.glob("t?.tif")))[0]).startswith("t0.tif: it cannot be joined to t1.tif")
    for name, pixel, dtype in (("q3", 20, "uint16"), ("q4", 10, "uint8")):
        tags = [(33550, "d", 3, (pixel, pixel, 0)), (33922, "d", 6, (0, 0, 0, 100, 5_000_000, 0))]
        tifffile.imwrite(tmp_path / f"{name}.tif", wild(dtype, (4, 5)), extratags=tags, metadata=None)
    told, _ = chosen(*(tmp_path / f"{name}.tif" for name in ("p0", "p2", "q3", "q4")))
    assert told.shape == (4, 10)
    assert "q3.tif: its grid is another, q4.tif: it is 5 by 4 pixels of uint8" in left_out(told)
    assert chosen(tmp_path / "p0.tif", tmp_path / "p1.tif")[0].shape == (4, 5)
    told, _ = chosen(tmp_path / "p1.tif", tmp_path / "p2.tif")
    assert told.shape == (4, 5)
    assert left_out(told).endswith("its ProjectedCSTypeGeoKey is 32633, not 32634")
    assert chosen(tmp_path / "p0.tif", tmp_path / "p2.tif")[0].shape == (4, 10)


def test_hdf5_files_of_one_shape_with_different_datasets_are_fields_together(tmp_path: Path) -> None:
    for seed, name in enumerate("pqr"):
        with h5py.File(tmp_path / f"k{seed}.h5", "w") as file:
            file[name] = wild("uint16", (4, 5), seed)
    told, got = chosen(*sorted(tmp_path.glob("k?.h5")))
    assert what(told) == (["p", "q", "r"], (4, 5), "")
    assert same_bits(got["q"], wild("uint16", (4, 5), 1))


@pytest.mark.parametrize("ending", ["h5", "nc"])
def test_what_all_files_have_goes_before_what_one_has(tmp_path: Path, ending: str) -> None:
    for seed, own in enumerate("pqr"):
        grids = {own: (f"{own}y", f"{own}x"), "all": ("y", "x")}
        values = {name: wild("float32", (4, 5) if name == "all" else (6, 6 + seed), seed) for name in grids}
        if ending == "nc":
            netcdf(tmp_path / f"{seed}.nc", {name: (grids[name], each) for name, each in values.items()})
        else:
            with h5py.File(tmp_path / f"{seed}.h5", "w") as file:
                for name, each in values.items():
                    file[name] = each
    told, got = chosen(*sorted(tmp_path.glob(f"?.{ending}")))
    assert what(told)[:2] == (["all"], (3, 4, 5))
    assert same_bits(got["all"][2], wild("float32", (4, 5), 2))
    assert left_out(told) == "p (6, 6)"


@pytest.mark.parametrize("damaged", ["a", "c"])
def test_a_damaged_file_of_several_is_left_out_wherever_it_stands(tmp_path: Path, damaged: str) -> None:
    for name in "abc":
        netcdf(tmp_path / f"{name}.nc", {"v": (("y", "x"), wild("float32", (4, 5)))})
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["v"] = wild("float32", (4, 5))
    for path in tmp_path.glob(f"{damaged}.*"):
        path.write_bytes(path.read_bytes()[:700])
    for ending in ("nc", "h5"):
        told, _ = chosen(*sorted(tmp_path.glob(f"*.{ending}")))
        assert told.shape == (2, 4, 5)
        assert left_out(told).startswith(damaged)


def test_files_with_times_of_their_own_stand_in_their_order(tmp_path: Path) -> None:
    for name, start in (("a", 2.0), ("b", 0.0)):
        maps = {"v": (("time", "y", "x"), wild("float32", (2, 4, 5), int(start)))}
        maps["time"] = (("time",), np.arange(2.0) + start)
        netcdf(tmp_path / f"{name}.nc", maps, time="hours since 2020-01-01")
    told, got = chosen(*sorted(tmp_path.glob("?.nc")))
    assert told.axes[0].coordinates == (0, 1, 2, 3)
    assert same_bits(got["v"][2:], wild("float32", (2, 4, 5), 2))


def test_one_field_that_is_not_alike_leaves_out_itself_and_not_the_files(tmp_path: Path) -> None:
    """A clock of its own in each file comes after data; other units of one field of three are no reason for less."""
    for day in range(3):
        values = {name: (("time",), wild("float32", (4,), day)) for name in ("clock", "a", "b", "c")}
        values["time"] = (("time",), np.arange(4.0))
        since = f"hours since 2020-01-0{day + 1}"
        netcdf(tmp_path / f"{day}.nc", values, time=since, clock=since, b=f"{day} m")
    told, got = chosen(*sorted(tmp_path.glob("?.nc")))
    assert what(told)[:2] == (["a", "c"], (12,))
    assert left_out(told).startswith(
        "b: it cannot be joined to 0.nc: its scale, offset and units of b at index 2 is 1 m"
    )
    assert same_bits(got["c"], np.concatenate([wild("float32", (4,), day) for day in range(3)]))
    assert told.axes[0].positions() == [24 * day + hour for day in range(3) for hour in range(4)]


def test_of_arrays_of_an_npz_those_of_most_bytes_are_fields(tmp_path: Path) -> None:
    maps = {"b": wild("float32", (4, 5)), "c": wild("float32", (4, 5))}
    np.savez(tmp_path / "many.npz", a=np.arange(3), **maps, names=np.array(["x"]), one=np.float64(2))
    told, _ = chosen(tmp_path / "many.npz")
    assert what(told)[0] == ["b", "c"]
    assert "a.npy: its shape is (3,), that of the first (4, 5)" in left_out(told)
    assert "names.npy: it holds no array that is supported: its values are <U1" in left_out(told)
    assert "one.npy: it holds no array of numbers" in left_out(told)
    np.savez(tmp_path / "two.npz", a=np.arange(3), b=maps["b"])
    assert chosen(tmp_path / "two.npz")[0].notes[0].startswith("chosen: raw_to_idx --shape 4,5 --dtype '<f4'")
    assert "files each" not in chosen(tmp_path / "two.npz")[0].notes[0]
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(Refusal, match="it holds no files"):
        chosen(tmp_path / "empty.npz")


def test_variables_whose_names_become_the_same_are_told_apart_by_numbers(tmp_path: Path) -> None:
    grid = ("y", "x")
    path = netcdf(tmp_path / "in.nc", {name: (grid, wild("f4", (4, 5), i)) for i, name in enumerate(("a b", "a_b"))})
    told, got = chosen(path)
    assert what(told)[0] == ["a_b", "a_b_2"]
    assert same_bits(got["a_b_2"], wild("f4", (4, 5), 1))


def test_complex_values_are_fields_beside_others_and_other_axes_are_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["a"], file["c"] = np.zeros((4, 5)), np.full((4, 5), 1 + 2j)
    told, got = chosen(tmp_path / "in.h5")
    assert [field.components for field in told.fields] == [1, 2]
    assert (got["c"] == [1, 2]).all()
    path = netcdf(tmp_path / "in.nc", {"u": (("y", "x"), wild("f4", (4, 5))), "v": (("q", "p"), wild("f4", (4, 5)))})
    assert left_out(chosen(path)[0]) == "v (4, 5): its axes are others"


def test_a_name_that_does_not_agree_with_the_size_is_said_to(tmp_path: Path) -> None:
    (tmp_path / "bad_7x5x4_uint16.raw").write_bytes(bytes(240))
    with pytest.raises(Refusal, match="its name tells 7x5x4 values, which do not agree with its 240 bytes"):
        chosen(tmp_path / "bad_7x5x4_uint16.raw")
