"""What plain readers have in common.

Nothing of theirs is shared with what sources read by: files are opened anew, no link is followed but by the library, no
values are copied or put in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from dbproc.codes.formats import chunks
from dbproc.codes.idx import slabs
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values

Parts: TypeAlias = Iterator[tuple[Box, Values]]
"""Boxes with the values there."""


def as_stored(values: Values) -> Values:
    """Values as a dataset holds them: truth values as bytes, complex numbers as two components."""
    if values.dtype.kind == "c":
        return np.stack((values.real, values.imag), -1)
    return values.view("uint8") if values.dtype.kind == "b" else values


def parts(box: Box, shape: tuple[int, ...], chunk: tuple[int, ...] | None, itemsize: int) -> Iterator[Box]:
    """What of a box is read: all of it, or where it lies in chunks, what has each decoded once."""
    if chunk is None:
        yield from slabs.parts(box, itemsize, chunks.SAMPLES)
    else:
        yield from chunks.samples(box, shape, chunk, itemsize)
