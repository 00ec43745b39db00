"""The samples of a dataset's blocks, read out of its files without OpenVisus."""

from __future__ import annotations

import os
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from dbproc.codes.idx import bins, hz
from dbproc.codes.idx.codec import unzipped
from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.packing import undone
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box, shape_of

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

TABLES = 64
"""So many tables of blocks are kept."""


class Samples:
    """The samples of a dataset by blocks, and by boxes.

    Parameters
    ----------
    idx
        The ``.idx``.
    stored
        What it says.
    """

    def __init__(self, idx: Path, stored: IdxFile) -> None:
        self._idx, self._stored = idx, stored
        self._table = lru_cache(maxsize=TABLES)(partial(bins.read_table, idx=stored))

    def of_block(self, step: int, field: int, block: int) -> Values | None:
        """What a block holds, slowest axis first and components last; None where it was never written.

        Raises
        ------
        Refusal
            When it is damaged.
        LookupError
            When it is kept in a way that is not read here.
        """
        import numpy as np

        kind = self._stored.fields[field]
        path = self._stored.bin(self._idx, step, field, block)
        if not path.exists():
            return None
        try:
            content = (self._of_file if self._stored.arco else self._of_bin)(path, field, block)
        except ValueError as error:
            raise Refusal(path, f"field {kind.name!r} block {block}: {error}", "Convert it anew") from error
        components = () if kind.components == 1 else (kind.components,)
        if content is None:
            return None
        return np.frombuffer(content, kind.dtype).reshape(*hz.shape(self._stored, block), *components)

    def of_box(self, step: int, field: int, box: Box) -> Values:
        """What is in a box; zero where nothing was ever written. Raises what :meth:`of_block` does."""
        import numpy as np

        kind, stored = self._stored.fields[field], self._stored
        components = () if kind.components == 1 else (kind.components,)
        values = np.zeros((*shape_of(box), *components), kind.dtype)
        edges = [(part.start + low, part.stop + low) for part, (low, _) in zip(reversed(box), stored.box, strict=True)]
        for block in hz.meeting(stored, edges):
            found = self.of_block(step, field, block)
            if found is not None:
                rows = hz.lattice(stored.bitmask, stored.bits_per_block, block, len(edges))
                cut = [row.within(*edge) for row, edge in zip(reversed(rows), reversed(edges), strict=True)]
                values[tuple(place for _, place in cut)] = found[tuple(part for part, _ in cut)]
        return values

    def _of_bin(self, path: Path, field: int, block: int) -> bytes | None:
        per_file = self._stored.blocks_per_file
        entry = self._table(path)[field * per_file + block % per_file]
        if entry is None:
            return None
        if not entry.flags & bins.ROWS:
            raise LookupError("its samples are not stored in rows")
        with path.open("rb") as stream:
            content = os.pread(stream.fileno(), entry.size, entry.offset)
        return undone(content, entry, self._stored, field, block)

    def _of_file(self, path: Path, field: int, block: int) -> bytes:
        kind = self._stored.fields[field]
        if not kind.in_rows or kind.compression not in ("", "raw", "zip"):
            raise LookupError(f"{kind.compression or 'samples that are not in rows'} is not undone here")
        content, size = path.read_bytes(), self._stored.block_bytes(kind)
        if kind.compression == "zip":
            return unzipped(content, size)
        if len(content) != size:
            raise ValueError(f"it is {len(content)} bytes long, not {size}")
        return content
