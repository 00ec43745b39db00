"""Which files are meant: those that are named, or those of a directory in natural order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dbproc.codes.refusal import Refusal


def listed(inputs: Sequence[Path], suffixes: Sequence[str]) -> list[Path]:
    """The files that are meant: those named, or those of the one directory that is named, in natural order.

    Raises
    ------
    Refusal
        When a directory holds none that end in ``suffixes``, or others besides.
    """
    if len(inputs) > 1 or not inputs[0].is_dir():
        return list(inputs)
    found = [path for path in inputs[0].iterdir() if not path.name.startswith(".")]
    meant = sorted((path for path in found if path.suffix.lower() in suffixes), key=natural)
    others = sorted(path.name for path in found if path.suffix.lower() not in suffixes)
    told = " or ".join(suffixes)
    if not meant:
        raise Refusal(inputs[0], f"the directory holds no {told} files", "Name a directory of such files")
    if others:
        what = f"the directory holds other things than {told} files: {', '.join(others[:3])}"
        raise Refusal(inputs[0], what, "Move them away, or name the files one by one")
    return meant


def natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts numbers within names by their value: 2 before 10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], path.name
