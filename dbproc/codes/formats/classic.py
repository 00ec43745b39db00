"""How long a classic NetCDF file must be by its own header: the library reads zeros where one was cut.

Follows the NetCDF classic format specification (CDF-1, CDF-2 and CDF-5).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO, TypeVar

from dbproc.codes.idx.refusal import Refusal

T = TypeVar("T")

TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""Bytes of the external types, NC_BYTE to NC_UINT64."""

STREAMING = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""A number of records that says: as many as there are."""


@dataclass(frozen=True)
class Placement:
    """Where a variable's values lie: ``begin``, and ``size`` bytes in all or, where ``record``, in each record."""

    begin: int
    size: int
    record: bool


def require_whole(path: Path) -> None:
    """Refuse a classic NetCDF file that is shorter than its header says; other files are left alone."""
    with path.open("rb") as stream:
        magic = stream.read(4)
        if magic[:3] != b"CDF" or magic[3:] not in (b"\x01", b"\x02", b"\x05"):
            return
        try:
            needed = _Header(stream, magic[3]).needed()
        except (struct.error, KeyError, IndexError, OverflowError) as error:
            raise _cut(path, "its NetCDF header is damaged or cut") from error
    actual = path.stat().st_size
    if actual < needed:
        raise _cut(path, f"it is cut: {actual} bytes long where its header tells of {needed}")


class _Header:
    """A reader of the header that follows the magic bytes."""

    def __init__(self, stream: BinaryIO, version: int) -> None:
        self._stream = stream
        self._count = ">Q" if version == 5 else ">I"
        self._offset = ">I" if version == 1 else ">Q"

    def needed(self) -> int:
        """The offset just behind the last value of any variable."""
        records = self._number(self._count)
        sizes = self._list(self._dimension)
        self._list(self._attribute)
        variables = self._list(lambda: self._variable(sizes))
        step = _record_step(variables)
        count = 0 if records in STREAMING else records
        return max((_end(each, count, step) for each in variables), default=0)

    def _list(self, item: Callable[[], T]) -> list[T]:
        self._number(">I")  # the kind of list
        return [item() for _ in range(self._number(self._count))]

    def _dimension(self) -> int:
        self._name()
        return self._number(self._count)

    def _attribute(self) -> None:
        self._name()
        size = TYPE_BYTES[self._number(">I")]
        self._skip(size * self._number(self._count))

    def _variable(self, sizes: list[int]) -> Placement:
        self._name()
        shape = [sizes[self._number(self._count)] for _ in range(self._number(self._count))]
        self._list(self._attribute)
        size = TYPE_BYTES[self._number(">I")]
        self._number(self._count)  # the padded size, which does not hold for large variables
        begin = self._number(self._offset)
        record = bool(shape) and shape[0] == 0
        return Placement(begin, size * prod(shape[1:] if record else shape), record)

    def _name(self) -> None:
        self._skip(self._number(self._count))

    def _number(self, code: str) -> int:
        (value,) = struct.unpack(code, self._stream.read(struct.calcsize(code)))
        return int(value)

    def _skip(self, size: int) -> None:
        """Pass over ``size`` bytes and their padding to a multiple of four."""
        self._stream.seek(_padded(size), 1)


def _record_step(variables: list[Placement]) -> int:
    """Bytes from one record to the next; a single record variable is not padded."""
    sizes = [each.size for each in variables if each.record]
    return sizes[0] if len(sizes) == 1 else sum(_padded(size) for size in sizes)


def _end(variable: Placement, records: int, step: int) -> int:
    if not variable.record:
        return variable.begin + variable.size
    return variable.begin + (records - 1) * step + variable.size if records else 0


def _padded(size: int) -> int:
    return (size + 3) // 4 * 4


def _cut(path: Path, what: str) -> Refusal:
    return Refusal(path, what, "Get it again from where it came")
