"""Values of FITS as astropy reads them, and raw ones as numpy does, to hold against what converters read."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values

RUNS = 8192
"""So many runs of values are read of a box at most."""
RUN = 1 << 16
"""Values of a run that are read at once."""

Parts = Iterator[tuple[Box, Values]]


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


class PlainRaw:
    """Values that lie one after another in a file, as numpy reads runs of them.

    Parameters
    ----------
    path, dtype, offset
        The file, the type of a value, and where the first one lies.
    shape, order
        The array's, ``C`` or ``F``.
    components
        Values of a sample.
    """

    def __init__(
        self, path: Path, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...], order: str, components: int
    ) -> None:
        self._path, self._dtype, self._offset, self._shape = path, dtype, offset, shape
        self._fast = len(shape) - 1 if order == "C" else 0
        self._order, self._components = order, components

    def read(self, box: Box) -> Parts:
        """Runs along the axis that is the quickest in the file; of others not every index, where there are many."""
        ranges = [range(part.start, part.stop) for part in box]
        fast = ranges[self._fast]
        ranges[self._fast] = range(fast.start, fast.stop, RUN)
        for index in product(*_thinned(ranges, self._fast)):
            count = min(RUN, fast.stop - index[self._fast])
            part = tuple(slice(i, i + (count if axis == self._fast else 1)) for axis, i in enumerate(index))
            yield part, self._run(index, count)

    def _run(self, index: tuple[int, ...], count: int) -> Values:
        place = int(np.ravel_multi_index(index, self._shape, order=self._order))  # type: ignore[call-overload]
        size = self._dtype.itemsize * self._components
        values = np.fromfile(self._path, self._dtype, count * self._components, offset=self._offset + place * size)
        shape = [1] * len(self._shape)
        shape[self._fast] = count
        return values.reshape(*shape, self._components) if self._components > 1 else values.reshape(shape)


def _thinned(ranges: list[range], kept: int) -> list[range]:
    """The ranges with fewer indices, the longest thinned first, the axis ``kept`` not at all."""
    found = list(ranges)
    others = [axis for axis in range(len(found)) if axis != kept]
    while prod(len(found[axis]) for axis in others) > RUNS:
        longest = max(others, key=lambda axis: len(found[axis]))
        found[longest] = range(found[longest].start, found[longest].stop, found[longest].step * 2)
    return found
