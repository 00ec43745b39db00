"""PNG images: every chunk's checksum compared, pixels as they are stored.

Follows the PNG specification (ISO/IEC 15948).
"""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
COMPONENTS = {GREY: 1, RGB: 3, PALETTE: 3, GREY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = (1, 2, 4, 8, 16)
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
"""The chunks that pixels are made of."""


@dataclass(frozen=True)
class Header:
    """What IHDR says, with what is told of transparency."""

    columns: int
    rows: int
    depth: int
    colour: int
    interlaced: bool
    transparent: bool = False

    @property
    def components(self) -> int:
        """How many numbers a pixel is, a palette's colours being looked up."""
        return COMPONENTS[self.colour] + (self.colour == PALETTE and self.transparent)

    @property
    def dtype(self) -> str:
        """The type of these numbers."""
        return "uint16" if self.depth == 16 else "uint8"


def chunks(where: object, data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a file, from IHDR to IEND; refuses it where one is cut or damaged."""
    if not data.startswith(SIGNATURE):
        raise Refusal(where, "it is no PNG file", "Check its name")
    found: list[tuple[bytes, bytes]] = []
    place = len(SIGNATURE)
    while not found or found[-1][0] != b"IEND":
        if place + 12 > len(data):
            raise Refusal(where, "the file is cut: its PNG end is missing", GET_AGAIN)
        (size,), name = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        body = data[place + 8 : place + 8 + size]
        told = data[place + 8 + size : place + 12 + size]
        if len(told) != 4:
            raise Refusal(where, f"the file is cut in its PNG chunk {name.decode('latin-1')}", GET_AGAIN)
        if zlib.crc32(name + body) != int.from_bytes(told, "big"):
            raise Refusal(where, f"its PNG chunk {name.decode('latin-1')} is damaged: its checksum differs", GET_AGAIN)
        found.append((name, body))
        place += 12 + size
    return found


def header(where: object, found: Sequence[tuple[bytes, bytes]]) -> Header:
    """What the first chunk says."""
    name, body = found[0]
    if name != b"IHDR" or len(body) != 13:
        raise Refusal(where, "it does not begin with a PNG header", GET_AGAIN)
    columns, rows, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
    if not columns or not rows or depth not in DEPTHS or colour not in COMPONENTS:
        raise Refusal(
            where, f"its PNG header makes no sense: {columns} by {rows}, {depth} bits, kind {colour}", GET_AGAIN
        )
    names = {name for name, _ in found}
    if b"acTL" in names:
        raise Refusal(where, "it is an animation of several frames", "Save its frames as files")
    read = Header(columns, rows, depth, colour, bool(interlace), b"tRNS" in names)
    if depth < 8 and colour == GREY and read.interlaced:
        raise Refusal(where, f"interlaced pixels of {depth} bits are not supported", "Save it without interlacing")
    return read


def pixels(found: Sequence[tuple[bytes, bytes]], read: Header) -> Values:
    """The stored numbers, (row, column, component); the colours of a palette."""
    import numpy as np

    needed = (*PIXELS, b"tRNS") if read.colour == PALETTE else PIXELS
    kept = [each for each in found if each[0] in needed]
    packed = read.depth < 8 and read.colour == GREY
    values = np.asarray(_decode(_as_bytes(kept, read) if packed else kept))
    values = _unpacked(values, read) if packed else values
    return values.reshape(read.rows, read.columns, read.components)


def _as_bytes(found: Sequence[tuple[bytes, bytes]], read: Header) -> list[tuple[bytes, bytes]]:
    """The chunks of an image of bytes, each of which holds several pixels: the decoder would scale these."""
    width = -(-read.columns * read.depth // 8)
    head = struct.pack(">IIBBBBB", width, read.rows, 8, GREY, 0, 0, 0)
    return [(b"IHDR", head), *(each for each in found if each[0] == b"IDAT"), (b"IEND", b"")]


def _unpacked(values: Values, read: Header) -> Any:
    import numpy as np

    shifts = np.arange(8 - read.depth, -1, -read.depth, dtype=np.uint8)
    numbers = (values[:, :, np.newaxis] >> shifts) & ((1 << read.depth) - 1)
    return numbers.reshape(values.shape[0], -1)[:, : read.columns]


def _decode(found: Sequence[tuple[bytes, bytes]]) -> Any:
    parts = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in found
    )
    return importlib.import_module("imagecodecs").png_decode(SIGNATURE + b"".join(parts))
