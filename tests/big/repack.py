"""An archive of any size repacked in bounded memory: ``python -m tests.big.repack [--gib 11] [--to 7z]``.

A part of each MiB is noise and the rest zeros, half of it unless told otherwise, as the data of instruments compress.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import random
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path

from tests.big.footprint import Footprint, footprint

ROOT = Path(__file__).resolve().parents[2]
PIECE = 1 << 20
MOST = 512 << 20


class Noise(io.RawIOBase):
    """So many bytes, of which every so many are noise."""

    def __init__(self, size: int, every: int) -> None:
        self._left, self._random, self._every = size, random.Random(size), every

    def read(self, size: int = -1, /) -> bytes:
        """Read on."""
        size = min(size if size >= 0 else PIECE, self._left)
        self._left -= size
        return self._random.randbytes(size // self._every) + bytes(size - size // self._every)


def made(source: Path, mebibytes: int, every: int, members: int = 4) -> Path:
    """A tar file, compressed where its name says so, of that many MiB in some members."""
    opened = partial(gzip.open, compresslevel=1) if source.name.endswith(".gz") else open
    with opened(source, "wb") as stream, tarfile.open(fileobj=stream, mode="w:") as packed:
        for number in range(members):
            told = tarfile.TarInfo(f"rec_7038_{number:06}.bin")
            told.size = mebibytes * (1 << 20) // members
            packed.addfile(told, Noise(told.size, every))
    return source


def repacked(directory: Path, mebibytes: int, before: str, after: str, *, every: int = 2) -> Footprint:
    """Make an archive of that size, repack it, and see what it takes."""
    source = made(directory / f"in.{before}", mebibytes, every)
    command = [sys.executable, "-m", "dbproc.codes.repack", "--level", "1", source, directory / f"out.{after}"]
    return footprint(list(map(str, command)), {**os.environ, "PYTHONPATH": str(ROOT)})


def main() -> int:
    """Repack, tell what it took; returns 1 where it took too much memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=11, help="size of the members [%(default)s]")
    parser.add_argument("--from", dest="before", choices=["tar", "tar.gz"], default="tar.gz", help="[%(default)s]")
    parser.add_argument("--to", dest="after", choices=["7z", "zip", "tar.zst"], default="7z", help="[%(default)s]")
    parser.add_argument("--directory", type=Path, help="a place on a disk [the system's for such]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dbproc-big-", dir=options.directory) as directory:
        took = repacked(Path(directory), int(options.gib * 1024), options.before, options.after)
    print(took.said.strip())
    print(f"{options.gib:g} GiB in {took.wall:.0f} s, {took.cpu:.0f} s of processors, peak {took.memory >> 20} MiB")
    return int(took.status != 0 or took.memory > MOST)


if __name__ == "__main__":
    sys.exit(main())
