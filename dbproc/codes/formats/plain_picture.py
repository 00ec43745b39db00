"""Pictures as libraries decode them whole, to hold against what :mod:`dbproc.codes.formats.image_file` reads.

The bytes of the file are decoded as they are, EXIF's orientation is sought for in its first directory, and turning is
numpy's.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values

TURNS: dict[int, Callable[[Any], Any]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.rot90(np.fliplr(pixels)),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(np.flipud(pixels)),
    8: np.rot90,
}
"""What makes a stored picture an upright one, by the value of the tag Orientation."""
BACK = {6: 8, 8: 6}
"""The values whose turn undoes another one's; the others undo themselves."""
ORIENTATION, SHORT = 0x0112, 3
APP1, FILL = 0xE1, 0xFF
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xDA)
"""Markers behind which no EXIF stands."""


def whole(path: Path) -> Values:
    """The upright picture of a JPEG or PNG file: (row, column, component)."""
    data = path.read_bytes()
    pixels, block = _png(path, data) if data.startswith(b"\x89PNG") else _jpeg(data)
    return turned(pixels.reshape(*pixels.shape[:2], -1), orientation(block))


def orientation(block: bytes) -> int:
    """The tag Orientation in the first directory of an EXIF block; 1 where there is none."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 1
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start) if start + 2 <= len(block) else (0,)
    for place in range(start + 2, min(start + 2 + 12 * count, len(block) - 9), 12):
        tag, kind, size, value = struct.unpack_from(f"{order}HHIH", block, place)
        if (tag, kind, size) == (ORIENTATION, SHORT, 1):
            return int(value)
    return 1


def stored(rows: slice, columns: slice, shape: tuple[int, int], orientation: int) -> tuple[slice, slice]:
    """The stored box of a box of the upright picture; ``shape`` is the stored picture's."""
    turn = TURNS.get(orientation, lambda pixels: pixels)
    down, across = (turn(each) for each in np.broadcast_arrays(*np.ogrid[: shape[0], : shape[1]]))
    corners = (rows.start, columns.start), (rows.stop - 1, columns.stop - 1)
    ends = [sorted(int(place[corner]) for corner in corners) for place in (down, across)]
    (top, bottom), (left, right) = ends
    return slice(top, bottom + 1), slice(left, right + 1)


def upright(part: Box, shape: tuple[int, int], orientation: int) -> tuple[slice, slice]:
    """The box of the upright picture, whose shape is given, of a stored one."""
    rows, columns = part
    return stored(rows, columns, shape, BACK.get(orientation, orientation))


def turned(pixels: Values, orientation: int) -> Values:
    """Stored pixels as the upright picture has them."""
    found: Values = TURNS.get(orientation, lambda each: each)(pixels)
    return found


def _jpeg(data: bytes) -> tuple[Values, bytes]:
    """The pixels of a stream, and its EXIF, which stands before the header of the frame."""
    place, block = 2, b""
    while not block and data[place : place + 1] == b"\xff" and data[place + 1] not in FRAMES:
        length = int.from_bytes(data[place + 2 : place + 4], "big") if data[place + 1] != FILL else -1
        if data[place + 1] == APP1 and data.startswith(b"Exif\0\0", place + 4):
            block = data[place + 4 : place + 2 + length]
        place += 2 + length
    return importlib.import_module("imagecodecs").jpeg_decode(data), block


def _png(path: Path, data: bytes) -> tuple[Values, bytes]:
    """Colours of a palette are looked up; numbers of few bits, which Pillow spreads over eight, are what they were."""
    image: Any = importlib.import_module("PIL.Image")
    image.MAX_IMAGE_PIXELS = None  # how large a picture may be was looked at before
    with image.open(path) as picture:
        picture.load()  # EXIF may stand behind the pixels
        block, bits = picture.info.get("exif", b""), data[24]
        if picture.mode == "P":
            return np.asarray(picture.convert("RGBA" if "transparency" in picture.info else "RGB")), block
        if bits <= 8:
            step = 255 // ((1 << bits) - 1) if picture.mode != "1" else 1
            return np.asarray(picture).astype("u1") // step, block
        decoded: Values = importlib.import_module("imagecodecs").png_decode(data)
        return decoded.reshape(*decoded.shape[:2], -1)[..., : len(picture.getbands())], block
