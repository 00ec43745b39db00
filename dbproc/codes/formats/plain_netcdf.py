"""Variables of NetCDF files as netCDF4 reads them, and what packed values stand for, reckoned with masks."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.formats.plain import Parts, parts
from dbproc.codes.idx.description import Field
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values


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
        for inside in parts(box, variable.shape, chunk, variable.dtype.itemsize):
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
