"""A source of which one axis is stored as the timesteps of the IDX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dbproc.codes.conversion.source import Source, witness
from dbproc.codes.idx.description import Description, Part
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NONE = "none"
"""What is asked for when every axis is to stay an axis."""
MOST_AXES = 5
"""OpenVisus crashes with more."""


def arranged(source: Source, timesteps: str, where: str) -> Source:
    """A source with the axis of its timesteps first.

    Parameters
    ----------
    source
        What there is to convert.
    timesteps
        The axis that becomes timesteps; empty for what the source itself says, ``none`` for no axis at all.
    where
        The input, for messages.

    Raises
    ------
    Refusal
        When there is no such axis, or more axes are left than can be stored.
    """
    description = source.description
    name = "" if timesteps == NONE else timesteps or description.timesteps
    names = [axis.name for axis in description.axes]
    if name and names.count(name) != 1:
        what = f"it has {'several axes' if name in names else 'no axis'} {name!r} to be the timesteps"
        raise Refusal(where, what, f"Its axes are {_told(description)}")
    if len(names) - bool(name) > MOST_AXES:
        what = f"it has {len(names)} axes, {_told(description)}; {MOST_AXES} can be stored"
        raise Refusal(where, what, "Convert a part" if name else "Store one as timesteps (--timesteps AXIS)")
    if not name:
        return source if not description.timesteps else Stepped(source, None)
    return Stepped(source, names.index(name))


class Stepped:
    """A source with one axis moved to the front, to become timesteps; with none, all stay where they are.

    Parameters
    ----------
    source
        The source as it is.
    axis
        The place of the axis, or None.
    """

    def __init__(self, source: Source, axis: int | None) -> None:
        self._source, self._axis = source, axis
        found = source.description
        if axis is None:
            self.description = replace(found, timesteps="")
            return
        order = (axis, *(i for i in range(len(found.axes)) if i != axis))
        axes = tuple(found.axes[i] for i in order)
        parts = found.parts or (Part(0, 0, axes[0].size),) if axis == 0 else ()
        shape = tuple(each.size for each in axes)
        self.description = replace(found, shape=shape, axes=axes, timesteps=axes[0].name, parts=parts)

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``, timesteps first."""
        import numpy as np

        if not self._axis:
            return self._source.read(field, box)
        first, *rest = box
        rest.insert(self._axis, first)
        return np.moveaxis(self._source.read(field, tuple(rest)), self._axis, 0)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of a box read by another way."""
        import numpy as np

        rank, first = len(self.description.axes), self._axis or 0
        back = [first, *(i for i in range(rank) if i != first)]
        order = [back.index(i) for i in range(rank)]
        for inside, values in witness(self._source)(field, tuple(box[i] for i in order)):
            further = range(len(order), values.ndim)
            yield tuple(inside[i] for i in back), np.transpose(values, (*back, *further))


def _told(description: Description) -> str:
    return ", ".join(f"{axis.name} ({axis.size})" for axis in description.axes)
