"""Which samples a block holds: a block is a lattice in the dataset's box. Pure.

Addresses are in hierarchical Z order: block 0 holds the coarsest levels, every further one a part of one level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbproc.codes.idx.idx_file import IdxFile


@dataclass(frozen=True)
class Row:
    """The positions of a block along one axis: ``count`` of them from ``start`` on, ``step`` apart."""

    start: int
    step: int
    count: int

    def meets(self, start: int, stop: int) -> bool:
        """Whether one of the positions is within ``start`` to ``stop``."""
        skipped = max(0, -(-(start - self.start) // self.step))
        return skipped < self.count and self.start + skipped * self.step < stop

    def within(self, start: int, stop: int) -> tuple[slice, slice]:
        """Which of the positions are within ``start`` to ``stop``, which they meet; and where they are, from there."""
        first = max(0, -(-(start - self.start) // self.step))
        count = min(self.count, -(-(stop - self.start) // self.step)) - first
        place = self.start + first * self.step - start
        return slice(first, first + count), slice(place, place + (count - 1) * self.step + 1, self.step)


def lattice(bitmask: Sequence[int], bits_per_block: int, block: int, axes: int) -> tuple[Row, ...]:
    """The positions of a block along each axis, quickest first."""
    pattern = _pattern(len(bitmask), bits_per_block, block)
    return tuple(_row([bit for axis, bit in zip(bitmask, pattern, strict=True) if axis == i]) for i in range(axes))


def needed(idx: IdxFile) -> Iterator[int]:
    """The blocks that hold at least one sample of the box: the others are padding and need not exist."""
    bits = [idx.bitmask.count(axis) for axis in range(len(idx.box))]
    is_full = all(stop - start == 1 << own for (start, stop), own in zip(idx.box, bits, strict=True))
    return iter(range(idx.blocks)) if is_full else meeting(idx, idx.box)


def meeting(idx: IdxFile, edges: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The blocks with at least one sample between the edges, a start and a stop for each axis, quickest first."""
    bits = len(idx.bitmask)
    axes = [(*edge, [k for k, axis in enumerate(idx.bitmask) if axis == i]) for i, edge in enumerate(edges)]

    def meets(pattern: Sequence[int | None]) -> bool:
        return all(_row([pattern[k] for k in own]).meets(start, stop) for start, stop, own in axes)

    if meets(_pattern(bits, idx.bits_per_block, 0)):
        yield 0
    level = [1]
    while level and level[0] < idx.blocks:
        level = [block for block in level if meets([*_fixed(block), *[None] * (bits - block.bit_length() + 1)])]
        yield from (block for block in level if meets(_pattern(bits, idx.bits_per_block, block)))
        level = [2 * block + bit for block in level for bit in (0, 1)]


def shape(idx: IdxFile, block: int) -> tuple[int, ...]:
    """The shape of a block's samples as they are stored, slowest axis first."""
    rows = lattice(idx.bitmask, idx.bits_per_block, block, len(idx.box))
    return tuple(row.count for row in reversed(rows))


def _pattern(bits: int, bits_per_block: int, block: int) -> list[int | None]:
    """The bits of the addresses in a block, most significant first; None where both occur."""
    free: list[int | None] = [None] * min(bits, bits_per_block)
    if block == 0:
        return free + [0] * (bits - len(free))
    pattern = [*_fixed(block), *free, 1]
    return pattern + [0] * (bits - len(pattern))


def _fixed(block: int) -> list[int | None]:
    """The first bits of the addresses in a block, and in the blocks of finer levels among its samples."""
    depth = block.bit_length() - 1
    return [(block >> (depth - 1 - i)) & 1 for i in range(depth)]


def _row(bits: Sequence[int | None]) -> Row:
    start, free = 0, [i for i, bit in enumerate(reversed(bits)) if bit is None]
    for bit in bits:
        start = 2 * start + (bit or 0)
    return Row(start, 1 << free[0] if free else 1, 1 << len(free))
