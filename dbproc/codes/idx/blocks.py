"""The blocks of an IDX dataset through OpenVisus, its traps fenced. To be used in a child process only.

OpenVisus swaps bytes, clips, fills with zeros and crashes without saying so; so everything given to it is asserted
first, and everything it made is compared afterwards. ``reference/openvisus.md`` tells what was measured.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.idx import idx_file
from dbproc.codes.idx.description import KEY, Axis, Field, Number, told_apart
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box, shape_of
from dbproc.codes.idx.values import REGULAR_TOLERANCE, Values
from dbproc.codes.idx.written import Written

TIME_TEMPLATE, FILE_TEMPLATE = "t%06d/", "t%06d."
"""How the files of a timestep are named: in a directory of their own; where there is but one, that one."""
SAMPLE_BYTES = 32
"""Samples up to this size are stored exactly; of larger ones OpenVisus knows but a few."""


@dataclass(frozen=True)
class Layout:
    """What the ``.idx`` says of itself: shape (slowest first), each field's name and OpenVisus type, the timesteps.

    A dataset without a time of its own has the one timestep 0.
    """

    shape: tuple[int, ...]
    fields: tuple[tuple[str, str], ...]
    steps: tuple[int, ...] = (0,)


def create(
    path: Path, shape: tuple[int, ...], fields: Sequence[Field], axes: Sequence[Axis], steps: int | None = None
) -> None:
    """Write the ``.idx`` of a dataset that has no blocks yet, its companion named after it, and check what it says.

    With ``steps`` it has that many timesteps, each with a directory of its own in the companion, ``t000000`` …, or a
    file, where one is enough.
    """
    ov = _openvisus()
    idx = ov.IdxFile()
    dims = [int(size) for size in reversed(shape)]
    idx.logic_box = ov.BoxNi(ov.PointNi.zero(len(dims)), ov.PointNi(dims))
    for each in fields:
        idx.fields.push_back(ov.Field(each.name, each.openvisus_dtype, "row_major"))
    if shape == (1,):
        idx.bitmask = ov.DatasetBitmask.fromString("V0")
    idx.axis = " ".join(reversed(told_apart(_token(axis.name) for axis in axes)))
    box = [*zip(*edges(axes[::-1]), strict=True)]
    idx.bounds = ov.Position(ov.BoxNd(*(ov.PointNd(list(each)) for each in box)))
    idx.blocksperfile = 0  # as many as OpenVisus thinks right: 256 at most
    idx.filename_template = f"./{path.stem}/%04x.bin"
    if steps is not None:
        idx.timesteps = ov.DatasetTimesteps(0, steps - 1, 1)
        idx.time_template = TIME_TEMPLATE
    _save(idx, path)
    stored = idx_file.read(path)
    if steps is not None and stored.blocks <= stored.blocks_per_file:
        idx.time_template = FILE_TEMPLATE
        _save(idx, path)
    _check(path, Layout(shape, tuple((each.name, each.openvisus_dtype) for each in fields), tuple(range(steps or 1))))


def annotate(path: Path, text: str, ranges: Mapping[str, tuple[Number, Number]]) -> None:
    """Put the metadata (one line) and the ranges of fields into the ``.idx``, and check that they come back.

    Of ranges OpenVisus keeps six decimals; so they are written behind its back.
    """
    ov = _openvisus()
    before = layout(path)
    idx = ov.IdxFile()
    idx.load(str(path))
    idx.metadata.setValue(KEY, text)
    _save(idx, path)
    path.write_text(idx_file.with_ranges(path.read_text(), ranges))
    again = ov.IdxFile()
    again.load(str(path))
    if again.metadata.getValue(KEY) != text:
        raise Refusal(path.name, "OpenVisus changed the metadata while writing it", "Please report this input")
    _check(path, before)


def layout(path: Path) -> Layout:
    """What the ``.idx`` at ``path`` holds, as OpenVisus understands it."""
    return Blocks(path).layout


class Blocks:
    """An open dataset: whole boxes in and out.

    Parameters
    ----------
    path
        The ``.idx``.
    """

    def __init__(self, path: Path) -> None:
        self._ov = _openvisus()
        self.path = path
        try:
            self._db = self._ov.LoadDataset(str(path))
        except Exception as error:
            todo = "It is damaged, or no IDX file at all"
            raise Refusal(path, "OpenVisus cannot open it", todo) from error
        idx = self._db.db.idxfile
        template = str(idx.filename_template)
        idx_file.require_own(path, template, str(idx.time_template))
        if template == idx_file.plain(template):  # not below the working directory, where OpenVisus would seek them
            idx.filename_template = str(path.absolute().parent / template)
        box, fields = self._db.db.getLogicBox(), idx.fields
        size = [int(box.p2[i]) - int(box.p1[i]) for i in range(self._db.getPointDim())]
        self._origin = [int(box.p1[i]) for i in range(self._db.getPointDim())]
        found = tuple((fields[i].name, fields[i].dtype.toString()) for i in range(fields.size()))
        steps = tuple(int(each) for each in self._db.getTimesteps())
        self.layout = Layout(tuple(reversed(size)), found, steps)
        if not found or min(size, default=0) < 1:
            raise Refusal(path, "it describes no data", "It is damaged, or no IDX file at all")

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The names of the axes as the ``.idx`` has them, quickest first; none, where it has none."""
        return tuple(str(self._db.db.idxfile.axis).split())

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The physical box: start and stop of each axis, quickest first."""
        box = self._db.db.idxfile.bounds.toAxisAlignedBox()
        return tuple((float(box.p1[i]), float(box.p2[i])) for i in range(len(self.layout.shape)))

    def write(self, field: Field, box: Box, values: Values, step: int = 0) -> None:
        """Store ``values`` (of exactly the box's shape and the field's type) into ``box`` of a timestep."""
        self._assert_fits(field, box, values)
        try:
            self._db.write(values, field=field.name, logic_box=self._logic(box), time=step)
        except Exception as error:
            todo = "Is the disk full, or the directory gone?"
            raise Refusal(self.path.name, f"OpenVisus could not write field {field.name!r}", todo) from error

    def read(self, name: str, box: Box, step: int = 0) -> Values:
        """The values of a field inside ``box`` of a timestep, components last."""
        try:
            values = np.asarray(self._db.read(field=name, logic_box=self._logic(box), time=step))
        except Exception as error:
            raise Refusal(self.path.name, f"OpenVisus could not read field {name!r}") from error
        if values.shape[: len(box)] != shape_of(box):
            raise Refusal(self.path.name, f"OpenVisus read {values.shape} where {shape_of(box)} was asked for")
        return values

    def absent(self, there: Written | None = None) -> list[str]:
        """The blocks that hold a part of the data but cannot be read, each as ``field block 17``.

        Parameters
        ----------
        there
            What was ever written; by default all that is declared.
        """
        steps, left = (there.steps, there.left) if there else (self.layout.steps, frozenset[tuple[int, str]]())
        told = [f" of timestep {step}" if len(steps) > 1 else "" for step in steps]
        return [
            f"{name} block {block}{words}"
            for step, words in zip(steps, told, strict=True)
            for name, _ in self.layout.fields
            if (step, name) not in left
            for block in self._absent(name, step)
        ]

    def _absent(self, name: str, step: int) -> Iterable[int]:
        access = self._db.createAccess()
        access.beginRead()
        try:
            for block in range(int(self._db.getTotalNumberOfBlocks())):
                if self._meets(block, name) and not self._is_there(block, name, step, access):
                    yield block
        finally:
            access.endRead()

    def _is_there(self, block: int, name: str, step: int, access: Any) -> bool:
        return self._db.readBlock(block, time=step, field=name, access=access) is not None

    def _meets(self, block: int, name: str) -> bool:
        """Whether a block's box meets the data's: others are padding and need not exist."""
        db = self._db.db
        query = db.createBlockQuery(block, self._db.getField(name), db.getTime(), ord("r"), self._ov.Aborted())
        inside, box = query.getLogicBox(), db.getLogicBox()
        axes = range(len(self.layout.shape))
        return all(max(inside.p1[i], box.p1[i]) < min(inside.p2[i], box.p2[i]) for i in axes)

    def _logic(self, box: Box) -> tuple[list[int], list[int]]:
        """A box as OpenVisus tells it: quickest axis first, from the dataset's own corner."""
        parts = list(zip(reversed(box), self._origin, strict=True))
        return [part.start + corner for part, corner in parts], [part.stop + corner for part, corner in parts]

    def _assert_fits(self, field: Field, box: Box, values: Values) -> None:
        wanted = shape_of(box) if field.components == 1 else (*shape_of(box), field.components)
        within = all(0 <= part.start < part.stop <= size for part, size in zip(box, self.layout.shape, strict=True))
        found = (values.shape, values.dtype.name, values.dtype.isnative, values.flags.c_contiguous)
        if not within or found != (wanted, field.dtype, True, True):
            raise AssertionError(f"{field.name}: {found} does not fit into {wanted} {field.dtype} at {box}")


def _openvisus() -> Any:
    return importlib.import_module("OpenVisus")


def _check(path: Path, wanted: Layout) -> None:
    found = layout(path)
    if found != wanted:
        raise Refusal(path.name, f"OpenVisus made {found} where {wanted} was asked for", "Please report this input")


def _save(idx: Any, path: Path) -> None:
    """Write the ``.idx``; OpenVisus does not say where nothing or a part of it was written."""
    idx.save(str(path))
    if not path.is_file() or not path.read_bytes().endswith(b"\n"):
        raise Refusal(path.name, "it could not be written", "Is the disk full, or the directory gone?")


def _token(name: str) -> str:
    """An axis name without the blanks that separate axis names."""
    return "_".join(name.split()) or "axis"


def edges(axes: Sequence[Axis]) -> list[tuple[float, float]]:
    """Where each axis begins and ends: in units where it is regular, rising and told by six digits, else by indices.

    Axes of one unit do so together, so that what is drawn keeps its proportions.
    """
    unfit = {axis.units for axis in axes if axis.regular is not None and _edges(axis) is None}
    return [(axis.units not in unfit and _edges(axis)) or (0.0, float(axis.size)) for axis in axes]


def _edges(axis: Axis) -> tuple[float, float] | None:
    """Where an axis begins and ends, if a viewer, which reads six digits of it, moves no sample by that."""
    line = axis.regular
    if line is None or line.step <= 0:
        return None
    ends = float(line.start), float(line.start + line.step * axis.size)
    moved = max(abs(float(f"{each:g}") - each) for each in ends)
    return ends if moved <= REGULAR_TOLERANCE * line.step else None
