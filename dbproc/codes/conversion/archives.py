"""Unpacking archives that anybody may have made: nothing outside the directory, no links, no bombs, all or nothing."""

from __future__ import annotations

import errno
import gzip
import importlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

MOST_FILES = 100_000
RATIO = 200
"""An archive may unpack to so many times its own size …"""
ALWAYS = 1 << 30
"""… and to so many bytes in any case."""
RESERVE = 64 << 20
"""Free space that is left alone."""

ROOM = "Make room or name another directory"

ENDINGS = (".zip", ".7z", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_CHUNK = 1 << 20
_LONGEST_END = 22 + (1 << 16)
"""Bytes of the end of a zip, which tells how many files there are, with the longest comment."""
_ZIP64 = 0xFFFF
"""What the end of a zip tells where there are more files than it has digits for."""
_BLOCK = 512


_SINGLE = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
"""How a compressed file begins, and the module that opens it."""


def is_archive(path: Path, *, single: bool = False) -> bool:
    """Whether a file is an archive, by its name or its content; with ``single`` also one file that is compressed."""
    if path.is_dir():
        return False
    return path.name.lower().endswith(ENDINGS) or _kind(path) in ("zip", "7z", "tar", *(["packed"] if single else []))


def unpack(archive: Path, directory: Path, progress: Callable[[int], None] = lambda size: None) -> list[Path]:
    """Unpack an archive into an empty directory.

    Parameters
    ----------
    archive
        A zip, 7z or tar file, the latter plain or compressed by gzip, bzip2 or xz.
    directory
        Where to; it exists.
    progress
        Called with the number of bytes, from time to time.

    Returns
    -------
    list of Path
        The files, in the order of the archive.

    Raises
    ------
    Refusal
        When it is damaged or encrypted, holds something else than files and directories, names a place outside the
        directory or the same file twice, or unpacks to more than :data:`RATIO` times its size (:data:`ALWAYS` at
        least), more than :data:`MOST_FILES` files or more than there is room for.
    """
    budget = _Budget(archive, directory, progress)
    name, kind = archive.name.lower(), _kind(archive)
    with _sound(archive, directory):
        if kind == "zip" or name.endswith(".zip"):
            return list(_unzipped(archive, directory, budget))
        if kind == "7z" or name.endswith(".7z"):
            return list(_un7zipped(archive, directory, budget))
        if kind == "packed" and not name.endswith(ENDINGS):
            return [_unpacked(archive, budget)]
        return list(_untarred(archive, directory, budget))


def _kind(path: Path) -> str:
    """What a file is by its content: ``zip``, ``7z``, ``tar`` (compressed or not), ``packed``, or none of these."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_BLOCK)
        if head.startswith((b"PK\3\4", b"PK\5\6")):
            return "zip"
        if head.startswith(b"7z\xbc\xaf\x27\x1c"):
            return "7z"
        module = next((name for magic, name in _SINGLE.items() if head.startswith(magic)), "")
        if module:
            with importlib.import_module(module).open(path) as unpacked:
                head = unpacked.read(_BLOCK)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return ""
    return "tar" if head[257:262] == b"ustar" else "packed" if module else ""


def _unpacked(archive: Path, budget: _Budget) -> Path:
    """The one file that is compressed, under its name without the ending of the compression."""
    path = budget.place(archive.stem)
    with _stream(archive) as stream, path.open("xb") as target:
        while chunk := stream.read(_CHUNK):
            budget.take(len(chunk))
            target.write(chunk)
    return path


class _Budget:
    """How much may be unpacked, and the names that were."""

    def __init__(self, archive: Path, directory: Path, progress: Callable[[int], None]) -> None:
        self._archive, self._directory, self._progress = archive, directory, progress
        self._allowed = max(RATIO * archive.stat().st_size, ALWAYS)
        self._free = max(0, shutil.disk_usage(directory).free - RESERVE)
        self._names: set[str] = set()
        self._size = 0

    def place(self, name: str) -> Path:
        """Where a member of that name goes."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0] or "\0" in name:
            raise Refusal(self._archive, f"it would write {name!r} outside of its directory", "Do not trust it")
        path = self._directory.joinpath(*parts)
        if str(path) in self._names:
            raise Refusal(self._archive, f"it holds {name!r} twice", "Pack it again")
        self._names.add(str(path))
        if len(self._names) > MOST_FILES:
            raise Refusal(self._archive, f"it holds more than {MOST_FILES} files", "Pack them in several archives")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def take(self, size: int) -> None:
        """Count bytes, before they are written."""
        self._size += size
        self._progress(size)
        if self._size > self._allowed:
            what = f"it unpacks to more than {self._allowed >> 20} MiB, over {RATIO} times its size"
            raise Refusal(self._archive, what, "It may be a bomb; if it is not, unpack it by hand")
        if self._size > self._free:
            what = f"it unpacks to more than the {self._free / 1e6:.0f} MB that there is room for"
            raise Refusal(self._archive, what, ROOM)

    def copy(self, source: IO[bytes], path: Path, size: int) -> Path:
        """Write one member, which says that it has ``size`` bytes."""
        written = 0
        with path.open("xb") as target:
            while chunk := source.read(_CHUNK):
                self.take(len(chunk))
                target.write(chunk)
                written += len(chunk)
        if written != size:
            raise Refusal(self._archive, f"{path.name!r} in it has {written} bytes where it tells of {size}", GET_AGAIN)
        return path


def _unzipped(archive: Path, directory: Path, budget: _Budget) -> Iterator[Path]:
    with zipfile.ZipFile(archive) as packed:
        _require_all(archive, packed)
        for member in packed.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _no_file(archive, member.filename)
            if member.flag_bits & 1:
                raise _encrypted(archive)
            path = budget.place(member.filename)
            if member.is_dir() and member.file_size:
                raise Refusal(archive, f"{member.filename!r} in it is a directory that holds bytes", GET_AGAIN)
            if not member.is_dir():
                with packed.open(member) as source:
                    yield budget.copy(source, path, member.file_size)


def _require_all(archive: Path, packed: zipfile.ZipFile) -> None:
    """Refuse a zip of which a damaged directory tells fewer files than its end: the library passes them over."""
    with archive.open("rb") as stream:
        stream.seek(max(0, archive.stat().st_size - _LONGEST_END))
        _, _, end = stream.read().rpartition(b"PK\5\6")
    told, found = int.from_bytes(end[6:8], "little"), len(packed.infolist())
    if found != told and not (told == _ZIP64 and found > told):
        raise Refusal(archive, f"it lists {found} files where it tells of {told}", GET_AGAIN)


def _untarred(archive: Path, directory: Path, budget: _Budget) -> Iterator[Path]:
    with _stream(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as packed:
        for member in packed:
            if not member.isfile() and not member.isdir():
                raise _no_file(archive, member.name)
            if member.isdir() and member.name in (".", "./", ""):
                continue
            path = budget.place(member.name)
            source = packed.extractfile(member) if member.isfile() else None
            if source is not None:
                yield budget.copy(source, path, member.size)
        _require_end(archive, stream, packed.offset)


def _un7zipped(archive: Path, directory: Path, budget: _Budget) -> Iterator[Path]:
    try:
        py7zr = importlib.import_module("py7zr")
    except ImportError as error:
        raise Refusal(archive, "7z needs the package py7zr", "pip install 'dbproc[formats]'") from error
    try:
        with py7zr.SevenZipFile(archive) as packed:
            if packed.needs_password():
                raise _encrypted(archive)
            found = _places(archive, packed.files, budget)
            packed.extractall(directory)
    except py7zr.PasswordRequired as error:
        raise _encrypted(archive) from error
    for path, size in found:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != size:
            raise Refusal(archive, f"{path.name!r} in it is not as long as it tells", GET_AGAIN)
        yield path


def _places(archive: Path, members: Sequence[Any], budget: _Budget) -> list[tuple[Path, int]]:
    """Where the members of a 7z go, and their sizes; all of them counted before anything is unpacked."""
    found = []
    for member in members:
        path = budget.place(member.filename)
        if member.is_directory:
            continue
        if member.is_symlink or member.is_junction or member.is_socket:
            raise _no_file(archive, member.filename)
        budget.take(member.uncompressed)
        found.append((path, int(member.uncompressed)))
    return found


@contextmanager
def _stream(archive: Path) -> Iterator[IO[bytes]]:
    """The tar file itself, whatever it is compressed by."""
    with archive.open("rb") as stream:
        magic = stream.read(6)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(archive) as unzipped:
            yield unzipped  # type: ignore[misc]
    elif magic[:3] == b"BZh":
        with importlib.import_module("bz2").open(archive) as unzipped:
            yield unzipped
    elif magic == b"\xfd7zXZ\x00":
        with importlib.import_module("lzma").open(archive) as unzipped:
            yield unzipped
    else:
        with archive.open("rb") as stream:
            yield stream


def _require_end(archive: Path, stream: IO[bytes], offset: int) -> None:
    """Refuse a tar file that was cut between two members, or whose compression does not end as it should."""
    stream.seek(offset - _BLOCK if offset else 0)
    tail = stream.read(2 * _BLOCK)
    if b"\0" * _BLOCK not in (tail[:_BLOCK], tail[_BLOCK:]):
        raise Refusal(archive, "it has no end: it was cut between two files", GET_AGAIN)
    while stream.read(_CHUNK):
        pass


@contextmanager
def _sound(archive: Path, directory: Path) -> Iterator[None]:
    """Whatever a library raises is said to be the archive's fault, but for what the disk has no room for."""
    try:
        yield
    except (Refusal, MemoryError):
        raise
    except OSError as error:
        name = str(error.filename or "").removeprefix(f"{directory}/")
        what = f"it cannot be unpacked: {error.strerror or error}" + (f": {name!r}" if name else "")
        raise Refusal(archive, what, ROOM if error.errno in _FULL else GET_AGAIN) from error
    except Exception as error:
        raise Refusal(archive, f"it cannot be unpacked: {type(error).__name__}: {error}", GET_AGAIN) from error


def _no_file(archive: Path, name: str) -> Refusal:
    return Refusal(archive, f"{name!r} in it is neither a file nor a directory", "Pack it without links and devices")


def _encrypted(archive: Path) -> Refusal:
    return Refusal(archive, "it is encrypted", "Unpack it by hand")
