"""Zip files: read, and written."""

from __future__ import annotations

import calendar
import io
import math
import stat
import struct
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

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
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

_TYPES = {Kind.FILE: stat.S_IFREG, Kind.DIRECTORY: stat.S_IFDIR, Kind.LINK: stat.S_IFLNK}
_KINDS = {0: Kind.FILE, **{bits: kind for kind, bits in _TYPES.items()}}
_MODES = {Kind.FILE: FILE_MODE, Kind.DIRECTORY: DIRECTORY_MODE, Kind.LINK: LINK_MODE}
_UNIX = 3
"""The system that tells rights."""
_LONGEST_END = 22 + (1 << 16)
"""Bytes of the end of a zip, which tells how many files there are, with the longest comment."""
_ZIP64 = 0xFFFF
"""What the end of a zip tells where there are more files than it has digits for."""
_LARGE = 1 << 30
"""From so many bytes on a file's size gets more digits: compressed it may be longer."""
_LONGEST_TARGET = 1 << 12
_STAMP = struct.Struct("<HHBl")
"""A time in seconds of UTC: its mark, its length, which times are told, the time."""
_MARK, _LENGTH, _CHANGED = 0x5455, 5, 1
_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""The times that a zip can tell without such a stamp."""


def read(archive: Path) -> Members:
    """The members of a zip, in the order of its list."""
    with zipfile.ZipFile(archive) as packed:
        require_all(archive, packed)
        for found in packed.infolist():
            if found.is_dir() and is_root(found.filename):
                continue
            yield from _read(archive, packed, found)


def _read(archive: Path, packed: zipfile.ZipFile, found: zipfile.ZipInfo) -> Members:
    member = _member(archive, found)
    if member.kind is Kind.DIRECTORY:
        yield member, io.BytesIO()
        return
    with packed.open(found) as stream:
        if member.kind is Kind.LINK:
            target = stream.read(_LONGEST_TARGET).decode("utf-8", "surrogateescape")
            yield replace(member, size=0, target=target), io.BytesIO()
        else:
            yield member, stream


def _member(archive: Path, found: zipfile.ZipInfo) -> Member:
    attributes = found.external_attr >> 16
    kind = Kind.DIRECTORY if found.is_dir() else _KINDS.get(stat.S_IFMT(attributes))
    if kind is None or (found.is_dir() and stat.S_IFMT(attributes) not in (0, stat.S_IFDIR)):
        raise no_file(archive, found.filename)
    if found.flag_bits & 1:
        raise encrypted(archive)
    if found.is_dir() and found.file_size:
        raise Refusal(archive, f"{found.filename!r} in it is a directory that holds bytes", GET_AGAIN)
    mode = attributes & 0o7777 if found.create_system == _UNIX and attributes else _MODES[kind]
    return Member(str(inside(archive, found.filename)), kind, found.file_size, mode, _time(found))


def require_all(archive: Path, packed: zipfile.ZipFile) -> None:
    """Refuse a zip of which a damaged directory tells fewer files than its end: the library passes them over."""
    with archive.open("rb") as stream:
        stream.seek(max(0, archive.stat().st_size - _LONGEST_END))
        _, _, end = stream.read().rpartition(b"PK\5\6")
    told, found = int.from_bytes(end[6:8], "little"), len(packed.infolist())
    if found != told and not (told == _ZIP64 and found > told):
        raise Refusal(archive, f"it lists {found} files where it tells of {told}", GET_AGAIN)


def _time(found: zipfile.ZipInfo) -> float | None:
    """The time of a stamp, else the one without a zone, taken as UTC; none where it is no time."""
    extra = found.extra
    while len(extra) >= 4:
        mark, length = struct.unpack_from("<HH", extra)
        if mark == _MARK and length >= _LENGTH and extra[4] & _CHANGED:
            return float(_STAMP.unpack_from(extra)[3])
        extra = extra[4 + length :]
    try:
        return float(calendar.timegm((*found.date_time, 0, 0, 0)))
    except ValueError:
        return None


class Writer:
    """Writes a zip; see :class:`dbproc.codes.archives.member.Writer`."""

    def __init__(self, packed: zipfile.ZipFile, place: Path) -> None:
        self._packed, self._place = packed, place

    def held(self, member: Member) -> Member:
        """Times in whole seconds; names in UTF-8 only; no hard links."""
        if member.kind is Kind.HARD_LINK:
            what = f"a zip cannot hold that {member.name!r} is {member.target!r} under another name"
            raise Refusal(self._place, what, "Repack it to tar.zst")
        require_unicode(self._place, "a zip", member)
        return replace(member, time=_time(self._told(member)))

    def add(self, member: Member, stream: Stream) -> None:
        """Add a member."""
        told = self._told(member)
        if member.kind is Kind.DIRECTORY:
            self._packed.writestr(told, b"")
        elif member.kind is Kind.LINK:
            self._packed.writestr(told, member.target.encode())
        else:
            told.file_size = member.size
            with self._packed.open(told, "w", force_zip64=member.size >= _LARGE) as target:
                while chunk := stream.read(CHUNK):
                    target.write(chunk)

    def _told(self, member: Member) -> zipfile.ZipInfo:
        is_directory = member.kind is Kind.DIRECTORY
        seconds = math.floor(member.time or 0.0)
        stamped = -(1 << 31) <= seconds < 1 << 31
        told = zipfile.ZipInfo(member.name + ("/" if is_directory else ""), _date(seconds))
        told.compress_type, told.create_system = self._packed.compression, _UNIX
        told._compresslevel = self._packed.compresslevel  # type: ignore[attr-defined]
        told.external_attr = ((_TYPES[member.kind] | member.mode) << 16) | (0x10 if is_directory else 0)
        told.extra = _STAMP.pack(_MARK, _LENGTH, _CHANGED, seconds) if stamped else b""
        return told


def _date(seconds: int) -> tuple[int, int, int, int, int, int]:
    """A time as zips have it: in steps of two seconds, of certain years only."""
    try:
        year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    except (OverflowError, OSError, ValueError):
        return _FIRST if seconds < 0 else _LAST
    return min(max((year, month, day, hour, minute, second - second % 2), _FIRST), _LAST)


def require_unicode(place: Path, what: str, member: Member) -> None:
    """Refuse a member with a name that is in no known encoding."""
    for name in (member.name, member.target):
        if any("\ud800" <= each <= "\udfff" for each in name):
            raise Refusal(place, f"{what} holds names in Unicode, which {name!r} is not", "Repack it to tar.zst")


@contextmanager
def writing(place: Path, level: int) -> Iterator[Writer]:
    """Write a zip."""
    with zipfile.ZipFile(place, "x", zipfile.ZIP_DEFLATED, compresslevel=level) as packed:
        yield Writer(packed, place)
