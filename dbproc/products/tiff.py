"""The inspector for TIFF, BigTIFF, GeoTIFF and OME-TIFF."""

from __future__ import annotations

import datetime as dt
import os
from itertools import islice
from typing import Any

from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, NotMine, days, reading
from dbproc.products.tiff_directories import require_whole_directories
from dbproc.products.times import as_text, exif_clock

_PAGES_LOOKED_AT = 10_000
_TAGS = ("DateTimeOriginal", "DateTimeDigitized", "DateTime")


class TiffInspector(Inspector):
    """Sees that the data of every page are there, and takes the times from the name.

    Where the name has no date, or the argument `time` names a tag, the time is that of the tag.
    """

    def inspect(self, path: str, name: NameFacts, *, time: str = "", tolerance: str = "1") -> Facts:
        """Look at every page; `time` is the tag with the time, one of those that TIFF and EXIF have for it."""
        if time and time not in _TAGS:
            raise ValueError(f"time={time!r} is none of the tags {', '.join(_TAGS)}")
        wanted = (time,) if time else () if name.start else _TAGS
        with reading("TIFF"):
            require_whole_directories(path)
            taken = _inspected(path, wanted)
        if time and taken is None:
            raise NotMine(f"it has no tag {time} with a time")
        return Facts(start=taken, stop=taken, tolerance=days(tolerance))


def _inspected(path: str, tags: tuple[str, ...]) -> dt.datetime | None:
    import tifffile

    size = os.stat(path).st_size
    with tifffile.TiffFile(path) as tiff:
        if len(tiff.pages) == 0:
            raise NotMine("is damaged: it has no page")
        for number, page in enumerate(islice(tiff.pages, _PAGES_LOOKED_AT)):
            _require_data(number, page, size)
        first: Any = tiff.pages.first
        times = (_tag_time(first, tag) for tag in tags)
        return next((time for time in times if time is not None), None)


def _require_data(number: int, page: Any, size: int) -> None:
    offsets, counts = page.dataoffsets, page.databytecounts
    if 0 in page.keyframe.shape or not offsets or len(offsets) != len(counts):
        raise NotMine(f"is damaged: page {number} has no data")
    end = max(offset + count for offset, count in zip(offsets, counts, strict=True))
    if end > size:
        raise NotMine(f"is cut off or damaged: it has {size} bytes, and page {number} needs {end}")


def _tag_time(page: Any, name: str) -> dt.datetime | None:
    tag = page.tags.get(name)
    if tag is not None:
        return exif_clock(as_text(tag.value))
    exif = page.tags.get("ExifTag")
    values = exif.value if exif is not None and isinstance(exif.value, dict) else {}
    return exif_clock(as_text(values.get(name, "")))
