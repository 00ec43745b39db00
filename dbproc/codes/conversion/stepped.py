"""A source arranged as it is stored: its axes told apart, one or several of them the timesteps of the IDX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from dbproc.codes.conversion.rows import upright
from dbproc.codes.conversion.source import Source, runs, witness
from dbproc.codes.idx.description import Axis, Description, Part, plain, told_apart
from dbproc.codes.idx.refusal import Refusal

if TYPE_CHECKING:
    from dbproc.codes.idx.slabs import Box
    from dbproc.codes.idx.values import Values

NONE = "none"
"""What is asked for when every axis is to stay an axis."""
LEADING = "leading"
"""What is asked for when all axes but the last three are to be timesteps."""
DRAWN = 3
"""So many axes viewers can show."""
MOST_AXES = 5
"""OpenVisus crashes with more."""


def arranged(source: Source, timesteps: str, where: str, *, keep_rows: bool = False) -> Source:
    """A source with the axes of its timesteps first, and as one.

    Parameters
    ----------
    source
        What there is to convert.
    timesteps
        The axis that becomes timesteps, or several, separated by commas; empty for what the source itself says,
        ``none`` for no axis at all, ``leading`` for all but the last three.
    where
        The input, for messages.
    keep_rows
        Whether rows are stored in the order of the source; see :mod:`dbproc.codes.conversion.rows`.

    Raises
    ------
    Refusal
        When there is no such axis, or more axes are left than can be stored.
    """
    described = source.description
    names = told_apart(axis.name for axis in described.axes)
    axes = tuple(replace(axis, name=name) for axis, name in zip(described.axes, names, strict=True))
    described = replace(described, axes=axes)
    chosen = _chosen(described, timesteps, where)
    if len(names) - len(chosen) > MOST_AXES:
        what = f"it has {len(names)} axes, {_told(described)}; {MOST_AXES} can be stored"
        raise Refusal(where, what, "Store some as timesteps (--timesteps AXIS,AXIS), or convert a part")
    return Stepped(source, described if keep_rows else upright(described, [names[i] for i in chosen]), chosen)


class Stepped:
    """A source with some axes moved to the front, to become timesteps, the last of them quickest.

    Parameters
    ----------
    source
        The source as it is.
    description
        What is to be told of it.
    steps
        The places of the axes; none for no timesteps.
    """

    def __init__(self, source: Source, description: Description, steps: Sequence[int]) -> None:
        self._source, self._steps = source, tuple(steps)
        self._order = (*steps, *(i for i in range(len(description.axes)) if i not in steps))
        self._is_plain = self._order == tuple(range(len(self._order))) and len(steps) < 2
        self._sizes = tuple(description.shape[i] for i in steps)
        self.description = _described(description, self._order, len(steps))

    def read(self, field: str, box: Box) -> Values:
        """The stored values of a field inside ``box``, timesteps first."""
        import numpy as np

        if self._is_plain:
            return self._source.read(field, box)
        pieces = [self._piece(field, part) for part in self._parts(box)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def runs(self, box: Box) -> Iterable[Box]:
        """What is best read of a box one at a time."""
        return runs(self._source)(box) if self._is_plain else (box,)

    def plain(self, field: str, box: Box) -> Iterator[tuple[Box, Values]]:
        """Parts of a box read by another way: timesteps of one axis in a run, of several each by itself."""
        import numpy as np

        count, steps = len(self._order), len(self._steps)
        flat = [box[0]] if steps < 2 else [slice(i, i + 1) for i in range(box[0].start, box[0].stop)]
        for run in flat:
            index = np.unravel_index(run.start, self._sizes) if steps > 1 else ()
            ends = [slice(int(i), int(i) + 1) for i in index] or [run]
            wanted = dict(zip(self._order, (*ends, *box[1:]), strict=True))
            for inside, values in witness(self._source)(field, tuple(wanted[i] for i in range(count))):
                ordered = np.transpose(values, (*self._order, *range(count, values.ndim)))
                rest = [inside[i] for i in self._order]
                if steps > 1:
                    yield (run, *rest[steps:]), ordered.reshape(1, *ordered.shape[steps:])
                else:
                    yield tuple(rest), ordered

    def _parts(self, box: Box) -> Iterator[Box]:
        """The boxes of the axes in order that a box consists of: runs along the last of those that are timesteps."""
        if not self._steps:
            yield box
            return
        *_, inner = self._sizes
        start = box[0].start
        while start < box[0].stop:
            stop = min(box[0].stop, start - start % inner + inner)
            outer = [slice(i, i + 1) for i in _index(start // inner, self._sizes[:-1])]
            yield (*outer, slice(start % inner, start % inner + stop - start), *box[1:])
            start = stop

    def _piece(self, field: str, part: Box) -> Values:
        import numpy as np

        count = len(self._order)
        wanted = tuple(part[self._order.index(i)] for i in range(count))
        found = np.asarray(self._source.read(field, wanted))
        ordered = found.transpose(*self._order, *range(count, found.ndim))
        return ordered.reshape(-1, *ordered.shape[len(self._steps) :]) if self._steps else ordered


def _chosen(description: Description, timesteps: str, where: str) -> list[int]:
    """The places of the axes that become timesteps, in order."""
    names = [axis.name for axis in description.axes]
    if timesteps == NONE:
        return []
    if timesteps == LEADING and LEADING not in names:
        own = [names.index(description.timesteps)] if description.timesteps in names else []
        rest = [i for i in range(len(names)) if i not in own]
        return [*own, *rest[:-DRAWN]]
    wanted = timesteps or description.timesteps
    told = [wanted] if wanted in names else [name.strip() for name in wanted.split(",")] if wanted else []
    for name in told:
        if names.count(name) != 1:
            raise Refusal(where, f"it has no axis {name!r} to be the timesteps", f"Its axes are {_told(description)}")
    return [names.index(name) for name in dict.fromkeys(told)]


def _described(description: Description, order: Sequence[int], steps: int) -> Description:
    """The description of a source whose axes stand in that order, the first of them being one."""
    axes = [description.axes[i] for i in order]
    if not steps:
        return replace(description, timesteps="")
    merged, rest = axes[:steps], axes[steps:]
    first = merged[0] if steps == 1 else _merged(merged)
    rows = first.size // merged[0].size
    parts = description.parts or (Part(0, 0, merged[0].size),) if order[0] == 0 else ()
    parts = tuple(replace(part, start=part.start * rows, stop=part.stop * rows) for part in parts)
    found = replace(
        description,
        shape=tuple(each.size for each in (first, *rest)),
        axes=(first, *rest),
        timesteps=first.name,
        parts=parts,
    )
    told = ", ".join(f"{axis.name} ({axis.size})" for axis in merged)
    return found if steps == 1 else found.noting(f"the timesteps run over {told}, the last of them quickest")


def _merged(axes: Sequence[Axis]) -> Axis:
    """Several axes as one, what is known of them in its attributes."""
    kept = [plain(vars(axis)) for axis in axes]
    for each, axis in zip(kept, axes, strict=True):
        each["regular"] = None if axis.regular is None else plain(vars(axis.regular))
    return Axis("_".join(axis.name for axis in axes), prod(axis.size for axis in axes), attributes={"axes": kept})


def _index(number: int, shape: Sequence[int]) -> list[int]:
    """The index of an element of an array of that shape, the last axis running quickest."""
    found: list[int] = []
    for size in reversed(shape):
        number, place = divmod(number, size)
        found.insert(0, place)
    return found


def _told(description: Description) -> str:
    return ", ".join(f"{axis.name} ({axis.size})" for axis in description.axes)
