"""Whether a classic NetCDF file is all there.

The NetCDF library reads zeros beyond the end of a classic file that was cut off, and says nothing. The header tells
where the data of every variable end, so the cut can be seen. The layout is that of "The NetCDF Classic Format
Specification" (Unidata): formats 1 (classic), 2 (64-bit offset) and 5 (64-bit data).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from math import prod
from typing import BinaryIO

from dbproc.products.base import NotMine

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
_LONGEST_NAME = 65_536


@dataclass(frozen=True, slots=True)
class _Variable:
    shape: tuple[int, ...]
    item_size: int
    begin: int

    @property
    def is_record(self) -> bool:
        return bool(self.shape) and self.shape[0] == 0

    @property
    def slab(self) -> int:
        """Bytes of the whole variable, or of one record of it."""
        return self.item_size * prod(self.shape[1:] if self.is_record else self.shape)


def require_whole(path: str) -> None:
    """Raise NotMine when the file is classic NetCDF and shorter than its header says; others pass."""
    size = os.stat(path).st_size
    with open(path, "rb") as stream:
        magic = stream.read(4)
        if magic not in (b"CDF\x01", b"CDF\x02", b"CDF\x05"):
            return
        needed = _Header(stream, size, magic[3]).end_of_data()
    if size < needed:
        raise NotMine(f"is cut off: it has {size} bytes, and its header promises {needed}")


class _Header:
    """Reads a header from its second word on; everything that it announces must fit into the file."""

    def __init__(self, stream: BinaryIO, size: int, kind: int) -> None:
        self._stream = stream
        self._left = size - 4
        self._count_format = ">Q" if kind == 5 else ">I"
        self._offset_format = ">I" if kind == 1 else ">Q"

    def end_of_data(self) -> int:
        """Where the last byte of data must be."""
        records = self._count()
        dimensions = self._dimensions()
        self._attributes()
        variables = [self._variable(dimensions) for _ in range(self._list_length())]
        record_variables = [each for each in variables if each.is_record]
        streaming = records == (1 << (8 * struct.calcsize(self._count_format))) - 1
        ends = [each.begin + each.slab for each in variables if not each.is_record]
        if record_variables and records and not streaming:
            padded = [_padded(each.slab) for each in record_variables]
            stride = record_variables[0].slab if len(padded) == 1 else sum(padded)
            ends += [each.begin + (records - 1) * stride + each.slab for each in record_variables]
        return max(ends, default=0)

    def _bytes(self, count: int) -> bytes:
        if count > self._left:
            raise NotMine("is cut off or damaged: its header does not end before the file does")
        self._left -= count
        return self._stream.read(count)

    def _skip(self, count: int) -> None:
        if count > self._left:
            raise NotMine("is cut off or damaged: its header does not end before the file does")
        self._left -= count
        self._stream.seek(count, os.SEEK_CUR)

    def _number(self, layout: str) -> int:
        return int(struct.unpack(layout, self._bytes(struct.calcsize(layout)))[0])

    def _count(self) -> int:
        return self._number(self._count_format)

    def _list_length(self) -> int:
        self._number(">I")  # the tag; an absent list has tag 0 and length 0
        return self._count()

    def _name(self) -> None:
        length = self._count()
        if length > _LONGEST_NAME:
            raise NotMine(f"is damaged: its header has a name of {length} bytes")
        self._skip(_padded(length))

    def _dimensions(self) -> list[int]:
        sizes = []
        for _ in range(self._list_length()):
            self._name()
            sizes.append(self._count())
        return sizes

    def _attributes(self) -> None:
        for _ in range(self._list_length()):
            self._name()
            item_size = self._item_size()
            self._skip(_padded(self._count() * item_size))

    def _item_size(self) -> int:
        kind = self._number(">I")
        if kind not in _SIZES:
            raise NotMine(f"is damaged: its header has the data type {kind}")
        return _SIZES[kind]

    def _variable(self, dimensions: list[int]) -> _Variable:
        self._name()
        indices = [self._count() for _ in range(self._count())]
        if any(index >= len(dimensions) for index in indices):
            raise NotMine("is damaged: a variable has a dimension that its header does not define")
        self._attributes()
        item_size = self._item_size()
        self._count()  # vsize: redundant, and too small for large variables
        begin = self._number(self._offset_format)
        return _Variable(tuple(dimensions[index] for index in indices), item_size, begin)


def _padded(size: int) -> int:
    return size + (-size % 4)
