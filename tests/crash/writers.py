"""Slow writers: the ways in which files come into an incoming directory, each bit by bit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Writer = Callable[[Path, Sequence[str], float], None]
"""Writes lines to a path, in so many seconds."""


def append(path: Path, lines: Sequence[str], seconds: float) -> None:
    """Write under the final name."""
    with path.open("w") as stream:
        for line in lines:
            stream.write(line)
            stream.flush()
            time.sleep(seconds / len(lines))


def part(path: Path, lines: Sequence[str], seconds: float) -> None:
    """Write beside the final name, and rename."""
    _append_and_rename(path, path.with_name(f"{path.name}.part"), lines, seconds)


def rsync(path: Path, lines: Sequence[str], seconds: float) -> None:
    """Write under a hidden name, and rename."""
    _append_and_rename(path, path.with_name(f".{path.name}.Xy1Z23"), lines, seconds)


def pausing(path: Path, lines: Sequence[str], seconds: float) -> None:
    """Copy half of it, stand still, copy the rest; its times are those of an old original, meanwhile as well."""
    half = len(lines) // 2
    _copy(path, "w", lines[:half])
    time.sleep(seconds)
    _copy(path, "a", lines[half:])


def _copy(path: Path, mode: str, lines: Sequence[str]) -> None:
    with path.open(mode) as stream:
        stream.writelines(lines)
    os.utime(path, (0, 0))


def _append_and_rename(path: Path, unfinished: Path, lines: Sequence[str], seconds: float) -> None:
    append(unfinished, lines, seconds)
    unfinished.rename(path)


WRITERS: tuple[Writer, ...] = (append, part, rsync, pausing)


def lines_of(name: str, count: int = 6) -> list[str]:
    """What a file of this name is made of."""
    return [f"line {number} of {name}\n" for number in range(count)]
