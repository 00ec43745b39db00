"""Taking a slice out of a dataset: as a numpy array, as text, or as a picture."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dbproc.codes.idx import slabs
from dbproc.codes.idx.description import Axis, Description, Field
from dbproc.codes.idx.files import placed
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box

if TYPE_CHECKING:
    from dbproc.codes.idx.values import Values

Cut = tuple[str, int]
"""An axis, by name or number, and an index on it."""
SUFFIXES = (".npy", ".csv")
BUDGET = 64 << 20


class Sliceable(Protocol):
    """Fields of values along axes, of which boxes can be read: a dataset, or what is looked at like one."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def description(self) -> Description:
        """Axes and fields."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes, slowest first."""

    def read(self, name: str | None = None, box: Box | None = None) -> Values:
        """The stored values of a field inside a box; components, if any, are a last axis."""


def parse(text: str) -> Cut:
    """``AXIS=INDEX``; raises ValueError."""
    name, sign, index = text.rpartition("=")
    if not (name and sign):
        raise ValueError(f"{text!r} is not AXIS=INDEX, such as time=3")
    try:
        return name, int(index)
    except ValueError:
        raise ValueError(f"{text!r} is not AXIS=INDEX, such as time=3") from None


def box(dataset: Sliceable, cuts: Sequence[Cut]) -> tuple[Box, dict[int, int]]:
    """The box of a slice, and the index on each axis that it cuts.

    Raises
    ------
    Refusal
        Listing the axes, or the indices, when there is none of that name or number.
    """
    chosen: dict[int, int] = {}
    for name, index in cuts:
        axis = axis_number(dataset, name)
        if axis in chosen:
            raise Refusal(dataset.path, f"axis {name!r} is cut twice", "Name it once")
        chosen[axis] = _index(dataset, dataset.description.axes[axis], index)
    parts = slabs.whole(dataset.shape)
    return tuple(slice(chosen[i], chosen[i] + 1) if i in chosen else each for i, each in enumerate(parts)), chosen


def axis_number(dataset: Sliceable, name: str) -> int:
    """The number of an axis, given by its name or number."""
    names = [axis.name for axis in dataset.description.axes]
    if name in names:
        return names.index(name)
    if name.isdigit() and int(name) < len(names):
        return int(name)
    raise Refusal(dataset.path, f"it has no axis {name!r}", f"Its axes are: {', '.join(names)}")


def extract(path: str | Path, output: Path, cuts: Sequence[Cut], name: str | None = None) -> str:
    """Write the stored values of a slice; returns one line that says what was written.

    Parameters
    ----------
    path
        The ``.idx``.
    output
        ``.npy`` for the array of the remaining axes; ``.csv`` for a row of coordinates and value for each sample.
    cuts
        Where the axes are cut; none for the whole field.
    name
        The field, where there are several.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise Refusal(output, "the output's name ends in neither .npy, .csv nor .png", "Name it something.npy")
    dataset = open_idx(path)
    field = dataset.field(name)
    wanted, chosen = box(dataset, cuts)
    write = _write_npy if output.suffix.lower() == ".npy" else _write_csv
    with placed(output) as part:
        write(dataset, field, wanted, chosen, part)
    kept = [size for i, size in enumerate(slabs.shape_of(wanted)) if i not in chosen]
    return f"{output.name}: {field.name} {field.openvisus_dtype}, shape {'x'.join(map(str, kept)) or '1'}"


def _write_npy(dataset: IdxDataset, field: Field, wanted: Box, chosen: dict[int, int], output: Path) -> None:
    import numpy as np

    kept = tuple(size for i, size in enumerate(slabs.shape_of(wanted)) if i not in chosen)
    shape = kept if field.components == 1 else (*kept, field.components)
    with output.open("wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(field.dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(stream, header)
        for values, _ in _slabs(dataset, field, wanted):
            stream.write(values.tobytes())


def _write_csv(dataset: IdxDataset, field: Field, wanted: Box, chosen: dict[int, int], output: Path) -> None:
    import numpy as np

    axes = dataset.description.axes
    names = [field.name] if field.components == 1 else [f"{field.name}[{i}]" for i in range(field.components)]
    with output.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*(_column(axis) for axis in axes), *names])
        places = [_places(axis) for axis in axes]
        for values, part in _slabs(dataset, field, wanted):
            flat = values.reshape(-1, field.components)
            indices = np.ndindex(*slabs.shape_of(part))
            for index, sample in zip(indices, flat.tolist(), strict=True):
                told = [places[i][each.start + k] for i, (each, k) in enumerate(zip(part, index, strict=True))]
                writer.writerow([*told, *sample])


def _slabs(dataset: IdxDataset, field: Field, wanted: Box) -> Iterable[tuple[Any, Box]]:
    import numpy as np

    sample = np.dtype(field.dtype).itemsize * field.components
    for part in slabs.plan(slabs.shape_of(wanted), sample, BUDGET):
        inside = slabs.shifted(part, wanted)
        yield dataset.read(field.name, inside), inside


def _column(axis: Axis) -> str:
    return f"{axis.name} ({axis.units})" if axis.units and axis.is_placed else axis.name


def _places(axis: Axis) -> Sequence[float]:
    return axis.positions() or range(axis.size)


def _index(dataset: Sliceable, axis: Axis, index: int) -> int:
    if -axis.size <= index < axis.size:
        return index % axis.size
    raise Refusal(dataset.path, f"axis {axis.name!r} has no index {index}", f"Choose one from 0 to {axis.size - 1}")
