"""Tar files, compressed or not: read from the front to the end without going back, and written."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dbproc.codes.archives.compression import ZSTD, library, opened
from dbproc.codes.archives.guard import CHUNK
from dbproc.codes.archives.member import Kind, Member, Members, Stream, inside, is_root, no_file
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.DIRECTORY: tarfile.DIRTYPE,
    Kind.LINK: tarfile.SYMTYPE,
    Kind.HARD_LINK: tarfile.LNKTYPE,
}
_BLOCK = 512


class _Heard:
    """A stream, and the last that was read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.last = stream, b""
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        self.last = self._stream.read(size)
        return self.last


def read(archive: Path) -> Members:
    """The members of a tar file, in its order."""
    with opened(archive) as stream:
        heard: Any = _Heard(stream)
        with tarfile.open(fileobj=heard, mode="r:") as packed:
            last = ""
            while found := packed.next():
                packed.members.clear()  # type: ignore[attr-defined] # or all of them are kept
                last = found.name
                if not (found.isdir() and is_root(last)):
                    bytes_of = packed.extractfile(found) if found.isfile() else None
                    yield _member(archive, found), bytes_of or io.BytesIO()
        _require_end(archive, heard, last)


def _member(archive: Path, found: tarfile.TarInfo) -> Member:
    kinds = (
        (found.isfile, Kind.FILE),
        (found.isdir, Kind.DIRECTORY),
        (found.issym, Kind.LINK),
        (found.islnk, Kind.HARD_LINK),
    )
    kind = next((kind for is_it, kind in kinds if is_it()), None)
    if kind is None:
        raise no_file(archive, found.name)
    name = str(inside(archive, found.name))
    target = str(PurePosixPath(found.linkname)) if kind is Kind.HARD_LINK else found.linkname
    size = found.size if kind is Kind.FILE else 0
    return Member(name, kind, size, found.mode & 0o7777, float(found.mtime), target)


def _require_end(archive: Path, heard: _Heard, last: str) -> None:
    """Refuse a tar file that was cut between two members, or whose compression does not end as it should."""
    if heard.last != b"\0" * _BLOCK or heard.read(_BLOCK) != b"\0" * _BLOCK:
        raise Refusal(archive, f"it has no end: it is cut or damaged after {last!r}", GET_AGAIN)
    while heard.read(CHUNK):
        pass


class Writer:
    """Writes a tar file; see :class:`dbproc.codes.archives.member.Writer`."""

    def __init__(self, packed: tarfile.TarFile) -> None:
        self._packed = packed

    def held(self, member: Member) -> Member:
        """Everything is kept."""
        return member if member.time is not None else replace(member, time=0.0)

    def add(self, member: Member, stream: Stream) -> None:
        """Add a member."""
        told = tarfile.TarInfo(member.name)
        told.type, told.size, told.mode, told.linkname = _TYPES[member.kind], member.size, member.mode, member.target
        time = member.time or 0.0
        told.mtime = int(time) if time.is_integer() else time
        self._packed.addfile(told, stream if member.kind is Kind.FILE else None)


@contextmanager
def writing(place: Path, level: int) -> Iterator[Writer]:
    """Write a tar file that is compressed by Zstandard, with a digest of its own."""
    zstd = library(place, ZSTD)
    options = {zstd.CompressionParameter.compression_level: level, zstd.CompressionParameter.checksum_flag: 1}
    with (
        zstd.open(place, "wb", options=options) as stream,
        tarfile.open(fileobj=stream, mode="w:", format=tarfile.PAX_FORMAT) as packed,
    ):
        yield Writer(packed)
