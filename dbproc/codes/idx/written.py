"""What of a dataset that was made elsewhere was ever written, as far as its files of blocks tell.

Blocks that are not there may be lost. But where not one file of the last timestep is there, the programs that declare
one timestep too many made it; and where the files of a timestep are whole and hold nothing of a field, it was left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbproc.codes.idx import bins, hz, idx_file
from dbproc.codes.idx.idx_file import IdxFile
from dbproc.codes.idx.refusal import Refusal

Left = frozenset[tuple[int, str]]
"""Timesteps and fields."""


@dataclass(frozen=True)
class Written:
    """The timesteps that are there, and those fields of them that were never written, which read as zeros."""

    steps: tuple[int, ...]
    left: Left = frozenset()
    notes: tuple[str, ...] = ()


def written(idx: Path, stored: IdxFile) -> Written:
    """What was written of a dataset, by the names of its files and the tables in them."""
    wanted = list(hz.needed(stored))
    *others, last = stored.steps
    is_surplus = bool(others) and not _any(idx, stored, last, wanted)
    steps = tuple(others) if is_surplus else stored.steps
    left = frozenset() if stored.arco else frozenset(_left(idx, stored, steps, wanted))
    surplus = (f"timestep {last} is declared, but nothing of it is there",) if is_surplus else ()
    return Written(steps, left, (*surplus, *_notes(left, stored)))


def known(idx: Path) -> Written | None:
    """The same, or None where the layout is one that is not understood without OpenVisus."""
    try:
        return written(idx, idx_file.read(idx))
    except Refusal:
        return None


def _any(idx: Path, stored: IdxFile, step: int, wanted: list[int]) -> bool:
    """Whether there is a file of blocks of a timestep."""
    fields = range(len(stored.fields)) if stored.arco else range(1)
    return any(path.exists() for field in fields for path in {stored.bin(idx, step, field, each) for each in wanted})


def _left(idx: Path, stored: IdxFile, steps: tuple[int, ...], wanted: list[int]) -> Iterator[tuple[int, str]]:
    for step in steps if len(stored.fields) > 1 else ():
        paths = sorted({stored.bin(idx, step, 0, each) for each in wanted})
        try:
            tables = [bins.read_table(path, stored) for path in paths]
        except (Refusal, OSError):  # it is damaged, or a file is missing: that says nothing about fields
            continue
        for i, field in enumerate(stored.fields):
            part = slice(i * stored.blocks_per_file, (i + 1) * stored.blocks_per_file)
            if not any(entry for table in tables for entry in table[part]):
                yield step, field.name


def _notes(left: Left, stored: IdxFile) -> Iterator[str]:
    for field in stored.fields:
        steps = sorted(step for step, name in left if name == field.name)
        if steps:
            where = f" at timestep{'s' * (len(steps) > 1)} {_ranges(steps)}" if stored.time_template else ""
            yield f"field {field.name} was never written{where}: its values there are 0"


def _ranges(numbers: list[int]) -> str:
    """``1, 3 to 7, 9``."""
    runs: list[list[int]] = []
    for each in numbers:
        if runs and each == runs[-1][-1] + 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
