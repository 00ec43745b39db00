"""What of a NetCDF file is converted: all data variables of most dimensions that have the same."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dbproc.codes.automatic.arrays import Array, Arrays, by_depth
from dbproc.codes.automatic.choice import Choice
from dbproc.codes.formats.selection import Candidate
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

EMPTY = "no values"
"""What a variable without values is called."""
BOUNDS = re.compile(r"(.*_)?(bnds|bounds?|vertices|nv|nvertex|corners?)", re.IGNORECASE)
"""Names of dimensions along which a cell's corners lie."""


def choices(files: Sequence[Path], wanted: Sequence[str] = ()) -> Iterator[Choice]:
    """The ways to convert NetCDF files, by what the first holds; ``wanted`` are variables by name."""
    return Arrays("netcdf_to_idx", "variables", _listed, by_depth).choices(files, wanted)


def _listed(path: Path) -> tuple[list[Array], list[str]]:
    """The variables that can be converted, and in words those that cannot."""
    from dbproc.codes.formats.classic import require_sound
    from dbproc.codes.formats.netcdf import Variables, readable

    require_sound(path)
    with warnings.catch_warnings(), readable(path):
        warnings.simplefilter("ignore")
        try:
            dataset = importlib.import_module("netCDF4").Dataset(path)
        except OSError as error:
            raise Refusal(path, f"it seems damaged, the library cannot open it: {error}", GET_AGAIN) from error
        with dataset:
            found = Variables(path, dataset, ()).listed
            arrays = [_array(each, _is_time(dataset[each.name])) for each in found if not each.unfit]
    return arrays, [f"{each.name} ({each.kind})" for each in found if each.unfit and each.kind not in ("", EMPTY)]


def _is_time(variable: Any) -> bool:
    """Whether a variable holds times, which others have as coordinates or could have."""
    from dbproc.codes.formats.netcdf import attributes_of

    return " since " in str(attributes_of(variable).get("units"))


def _array(variable: Candidate, is_time: bool) -> Array:
    """A variable as it can be chosen: coordinates, times, bounds and the like come after data."""
    alike: Any = variable.alike
    dimensions, shape = alike
    is_bounds = len(dimensions) > 1 and BOUNDS.fullmatch(dimensions[-1][1])
    return Array(
        variable.name, tuple(map(int, shape)), dimensions, -1 if variable.serves or is_time or is_bounds else 0
    )
