"""Variables of CDF files as cdflib reads them."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np

from dbproc.codes.formats.plain import Parts, as_stored
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values


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
        return as_stored(values)
