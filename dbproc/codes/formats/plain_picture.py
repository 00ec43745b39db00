"""Pictures as libraries decode them whole, to hold against what :mod:`dbproc.codes.formats.image_file` reads.

The bytes of the file are decoded as they are, EXIF's orientation is read by Pillow, and turning is numpy's.
"""

from __future__ import annotations

import importlib
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
ORIENTATION = 0x0112


def whole(path: Path) -> Values:
    """The upright picture of a JPEG or PNG file: (row, column, component)."""
    image: Any = importlib.import_module("PIL.Image")
    image.MAX_IMAGE_PIXELS = None  # how large a picture may be was looked at before
    with image.open(path) as picture:
        pixels = _png(path, picture) if picture.format == "PNG" else _jpeg(path)
        turn = picture.getexif().get(ORIENTATION, 1)
    found: Values = pixels.reshape(*pixels.shape[:2], -1)
    return turned(found, turn)


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


def _jpeg(path: Path) -> Values:
    found: Values = importlib.import_module("imagecodecs").jpeg_decode(path.read_bytes())
    return found


def _png(path: Path, picture: Any) -> Values:
    """Colours of a palette are looked up; numbers of few bits, which Pillow spreads over eight, are what they were."""
    mode, bits = picture.mode, path.read_bytes()[24]
    if mode == "P":
        colours = "RGBA" if "transparency" in picture.info else "RGB"
        return np.asarray(picture.convert(colours))
    if bits < 8:
        return np.asarray(picture).astype("u1") // (1 if mode == "1" else 255 // ((1 << bits) - 1))
    if bits == 8:
        return np.asarray(picture)
    decoded: Values = importlib.import_module("imagecodecs").png_decode(path.read_bytes())
    return decoded.reshape(*decoded.shape[:2], -1)[..., : len(picture.getbands())]
