"""What is in a CDF file: variables with their kinds and attributes, and which of them hold data."""

from __future__ import annotations

import importlib
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbproc.codes.formats import cdf_records
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.formats.texts import of_latin
from dbproc.codes.idx.description import plain
from dbproc.codes.idx.refusal import Refusal

DIMENSIONS = range(1, 7)
"""How many dimensions a variable may have, records included."""
TYPES = {
    **{1: "i1", 2: "i2", 4: "i4", 8: "i8", 11: "u1", 12: "u2", 14: "u4", 21: "f4", 22: "f8"},
    **{31: "f8", 32: "f8", 33: "i8", 41: "i1", 44: "f4", 45: "f8"},
}
"""numpy's types by the numbers of CDF's."""
EPOCH, EPOCH16, TT2000 = 31, 32, 33
TIMES = {
    EPOCH: ("CDF_EPOCH", "ms", "milliseconds since 0000-01-01T00:00:00"),
    EPOCH16: ("CDF_EPOCH16", "ps", "picoseconds since 0000-01-01T00:00:00"),
    TT2000: ("CDF_TIME_TT2000", "ns", "nanoseconds since J2000 (2000-01-01T12:00:00 TT), leap seconds counted"),
}
"""Types of times: their name, the unit of their coordinates, and what these count."""
POINTER = re.compile(r"DEPEND_|LABL_PTR_|UNIT_PTR|FORM_PTR|SCAL_PTR|DELTA_|COMPONENT_", re.IGNORECASE)
"""Attributes that name variables which only serve another one."""
BIG_ENDIAN = (1, 2, 5, 7, 9, 11, 12, 18)
"""Encodings with the most significant byte first."""


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """What is in a CDF file that is whole, however it is compressed."""
    cdflib = _cdflib(path)
    with cdf_records.plain(path) as copy:
        file = cdf_records.CdfFile(copy, path)
        with closing(file), closing(Content(path, file, cdflib)) as content:
            yield content


@dataclass(frozen=True)
class Kind:
    """What a variable is: its type, the shape of a record, how many records there are, if it has any."""

    type: int
    dims: tuple[int, ...]
    records: int
    varies: bool
    sparse: int
    elements: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.records, *self.dims) if self.varies else self.dims


class Content:
    """The variables and attributes of a file."""

    def __init__(self, path: Path, file: cdf_records.CdfFile, cdflib: Any) -> None:
        self.path, self.file, self.cdflib = path, file, cdflib
        self.cdf = cdflib.CDF(file.path, string_encoding="latin-1")
        info = self.cdf.cdf_info()
        self.columns_first = info.Majority == "Column_major"
        self.order = ">" if info.Encoding in BIG_ENDIAN else "<"
        self.told = {"cdf_version": info.Version, "majority": info.Majority}
        self.kinds: dict[str, Kind] = {name: self._kind(name) for name in (*info.rVariables, *info.zVariables)}
        self.attributes = {name: _entries(self.cdf.varattsget(name)) for name in self.kinds}

    def close(self) -> None:
        """Close the file that cdflib keeps open, which it does itself only when it is collected."""
        self.cdf._f.close()

    def chosen(self, names: Sequence[str]) -> list[str]:
        """The variables of those names; of no name the only one of data."""
        found = Candidates(self.path, "--variable", "variable", self.listed, self._found).chosen(names)
        return [each.name for each in found]

    def _found(self, name: str) -> Candidate | None:
        return self._candidate(name, set()) if name in self.kinds else None

    def listed(self) -> list[Candidate]:
        """All variables; those that are marked as data are meant, or where none is, those that serve no other one."""
        marked = {name for name in self.kinds if self.text(name, "VAR_TYPE")}
        named = {str(value) for told in self.attributes.values() for key, value in told.items() if POINTER.match(key)}
        data = {name for name in marked if self.text(name, "VAR_TYPE").lower() == "data"}
        plain_ones = {name for name in self.kinds if name not in named and self.kinds[name].type not in TIMES}
        meant = data or plain_ones - marked
        return [self._candidate(name, set(self.kinds) - meant) for name in self.kinds]

    def _candidate(self, name: str, serving: Container[str]) -> Candidate:
        unfit, told = self._unfit(name), f"{name} {_shape(self, name)}"
        depends = tuple(self.text(name, f"DEPEND_{i}") for i in range(len(self.kinds[name].shape) + 1))
        alike = (self.kinds[name].shape, self.kinds[name].varies, depends)
        kind = unfit.split(":")[0] if self.is_virtual(name) or self.kinds[name].elements != 1 else ""
        return Candidate(name, told, alike, unfit, kind, serves=name in serving)

    def usable(self, name: str) -> bool:
        """Whether there is a variable of that name with values of its own."""
        return name in self.kinds and not self.is_virtual(name) and self.kinds[name].records > 0

    def text(self, name: str, attribute: str) -> str:
        """An attribute of a variable as text, empty where there is none."""
        return str(self.attributes[name].get(attribute, "")).strip()

    def strings(self, name: str) -> list[str] | None:
        """The texts that a variable of labels holds; None when it is not of text."""
        if name not in self.kinds or self.kinds[name].type in TYPES:
            return None
        found = self.cdf.varget(name)
        return [of_latin(str(each)).strip() for each in ([found] if isinstance(found, str) else found.reshape(-1))]

    def _kind(self, name: str) -> Kind:
        record = self.cdf.vdr_info(name)
        sizes, varying = list(record.dim_sizes), list(record.dim_vary)
        if len(sizes) == len(varying):  # else those that do not vary have been left out already
            sizes = [size for size, varies in zip(sizes, varying, strict=True) if varies]
        dims = tuple(int(size) for size in sizes)
        elements = record.num_elements if record.data_type in TYPES else 1
        return Kind(record.data_type, dims, record.max_rec + 1, bool(record.record_vary), record.sparse, elements)

    def _unfit(self, name: str) -> str:
        """Why a variable cannot be converted; empty when it can."""
        kind = self.kinds[name]
        if self.is_virtual(name):
            made = self.text(name, "FUNCT") or self.text(name, "FUNCTION") or "a function"
            parts = [str(value) for key, value in self.attributes[name].items() if key.startswith("COMPONENT_")]
            return f"is virtual: {made} computes it from {', '.join(parts) or 'others'}, which are to be converted"
        if kind.type not in TYPES:
            return "is of text, not of numbers"
        if kind.elements != 1:
            return f"has {kind.elements} elements to a value, which numbers have not"
        if kind.records < 1 or 0 in kind.dims:
            return "holds no values"
        if len(kind.shape) not in DIMENSIONS:
            return f"has {len(kind.shape)} dimensions {kind.shape}; one to five are supported"
        return ""

    def is_virtual(self, name: str) -> bool:
        """Whether a variable has no values of its own, but a function that computes them."""
        return self.text(name, "VIRTUAL").lower() == "true"


def _shape(content: Content, name: str) -> str:
    kind = content.kinds[name]
    first = [content.text(name, "DEPEND_0") or "record"] if kind.varies else []
    names = [*first, *(content.text(name, f"DEPEND_{i}") or f"dim{i}" for i in range(1, len(kind.dims) + 1))]
    return f"({', '.join(f'{each}={size}' for each, size in zip(names, kind.shape, strict=True))})"


def _entries(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: of_latin(plain(value)) for name, value in attributes.items()}


def _cdflib(path: Path) -> Any:
    try:
        return importlib.import_module("cdflib")
    except ImportError as error:
        raise Refusal(path, "CDF files need the package cdflib", "pip install 'dbproc[formats]'") from error
