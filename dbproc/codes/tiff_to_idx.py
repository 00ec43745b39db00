#!/usr/bin/env python3
"""Convert TIFF images to an IDX dataset: ``[--series N] [--channels HOW] [--stack NAMES] INPUT... OUTPUT.idx``.

One image of one page becomes a 2D dataset; a file of many pages, an OME-TIFF or ImageJ's hyperstack one of up to five
axes; several files of one image each, in the order given, a stack. Grey, colour and multi-band images keep their exact
type; every page must be like the first.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats import georeference
from dbproc.codes.formats.orientation import top_first
from dbproc.codes.idx.description import Axis, Description, Field, Number, told_apart
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.conversion.together import Together
    from dbproc.codes.formats.plain_tiff import PlainTiff
    from dbproc.codes.formats.tiff_file import Tiff
    from dbproc.codes.formats.tiff_pages import Page
    from dbproc.codes.formats.tiff_series import Plane, Series
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "tiff_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".tif", ".tiff", ".dng"), new_axis="page")
SAMPLE_BYTES = 32
"""The largest sample (all components of a pixel) that OpenVisus stores."""
COMPONENTS = 4
"""So many components are those of a colour; more are bands."""
MOST_FIELDS = 32
"""So many bands are fields unless told otherwise; more, as of a spectrometer, are an axis."""
MOST_AXES = 6
"""Five, and one for the timesteps."""
CHANNELS = ("components", "fields", "axis")
TOP = ("TOPLEFT", "TOPRIGHT")
"""Orientations of which the first row is the top."""
UPRIGHT = ("TOPLEFT", "BOTLEFT")
"""Orientations that viewers show upright and unmirrored."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert TIFF images, stacks or slices to IDX, exactly.")
    parser.add_argument(
        "--series",
        type=int,
        action="append",
        metavar="N",
        help="the series of images, counted from 1, of several; may be repeated for those of one shape",
    )
    parser.add_argument("--plain", action="store_true", help="take the pages as they come, whatever metadata tell")
    parser.add_argument(
        "--channels",
        choices=CHANNELS,
        help="channels as several fields or as an axis, bands of a page also as the components of one field",
    )
    parser.add_argument(
        "--stack", type=_names, metavar="NAME[,NAME]", help="the axes besides rows and columns, slowest first"
    )
    parser.add_argument(
        "--sparse", type=float, metavar="VALUE", help="what strips and tiles stand for that a file leaves out"
    )
    names = ("series", "plain", "channels", "stack", "sparse")
    return CONVERTER.main(parser, arguments, lambda given: {name: getattr(given, name) for name in names})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[TiffSource | Together]:
    """Look through a file's pages; ``options`` are those of the command line, all of which may be left out."""
    from dbproc.codes.conversion.together import each_named, together
    from dbproc.codes.formats import tiff_file, tiff_series
    from dbproc.codes.formats.tiff_pages import Sparse

    (path,) = inputs
    with tiff_file.opened(path, Sparse(options.get("sparse"))) as tiff:
        numbers, is_plain = each_named(options.get("series")), bool(options.get("plain"))
        series = [tiff_series.chosen(tiff, number, plain_pages=is_plain) for number in numbers]
        channels, names = options.get("channels"), options.get("stack") or ()
        with ExitStack() as stack:
            yield together(path, [TiffSource(tiff, each, channels, names, stack) for each in series])


@dataclass(frozen=True)
class Band:
    """What one field is made of: a channel of the series, or the mask; and a component of its pages, or all."""

    channel: int | None = None
    component: int | None = None
    mask: bool = False


class TiffSource:
    """The images of one series of a file, as the writer wants them.

    Parameters
    ----------
    tiff
        The open file.
    series
        Which of its pages, along which axes.
    channels
        Whether channels, or components that are too many for a colour, are ``fields``, an ``axis`` or ``components``.
    names
        Names for the outer axes, slowest first; none for those that the file tells.
    closing
        What closes in the end what was opened to compare with.
    """

    def __init__(
        self, tiff: Tiff, series: Series, channels: str | None, names: Sequence[str], closing: ExitStack
    ) -> None:
        self._tiff, self._series, self._closing = tiff, series, closing
        self._plain: PlainTiff | None = None
        self._page = tiff.pages[series.planes[0].page]
        _require_one_palette(tiff, series)
        self._way = _way(self._page, series, channels)
        self._bands = _bands(self._page, series, self._way)
        self.description = self._describe(names)

    def read(self, field: str, box: Box) -> Values:
        """The values of a field inside ``box``, its last two axes being rows and columns."""
        import numpy as np

        band = self._bands[field]
        *outer, rows, columns = box
        images = [self._image(band, index, rows, columns) for index in _indices(outer)]
        values = np.stack(images).reshape(*(part.stop - part.start for part in outer), *images[0].shape)
        if values.dtype.kind == "c":
            return values[..., None].view(f"{values.dtype.byteorder}f{values.dtype.itemsize // 2}")
        return values.astype(np.uint8) if values.dtype.kind == "b" else values

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The same by tifffile's own series and whole pages; which component or channel a field is, its place tells."""
        from dbproc.codes.formats.plain_tiff import PlainTiff

        if self._plain is None:
            series = self._series
            offsets = [self._tiff.offset_of(plane.page) for plane in series.planes] if series.told is None else []
            self._plain = PlainTiff(self._tiff.path, series.told, offsets, self._closing)
        names = [each.name for each in self.description.fields]
        images = len(names) - bool(self._series.masks and names[-1] == "mask")
        place = names.index(field)
        if place == images:
            return self._plain.masks(box)
        return self._plain.read(place, images, box)

    def _image(self, band: Band, index: tuple[int, ...], rows: slice, columns: slice) -> Values:
        component = band.component
        if self._way.sample_axis:
            *index_of_planes, component = index
            index = tuple(index_of_planes)
        if band.channel is not None and "C" in self._series.letters:
            place = self._series.letters.index("C")
            index = (*index[:place], band.channel, *index[place:])
        number = _flat(index, self._series.shape)
        plane = self._plane(band, number)
        pixels = self._tiff.read(plane.page, rows, columns, plane.shift, plane.layer)
        if component is not None:
            return pixels[:, :, component]
        return pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels

    def _plane(self, band: Band, number: int) -> Plane:
        from dbproc.codes.formats.tiff_series import Plane

        return Plane(self._series.masks[number]) if band.mask else self._series.planes[number]

    def _describe(self, stack: Sequence[str]) -> Description:
        from dbproc.codes.idx.files import origins

        placed = georeference.axes(self._page.attributes, self._page.rows, self._page.columns)
        axes = (*self._outer(stack), *(placed or _plain(self._page, self._series)))
        if len(axes) > MOST_AXES:
            what = f"it has {len(axes)} axes: {', '.join(f'{axis.name} {axis.size}' for axis in axes)}"
            raise Refusal(self._tiff.path, what, "Five are supported; make fields of the channels: --channels fields")
        fields = tuple(_field(self._page, name, band, self._way) for name, band in self._bands.items())
        page = self._page
        return Description(
            code=NAME,
            origins=origins([self._tiff.path]),
            shape=tuple(axis.size for axis in axes),
            axes=axes,
            fields=fields,
            orientation=f"first row {page.attributes.get('Orientation', TOP[0])}",
            top_first=top_first(axes[-2]) if placed else page.attributes.get("Orientation", TOP[0]) in TOP,
            notes=(*self._series.notes, *_notes(self._tiff, self._series)),
            attributes={**page.attributes, **self._tiff.camera(page.number), **self._series.attributes},
        )

    def _outer(self, stack: Sequence[str]) -> tuple[Axis, ...]:
        axes = [
            self._series.axis(i)
            for i, letter in enumerate(self._series.letters)
            if not self._way.splits or letter != "C"
        ]
        if self._way.sample_axis:
            axes.append(Axis("band", self._page.components))
        if stack and len(stack) != len(axes):
            told = ", ".join(f"{axis.name} {axis.size}" for axis in axes) or "none"
            what = f"{len(stack)} axes are named, it has {len(axes)} besides rows and columns: {told}"
            raise Refusal(self._tiff.path, what, "Name as many with --stack")
        if stack:
            axes = [replace(axis, name=name) for axis, name in zip(axes, stack, strict=True)]
        names = told_apart(axis.name for axis in axes)
        return tuple(replace(axis, name=name) for axis, name in zip(axes, names, strict=True))


@dataclass(frozen=True)
class Way:
    """How channels and components are stored: channels split into fields, components into fields or along an axis."""

    splits: bool = False
    sample_fields: bool = False
    sample_axis: bool = False


def _way(page: Page, series: Series, channels: str | None) -> Way:
    size = page.dtype.itemsize * page.components
    if "C" in series.letters:
        if size > SAMPLE_BYTES:
            raise Refusal(page.where, f"a pixel takes {size} bytes, more than {SAMPLE_BYTES}", "Save its bands apart")
        if channels == "components":
            raise Refusal(page.where, "its channels are pages, not components", "Say --channels fields or axis")
        return Way(splits=channels == "fields")
    if page.components == 1:
        return Way()
    is_complex = page.dtype.kind == "c"
    if is_complex and channels == "components":
        raise Refusal(page.where, "its bands are complex, of two components each", "Say --channels fields or axis")
    if channels is None and (page.components > COMPONENTS or is_complex):
        channels = "fields" if page.components <= MOST_FIELDS else "axis"
    if channels in (None, "components") and size > SAMPLE_BYTES:
        raise Refusal(
            page.where, f"a pixel takes {size} bytes, more than {SAMPLE_BYTES}", "Say --channels fields or axis"
        )
    return Way(sample_fields=channels == "fields", sample_axis=channels == "axis")


def _bands(page: Page, series: Series, way: Way) -> dict[str, Band]:
    from dbproc.codes.formats import georeference

    if way.splits:
        count = series.shape[series.letters.index("C")]
        found = {name: Band(channel=i) for i, name in enumerate(_field_names(count, series.channels, "channel"))}
    elif way.sample_fields:
        names = ("red", "green", "blue", "alpha")[: page.components] if page.photometric in ("RGB", "YCBCR") else ()
        told = georeference.band_names(page.attributes, page.components)
        given = _field_names(page.components, told or (names if len(names) == page.components else ()), "band")
        found = {name: Band(component=i) for i, name in enumerate(given)}
    else:
        found = {"image": Band()}
    return {**found, "mask": Band(mask=True)} if series.masks and not way.sample_axis else found


def _field_names(count: int, told: Sequence[str], word: str) -> list[str]:
    """Names that OpenVisus can work with: those told if they are distinct, else numbers."""
    names = [re.sub(r"[^A-Za-z0-9_.-]", "_", name) for name in told]
    usable = len(names) == count == len({name.lower() for name in names}) and all(
        re.match("[A-Za-z_]", n) for n in names
    )
    return names if usable else [f"{word}_{i}" for i in range(count)]


def _field(page: Page, name: str, band: Band, way: Way) -> Field:
    if band.mask:
        return Field(name, name, "uint8", attributes={"meaning": "0 where the image is not valid"})
    dtype = "uint8" if page.dtype.kind == "b" else page.dtype.newbyteorder("=").name
    components = page.components if band.component is None and not way.sample_axis else 1
    if page.dtype.kind == "c":
        dtype, components = f"float{page.dtype.itemsize * 4}", 2
    attributes = {"photometric": page.photometric, "tiff_dtype": str(page.dtype), "bits": page.bits}
    return Field(name, name, dtype, components, fills=_fills(page), attributes=attributes)


def _fills(page: Page) -> tuple[Number, ...]:
    """GDAL's nodata value, a whole number where the pixels are."""
    text = str(page.attributes.get("GDAL_NODATA", "")).strip("\0 ")
    if page.dtype.kind == "c":
        return ()
    try:
        value = float(text)
        if page.dtype.kind == "f":
            return () if value != value else (value,)
        return (int(text),) if re.fullmatch(r"[+-]?\d+", text) else (int(value),) if value.is_integer() else ()
    except (ValueError, OverflowError):
        return ()


def _notes(tiff: Tiff, series: Series) -> Iterator[str]:
    pages = [tiff.pages[number] for number in dict.fromkeys(plane.page for plane in series.planes)]
    sparse = sum(page.missing for page in pages)
    if sparse:
        yield f"{sparse} strips or tiles are left out of the file: they are filled with {pages[0].fill}"
    if pages[0].dtype.kind == "c":
        yield "complex numbers are stored as two components, real and imaginary"
    turned = pages[0].attributes.get("Orientation", TOP[0])
    if turned not in UPRIGHT:
        yield f"it is turned or mirrored ({turned}), and stays as it is stored: image_to_idx puts it upright"
    if pages[0].lossy:
        yield "its pixels were compressed with loss (JPEG) before"


def _require_one_palette(tiff: Tiff, series: Series) -> None:
    first = tiff.pages[series.planes[0].page]
    for plane in series.planes:
        page = tiff.pages[plane.page]
        if page.attributes.get("ColorMap") != first.attributes.get("ColorMap"):
            what = f"its colour map is another one than that of {first.where}"
            raise Refusal(page.where, what, "The same index would mean two colours; convert them apart")


def _plain(page: Page, series: Series) -> tuple[Axis, Axis]:
    """The axes of rows and columns, with coordinates where the file tells the distance of pixels."""
    told = (series.facts.get(letter) for letter in "YX")
    plain_axes = (Axis("y", page.rows, units="pixel"), Axis("x", page.columns, units="pixel"))
    y, x = (a if a is not None and a.regular and a.size == b.size else b for a, b in zip(told, plain_axes, strict=True))
    return y, x


def _flat(index: Sequence[int], shape: Sequence[int]) -> int:
    number = 0
    for i, size in zip(index, shape, strict=True):
        number = number * size + i
    return number


def _indices(parts: Sequence[slice]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for part in parts:
        found = [(*index, i) for index in found for i in range(part.start, part.stop)]
    return found


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
