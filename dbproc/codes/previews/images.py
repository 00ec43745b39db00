"""Images: pixels along rows and columns, and pages."""

from __future__ import annotations

from pathlib import Path

from dbproc.codes.drawing.image import image, pages
from dbproc.codes.drawing.raster import GREY
from dbproc.codes.idx.description import Axis, Field
from dbproc.codes.idx.slicing import Sliceable
from dbproc.codes.previews.array import array
from dbproc.codes.previews.content import Content, Listed

IMAGE, PAGE, NAME = "image", "page", "pixels"
_BYTES = (0.0, 255.0)


def picture(path: Path, page: int) -> Content:
    """An image; of several pages one is looked at, and the others can be chosen."""
    import numpy as np

    count = pages(path)
    page = min(max(page, 0), count - 1)
    pixels = image(path, page).data
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    components = 1 if pixels.ndim == 2 else pixels.shape[2]
    rows, columns = pixels.shape[:2]
    axes = [Axis("y", rows, "pixel"), Axis("x", columns, "pixel")]
    paged = [Axis(PAGE, count), *axes] if count > 1 else axes
    field = Field(NAME, NAME, pixels.dtype.newbyteorder("=").name, components)
    shape = tuple(axis.size for axis in paged)
    listed = Listed(NAME, shape, field.openvisus_dtype)

    def opened(name: str) -> tuple[Sliceable, str]:
        return array(path, paged, field, lambda box: pixels[box[-2:]] if count == 1 else pixels[box[-2:]][None]), name

    is_bytes = pixels.dtype == np.uint8
    return Content(IMAGE, [listed], opened, GREY, lambda name: _BYTES if is_bytes else None)
