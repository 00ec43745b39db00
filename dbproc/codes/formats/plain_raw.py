"""Raw values as numpy reads runs of them."""

from __future__ import annotations

from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.formats.plain import Parts
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values

RUNS = 8192
"""So many runs of values are read of a box at most."""
RUN = 1 << 16
"""Values of a run that are read at once."""


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
