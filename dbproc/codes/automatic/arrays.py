"""Which of many arrays of a file are converted together: those of the largest shape. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from dbproc.codes.formats.selection import few


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


def are_apart(best: Sequence[Sequence[Array]]) -> bool:
    """Whether files hold the arrays of one dataset between them: alike in shape, none with an array of another."""
    names = {each.name for chosen in best for each in chosen}
    return all(best) and len(names) == sum(map(len, best)) and len({chosen[0].shape for chosen in best}) == 1


def told(arrays: Sequence[Array], shape: tuple[int, ...] = ()) -> tuple[str, ...]:
    """Arrays that are left out, in words; of those of the ``shape`` that is chosen why they are."""
    return tuple(few([f"{each}: its axes are others" if each.shape == shape else str(each) for each in arrays]))
