"""A disk with little room: a small tmpfs where mounting is allowed, else a limit on the size of files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.filesystems import other_filesystem

SIZE = 64_000_000
_MOUNT = 'mount -t tmpfs -o size="$1",mode=755 dbproc-test "$2" && echo mounted && cat; umount -l "$2"'
"""Lasts as long as stdin is open: however the tests end, nothing stays mounted."""


@dataclass(frozen=True)
class Disk:
    """A directory on another filesystem than the test's own.

    `is_small`: it is a filesystem of its own that can be filled; else the limit on files stands for the full disk:
    renames go on, writing ends in the middle of a file.
    """

    place: Path
    is_small: bool

    @property
    def complaint(self) -> str:
        """What the system says of a file for which there is no room."""
        return "No space left on device" if self.is_small else "File too large"

    @contextmanager
    def room(self, size: int, longest: int) -> Iterator[Sequence[str]]:
        """Leave `size` bytes free; gives the limits of runs meanwhile: without a small disk, files of `longest`."""
        if not self.is_small:
            yield "--file-size", str(longest)
            return
        ballast = self.place / "ballast"
        free = shutil.disk_usage(self.place).free
        assert free > size
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, free - size)
        try:
            yield ()
        finally:
            ballast.unlink()


@contextmanager
def small_disk(base: Path, *, for_sqlite: bool = False) -> Iterator[Disk]:
    """A disk for one test, whose own files are below `base`.

    A mount that is allowed in a namespace alone is reached by a path through its process; SQLite follows every link
    of a path, and would arrive elsewhere.
    """
    place = base / "disk"
    place.mkdir()
    for prefix in ([], ["unshare", "--map-root-user", "--mount"])[: 1 if for_sqlite else 2]:
        with _mounted(["env", *prefix, "sh", "-c", _MOUNT, "sh", str(SIZE), str(place)]) as process:
            if process is not None:
                yield Disk(Path(f"/proc/{process.pid}/root{place}") if prefix else place, is_small=True)
                return
    with tempfile.TemporaryDirectory(prefix="dbproc-far-", dir=other_filesystem(base)) as far:
        assert os.stat(far).st_dev != base.stat().st_dev, "these tests need two filesystems, /dev/shm is one usually"
        yield Disk(Path(far), is_small=False)


@contextmanager
def _mounted(words: Sequence[str]) -> Iterator[subprocess.Popen[str] | None]:
    """The process that holds the mount; None where it is not allowed."""
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process if process.stdout.readline() == "mounted\n" else None
        process.stdin.close()
