"""Values of an IDX dataset out of its blocks, without OpenVisus, to hold against what it reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from dbproc.codes.formats.plain import Parts
from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.samples import Samples
from dbproc.codes.idx.slabs import Box


class PlainIdx:
    """A dataset; nothing is read of fields whose blocks are in Z order or of a codec that is not undone here.

    Parameters
    ----------
    path
        The ``.idx``.
    stored
        What it says.
    steps
        The timesteps that the first axis goes through; None where there is no such axis.
    flipped
        The axes that are stored from their last index to their first, as the dataset counts them.
    """

    def __init__(self, path: Path, stored: IdxFile, steps: Sequence[int] | None, flipped: Collection[int]) -> None:
        self._stored, self._steps, self._flipped = stored, steps, flipped
        self._samples = Samples(path, stored)

    def read(self, name: str, box: Box) -> Parts:
        """The values of a box, a timestep after another."""
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
