"""A source of any size in bounded memory: ``python -m tests.big.idx [--gib 16] [--memory 1024] [--timesteps]``.

The source is a sparse file of float32, which takes no space; the dataset takes a little over its size for a while.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.big.footprint import Footprint, footprint

ROOT = Path(__file__).resolve().parents[2]
SIDE = 1024
"""Samples along the two quick axes."""


def converted(directory: Path, mebibytes: int, memory: int, *, has_timesteps: bool = False) -> Footprint:
    """Convert a sparse source of that size with that much memory, and see what it takes."""
    source, planes = directory / "zeros.raw", mebibytes * (1 << 20) // (4 * SIDE * SIDE)
    with source.open("wb") as stream:
        stream.truncate(planes * 4 * SIDE * SIDE)
    told = ["--shape", f"{planes},{SIDE},{SIDE}", "--dtype", "float32", "--memory", str(memory)]
    steps = ["--timesteps", "z"] if has_timesteps else []
    command = [sys.executable, "-m", "dbproc.codes.raw_to_idx", *told, *steps, str(source), str(directory / "big.idx")]
    return footprint(command, {**os.environ, "PYTHONPATH": str(ROOT)})


def main() -> int:
    """Convert, tell what it took; returns 1 where it took more memory than it was given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=16, help="size of the source [%(default)s]")
    parser.add_argument("--memory", type=int, default=1024, help="what the conversion is given, in MiB [%(default)s]")
    parser.add_argument("--timesteps", action="store_true", help="store planes as timesteps")
    parser.add_argument("--directory", type=Path, help="a place on a disk [the system's for such]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dbproc-big-", dir=options.directory) as directory:
        took = converted(Path(directory), int(options.gib * 1024), options.memory, has_timesteps=options.timesteps)
    print(took.said.strip())
    print(f"{options.gib:g} GiB in {took.wall:.0f} s, {took.cpu:.0f} s of processors, peak {took.memory >> 20} MiB")
    return int(took.status != 0 or took.memory > options.memory << 20)


if __name__ == "__main__":
    sys.exit(main())
