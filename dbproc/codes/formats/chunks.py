"""How the chunks of a stored array lie in the order in which it is read: slab after slab, last axis quickest. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from math import ceil, prod

from dbproc.codes.idx.slabs import Box

CACHE = 64 << 20
"""Bytes of decoded chunks that are kept between two slabs."""
LAYER = 256 << 20
"""Bytes of a layer of chunks beyond which the slabs that meet it are too many to decode it for each."""

SAMPLES = 16 << 20
"""Bytes of values that are read at a time for a comparison."""


def layer_bytes(shape: tuple[int, ...], chunk: tuple[int, ...], itemsize: int) -> int:
    """Bytes of the chunks that must be decoded for the first plane of all: what a cache must hold to decode once."""
    axis = next((i for i, size in enumerate(chunk) if min(size, shape[i]) > 1), len(shape) - 1)
    return min(chunk[axis], shape[axis]) * prod(shape[axis + 1 :]) * itemsize


def count(shape: tuple[int, ...], chunk: tuple[int, ...]) -> int:
    """How many chunks there are."""
    return prod(ceil(size / step) for size, step in zip(shape, chunk, strict=True))


def steps(shape: tuple[int, ...], chunk: tuple[int, ...], itemsize: int, budget: int) -> tuple[int, ...]:
    """The size of boxes of whole chunks within the budget, the last axis longest; at least one chunk."""
    found = [min(each, size) for each, size in zip(chunk, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        room = max(1, budget // (prod(found) * itemsize))
        found[axis] = min(shape[axis], found[axis] * room)
    return tuple(found)


def samples(box: Box, shape: tuple[int, ...], chunk: tuple[int, ...], itemsize: int) -> Iterator[Box]:
    """Boxes of a slab that touch each of its planes, such that all slabs together touch each chunk once.

    Where several slabs meet in a chunk, each has its share of the chunks.
    """
    ends = list(zip(box, shape, chunk, strict=True))
    left = [min(step, size - part.start // step * step) for part, size, step in ends]
    rounds = [ceil(size / (part.stop - part.start)) for size, part in zip(left, box, strict=True)]
    turns = [part.start % step // (part.stop - part.start) for part, _, step in ends]
    turn = 0
    for count, index in zip(rounds, turns, strict=True):
        turn = turn * count + index
    edges = [
        _edges(part, step)
        for part, step in zip(box, steps(shape, chunk, itemsize, SAMPLES // prod(rounds)), strict=True)
    ]
    tiles = [tuple(slice(*each) for each in corner) for corner in product(*edges)]
    every = min(prod(rounds), len(tiles))
    yield from tiles[turn % every :: every]


def _edges(part: slice, step: int) -> list[tuple[int, int]]:
    """Where a part of an axis is cut at multiples of a step."""
    inner = range(part.start - part.start % step + step, part.stop, step)
    return list(pairwise([part.start, *inner, part.stop]))
