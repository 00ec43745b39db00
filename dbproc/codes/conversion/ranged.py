"""A source of which a part is converted: some indices of some axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbproc.codes.conversion.source import Source, runs, witness
from dbproc.codes.idx.coordinates import kept, left_out
from dbproc.codes.idx.description import UTC_ENDS, Axis, Description
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

Range = tuple[str, int | None, int | None]
"""An axis by name, its first index and the one after its last; None for its end."""


def parsed(text: str) -> Range:
    """A range that is told as ``AXIS=START:STOP``; raises ValueError where it is none."""
    axis, equals, told = text.rpartition("=")
    start, colon, stop = told.partition(":")
    if not (axis and equals and colon) or not all(each == "" or each.isdecimal() for each in (start, stop)):
        raise ValueError(f"{text!r} is no AXIS=START:STOP, such as time=0:1000 or x=512:")
    return axis, int(start) if start else None, int(stop) if stop else None


def ranged(source: Source, ranges: Sequence[Range], where: str) -> Source:
    """The part of a source that is meant.

    Raises
    ------
    Refusal
        When there is no such axis, or nothing of it is left.
    """
    if not ranges:
        return source
    described = source.description
    names = [axis.name for axis in described.axes]
    parts = {i: slice(0, size) for i, size in enumerate(described.shape)}
    for name, start, stop in ranges:
        if names.count(name) != 1:
            told = ", ".join(f"{axis.name} ({axis.size})" for axis in described.axes)
            raise Refusal(where, f"it has no axis {name!r} of which a range could be taken", f"Its axes are {told}")
        i = names.index(name)
        first, last = start or 0, described.shape[i] if stop is None else stop
        if not 0 <= first < last <= described.shape[i]:
            what = f"axis {name} has the indices 0 to {described.shape[i]}, not {first} to {last}"
            raise Refusal(where, what, f"Give a part of that: --range {name}=START:STOP")
        parts[i] = slice(first, last)
    return Ranged(source, tuple(parts.values()))


class Ranged:
    """Some indices of the axes of a source.

    Parameters
    ----------
    source
        The source as it is.
    part
        What is converted of each axis.
    """

    def __init__(self, source: Source, part: Box) -> None:
        self._source, self._part = source, part
        self.description = _described(source.description, part)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        return self._source.read(field, self._within(box))

    def runs(self, box: Box) -> Iterator[Box]:
        """What is best read of a box one at a time."""
        for each in runs(self._source)(self._within(box)):
            yield tuple(_moved(a, -b.start) for a, b in zip(each, self._part, strict=True))

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of a box read by another way."""
        for inside, values in witness(self._source)(field, self._within(box)):
            yield tuple(_moved(a, -b.start) for a, b in zip(inside, self._part, strict=True)), values

    def _within(self, box: Box) -> Box:
        """A box as the source has it."""
        return tuple(_moved(a, b.start) for a, b in zip(box, self._part, strict=True))


def _described(found: Description, part: Box) -> Description:
    """What there is in a part; which it is, is among the attributes, for what lies along its axes is not cut there."""
    axes = tuple(kept(_axis(axis, each)) for axis, each in zip(found.axes, part, strict=True))
    cut = {
        axis.name: {"start": each.start, "stop": each.stop, "size": axis.size}
        for axis, each in zip(found.axes, part, strict=True)
        if each != slice(0, axis.size)
    }
    told = "; ".join(f"{name} {each['start']} to {each['stop']} of {each['size']}" for name, each in cut.items())
    note = (f"a part is converted: {told}",) if cut else ()
    return replace(
        found,
        shape=tuple(axis.size for axis in axes),
        axes=axes,
        notes=tuple(dict.fromkeys((*found.notes, *left_out(axes), *note))),
        attributes={**found.attributes, **({"ranges": cut} if cut else {})},
        parts=found.parts if part[0] == slice(0, found.shape[0]) else (),
    )


def _axis(axis: Axis, part: slice) -> Axis:
    """An axis with what its coordinates, and what lies along it besides, are in a part."""
    if part == slice(0, axis.size):
        return axis
    line = axis.regular
    return replace(
        axis,
        size=part.stop - part.start,
        coordinates=None if axis.coordinates is None else axis.coordinates[part],
        regular=None if line is None else replace(line, start=line.start + line.step * part.start),
        attributes=_attributes(axis, part),
    )


def _attributes(axis: Axis, part: slice) -> Mapping[str, Any]:
    found = {key: value for key, value in axis.attributes.items() if key != UTC_ENDS}
    for key, value in found.items():
        if isinstance(value, list | tuple) and len(value) == axis.size:
            found[key] = value[part]
        elif isinstance(value, list | tuple) and key == "edges":
            found[key] = value[part.start : part.stop + 1]
    return found


def _moved(part: slice, start: int) -> slice:
    return slice(part.start + start, part.stop + start)
