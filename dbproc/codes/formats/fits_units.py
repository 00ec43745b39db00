"""The header-data units (HDUs) of a FITS file: what they are, that all is there, and that their checksums are right."""

from __future__ import annotations

import importlib
import os
import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from dbproc.codes.idx.description import plain
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

BLOCK = 2880
"""Headers and data fill whole blocks of so many bytes."""
STEP = 364 * BLOCK
ONES = (1 << 32) - 1


@dataclass(frozen=True)
class Unit:
    """One HDU.

    Parameters
    ----------
    number
        Its place, the primary one being 0.
    header
        astropy's header, of the table where an image is kept compressed in one.
    start, data, end
        Where in the file its header and its data begin, and where both end.
    lacking
        How many bytes of padding its last block lacks.
    """

    number: int
    header: Any
    start: int
    data: int
    end: int
    lacking: int = 0

    @property
    def name(self) -> str:
        """EXTNAME; PRIMARY for the first without one."""
        return str(self.get("EXTNAME") or ("PRIMARY" if self.number == 0 else ""))

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called: its number, and its name."""
        return str(self.number), self.name

    @property
    def title(self) -> str:
        """What tells it from the others of its file."""
        return f"{self.number} {self.name}".strip()

    @property
    def compressed(self) -> bool:
        """Whether it is an image in tiles within a table."""
        return self.get("XTENSION") == "BINTABLE" and self.get("ZIMAGE") is True

    @property
    def kind(self) -> str:
        """``image``, or what it is instead."""
        if self.get("XTENSION", "IMAGE") != "IMAGE" and not self.compressed:
            kinds = {"BINTABLE": "table", "A3DTABLE": "table", "TABLE": "table of text"}
            return kinds.get(str(self.get("XTENSION")), str(self.get("XTENSION")))
        if self.get("GROUPS") is True and self.get("NAXIS1") == 0:
            return "random groups"
        return "image" if self.shape and 0 not in self.shape else "empty"

    @property
    def shape(self) -> tuple[int, ...]:
        """The image's shape, slowest axis first."""
        return tuple(reversed(self._sizes("Z" if self.compressed else "")))

    @property
    def bitpix(self) -> int:
        """The type of the image's values, as FITS tells it."""
        return int(self.get("ZBITPIX" if self.compressed else "BITPIX", 0))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a card; ``default`` where there is none that can be read."""
        try:
            return self.header.get(key, default)
        except Exception:  # astropy's own, for cards that do not keep to the standard
            return default

    def cards(self) -> dict[str, Any]:
        """All cards: values by keywords, comments and history as lists, what cannot be read as it stands."""
        found: dict[str, Any] = {}
        for card in self.header.cards:
            if card.keyword in ("COMMENT", "HISTORY", ""):
                found.setdefault(card.keyword or "(blank)", []).append(_value(card))
            else:
                found[card.keyword] = _value(card)
        return {name: value for name, value in found.items() if value not in ([""], None) or name != "(blank)"}

    def _sizes(self, prefix: str = "") -> list[int]:
        return [int(self.get(f"{prefix}NAXIS{i}", 0)) for i in range(1, int(self.get(f"{prefix}NAXIS", 0)) + 1)]

    def data_bytes(self) -> int:
        """How many bytes of data its header tells of."""
        sizes = self._sizes()
        if sizes and sizes[0] == 0 and self.get("GROUPS") is True:
            sizes = sizes[1:]
        values = prod(sizes) if sizes else 0
        extra = int(self.get("PCOUNT", 0))
        return abs(int(self.get("BITPIX", 0))) // 8 * int(self.get("GCOUNT", 1)) * (extra + values)


def units(path: Path, stream: BinaryIO) -> list[Unit]:
    """All HDUs of a file; refuses one that is cut or holds anything else."""
    header_class = importlib.import_module("astropy.io.fits").Header
    size, where = os.fstat(stream.fileno()).st_size, 0
    found: list[Unit] = []
    if os.pread(stream.fileno(), 9, 0) != b"SIMPLE  =":
        raise Refusal(path, "it is no FITS file", "Name a FITS file")
    while where < size and not (found and _is_empty(stream, where, size)):
        stream.seek(where)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                header = header_class.fromfile(stream, endcard=True)
            unit = Unit(len(found), header, where, stream.tell(), 0)
            filled = unit.data + unit.data_bytes()
            end = unit.data + _padded(unit.data_bytes())
        except Exception as error:
            what = f"behind HDU {len(found) - 1} is no further one at byte {where}: {error}"
            raise Refusal(path, what if found else f"its header cannot be read: {error}", GET_AGAIN) from error
        if filled > size or end < unit.data or (found and "XTENSION" not in header):
            raise Refusal(
                path,
                f"it is cut or damaged: HDU {unit.number} should end at byte {filled}, the file at {size}",
                GET_AGAIN,
            )
        found.append(Unit(unit.number, header, where, unit.data, min(end, size), max(0, end - size)))
        where = end
    told = found[0].get("NEXTEND")
    if isinstance(told, int) and told > len(found) - 1:
        raise Refusal(path, f"it is cut: its header tells of {told} extensions, there are {len(found) - 1}", GET_AGAIN)
    return found


def _is_empty(stream: BinaryIO, where: int, size: int) -> bool:
    """Whether nothing but a few blanks and zeros is left of a file, which some programs leave there."""
    return size - where < STEP and not os.pread(stream.fileno(), size - where, where).strip(b"\0 \r\n")


def require_sums(path: Path, stream: BinaryIO, unit: Unit) -> None:
    """Refuse an HDU of which CHECKSUM or DATASUM is wrong; those it has not are not asked for."""
    told = str(unit.get("DATASUM") or "").strip()
    data = _sum(stream, unit.data, unit.end)
    if told and not (told.isdigit() and int(told) % ONES == data):
        raise Refusal(path, f"the DATASUM of HDU {unit.number} is wrong: {told}, its data make {data}", GET_AGAIN)
    if str(unit.get("CHECKSUM") or "").strip() and (_sum(stream, unit.start, unit.data) + data) % ONES:
        raise Refusal(path, f"the CHECKSUM of HDU {unit.number} is wrong", GET_AGAIN)


def _sum(stream: BinaryIO, start: int, end: int) -> int:
    """The ones' complement sum of the 32-bit words of a part of the file, 0 for its other zero."""
    total = 0
    for where in range(start, end, STEP):
        part = os.pread(stream.fileno(), min(STEP, end - where), where)
        total += _words(part)
    return total % ONES


def _words(part: bytes) -> int:
    import numpy as np

    part += bytes(-len(part) % 4)  # what padding would be there
    return int(np.frombuffer(part, ">u4").sum(dtype=np.uint64))


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _value(card: Any) -> Any:
    try:
        value = card.value
    except Exception:  # astropy's own, for cards that do not keep to the standard
        return str(card.image).strip()
    return plain(value) if isinstance(value, str | bool | int | float) else str(value) if value is not None else ""
