"""Values as the formats' own libraries read them by path and index, to hold a source's values against.

Nothing here is shared with what sources read by: files are opened anew, no link is followed but by the library, no
values are copied or put in order.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.formats import chunks
from dbproc.codes.idx import slabs
from dbproc.codes.idx.description import Field
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values

Parts = Iterator[tuple[Box, Values]]


class PlainHdf5:
    """Datasets of an HDF5 file as h5py reads them.

    Parameters
    ----------
    path
        The file.
    stack
        What closes it in the end.
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        import h5py

        self._file = stack.enter_context(h5py.File(path, "r", locking="best-effort"))

    def read(self, name: str, box: Box) -> Parts:
        """Parts of a box of the dataset ``name``, components last."""
        import h5py

        try:
            dataset, member = h5py.Dataset(h5py.h5d.open(self._file.id, _key(name))), None
        except KeyError:
            path, _, member = name.rpartition("/")
            dataset = h5py.Dataset(h5py.h5d.open(self._file.id, _key(path)))
        source = _outside(dataset) if dataset.external else dataset
        for inside in _parts(box, dataset.shape, dataset.chunks, dataset.dtype.itemsize):
            values = np.asarray(source[inside] if member is None else source[inside][member])
            if values.dtype.kind == "b":
                values = values.view("uint8")
            elif values.dtype.kind == "c":
                values = np.stack((values.real, values.imag), -1)
            yield inside, values


def _key(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _outside(dataset: Any) -> Values:
    """All values of a dataset that is stored in other files, which the library would look for in the place of work."""
    place = Path(dataset.file.filename).parent
    pieces = [np.memmap(place / name, "u1", "r", offset) for name, offset, _ in dataset.external]
    sizes = [min(each.size, size) for each, (_, _, size) in zip(pieces, dataset.external, strict=True)]
    cut = [each[:size] for each, size in zip(pieces, sizes, strict=True)]
    joined = cut[0] if len(cut) == 1 else np.concatenate(cut)
    wanted = dataset.size * dataset.dtype.itemsize
    values: Values = np.asarray(joined[:wanted]).view(dataset.dtype).reshape(dataset.shape)
    return values


class PlainNetcdf:
    """Variables of a NetCDF file as netCDF4 reads them.

    Parameters
    ----------
    path
        The file.
    stack
        What closes it in the end.
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._dataset = stack.enter_context(importlib.import_module("netCDF4").Dataset(path))
        self._dataset.set_auto_maskandscale(False)

    def read(self, name: str, box: Box) -> Parts:
        """Parts of a box of the variable ``name``."""
        variable = self._dataset[name]
        found = variable.chunking()
        chunk = tuple(found) if isinstance(found, list) else None
        for inside in _parts(box, variable.shape, chunk, variable.dtype.itemsize):
            yield inside, np.ma.getdata(variable[inside])


def plainly_unpacked(values: Values, stored: Field, dtype: str) -> Values:
    """Packed values as the numbers they stand for, reckoned with masks: NaN where a fill, or out of the valid range."""
    meant = values.view(f"u{values.dtype.itemsize}") if stored.unsigned and values.dtype.kind == "i" else values
    masked: Any = np.ma.masked_invalid(meant) if meant.dtype.kind == "f" else np.ma.masked_array(meant)
    for each in stored.fills:
        fill = float(each) if isinstance(each, str) else each
        fill = fill % 256**values.dtype.itemsize if stored.unsigned and fill < 0 else fill
        masked = np.ma.masked_where(meant == fill, masked)
    for end, is_outside in ((stored.valid_min, np.less), (stored.valid_max, np.greater)):
        if end is not None:
            masked = np.ma.masked_where(is_outside(meant, float(end) if isinstance(end, str) else end), masked)
    kind = np.dtype(dtype).type
    scaled = np.ma.getdata(masked).astype(dtype)
    scaled = scaled if stored.scale_factor is None else scaled * kind(stored.scale_factor)
    scaled = scaled if stored.add_offset is None else scaled + kind(stored.add_offset)
    return np.asarray(np.where(np.ma.getmaskarray(masked), kind("nan"), scaled))


class PlainCdf:
    """Variables of a CDF file as cdflib reads them.

    Parameters
    ----------
    path
        The file, not compressed as a whole.
    """

    def __init__(self, path: Path) -> None:
        self._file = importlib.import_module("cdflib").CDF(path, string_encoding="latin-1")
        self._held: tuple[tuple[str, int, int], Values] | None = None

    def read(self, name: str, box: Box, varies: bool) -> Parts:
        """A box of a variable, of which the first axis is that of the records where it ``varies`` with them."""
        first = box[0] if varies else slice(0, 1)
        key = (name, first.start, first.stop)
        if self._held is None or self._held[0] != key:
            self._held = key, self._records(*key)
        values = self._held[1] if varies else self._held[1][0]
        yield box, values[(slice(None), *box[1:])] if varies else values[box]

    def _records(self, name: str, start: int, stop: int) -> Values:
        """Whole records, the two parts of a time of two as components."""
        told = self._file.varinq(name)
        sizes = list(told.Dim_Sizes)
        if len(sizes) == len(told.Dim_Vary):
            sizes = [size for size, varies in zip(sizes, told.Dim_Vary, strict=True) if varies]
        values = np.asarray(self._file.varget(name, startrec=start, endrec=stop - 1)).reshape(stop - start, *sizes)
        return np.stack((values.real, values.imag), -1) if values.dtype.kind == "c" else values


def _parts(box: Box, shape: tuple[int, ...], chunk: tuple[int, ...] | None, itemsize: int) -> Iterator[Box]:
    """What of a box is read: all of it, or where it lies in chunks, what has each decoded once."""
    if chunk is None:
        yield from slabs.parts(box, itemsize, chunks.SAMPLES)
    else:
        yield from chunks.samples(box, shape, chunk, itemsize)
