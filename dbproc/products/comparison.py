"""How two files differ where their bytes may: asked of a process of its own, which a broken file may end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

from dbproc.core.model import Comparison
from dbproc.engines import confined
from dbproc.system.signals import await_ours, is_deadly, keep_time, time_left

TIME_LIMIT = 600.0
"""Seconds that a comparison of two files may take."""

MEMORY_LIMIT = 4 << 30
"""Bytes of address space that a comparison may take."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_NETCDF = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
_NETCDF_SUFFIXES = (".nc", ".nc4", ".netcdf", ".cdf")


def same_contents(kind: Comparison, old: str, new: str, *, companion: bool) -> bool:
    """Whether `new` has the contents of `old`; when they cannot be compared it has not."""
    return bool(compare(kind, old, new, companion=companion).get("same"))


def compare(kind: Comparison, old: str, new: str, *, companion: bool) -> dict[str, Any]:
    """How two files differ, with `companion` and the directories of their stems.

    ``same``; ``differences``: a list of what differs, each with its ``name`` and ``what`` in words, for values with
    ``values``, ``differing`` and ``largest``; ``problem``: why they could not be compared.
    """
    command = confined.command(
        "dbproc.products.contents.compare", [kind.value, old, new, *(["companions"] if companion else [])], MEMORY_LIMIT
    )
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=time_left(TIME_LIMIT),
            check=False,
            env=confined.environment(),
        )
        facts: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        keep_time()
        return {"same": False, "differences": [], "problem": f"it took longer than {TIME_LIMIT:g} s"}
    except ValueError:
        if is_deadly(done.returncode) and done.returncode != -signal.SIGKILL:
            await_ours()
        text = f"the comparison ended with exit status {done.returncode}"
        return {"same": False, "differences": [], "problem": text}
    return facts


def kind_of(path: str) -> Comparison:
    """How the contents of a file can be compared, by its first bytes; NetCDF-4 is told from HDF5 by its suffix."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(8)
    except OSError:
        return Comparison.BYTES
    if head.startswith(_NETCDF):
        return Comparison.NETCDF
    if head == _HDF5:
        suffix = os.path.splitext(path)[1].lower()
        return Comparison.NETCDF if suffix in _NETCDF_SUFFIXES else Comparison.HDF5
    return Comparison.BYTES
