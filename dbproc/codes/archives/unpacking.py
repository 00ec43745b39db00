"""Unpacking archives that anybody may have made: nothing outside the directory, no links, no bombs, all or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dbproc.codes.archives.compression import ENDINGS, kind, opened
from dbproc.codes.archives.guard import Guard
from dbproc.codes.archives.member import Kind, Members, inside, no_file
from dbproc.codes.archives.reading import read

RESERVE = 64 << 20
"""Free space that is left alone."""


def unpack(archive: Path, directory: Path, progress: Callable[[int], None] = lambda size: None) -> list[Path]:
    """Unpack an archive into an empty directory.

    Parameters
    ----------
    archive
        A zip, 7z or tar file, the latter plain or compressed by gzip, bzip2, xz or zstd.
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
        directory or the same file twice, or unpacks to more than :data:`~.guard.RATIO` times its size
        (:data:`~.guard.ALWAYS` at least), more than :data:`~.guard.MOST_FILES` files or more than there is room for.
    """
    guard = Guard(archive, max(0, shutil.disk_usage(directory).free - RESERVE))
    with guard.sound(directory):
        if kind(archive) == "packed" and not archive.name.lower().endswith(ENDINGS):
            return [_single(archive, directory, guard, progress)]
        return list(_written(read(archive), directory, guard, progress))


def _written(members: Members, directory: Path, guard: Guard, progress: Callable[[int], None]) -> Iterator[Path]:
    for member, stream in members:
        if member.kind not in (Kind.FILE, Kind.DIRECTORY):
            raise no_file(guard.archive, member.name)
        guard.admit(member)
        path = directory / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if member.kind is Kind.FILE:
            yield _write(path, guard.chunks(member, stream), progress)


def _write(path: Path, chunks: Iterable[bytes], progress: Callable[[int], None]) -> Path:
    with path.open("xb") as target:
        for chunk in chunks:
            target.write(chunk)
            progress(len(chunk))
    return path


def _single(archive: Path, directory: Path, guard: Guard, progress: Callable[[int], None]) -> Path:
    """The one file that is compressed, under its name without the ending of the compression."""
    with opened(archive) as stream:
        return _write(directory / inside(archive, archive.stem), guard.counted(stream), progress)
