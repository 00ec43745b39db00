"""The ``.bin`` files of OpenVisus 2.2.149 with many blocks in a file, as they were found on disk.

All numbers are big-endian and of 32 bits. A file begins with ten zeros. Then follow ten numbers for each block, all of
the first field first: two zeros, the low and the high half of the block's offset, its size, its flags, four zeros; the
size is zero where there is no block. The low four bits of the flags name the codec, the bit above them says that
samples lie in rows.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.refusal import Refusal

ENTRY_BYTES = 40
ROWS = 0x10
RAW, ZIP, LZ4, ZFP = 0, 3, 7, 8
CODECS = {RAW: "raw", ZIP: "zip", LZ4: "lz4", ZFP: "zfp"}
"""The codecs whose numbers are known."""


@dataclass(frozen=True)
class Entry:
    """Where a block lies in its file and how it is stored."""

    offset: int
    size: int
    flags: int

    @property
    def codec(self) -> str:
        """The name of its codec."""
        return CODECS.get(self.flags & 0xF, f"codec {self.flags & 0xF}")

    @property
    def end(self) -> int:
        """The offset just behind it."""
        return self.offset + self.size


Table = list[Entry | None]
"""The entries of a file, field by field; None for a block that is not there."""


def table_bytes(idx: IdxFile) -> int:
    """Bytes of the header of a file."""
    return ENTRY_BYTES * (1 + len(idx.fields) * idx.blocks_per_file)


def read_table(path: Path, idx: IdxFile) -> Table:
    """The entries of a file.

    Raises
    ------
    Refusal
        When they are not as expected, or a block does not lie wholly within the file or lies over another.
    """
    with path.open("rb") as stream:
        header = stream.read(table_bytes(idx))
        size = os.fstat(stream.fileno()).st_size
    if len(header) < table_bytes(idx):
        raise _refusal(path, f"its table of blocks is cut: {len(header)} bytes of {table_bytes(idx)}")
    words = struct.unpack(f">{len(header) // 4}I", header)
    if any(words[:10]):
        raise _refusal(path, "its header is not ten zeros")
    names = [_told(idx, i) for i in range(len(words) // 10 - 1)]
    table = [_entry(path, name, words[10 * i + 10 : 10 * i + 20]) for i, name in enumerate(names)]
    _require_apart(path, table, names, len(header), size)
    return table


def decode_table(header: bytes) -> Table:
    """The entries in a header that is known to be whole."""
    words = struct.unpack(f">{len(header) // 4}I", header)
    rows = (words[i : i + 10] for i in range(10, len(words), 10))
    return [Entry(row[2] | row[3] << 32, row[4], row[5]) if row[4] else None for row in rows]


def encode_table(table: Table) -> bytes:
    """The header of a file with those entries."""
    words = [0] * 10
    for entry in table:
        each = entry or Entry(0, 0, 0)
        words += [0, 0, each.offset & 0xFFFFFFFF, each.offset >> 32, each.size, each.flags, 0, 0, 0, 0]
    return struct.pack(f">{len(words)}I", *words)


def require_raw(path: Path, idx: IdxFile, table: Table) -> None:
    """Refuse a file whose blocks are not all raw, in rows and of full size."""
    for i, entry in enumerate(table):
        wanted = idx.block_bytes(idx.fields[i // idx.blocks_per_file])
        if entry is not None and (entry.flags, entry.size) != (ROWS | RAW, wanted):
            what = f"{_told(idx, i)} has flags {entry.flags:#x} and {entry.size} bytes, not 0x10 and {wanted}"
            raise _refusal(path, what)


def _told(idx: IdxFile, i: int) -> str:
    field, within = divmod(i, idx.blocks_per_file)
    return f"field {idx.fields[field].name!r} block {within} of the file"


def _entry(path: Path, name: str, words: Sequence[int]) -> Entry | None:
    if words[4] == 0 and not any(words[:2]) and not any(words[6:]):
        return None
    if any(words[:2]) or any(words[6:]) or words[5] & ~(ROWS | 0xF):
        raise _refusal(path, f"the entry of {name} is not as OpenVisus writes it")
    return Entry(words[2] | words[3] << 32, words[4], words[5])


def _require_apart(path: Path, table: Table, names: Sequence[str], header: int, size: int) -> None:
    end, before = header, "the table"
    for entry, name in sorted(
        ((e, n) for e, n in zip(table, names, strict=True) if e), key=lambda each: each[0].offset
    ):
        if entry.offset < end:
            raise _refusal(path, f"{name} lies over {before}")
        if entry.end > size:
            raise _refusal(path, f"{name} ends at {entry.end}, the file at {size}")
        end, before = entry.end, name


def _refusal(path: Path, what: str) -> Refusal:
    return Refusal(path, what, "It is damaged, or of another program")
