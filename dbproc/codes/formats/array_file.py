"""Arrays whose values lie in a file one after another, read and written box by box in little memory."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterable
from math import prod
from typing import IO, Any

import numpy as np

from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box, shape_of
from dbproc.codes.idx.values import Values

WINDOW = 64 << 20
"""Bytes of a file that are mapped at a time."""
RUN = 1024
"""Values that are taken in a row, where it can be, both in the order of a source and in that of its copy."""


class ArrayFile:
    """An array in a file, slowest axis first.

    Parameters
    ----------
    stream
        The open file; for :meth:`write` open for reading and writing.
    offset
        Where the first value lies.
    dtype
        The type of the values, byte order included.
    shape
        The size of every axis.
    row
        Bytes from one index of the first axis to the next; 0 where nothing lies between them.
    """

    def __init__(
        self, stream: IO[bytes], offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], row: int = 0
    ) -> None:
        self._stream, self._offset, self._dtype, self._shape = stream, offset, dtype, shape
        strides = tuple(prod(shape[i + 1 :]) * dtype.itemsize for i in range(len(shape)))
        self._strides = (row, *strides[1:]) if row else strides

    def read(self, box: Box) -> Values:
        """The values inside ``box``."""
        values = np.empty(shape_of(box), self._dtype)
        for part in self._parts(box):
            with _Mapping(self, part, mmap.ACCESS_READ) as found:
                values[_within(part, box)] = found
        return values

    def write(self, box: Box, values: Values) -> None:
        """Put ``values`` into ``box``."""
        for part in self._parts(box):
            with _Mapping(self, part, mmap.ACCESS_WRITE) as found:
                found[...] = values[_within(part, box)]

    def _parts(self, box: Box) -> Iterable[Box]:
        """The box cut into ones that each span no more of the file than is mapped at a time."""
        start, stop = self._span(box)
        axis = next((i for i, part in enumerate(box) if part.stop - part.start > 1), None)
        if axis is None or stop - start <= WINDOW:
            return [box]
        whole = box[axis]
        middle = (whole.start + whole.stop) // 2
        halves = slice(whole.start, middle), slice(middle, whole.stop)
        return [part for half in halves for part in self._parts((*box[:axis], half, *box[axis + 1 :]))]

    def _span(self, box: Box) -> tuple[int, int]:
        """Where in the file the first value of the box begins and the last one ends."""
        ends = list(zip(box, self._strides, strict=True))
        first = sum(part.start * stride for part, stride in ends)
        last = sum((part.stop - 1) * stride for part, stride in ends)
        return self._offset + first, self._offset + last + self._dtype.itemsize


class _Mapping:
    """A box of the file as an array, while it is mapped."""

    def __init__(self, file: ArrayFile, box: Box, access: int) -> None:
        start, stop = file._span(box)
        aligned = start - start % mmap.ALLOCATIONGRANULARITY
        self._map = mmap.mmap(file._stream.fileno(), stop - aligned, offset=aligned, access=access)
        self._array: Values | None = np.ndarray(
            shape_of(box), file._dtype, buffer=self._map, offset=start - aligned, strides=file._strides
        )

    def __enter__(self) -> Values:
        assert self._array is not None
        return self._array

    def __exit__(self, *_: object) -> None:
        self._array = None  # the caller's reference ends with the next one; the map goes with the last


class Copy:
    """A copy of an array in a temporary file without a name, in the order in which a dataset is written.

    It is for sources that keep their values in another order, which would have to be read as a whole for every slab.

    Parameters
    ----------
    where
        The source, for messages.
    shape, dtype
        The array's, the type in any byte order.
    boxes
        What to copy at a time; all of them together are the array.
    read
        Reads a box of the source.
    """

    def __init__(
        self,
        where: object,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        boxes: Iterable[Box],
        read: Callable[[Box], Values],
    ) -> None:
        self._stream = tempfile.TemporaryFile(prefix="dbproc-copy-")  # noqa: SIM115 -- lives as long as this object
        self._values = ArrayFile(self._stream, 0, dtype, shape)
        try:
            _reserve(where, self._stream, prod(shape) * dtype.itemsize)
            for box in boxes:
                self._values.write(box, read(box))
        except BaseException:
            self.close()
            raise

    def read(self, box: Box) -> Values:
        """The values inside ``box``."""
        return self._values.read(box)

    def close(self) -> None:
        """Give the space back."""
        self._stream.close()


def tiles(shape: tuple[int, ...], steps: tuple[int, ...]) -> Iterable[Box]:
    """Boxes of ``steps`` (less at the edges) that cover ``shape`` once, in rising order."""
    ranges = [range(0, size, step) for size, step in zip(shape, steps, strict=True)]
    counts = [len(each) for each in ranges]
    for index in np.ndindex(*counts):
        starts = [each[i] for each, i in zip(ranges, index, strict=True)]
        yield tuple(slice(a, min(a + b, size)) for a, b, size in zip(starts, steps, shape, strict=True))


def transposing_steps(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The size of tiles that are long both along the first axis and along the last, and fill a window."""
    steps = [1] * len(shape)
    left = WINDOW // itemsize
    for axis in (len(shape) - 1, 0):
        steps[axis] = min(shape[axis], RUN, left)
        left = max(1, left // steps[axis])
    for axis in (*range(len(shape) - 2, 0, -1), len(shape) - 1):
        grown = min(shape[axis], steps[axis] * left)
        left = max(1, left * steps[axis] // grown)
        steps[axis] = grown
    return tuple(steps)


def _within(part: Box, box: Box) -> Box:
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, box, strict=True))


def _reserve(where: object, stream: IO[bytes], size: int) -> None:
    try:
        os.posix_fallocate(stream.fileno(), 0, size)
    except OSError as error:
        what = (
            f"a copy of {size / 1e6:.0f} MB in another order is needed, and {tempfile.gettempdir()} has no room for it"
        )
        todo = "Make room there, set TMPDIR to a directory that has it, or store the source in C order"
        raise Refusal(where, what, todo) from error
