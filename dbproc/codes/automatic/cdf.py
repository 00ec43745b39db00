"""What of a CDF file is converted: the largest variable and those of its shape and dependences, data before support."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dbproc.codes.automatic.arrays import Array, by_size, groups, told
from dbproc.codes.automatic.choice import Choice, library, no_array

PROGRAM = "cdf_to_idx"
TIMES = (31, 32, 33)
"""Types of times."""
TEXT = (51, 52)


def choices(files: Sequence[Path], wanted: Sequence[str] = ()) -> Iterator[Choice]:
    """The ways to convert CDF files, by what the first holds; ``wanted`` are variables by name."""
    if wanted:
        yield Choice(PROGRAM, tuple(files), ({"variables": list(wanted)},), "variables")
        return
    arrays, others = _listed(files[0])
    if not arrays:
        raise no_array(files[0], others)
    for chosen, left in groups(arrays, by_size):
        beside = told([each for each in left if each.rank >= 0], chosen[0].shape)
        names = [each.name for each in chosen]
        yield Choice(PROGRAM, tuple(files), ({"variables": names},), "variables", left_out=(*beside, *others))


def _listed(path: Path) -> tuple[list[Array], list[str]]:
    """The variables that can be converted, and in words those that cannot."""
    from dbproc.codes.formats import cdf_records

    cdflib = library("cdflib", path, "cdflib")
    with cdf_records.plain(path) as copy:
        file = cdf_records.CdfFile(copy, path)
        try:
            cdf = cdflib.CDF(file.path, string_encoding="latin-1")
            info = cdf.cdf_info()
            names = [*info.rVariables, *info.zVariables]
            arrays = [array for name in names if (array := _array(cdf, name))]
            others = [f"{name} (virtual)" for name in names if _is_virtual(cdf.varattsget(name))]
        finally:
            file.close()
    return arrays, others


def _array(cdf: Any, name: str) -> Array | None:
    """A variable as it can be chosen: times come after support data, and these after data."""
    record, attributes = cdf.vdr_info(name), cdf.varattsget(name)
    if record.data_type in TEXT or _is_virtual(attributes):
        return None
    sizes, varying = list(record.dim_sizes), list(record.dim_vary)
    if len(sizes) == len(varying):
        sizes = [size for size, varies in zip(sizes, varying, strict=True) if varies]
    shape = ((record.max_rec + 1,) if record.record_vary else ()) + tuple(int(size) for size in sizes)
    if not shape or 0 in shape or record.max_rec < 0:
        return None
    kind = str(attributes.get("VAR_TYPE", "")).strip().lower()
    rank = -2 if record.data_type in TIMES else -1 if kind in ("support_data", "metadata", "ignore_data") else 0
    depends = tuple(str(attributes.get(f"DEPEND_{i}", "")).strip() for i in range(len(shape) + 1))
    return Array(name, shape, (bool(record.record_vary), depends, len(shape)), rank)


def _is_virtual(attributes: Any) -> bool:
    return str(attributes.get("VIRTUAL", "")).strip().lower() == "true"
