"""Cutting an array into boxes that fit into memory. Pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from math import prod

Box = tuple[slice, ...]
"""One slice with start and stop (no step) for every axis of an array, slowest first."""

BUDGET = 256 << 20
"""Bytes of one slab, unless told otherwise: an OpenVisus read peaks at about 2.5 times that."""


def stored_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """``shape`` without its leading axes of size 1, which OpenVisus cannot store; at least one axis is left."""
    leading = next((i for i, size in enumerate(shape) if size > 1), len(shape) - 1)
    return shape[leading:]


def padded_size(shape: tuple[int, ...]) -> int:
    """The number of samples once every axis is rounded up to a power of two."""
    return prod(1 << (size - 1).bit_length() for size in shape)


def plan(shape: tuple[int, ...], sample_bytes: int, budget: int = BUDGET) -> list[Box]:
    """Boxes that cover ``shape`` once, in rising order, each of at most ``budget`` bytes where a row fits into it.

    The cut axis is cut at multiples of a power of two, for OpenVisus' blocks are, and slower axes than that one by one.
    """
    cut = _cut_axis(shape, sample_bytes, budget)
    thickness = _thickness(prod(shape[cut + 1 :]) * sample_bytes, budget)
    return [
        (*(slice(i, i + 1) for i in outer), slice(start, min(start + thickness, shape[cut])), *_whole(shape[cut + 1 :]))
        for outer in _indices(shape[:cut])
        for start in range(0, shape[cut], thickness)
    ]


def parts(box: Box, sample_bytes: int, budget: int) -> list[Box]:
    """Boxes that cover ``box`` once, as :func:`plan` cuts it."""
    return [shifted(part, box) for part in plan(shape_of(box), sample_bytes, budget)]


def tiles(shape: tuple[int, ...], sample_bytes: int, budget: int) -> list[Box]:
    """Boxes that cover ``shape`` once, of at most ``budget`` bytes and about as long on each axis, as blocks are.

    All are cut at multiples of a power of two.
    """
    edges = [1 << (size - 1).bit_length() for size in shape]
    while prod(map(min, edges, shape)) * sample_bytes > budget and max(edges) > 1:
        edges[edges.index(max(edges))] //= 2
    starts = [range(0, size, edge) for size, edge in zip(shape, edges, strict=True)]
    ends = list(zip(edges, shape, strict=True))
    return [
        tuple(slice(start, min(start + edge, size)) for start, (edge, size) in zip(corner, ends, strict=True))
        for corner in product(*starts)
    ]


def shape_of(box: Box) -> tuple[int, ...]:
    """The shape of what a box cuts out."""
    return tuple(part.stop - part.start for part in box)


def whole(shape: tuple[int, ...]) -> Box:
    """The box that is all of ``shape``."""
    return tuple(_whole(shape))


def shifted(box: Box, origin: Box) -> Box:
    """``box``, told relative to ``origin``'s corner, in the coordinates that ``origin`` is told in."""
    return tuple(slice(a.start + b.start, a.stop + b.start) for a, b in zip(box, origin, strict=True))


def turned(box: Box, shape: tuple[int, ...], axes: Collection[int]) -> Box:
    """Where a box lies once some axes of ``shape`` run from their last index to the first, and back."""
    return tuple(
        slice(shape[i] - part.stop, shape[i] - part.start) if i in axes else part for i, part in enumerate(box)
    )


def to_json(box: Box) -> list[list[int]]:
    """A box as lists of start and stop."""
    return [[part.start, part.stop] for part in box]


def from_json(content: list[list[int]]) -> Box:
    """The inverse of :func:`to_json`."""
    return tuple(slice(start, stop) for start, stop in content)


def _cut_axis(shape: tuple[int, ...], sample_bytes: int, budget: int) -> int:
    """The slowest axis of which one index fits into the budget."""
    fits = (i for i in range(len(shape)) if prod(shape[i + 1 :]) * sample_bytes <= budget)
    return next(fits, len(shape) - 1)


def _thickness(plane_bytes: int, budget: int) -> int:
    """The largest power of two of planes within the budget, at least 1."""
    return 1 << max(0, (budget // plane_bytes).bit_length() - 1)


def _whole(shape: tuple[int, ...]) -> list[slice]:
    return [slice(0, size) for size in shape]


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All indices into ``shape``, last axis quickest."""
    found: list[tuple[int, ...]] = [()]
    for size in shape:
        found = [(*index, i) for index in found for i in range(size)]
    return found
