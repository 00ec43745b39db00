"""Datasets of HDF5 files as h5py reads them, no link followed but by the library."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.formats.plain import Parts, as_stored, parts
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values


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
        dataset, member = self._found(name), ""
        if dataset is None:
            path, _, member = name.rpartition("/")
            dataset = self._found(path)
        source = _outside(dataset) if dataset.external else dataset
        for inside in parts(box, dataset.shape, dataset.chunks, dataset.dtype.itemsize):
            yield inside, as_stored(np.asarray(source[inside][member] if member else source[inside]))

    def _found(self, name: str) -> Any:
        """The dataset of a path in either encoding; None where there is none."""
        import h5py

        for coding in ("utf-8", "latin-1"):
            with suppress(KeyError, UnicodeEncodeError):
                return h5py.Dataset(h5py.h5d.open(self._file.id, name.encode(coding)))
        return None


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
