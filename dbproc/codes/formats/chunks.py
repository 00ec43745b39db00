"""How the chunks of a stored array lie in the order in which it is read: slab after slab, last axis quickest. Pure."""

from __future__ import annotations

from math import ceil, prod

CACHE = 64 << 20
"""Bytes of decoded chunks that are kept between two slabs."""
LAYER = 256 << 20
"""Bytes of a layer of chunks beyond which the slabs that meet it are too many to decode it for each."""


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
