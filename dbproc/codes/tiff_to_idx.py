#!/usr/bin/env python3
"""Convert TIFF images to an IDX dataset: ``INPUT... OUTPUT.idx``.

One image of one page becomes a 2D dataset; a multi-page file, or several files of one page in the order given, a stack
(3D). A directory stands for its TIFF files in natural order (2 before 10). Grey and colour images keep their exact
type; every page must be like the first.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import importlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

from dbproc.codes.converter import Converter
from dbproc.codes.description import Axis, Description, Field, Regular, plain
from dbproc.codes.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.slabs import Box
    from dbproc.codes.values import Values

NAME = "tiff_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".tif", ".tiff"), new_axis="page")
PAGE_BYTES = 1 << 30
"""The largest page that is taken into memory."""
SAMPLE_BYTES = 32
"""The largest sample (all components of a pixel) that OpenVisus stores."""
TAGS = (
    *("Orientation", "ImageDescription", "XResolution", "YResolution", "ResolutionUnit", "Compression", "ColorMap"),
    *("ModelPixelScaleTag", "ModelTiepointTag", "ModelTransformationTag", "GDAL_NODATA", "GDAL_METADATA"),
)
"""The tags that are kept as metadata."""
JPEG = (6, 7)
JPEG_END = b"\xff\xd9"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert TIFF images, stacks or slices to IDX, exactly.")
    return CONVERTER.main(parser, arguments, lambda given: {})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[TiffSource]:
    """Look through the files' pages; ``options`` is not used."""
    yield TiffSource(inputs)


class TiffSource:
    """Pages of one size and type, from one file or several, as the writer wants them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        files = [_File(path) for path in paths]
        self._pages = [(file.path, i) for file in files for i in range(len(file.pages))]
        _require_single_pages(files)
        _require_alike(files)
        self._axes = files[0].pages[0].axes
        self._cached: tuple[tuple[Path, int] | None, Any] = (None, None)
        self.description = _describe(files, len(paths) > 1 or len(self._pages) > 1)

    def read(self, field: str, box: Box) -> Values:
        """The values inside ``box``: (page, row, column) for a stack, (row, column) for one image."""
        import numpy as np

        rows, columns = box[-2:]
        if len(box) == 2:
            return np.asarray(self._page(0)[rows, columns])
        return np.stack([self._page(i)[rows, columns] for i in range(box[0].start, box[0].stop)])

    def _page(self, index: int) -> Values:
        """One page, components last; kept until another one is asked for."""
        key = self._pages[index]
        if self._cached[0] != key:
            self._cached = (None, None)
            self._cached = (key, _decoded(*key))
        pixels: Values = self._cached[1]
        return pixels


class _Page:
    """What a page says of itself, its pixels not read."""

    def __init__(self, path: Path, number: int, page: Any) -> None:
        self.where = f"{path} page {number + 1}"
        if page.dtype is None or not page.shape or 0 in page.shape:
            raise Refusal(self.where, f"it holds no image: its size is {page.shape}", "It seems damaged")
        self.dtype, self.shape, self.axes = page.dtype, tuple(page.shape), str(page.axes)
        self.rows, self.columns = int(page.imagelength), int(page.imagewidth)
        self.components = int(page.samplesperpixel)
        self.photometric = getattr(page.photometric, "name", str(page.photometric))
        self._check_type()
        _check_segments(self.where, page)
        self.attributes = _attributes(page)

    @property
    def kind(self) -> tuple[tuple[int, ...], Any, str, str]:
        """What must be the same in all pages of a stack."""
        return self.shape, self.dtype, self.axes, self.photometric

    def __str__(self) -> str:
        samples = "" if self.components == 1 else f", {self.components} components"
        return f"{self.columns} by {self.rows} pixels of {self.dtype}{samples}, {self.photometric}"

    def _check_type(self) -> None:
        if self.axes not in ("YX", "YXS", "SYX") or self.components > 4:
            what = f"its axes are {self.axes}, {self.components} components; supported are images of 1 to 4 components"
            raise Refusal(self.where, what, "Convert its planes one at a time")
        if self.dtype.kind not in "iufb" or self.dtype.itemsize * self.components > SAMPLE_BYTES:
            raise Refusal(self.where, f"pixels of {self.dtype} are not supported", "Use whole numbers or floats")
        size = prod(self.shape) * self.dtype.itemsize
        if size > PAGE_BYTES:
            what = f"the page takes {size / 1e9:.1f} GB, more than the {PAGE_BYTES >> 30} GiB that are read at once"
            raise Refusal(self.where, what, "Cut it into smaller pages")


class _File:
    """The pages of one file, all of them accounted for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _heard() as complaints, _opened(path) as tiff:
            self.pages = [_Page(path, i, page) for i, page in enumerate(tiff.pages)]
            if not self.pages:
                raise Refusal(path, "it holds no pages", "It seems damaged; get it again from where it came")
            self.byteorder = str(tiff.byteorder)
            self.stack_axis = self._stack_axis(tiff)
        if complaints:
            todo = "It is damaged; get it again from where it came"
            raise Refusal(path, f"the TIFF structure is not sound: {complaints[0]}", todo)

    def _stack_axis(self, tiff: Any) -> str:
        """The letter of the axis along which the pages lie, as the file's own description tells it."""
        if len({page.kind for page in self.pages}) > 1:
            return ""
        told = tiff.series[0]
        if len(tiff.series) > 1 or prod(told.shape) != len(self.pages) * prod(self.pages[0].shape):
            what = (
                f"it tells of {told.axes} {tuple(told.shape)}, but holds {len(self.pages)} pages like {self.pages[0]}"
            )
            raise Refusal(self.path, what, "Save it as a plain multi-page TIFF")
        outer = [axis for axis, size in zip(told.axes, told.shape, strict=True) if axis not in "YXS" and size > 1]
        if len(outer) > 1:
            what = f"it has more than three axes: {told.axes} {tuple(told.shape)}"
            raise Refusal(self.path, what, "Supported are images and stacks; save one stack for each time or channel")
        return outer[0] if outer else ""


def _require_single_pages(files: Sequence[_File]) -> None:
    for file in files:
        if len(files) > 1 and len(file.pages) != 1:
            what = f"it has {len(file.pages)} pages; of several files each must have one"
            raise Refusal(file.path, what, "Convert it alone")


def _require_alike(files: Sequence[_File]) -> None:
    pages = [page for file in files for page in file.pages]
    for page in pages[1:]:
        if page.kind != pages[0].kind:
            what = f"it is of another kind ({page}) than {pages[0].where} ({pages[0]})"
            raise Refusal(page.where, what, "A stack needs slices of one size and type; convert them apart")


def _describe(files: Sequence[_File], stacked: bool) -> Description:
    from dbproc.codes.source import origins

    page, count = files[0].pages[0], sum(len(file.pages) for file in files)
    rows, columns = _geographic(page)
    stack = (Axis({"T": "time", "C": "channel", "Z": "z"}.get(files[0].stack_axis, "page"), count),) if stacked else ()
    return Description(
        code=NAME,
        origins=origins(file.path for file in files),
        shape=(*(axis.size for axis in stack), page.rows, page.columns),
        axes=(*stack, rows, columns),
        fields=(_field(page),),
        orientation=f"first row {page.attributes.get('Orientation', 'TOPLEFT')}",
        attributes=page.attributes,
    )


def _field(page: _Page) -> Field:
    dtype = "uint8" if page.dtype.kind == "b" else page.dtype.newbyteorder("=").name
    attributes = {"photometric": page.photometric, "tiff_dtype": str(page.dtype)}
    return Field(name="image", variable="image", dtype=dtype, components=page.components, attributes=attributes)


def _geographic(page: _Page) -> tuple[Axis, Axis]:
    """The axes of rows and columns, with coordinates of pixel centres where GeoTIFF tags tell them."""
    scale, tie = page.attributes.get("ModelPixelScaleTag"), page.attributes.get("ModelTiepointTag")
    if not scale or not tie or len(tie) != 6 or not all(scale[:2]):
        return Axis("y", page.rows, units="pixel"), Axis("x", page.columns, units="pixel")
    half = 0.5 if page.attributes.get("GTRasterTypeGeoKey", 1) == 1 else 0.0  # 1: the tie point is a pixel's corner
    x = Regular(tie[3] + (half - tie[0]) * scale[0], scale[0])
    y = Regular(tie[4] - (half - tie[1]) * scale[1], -scale[1])
    degrees = page.attributes.get("GTModelTypeGeoKey") == 2
    return (
        _placed("latitude" if degrees else "y", "degrees_north" if degrees else "", page.rows, y),
        _placed("longitude" if degrees else "x", "degrees_east" if degrees else "", page.columns, x),
    )


def _placed(name: str, units: str, size: int, line: Regular) -> Axis:
    coordinates = tuple(line.start + line.step * i for i in range(size))
    return Axis(name, size, units=units, coordinates=coordinates, regular=line)


def _attributes(page: Any) -> dict[str, Any]:
    """Tags that tell what the pixels mean; GeoTIFF keys by their names."""
    found = {tag.name: plain(getattr(tag.value, "name", tag.value)) for tag in page.tags if tag.name in TAGS}
    geographic = page.geotiff_tags or {}
    keys = {name: plain(value) for name, value in geographic.items() if name.endswith("GeoKey")}
    return {**found, **keys}


def _check_segments(where: str, page: Any) -> None:
    """Refuse a page whose data are not all in the file: tifffile reads those as zeros."""
    todo = "It is damaged; get it again from where it came"
    if page.is_contiguous:
        offset, size = page.dataoffsets[0], prod(page.shape) * page.bitspersample // 8
        segments = [(offset, size)]
    else:
        segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        if len(segments) != prod(page.chunked):
            raise Refusal(where, f"it has {len(segments)} strips or tiles where {prod(page.chunked)} are needed", todo)
    end = page.parent.filehandle.size
    for offset, size in segments:
        if size <= 0 or offset <= 0 or offset + size > end:
            raise Refusal(where, f"the file is cut: {size} bytes of pixels at {offset}, the file ends at {end}", todo)
        if page.compression in JPEG and not _ends(page, offset, size):
            raise Refusal(where, f"the JPEG data at {offset} are cut", todo)


def _ends(page: Any, offset: int, size: int) -> bool:
    """Whether JPEG data come to their end, padding aside: a decoder paints the missing part grey."""
    handle = page.parent.filehandle
    handle.seek(offset)
    return bool(handle.read(size).rstrip(b"\x00").endswith(JPEG_END))


def _decoded(path: Path, number: int) -> Values:
    """The pixels of a page, components last, truth values as 0 and 1."""
    import numpy as np

    with _opened(path) as tiff:
        page = tiff.pages[number]
        pixels: Values = page.asarray()
        if pixels.shape != page.shape or pixels.dtype != page.dtype:
            raise Refusal(path, f"page {number + 1} reads as {pixels.shape} {pixels.dtype}", "It seems damaged")
        if page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, -1)
        return pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels


def _opened(path: Path) -> Any:
    return importlib.import_module("tifffile").TiffFile(path, _multifile=False)


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What tifffile complains about: it logs a broken structure and goes on with what it has."""
    complaints: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield complaints
    finally:
        logger.removeHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
