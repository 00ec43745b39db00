"""What kind a file is by its first bytes, for those who gave it to the wrong program."""

from __future__ import annotations

import re
from pathlib import Path

from dbproc.codes.idx.refusal import Refusal

KINDS = (
    (b"CDF\x01", "NetCDF", "netcdf_to_idx"),
    (b"CDF\x02", "NetCDF", "netcdf_to_idx"),
    (b"CDF\x05", "NetCDF", "netcdf_to_idx"),
    (b"\xcd\xf3\x00\x01", "CDF", "cdf_to_idx"),
    (b"\xcd\xf2\x60\x02", "CDF", "cdf_to_idx"),
    (b"\x00\x00\xff\xff", "CDF", "cdf_to_idx"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", "hdf5_to_idx, nexus_to_idx or netcdf_to_idx"),
    (b"SIMPLE  =", "FITS", "fits_to_idx"),
    (b"II*\x00", "TIFF", "tiff_to_idx or image_to_idx"),
    (b"MM\x00*", "TIFF", "tiff_to_idx or image_to_idx"),
    (b"II+\x00", "BigTIFF", "tiff_to_idx"),
    (b"MM\x00+", "BigTIFF", "tiff_to_idx"),
    (b"\xff\xd8\xff", "JPEG", "image_to_idx or mapir_to_idx"),
    (b"\x89PNG\r\n\x1a\n", "PNG", "image_to_idx"),
    (b"(version)", "IDX", "idx_to_idx"),
)
"""How files begin, what they are, and who converts that."""


def converter_of(path: Path) -> str:
    """The program that converts a file.

    Raises
    ------
    Refusal
        Its first bytes are of no kind that is known.
    """
    found = _programs(path)
    if not found:
        remedy = f"Name the converter: python -m dbproc.codes.NAME_to_idx {path} OUT.idx; raw_to_idx takes any bytes"
        raise Refusal(path, "its first bytes are of no kind that is known", remedy)
    return _of_hdf5(path) if found[0] == "hdf5_to_idx" else found[0]


def _programs(path: Path) -> list[str]:
    """The programs that convert files that begin so, the one for most of them first."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        raise Refusal(path, f"it cannot be read: {error.strerror}") from error
    named = next((programs for magic, _, programs in KINDS if head.startswith(magic)), "")
    return re.findall(r"\w+_to_idx", named)


def _of_hdf5(path: Path) -> str:
    """Whose HDF5 file it is: NetCDF and NeXus say so at its root."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise Refusal(path, f"it is no whole HDF5 file: {error}") from error
    with file:
        if "_NCProperties" in file.attrs or path.suffix in (".nc", ".nc4"):
            return "netcdf_to_idx"
        if any("NX_class" in each.attrs for each in (file, *(file[name] for name in file))):
            return "nexus_to_idx"
    return "hdf5_to_idx"


def advice(path: Path, program: str) -> str:
    """Which program converts a file; empty where that cannot be told, or where it is the one that failed."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError:
        return ""
    for magic, kind, programs in KINDS:
        if head.startswith(magic) and not _is_of(program, programs):
            return f"It is a {kind} file: convert it with {programs}"
    return ""


def _is_of(program: str, programs: str) -> bool:
    return any(each in program for each in re.findall(r"\w+_to_idx", programs))
