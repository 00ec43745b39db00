"""A picture in a file, TIFF, JPEG or PNG: upright, all of it there, a box at a time."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dbproc.codes.formats import exif, georeference, jpeg, png, xmp
from dbproc.codes.idx.description import Axis
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.plain import Parts
    from dbproc.codes.formats.plain_tiff import PlainTiff
    from dbproc.codes.formats.tiff_file import Tiff
    from dbproc.codes.formats.tiff_series import Series
    from dbproc.codes.idx.values import Values

IMAGE_BYTES = 512 << 20
"""The largest JPEG or PNG picture that is decoded, as it must be at once."""
PROFILE = b"ICC_PROFILE\0"
EXIF = b"Exif\0\0"
MOSAIC = "CFA"
"""Pixels behind a mosaic of colours, whose meaning depends on their place: they are not turned."""
SUFFIXES = (".tif", ".tiff", ".dng", ".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Facts:
    """What is known of a picture before its pixels are read; rows and columns are the upright picture's."""

    rows: int
    columns: int
    components: int
    dtype: str
    axes: tuple[Axis, Axis] | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> tuple[Any, ...]:
        """What must be the same in all tiles of a mosaic."""
        return self.dtype, self.components, *(self.attributes.get(name) for name in ("photometric", "ColorMap"))

    def __str__(self) -> str:
        return f"{self.columns} by {self.rows} pixels of {self.dtype}, {self.components} components"


class Picture(Protocol):
    """An open picture."""

    @property
    def facts(self) -> Facts:
        """What is known of it."""
        ...

    def read(self, rows: slice, columns: slice) -> Values:
        """A box of its pixels: (row, column, component)."""
        ...

    def plain(self, rows: slice, columns: slice) -> Parts:
        """Parts of the same, by another way."""
        ...


@contextmanager
def opened(path: Path) -> Iterator[Picture]:
    """The picture in a file; refuses one that is damaged, of another kind or too large."""
    with path.open("rb") as stream:
        magic = stream.read(len(png.SIGNATURE))
    if magic[:2] == jpeg.START:
        yield _Decoded(path, *_jpeg(path))
    elif magic == png.SIGNATURE:
        yield _Decoded(path, *_png(path))
    elif magic[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        with _tiff(path) as picture:
            yield picture
    else:
        raise Refusal(path, "it is no TIFF, JPEG or PNG image", "Save it as one of these, if it is a picture")


class _Decoded:
    """A picture that is decoded as a whole, when the first box of it is read."""

    def __init__(self, path: Path, facts: Facts, decode: Any) -> None:
        self.path, self.facts, self._decode = path, facts, decode
        self._pixels: Values | None = None
        self._plain: Values | None = None

    def read(self, rows: slice, columns: slice) -> Values:
        """A box of its pixels."""
        if self._pixels is None:
            turn = exif.ORIENTATIONS[exif.orientation(self.facts.tags)]
            pixels = turn.applied(self._decode())
            found = (*pixels.shape, pixels.dtype.name)
            if found != (self.facts.rows, self.facts.columns, self.facts.components, self.facts.dtype):
                raise Refusal(self.path, f"it reads as {found}, its header says {self.facts}", "It seems damaged")
            self._pixels = pixels
        return self._pixels[rows, columns]

    def plain(self, rows: slice, columns: slice) -> Parts:
        """The same as the file is decoded from its bytes as they are."""
        from dbproc.codes.formats import plain_picture

        if self._plain is None:
            self._plain = plain_picture.whole(self.path)
        yield (rows, columns), self._plain[rows, columns]


class _TiffPicture:
    """A picture of one page of a TIFF file."""

    def __init__(self, tiff: Tiff, series: Series, tags: Mapping[str, Any], closing: ExitStack) -> None:
        self._tiff, self._number, self._told = tiff, series.planes[0].page, series.told
        self._closing, self._orientation = closing, exif.orientation(tags)
        self._plain: PlainTiff | None = None
        page = tiff.pages[self._number]
        self._turn = exif.ORIENTATIONS[exif.orientation(tags)]
        self._shape = self._turn.shape((page.rows, page.columns))
        axes = georeference.axes(page.attributes, page.rows, page.columns)
        if axes is not None and self._turn != exif.Orientation():
            what = (
                f"it has coordinates and is turned (orientation {tags['Orientation']}): which rows they mean is unclear"
            )
            raise Refusal(tiff.path, what, "Save it upright, or convert it as it is with tiff_to_idx")
        notes = (*series.notes, *_turned(tags), *(("its pixels were compressed with loss (JPEG) before",) * page.lossy))
        attributes = {**page.attributes, "photometric": page.photometric, **exif.facts(tags)}
        dtype = "uint8" if page.dtype.kind == "b" else page.dtype.newbyteorder("=").name
        self.facts = Facts(*self._shape, page.components, dtype, axes, tags, attributes, notes)

    def read(self, rows: slice, columns: slice) -> Values:
        """A box of its pixels."""
        stored = self._turn.stored(rows, columns, self._shape)
        return self._turn.applied(self._tiff.read(self._number, *stored)).astype(self.facts.dtype, copy=False)

    def plain(self, rows: slice, columns: slice) -> Parts:
        """The same by tifffile's own page, turned by another way."""
        from dbproc.codes.formats import plain_picture, plain_tiff

        page, turn = self._tiff.pages[self._number], self._orientation
        if self._plain is None:
            offsets = [self._tiff.offset_of(self._number)]
            self._plain = plain_tiff.PlainTiff(self._tiff.path, self._told, offsets, self._closing)
        wanted = plain_picture.stored(rows, columns, (page.rows, page.columns), turn)
        for part, values in self._plain.plane(0, *wanted):
            pixels = values.astype("u1") if values.dtype.kind == "b" else values
            yield plain_picture.upright(part, self._shape, turn), plain_picture.turned(pixels, turn)


@contextmanager
def _tiff(path: Path) -> Iterator[_TiffPicture]:
    from dbproc.codes.formats import tiff_file, tiff_series

    with tiff_file.opened(path) as tiff:
        series = tiff_series.chosen(tiff, None, plain_pages=False)
        if len(series.planes) > 1 or series.masks:
            what = f"it holds {len(series.planes)} images" + (" and masks" if series.masks else "")
            raise Refusal(path, what, "Convert it with tiff_to_idx")
        page = tiff.pages[series.planes[0].page]
        if page.dtype.kind == "c":
            raise Refusal(path, "its pixels are complex numbers, which no picture has", "Convert it with tiff_to_idx")
        tags = tiff.tags(page.number)
        if page.photometric == MOSAIC:
            tags.pop("Orientation", None)
        with ExitStack() as closing:
            yield _TiffPicture(tiff, series, tags, closing)


def _png(path: Path) -> tuple[Facts, Any]:
    found = png.chunks(path, path.read_bytes())
    read = png.header(path, found)
    _require_size(path, read.rows, read.columns, read.components, read.dtype)
    bodies = dict(found)
    tags = exif.tags(bodies[b"eXIf"]) if b"eXIf" in bodies else {}
    tags |= _packet(xmp.chunk(body) for name, body in found if name == b"iTXt")
    palette, transparent = read.colour == png.PALETTE, read.transparent and read.colour != png.PALETTE
    attributes = {
        "format": "PNG",
        "bits": read.depth,
        **({"palette": list(bodies.get(b"PLTE", b""))} if palette else {}),
        **({"transparent": list(bodies[b"tRNS"])} if transparent else {}),
        **({"icc_profile": "present"} if b"iCCP" in bodies else {}),
        **exif.facts(tags),
    }
    notes = (*(("the colours of its palette are stored, not its indices",) * palette), *_turned(tags))
    return _facts(read.rows, read.columns, read.components, read.dtype, tags, attributes, notes), (
        partial(png.pixels, found, read)
    )


def _jpeg(path: Path) -> tuple[Facts, Any]:
    data = path.read_bytes()
    read = jpeg.header(path, data)
    if read.components not in (1, 3, 4):
        raise Refusal(path, f"it has {read.components} components; supported are 1, 3 and 4", "Save it otherwise")
    dtype = "uint8" if read.bits <= 8 else "uint16"
    _require_size(path, read.rows, read.columns, read.components, dtype)
    end = jpeg.structure(path, data).end
    block = next((body[len(EXIF) :] for number, body in read.segments if number == 1 and body.startswith(EXIF)), b"")
    tags = exif.tags(block) if block else {}
    start = len(xmp.NAMESPACE)
    tags |= _packet(body[start:] for number, body in read.segments if number == 1 and body.startswith(xmp.NAMESPACE))
    profile = any(number == 2 and body.startswith(PROFILE) for number, body in read.segments)
    attributes = {
        "format": "JPEG",
        "bits": read.bits,
        **({"icc_profile": "present"} if profile else {}),
        **({"adobe": True} if any(n == 14 and body.startswith(b"Adobe") for n, body in read.segments) else {}),
        **exif.facts(tags),
    }
    notes = ["its pixels were compressed with loss (JPEG) before"] * (not read.lossless)
    if read.components == 4:
        notes.append("its four components are cyan, magenta, yellow and black as they are stored")
    if len(data) - end > 1:
        notes.append(f"{len(data) - end} bytes behind the picture are left out")
    facts = _facts(read.rows, read.columns, read.components, dtype, tags, attributes, (*notes, *_turned(tags)))
    return facts, partial(_jpeg_pixels, path, data[:end], read)


def _packet(found: Iterable[bytes | None]) -> dict[str, Any]:
    """The first packet of XMP that there is, as a tag."""
    packet = next((each for each in found if each), None)
    return {"XMP": packet} if packet else {}


def _jpeg_pixels(path: Path, data: bytes, read: jpeg.Header) -> Values:
    decode = importlib.import_module("imagecodecs").jpeg_decode
    pixels: Values = jpeg.require_whole(path, data, decode)
    return pixels.reshape(*pixels.shape[:2], -1)


def _facts(
    rows: int,
    columns: int,
    components: int,
    dtype: str,
    tags: Mapping[str, Any],
    attributes: Mapping[str, Any],
    notes: Sequence[str],
) -> Facts:
    shape = exif.ORIENTATIONS[exif.orientation(tags)].shape((rows, columns))
    return Facts(*shape, components, dtype, None, tags, attributes, tuple(notes))


def _turned(tags: Mapping[str, Any]) -> tuple[str, ...]:
    value = exif.orientation(tags)
    return (f"turned upright: its orientation was {value}",) if value != 1 else ()


def _require_size(path: Path, rows: int, columns: int, components: int, dtype: str) -> None:
    size = rows * columns * components * (2 if dtype == "uint16" else 1)
    if size <= 0:
        raise Refusal(path, f"it holds no picture: {columns} by {rows} pixels", "It seems damaged")
    if size > IMAGE_BYTES:
        what = f"its {columns} by {rows} pixels take {size / 1e9:.1f} GB, more than the {IMAGE_BYTES >> 20} MiB decoded"
        raise Refusal(path, what, "Save it as a tiled TIFF")
