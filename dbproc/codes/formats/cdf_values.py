"""The values of a CDF variable, all of its records accounted for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats.cdf import EPOCH16, TYPES, Content
from dbproc.codes.idx.description import Number
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.cdf_records import Extent
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

PADDED, PREVIOUS = 1, 2
"""What stands for records that are not in the file: the pad value, or the record before."""


class Variable:
    """The values of one variable, all records accounted for."""

    def __init__(self, content: Content, name: str) -> None:
        import numpy as np

        self.content, self.name, self.kind = content, name, content.kinds[name]
        self.attributes = content.attributes[name]
        self.components = 2 if self.kind.type == EPOCH16 else 1
        self.dtype = np.dtype(content.order + TYPES[self.kind.type])
        self.shape = self.kind.shape
        vdr = content.cdf.vdr_info(name)
        self._pad = vdr.pad
        self._record_bytes = prod(self.kind.dims) * self.dtype.itemsize * self.components
        self._extents = content.file.extents(vdr.head_vxr, self._record_bytes)
        self._inflating: tuple[Extent, Iterator[bytes], bytearray, int] | None = None
        if not self.kind.sparse and self.absent():
            what = f"{self.absent()} of the {self.kind.records} records of {name!r} are missing"
            raise Refusal(content.path, what, "It is damaged; get it again from where it came")

    def absent(self) -> int:
        """How many of the records are not in the file."""
        last = self.kind.records - 1
        there = sum(max(0, min(each.last, last) - each.first + 1) for each in self._extents)
        return self.kind.records - there

    def present(self, records: slice) -> Iterator[slice]:
        """The runs of records among these that are in the file."""
        for each in self._extents:
            first, last = max(each.first, records.start), min(each.last + 1, records.stop)
            if first < last:
                yield slice(first, last)

    def read(self, box: Box) -> Values:
        """The values inside ``box``, components last."""
        records, *rest = box if self.kind.varies else (slice(0, 1), *box)
        values = self._records(records.start, records.stop, rest)
        return values if self.kind.varies else values[0]

    def whole(self) -> Values:
        """All values."""
        return self.read(tuple(slice(0, size) for size in self.shape))

    def _records(self, start: int, stop: int, rest: Sequence[slice]) -> Values:
        """Records ``start`` to ``stop``, cut to ``rest``; planes outside are not read where but one is wanted."""
        import numpy as np

        stored = self.kind.dims[::-1] if self.content.columns_first else self.kind.dims
        cut = list(rest)[::-1] if self.content.columns_first else list(rest)
        plane = self._record_bytes // stored[0] if stored else self._record_bytes
        first, last = (cut[0].start, cut[0].stop) if stored and stop - start == 1 else (0, stored[0] if stored else 1)
        raw = bytearray((stop - start) * (last - first) * plane)
        self._fill(memoryview(raw), start, stop, first * plane, last * plane)
        shape = (stop - start, *((last - first, *stored[1:]) if stored else ()), self.components)
        values = np.frombuffer(raw, self.dtype).reshape(shape)
        if stored:
            values = values[(slice(None), slice(cut[0].start - first, cut[0].stop - first), *cut[1:])]
        if self.content.columns_first:
            values = values.transpose(0, *range(len(stored), 0, -1), len(stored) + 1)
        return np.ascontiguousarray(values if self.components > 1 else values[..., 0])

    def _fill(self, target: memoryview, start: int, stop: int, low: int, high: int) -> None:
        """Put bytes ``low`` to ``high`` of every record (all of it, but where there is one) one after another."""
        size, record = high - low, start
        for each in self._extents:
            first, last = max(each.first, record), min(each.last + 1, stop)
            if first >= last:
                continue
            self._stand_in(target, start, record, first, low, high)
            part = target[(first - start) * size : (last - start) * size]
            part[:] = self._bytes(each, (first - each.first) * self._record_bytes + low, len(part))
            record = last
        self._stand_in(target, start, record, stop, low, high)

    def _stand_in(self, target: memoryview, start: int, first: int, last: int, low: int, high: int) -> None:
        """What stands for records ``first`` to ``last``, which are not in the file."""
        if first >= last:
            return
        size = high - low
        before = [each for each in self._extents if each.last < first]
        if self.kind.sparse == PREVIOUS and before:
            record = before[-1].last - before[-1].first
            content = bytes(self._bytes(before[-1], record * self._record_bytes + low, size))
        else:
            content = self._padding() * (size // (self.dtype.itemsize * self.components))
        target[(first - start) * size : (last - start) * size] = content * (last - first)

    def _padding(self) -> bytes:
        """The pad value in the file's own bytes."""
        import numpy as np

        if self._pad is None or isinstance(self._pad, str):
            what = f"records of {self.name!r} are not there, and no pad value is told"
            raise Refusal(self.content.path, what, "Convert another variable, or write it without sparse records")
        value = np.asarray(self._pad).reshape(-1)[:1]
        parts = value.view(np.float64) if value.dtype.kind == "c" else value
        return parts.astype(self.dtype).tobytes()

    def _bytes(self, extent: Extent, start: int, size: int) -> bytes | memoryview:
        """Bytes of an extent; of a compressed one in rising order without starting again."""
        if extent.packed is None:
            return self.content.file.read(extent, start, size)
        if self._inflating is None or self._inflating[0] is not extent or self._inflating[3] > start:
            total = (extent.last - extent.first + 1) * self._record_bytes
            self._inflating = (extent, self.content.file.inflated(extent, total), bytearray(), 0)
        _, pieces, held, at = self._inflating
        while at + len(held) < start + size:
            held += next(pieces)
            drop = min(len(held), max(0, start - at))
            del held[:drop]
            at += drop
        if at + len(held) == (extent.last - extent.first + 1) * self._record_bytes:
            held += b"".join(pieces)  # runs into its end, where the checksum is compared
        found = bytes(held[start - at : start - at + size])
        self._inflating = (extent, pieces, held, at)
        return found


def numbers(value: Any, variable: Variable) -> tuple[Number, ...]:
    """An attribute that holds one number for all values; none where it holds several, text, or a pair of doubles."""
    if isinstance(value, list | str) or value is None or variable.components > 1:
        return ()
    return (value,)
