"""Whether a classic NetCDF file is all there: the library reads zeros where one was cut off, and says nothing.

The header tells where the data of every variable end. Follows "The NetCDF Classic Format Specification" (Unidata):
formats 1 (classic), 2 (64-bit offset) and 5 (64-bit data).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from dbproc.codes.formats.hdf5_links import require_own
from dbproc.codes.idx.files import state
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

T = TypeVar("T")

TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""Bytes of the external types, NC_BYTE to NC_UINT64."""
LONGEST_NAME = 65_536
MOST_KEPT = 10_000
"""Files that are kept in mind as sound."""


@dataclass(frozen=True)
class Placement:
    """Where a variable's values lie: ``begin``, and ``size`` bytes in all or, where ``record``, in each record."""

    begin: int
    size: int
    record: bool


_sound: dict[Path, Any] = {}
"""The files that were found sound, and as what."""


def require_sound(path: Path) -> None:
    """Refuse a NetCDF file that is shorter than it says, or that takes values from other files.

    One that has not changed since it was found sound is not looked at again: joined files are opened more than once.
    """
    seen = state([path])
    if path not in _sound or _sound[path] != seen:
        require_whole(path)
        require_own(path)
        if len(_sound) >= MOST_KEPT:
            _sound.clear()
        _sound[path] = seen


def require_whole(path: Path) -> None:
    """Refuse a classic NetCDF file that is shorter than its header says; other files are left alone."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        magic = stream.read(4)
        if magic not in (b"CDF\x01", b"CDF\x02", b"CDF\x05"):
            return
        needed = _Header(path, stream, size, magic[3]).needed()
    if size < needed:
        what = f"it is cut off: it has {size} bytes, and its header promises {needed}"
        raise Refusal(path, what, GET_AGAIN)


class _Header:
    """A reader of the header that follows the magic bytes; everything that it announces must fit into the file."""

    def __init__(self, path: Path, stream: BinaryIO, size: int, version: int) -> None:
        self._path, self._stream, self._left = path, stream, size - 4
        self._count_format = ">Q" if version == 5 else ">I"
        self._offset_format = ">I" if version == 1 else ">Q"

    def needed(self) -> int:
        """The offset just behind the last value of any variable."""
        records = self._count()
        sizes = self._list(self._dimension)
        self._list(self._attribute)
        variables = self._list(lambda: self._variable(sizes))
        if records == (1 << 8 * struct.calcsize(self._count_format)) - 1:  # streaming: as many as there are
            records = 0
        step = _record_step(variables)
        return max((_end(each, records, step) for each in variables), default=0)

    def _list(self, item: Callable[[], T]) -> list[T]:
        self._number(">I")  # the kind of list; an absent one has kind 0 and length 0
        return [item() for _ in range(self._count())]

    def _dimension(self) -> int:
        self._name()
        return self._count()

    def _attribute(self) -> None:
        self._name()
        size = self._item_bytes()
        self._skip(size * self._count())

    def _variable(self, sizes: list[int]) -> Placement:
        self._name()
        indices = [self._count() for _ in range(self._count())]
        if any(index >= len(sizes) for index in indices):
            raise self._damaged("a variable has a dimension that its header does not define")
        shape = [sizes[index] for index in indices]
        self._list(self._attribute)
        size = self._item_bytes()
        self._count()  # the padded size, which does not hold for large variables
        begin = self._number(self._offset_format)
        record = bool(shape) and shape[0] == 0
        return Placement(begin, size * prod(shape[1:] if record else shape), record)

    def _name(self) -> None:
        length = self._count()
        if length > LONGEST_NAME:
            raise self._damaged(f"its header has a name of {length} bytes")
        self._skip(length)

    def _item_bytes(self) -> int:
        kind = self._number(">I")
        if kind not in TYPE_BYTES:
            raise self._damaged(f"its header has the data type {kind}")
        return TYPE_BYTES[kind]

    def _count(self) -> int:
        return self._number(self._count_format)

    def _number(self, code: str) -> int:
        size = struct.calcsize(code)
        self._take(size)
        (value,) = struct.unpack(code, self._stream.read(size))
        return int(value)

    def _skip(self, size: int) -> None:
        """Pass over ``size`` bytes and their padding to a multiple of four."""
        self._take(_padded(size))
        self._stream.seek(_padded(size), os.SEEK_CUR)

    def _take(self, size: int) -> None:
        if size > self._left:
            raise Refusal(
                self._path, "it is cut off or damaged: its header does not end before the file does", GET_AGAIN
            )
        self._left -= size

    def _damaged(self, what: str) -> Refusal:
        return Refusal(self._path, f"it is damaged: {what}", GET_AGAIN)


def _record_step(variables: list[Placement]) -> int:
    """Bytes from one record to the next; a single record variable is not padded."""
    sizes = [each.size for each in variables if each.record]
    return sizes[0] if len(sizes) == 1 else sum(_padded(size) for size in sizes)


def _end(variable: Placement, records: int, step: int) -> int:
    if not variable.record:
        return variable.begin + variable.size
    return variable.begin + (records - 1) * step + variable.size if records else 0


def _padded(size: int) -> int:
    return size + (-size % 4)
