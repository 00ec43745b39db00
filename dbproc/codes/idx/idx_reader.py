"""Reading IDX datasets back, sure that nothing is missing: OpenVisus itself returns zeros for what is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbproc.codes.idx import manifest
from dbproc.codes.idx.description import KEY, Axis, Description, Field, Metadata
from dbproc.codes.idx.files import require_files
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import BUDGET, Box, shape_of, to_json, whole
from dbproc.codes.idx.supervision import PATIENCE, child

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values


@dataclass(frozen=True)
class IdxDataset:
    """A dataset that was found whole when it was opened.

    Parameters
    ----------
    path
        The ``.idx``.
    metadata
        What its converter left; for datasets made elsewhere, what the ``.idx`` itself tells.
    steps
        The numbers of its timesteps, for datasets made elsewhere; those of converters count from 0.
    """

    path: Path
    metadata: Metadata
    steps: tuple[int, ...] = ()

    @property
    def description(self) -> Description:
        """Shape, axes, fields and where they come from."""
        return self.metadata.description

    @property
    def shape(self) -> tuple[int, ...]:
        """The source's shape, slowest axis first."""
        return self.description.shape

    def field(self, name: str | None = None) -> Field:
        """The field of that name; without a name the only field there is.

        Raises
        ------
        Refusal
            Listing the fields, when there is none of that name or several to choose from.
        """
        fields = {each.name: each for each in self.description.fields}
        if name is None and len(fields) == 1:
            return self.description.fields[0]
        if name is None or name not in fields:
            what = "it has several fields" if name is None else f"it has no field {name!r}"
            raise Refusal(self.path, what, f"Choose one of: {', '.join(fields)}")
        return fields[name]

    def read(self, name: str | None = None, box: Box | None = None) -> Values:
        """The stored values of a field, of the source's dtype and shape; components, if any, are a last axis.

        Parameters
        ----------
        name
            The field; may be left out where there is but one.
        box
            A slice with start and stop for each axis of :attr:`shape`; all of it when left out.
        """
        field = self.field(name)
        wanted = whole(self.shape) if box is None else box
        if any(not 0 <= part.start < part.stop <= size for part, size in zip(wanted, self.shape, strict=True)):
            raise Refusal(self.path, f"{to_json(wanted)} is not within its shape {self.shape}")
        return _fetch(self, field, wanted)


def open_idx(path: str | Path, *, verify: bool = True) -> IdxDataset:
    """Open a dataset and make sure that it is whole.

    Parameters
    ----------
    path
        The ``.idx``.
    verify
        Whether to compare the SHA-256 of every file with the manifest; else their sizes only. Of a dataset that was
        made elsewhere every block is read instead, which finds missing ones but no changed values.

    Raises
    ------
    Refusal
        Naming what is missing or damaged.
    """
    idx = Path(path).absolute()
    require_files([idx])
    listed = manifest.verify(idx, digests=verify)
    metadata = read_metadata(idx)
    if metadata is None:
        return _inspected(idx)
    if not listed:
        raise Refusal(manifest.path(idx), "the dataset's manifest is missing", "Make the dataset again from its source")
    return IdxDataset(idx, metadata)


def read_field(path: str | Path, name: str | None = None) -> Values:
    """All stored values of a field of a verified dataset, equal to the source's array in dtype, shape and bits."""
    return open_idx(path).read(name)


def read_metadata(path: str | Path) -> Metadata | None:
    """What the converter left in the ``.idx``; None when it was made elsewhere. Reads no blocks, checks none."""
    lines = Path(path).read_text(errors="replace").splitlines()
    if f"({KEY})" not in lines[:-1]:
        return None
    try:
        return Metadata.from_text(lines[lines.index(f"({KEY})") + 1])
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(path, f"its metadata cannot be read: {error}", "Make the dataset again") from error


def _fetch(dataset: IdxDataset, field: Field, box: Box) -> Values:
    import numpy as np

    shape = shape_of(box) if field.components == 1 else (*shape_of(box), field.components)
    values = np.empty(shape, dtype=field.dtype)
    target, filled = values.reshape(-1).view(np.uint8).data, 0
    with child("dbproc.codes.idx.reading:read", dataset.path, _job(dataset, field, box)) as worker:
        for report in worker.reports():
            worker.read_into(target[filled : filled + report["bytes"]])
            filled += report["bytes"]
    return values


def _job(dataset: IdxDataset, field: Field, box: Box) -> dict[str, Any]:
    has_steps = bool(dataset.description.timesteps)
    inside = box[len(box) - len(dataset.metadata.stored_shape) :] if len(box) > has_steps else (slice(0, 1),)
    steps = range(box[0].start, box[0].stop) if has_steps else range(1)
    return {
        "idx": str(dataset.path),
        "field": field.name,
        "dtype": field.dtype,
        "components": field.components,
        "box": to_json(inside),
        "shape": dataset.metadata.stored_shape,
        "turned": dataset.metadata.turned,
        "steps": [dataset.steps[step] if dataset.steps else step for step in steps],
        "slab": BUDGET,
        "patience": PATIENCE,
    }


def _inspected(idx: Path) -> IdxDataset:
    """What OpenVisus makes of a dataset, every block of it being there."""
    with child(
        "dbproc.codes.idx.reading:inspect", idx, {"idx": str(idx), "slab": BUDGET, "patience": PATIENCE}
    ) as worker:
        (report,) = worker.reports()
    if report["absent"]:
        absent = report["absent"]
        raise Refusal(idx, f"{len(absent)} of its blocks are missing or cut, first {absent[0]}", "Get it again")
    stored, steps = tuple(report["shape"]), tuple(report["steps"])
    has_steps = len(steps) > 1
    axes = tuple(Axis(f"axis{i}", size) for i, size in enumerate(stored))
    if has_steps:
        axes = (Axis("timestep", len(steps), coordinates=steps), *axes)
    fields = tuple(_foreign(idx, name, dtype) for name, dtype in report["fields"])
    shape = tuple(axis.size for axis in axes)
    timesteps, notes = "timestep" if has_steps else "", tuple(report["notes"])
    about = Description("", (), shape, axes, fields, "unknown", notes=notes, timesteps=timesteps)
    return IdxDataset(idx, Metadata(about, stored, {}), steps)


def _foreign(idx: Path, name: str, dtype: str) -> Field:
    parts = re.fullmatch(r"(u?int(?:8|16|32|64)|float(?:16|32|64))(?:\[(\d+)\])?", dtype)
    if parts is None:
        raise Refusal(idx, f"field {name!r} is of type {dtype}", "Supported are whole numbers and floats")
    return Field(name, name, parts[1], int(parts[2] or 1))
