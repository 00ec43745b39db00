"""Columns of a binary table of FITS that hold numbers, each seen as an image whose first axis are the table's rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import Any

from dbproc.codes.formats.fits_units import Unit

FORM = re.compile(r"\s*(\d*)([LXBIJKAEDCMPQ])")
"""TFORM: how many values a row has, and of which type."""
WIDTHS = {
    "L": 8,
    "X": 1,
    "B": 8,
    "I": 16,
    "J": 32,
    "K": 64,
    "A": 8,
    "E": 32,
    "D": 64,
    "C": 64,
    "M": 128,
    "P": 64,
    "Q": 128,
}
"""Bits of a value of each type."""
BITPIX = {"B": 8, "I": 16, "J": 32, "K": 64, "E": -32, "D": -64}
"""Those that are numbers, as BITPIX has them."""
OTHERS = {"L": "truth values", "X": "bits", "A": "text", "C": "complex", "M": "complex", "P": "of various lengths"}
CARDS = {"BSCALE": "TSCAL", "BZERO": "TZERO", "BLANK": "TNULL", "BUNIT": "TUNIT"}
"""Cards of an image, and what a column has for them."""
ROW = "row"
"""How the axis along the rows of a table is called."""


@dataclass(frozen=True)
class Column(Unit):
    """A column of a table, as an image.

    Parameters
    ----------
    place
        Its number, the first being 1.
    at
        Where in a row its first byte is.
    letter, repeat
        Its type, and how many values a row has.
    """

    place: int = 1
    at: int = 0
    letter: str = ""
    repeat: int = 1

    @property
    def name(self) -> str:
        """TTYPE."""
        return str(super().get(f"TTYPE{self.place}") or f"column_{self.place}").strip()

    @property
    def names(self) -> tuple[str, ...]:
        """TTYPE alone: its number is the table's."""
        return (self.name,)

    @property
    def title(self) -> str:
        """The same."""
        return self.name

    @property
    def compressed(self) -> bool:
        """Columns never are."""
        return False

    @property
    def kind(self) -> str:
        """``image``, or what it holds instead."""
        if self.letter not in BITPIX:
            return OTHERS.get(self.letter, OTHERS["P"])
        return "image" if prod(self.shape) else "empty"

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and what TDIM says of those values that a row has."""
        told = [int(each) for each in re.findall(r"\d+", str(super().get(f"TDIM{self.place}") or ""))]
        inner = tuple(reversed(told)) if told and prod(told) == self.repeat else (self.repeat,)
        return (int(super().get("NAXIS2", 0)), *(inner if inner != (1,) else ()))

    @property
    def bitpix(self) -> int:
        """The type of its values, as BITPIX would have it."""
        return BITPIX.get(self.letter, 0)

    @property
    def row(self) -> int:
        """Bytes of a row of the table."""
        return int(super().get("NAXIS1", 0))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a card, those of an image by what a column has for them."""
        if key == f"CTYPE{len(self.shape)}":
            return ROW
        if key in CARDS:
            return super().get(f"{CARDS[key]}{self.place}", default)
        return default if re.match(r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT)\d", key) else super().get(key, default)


def columns(unit: Unit) -> list[Column]:
    """The columns of a table; none of one that is text (TABLE), or says nothing that can be read."""
    found: list[Column] = []
    at = 0
    for place in range(1, int(unit.get("TFIELDS", 0)) + 1 if unit.get("XTENSION") == "BINTABLE" else 0):
        match = FORM.match(str(unit.get(f"TFORM{place}") or ""))
        if match is None:
            return []
        repeat, letter = int(match[1] or 1), match[2]
        told = (unit.number, unit.header, unit.start, unit.data, unit.end, unit.lacking)
        found.append(Column(*told, place, at, letter, repeat))
        at += -(-repeat * WIDTHS[letter] // 8)
    return found if at == int(unit.get("NAXIS1", -1)) else []
