"""Whether the directories of a TIFF file are all there.

A TIFF file is a chain of image file directories, each with the place of the next; writers often put them last. Readers
take a chain that leads out of the file for its end, so that a file that was cut off seems to have fewer pages. The
layout is that of "TIFF Revision 6.0" (Adobe), and for version 43 that of BigTIFF.
"""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO, NamedTuple

from dbproc.products.base import NotMine

_ITEM_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_ORDERS = {b"II": "<", b"MM": ">"}
_DIRECTORIES_LOOKED_AT = 10_000


_CLASSIC, _BIG = ("H", "HHI4s", "I"), ("Q", "HHQ8s", "Q")


class _Layout(NamedTuple):
    """How things are packed."""

    number: str
    entry: str
    offset: str


def require_whole_directories(path: str) -> None:
    """Raise NotMine when a directory, or a value that one points to, lies beyond the end of the file."""
    size = os.stat(path).st_size
    with open(path, "rb") as stream:
        head = stream.read(16)
        order = _ORDERS.get(head[:2])
        if order is None or len(head) < 8:
            raise NotMine("is not a TIFF file: it does not begin as one")
        version = struct.unpack(order + "H", head[2:4])[0]
        if version not in (42, 43) or (version == 43 and len(head) < 16):
            return  # one of the many relatives of TIFF
        layout = _Layout(*(order + each for each in (_BIG if version == 43 else _CLASSIC)))
        place = struct.unpack(layout.offset, head[8:16] if version == 43 else head[4:8])[0]
        _follow(stream, layout, place, size)


def _follow(stream: BinaryIO, layout: _Layout, place: int, size: int) -> None:
    seen: set[int] = set()
    while place and len(seen) < _DIRECTORIES_LOOKED_AT:
        if place in seen:
            raise NotMine(f"is damaged: its directories form a ring at byte {place}")
        seen.add(place)
        stream.seek(place)
        (count,) = _read(stream, layout.number, place)
        if count * struct.calcsize(layout.entry) > size - place:
            raise NotMine(f"is cut off or damaged: its directory at byte {place} does not end before the file does")
        for _ in range(count):
            _require_value(_read(stream, layout.entry, place), layout, size)
        (place,) = _read(stream, layout.offset, place)


def _require_value(entry: tuple[Any, ...], layout: _Layout, size: int) -> None:
    tag, kind, count, inline = entry
    length = _ITEM_SIZES.get(kind, 0) * count
    if length <= len(inline):
        return
    (start,) = struct.unpack(layout.offset, inline)
    if start + length > size:
        raise NotMine(f"is cut off or damaged: it has {size} bytes, and its tag {tag} needs {start + length}")


def _read(stream: BinaryIO, layout: str, place: int) -> tuple[Any, ...]:
    data = stream.read(struct.calcsize(layout))
    if len(data) < struct.calcsize(layout):
        raise NotMine(f"is cut off or damaged: its directory at byte {place} does not end before the file does")
    return struct.unpack(layout, data)
