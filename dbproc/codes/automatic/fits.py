"""What of a FITS file is converted: the first image and those of its shape; without images columns of tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dbproc.codes.automatic.arrays import Array, by_size, groups
from dbproc.codes.automatic.choice import NO_ARRAY, Choice, library, no_array
from dbproc.codes.formats.selection import few
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.fits_units import Unit

PROGRAM = "fits_to_idx"
MOST = 6
"""Axes that an image may have; one of six becomes timesteps."""
LONGEST = 1 << 17
"""The longest header that is taken for one."""


def choices(files: Sequence[Path], wanted: Sequence[str] = ()) -> Iterator[Choice]:
    """The ways to convert FITS files, by what the first holds; ``wanted`` are HDUs by name or number."""
    if wanted:
        yield Choice(PROGRAM, tuple(files), tuple({"hdu": each} for each in wanted))
        yield Choice(PROGRAM, tuple(files), ({"columns": list(wanted)},), "columns")
        yield from _of_tables(files, [each for each in _units(files[0]) if {str(each.number), each.name} & set(wanted)])
        return
    try:
        units = _units(files[0])
    except Refusal as refusal:
        if not _is_header(files[0]):
            raise
        what = f"{NO_ARRAY}: it is the header of a FITS file alone"
        raise Refusal(files[0], what, "There is nothing to convert") from refusal
    images = [each for each in units if each.kind == "image" and len(each.shape) <= MOST]
    others = [_odd_unit(each) for each in units if each not in images and each.kind != "empty"]
    if not images:
        yield from _of_tables(files, units)
        raise no_array(files[0], [*others, *_odd(units)])
    seen: set[tuple[int, ...]] = set()
    for image in images:
        if image.shape in seen:
            continue
        seen.add(image.shape)
        alike = [each for each in images if each.shape == image.shape]
        left = [
            f"HDU {each.number} {each.name} {each.shape}".replace("  ", " ") for each in images if each not in alike
        ]
        openings = tuple({"hdu": str(each.number)} for each in alike)
        yield Choice(PROGRAM, tuple(files), openings, left_out=tuple(few([*left, *others])))


def _of_tables(files: Sequence[Path], units: Sequence[Unit]) -> Iterator[Choice]:
    """Columns of the binary tables of a file: the largest and those of its shape."""
    from dbproc.codes.formats.fits_columns import columns

    found = [each for unit in units for each in columns(unit) if each.kind == "image" and len(each.shape) <= MOST]
    arrays = [Array(each.name, each.shape, each.number) for each in found]
    beside = [_odd_unit(each) for each in units if each.kind != "empty"]
    for chosen, left in groups(arrays, by_size):
        number = chosen[0].kind
        options = {"hdu": str(number), "columns": [each.name for each in chosen]}
        others = [each for each in beside if not each.startswith(f"HDU {number} ")]
        told = [str(each) for each in left if each.kind == number] + _odd(
            each for each in units if each.number == number
        )
        yield Choice(PROGRAM, tuple(files), (options,), "columns", left_out=tuple(few([*told, *others])))


def _odd_unit(unit: Unit) -> str:
    """An HDU that is not converted, in words."""
    kind = f"{len(unit.shape)} axes" if unit.kind == "image" else unit.kind
    return f"HDU {unit.number} {unit.name} ({kind})".replace("  ", " ")


def _odd(units: Iterable[Unit]) -> list[str]:
    """Columns that do not hold numbers, in words."""
    from dbproc.codes.formats.fits_columns import columns

    found = [each for unit in units for each in columns(unit)]
    return [f"{each.name} ({each.kind})" for each in found if each.kind not in ("image", "empty")]


def _is_header(path: Path) -> bool:
    """Whether a file is text: the header that was taken out of a FITS file, which tells of data that it has not."""
    if path.stat().st_size > LONGEST:
        return False
    content = path.read_bytes()
    return content.isascii() and b"\0" not in content


def _units(path: Path) -> Sequence[Unit]:
    """The HDUs of a file."""
    from dbproc.codes import fits_to_idx
    from dbproc.codes.formats import fits_units

    library("astropy.io.fits", path, "astropy")
    with ExitStack() as stack:
        plain = stack.enter_context(fits_to_idx.inflated(path))
        stream = stack.enter_context(plain.open("rb"))
        return list(fits_units.units(path, stream))
