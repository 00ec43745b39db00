"""Whether two files have the same contents where their bytes may differ: asked of a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from dbproc.model import Comparison

TIME_LIMIT = 600.0
"""Seconds that a comparison of two files may take."""


def same_contents(kind: Comparison, old: str, new: str) -> bool:
    """Whether `new` has the contents of `old`; when they cannot be compared it has not."""
    return bool(compare(kind, old, new).get("same"))


def compare(kind: Comparison, old: str, new: str) -> dict[str, Any]:
    """How two files differ.

    Returns
    -------
    dict
        ``same``; ``differences``: a list of what differs, each with its name and in which way; ``problem``: why they
        could not be compared.
    """
    command = [sys.executable, "-P", "-m", "dbproc.products.contents", kind.value, old, new]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT, check=False)
        facts: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"same": False, "problem": f"it took longer than {TIME_LIMIT:g} s"}
    except ValueError:
        return {"same": False, "problem": f"the comparison ended with exit status {done.returncode}"}
    return facts
