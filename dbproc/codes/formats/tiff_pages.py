"""The pages of a TIFF file: what each says of itself, and whether all of it is there."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from dbproc.codes.formats import jpeg
from dbproc.codes.idx.description import plain
from dbproc.codes.idx.refusal import Refusal

SEGMENT_BYTES = 512 << 20
"""The largest strip or tile that is decoded, as it must be at once."""
LARGEST = 16
"""Bytes of the largest number: a complex one of two of eight."""
INHERITED = (
    *("Make", "Model", "Software", "DateTime", "Artist", "Copyright", "UniqueCameraModel", "CameraSerialNumber"),
    *("DNGVersion", "ColorMatrix1", "ColorMatrix2", "CameraCalibration1", "CameraCalibration2", "AnalogBalance"),
    *("CalibrationIlluminant1", "CalibrationIlluminant2", "AsShotNeutral", "AsShotWhiteXY", "BaselineExposure"),
    *("BaselineNoise", "LinearResponseLimit"),
)
"""The tags of a page that also tell of those in its SubIFDs: a camera's raw picture lies in one."""
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
JPEG_HEAD = 1 << 12
"""Bytes of a stream that are read for the header of its frame."""
FAX = (2, 3, 4)
"""Compressions (CCITT) whose decoders draw what is missing white."""
HEADER_BYTES = 8
"""No directory begins within them: a lower place means none."""
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
                found, behind = page_at(tiff, offset), _offset_behind(tiff, offset)
            except Exception as error:  # of many kinds, from struct's to tifffile's own
                raise Refusal(f"{path} {own}", f"the TIFF structure is not sound: {error}", DAMAGED) from error
            yield Placed(own, found, top)
            yield from _nested(path, tiff, own, found, top, seen)
            offset, place = behind, place + 1


def page_at(tiff: Any, offset: int) -> Any:
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
