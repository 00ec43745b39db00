"""Which of many arrays of a file are converted together: those of the largest shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from dbproc.codes.automatic.choice import Choice, no_array
from dbproc.codes.formats.selection import few
from dbproc.codes.idx.refusal import Refusal

LEAST = 4
"""What all files have in common has at least one value in so many of those of the best that one has."""


@dataclass(frozen=True)
class Array:
    """An array of a file.

    Parameters
    ----------
    name
        What its converter calls it.
    shape
        Its size along each axis.
    kind
        What must be equal in arrays that become fields of one dataset, besides the shape.
    rank
        What makes it come before larger ones: the higher the sooner.
    """

    name: str
    shape: tuple[int, ...]
    kind: Hashable = ()
    rank: int = 0

    @property
    def size(self) -> int:
        """How many values it holds."""
        return prod(self.shape)

    @property
    def depth(self) -> int:
        """How many axes it has that are longer than one."""
        return sum(size > 1 for size in self.shape)

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.shape))})"


def by_size(array: Array) -> tuple[Any, ...]:
    """The order of those who look for the largest."""
    return array.rank, array.size, array.depth


def by_depth(array: Array) -> tuple[Any, ...]:
    """The order of those who look for the most dimensions."""
    return array.rank, array.depth, len(array.shape), array.size


def groups(
    arrays: Sequence[Array], order: Callable[[Array], tuple[Any, ...]]
) -> Iterator[tuple[list[Array], list[Array]]]:
    """Arrays that can be fields of one dataset, the best ones first; with each what is left out then."""
    left = list(arrays)
    while left:
        best = max(left, key=order)
        kind = (best.shape, best.kind, best.rank)
        chosen = [each for each in left if (each.shape, each.kind, each.rank) == kind]
        yield chosen, [each for each in arrays if each not in chosen]
        left = [each for each in left if each not in chosen]


@dataclass(frozen=True)
class Arrays:
    """How the arrays of files are converted by a program.

    Parameters
    ----------
    program, option
        The converter, and its option that names arrays.
    listed
        Gives of a file the arrays that can be converted, and in words those that cannot.
    order
        Which of them come first.
    """

    program: str
    option: str
    listed: Callable[[Path], tuple[list[Array], list[str]]]
    order: Callable[[Array], tuple[Any, ...]]

    def choices(self, files: Sequence[Path], wanted: Sequence[str]) -> Iterator[Choice]:
        """The ways to convert files, by what the first holds, or the arrays that are wanted."""
        if wanted:
            yield self.of(files, wanted)
        else:
            yield from self.best(files, *self.listed(files[0]))

    def best(self, files: Sequence[Path], arrays: Sequence[Array], others: Sequence[str]) -> Iterator[Choice]:
        """The ways to convert files of which the first holds these arrays, and others that cannot be converted."""
        if not arrays:
            raise no_array(files[0], others)
        if len(files) > 1:
            yield from self._apart(files, arrays)
            yield from self._shared(files, arrays)
        for chosen, left in groups(arrays, self.order):
            beside = told([each for each in left if each.rank >= 0], chosen[0].shape)
            yield replace(self.of(files, [each.name for each in chosen]), left_out=(*beside, *others))

    def of(self, files: Sequence[Path], names: Sequence[str]) -> Choice:
        """The choice of arrays by name."""
        return Choice(self.program, tuple(files), ({self.option: list(names)},), self.option)

    def _apart(self, files: Sequence[Path], first: Sequence[Array]) -> Iterator[Choice]:
        """Files that hold the arrays of one dataset between them."""
        best = [next(groups(first, self.order))[0]]
        for path in files[1:]:
            try:
                best.append(next(groups(self.listed(path)[0], self.order), ([], []))[0])
            except Refusal:  # told where it is joined to the others
                return
            if not _are_apart(best):
                return
        openings = tuple({self.option: [each.name for each in chosen]} for chosen in best)
        yield Choice(self.program, tuple(files), openings, sets=tuple((path,) for path in files))

    def _shared(self, files: Sequence[Path], first: Sequence[Array]) -> Iterator[Choice]:
        """Arrays that all files have, where the best ones of the first are in half of them at most."""
        listed = [first]
        for path in files[1:]:
            with suppress(Refusal):  # told where it is joined to the others
                listed.append(self.listed(path)[0])
        chosen = shared(listed, self.order)
        if chosen:
            beside = told([each for each in first if each.rank >= 0 and each not in chosen], chosen[0].shape)
            yield self.of(files, [each.name for each in chosen]).leaving(*beside)


def shared(listed: Sequence[Sequence[Array]], order: Callable[[Array], tuple[Any, ...]]) -> list[Array]:
    """Arrays of the first of several files that are in all, where its best ones are in half of them at most.

    None where they are hardly anything beside the best ones.
    """
    first, names = listed[0], [{each.name for each in arrays} for arrays in listed]
    best, _ = next(groups(first, order))
    kept = sum({each.name for each in best} <= each for each in names)
    everywhere = [each for each in first if each.rank >= 0 and all(each.name in found for found in names)]
    if kept * 2 > len(listed) or not everywhere:
        return []
    chosen, _ = next(groups(everywhere, order))
    is_worth = sum(each.size for each in chosen) * len(listed) * LEAST >= sum(each.size for each in best)
    return chosen if is_worth else []


def _are_apart(best: Sequence[Sequence[Array]]) -> bool:
    """Whether files hold the arrays of one dataset between them: alike in shape, none with an array of another."""
    names = {each.name for chosen in best for each in chosen}
    return all(best) and len(names) == sum(map(len, best)) and len({chosen[0].shape for chosen in best}) == 1


def told(arrays: Sequence[Array], shape: tuple[int, ...] = ()) -> tuple[str, ...]:
    """Arrays that are left out, in words; of those of the ``shape`` that is chosen why they are."""
    return tuple(few([f"{each}: its axes are others" if each.shape == shape else str(each) for each in arrays]))
