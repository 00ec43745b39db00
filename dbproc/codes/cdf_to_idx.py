#!/usr/bin/env python3
"""Convert variables of a CDF file to an IDX dataset: ``[--variable NAME]... INPUT OUTPUT.idx``.

The first axis is that of the records, with the times of DEPEND_0; the others are those of a record, with DEPEND_1 and
so on. Values are kept exactly as they are stored.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import importlib
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.converter import Converter
from dbproc.codes.formats.field_names import distinct, distinct_axes
from dbproc.codes.formats.selection import Candidate, Candidates
from dbproc.codes.formats.texts import of_latin
from dbproc.codes.idx import coordinates
from dbproc.codes.idx.description import UTC, UTC_ENDS, Axis, Description, Field, Number, plain
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.formats.cdf_records import CdfFile, Extent
    from dbproc.codes.formats.plain_reading import PlainCdf
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NAME = "cdf_to_idx"
CONVERTER = Converter(NAME, f"dbproc.codes.{NAME}:open_source", (".cdf",))
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
LISTED_TIMES = 10_000
"""As many times as are written out in UTC besides; of more, the first and the last."""
PADDED, PREVIOUS = 1, 2
"""What stands for records that are not in the file: the pad value, or the record before."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = CONVERTER.parser("Convert variables of a CDF file to IDX, exactly.")
    parser.add_argument("--variable", action="append", metavar="NAME", help="a variable of numbers; repeatable")
    return CONVERTER.main(parser, arguments, lambda given: {"variables": given.variable})


@contextmanager
def open_source(inputs: Sequence[Path], options: Mapping[str, Any]) -> Iterator[CdfSource]:
    """Open a CDF file; ``options["variables"]`` names the variables wanted, none meaning the only one of data."""
    from dbproc.codes.formats import cdf_records

    cdflib = _cdflib(inputs[0])
    (path,) = inputs
    with cdf_records.plain(path) as copy:
        file = cdf_records.CdfFile(copy, path)
        try:
            content = _Content(path, file, cdflib)
            yield CdfSource(content, content.chosen(options.get("variables") or ()))
        finally:
            file.close()


class CdfSource:
    """Variables of one shape in an open CDF file, as the writer wants them."""

    def __init__(self, content: _Content, variables: Sequence[_Variable]) -> None:
        names = distinct([each.name for each in variables])
        self._variables = dict(zip(names, variables, strict=True))
        self._plain: PlainCdf | None = None
        self.description = _describe(content, self._variables)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        return self._variables[field].read(box)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """The values that the library has in ``box``; it has none for records that are not in the file."""
        variable = self._variables[field]
        if self._plain is None:
            from dbproc.codes.formats.plain_reading import PlainCdf

            self._plain = PlainCdf(variable.content.file.path)
        for run in variable.present(box[0]) if variable.kind.varies else (box[0],):
            yield from self._plain.read(variable.name, (run, *box[1:]), variable.kind.varies)


@dataclass(frozen=True)
class _Kind:
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


class _Content:
    """The variables and attributes of a file."""

    def __init__(self, path: Path, file: CdfFile, cdflib: Any) -> None:
        self.path, self.file, self.cdflib = path, file, cdflib
        self.cdf = cdflib.CDF(file.path, string_encoding="latin-1")
        info = self.cdf.cdf_info()
        self.columns_first = info.Majority == "Column_major"
        self.order = ">" if info.Encoding in BIG_ENDIAN else "<"
        self.told = {"cdf_version": info.Version, "majority": info.Majority}
        self.kinds: dict[str, _Kind] = {name: self._kind(name) for name in (*info.rVariables, *info.zVariables)}
        self.attributes = {name: _entries(self.cdf.varattsget(name)) for name in self.kinds}

    def chosen(self, names: Sequence[str]) -> list[_Variable]:
        """The variables of those names; of no name the only one of data."""
        found = Candidates(self.path, "--variable", "variable", self._listed, self._found).chosen(names)
        return [_Variable(self, each.name) for each in found]

    def _found(self, name: str) -> Candidate | None:
        return self._candidate(name, set()) if name in self.kinds else None

    def _listed(self) -> list[Candidate]:
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
        kind = unfit.split(":")[0] if self._virtual(name) or self.kinds[name].elements != 1 else ""
        return Candidate(name, told, alike, unfit, kind, serves=name in serving)

    def usable(self, name: str) -> bool:
        """Whether there is a variable of that name with values of its own."""
        return name in self.kinds and not self._virtual(name) and self.kinds[name].records > 0

    def text(self, name: str, attribute: str) -> str:
        """An attribute of a variable as text, empty where there is none."""
        return str(self.attributes[name].get(attribute, "")).strip()

    def strings(self, name: str) -> list[str] | None:
        """The texts that a variable of labels holds; None when it is not of text."""
        if name not in self.kinds or self.kinds[name].type in TYPES:
            return None
        found = self.cdf.varget(name)
        return [of_latin(str(each)).strip() for each in ([found] if isinstance(found, str) else found.reshape(-1))]

    def _kind(self, name: str) -> _Kind:
        record = self.cdf.vdr_info(name)
        sizes, varying = list(record.dim_sizes), list(record.dim_vary)
        if len(sizes) == len(varying):  # else those that do not vary have been left out already
            sizes = [size for size, varies in zip(sizes, varying, strict=True) if varies]
        dims = tuple(int(size) for size in sizes)
        elements = record.num_elements if record.data_type in TYPES else 1
        return _Kind(record.data_type, dims, record.max_rec + 1, bool(record.record_vary), record.sparse, elements)

    def _unfit(self, name: str) -> str:
        """Why a variable cannot be converted; empty when it can."""
        kind = self.kinds[name]
        if self._virtual(name):
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

    def _virtual(self, name: str) -> bool:
        return self.text(name, "VIRTUAL").lower() == "true"


class _Variable:
    """The values of one variable, all records accounted for."""

    def __init__(self, content: _Content, name: str) -> None:
        import numpy as np

        self.content, self.name, self.kind = content, name, content.kinds[name]
        self.attributes = content.attributes[name]
        self.components = 2 if self.kind.type == EPOCH16 else 1
        self.dtype = np.dtype(content.order + TYPES[self.kind.type])
        self.shape = self.kind.shape
        vdr = content.cdf.vdr_info(name)
        self._pad = vdr.pad
        self._record_bytes = prod(self.kind.dims) * self.dtype.itemsize * self.components
        self._extents = content.file.extents(vdr.head_vxr, self._record_bytes)
        self._inflating: tuple[Extent, Iterator[bytes], bytearray, int] | None = None
        if not self.kind.sparse and self.absent():
            what = f"{self.absent()} of the {self.kind.records} records of {name!r} are missing"
            raise Refusal(content.path, what, "It is damaged; get it again from where it came")

    def absent(self) -> int:
        """How many of the records are not in the file."""
        last = self.kind.records - 1
        there = sum(max(0, min(each.last, last) - each.first + 1) for each in self._extents)
        return self.kind.records - there

    def present(self, records: slice) -> Iterator[slice]:
        """The runs of records among these that are in the file."""
        for each in self._extents:
            first, last = max(each.first, records.start), min(each.last + 1, records.stop)
            if first < last:
                yield slice(first, last)

    def read(self, box: Box) -> Values:
        """The values inside ``box``, components last."""
        records, *rest = box if self.kind.varies else (slice(0, 1), *box)
        values = self._records(records.start, records.stop, rest)
        return values if self.kind.varies else values[0]

    def whole(self) -> Values:
        """All values."""
        return self.read(tuple(slice(0, size) for size in self.shape))

    def _records(self, start: int, stop: int, rest: Sequence[slice]) -> Values:
        """Records ``start`` to ``stop``, cut to ``rest``; planes outside are not read where but one is wanted."""
        import numpy as np

        stored = self.kind.dims[::-1] if self.content.columns_first else self.kind.dims
        cut = list(rest)[::-1] if self.content.columns_first else list(rest)
        plane = self._record_bytes // stored[0] if stored else self._record_bytes
        first, last = (cut[0].start, cut[0].stop) if stored and stop - start == 1 else (0, stored[0] if stored else 1)
        raw = bytearray((stop - start) * (last - first) * plane)
        self._fill(memoryview(raw), start, stop, first * plane, last * plane)
        shape = (stop - start, *((last - first, *stored[1:]) if stored else ()), self.components)
        values = np.frombuffer(raw, self.dtype).reshape(shape)
        if stored:
            values = values[(slice(None), slice(cut[0].start - first, cut[0].stop - first), *cut[1:])]
        if self.content.columns_first:
            values = values.transpose(0, *range(len(stored), 0, -1), len(stored) + 1)
        return np.ascontiguousarray(values if self.components > 1 else values[..., 0])

    def _fill(self, target: memoryview, start: int, stop: int, low: int, high: int) -> None:
        """Put bytes ``low`` to ``high`` of every record (all of it, but where there is one) one after another."""
        size, record = high - low, start
        for each in self._extents:
            first, last = max(each.first, record), min(each.last + 1, stop)
            if first >= last:
                continue
            self._stand_in(target, start, record, first, low, high)
            part = target[(first - start) * size : (last - start) * size]
            part[:] = self._bytes(each, (first - each.first) * self._record_bytes + low, len(part))
            record = last
        self._stand_in(target, start, record, stop, low, high)

    def _stand_in(self, target: memoryview, start: int, first: int, last: int, low: int, high: int) -> None:
        """What stands for records ``first`` to ``last``, which are not in the file."""
        if first >= last:
            return
        size = high - low
        before = [each for each in self._extents if each.last < first]
        if self.kind.sparse == PREVIOUS and before:
            record = before[-1].last - before[-1].first
            content = bytes(self._bytes(before[-1], record * self._record_bytes + low, size))
        else:
            content = self._padding() * (size // (self.dtype.itemsize * self.components))
        target[(first - start) * size : (last - start) * size] = content * (last - first)

    def _padding(self) -> bytes:
        """The pad value in the file's own bytes."""
        import numpy as np

        if self._pad is None or isinstance(self._pad, str):
            what = f"records of {self.name!r} are not there, and no pad value is told"
            raise Refusal(self.content.path, what, "Convert another variable, or write it without sparse records")
        value = np.asarray(self._pad).reshape(-1)[:1]
        parts = value.view(np.float64) if value.dtype.kind == "c" else value
        return parts.astype(self.dtype).tobytes()

    def _bytes(self, extent: Extent, start: int, size: int) -> bytes | memoryview:
        """Bytes of an extent; of a compressed one in rising order without starting again."""
        if extent.packed is None:
            return self.content.file.read(extent, start, size)
        if self._inflating is None or self._inflating[0] is not extent or self._inflating[3] > start:
            total = (extent.last - extent.first + 1) * self._record_bytes
            self._inflating = (extent, self.content.file.inflated(extent, total), bytearray(), 0)
        _, pieces, held, at = self._inflating
        while at + len(held) < start + size:
            held += next(pieces)
            drop = min(len(held), max(0, start - at))
            del held[:drop]
            at += drop
        if at + len(held) == (extent.last - extent.first + 1) * self._record_bytes:
            held += b"".join(pieces)  # runs into its end, where the checksum is compared
        found = bytes(held[start - at : start - at + size])
        self._inflating = (extent, pieces, held, at)
        return found


def _describe(content: _Content, variables: Mapping[str, _Variable]) -> Description:
    from dbproc.codes.idx.files import origins

    first = next(iter(variables.values()))
    axes = distinct_axes(list(_axes(content, first)))
    notes = [note for each in variables.values() for note in _notes(each)]
    return Description(
        code=NAME,
        origins=origins([content.path]),
        shape=first.shape,
        axes=axes,
        fields=tuple(_field(name, each) for name, each in variables.items()),
        orientation="as the axes say: records first, then the dimensions of a record in the order they are declared",
        notes=(*notes, *coordinates.left_out(axes)),
        attributes={
            **of_latin(plain(content.cdf.globalattsget())),
            **content.told,
            "axes_without_coordinates": [axis.name for axis in axes if not axis.is_placed],
        },
    )


def _field(name: str, variable: _Variable) -> Field:
    content, attributes = variable.content, variable.attributes
    time = TIMES.get(variable.kind.type)
    labels = content.strings(content.text(variable.name, "LABL_PTR_1"))
    units = content.text(variable.name, "UNITS") or ", ".join(
        content.strings(content.text(variable.name, "UNIT_PTR")) or []
    )
    return Field(
        name=name,
        variable=variable.name,
        dtype=variable.dtype.newbyteorder("=").name,
        components=variable.components,
        units=units,
        long_name=content.text(variable.name, "CATDESC") or content.text(variable.name, "FIELDNAM"),
        fills=_numbers(attributes.get("FILLVAL"), variable),
        valid_min=next(iter(_numbers(attributes.get("VALIDMIN"), variable)), None),
        valid_max=next(iter(_numbers(attributes.get("VALIDMAX"), variable)), None),
        attributes={
            **attributes,
            "cdf_type": variable.kind.type,
            **({"labels": labels} if labels else {}),
            **({"time_type": time[0], "counts": time[2]} if time else {}),
        },
    )


def _numbers(value: Any, variable: _Variable) -> tuple[Number, ...]:
    """An attribute that holds one number for all values; none where it holds several, text, or a pair of doubles."""
    if isinstance(value, list | str) or value is None or variable.components > 1:
        return ()
    return (value,)


def _notes(variable: _Variable) -> Iterator[str]:
    absent = variable.absent()
    if absent:
        stands = "the record before" if variable.kind.sparse == PREVIOUS else "the pad value"
        there = f"{absent} of {variable.kind.records} records of {variable.name} are not in the file"
        yield f"{there}: {stands} stands for them"


def _axes(content: _Content, variable: _Variable) -> Iterator[Axis]:
    """The axis of the records, then those of a record."""
    name = variable.name
    if variable.kind.varies:
        yield _record_axis(content, variable)
    for i, size in enumerate(variable.kind.dims, 1):
        depends = content.text(name, f"DEPEND_{i}")
        axis = _dependence(content, depends, size) if depends else Axis(f"dim{i}", size)
        labels = content.strings(depends) or content.strings(content.text(name, f"LABL_PTR_{i}"))
        yield replace(axis, attributes={**axis.attributes, **({"labels": labels} if labels else {})})


def _record_axis(content: _Content, variable: _Variable) -> Axis:
    """The axis of the records, with the times of DEPEND_0, or of THEMIS' DEPEND_TIME where that is virtual."""
    size = variable.kind.records
    depends = content.text(variable.name, "DEPEND_0")
    instead = content.text(variable.name, "DEPEND_TIME")
    if depends and not content.usable(depends) and content.usable(instead):
        axis = _dependence(content, instead, size, records=True)
        return replace(axis, attributes={**axis.attributes, "instead_of": f"{depends}, which is virtual or empty"})
    return _dependence(content, depends, size, records=True) if depends else Axis("record", size)


def _dependence(content: _Content, name: str, size: int, records: bool = False) -> Axis:
    """The axis that a variable has the coordinates of; without them where they are not one number to an index."""
    from dbproc.codes.formats.cf import with_numbers

    if name not in content.kinds:
        return Axis(name, size, attributes={"coordinates_not_kept": "there is no variable of that name"})
    kind, attributes = content.kinds[name], with_numbers(content.attributes[name])
    axis = Axis(
        name,
        size,
        units=content.text(name, "UNITS"),
        long_name=content.text(name, "LABLAXIS") or content.text(name, "FIELDNAM"),
        attributes=attributes,
    )
    if kind.type not in TYPES:
        return axis
    why = _no_coordinates(content, name, size, records)
    if why:
        return replace(axis, attributes={**attributes, "coordinates_not_kept": why})
    return _placed(content, axis, _Variable(content, name))


def _no_coordinates(content: _Content, name: str, size: int, records: bool) -> str:
    """Why a variable's values are not the coordinates of an axis; empty when they are."""
    kind = content.kinds[name]
    if not content.usable(name):
        return "it is virtual or holds no values"
    if not records and kind.varies and kind.records > 1:
        return f"it varies with the record: {kind.shape}; convert it as a variable of its own"
    found = kind.shape if records or not kind.varies else kind.dims
    return "" if found == (size,) else f"its shape is {kind.shape}"


def _placed(content: _Content, axis: Axis, variable: _Variable) -> Axis:

    from dbproc.codes.idx.values import native, regular

    values = native(variable.whole()).reshape(axis.size, -1)
    fills = _numbers(axis.attributes.get("FILLVAL"), variable)
    time = TIMES.get(variable.kind.type)
    if time is None:
        return coordinates.placed(axis, values[:, 0], fills)
    attributes = {**axis.attributes, "time_type": time[0], "counts": time[2], **_utc(content, variable, values)}
    attributes["UNITS"] = axis.units
    found = replace(axis, units=time[1], standard_name="time", attributes=attributes)
    if variable.components == 1:
        return coordinates.placed(found, values[:, 0], fills)
    whole = _picoseconds(values)
    if whole is None or len(whole) > coordinates.MOST:
        return found if whole is None else coordinates.without(found, coordinates.too_many(len(whole)))
    found = replace(found, coordinates=whole)
    return replace(found, regular=regular(found.positions()))  # type: ignore[arg-type]


def _picoseconds(values: Values) -> tuple[Number, ...] | None:
    """Seconds and picoseconds as whole picoseconds; None where a part is not whole."""
    pairs = [(float(a), float(b)) for a, b in values]
    if not all(a.is_integer() and b.is_integer() for a, b in pairs):
        return None
    return tuple(int(a) * 10**12 + int(b) for a, b in pairs)


def _utc(content: _Content, variable: _Variable, values: Values) -> dict[str, Any]:
    """The times in UTC, as cdflib writes them; those it cannot are left out."""
    chosen = values if len(values) <= LISTED_TIMES else values[[0, -1]]
    encode = content.cdflib.cdfepoch.encode
    found: list[str | None] = []
    for each in chosen:
        text = None
        with suppress(Exception):
            text = str(encode(complex(*each) if variable.components == 2 else each[0]))
        found.append(text)
    return {UTC if len(chosen) == len(values) else UTC_ENDS: found}


def _shape(content: _Content, name: str) -> str:
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


if __name__ == "__main__":
    sys.exit(main())
