"""The pixels of an image file, as they are stored."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbproc.codes.idx.refusal import Refusal


def image(path: Path, page: int = 0) -> Any:
    """The pixels of an image, as a masked array; of several pages one, by default the first."""
    import numpy as np

    pixels = _opened(path, lambda: _decoded(path, page))
    if pixels.ndim not in (2, 3):
        raise Refusal(path, f"it has {pixels.ndim} axes", "Two, or three with colours, can be drawn")
    return np.ma.masked_array(pixels)


def pages(path: Path) -> int:
    """How many pages there are; of what is no TIFF the first alone is read."""
    return int(_opened(path, lambda: len(_pages(path)))) if _is_tiff(path) else 1


def _opened(path: Path, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except MemoryError:
        raise
    except Exception as error:
        what = f"it cannot be read: {type(error).__name__}: {error}"
        raise Refusal(path, what, "It seems damaged, or is no image") from error


def _is_tiff(path: Path) -> bool:
    with open(path, "rb") as stream:
        return stream.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _decoded(path: Path, page: int) -> Any:
    import numpy as np

    if _is_tiff(path):
        return _tifffile().imread(path, key=page)
    with importlib.import_module("PIL.Image").open(path) as found:
        return np.asarray(found.convert("RGB") if found.mode in ("P", "CMYK", "YCbCr") else found)


def _pages(path: Path) -> Any:
    with _tifffile().TiffFile(path) as file:
        return list(file.pages)


def _tifffile() -> Any:
    logging.getLogger("tifffile").propagate = False  # it logs what is damaged, and goes on
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    return importlib.import_module("tifffile")
