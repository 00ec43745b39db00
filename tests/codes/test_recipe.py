"""What conversions write for fixed inputs is what the number of the recipe stands for.

Digests are of the samples in each block and of the layout, not of the files: another version of a compressing library,
or another processor, may give other streams for the same samples, which are none the less to be shared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import astropy.io.fits
import h5py
import numpy as np
import pytest
import tifffile

from dbproc.codes.conversion import building
from dbproc.codes.conversion.idx_writer import Conversion, convert
from dbproc.codes.idx import bins, idx_file, packing
from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.idx_reader import read_metadata
from tests.codes.conftest import write_netcdf

NUMBER = 2
"""The number of the recipe that the digests were recorded under."""
DIGESTS: dict[str, str] = {
    "uint8 2D": "e1804acd48bd19829c6859e2a0e4ef04576163d19052bc573f3ea0fa7b97a7c4",
    "int16 3D of the other order": "625525d46c225f3bf6a9b0598e9177c42b81309860ad82e22bb1f85a743531f0",
    "uint16 of three components": "5e088dcee6db365141aab14018789b1096d1dd01c2fbb64c3ec9a21ca0b6ae51",
    "float32 by zfp": "36a5a5aa3819405181ec2ac99b83f7d4cced9f0bee55e937e008511c6641a378",
    "float64 uncompressed": "cf9fc21d67ec2e1d8c9e4866ce31cfc32579633166cf403395de24b9261b9e9a",
    "int32 in many bins": "5ebe30cfb1ffbdced708c2e91d9a20b31d5f30b96fb2adfd5b2824570c44d000",
    "float32 of two days in timesteps": "181237f4bddd234359cdf1e1877b71178e898cfdc2266be4097b6d40ed7da127",
    "netcdf, packed": "0d3c5818a2466c1ea175142d4334fc09201206b3e707263268b20d2b921b4720",
    "netcdf, unpacked": "928a0ffa9de3401fa8e47924affe20f75f31e0e4c4af1cde76dc008b6f41b8f5",
    "hdf5": "b7b4092f24815926fafceadf7157f097056ff3ca6309496ffcdeb1bc6ffbc6b3",
    "fits": "e5898bf83758d44c1373dc8753f1c9b5d307d7ca6b5070698d844dadf54ad159",
    "tiff": "319a09948d54169873486ac7965f3e02808cb62617ad3cb942c14bb779520e1b",
}

PLAIN: dict[str, Any] = {
    **{"order": "C", "offset": 0, "components": 1, "axes": None, "axis_units": None},
    **{"name": "data", "units": "", "fill": None},
}


def pattern(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Values of whole eighths, or whole numbers; the same on every machine."""
    steps = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) * 37 % 101
    return (steps / 8 - 3 if np.dtype(dtype).kind == "f" else steps).astype(dtype)


def raw(directory: Path, dtype: str, shape: tuple[int, ...], **told: Any) -> Conversion:
    values = pattern(dtype, (*shape, *([told["components"]] if "components" in told else [])))
    if values.dtype.kind == "f":
        values.reshape(-1)[:4] = [np.nan, np.inf, -0.0, 2]
    path, settings = directory / "in.raw", told.pop("settings", {})
    path.write_bytes(b"head"[: told.get("offset", 0)] + values.tobytes(told.get("order", "C")))
    options = {**PLAIN, "shape": list(shape), "dtype": dtype, **told}
    return Conversion("dbproc.codes.raw_to_idx:open_source", [path], directory / "out.idx", options, **settings)


def netcdf(directory: Path, unpack: bool) -> Conversion:
    packed = {"scale_factor": 0.25, "add_offset": -2.0, "_FillValue": np.int16(7), "valid_max": np.int16(99)}
    variables = {
        "time": (("time",), np.arange(3.0), {"units": "hours since 2020-01-01"}),
        "t": (("time", "y", "x"), pattern("int16", (3, 20, 30)), packed),
        "n": (("time", "y", "x"), pattern("uint8", (3, 20, 30)), {}),
    }
    path = write_netcdf(directory / "in.nc", {"time": 3, "y": 20, "x": 30}, variables)
    options = {"variables": ["t", "n"], "unpack": unpack}
    opener = "dbproc.codes.netcdf_to_idx:open_source"
    return Conversion(opener, [path], directory / "out.idx", options, timesteps="time")


def days(directory: Path) -> Conversion:
    """Two files, joined along the axis that becomes timesteps."""
    paths = [directory / f"day{number}.raw" for number in (1, 2)]
    for number, path in enumerate(paths):
        (pattern("float32", (2, 9, 11)) + number).tofile(path)
    options = {**PLAIN, "shape": [2, 9, 11], "dtype": "float32", "axes": ["time", "y", "x"], "fill": "2"}
    opener = "dbproc.codes.raw_to_idx:open_source"
    return Conversion(opener, paths, directory / "out.idx", options, join="time", timesteps="time")


def hdf5(directory: Path) -> Conversion:
    with h5py.File(directory / "in.h5", "w") as file:
        file.create_dataset("a/v", data=pattern(">i8", (4, 50, 60)), chunks=(2, 20, 30), compression="gzip")
    opener = "dbproc.codes.hdf5_to_idx:open_source"
    return Conversion(opener, [directory / "in.h5"], directory / "out.idx", {"datasets": ["a/v"]})


def fits(directory: Path) -> Conversion:
    """Whole numbers that are unsigned by BZERO."""
    astropy.io.fits.PrimaryHDU(pattern("uint16", (40, 50)) + 40_000).writeto(directory / "in.fits")
    return Conversion("dbproc.codes.fits_to_idx:open_source", [directory / "in.fits"], directory / "out.idx")


def tiff(directory: Path) -> Conversion:
    tifffile.imwrite(directory / "in.tif", pattern("uint8", (3, 40, 50)), photometric="minisblack")
    return Conversion("dbproc.codes.tiff_to_idx:open_source", [directory / "in.tif"], directory / "out.idx")


CASES: dict[str, Callable[[Path], Conversion]] = {
    "uint8 2D": lambda path: raw(path, "uint8", (70, 300)),
    "int16 3D of the other order": lambda path: raw(path, ">i2", (5, 33, 40), order="F", offset=4),
    "uint16 of three components": lambda path: raw(path, "uint16", (31, 17), components=3),
    "float32 by zfp": lambda path: raw(path, "float32", (20, 30, 40), fill="2", settings={"codec": "zfp"}),
    "float64 uncompressed": lambda path: raw(path, "float64", (9, 50), settings={"codec": "raw"}),
    "int32 in many bins": lambda path: raw(path, "int32", (40, 300, 700), settings={"slab": 1 << 20}),
    "float32 of two days in timesteps": days,
    "netcdf, packed": lambda path: netcdf(path, unpack=False),
    "netcdf, unpacked": lambda path: netcdf(path, unpack=True),
    "hdf5": hdf5,
    "fits": fits,
    "tiff": tiff,
}


def digest(idx: Path) -> str:
    """A digest of the layout, of the samples of every block and of what was counted."""
    lines = idx.read_text().splitlines()
    lines = lines[: lines.index("(metadata)")] + lines[lines.index("(metadata)") + 2 :]
    metadata, stored = read_metadata(idx), idx_file.read(idx)
    assert metadata is not None
    counted = [metadata.tallies, *(part.tallies for part in metadata.description.parts)]
    tallies = [{name: asdict(tally) for name, tally in each.items()} for each in counted]
    blocks = [told for _, first, path in stored.bins(idx) if path.exists() for told in _blocks(path, stored, first)]
    return hashlib.sha256(json.dumps([lines, blocks, tallies], sort_keys=True).encode()).hexdigest()


def _blocks(path: Path, stored: IdxFile, first: int) -> Iterator[list[Any]]:
    """Where each block of a bin is, how it is stored, and the digest of its samples."""
    content = path.read_bytes()
    for number, entry in enumerate(bins.read_table(path, stored)):
        if entry is not None:
            field, within = divmod(number, stored.blocks_per_file)
            samples = packing.undone(content[entry.offset : entry.end], entry, stored, field, first + within)
            place = f"{path.parent.name}/{path.name}"
            yield [place, field, first + within, entry.flags, hashlib.sha256(samples).hexdigest()]


@pytest.mark.parametrize("case", CASES)
def test_the_same_input_gives_the_same_samples_under_a_number(tmp_path: Path, case: str) -> None:
    convert(CASES[case](tmp_path))
    found = digest(tmp_path / "out.idx")
    assert (building.RECIPE, found) == (NUMBER, DIGESTS.get(case)), (
        f"{case!r} gives {found!r} under RECIPE {building.RECIPE}. Where conversions now write other samples, another "
        "layout or other counts than before, raise RECIPE in dbproc/codes/conversion/building.py, so that no timesteps "
        "are shared with datasets made before; then record the new number and the digests of all cases in this file"
    )
