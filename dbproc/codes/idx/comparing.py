"""How two datasets differ: fields, shapes, types, every value bit for bit, and what their metadata say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx import slabs
from dbproc.codes.idx.description import Description, Number, number, plain
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

BUDGET = 64 << 20
"""Bytes of each dataset that are in memory at a time."""


@dataclass(frozen=True)
class Difference:
    """How the values of a field differ."""

    field: str  #: its name
    kind: str = ""  #: why the values were not compared (missing, another shape or type); empty where they were
    values: int = 0  #: how many there are
    differing: int = 0  #: how many are not the same bit for bit
    largest: Number | None = None  #: the largest difference of two numbers; null where there is none
    first: tuple[int, ...] | None = None  #: the index of the first that differs, components last

    @property
    def same(self) -> bool:
        """Whether the field is the same in both."""
        return not self.kind and not self.differing

    def __str__(self) -> str:
        if self.same:
            return f"{self.field}: all {self.values} values are the same"
        if self.kind:
            return f"{self.field}: {self.kind}"
        most = "" if self.largest is None else f", by at most {self.largest:g}"
        return f"{self.field}: {self.differing} of {self.values} values differ{most}, first at {list(self.first or ())}"


@dataclass(frozen=True)
class DatasetComparison:
    """How two datasets differ."""

    fields: tuple[Difference, ...]  #: each field
    metadata: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)  #: what else is not the same: old and new

    @property
    def same(self) -> bool:
        """Whether all values are; the metadata may differ."""
        return all(each.same for each in self.fields)


def compare(old: str | Path, new: str | Path) -> DatasetComparison:
    """Compare two whole datasets; raises Refusal when one is not whole."""
    first, second = open_idx(old), open_idx(new)
    names = dict.fromkeys(each.name for each in (*first.description.fields, *second.description.fields))
    return DatasetComparison(tuple(_field(first, second, name) for name in names), _metadata(first, second))


def _field(first: IdxDataset, second: IdxDataset, name: str) -> Difference:
    for dataset, which in ((first, "new"), (second, "old")):
        if name not in {each.name for each in dataset.description.fields}:
            return Difference(name, f"it is in the {which} one only")
    old, new = first.field(name), second.field(name)
    if first.shape != second.shape:
        return Difference(name, f"its shape is {list(first.shape)} in the old one and {list(second.shape)} in the new")
    if old.openvisus_dtype != new.openvisus_dtype:
        return Difference(name, f"it is {old.openvisus_dtype} in the old one and {new.openvisus_dtype} in the new")
    import numpy as np

    found = Difference(name)
    for box in slabs.plan(first.shape, np.dtype(old.dtype).itemsize * old.components, BUDGET):
        found = _added(found, first.read(name, box), second.read(name, box), tuple(part.start for part in box))
    return found


def _added(found: Difference, old: Values, new: Values, corner: tuple[int, ...]) -> Difference:
    """What was found with what one more slab has."""
    import numpy as np

    bits = np.dtype(f"u{old.dtype.itemsize}")
    unequal = old.view(bits) != new.view(bits)
    count = int(np.count_nonzero(unequal))
    if not count:
        return replace(found, values=found.values + old.size)
    first = found.first
    if first is None:
        at = np.unravel_index(int(np.argmax(unequal)), unequal.shape)
        first = tuple(int(i) + (corner[k] if k < len(corner) else 0) for k, i in enumerate(at))
    largest = _largest(old[unequal], new[unequal])
    known = [float(each) for each in (found.largest, largest) if each is not None]
    return Difference(
        found.field, "", found.values + old.size, found.differing + count, number(max(known)) if known else None, first
    )


def _largest(old: Values, new: Values) -> float | None:
    """The largest finite difference, exact up to float64."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        step = np.abs(new.astype(np.float64) - old.astype(np.float64))
    finite = step[np.isfinite(step)]
    return float(finite.max()) if finite.size else None


def _metadata(first: IdxDataset, second: IdxDataset) -> dict[str, tuple[Any, Any]]:
    old, new = _flat(first.description), _flat(second.description)
    keys = dict.fromkeys((*old, *new))
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flat(description: Description) -> dict[str, Any]:
    """The facts by their names: those of axes and fields each by their own."""
    content = plain(asdict(description))
    named = {kind: content.pop(kind) for kind in ("axes", "fields")}
    found = dict(content)
    for kind, word in (("axes", "axis"), ("fields", "field")):
        for each in named[kind]:
            found |= {f"{word} {each['name']} {key}": value for key, value in each.items() if key != "name"}
    return found
