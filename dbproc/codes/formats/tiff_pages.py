"""The pages of a TIFF file: what each says of itself, whether all of it is there, and boxes of its pixels.

tifffile goes on with what it has where a file is damaged, and fills with zeros; so every page is checked first, and
what the library complains about is heard.
"""

from __future__ import annotations

import importlib
import logging
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.formats import exif, jpeg
from dbproc.codes.idx.description import plain
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

SEGMENT_BYTES = 512 << 20
"""The largest strip or tile that is decoded, as it must be at once."""
LARGEST = 16
"""Bytes of the largest number: a complex one of two of eight."""
CACHE_BYTES = 64 << 20
"""Decoded strips and tiles that are kept for the next box."""
INHERITED = (
    *("Make", "Model", "Software", "DateTime", "Artist", "Copyright", "UniqueCameraModel", "CameraSerialNumber"),
    *("DNGVersion", "ColorMatrix1", "ColorMatrix2", "CameraCalibration1", "CameraCalibration2", "AnalogBalance"),
    *("CalibrationIlluminant1", "CalibrationIlluminant2", "AsShotNeutral", "AsShotWhiteXY", "BaselineExposure"),
    *("BaselineNoise", "LinearResponseLimit"),
)
"""The tags of a page that also tell of those in its SubIFDs: a camera's raw picture lies in one."""
CAMERA = {"ExifTag", "GPSTag", "XMP"}
TAGS = (
    *("Orientation", "ImageDescription", "XResolution", "YResolution", "ResolutionUnit", "Compression", "ColorMap"),
    *("ModelPixelScaleTag", "ModelTiepointTag", "ModelTransformationTag", "GDAL_NODATA", "GDAL_METADATA"),
    *("PageName", "DocumentName", "SubfileType", "NewSubfileType"),
    *("CFARepeatPatternDim", "CFAPattern", "CFAPlaneColor", "CFALayout", "BlackLevelRepeatDim", "BlackLevel"),
    *("BlackLevelDeltaH", "BlackLevelDeltaV", "WhiteLevel", "LinearizationTable", "ActiveArea", "MaskedAreas"),
    *("DefaultScale", "DefaultCropOrigin", "DefaultCropSize", "BayerGreenSplit"),
    *INHERITED,
)
"""The tags that are kept as metadata."""
NUMBERS = ("CFAPattern", "CFAPlaneColor", "DNGVersion")
"""Those whose bytes are numbers."""
JPEG = (6, 7, 34892, 33007)
"""Compressions whose strips and tiles are JPEG streams; of the last three, whole ones."""
JPEG_HEAD = 1 << 12
"""Bytes of a stream that are read for the header of its frame."""
FAX = (2, 3, 4)
"""Compressions (CCITT) whose decoders draw what is missing white."""
JPEG2000 = (33003, 33004, 33005, 34712)
HEADER_BYTES = 8
"""No directory begins within them: a lower place means none."""
HARMLESS = re.compile(r"coercing invalid ASCII|parsing GDAL_NODATA|SonyRawFileType")
"""Complaints that are not about pixels."""
UNKNOWN = re.compile(r"\d+ is not a valid [A-Z]+")
"""Complaints about tags of a kind that tifffile does not know."""
DAMAGED = "It is damaged; get it again from where it came"


@dataclass(frozen=True)
class Placed:
    """A page of tifffile's, what it is called, and the page of the main chain that it belongs to."""

    name: str
    page: Any
    top: Any

    @property
    def is_nested(self) -> bool:
        """Whether it lies in a SubIFD."""
        return self.page is not self.top


@dataclass(frozen=True)
class Sparse:
    """What strips and tiles mean that a file leaves out: ``value``, or nothing known where it is None."""

    value: float | None = None


class Page:
    """What a page says of itself, its pixels not read; ``number`` is its place among all pages of the file.

    Its shape, axes and bytes are those of one plane; ``depth`` is how many planes it has.
    """

    def __init__(self, path: Path, number: int, placed: Placed, sparse: Sparse) -> None:
        page = placed.page
        self.name, self.where = placed.name, f"{path} {placed.name}"
        self.number, self.is_nested = number, placed.is_nested
        _check_image(self.where, page)
        self.dtype, self.shape, self.axes = page.dtype, tuple(page.shape), str(page.axes)
        self.depth = 1
        if self.axes in ("ZYX", "ZYXS"):
            self.depth, self.shape, self.axes = self.shape[0], self.shape[1:], self.axes[1:]
        self.rows, self.columns = int(page.imagelength), int(page.imagewidth)
        self.components = int(page.samplesperpixel)
        self.photometric = getattr(page.photometric, "name", str(page.photometric))
        self.bits = page.bitspersample
        self.reduced, self.mask = bool(page.is_reduced), bool(page.is_mask)
        self.nbytes = int(page.nbytes) // self.depth
        self.lossy = getattr(page.compression, "name", "") in ("JPEG", "OJPEG") and not _is_lossless(page)
        self._check_type()
        if page.compression in FAX:
            what = "it is compressed as a fax (CCITT), where nobody can tell whether data are missing"
            raise Refusal(self.where, what, "Save it with another compression")
        if not self.reduced:
            _check_codec(self.where, page)
        self.fill = _fill(self.where, page, sparse)
        self.missing = _check_segments(self.where, page, self.fill is not None)
        self.attributes = {**_inherited(placed), **_attributes(page)}

    @property
    def kind(self) -> tuple[int, tuple[int, ...], Any, str, str]:
        """What must be the same in all pages of a stack."""
        return self.depth, self.shape, self.dtype, self.axes, self.photometric

    def __str__(self) -> str:
        samples = "" if self.components == 1 else f", {self.components} components"
        planes = "" if self.depth == 1 else f" by {self.depth}"
        return f"{self.columns} by {self.rows}{planes} pixels of {self.dtype}{samples}, {self.photometric}"

    def _check_type(self) -> None:
        if self.axes not in ("YX", "YXS", "SYX"):
            what = f"its axes are {self.axes} {self.shape}, which is not supported"
            raise Refusal(self.where, what, "Save it as pages, or its components last")
        if self.dtype.kind not in "iufbc" or self.dtype.itemsize > LARGEST:
            raise Refusal(self.where, f"pixels of {self.dtype} are not supported", "Use whole numbers or floats")
        if isinstance(self.bits, tuple):
            what = f"its components have different numbers of bits: {self.bits}"
            raise Refusal(self.where, what, "Save it with the same number for all")


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
        self._cache: OrderedDict[tuple[int, int], Values] = OrderedDict()

    def read(self, number: int, rows: slice, columns: slice, shift: int = 0, layer: int = 0) -> Values:
        """A box of a page, components last; ``shift`` bytes behind it, where a file tells of one page for many.

        ``layer`` is which of its planes is meant.
        """
        import numpy as np

        page, known = self._page(number), self.pages[number]
        if page.is_final:
            return _contiguous(self.path, page, known, rows, columns, shift + layer * known.nbytes)
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
            found = _page_at(self._tiff, offset) if index is None else self._tiff.pages[index].aspage()
            self._opened = (number, found)
        return self._opened[1]

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


def placed_pages(path: Path, tiff: Any) -> Iterator[Placed]:
    """All pages of a file, each followed by those in its SubIFDs, which tifffile numbers among their siblings alone."""
    seen: set[int] = set()
    for number, page in enumerate(tiff.pages, 1):
        if page.offset in seen:  # a SubIFD of an earlier page
            continue
        seen.add(page.offset)
        yield Placed(f"page {number}", page, page)
        yield from _nested(path, tiff, f"page {number}", page, page, seen)


def _nested(path: Path, tiff: Any, name: str, page: Any, top: Any, seen: set[int]) -> Iterator[Placed]:
    """The pages below a page: each of its SubIFDs may begin a chain of several, and each of these have its own."""
    for number, first in enumerate(page.subifds or (), 1):
        offset, place = int(first), 1
        while offset >= HEADER_BYTES and offset not in seen:
            seen.add(offset)
            own = f"{name} SubIFD {number}" + (f".{place}" if place > 1 else "")
            try:
                found, behind = _page_at(tiff, offset), _offset_behind(tiff, offset)
            except Exception as error:  # of many kinds, from struct's to tifffile's own
                raise Refusal(f"{path} {own}", f"the TIFF structure is not sound: {error}", DAMAGED) from error
            yield Placed(own, found, top)
            yield from _nested(path, tiff, own, found, top, seen)
            offset, place = behind, place + 1


def _page_at(tiff: Any, offset: int) -> Any:
    """The page in a SubIFD whose directory lies there; its index, of several numbers, says no more than that."""
    tiff.filehandle.seek(offset)
    return importlib.import_module("tifffile").TiffPage(tiff, (0, 0))


def _offset_behind(tiff: Any, offset: int) -> int:
    """Where the directory begins that follows one in its chain; 0 where none does."""
    form, handle = tiff.tiff, tiff.filehandle
    handle.seek(offset)
    (count,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
    handle.seek(offset + form.tagnosize + count * form.tagsize)
    (behind,) = struct.unpack(form.offsetformat, handle.read(form.offsetsize))
    return int(behind)


def _file(path: Path) -> Any:
    return importlib.import_module("tifffile").TiffFile(path, _multifile=False)


def _check_image(where: str, page: Any) -> None:
    if not page.shape or 0 in page.shape:
        raise Refusal(where, f"it holds no image: its size is {page.shape}", "It seems damaged")
    if page.dtype is None:
        what = f"pixels of {page.bitspersample} bits and sample format {int(page.sampleformat)} are not supported"
        raise Refusal(where, what, "Save it as whole numbers or floats of 8 to 64 bits")


def _check_codec(where: str, page: Any) -> None:
    """Refuse a compression or a predictor that tifffile does not undo."""
    known = importlib.import_module("tifffile").TIFF
    for word, value, table in (
        ("compression", page.compression, known.DECOMPRESSORS),
        ("predictor", page.predictor, known.UNPREDICTORS),
    ):
        try:
            table[value]
        except KeyError as error:
            what = f"its {word} {getattr(value, 'name', value)} is not supported"
            raise Refusal(where, what, "Save it with another one, such as deflate or LZW") from error


def _fill(where: str, page: Any, sparse: Sparse) -> float | int | None:
    """The value of pixels in strips or tiles that are left out: what was declared, else GDAL's nodata."""
    if sparse.value is not None:
        return sparse.value
    return page.nodata if "GDAL_NODATA" in page.tags else None


def _check_segments(where: str, page: Any, filled: bool) -> int:
    """Refuse a page whose data are not all in the file, which read as zeros. Returns how many are left out."""
    if page.is_contiguous:
        segments = [(page.dataoffsets[0], prod(page.shape) * page.bitspersample // 8)]
    else:
        segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        if len(segments) != prod(page.chunked):
            what = f"it has {len(segments)} strips or tiles where {prod(page.chunked)} are needed"
            raise Refusal(where, what, DAMAGED)
    absent = segments.count((0, 0))
    if absent and not filled:
        what = f"{absent} of its {len(segments)} strips or tiles are left out, and it tells no nodata value for them"
        raise Refusal(where, what, "It is damaged, or sparse: if you know what they stand for, say --sparse VALUE")
    end = page.parent.filehandle.size
    for offset, size in segments:
        if (offset, size) != (0, 0) and (size <= 0 or offset <= 0 or offset + size > end):
            what = f"the file is cut: {size} bytes of pixels at {offset}, the file ends at {end}"
            raise Refusal(where, what, DAMAGED)
    size = prod(page.chunks) * page.dtype.itemsize
    if not page.is_final and size > SEGMENT_BYTES:
        what = f"a strip or tile takes {size / 1e9:.1f} GB, more than the {SEGMENT_BYTES >> 20} MiB decoded at once"
        raise Refusal(where, what, "Save it uncompressed or in smaller tiles")
    return absent


def _inherited(placed: Placed) -> dict[str, Any]:
    """What the page of the main chain tells of those below it: the camera, the time, the software."""
    found = _attributes(placed.top) if placed.is_nested else {}
    return {name: value for name, value in found.items() if name in INHERITED}


def _attributes(page: Any) -> dict[str, Any]:
    """Tags that tell what the pixels mean; GeoTIFF keys by their names."""
    found = {tag.name: plain(getattr(tag.value, "name", tag.value)) for tag in page.tags if tag.name in TAGS}
    found |= {tag.name: list(tag.value) for tag in page.tags if tag.name in NUMBERS and isinstance(tag.value, bytes)}
    keys = {name: plain(value) for name, value in (page.geotiff_tags or {}).items() if name.endswith("GeoKey")}
    return {**found, **keys}


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


def _is_lossless(page: Any) -> bool:
    """Whether the first strip or tile is a JPEG stream of the kind that loses nothing, as raw pictures have it."""
    if not page.dataoffsets or not page.dataoffsets[0]:
        return False
    handle = page.parent.filehandle
    handle.seek(page.dataoffsets[0])
    try:
        return jpeg.header("", handle.read(min(page.databytecounts[0], JPEG_HEAD))).lossless
    except Refusal:  # of the old kind, without a header of its own; or damaged, which its reading tells
        return False


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
