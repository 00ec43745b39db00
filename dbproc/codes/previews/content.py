"""What a file holds, whatever its kind: fields of which pictures and curves are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dbproc.codes.idx.slicing import Sliceable


@dataclass(frozen=True)
class Listed:
    """One of the fields or variables of a file; `why_not` says why it cannot be drawn, `is_place` that it tells the
    places along an axis."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    units: str = ""
    long_name: str = ""
    why_not: str = ""
    is_place: bool = False


@dataclass(frozen=True)
class Content:
    """A file that was opened.

    Attributes
    ----------
    kind
        What it is, in words.
    fields
        What can be chosen.
    opened
        Gives the values of one, and the name of the field there.
    colour_map
        By which numbers become colours.
    span
        The range of all values of a field, where that is known.
    """

    kind: str
    fields: Sequence[Listed]
    opened: Callable[[str], tuple[Sliceable, str]]
    colour_map: str
    span: Callable[[str], tuple[float, float] | None] = field(default=lambda name: None)


Opener = Callable[[Path], Content]
"""Opens a file."""
