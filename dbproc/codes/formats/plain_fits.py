"""Images and columns of FITS files as astropy reads them."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dbproc.codes.formats.plain import Parts
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values


class PlainFits:
    """An image of a FITS file as astropy reads it.

    Parameters
    ----------
    path
        The file, not compressed as a whole.
    number
        The place of its HDU.
    added
        What is to be added to whole numbers, as BZERO says, to have them as unsigned ones; 0 where they stay signed.
    stack
        What closes the file in the end.
    column
        The number of a table's column, the first being 1; None of an image.
    """

    ADDED: ClassVar[dict[int, tuple[int, ...]]] = {8: (-128,), 16: (1 << 15,), 32: (1 << 31,), 64: (1 << 63,)}
    """What BZERO adds to whole numbers of so many bits where it but says that they are unsigned, or signed bytes."""

    def __init__(self, path: Path, number: int, added: int, stack: ExitStack, column: int | None = None) -> None:
        fits = importlib.import_module("astropy.io.fits")
        opened = fits.open(path, memmap=column is not None, do_not_scale_image_data=True)
        self._image, self._added = stack.enter_context(opened)[number], added
        self._column = None if column is None else _stored(self._image, column - 1)

    def read(self, box: Box) -> Parts:
        """The values of a box, an index of the first axis after another; of a column all of them."""
        if self._column is not None:
            yield box, self._meant(self._column[box])
            return
        for i in range(box[0].start, box[0].stop):
            part = (slice(i, i + 1), *box[1:]) if len(box) > 1 else box
            yield part, self._meant(np.asarray(self._image.section[part]))
            if part is box:
                return

    def _meant(self, values: Values) -> Values:
        if not self._added:
            return values
        if self._added < 0:
            return (values.astype("i2") + self._added).astype("i1")
        kind = np.dtype(f"u{values.dtype.itemsize}")
        found: Values = values.astype(kind) + kind.type(self._added)
        return found


def _stored(table: Any, place: int) -> Values:
    """The stored values of a column, in the shape that astropy makes of it."""
    rows = table.data.view(np.ndarray)
    found: Values = rows[rows.dtype.names[place]]
    return found[:, 0] if found.shape[1:] == (1,) else found
