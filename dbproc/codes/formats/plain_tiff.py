"""Pages of a TIFF file as tifffile gives them, to hold against what :mod:`dbproc.codes.formats.tiff_pixels` reads.

Nothing is shared with it: the file is opened anew, planes are found in tifffile's own series, strips and tiles are put
where tifffile says.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.formats.plain import Parts, as_stored
from dbproc.codes.idx.slabs import Box
from dbproc.codes.idx.values import Values

WHOLE = 64 << 20
"""Pages of so many bytes are read whole, larger ones in parts."""
JPEG = (6, 7, 34892, 33007)


class PlainTiff:
    """The planes of a stack, components last.

    Parameters
    ----------
    path
        The file.
    series
        Which of tifffile's series, counted from 0; None where ``offsets`` tell the pages.
    offsets
        Where the directories of the pages begin, in order.
    stack
        What closes the file in the end.
    """

    def __init__(self, path: Path, series: int | None, offsets: Sequence[int], stack: ExitStack) -> None:
        tifffile = importlib.import_module("tifffile")
        self._tiff = stack.enter_context(tifffile.TiffFile(path, _multifile=False))
        self._offsets, self._told = offsets, None if series is None else self._tiff.series[series]
        self._whole: tuple[int, Values] | None = None

    @property
    def outer(self) -> tuple[str, tuple[int, ...]]:
        """The letters and the sizes of the axes besides those of a page."""
        if self._told is None:
            return ("I", (len(self._offsets),)) if len(self._offsets) > 1 else ("", ())
        within = self._told.pages[0].aspage().axes.replace("Z", "") + "S"
        pairs = [(a, int(n)) for a, n in zip(self._told.axes, self._told.shape, strict=True) if a not in within]
        kept = [(letter, size) for letter, size in pairs if size > 1]
        return "".join(letter for letter, _ in kept), tuple(size for _, size in kept)

    def read(self, field: int, fields: int, box: Box) -> Parts:
        """Parts of a box of the field ``field``, one of ``fields``, rows and columns being its last two axes."""
        *before, rows, columns = box
        letters, sizes = self.outer
        for index in product(*(range(part.start, part.stop) for part in before)):
            place, component = list(index), None
            if len(place) > len(sizes):
                component = place.pop()
            elif len(place) < len(sizes):
                place.insert(letters.index("C"), field)
            elif fields > 1:
                component = field
            number = int(np.ravel_multi_index(place, sizes)) if sizes else 0
            for part, values in self.plane(number, rows, columns):
                yield self._placed(index, part, values, component)

    def masks(self, box: Box) -> Parts:
        """The same of the masks, which are pages of their own, in the order of the images."""
        *before, rows, columns = box
        pages = [page.aspage() for page in self._tiff.pages if page.is_mask and not page.is_reduced]
        for index in product(*(range(part.start, part.stop) for part in before)):
            number = int(np.ravel_multi_index(index, self.outer[1])) if index else 0
            for part, values in self._page(pages[number], rows, columns):
                yield self._placed(index, part, values, None)

    def plane(self, number: int, rows: slice, columns: slice) -> Parts:
        """Parts of a plane: (row, column, component)."""
        if self._told is None:
            page = self._at(self._offsets[number])
            yield from self._page(page, rows, columns, number % page.imagedepth)
            return
        first = self._told.pages[0].aspage()
        index, layer = divmod(number, first.imagedepth)
        page = self._told.pages[index] if index < len(self._told.pages) else None
        if page is None:  # one page stands for all, whose pixels follow one another
            yield from self._rows(first, self._told.dataoffset + number * first.nbytes, rows, columns)
            return
        yield from self._page(page.aspage(), rows, columns, layer)

    def _placed(self, index: Sequence[int], part: Box, values: Values, component: int | None) -> tuple[Box, Values]:
        if component is not None:
            values = values[..., component]
        elif values.shape[-1] == 1:
            values = values[..., 0]
        values = as_stored(values)
        return (*(slice(i, i + 1) for i in index), *part), values.reshape((1,) * len(index) + values.shape)

    def _at(self, offset: int) -> Any:
        self._tiff.filehandle.seek(offset)
        return importlib.import_module("tifffile").TiffPage(self._tiff, (0,))

    def _page(self, page: Any, rows: slice, columns: slice, layer: int = 0) -> Parts:
        absent = page.dataoffsets.count(0) if isinstance(page.dataoffsets, tuple) else 0
        if page.nbytes > WHOLE and page.is_final:
            place = page.dataoffsets[0] + layer * (page.nbytes // page.imagedepth)
            yield from self._rows(page, place, rows, columns)
        elif page.nbytes > WHOLE or absent:
            yield from self._segments(page, rows, columns, layer)
        else:
            whole = self._asarray(page)
            yield (rows, columns), (whole[layer] if page.imagedepth > 1 else whole)[rows, columns]

    def _asarray(self, page: Any) -> Values:
        """All of a page, the last one kept for the next box."""
        if self._whole is None or self._whole[0] != page.offset:
            self._whole = None
            self._whole = page.offset, _components_last(page, page.asarray(maxworkers=1))
        return self._whole[1]

    def _rows(self, page: Any, offset: int, rows: slice, columns: slice) -> Parts:
        """Rows of pixels that lie as they are in the file."""
        handle, dtype = self._tiff.filehandle, page.dtype.newbyteorder(page.parent.byteorder)
        width = page.size // page.imagedepth // page.imagelength // (page.samplesperpixel if page.axes == "SYX" else 1)
        planes = page.samplesperpixel if page.axes == "SYX" else 1
        found = []
        for plane in range(planes):
            first = offset + (plane * page.imagelength + rows.start) * width * dtype.itemsize
            values = handle.read_array(dtype, (rows.stop - rows.start) * width, first)
            found.append(values.reshape(rows.stop - rows.start, page.imagewidth, -1)[:, columns])
        yield (rows, columns), np.concatenate(found, axis=-1)

    def _segments(self, page: Any, rows: slice, columns: slice, layer: int) -> Parts:
        """Strips and tiles that a box meets, those that are left out of the file left out."""
        groups: dict[tuple[int, int], list[int]] = {}
        for number in range(len(page.dataoffsets)):
            (_, z, y, x, _), (thick, height, width, _) = page.decode(None, number)[1:]
            if not z <= layer < z + thick:
                continue
            if y < rows.stop and y + height > rows.start and x < columns.stop and x + width > columns.start:
                groups.setdefault((y, x), []).append(number)
        for (y, x), numbers in groups.items():
            if all(page.dataoffsets[i] for i in numbers):
                pixels = np.concatenate([self._segment(page, i, layer) for i in numbers], axis=-1)
                down = slice(max(y, rows.start), min(y + pixels.shape[0], rows.stop))
                across = slice(max(x, columns.start), min(x + pixels.shape[1], columns.stop))
                yield (down, across), pixels[down.start - y : down.stop - y, across.start - x : across.stop - x]

    def _segment(self, page: Any, number: int, layer: int) -> Values:
        handle = self._tiff.filehandle
        handle.seek(page.dataoffsets[number])
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in JPEG else {}
        pixels, place, _ = page.decode(handle.read(page.databytecounts[number]), number, **tables)
        found: Values = pixels[layer - place[1]]
        return found


def _components_last(page: Any, values: Values) -> Values:
    if page.axes == "SYX":
        return np.moveaxis(values, 0, -1)
    return values[..., None] if page.axes in ("YX", "ZYX") else values
