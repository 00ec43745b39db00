"""What of a CDF file is converted: the largest variable and those of its shape and dependences, data before support."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from dbproc.codes.automatic.arrays import Array, Arrays, by_size
from dbproc.codes.automatic.choice import Choice
from dbproc.codes.formats import cdf

SUPPORT = ("support_data", "metadata", "ignore_data")
"""Types of variables that serve others."""


def choices(files: Sequence[Path], wanted: Sequence[str] = ()) -> Iterator[Choice]:
    """The ways to convert CDF files, by what the first holds; ``wanted`` are variables by name."""
    return Arrays("cdf_to_idx", "variables", _listed, by_size).choices(files, wanted)


def _listed(path: Path) -> tuple[list[Array], list[str]]:
    """The variables that can be converted, and in words those that cannot."""
    with cdf.opened(path) as content:
        arrays = [_array(content, each.name, each.alike) for each in content.listed() if not each.unfit]
        return arrays, [f"{name} (virtual)" for name in content.kinds if content.is_virtual(name)]


def _array(content: cdf.Content, name: str, kind: Hashable) -> Array:
    """A variable as it can be chosen: times come after support data, and these after data."""
    is_time, serves = content.kinds[name].type in cdf.TIMES, content.text(name, "VAR_TYPE").lower() in SUPPORT
    return Array(name, content.kinds[name].shape, kind, -2 if is_time else -1 if serves else 0)
