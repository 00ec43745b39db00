#!/usr/bin/env python3
"""Convert images of a FITS file to an IDX dataset: ``[--hdu NAME|NUMBER] [--column NAME] INPUT OUTPUT.idx``.

Images and cubes of one to five axes, tile-compressed ones included, and columns of numbers of binary tables. Values are
kept exactly as they are stored, BZERO and BSCALE go into the metadata; where these two only say that whole numbers are
unsigned, so they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import gzip
import importlib
import re
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats.field_names import safe
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.idx.coordinates import lined
from dbproc.codes.idx.description import Axis, Description, Field, Regular, number
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.conversion.together import Together
    from dbproc.codes.formats.fits_units import Unit
    from dbproc.codes.formats.plain_fits import PlainFits
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "fits_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".fits", ".fit", ".fts", ".fz"))
DIMENSIONS = range(1, 7)
"""How many axes an image may have."""
TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
"""numpy's types by BITPIX."""
AXES = ("x", "y", "z", "v", "w", "u")
"""How axes without CTYPE are named, quickest first."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert an image of a FITS file to IDX, exactly.")
    parser.add_argument(
        "--hdu",
        action="append",
        metavar="NAME|NUMBER",
        help="which HDU, where there are several images; may be repeated for those of one shape",
    )
    parser.add_argument(
        "--column", action="append", metavar="NAME", help="a column of numbers of a binary table; may be repeated"
    )
    return CONVERTER.main(parser, arguments, lambda given: {"hdu": given.hdu, "columns": given.column})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[FitsSource | Together]:
    """Open a FITS file.

    ``options["hdu"]`` names the HDU wanted, or several, None meaning the only image; ``options["columns"]`` are columns
    of the one that is a table.
    """
    from dbproc.codes.conversion.together import each_named, together

    (path,) = inputs
    _astropy(path)
    from dbproc.codes.formats import fits_units

    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        plain = stack.enter_context(inflated(path))
        stream = stack.enter_context(plain.open("rb"))
        units = fits_units.units(path, stream)
        hdus, columns = each_named(options.get("hdu")), options.get("columns") or []
        chosen = (
            _columns(path, units, hdus, columns) if columns else [_chosen(path, "HDU", units, name) for name in hdus]
        )
        for unit in {each.number: each for each in chosen}.values():
            fits_units.require_sums(path, stream, unit)
        sources = [
            FitsSource(path, units, unit, _reader(stack, plain, stream, unit), partial(_plain, plain, unit, stack))
            for unit in chosen
        ]
        yield together(path, sources)


class FitsSource:
    """An image of an open FITS file, as the writer wants it."""

    def __init__(
        self,
        path: Path,
        units: Sequence[Unit],
        unit: Unit,
        reader: Callable[[Box], Values],
        plain: Callable[[], PlainFits],
    ) -> None:
        self._reader, self._flip = reader, _flip(unit)
        self._open_plain = plain
        self._plain: PlainFits | None = None
        self.description = _describe(path, units, unit)

    def read(self, field: str, box: Box) -> Values:
        """The values inside ``box``: as stored, or unsigned where BZERO says just that."""
        import numpy as np

        from dbproc.codes.idx.values import native

        values = native(self._reader(box))
        if self._flip is None:
            return values
        bits = values.view(f"u{values.dtype.itemsize}")
        flipped: Values = (bits ^ bits.dtype.type(1 << (8 * values.dtype.itemsize - 1))).view(np.dtype(self._flip))
        return flipped

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The same as astropy reads it."""
        if self._plain is None:
            self._plain = self._open_plain()
        return self._plain.read(box)


def _plain(path: Path, unit: Unit, stack: ExitStack) -> PlainFits:
    from dbproc.codes.formats.fits_columns import Column
    from dbproc.codes.formats.plain_fits import PlainFits

    zero = unit.get("BZERO", 0)
    is_whole = unit.bitpix > 0 and unit.get("BSCALE", 1) == 1 and zero in PlainFits.ADDED[unit.bitpix]
    column = unit.place if isinstance(unit, Column) else None
    return PlainFits(path, unit.number, int(zero) if is_whole else 0, stack, column)


def _reader(stack: ExitStack, path: Path, stream: Any, unit: Unit) -> Callable[[Box], Values]:
    """What reads a box of the stored values."""
    import numpy as np

    if not unit.compressed:
        from dbproc.codes.formats.array_file import ArrayFile
        from dbproc.codes.formats.fits_columns import Column

        if isinstance(unit, Column):
            kind = np.dtype(f">{TYPES[unit.bitpix]}")
            return ArrayFile(stream, unit.data + unit.at, kind, unit.shape, unit.row).read
        return ArrayFile(stream, unit.data, np.dtype(f">{TYPES[unit.bitpix]}"), unit.shape).read
    fits = importlib.import_module("astropy.io.fits")
    image = stack.enter_context(fits.open(path, memmap=False, do_not_scale_image_data=True))[unit.number]

    def read(box: Box) -> Values:
        values: Values = np.asarray(image.section[box])
        if values.dtype.newbyteorder("=").str[1:] != TYPES[unit.bitpix]:
            raise Refusal(path.name, f"its tiles hold {values.dtype.name} where its header tells of {unit.bitpix} bits")
        return values

    return read


def _columns(path: Path, units: Sequence[Unit], hdus: Sequence[str | None], names: Sequence[str]) -> list[Unit]:
    """The columns of a table that are meant, or a refusal that lists the choices."""
    from dbproc.codes.formats import fits_columns

    if hdus[1:]:
        raise Refusal(path, "columns of several tables are named", "Name one table with --hdu")
    table = _chosen(path, "HDU", units, hdus[0], "table")
    return [_chosen(path, "column", fits_columns.columns(table), name) for name in dict.fromkeys(names)]


def _chosen(path: Path, noun: str, units: Sequence[Unit], wanted: str | None, kind: str = "image") -> Unit:
    """The HDU of a kind, or the column, that is meant, or a refusal that lists the choices."""

    def named(name: str) -> Candidate | None:
        found = [each for each in units if name in each.names] or [
            each for each in units if each.name.upper() == name.upper()
        ]
        if len(found) > 1:
            return Candidate(name, name, (), unfit=f"could be each of {len(found)}")
        return _candidate(found[0], noun, kind) if found else None

    candidates = Candidates(
        path, f"--{noun.lower()}", noun, lambda: [_candidate(each, noun, kind) for each in units], named
    )
    (chosen,) = candidates.chosen([] if wanted is None else [wanted])
    return next(each for each in units if each.title == chosen.name)


def _candidate(unit: Unit, noun: str, kind: str) -> Candidate:
    other = "" if unit.kind in (kind, "empty") else unit.kind
    none = "holds no numbers" if noun == "column" else f"is no {kind}"
    unfit = "" if unit.kind == kind else f"{none}: {unit.kind}"
    if kind == "image" and unit.kind == "table":
        unfit += ", of which --column names columns"
    elif unit.kind == "image" and len(unit.shape) not in DIMENSIONS:
        unfit, other = f"has {len(unit.shape)} axes {unit.shape}; one to five are supported", f"{len(unit.shape)}D"
    elif unit.kind == "image" and unit.bitpix not in TYPES:
        unfit = other = f"has BITPIX {unit.bitpix}"
    return Candidate(unit.title, f"{unit.title} {unit.shape}", unit.shape, unfit, other)


def _describe(path: Path, units: Sequence[Unit], unit: Unit) -> Description:
    from dbproc.codes.formats import orientation
    from dbproc.codes.idx.files import origins

    axes = _axes(unit)
    primary = {"primary": units[0].cards()} if unit.number else {}
    return Description(
        code=NAME,
        origins=origins([path]),
        shape=unit.shape,
        axes=axes,
        fields=(_field(unit),),
        orientation=f"first row at the bottom, as FITS has it; {orientation.told(axes)}",
        notes=(*_notes(unit), *_unpadded(units[-1])),
        attributes={
            **unit.cards(),
            **primary,
            "hdu": unit.number,
            "axes_without_coordinates": [axis.name for axis in axes if not axis.is_placed],
        },
    )


def _field(unit: Unit) -> Field:
    import numpy as np

    name, flipped = unit.name if unit.name not in ("", "PRIMARY", "COMPRESSED_IMAGE") else "image", _flip(unit)
    scale, zero, blank = unit.get("BSCALE", 1), unit.get("BZERO", 0), _blank(unit)
    scaled = flipped is None and (scale, zero) != (1, 0)
    if blank is not None and flipped is not None:
        blank += int(zero)
    return Field(
        name=safe(name),
        variable=unit.name or str(unit.number),
        dtype=np.dtype(flipped or TYPES[unit.bitpix]).name,
        units=str(unit.get("BUNIT") or ""),
        long_name=str(unit.get("OBJECT") or ""),
        scale_factor=number(scale) if scaled else None,
        add_offset=number(zero) if scaled else None,
        fills=() if blank is None else (blank,),
        attributes={"bitpix": unit.bitpix, **({"bzero": number(zero)} if flipped else {})},
    )


def _blank(unit: Unit) -> int | None:
    """The stored value of missing pixels, which only whole numbers have."""
    value = unit.get("BLANK", unit.get("ZBLANK") if unit.compressed else None)
    return int(value) if unit.bitpix > 0 and isinstance(value, int) else None


def _flip(unit: Unit) -> str | None:
    """The type that BZERO turns whole numbers into where that is all it does: unsigned ones, or signed bytes."""
    bits = unit.bitpix
    zero = {8: -128, 16: 1 << 15, 32: 1 << 31, 64: 1 << 63}.get(bits)
    if zero is None or unit.get("BSCALE", 1) != 1 or unit.get("BZERO", 0) != zero:
        return None
    return "i1" if bits == 8 else f"u{bits // 8}"


def _notes(unit: Unit) -> Iterator[str]:
    if not unit.compressed:
        return
    method = str(unit.get("ZCMPTYPE", "")).strip()
    options = {unit.get(f"ZNAME{i}"): unit.get(f"ZVAL{i}") for i in range(1, 10)}
    columns = {unit.get(f"TTYPE{i}") for i in range(1, int(unit.get("TFIELDS", 0)) + 1)}
    quantised = unit.bitpix < 0 and str(unit.get("ZQUANTIZ", "")).strip() != "NONE" and "ZSCALE" in columns
    if quantised or (method.startswith("HCOMPRESS") and options.get("SCALE")):
        yield f"the source itself keeps it with loss ({method}); these are the values it gives back"


def _unpadded(last: Unit) -> Iterator[str]:
    if last.lacking:
        yield f"the file lacks the last {last.lacking} bytes of padding; its data are all there"


def _axes(unit: Unit) -> tuple[Axis, ...]:
    """The axes, slowest first; coordinates where the header makes them linear."""
    count = len(unit.shape)
    types = [str(unit.get(f"CTYPE{i + 1}") or "").strip() for i in range(count)]
    names = [each.split("-")[0] or AXES[i] for i, each in enumerate(types)]
    if len(set(names)) < count:
        names = list(AXES[:count])
    return tuple(_axis(unit, i, names[i], types[i]) for i in reversed(range(count)))


def _axis(unit: Unit, index: int, name: str, kind: str) -> Axis:
    size, units = unit.shape[::-1][index], str(unit.get(f"CUNIT{index + 1}") or "").strip()
    attributes = {"ctype": kind} if kind else {}
    line = _line(unit, index + 1, kind)
    if line is None:
        return Axis(name, size, units=units, attributes=attributes)
    return lined(Axis(name, size, units=units, attributes=attributes), line)


def _line(unit: Unit, axis: int, kind: str) -> Regular | None:
    """The line that the coordinates of an axis lie on; None where they are curved, turned or not told."""
    others = [i for i in range(1, int(unit.get("WCSAXES", len(unit.shape))) + 1) if i != axis]
    turned = any(
        _number(unit, f"{key}{a}_{b}") for key in ("PC", "CD") for i in others for a, b in ((axis, i), (i, axis))
    )
    turned = turned or any(_number(unit, f"CROTA{i}") for i in (axis, *others))
    distorted = (
        any(unit.get(f"{key}{axis}") is not None for key in ("CPDIS", "CQDIS")) or unit.get("A_ORDER") is not None
    )
    step = _step(unit, axis)
    reference, place = _number(unit, f"CRVAL{axis}"), _number(unit, f"CRPIX{axis}") or 0.0
    if re.match(r".{4}-", kind) or turned or distorted or not step or reference is None:
        return None
    return Regular(reference + step * (1 - place), step)


def _step(unit: Unit, axis: int) -> float | None:
    matrix, step = _number(unit, f"CD{axis}_{axis}"), _number(unit, f"CDELT{axis}")
    if matrix is not None:
        return matrix
    own = _number(unit, f"PC{axis}_{axis}")
    return None if step is None else step * (1.0 if own is None else own)


def _number(unit: Unit, key: str) -> float | None:
    value = unit.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@contextmanager
def inflated(path: Path) -> Iterator[Path]:
    """The file itself, or where gzip packed it, a temporary copy that is not."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    if not packed:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dbproc-fits-") as directory:
        copy = Path(directory) / "plain.fits"
        try:
            with gzip.open(path) as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Refusal(path, f"it does not inflate: {error}", "Get it again from where it came") from error
        except OSError as error:
            place = tempfile.gettempdir()
            what = f"it cannot be inflated into {place}: {error.strerror}"
            raise Refusal(path, what, "Make room there, or set TMPDIR to a directory that has it") from error
        yield copy


def _astropy(path: Path) -> None:
    try:
        importlib.import_module("astropy.io.fits")
    except ImportError as error:
        raise Refusal(path, "FITS files need the package astropy", "pip install 'dbproc[formats]'") from error


if __name__ == "__main__":
    sys.exit(main())
