"""The records of a CDF variable: where they lie in the file, that all are there, and their bytes.

Follows the CDF internal format description, versions 2 and 3. A reader that takes what it finds would leave zeros for
records that a damaged file has lost.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

MAGIC = {b"\xcd\xf3\x00\x01": True, b"\xcd\xf2\x60\x02": False, b"\x00\x00\xff\xff": False}
"""How a file begins, and whether its offsets take eight bytes: version 3, later and earlier version 2."""
PLAIN, PACKED = b"\x00\x00\xff\xff", b"\xcc\xcc\x00\x01"
"""What follows: a file as it is, or one that is compressed as a whole."""
CDR, GDR, VXR, VVR, CCR, CPR, CVVR = 1, 2, 6, 7, 10, 11, 13
"""Numbers of the kinds of records."""
METHODS = {1: "RLE", 2: "HUFF", 3: "AHUFF", 5: "GZIP"}
GZIP = 5
STEP = 1 << 20
"""Bytes that are inflated or digested at a time."""


@dataclass(frozen=True)
class Extent:
    """Records ``first`` to ``last`` of a variable: their place in the file, and the compressed size or None."""

    first: int
    last: int
    offset: int
    packed: int | None


class CdfFile:
    """A CDF file that is as long as it says and agrees with its checksum.

    Parameters
    ----------
    path
        The file, not compressed as a whole.
    about
        The file that it was inflated from, or itself.
    """

    def __init__(self, path: Path, about: Path) -> None:
        self.path, self.about = path, about
        self._stream = path.open("rb")
        self._size = os.fstat(self._stream.fileno()).st_size
        try:
            self._wide = MAGIC[self._bytes(0, 4)]
            self._require_whole()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def extents(self, head: int, record_bytes: int) -> list[Extent]:
        """Where the records of a variable lie, in rising order; ``head`` is the offset of its first index record."""
        found = list(self._index(head, set()))
        for before, after in pairwise(found):
            if after.first <= before.last:
                raise self._damaged(f"records {after.first} to {before.last} of a variable are there twice")
        for each in found:
            self._require_extent(each, record_bytes)
        return found

    def read(self, extent: Extent, start: int, size: int) -> bytes:
        """``size`` bytes of an extent that is not compressed, from byte ``start`` on."""
        return self._bytes(extent.offset + start, size)

    def inflated(self, extent: Extent, size: int) -> Iterator[bytes]:
        """The ``size`` bytes of a compressed extent, piece by piece; its checksum is compared at the end."""
        assert extent.packed is not None
        where, left = extent.offset, extent.packed
        inflater, made = zlib.decompressobj(wbits=31), 0
        while not inflater.eof:
            part = inflater.unconsumed_tail or self._bytes(where, min(STEP, left))
            if not inflater.unconsumed_tail:
                where, left = where + len(part), left - len(part)
            try:
                piece = inflater.decompress(part, STEP)
            except zlib.error as error:
                raise self._damaged(f"its compressed records do not inflate: {error}") from error
            made += len(piece)
            if made > size or (not part and not piece):
                break
            yield piece
        if made != size or not inflater.eof:
            raise self._damaged(f"compressed records inflate to {made} bytes where {size} are needed")

    def _index(self, where: int, seen: set[int]) -> Iterator[Extent]:
        """The extents that an index record, those it points to and those that follow it tell of."""
        while where:
            if where in seen:
                raise self._damaged("its index of records runs in a circle")
            seen.add(where)
            body = self._record(where, VXR)
            count, used = struct.unpack_from(">ii", body, self._step)
            table = self._step + 8
            if not 0 <= used <= count or len(body) < table + count * (8 + self._step):
                raise self._damaged(f"its index of records at byte {where} does not hold what it tells")
            for i in range(used):
                (first,) = struct.unpack_from(">i", body, table + 4 * i)
                (last,) = struct.unpack_from(">i", body, table + 4 * (count + i))
                yield from self._pointed(first, last, self._offset(body, table + 8 * count + self._step * i), seen)
            where = self._offset(body, 0)

    def _pointed(self, first: int, last: int, where: int, seen: set[int]) -> Iterator[Extent]:
        size, kind = self._head(where)
        if kind == VXR:
            yield from self._index(where, seen)
        elif kind == VVR:
            yield Extent(first, last, where + self._head_bytes, None)
        elif kind == CVVR:
            body = self._bytes(where + self._head_bytes, 4 + self._step)
            packed = self._offset(body, 4)
            if packed > size - self._head_bytes - len(body):
                raise self._damaged(f"compressed records at byte {where} are longer than their place")
            yield Extent(first, last, where + self._head_bytes + len(body), packed)
        else:
            raise self._damaged(f"there are no records at byte {where}, where its index points")

    def _require_extent(self, extent: Extent, record_bytes: int) -> None:
        if not 0 <= extent.first <= extent.last:
            raise self._damaged(f"its index tells of records {extent.first} to {extent.last}")
        if extent.packed is not None:
            return
        size, _ = self._head(extent.offset - self._head_bytes)
        needed = (extent.last - extent.first + 1) * record_bytes
        if size - self._head_bytes < needed:
            raise self._damaged(f"records {extent.first} to {extent.last} take {needed} bytes, their place is shorter")

    def _require_whole(self) -> None:
        """Refuse a file that is shorter than it says, or of which the checksum is wrong."""
        control = self._record(8, CDR)
        (flags,) = struct.unpack_from(">i", control, self._step + 12)
        summed = flags & 4
        general = self._record(self._offset(control, 0), GDR)
        end = self._offset(general, 3 * self._step) + (16 if summed and self.path == self.about else 0)
        if self._size < end:
            raise Refusal(self.about, f"it is cut: {self._size} bytes long where its header tells of {end}", GET_AGAIN)
        if summed:
            require_digest(self.about)

    def _record(self, where: int, kind: int) -> bytes:
        """What follows size and kind of a record, which must be of that kind."""
        size, found = self._head(where)
        if found != kind:
            raise self._damaged(f"a record of kind {kind} should be at byte {where}; there is one of kind {found}")
        return self._bytes(where + self._head_bytes, size - self._head_bytes)

    def _head(self, where: int) -> tuple[int, int]:
        """Size and kind of the record at ``where``, which must lie in the file."""
        size, kind = struct.unpack(">qi" if self._wide else ">ii", self._bytes(where, self._head_bytes))
        if size < self._head_bytes or where + size > self._size:
            raise self._damaged(f"the record at byte {where} would reach from there over {size} bytes")
        return size, kind

    @property
    def _step(self) -> int:
        """Bytes of an offset."""
        return 8 if self._wide else 4

    @property
    def _head_bytes(self) -> int:
        return self._step + 4

    def _offset(self, body: bytes, where: int) -> int:
        """The offset or size that stands at ``where`` of a record."""
        (found,) = struct.unpack_from(">q" if self._wide else ">i", body, where)
        return int(found)

    def _bytes(self, where: int, size: int) -> bytes:
        found = os.pread(self._stream.fileno(), size, where) if where >= 0 else b""
        if len(found) != size:
            raise self._damaged(f"{size} bytes should be at byte {where}; the file ends before")
        return found

    def _damaged(self, what: str) -> Refusal:
        return Refusal(self.about, what, GET_AGAIN)


def require_digest(path: Path) -> None:
    """Refuse a file of which the last 16 bytes are not the MD5 of all before."""
    digest, left = hashlib.md5(usedforsecurity=False), path.stat().st_size - 16
    with path.open("rb") as stream:
        while left > 0:
            part = stream.read(min(STEP, left))
            digest.update(part)
            left -= len(part)
        if digest.digest() != stream.read(16):
            raise Refusal(path, "its checksum is wrong", GET_AGAIN)


@contextmanager
def plain(path: Path) -> Iterator[Path]:
    """The file itself, or where it is compressed as a whole, a temporary copy that is not."""
    with path.open("rb") as stream:
        magic, packing = stream.read(4), stream.read(4)
        if magic not in MAGIC or packing not in (PLAIN, PACKED):
            todo = "NetCDF files named .cdf are for netcdf_to_idx" if magic[:3] == b"CDF" else "Name a CDF file"
            raise Refusal(path, "it is no CDF file", todo)
        if packing == PLAIN:
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="dbproc-cdf-") as directory:
            copy = Path(directory) / "plain.cdf"
            _inflate(path, stream, MAGIC[magic], magic + PLAIN, copy)
            yield copy


def _inflate(path: Path, stream: BinaryIO, wide: bool, head: bytes, copy: Path) -> None:
    """Write the file that a compressed record holds: its size is told, its checksum is compared."""
    try:
        code = ">qi" if wide else ">ii"
        size, kind = struct.unpack(code, stream.read(struct.calcsize(code)))
        method_at, made = struct.unpack(">qq" if wide else ">ii", stream.read(16 if wide else 8))
        stream.read(4)
        start = stream.tell()
        stream.seek(method_at)
        method_size, found = struct.unpack(code, stream.read(struct.calcsize(code)))
        (method,) = struct.unpack(">i", stream.read(4))
    except (struct.error, OSError, ValueError) as error:
        raise Refusal(path, "its header is damaged or cut", GET_AGAIN) from error
    if kind != CCR or found != CPR:
        raise Refusal(path, "its header is damaged or cut", GET_AGAIN)
    if method != GZIP:
        name = METHODS.get(method, f"method {method}")
        raise Refusal(path, f"it is compressed as a whole by {name}", "Convert it to GZIP with cdfconvert")
    end = max(8 + size, method_at + method_size)
    if end > path.stat().st_size:
        raise Refusal(path, f"it is cut: {path.stat().st_size} bytes long where its header tells of {end}", GET_AGAIN)
    _require_room(path, copy, made)
    stream.seek(start)
    inflater, left = zlib.decompressobj(wbits=31), 8 + size - start
    with copy.open("wb") as target:
        target.write(head)
        while left and not inflater.eof and target.tell() <= made + len(head):
            part = stream.read(min(STEP // 16, left))
            left -= len(part)
            try:
                target.write(inflater.decompress(part))
            except zlib.error as error:
                raise Refusal(path, f"it does not inflate: {error}", GET_AGAIN) from error
        if not inflater.eof or target.tell() != made + len(head):
            raise Refusal(path, f"it inflates to {target.tell()} bytes where it tells of {made + len(head)}", GET_AGAIN)


def _require_room(path: Path, copy: Path, size: int) -> None:
    place = os.statvfs(copy.parent)
    if not 0 < size <= place.f_bavail * place.f_frsize:
        what = f"inflated it takes {size / 1e6:.0f} MB, for which {tempfile.gettempdir()} has no room"
        raise Refusal(path, what, "Make room there, or set TMPDIR to a directory that has it")
