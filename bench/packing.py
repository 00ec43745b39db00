#!/usr/bin/env python3
"""Packing a float32 volume, smooth plus noise, timed: ``python bench/packing.py [--side 640] [--threads 2]``.

The volume is written raw through OpenVisus, then packed in a process of its own, whose peak of memory is taken. The
size zlib would reach at level 6 is measured on every 16th block.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SAMPLED = 16


def main() -> None:
    """Write, pack, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=640, help="samples along each axis [%(default)s: 1 GiB]")
    parser.add_argument("--threads", type=int, default=2, help="[%(default)s]")
    parser.add_argument("--codec", action="append", help="raw, zip, zfp, zfp-accuracy=E; again for several [zip]")
    parser.add_argument("--directory", type=Path, help="a place on a disk [the system's for such]")
    options = parser.parse_args()
    for codec in options.codec or ["zip"]:
        with tempfile.TemporaryDirectory(prefix="dbproc-bench-", dir=options.directory) as directory:
            idx = Path(directory) / "volume.idx"
            _in_child(lambda: _write(idx, options.side))  # noqa: B023
            ratio = _zlib_ratio(idx)
            print(f"zlib-6: ratio {ratio:.3f}; {codec}:", flush=True)
            _in_child(lambda: _pack(idx, codec, options.threads))  # noqa: B023


def _write(idx: Path, side: int) -> None:
    import numpy as np

    from dbproc.codes.idx import blocks
    from dbproc.codes.idx.description import Axis, Field

    field, shape = Field("v", "v", "float32"), (side, side, side)
    blocks.create(idx, shape, [field], [Axis(name, side) for name in "zyx"])
    target, random = blocks.Blocks(idx), np.random.default_rng(0)
    y, x = np.meshgrid(*[np.linspace(0, 6, side, dtype="float32")] * 2, indexing="ij")
    for start in range(0, side, 64):
        z = np.linspace(0, 3, side, dtype="float32")[start : start + 64, None, None]
        values = np.sin(x) * np.cos(y) * z + random.normal(0, 1e-3, (len(z), side, side)).astype("float32")
        target.write(field, (slice(start, start + len(z)), slice(0, side), slice(0, side)), values.astype("float32"))


def _zlib_ratio(idx: Path) -> float:
    from dbproc.codes.idx import bins, idx_file

    stored, before, after = idx_file.read(idx), 0, 0
    for _, _, path in stored.bins(idx):
        with path.open("rb") as stream:
            for entry in [each for each in bins.read_table(path, stored) if each][::SAMPLED]:
                raw = os.pread(stream.fileno(), entry.size, entry.offset)
                before, after = before + len(raw), after + len(zlib.compress(raw, 6))
    return before / after


def _pack(idx: Path, codec: str, threads: int) -> None:
    from dbproc.codes.idx.codec import Codec
    from dbproc.codes.idx.packing import audit, pack

    importlib.import_module("OpenVisus")
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    packed = pack(idx, Codec.parse(codec), threads=threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    audited = time.perf_counter()
    audit(idx)
    audited = time.perf_counter() - audited
    size = packed.raw_bytes / 1e6
    print(f"  {size:.0f} MB, ratio {packed.raw_bytes / packed.packed_bytes:.3f}")
    print(f"  {size / wall:.0f} MB/s wall, {size / cpu:.0f} MB per CPU-second ({wall:.1f} s, {cpu:.1f} CPU-s)")
    print(f"  of which the audit takes {audited:.2f} s")
    print(f"  peak {peak // 1024} MiB, of which {base // 1024} MiB are OpenVisus and Python")


def _in_child(work: Any) -> None:
    """Do it in a forked process, OpenVisus' noise kept away."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        status = 1
        try:
            work()
            sys.stdout.flush()
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("a step of the benchmark failed")


if __name__ == "__main__":
    main()
