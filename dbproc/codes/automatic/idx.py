"""What of IDX datasets is converted: all of one; of a MIDX the parts that have the shape of the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dbproc.codes.automatic.choice import Choice
from dbproc.codes.idx import midx

PROGRAM = "idx_to_idx"


def choice(path: Path, wanted: Sequence[str] = ()) -> Choice:
    """The way to convert a dataset; ``wanted`` are parts of a MIDX by name."""
    parts = [None] if path.suffix.lower() != ".midx" else list(midx.urls(path))
    openings = tuple({"part": part, "missing": "refuse"} for part in wanted or parts)
    return Choice(PROGRAM, (path,), openings, titles=tuple(each or "" for each in wanted or parts))
