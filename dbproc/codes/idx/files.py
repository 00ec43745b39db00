"""Files as they are found: whether they can be used, whether they changed, their digests."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dbproc.codes.idx.description import Origin
from dbproc.codes.idx.refusal import Refusal


def origins(paths: Iterable[Path]) -> tuple[Origin, ...]:
    """Name and size of each input; the writer adds their digests while it works."""
    return tuple(Origin(path.name, path.stat().st_size, path=path) for path in paths)


def digested(origin: Origin) -> Origin:
    """An origin with the SHA-256 of its file."""
    return origin if origin.path is None else replace(origin, sha256=sha256(origin.path))


def state(paths: Iterable[Path]) -> list[tuple[int, int, int]]:
    """What changes when a file does: inode, size and modification time of each."""
    found = (path.stat() for path in paths)
    return [(each.st_ino, each.st_size, each.st_mtime_ns) for each in found]


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_text(path: Path) -> bool:
    """Whether a path is text, and not bytes of another encoding than UTF-8."""
    return not any("\ud800" <= each <= "\udfff" for each in str(path))


def require_files(paths: Iterable[Path]) -> None:
    """Refuse inputs that are missing, empty or no plain files, or whose names no library can be told."""
    for path in paths:
        if not is_text(path):
            raise Refusal(path, "its name is not UTF-8", "Rename it")
        if not path.exists():
            raise Refusal(path, "there is no such file", "Check the input's name")
        if not path.is_file():
            raise Refusal(path, "it is not a plain file", "Name a file")
        if path.stat().st_size == 0:
            raise Refusal(path, "the file is empty", "Get it again from where it came")


@contextmanager
def placed(output: Path) -> Iterator[Path]:
    """A path beside ``output`` to write to, put there in the end: never half of it, never over another file."""
    target = output.absolute()
    if os.path.lexists(target):
        raise Refusal(output, "it exists already, and nothing is overwritten", "Remove it or choose another name")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as directory:
            yield Path(directory) / target.name
            with (Path(directory) / target.name).open("rb") as stream:
                os.fsync(stream.fileno())
            os.link(Path(directory) / target.name, target)
    except OSError as error:
        raise Refusal(target, f"it cannot be written: {error.strerror}", "Mend that or name another place") from error
