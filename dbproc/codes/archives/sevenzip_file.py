"""7z files by py7zr: read piece by piece, which py7zr does only in large ones, and written."""

from __future__ import annotations

import io
import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbproc.codes.archives.compression import library
from dbproc.codes.archives.guard import CHUNK
from dbproc.codes.archives.member import (
    DIRECTORY_MODE,
    FILE_MODE,
    LINK_MODE,
    Kind,
    Member,
    Members,
    Stream,
    encrypted,
    inside,
    is_root,
    no_file,
)
from dbproc.codes.archives.zip_file import require_unicode
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

_TYPES = {Kind.FILE: stat.S_IFREG, Kind.DIRECTORY: stat.S_IFDIR, Kind.LINK: stat.S_IFLNK}
_MODES = {Kind.FILE: FILE_MODE, Kind.DIRECTORY: DIRECTORY_MODE, Kind.LINK: LINK_MODE}
_HAS_MODE = 0x8000
_EPOCH, _TICKS = 116_444_736_000_000_000, 10_000_000
"""1970 in the ticks of 7z, which count from 1601, and ticks of a second."""
_BITE = 1 << 14
"""Bytes that are decompressed at once: few, so that what they become is not much."""
_DICTIONARY = 16 << 20
"""The most that a compressor remembers, from a level above this on:"""
_LARGER = 6
_LONGEST_TARGET = 1 << 12
_PPMD = b"\x03\x04\x01"
"""The method whose library, pyppmd, ends the whole process or tells of other bytes with some data that is sound."""


def read(archive: Path) -> Members:
    """The members of a 7z, in its order."""
    py7zr = library(archive, "py7zr")
    try:
        with archive.open("rb") as stream, py7zr.SevenZipFile(stream) as packed:
            if packed.needs_password():
                raise encrypted(archive)
            _require_safe(archive, packed)
            yield from _members(archive, packed)
    except py7zr.PasswordRequired as error:
        raise encrypted(archive) from error


def _require_safe(archive: Path, packed: Any) -> None:
    streams = packed.header.main_streams
    folders = [] if streams is None else streams.unpackinfo.folders
    if any(coder["method"] == _PPMD for folder in folders for coder in folder.coders):
        raise Refusal(
            archive, "it is compressed by PPMd, which cannot be read safely", "Unpack it by hand and pack it by LZMA2"
        )


def _members(archive: Path, packed: Any) -> Members:
    folders = _folders(packed)
    for found in packed.files:
        if found.is_directory and is_root(found.filename):
            continue
        member = _member(archive, found)
        stream = _Stream(archive, found, None if found.emptystream else folders[id(found.folder)])
        if member.kind is Kind.LINK:
            target = stream.read(_LONGEST_TARGET).decode("utf-8")
            yield replace(member, size=0, target=target), io.BytesIO()
        else:
            yield member, stream
        while stream.read(CHUNK):
            pass


def _folders(packed: Any) -> dict[int, _Folder]:
    streams = packed.header.main_streams
    if streams is None:
        return {}
    starts = (packed.afterheader + position for position in streams.packinfo.packpositions)
    folders = zip(streams.unpackinfo.folders, starts, strict=False)
    return {id(folder): _Folder(packed.fp, folder, start) for folder, start in folders}


def _member(archive: Path, found: Any) -> Member:
    kind = Kind.DIRECTORY if found.is_directory else Kind.LINK if found.is_symlink else Kind.FILE
    if found.is_junction or (found.st_fmt or _TYPES[kind]) != _TYPES[kind]:
        raise no_file(archive, found.filename)
    mode = _MODES[kind] if found.posix_mode is None else found.posix_mode
    time = None if found.lastwritetime is None else (int(found.lastwritetime) - _EPOCH) / _TICKS
    size = 0 if kind is Kind.DIRECTORY or found.emptystream else int(found.uncompressed)
    return Member(str(inside(archive, found.filename)), kind, size, mode, time)


class _Folder:
    """What is compressed as one: the bytes of one member or of several."""

    def __init__(self, source: Any, folder: Any, start: int) -> None:
        self._source, self._folder, self._start = source, folder, start
        self._unpacking: Any = None
        self._is_hungry = True

    def read(self, most: int, packed: int | None) -> bytes:
        """The next bytes, at times fewer than ``most``; none at the end. ``packed`` bytes lie there."""
        if self._unpacking is None:
            self._source.seek(self._start)
            self._unpacking = self._folder.get_decompressor(packed)
        while True:
            self._unpacking.block_size = _BITE if self._is_hungry else 0  # else it would keep what it need not have yet
            at, was_hungry = self._source.tell(), self._is_hungry
            part = bytes(self._unpacking.decompress(self._source, most))
            self._is_hungry = len(part) < most
            if part or (was_hungry and self._source.tell() == at):
                return part


class _Stream:
    """The bytes of one member, compared with their checksum at their end."""

    def __init__(self, archive: Path, found: Any, folder: _Folder | None) -> None:
        self._archive, self._found, self._folder = archive, found, folder
        self._left = 0 if folder is None else int(found.uncompressed)
        self._sum = 0

    def read(self, size: int = -1, /) -> bytes:
        """Read on; fewer bytes than asked for come only at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        parts = []
        while wanted:
            assert self._folder is not None
            part = self._folder.read(wanted, self._found.compressed)
            if not part:
                raise EOFError("there are fewer bytes than it tells of")
            self._check(part)
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def _check(self, part: bytes) -> None:
        self._left -= len(part)
        self._sum = zlib.crc32(part, self._sum)
        if not self._left and self._found.crc32 not in (None, self._sum):
            raise Refusal(self._archive, f"the CRC of {self._found.filename!r} in it is another", GET_AGAIN)


class _Sized(io.BufferedIOBase):
    """A stream as py7zr takes it, which asks for its length by going to its end."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream, self._size = stream, size

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._size if whence == os.SEEK_END else offset

    def read(self, size: int | None = -1, /) -> bytes:
        return self._stream.read(-1 if size is None else size)


class Writer:
    """Writes a 7z; see :class:`dbproc.codes.archives.member.Writer`."""

    def __init__(self, packed: Any, place: Path) -> None:
        self._packed, self._place = packed, place

    def held(self, member: Member) -> Member:
        """Times in steps of 100 ns; names in Unicode only; no hard links."""
        if member.kind is Kind.HARD_LINK:
            what = f"a 7z cannot hold that {member.name!r} is {member.target!r} under another name"
            raise Refusal(self._place, what, "Repack it to tar.zst")
        require_unicode(self._place, "a 7z", member)
        return replace(member, time=(_ticks(member) - _EPOCH) / _TICKS)

    def add(self, member: Member, stream: Stream) -> None:
        """Add a member."""
        if member.kind is Kind.DIRECTORY:
            self._packed.write(self._place.parent, member.name)  # any directory is like any other
        else:
            target = member.target.encode()
            size = len(target) if member.kind is Kind.LINK else member.size
            self._packed.writef(_Sized(io.BytesIO(target) if member.kind is Kind.LINK else stream, size), member.name)
        told = self._packed.files[len(self._packed.files) - 1].file_properties()
        is_directory = stat.FILE_ATTRIBUTE_DIRECTORY if member.kind is Kind.DIRECTORY else stat.FILE_ATTRIBUTE_ARCHIVE
        told["attributes"] = is_directory | _HAS_MODE | ((_TYPES[member.kind] | member.mode) << 16)
        stamp = type(told["lastwritetime"])(_ticks(member))
        told.update(dict.fromkeys(("lastwritetime", "creationtime", "lastaccesstime"), stamp))


def _ticks(member: Member) -> int:
    return max(0, round((member.time or 0.0) * _TICKS) + _EPOCH)


@contextmanager
def writing(place: Path, level: int) -> Iterator[Writer]:
    """Write a 7z: all members compressed as one, by LZMA2."""
    py7zr = library(place, "py7zr")
    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, **({"dict_size": _DICTIONARY} if level > _LARGER else {})}]
    with place.open("x+b") as stream:
        packed = py7zr.SevenZipFile(stream, "w", filters=filters)
        yield Writer(packed, place)
        packed.close()  # not where something went wrong: it would say something else then
