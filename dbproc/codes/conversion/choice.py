"""Which program converts a file, for those who do not want to know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dbproc.codes.conversion.archives import is_archive
from dbproc.codes.conversion.inputs import JUNK, natural
from dbproc.codes.conversion.kinds import kind_of
from dbproc.codes.idx.refusal import Refusal

CONVERTERS = (
    *("netcdf_to_idx", "hdf5_to_idx", "nexus_to_idx", "tiff_to_idx", "image_to_idx"),
    *("mapir_to_idx", "cdf_to_idx", "fits_to_idx", "idx_to_idx", "raw_to_idx"),
)
"""All of them."""
BY_KIND = {
    "NetCDF": "netcdf_to_idx",
    "CDF": "cdf_to_idx",
    "FITS": "fits_to_idx",
    "TIFF": "tiff_to_idx",
    "BigTIFF": "tiff_to_idx",
    "JPEG": "image_to_idx",
    "PNG": "image_to_idx",
    "IDX": "idx_to_idx",
}
"""The program for each kind that is known by its first bytes; HDF5 holds files of three kinds."""
BY_ENDING = {
    **dict.fromkeys((".nc", ".nc4"), "netcdf_to_idx"),
    **dict.fromkeys((".nxs", ".nx5", ".nexus"), "nexus_to_idx"),
    **dict.fromkeys((".fits.gz", ".fit.gz", ".fts.gz"), "fits_to_idx"),
    ".midx": "idx_to_idx",
}
"""The program where the ending tells more than the first bytes."""
MARKS = ((b"NX_class", "nexus_to_idx"), (b"_NCProperties", "netcdf_to_idx"))
"""Attributes by which files of HDF5 tell what they are."""
SEARCHED = 16 << 20
"""Bytes of the begin of a file in which they are sought."""


def choose(inputs: Sequence[Path]) -> str:
    """The program that converts these files.

    Raises
    ------
    Refusal
        It cannot be told, or they need different ones.
    """
    chosen = {_of_path(path): path for path in inputs}
    if len(chosen) > 1:
        (one, first), (other, second) = list(chosen.items())[:2]
        raise Refusal(second, f"it is for {other}, but {first} is for {one}", "Convert them one by one")
    return next(iter(chosen))


def _of_path(path: Path) -> str:
    if not path.is_dir():
        return _of_file(path)
    held = [
        each for each in path.iterdir() if each.is_file() and not each.name.startswith(".") and each.name not in JUNK
    ]
    known = [
        each for each in sorted(held, key=natural) if kind_of(each) or each.name.lower().endswith(tuple(BY_ENDING))
    ]
    if not known:
        raise _unknown(path, "no file in it is of a kind that is known by its first bytes")
    return _of_file(known[0])


def _of_file(path: Path) -> str:
    if not path.exists():
        raise Refusal(path, "there is no such file", "Files come first, then OUT.idx, then options of the converter")
    for ending, program in BY_ENDING.items():
        if path.name.lower().endswith(ending):
            return program
    if is_archive(path):
        raise _unknown(path, "it is an archive")
    kind = kind_of(path)
    if kind == "HDF5":
        return _of_hdf5(path)
    if kind is None:
        raise _unknown(path, "its kind cannot be told by its first bytes")
    return BY_KIND[kind]


def _of_hdf5(path: Path) -> str:
    with path.open("rb") as stream:
        begin = stream.read(SEARCHED)
    return next((program for mark, program in MARKS if mark in begin), "hdf5_to_idx")


def _unknown(path: Path, why: str) -> Refusal:
    return Refusal(path, why, f"Say what converts it: --converter NAME, of {', '.join(CONVERTERS)}")
