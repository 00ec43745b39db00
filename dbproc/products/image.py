"""The inspector for photographs and pictures: JPEG and PNG."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, days, reading
from dbproc.products.times import exif_clock

_EXIF_BLOCK, _ORIGINAL, _OFFSET = 0x8769, 0x9003, 0x9011


class ImageInspector(Inspector):
    """Decodes the whole picture and takes its time from the EXIF field DateTimeOriginal, else from its name."""

    def inspect(self, path: str, name: NameFacts, *, tolerance: str = "1") -> Facts:
        """See that the picture is whole, and when it was taken."""
        with reading("JPEG or PNG"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            taken = _taken(path)
        return Facts(start=taken, stop=taken, tolerance=days(tolerance))


def _taken(path: str) -> dt.datetime | None:
    from PIL import Image

    formats = ("JPEG", "PNG")
    with Image.open(path, formats=formats) as picture:
        picture.verify()
    with Image.open(path, formats=formats) as picture:
        picture.load()
        return _original(picture)


def _original(picture: Any) -> dt.datetime | None:
    try:
        exif = picture.getexif().get_ifd(_EXIF_BLOCK)
    except Exception:  # damaged EXIF in a picture that is whole
        return None
    return exif_clock(str(exif.get(_ORIGINAL, "")), str(exif.get(_OFFSET, "")))
