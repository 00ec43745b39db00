"""Real files of others go through ``to_idx``, and give what their formats' own libraries read, without our code."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cdflib
import h5py
import hdf5plugin
import imagecodecs
import netCDF4
import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image

from dbproc.codes.idx.description import Field
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx
from dbproc.codes.to_idx import main
from tests.kit.samples import Sample, samples

LEAST = 150
"""So many files with arrays at least."""


def test_there_are_enough_samples_and_each_has_a_licence() -> None:
    found = samples()
    assert len({(each.wheel, each.file) for each in found}) == len(found)
    assert sum(each.expected == "array" for each in found) >= LEAST
    assert all(each.licence and each.expected for each in found)


@pytest.mark.thorough
@pytest.mark.parametrize("sample", samples(), ids=lambda each: each.name)
def test_a_real_file_is_converted_or_says_why_not(
    sample: Sample, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, output = sample.extracted(tmp_path), tmp_path / "out.idx"
    status = main([str(path), str(output)])
    said = capfd.readouterr()
    if sample.expected != "array":
        assert status == 1
        assert sample.expected in said.err
        return
    assert status == 0, said.err
    dataset = open_idx(output)
    chosen = dataset.description.attributes["to_idx"]
    assert said.out.count("\n") == 1
    for number, field in enumerate(dataset.description.fields):
        wanted = plain(path, chosen, field, number)
        found = alone(dataset, field)
        assert found.dtype == wanted.dtype.newbyteorder("="), field.name
        order = stepped(wanted.shape, found.shape, dataset.description.timesteps, wanted)
        assert order.shape == found.shape, field.name
        assert order.astype(found.dtype).tobytes() == found.tobytes(), field.name


def alone(dataset: IdxDataset, field: Field) -> np.ndarray:
    """The values of a field as OpenVisus alone reads them, with axes as the source has them."""
    db = importlib.import_module("OpenVisus").LoadDataset(str(dataset.path))
    steps = dataset.steps or range(dataset.shape[0] if dataset.description.timesteps else 1)
    read = [np.array(db.read(field=field.name, time=step)) for step in steps]
    values = np.stack([np.flip(each, dataset.metadata.turned) for each in read])
    return values.reshape(*dataset.shape, *((field.components,) if field.components > 1 else ()))


def stepped(shape: tuple[int, ...], stored: tuple[int, ...], timesteps: str, values: np.ndarray) -> np.ndarray:
    """Values with the axis of their timesteps first: of equal shape nothing is to do."""
    if shape == stored or not timesteps:
        return values
    axes = [axis for axis in range(values.ndim) if np.moveaxis(values, axis, 0).shape == stored]
    return np.moveaxis(values, axes[0], 0) if axes else values.reshape(stored)


def plain(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    """The values of a field as the library of the format reads them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.ascontiguousarray(READERS[chosen["converter"]](path, chosen, field, number))


def of_netcdf(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return np.asarray(file[field.variable][...])


def of_hdf5(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    hdf5plugin.register()
    with h5py.File(path) as file:
        above, _, member = field.variable.rpartition("/")
        is_member = isinstance(file[above or "/"], h5py.Dataset)
        values = file[above][member] if is_member else file[field.variable][...]
    if values.dtype.kind == "c":
        return np.stack([values.real, values.imag], axis=-1)
    return values.view("u1") if values.dtype.kind == "b" else values.astype(values.dtype.str)


def of_cdf(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    return np.asarray(cdflib.CDF(path).varget(field.variable))


def of_fits(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    options = chosen["options"][0 if "columns" in chosen["options"][0] else number]
    unit, is_unsigned = int(options["hdu"]), "bzero" in field.attributes
    with fits.open(path, do_not_scale_image_data=not is_unsigned, uint=True, memmap=False) as file:
        if "columns" not in options:
            return np.array(file[unit].data)
        found = file[unit].data
        values = np.array(found[field.variable] if is_unsigned else found.view(np.ndarray)[field.variable])
        return values[:, 0] if values.shape[1:] == (1,) else values


def of_tiff(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    with tifffile.TiffFile(path) as file:
        series = max(file.series, key=lambda each: each.size)
        values = series.asarray()
    if "S" in series.axes:
        values = np.moveaxis(values, series.axes.index("S"), -1)
    return values.view("u1") if values.dtype.kind == "b" else values


def of_picture(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    if path.suffix == ".png":
        return np.asarray(imagecodecs.png_decode(path.read_bytes()))  # Pillow halves 16 bits of colours
    with Image.open(path) as image:
        values = np.asarray(image if image.mode not in ("P", "1") else image.convert("RGB"))
    return values.view("u1") if values.dtype.kind == "b" else values


def of_numpy(path: Path, chosen: Mapping[str, Any], field: Field, number: int) -> np.ndarray:
    values = np.load(path)
    return values.view("u1") if values.dtype.kind == "b" else values


READERS = {
    "netcdf_to_idx": of_netcdf,
    "hdf5_to_idx": of_hdf5,
    "nexus_to_idx": of_hdf5,
    "cdf_to_idx": of_cdf,
    "fits_to_idx": of_fits,
    "tiff_to_idx": of_tiff,
    "image_to_idx": of_picture,
    "raw_to_idx": of_numpy,
}
