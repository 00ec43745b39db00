"""What kind a file is by its first bytes, for those who gave it to the wrong program."""

from __future__ import annotations

import re
from pathlib import Path

KINDS = (
    (b"CDF\x01", "NetCDF", "netcdf_to_idx"),
    (b"CDF\x02", "NetCDF", "netcdf_to_idx"),
    (b"CDF\x05", "NetCDF", "netcdf_to_idx"),
    (b"\xcd\xf3\x00\x01", "CDF", "cdf_to_idx"),
    (b"\xcd\xf2\x60\x02", "CDF", "cdf_to_idx"),
    (b"\x00\x00\xff\xff", "CDF", "cdf_to_idx"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", "hdf5_to_idx, nexus_to_idx or netcdf_to_idx"),
    (b"SIMPLE  =", "FITS", "fits_to_idx"),
    (b"II*\x00", "TIFF", "tiff_to_idx, image_to_idx or mapir_to_idx"),
    (b"MM\x00*", "TIFF", "tiff_to_idx, image_to_idx or mapir_to_idx"),
    (b"II+\x00", "BigTIFF", "tiff_to_idx, image_to_idx or mapir_to_idx"),
    (b"MM\x00+", "BigTIFF", "tiff_to_idx, image_to_idx or mapir_to_idx"),
    (b"\xff\xd8\xff", "JPEG", "image_to_idx or mapir_to_idx"),
    (b"\x89PNG\r\n\x1a\n", "PNG", "image_to_idx or mapir_to_idx"),
    (b"(version)", "IDX", "idx_to_idx"),
)
"""How files begin, what they are, and who converts that."""


def kind_of(path: Path) -> str | None:
    """What a file is, by its first bytes; None where these do not tell."""
    known = _known(path)
    return None if known is None else known[0]


def advice(path: Path, program: str) -> str:
    """Which program converts a file; empty where that cannot be told, or where it is the one that failed."""
    known = _known(path)
    if known is None or _is_of(program, known[1]):
        return ""
    return f"It is a {known[0]} file: convert it with {known[1]}"


def _known(path: Path) -> tuple[str, str] | None:
    """What a file is, and who converts that."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError:
        return None
    return next(((kind, programs) for magic, kind, programs in KINDS if head.startswith(magic)), None)


def _is_of(program: str, programs: str) -> bool:
    return any(each in program for each in re.findall(r"\w+_to_idx", programs))
