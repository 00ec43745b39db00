"""A TIFF file whose pages are all accounted for, and what tifffile complains about.

tifffile goes on with what it has where a file is damaged, and fills with zeros; so every page is checked first, and
what the library complains about is heard.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats import exif
from dbproc.codes.formats.tiff_pages import DAMAGED, Page, Sparse, page_at, placed_pages
from dbproc.codes.formats.tiff_pixels import Pixels
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

CAMERA = {"ExifTag", "GPSTag", "XMP"}
HARMLESS = re.compile(r"coercing invalid ASCII|parsing GDAL_NODATA|SonyRawFileType")
"""Complaints that are not about pixels."""
UNKNOWN = re.compile(r"\d+ is not a valid [A-Z]+")
"""Complaints about tags of a kind that tifffile does not know."""


@contextmanager
def opened(path: Path, sparse: Sparse | None = None) -> Iterator[Tiff]:
    """A TIFF file, its structure sound and all its pages there; refuses others."""
    with heard(path), _file(path) as tiff:
        yield Tiff(path, tiff, sparse or Sparse())


@contextmanager
def heard(path: Path, todo: Callable[[], str] = lambda: DAMAGED) -> Iterator[None]:
    """Refuse what tifffile complains about: it logs a broken structure and goes on with what it has."""
    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    serious = [each for each in complaints if not HARMLESS.search(each)]
    if serious and UNKNOWN.search(serious[0]):
        what = f"it holds a value that is not known: {serious[0]}"
        raise Refusal(path, what, "It is of a kind that is not supported, or damaged")
    if serious:
        raise Refusal(path, f"the TIFF structure is not sound: {serious[0]}", todo())


class Tiff:
    """An open TIFF file whose pages are all accounted for.

    Parameters
    ----------
    path
        The file.
    sparse
        What is left out of it, if anything, stands for.
    """

    def __init__(self, path: Path, tiff: Any, sparse: Sparse) -> None:
        self.path, self._tiff = path, tiff
        self._places: list[tuple[int, int | None]] = []
        self.pages: list[Page] = []
        for placed in placed_pages(path, tiff):
            self._places.append((placed.page.offset, None if placed.is_nested else placed.page.index))
            self.pages.append(Page(path, len(self.pages), placed, sparse))
        self._numbers = {offset: number for number, (offset, _) in enumerate(self._places)}
        if not self.pages:
            raise Refusal(path, "it holds no pages", "It seems damaged; get it again from where it came")
        self.size = int(tiff.filehandle.size)
        self._opened: tuple[int, Any] = (-1, None)
        self._pixels = Pixels(path)

    def read(self, number: int, rows: slice, columns: slice, shift: int = 0, layer: int = 0) -> Values:
        """A box of a page, components last; ``shift`` bytes behind it, where a file tells of one page for many.

        ``layer`` is which of its planes is meant.
        """
        return self._pixels.read(self._page(number), self.pages[number], rows, columns, shift, layer)

    @contextmanager
    def library(self, todo: Callable[[], str]) -> Iterator[Any]:
        """The file as tifffile has it, for what it tells of series; refuses what it complains about meanwhile."""
        with heard(self.path, todo):
            yield self._tiff

    def contiguous(self, number: int, count: int) -> bool:
        """Whether ``count`` images like a page follow one another in the file, uncompressed, beginning with it."""
        page = self._page(number)
        return bool(page.is_final) and int(page.dataoffsets[0]) + count * self.pages[number].nbytes <= self.size

    def number_at(self, offset: int) -> int | None:
        """The number of the page whose directory lies at a place of the file; None where none does."""
        return self._numbers.get(offset)

    def tags(self, number: int) -> dict[str, Any]:
        """What the camera tells of a page: tags of the page itself, else of the one above it."""
        placed = next(
            each for each in placed_pages(self.path, self._tiff) if each.page.offset == self.offset_of(number)
        )
        return exif.tags_of(placed.top) | (exif.tags_of(placed.page) if placed.is_nested else {})

    def camera(self, number: int) -> dict[str, Any]:
        """The same as facts; nothing where there is neither EXIF nor XMP."""
        tags = self.tags(number)
        return exif.facts(tags) if CAMERA & set(tags) else {}

    def offset_of(self, number: int) -> int:
        """Where the directory of a page begins."""
        return self._places[number][0]

    def _page(self, number: int) -> Any:
        if self._opened[0] != number:
            offset, index = self._places[number]
            found = page_at(self._tiff, offset) if index is None else self._tiff.pages[index].aspage()
            self._opened = (number, found)
        return self._opened[1]


def _file(path: Path) -> Any:
    return importlib.import_module("tifffile").TiffFile(path, _multifile=False)
