"""Boxes of the pixels of a TIFF file: rows as they lie there, or strips and tiles decoded, each whole."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats import jpeg
from dbproc.codes.formats.tiff_pages import DAMAGED, Page
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

CACHE_BYTES = 64 << 20
"""Decoded strips and tiles that are kept for the next box."""
JPEG = (6, 7, 34892, 33007)
"""Compressions whose strips and tiles are JPEG streams; of the last three, whole ones."""
JPEG2000 = (33003, 33004, 33005, 34712)


class Pixels:
    """The pixels of a file; strips and tiles that were decoded are kept for the next box."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cache: OrderedDict[tuple[int, int], Values] = OrderedDict()

    def read(self, page: Any, known: Page, rows: slice, columns: slice, shift: int, layer: int) -> Values:
        """A box of tifffile's page that is known, components last; see :meth:`tiff_file.Tiff.read`."""
        import numpy as np

        if page.is_final:
            return _contiguous(self._path, page, known, rows, columns, shift + layer * known.nbytes)
        values = np.empty((rows.stop - rows.start, columns.stop - columns.start, known.components), known.dtype)
        thick = int(page.tiledepth) if page.is_tiled else 1
        for segment in _segments(page, rows, columns, layer // thick):
            pixels = self._segment(page, known, segment.index)[layer % thick]
            inside = pixels[segment.rows(rows), segment.columns(columns)]
            place = values[segment.placed_rows(rows), segment.placed_columns(columns)]
            if inside.shape[:2] != place.shape[:2]:
                raise Refusal(known.where, f"strip or tile {segment.index + 1} is cut", DAMAGED)
            if page.planarconfig == 2:
                place[:, :, segment.component] = inside[:, :, 0]
            else:
                place[...] = inside
        return values

    def _segment(self, page: Any, known: Page, index: int) -> Values:
        key = (known.number, index)
        if key in self._cache:
            self._cache.move_to_end(key)
        else:
            pixels = _decoded(page, known, index)
            while self._cache and sum(each.nbytes for each in self._cache.values()) + pixels.nbytes > CACHE_BYTES:
                self._cache.popitem(last=False)
            self._cache[key] = pixels
        return self._cache[key]


@dataclass(frozen=True)
class Segment:
    """A strip or tile: its number, its first row and column, its size, and its component where these lie apart."""

    index: int
    component: int
    row: int
    column: int
    height: int
    width: int

    def rows(self, wanted: slice) -> slice:
        """The wanted rows, told from the segment's first."""
        return _common(wanted, self.row, self.height, self.row)

    def columns(self, wanted: slice) -> slice:
        """The wanted columns, told from the segment's first."""
        return _common(wanted, self.column, self.width, self.column)

    def placed_rows(self, wanted: slice) -> slice:
        """The segment's rows, told from the first wanted one."""
        return _common(wanted, self.row, self.height, wanted.start)

    def placed_columns(self, wanted: slice) -> slice:
        """The segment's columns, told from the first wanted one."""
        return _common(wanted, self.column, self.width, wanted.start)


def _segments(page: Any, rows: slice, columns: slice, deep: int) -> Iterator[Segment]:
    """The strips or tiles that a box meets, of those that lie ``deep`` layers of them behind the first."""
    height = int(page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength))
    width = int(page.tilewidth if page.is_tiled else page.imagewidth)
    down, across = ceil(page.imagelength / height), ceil(page.imagewidth / width)
    for component in range(page.samplesperpixel if page.planarconfig == 2 else 1):
        first = (component + deep) * down
        for i in range(rows.start // height, ceil(rows.stop / height)):
            for j in range(columns.start // width, ceil(columns.stop / width)):
                yield Segment((first + i) * across + j, component, i * height, j * width, height, width)


def _common(wanted: slice, start: int, size: int, origin: int) -> slice:
    return slice(max(wanted.start, start) - origin, min(wanted.stop, start + size) - origin)


def _contiguous(path: Path, page: Any, known: Page, rows: slice, columns: slice, shift: int) -> Values:
    """A box of an uncompressed page: just the rows wanted are read."""
    import numpy as np

    dtype = known.dtype.newbyteorder(page.parent.byteorder)
    planes, samples = (known.components, 1) if known.axes == "SYX" else (1, known.components)
    row = known.columns * samples
    parts = []
    for plane in range(planes):
        first = (plane * known.rows + rows.start) * row
        count = (rows.stop - rows.start) * row
        place = int(page.dataoffsets[0]) + shift + first * dtype.itemsize
        values = np.fromfile(path, dtype, count, offset=place)
        if values.size != count:
            raise Refusal(known.where, "the file is cut", DAMAGED)
        parts.append(values.reshape(-1, known.columns, samples)[:, columns])
    return parts[0] if planes == 1 else np.concatenate(parts, axis=-1)


def _decoded(page: Any, known: Page, index: int) -> Values:
    """The pixels of a strip or tile: (plane, row, column, component)."""
    import numpy as np

    offset, size = page.dataoffsets[index], page.databytecounts[index]
    where = f"{known.where} strip or tile {index + 1}"
    if (offset, size) == (0, 0):
        _, _, shape = page.decode(None, index, _fullsize=True)
        return np.full(shape, known.fill, known.dtype)
    handle = page.parent.filehandle
    handle.seek(offset)
    data = handle.read(size)
    if len(data) != size:
        raise Refusal(where, "the file is cut", DAMAGED)
    pixels = _pixels(where, page, data, index)
    if pixels.dtype.newbyteorder("=") != known.dtype.newbyteorder("="):
        raise Refusal(where, f"it reads as {pixels.dtype}, not {known.dtype}", DAMAGED)
    found: Values = pixels
    return found


def _pixels(where: str, page: Any, data: bytes, index: int) -> Any:
    if page.compression not in JPEG:
        if page.compression in JPEG2000 and not data.rstrip(b"\x00").endswith(jpeg.END):
            raise Refusal(where, "the JPEG 2000 data are cut", DAMAGED)
        return page.decode(data, index)[0]
    decode = partial(_jpeg_pixels, page, index)
    if page.compression == 6 and data[:2] != jpeg.START:  # old-style: only the entropy-coded data
        return decode(data)
    return jpeg.require_whole(where, data, decode)


def _jpeg_pixels(page: Any, index: int, data: bytes) -> Any:
    return page.decode(data, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)[0]
