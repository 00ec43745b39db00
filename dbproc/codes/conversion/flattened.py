"""A source of which several axes are one: the first, which can become timesteps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from dbproc.codes.conversion.source import Source, witness
from dbproc.codes.idx.description import Axis, plain

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values


class Flattened:
    """Axes taken together, the quickest of them last; the others follow in their order.

    Parameters
    ----------
    source
        What there is to convert.
    places
        Which axes become one.
    """

    def __init__(self, source: Source, places: Sequence[int]) -> None:
        self._source, self._places = source, tuple(places)
        found = source.description
        self._sizes = [found.shape[i] for i in places]
        self._others = [i for i in range(len(found.shape)) if i not in places]
        one = [found.axes[i] for i in places]
        told = [
            {"name": each.name, "size": each.size, "units": each.units, "coordinates": each.coordinates} for each in one
        ]
        first = Axis("_".join(each.name for each in one), prod(self._sizes), attributes={"axes": plain(told)})
        axes = (first, *(found.axes[i] for i in self._others))
        note = (
            f"axis {first.name} is {' and '.join(f'{each.name} ({each.size})' for each in one)}, the last one quickest"
        )
        self.description = replace(
            found, axes=axes, shape=tuple(each.size for each in axes), notes=(*found.notes, note), parts=()
        )

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``."""
        import numpy as np

        first, *rest = box
        pieces = [self._piece(field, each, rest) for each in self._runs(first)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of a box read by another way."""
        first, *rest = box
        for each in self._runs(first):
            for inside, values in witness(self._source)(field, self._inner(each, rest)):
                begin = 0
                for size, place in zip(self._sizes, self._places, strict=True):
                    begin = begin * size + inside[place].start
                last = inside[self._places[-1]]
                part = slice(begin, begin + last.stop - last.start)
                yield (part, *(inside[i] for i in self._others)), self._ordered(values)

    def _piece(self, field: str, ours: Sequence[slice], rest: Sequence[slice]) -> Values:
        """What is in a box of the axes that became one, and of the others."""
        return self._ordered(self._source.read(field, self._inner(ours, rest)))

    def _inner(self, ours: Sequence[slice], rest: Sequence[slice]) -> Box:
        """The box of the source."""
        parts = dict(zip((*self._places, *self._others), (*ours, *rest), strict=True))
        return tuple(parts[i] for i in sorted(parts))

    def _ordered(self, values: Values) -> Values:
        """Values of the source with the axes that became one as the first."""
        import numpy as np

        order = (*self._places, *self._others)
        values = np.transpose(values, (*order, *range(len(order), values.ndim)))
        return np.ascontiguousarray(values).reshape(-1, *values.shape[len(self._places) :])

    def _runs(self, part: slice) -> Iterator[tuple[slice, ...]]:
        """The boxes that a range of indices of the one axis is made of, in order."""
        *outer, last = self._sizes
        for number, index in enumerate(product(*(range(size) for size in outer))):
            start, stop = max(part.start - number * last, 0), min(part.stop - number * last, last)
            if start < stop:
                yield (*(slice(i, i + 1) for i in index), slice(start, stop))
