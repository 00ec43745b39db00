"""What a source reads is compared with what its format's own library reads: a wrong number is refused, not kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from dbproc.codes import cdf_to_idx, hdf5_to_idx, netcdf_to_idx, nexus_to_idx
from dbproc.codes.conversion.joined import joined
from dbproc.codes.conversion.source import Source
from dbproc.codes.conversion.stepped import arranged
from dbproc.codes.conversion.witness import require_same
from dbproc.codes.formats import chunks
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box, plan
from dbproc.codes.idx.values import Values, native
from tests.codes.conftest import wild
from tests.codes.test_cdf_to_idx import write as write_cdf
from tests.codes.test_nexus_to_idx import nexus

SHAPE = (3, 4, 5)
Open = Callable[[], AbstractContextManager[Source]]


class Wrong:
    """A source that reads one value wrongly, and the right ones by another way."""

    def __init__(self, source: Any, place: tuple[int, ...]) -> None:
        self.description, self.plain, self._source, self._place = source.description, source.plain, source, place

    def read(self, field: str, box: Box) -> Values:
        values = native(self._source.read(field, box)).copy()
        if all(part.start <= at < part.stop for at, part in zip(self._place, box, strict=True)):
            inside = tuple(at - part.start for at, part in zip(self._place, box, strict=True))
            values[inside] = (values[inside].reshape(1).view("uint8") ^ 1).view(values.dtype)[0]
        return values


def compared(source: Source, budget: int) -> None:
    """Read and compare all of the slabs."""
    for field in source.description.fields:
        for box in plan(source.description.shape, 4, budget):
            require_same(source, field, box, native(source.read(field.name, box)), "in")


def require_witnessed(source: Source) -> None:
    """All is equal as it is; a wrong value anywhere is found."""
    compared(source, 10**9)
    for place in [*product(*map(range, source.description.shape))][::7]:
        with pytest.raises(Refusal, match="reads otherwise by its format's own library"):
            compared(Wrong(source, place), 10**9)


@pytest.fixture(params=["nc", "nc3", "h5", "nxs", "cdf", "columns", "unpacked"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    kind, path = request.param, tmp_path / "in"
    if kind in ("nc", "nc3", "unpacked"):
        with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC" if kind == "nc3" else "NETCDF4") as dataset:
            for name, size in zip("tyx", SHAPE, strict=True):
                dataset.createDimension(name, size)
            made = dataset.createVariable("v", "i2", tuple("tyx"), chunksizes=None if kind == "nc3" else (2, 2, 2))
            made[...] = wild("int16", SHAPE)
            made.scale_factor = np.float32(0.5)
        return lambda: netcdf_to_idx.open_source([path], {"unpack": kind == "unpacked"})
    if kind == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("group/v", data=wild("float32", SHAPE), chunks=(2, 2, 2), compression="gzip")
        return lambda: hdf5_to_idx.open_source([path], {})
    if kind == "nxs":
        nexus(path, SHAPE, ["t", "y", "x"])
        return lambda: nexus_to_idx.open_source([path], {})
    spec = {"Majority": "column_major"} if kind == "columns" else {}
    made = write_cdf(tmp_path / "in.cdf", ("v", wild("float32", SHAPE), {}, {"Compress": 6}), **spec)
    return lambda: cdf_to_idx.open_source([made], {"variables": ["v"]})


def test_every_value_of_a_source_is_held_against_the_library(opened: Open) -> None:
    with opened() as source:
        require_witnessed(source)


@pytest.mark.parametrize("axis", ["t", "file"])
@pytest.mark.parametrize("timesteps", ["", "y", "x,t"])
def test_joined_files_and_timesteps_are_compared_as_they_are_written(tmp_path: Path, axis: str, timesteps: str) -> None:
    for i in range(2):
        with netCDF4.Dataset(tmp_path / f"{i}.nc", "w") as dataset:
            for name, size in zip("tyx", SHAPE, strict=True):
                dataset.createDimension(name, size)
            dataset.createVariable("v", "f4", tuple("tyx"))[...] = wild("float32", SHAPE, seed=i)
    files = [tmp_path / "0.nc", tmp_path / "1.nc"]
    with joined(netcdf_to_idx.open_source, files, {}, axis, "file") as source:
        stepped = arranged(source, timesteps if axis == "t" else timesteps.replace("t", "file"), "in")
        require_witnessed(stepped)


@pytest.mark.parametrize(("shape", "chunk"), [((8, 6, 7), (8, 2, 3)), ((5, 9, 4), (2, 9, 1)), ((3, 4, 5), (1, 1, 5))])
@pytest.mark.parametrize("budget", [20, 200, 10**6])
def test_samples_touch_each_plane_and_each_chunk_about_once(
    shape: tuple[int, ...], chunk: tuple[int, ...], budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "SAMPLES", 4)
    touched, reads = np.zeros(shape, bool), np.zeros(shape, int)
    for slab in plan(shape, 4, budget):
        for box in chunks.samples(slab, shape, chunk, 4):
            assert all(a.start >= b.start and a.stop <= b.stop for a, b in zip(box, slab, strict=True))
            touched[box] = True
            reads[tuple(slice(p.start // c * c, -(-p.stop // c) * c) for p, c in zip(box, chunk, strict=True))] += 1
    assert touched.any(axis=(1, 2)).all()
    assert reads.min() >= 1
    if budget > 20:
        assert reads.mean() < 1.6


def test_axes_that_are_stored_the_other_way_round_are_compared_so(tmp_path: Path) -> None:
    values = wild("int16", SHAPE)
    with netCDF4.Dataset(tmp_path / "in.nc", "w") as dataset:
        for name, size in zip("tyx", SHAPE, strict=True):
            dataset.createDimension(name, size)
        dataset.createVariable("v", "i2", tuple("tyx"))[...] = values
    turned, box = (0, 2), (slice(1, 3), slice(0, 4), slice(0, 2))
    with netcdf_to_idx.open_source([tmp_path / "in.nc"], {}) as source:
        (field,) = source.description.fields
        stored = np.ascontiguousarray(values[::-1, :, ::-1])
        require_same(source, field, box, stored[box], "in", turned)
        with pytest.raises(Refusal, match="reads otherwise"):
            require_same(source, field, box, values[box], "in", turned)
