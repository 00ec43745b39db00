"""Every mission file in docs/idx, as it stands there: applied, delivered to, run, and its datasets read back.

The input of each is made by a function of the page's name below. The same dataset is made by hand, too, where the test
says so.
"""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbproc.cli import main
from dbproc.codes import raw_to_idx
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx
from tests.kit.mission import REPOSITORY, Mission

DOCS = REPOSITORY / "docs" / "idx"
BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DAYS = ("20240501", "20240502", "20240503", "20240504")
EXAMPLES = {
    f"{path.stem}-{i}": text for path in DOCS.glob("*.md") for i, text in enumerate(BLOCK.findall(path.read_text()))
}
Array = np.ndarray[Any, Any]
Wanted = dict[str, Array]
"""The fields of a dataset with their values."""


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


# --- what is delivered ---


def netcdf(path: Path, **fields: Array) -> Wanted:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        for name, values in fields.items():
            axes = ("time", "y", "x")[-values.ndim :]
            for axis, size in zip(axes, values.shape, strict=True):
                if axis not in file.dimensions:
                    file.createDimension(axis, size)
            file.createVariable(name, values.dtype, axes)[...] = values
    return fields


def wind(path: Path) -> Wanted:
    return netcdf(path, uwnd=numbers((3, 4, 5), "f4"), vwnd=numbers((3, 4, 5), "f4", 1))


def variable(path: Path) -> Wanted:
    return netcdf(path, speed=numbers((6, 7), "f4"))


def day(path: Path, number: int = 0) -> Wanted:
    import netCDF4

    found = netcdf(path, T=numbers((1, 6, 7), "f4", number))
    with netCDF4.Dataset(path, "a") as file:
        file.createVariable("time", "f8", ("time",)).units = f"hours since 2024-05-{number + 1:02d} 00:00:00"
        file["time"][:] = 12
    return found


def sweep(path: Path) -> Wanted:
    import h5py

    with h5py.File(path, "w") as file:
        file["dataset1/data1/data"] = numbers((5, 6), "u1")
    return {"data": numbers((5, 6), "u1")}


def scan(path: Path) -> Wanted:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update(NX_class="NXentry", default="data")
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="counts", axes=["y", "x"])
        data["counts"] = numbers((5, 6), "i4")
        data["y"], data["x"] = np.arange(5.0), np.arange(6.0)
    return {"counts": numbers((5, 6), "i4")}


def tiff(path: Path) -> Wanted:
    import tifffile

    tifffile.imwrite(path, numbers((5, 6, 7), "u2"), photometric="minisblack")
    return {"": numbers((5, 6, 7), "u2")}


def jpeg(path: Path) -> Wanted:
    from PIL import Image

    Image.fromarray(np.full((16, 24, 3), 100, "u1")).save(path, quality=95)
    return {"": np.asarray(Image.open(path))}


def survey(path: Path) -> Wanted:
    import tifffile

    values = numbers((5, 6, 3), "u2") + np.uint16(1)
    tifffile.imwrite(path, values, photometric="rgb")
    return {name: values[..., i] for i, name in enumerate(("red", "green", "nir"))}


def cdf(path: Path) -> Wanted:
    from cdflib.cdfwrite import CDF

    writer = CDF(path, cdf_spec={"Compressed": 0})
    name, shape = "psp_fld_l2_mag_RTN_1min", (4, 3)
    common = {"Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [3], "Variable": name}
    writer.write_var(common, {"VAR_TYPE": "data"}, numbers(shape, "f4"))
    writer.close()
    return {name: numbers(shape, "f4")}


def fits(path: Path) -> Wanted:
    from astropy.io.fits import PrimaryHDU

    PrimaryHDU(numbers((5, 6), "i2")).writeto(path)
    return {"": numbers((5, 6), "i2")}


def raw(path: Path) -> Wanted:
    values = numbers((10, 512, 512), "u2")
    values.tofile(path)
    return {"": values}


def elsewhere(path: Path) -> Wanted:
    values = numbers((5, 6), "u1")
    values.tofile(path.with_suffix(".raw"))
    words = ["--shape", "5,6", "--dtype", "uint8", "--codec", "raw", str(path.with_suffix(".raw")), str(path)]
    assert raw_to_idx.main(words) == 0
    path.with_suffix(".raw").unlink()
    return {"": values}


def slices(path: Path) -> Wanted:
    import tifffile

    volume = numbers((11, 5, 6), "u1")
    with zipfile.ZipFile(path, "w") as archive:
        for i, values in enumerate(volume):
            tifffile.imwrite(path.with_suffix(".tif"), values)
            archive.write(path.with_suffix(".tif"), f"slices/{i}.tif")
    path.with_suffix(".tif").unlink()
    return {"": volume}


INPUTS: dict[str, Callable[[Path], Wanted]] = {
    "netcdf-0": wind,
    "tiff-0": tiff,
    "index-0": slices,
    "automatic-0": slices,
    "cdf-0": cdf,
    "fits-0": fits,
    "hdf5-0": sweep,
    "idx-0": elsewhere,
    "image-0": jpeg,
    "looking-0": variable,
    "mapir-0": survey,
    "nexus-0": scan,
    "packing-0": variable,
    "raw-0": raw,
}
GROWING = "index-1"
ORDINARY = ("netcdf-0", "tiff-0")


# --- the missions ---


class Example:
    """One mission file of the documents, in a folder of its own."""

    def __init__(self, text: str, root: Path) -> None:
        self.mission = Mission(root, str(root / "mission.sqlite"))
        self.mission.environment["DBPROC_SETTLE_SECONDS"] = "0"
        self.mission.file.write_text(text)
        self.products: dict[str, Any] = tomllib.loads(text)["product"]
        assert main(["init", self.mission.database]) == 0
        assert main(["apply", str(self.mission.file), "-m", self.mission.database]) == 0

    def deliver(self, make: Callable[[Path], Wanted], date: str) -> Wanted:
        (arriving,) = (each["format"] for each in self.products.values() if each["level"] == 0)
        name = arriving.format(Y=date[:4], m=date[4:6], d=date[6:])
        return make(self.mission.incoming / name)

    def made(self) -> dict[str, list[Path]]:
        """The files of every product that is made."""
        files = sorted(self.mission.files().values(), key=lambda each: each.path)
        derived = [name for name, each in self.products.items() if each["level"] > 0]
        return {name: [each.path for each in files if each.product == name] for name in derived}


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Example]:
    return lambda name: Example(EXAMPLES[name], tmp_path / "mission")


def assert_holds(dataset: IdxDataset, wanted: Wanted) -> None:
    for name, values in wanted.items():
        field = name if name or len(dataset.description.fields) > 1 else None
        found = dataset.read(field)
        assert found.dtype == values.dtype
        assert found.tobytes() == values.tobytes()


def test_every_example_is_tried() -> None:
    assert set(EXAMPLES) == {*INPUTS, GROWING}


@pytest.mark.parametrize(
    "name", [each if each in ORDINARY else pytest.param(each, marks=pytest.mark.thorough) for each in INPUTS]
)
def test_an_example_makes_its_products(name: str, example: Callable[[str], Example]) -> None:
    tried = example(name)
    wanted = tried.deliver(INPUTS[name], DAYS[0])
    tried.mission.run()
    made = tried.made()
    assert {product: len(paths) for product, paths in made.items()} == dict.fromkeys(made, 1)
    for (path,) in made.values():
        if path.suffix == ".idx":
            assert_holds(open_idx(path), wanted)
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_a_month_grows_by_a_day_and_shares_the_days_before(example: Callable[[str], Example]) -> None:
    tried = example(GROWING)
    wanted = [tried.deliver(lambda path, i=i: day(path, i), DAYS[i])["T"] for i in range(3)]
    tried.mission.run()
    (before,) = tried.made()["month"]
    bytes_before = {path: path.read_bytes() for path in sorted(before.with_suffix("").rglob("*.bin"))}
    wanted.append(tried.deliver(lambda path: day(path, 3), DAYS[3])["T"])
    tried.mission.run()
    old, new = tried.made()["month"]
    assert old == before
    assert_holds(open_idx(old), {"T": np.concatenate(wanted[:3])})
    assert_holds(open_idx(new), {"T": np.concatenate(wanted)})
    blocks = sorted(new.with_suffix("").rglob("*.bin"))
    assert [path.stat().st_nlink for path in blocks] == [2, 2, 2, 1]
    assert all(path.samefile(earlier) for path, earlier in zip(blocks, bytes_before, strict=False))
    assert {path: path.read_bytes() for path in bytes_before} == bytes_before
    assert len(tried.made()["month_picture"]) == 2
    assert tried.mission.dbproc("check").status == 0
