"""``dbproc idx convert`` picks the program by what a file is."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from dbproc.cli import main
from dbproc.codes.conversion.choice import BY_KIND, CONVERTERS, choose
from dbproc.codes.conversion.kinds import KINDS
from dbproc.codes.idx.refusal import Refusal
from tests.codes.conftest import write_netcdf


def test_every_kind_has_its_program_and_every_program_is_there() -> None:
    assert {kind for _, kind, _ in KINDS} == {*BY_KIND, "HDF5"}
    assert set(CONVERTERS) == {each.stem for each in Path("dbproc/codes").glob("*_to_idx.py")}
    assert all(BY_KIND[kind] in programs for _, kind, programs in KINDS if kind in BY_KIND)


def test_programs_are_chosen_by_content_and_ending(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("plain.h5", "nexus.h5", "grid.hdf", "x.nxs", "in.dat", "photo")]
    plain, nexus, grid, named, tiff, photo = files
    for path in (plain, nexus, named):
        with h5py.File(path, "w") as file:
            file["v"] = np.zeros(3)
            if path == nexus:
                file.attrs["NX_class"] = "NXroot"
    write_netcdf(grid, {"x": 3}, {"v": (("x",), np.zeros(3), {})})
    tifffile.imwrite(tiff, np.zeros((3, 4), "uint8"))
    Image.new("L", (3, 4)).save(photo, "PNG")
    programs = ["hdf5_to_idx", "nexus_to_idx", "netcdf_to_idx", "nexus_to_idx", "tiff_to_idx", "image_to_idx"]
    assert [choose([path]) for path in files] == programs
    (tmp_path / "day").mkdir()
    tiff.rename(tmp_path / "day/2.tif")
    (tmp_path / "day/.DS_Store").write_bytes(b"junk")
    assert choose([tmp_path / "day", tmp_path / "day/2.tif"]) == "tiff_to_idx"


def test_what_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "values").write_bytes(b"12345678")
    (tmp_path / "many.zip").write_bytes(b"PK")
    Image.new("L", (3, 4)).save(tmp_path / "photo.png")
    write_netcdf(tmp_path / "in.nc", {"x": 3}, {"v": (("x",), np.zeros(3), {})})
    for names, words in (
        (["values"], "first bytes. Say what converts it: --converter NAME, of netcdf_to_idx"),
        (["many.zip"], "it is an archive. Say what"),
        (["none"], "there is no such file"),
        (["in.nc", "photo.png"], "it is for image_to_idx, but .*in.nc is for netcdf_to_idx"),
    ):
        with pytest.raises(Refusal, match=words):
            choose([tmp_path / name for name in names])


def test_a_file_is_converted_with_the_options_of_its_program(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "in.nc", tmp_path / "out.idx"
    axes = {"x": 3}
    write_netcdf(source, axes, {name: (("x",), np.zeros(3), {}) for name in ("v", "w")})
    assert main(["idx", "convert", str(source), str(output), "--variable", "w"]) == 0
    assert main(["idx", "verify", str(output)]) == 0
    (tmp_path / "values").write_bytes(bytes(24))
    raw = ["--converter", "raw_to_idx", str(tmp_path / "values"), str(tmp_path / "raw.idx"), "--shape", "3"]
    assert main(["idx", "convert", *raw, "--dtype", "float64"]) == 0
    assert main(["idx", "convert", *raw, "--tipe", "float64"]) == 2
    assert main(["idx", "convert", str(source)]) == 2
    assert main(["idx", "convert", "--converter", "x", str(source), str(output)]) == 2
    said = capfd.readouterr()
    assert "out.idx: whole" in said.out
    assert "there is no converter x: name one of netcdf_to_idx" in said.err
