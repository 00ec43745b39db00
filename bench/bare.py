"""Bare Python loops that do what cannot be avoided, and record nothing."""

from __future__ import annotations

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def ingest(incoming: Path, home: Path) -> None:
    """Digest, move and sync each file."""
    for name in sorted(os.listdir(incoming)):
        source = incoming / name
        digest = hashlib.sha256(source.read_bytes())
        assert digest.hexdigest()
        target = home / name
        os.rename(source, target)
        _sync(target)
    _sync(home)


def jobs(code: Path, sources: Path, results: Path, slots: int) -> None:
    """Start the code for each file, and once more for what it made, `slots` at the same time."""
    with ThreadPoolExecutor(max_workers=slots) as pool:
        list(pool.map(lambda name: _chain(code, sources / name, results), sorted(os.listdir(sources))))


def _chain(code: Path, source: Path, results: Path) -> None:
    first, second = results / f"l1_{source.name}", results / f"l2_{source.name}"
    for one, other in ((source, first), (first, second)):
        subprocess.run([code, one, other], check=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
