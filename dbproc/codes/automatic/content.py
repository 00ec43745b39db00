"""What the inputs are, by their content: of which kind each file is, and what is only beside the data."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbproc.codes.automatic import raw
from dbproc.codes.automatic.hdf5 import is_netcdf
from dbproc.codes.automatic.names import SIZES
from dbproc.codes.conversion.inputs import natural
from dbproc.codes.conversion.kinds import kind_of
from dbproc.codes.formats.selection import few
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

MIDX = ".midx"
HDF5 = b"\x89HDF\r\n\x1a\n"
USER_BLOCKS = tuple(512 << i for i in range(12))
"""Where the signature of an HDF5 file may be besides its begin."""
FITS = b"SIMPLE  ="
GZIP = b"\x1f\x8b"
PICTURES = ("JPEG", "PNG")
KINDS = {"BigTIFF": "TIFF", "MIDX": "IDX"}
"""Kinds that count as another one."""
DICOM = (128, b"DICM")
"""DICOM may begin as a TIFF file does."""
OTHERS = (
    (0, b"\x0e\x03\x13\x01", "HDF4"),
    (0, b"GRIB", "GRIB"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    *((0, b"P%d\n" % number, "PNM") for number in range(1, 8)),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (8, b"WEBP", "WebP"),
    (0, b"BUFR", "BUFR"),
    (*DICOM, "DICOM"),
    (344, b"n+1", "NIfTI"),
    (0, b"%PDF", "PDF"),
    (0, b"NRRD", "NRRD"),
    (0, b"# vtk", "VTK"),
    (0, b"PAR1", "Parquet"),
    (0, b"MATLAB 5.0", "MATLAB 5"),
    (0, b"\x80\x04", "pickle"),
)
"""Where kinds that no converter reads have their signature, and what they are called."""
HEAD = 4096


@dataclass(frozen=True)
class Content:
    """Files of one kind, in natural order, and what else there is.

    Parameters
    ----------
    kind
        ``NetCDF``, ``HDF5``, ``CDF``, ``FITS``, ``TIFF``, ``picture``, ``IDX``, ``raw``.
    files
        Those that are converted.
    others
        What is passed over, in words.
    """

    kind: str
    files: tuple[Path, ...]
    others: tuple[str, ...] = ()


def told(files: Sequence[Path], preferred: Sequence[str] = ()) -> Content:
    """What files are: those of the kind that takes most bytes, or of the first of ``preferred`` that there is.

    Raises
    ------
    Refusal
        When none of them is of a kind that is known.
    """
    kinds = {path: kind(path) for path in files}
    datasets = [path for path, each in kinds.items() if each == "IDX"]
    if datasets:
        return _of_idx(datasets, kinds)
    known = {path: each for path, each in kinds.items() if each}
    if not known:
        raise _unknown(files)
    sizes: dict[str, int] = {}
    for path, each in known.items():
        sizes[each] = sizes.get(each, 0) + path.stat().st_size
    chosen = next((each for each in preferred if each in sizes), None) or max(sizes, key=lambda each: sizes[each])
    group = {chosen, "TIFF"} if chosen == "picture" and _are_pictures(known) else {chosen}
    meant = sorted((path for path, each in known.items() if each in group), key=natural) if len(files) > 1 else files
    others = [f"{path.name} ({kinds[path] or named(path)})" for path in files if path not in meant]
    return Content(chosen, tuple(meant), tuple(few(others)))


def kind(path: Path) -> str:
    """What a file is by its content, in the words of :class:`Content`; empty when it is none that is converted."""
    found = kind_of(path)
    if found == "TIFF" and _head(path)[DICOM[0] :].startswith(DICOM[1]):
        return ""
    if found in PICTURES:
        return "picture"
    if is_hdf5(path):
        return "NetCDF" if is_netcdf(path) else "HDF5"
    if found is not None:
        return KINDS.get(found, found)
    head = _head(path)
    if head.startswith(GZIP) and _inflated(path).startswith(FITS):
        return "FITS"
    if b"<dataset" in head and b"url=" in head and path.suffix.lower() == MIDX:
        return "IDX"
    return "raw" if head.startswith(raw.NUMPY) or raw.is_told(path) else ""


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, with or without something before it."""
    found = kind_of(path)
    return found == "HDF5" or (found is None and _has_user_block(path))


def named(path: Path) -> str:
    """What a file is that is not converted, in words."""
    head = _head(path)
    if not head:
        return "empty"
    found = next((name for at, magic, name in OTHERS if head[at:].startswith(magic)), None)
    if found:
        return found
    is_text = not set(head) & {*range(9), *range(14, 27), *range(28, 32)}
    return "text" if is_text else "of a kind that is not known"


def _unknown(files: Sequence[Path]) -> Refusal:
    names = {path: named(path) for path in files}
    path, what = next(iter(names.items()))
    if len(files) > 1:
        told = ", ".join(few([f"{each.name} ({word})" for each, word in names.items()], 6))
        return Refusal(path.parent, f"no file is of a kind that is converted: {told}", "There is nothing to convert")
    if what == "empty":
        return Refusal(path, "it is damaged: it holds no bytes", GET_AGAIN)
    if what == "text":
        return Refusal(path, "it holds no array of numbers: it is text", "There is nothing to convert")
    if what == "of a kind that is not known":
        what = "it is of a kind that is not supported, its first bytes are of none that is known"
        if shape := SIZES.search(path.name):
            what = f"its name tells {shape[1]} values, which do not agree with its {path.stat().st_size} bytes"
        return Refusal(path, what, "Of bare values say what they are: --converter raw_to_idx, --shape, --dtype")
    return Refusal(path, f"it is a file of {what}, which is not supported", "Make one of the supported kinds of it")


def _of_idx(datasets: Sequence[Path], kinds: Mapping[Path, str]) -> Content:
    """Datasets, whose blocks are other files beside them; of several the first, a MIDX before those that it names."""
    ordered = sorted(datasets, key=lambda path: (path.suffix.lower() != MIDX, len(path.parts), natural(path)))
    first, *rest = ordered
    own = [path for path in kinds if path not in datasets and path.suffix != ".bin"]
    if first.suffix.lower() == MIDX:
        rest = [path for path in rest if not path.is_relative_to(first.parent)]
    others = [f"{path.name} (IDX)" for path in rest] + [f"{path.name} ({named(path)})" for path in own]
    return Content("IDX", (first,), tuple(few(others)))


def _are_pictures(known: Mapping[Path, str]) -> bool:
    return all(each in ("picture", "TIFF") for each in known.values())


def _has_user_block(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as stream:
        for place in USER_BLOCKS:
            if place + len(HDF5) > size:
                return False
            stream.seek(place)
            if stream.read(len(HDF5)) == HDF5:
                return True
    return False


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def _inflated(path: Path) -> bytes:
    """The first bytes of what gzip packed."""
    try:
        with gzip.open(path) as stream:
            return stream.read(len(FITS))
    except (OSError, EOFError, zlib.error):
        return b""
