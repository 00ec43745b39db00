"""IDX datasets; only files that are listed are read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dbproc.codes.drawing.raster import COLOURS
from dbproc.codes.idx import manifest
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.previews.content import Content, Listed


def dataset(path: Path, members: Collection[str]) -> Content:
    """A dataset; of its companion directory the members alone are read."""
    _require_members(path, members)
    found = open_idx(path, verify=False)
    fields = [
        Listed(each.name, found.shape, each.openvisus_dtype, each.units, each.long_name)
        for each in found.description.fields
    ]
    return Content("IDX dataset", fields, lambda name: (found, name), COLOURS, lambda name: _span(found, name))


def _require_members(path: Path, members: Collection[str]) -> None:
    """Refuse a dataset with files that nobody entered in the catalogue, or that lead elsewhere."""
    directory = manifest.companion(path)
    if directory.is_symlink():
        raise Refusal(path, "its companion directory is a link, which is not followed")
    for each in directory.rglob("*"):
        name = each.relative_to(directory).as_posix()
        if each.is_symlink():
            raise Refusal(path, f"{name} in its companion directory is a link, which is not followed")
        if each.is_file() and name not in members:
            raise Refusal(path, f"{name} in its companion directory is not of the catalogue", "Move it elsewhere")


def _span(found: IdxDataset, name: str) -> tuple[float, float] | None:
    """The range of all values of a field, as its converter counted it."""
    import numpy as np

    from dbproc.codes.idx.values import unpacked

    tally, field = found.metadata.tallies.get(name), found.field(name)
    if tally is None or tally.minimum is None or tally.maximum is None or field.components > 1:
        return None
    if field.unsigned:
        return float(tally.minimum), float(tally.maximum)
    ends = unpacked(np.asarray([tally.minimum, tally.maximum], field.dtype), field)
    low, high = sorted(float(each) for each in ends)
    return low, high
