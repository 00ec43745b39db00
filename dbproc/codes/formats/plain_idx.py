"""Values of an IDX dataset out of its blocks, without OpenVisus, to hold against what it reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from dbproc.codes.idx import idx_file
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.samples import Samples
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values

Parts = Iterator[tuple[Box, Values]]


class PlainIdx:
    """A dataset; nothing is read where its layout is one of older programs, or its blocks are in Z order.

    Parameters
    ----------
    path
        The ``.idx``.
    steps
        The timesteps that the first axis goes through; None where there is no such axis.
    flipped
        The axes that are stored from their last index to their first, as the dataset counts them.
    """

    def __init__(self, path: Path, steps: Sequence[int] | None, flipped: Collection[int]) -> None:
        self._steps, self._flipped = steps, flipped
        try:
            self._stored = idx_file.read(path)
        except Refusal:
            self._samples = None
        else:
            self._samples = Samples(path, self._stored)

    def read(self, name: str, box: Box) -> Parts:
        """The values of a box, a timestep after another."""
        if self._samples is None:
            return
        number = [field.name for field in self._stored.fields].index(name)
        sizes, spatial = self._stored.shape, box if self._steps is None else box[1:]
        inside = [*[slice(0, 1)] * (len(sizes) - len(spatial)), *spatial[max(0, len(spatial) - len(sizes)) :]]
        for axis in self._flipped:
            inside[axis] = slice(sizes[axis] - inside[axis].stop, sizes[axis] - inside[axis].start)
        for part, step in self._times(box):
            try:
                found = np.flip(self._samples.of_box(step, number, tuple(inside)), tuple(self._flipped))
            except LookupError:
                return
            yield part, found.reshape(*(each.stop - each.start for each in part), *found.shape[len(sizes) :])

    def _times(self, box: Box) -> Iterator[tuple[Box, int]]:
        """A box for each timestep, with its number."""
        if self._steps is None:
            yield box, self._stored.steps[0]
            return
        for index in range(box[0].start, box[0].stop):
            yield (slice(index, index + 1), *box[1:]), self._steps[index]
