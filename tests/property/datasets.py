"""Drawn datasets: arrays in files, an opener for them, and a process that converts them and reads them back.

The opener is one that any converter might have; what is below it is all real.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dbproc.codes.idx.description import Axis, Description, Field, Tally, number
from dbproc.codes.idx.files import origins
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box

Array = np.ndarray[Any, Any]
OPENER = "tests.property.datasets:open_source"
NEW = "file"


@dataclass(frozen=True)
class World:
    """What is converted, and how. ``parts`` are the sizes of the files on axis ``joint``, which may be a new one.

    Axis ``falling`` has latitudes that fall in each file.
    """

    dtype: str
    shape: tuple[int, ...]
    components: int
    parts: tuple[int, ...]
    joint: int | None
    timesteps: str
    slab: int
    codec: str
    fills: tuple[int | float | str, ...]
    valid: tuple[int | float | None, int | float | None]
    is_unsigned: bool
    kind: str
    seed: int
    falling: int | None = None

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of a file."""
        return tuple(f"a{i}" for i in range(len(self.shape)))

    @property
    def files(self) -> list[Array]:
        """What each file holds: along a new axis all have ``shape``, else it is cut on the axis that is joined."""
        if self.joint is None:
            return [_values(self, self.shape, self.seed + i) for i in range(len(self.parts))]
        cuts = np.cumsum(self.parts)[:-1]
        return np.split(_values(self, self.shape, self.seed), cuts, axis=self.joint)

    @property
    def whole(self) -> tuple[Array, tuple[str, ...]]:
        """All files as one array with the timesteps first, and its axes."""
        names, values = self.axes, self._joined()
        if self.is_along_new:
            names = (NEW, *names)
        if self.time is not None:
            values = np.moveaxis(values, names.index(self.time), 0)
            names = (self.time, *(each for each in names if each != self.time))
        return np.ascontiguousarray(values), names

    @property
    def is_along_new(self) -> bool:
        """Whether the files are joined along an axis of their own."""
        return self.joint is None and len(self.parts) > 1

    @property
    def time(self) -> str | None:
        """The axis of the timesteps."""
        return self.timesteps if self.timesteps not in ("", "none") else None

    @property
    def turned(self) -> tuple[str, ...]:
        """The axis that is stored in reverse: where its latitudes fall from the first file to the last."""
        i = self.falling
        is_cut = i == self.joint and len(self.parts) > 1
        if i is None or is_cut or self.shape[i] == 1 or self.time == self.axes[i]:
            return ()
        return (self.axes[i],)

    def refused(self, axes: int) -> str:
        """Why it cannot be stored in so many axes; empty where it can."""
        if self.components > 1 and axes == 5:
            return "4 axes can be stored then"
        is_fit = axes in (2, 3) and self.components == 1 and self.dtype in ("float32", "float64", "int32", "int64")
        return "" if self.codec != "zfp" or is_fit else "zfp cannot hold"

    def _joined(self) -> Array:
        if self.is_along_new:
            return np.stack(self.files)
        return np.concatenate(self.files, axis=self.joint or 0)


def _values(world: World, shape: tuple[int, ...], seed: int) -> Array:
    """Bit patterns of all kinds, or few values, or but one."""
    kind, random = np.dtype(world.dtype), np.random.default_rng(seed)
    whole = (*shape, world.components) if world.components > 1 else shape
    size = int(np.prod(whole))
    bits = random.integers(0, 256, (size, kind.itemsize), dtype=np.uint8)
    if world.kind == "constant":
        bits[:] = bits[:1]
    values = bits.reshape(-1).view(kind).copy()
    if world.kind == "few":
        values = random.integers(0, 7, size).astype(kind)
    if kind.kind == "f" and world.kind != "constant":
        special = np.array([np.nan, np.inf, -np.inf, -0.0], dtype=kind)
        values[random.integers(0, size, 9)] = special[random.integers(0, 4, 9)]
    return values.reshape(whole)


def tally(values: Array, world: World) -> Tally:
    """The counts and the range as numpy tells them, value by value."""
    flat = values.reshape(-1)
    if world.is_unsigned and flat.dtype.kind == "i":
        flat = flat.view(f"u{flat.dtype.itemsize}")
    nan = flat != flat
    fill = np.isin(flat, [_as_type(each, flat.dtype) for each in world.fills]) & ~nan
    low, high = world.valid
    outside = np.zeros(flat.shape, bool)
    outside |= False if low is None else flat < low
    outside |= False if high is None else flat > high
    outside &= ~nan & ~fill
    rest = ~nan & ~fill & ~outside
    infinite = rest & np.isinf(flat) if flat.dtype.kind == "f" else np.zeros(flat.shape, bool)
    usable = flat[rest & ~infinite]
    ends = (number(usable.min()), number(usable.max())) if usable.size else (None, None)
    counts = (int(each.sum()) for each in (nan, fill, outside, infinite))
    return Tally(int(usable.size), *counts, *ends)


def _as_type(value: int | float | str, dtype: np.dtype[Any]) -> Any:
    return dtype.type(float(value) if isinstance(value, str) else value)


def write(world: World, directory: Path) -> list[Path]:
    """The files of a world."""
    paths = [directory / f"part{i}.npy" for i in range(len(world.parts))]
    for path, values in zip(paths, world.files, strict=True):
        np.save(path, values)
    return paths


def options(world: World) -> dict[str, Any]:
    """What the opener is told."""
    names = ("dtype", "components", "fills", "valid", "is_unsigned")
    falling = None if world.falling is None else world.axes[world.falling]
    return {"axes": world.axes, "falling": falling, **{name: getattr(world, name) for name in names}}


@contextmanager
def open_source(inputs: Sequence[Path], told: Mapping[str, Any]) -> Iterator[Source]:
    """Open one file."""
    yield Source(inputs[0], told)


class Source:
    """An array in a file of numpy's."""

    def __init__(self, path: Path, told: Mapping[str, Any]) -> None:
        self._values = np.load(path, mmap_mode="r")
        shape = self._values.shape[: len(told["axes"])]
        low, high = told["valid"]
        field = Field(
            "v",
            "v",
            told["dtype"],
            told["components"],
            fills=tuple(told["fills"]),
            valid_min=low,
            valid_max=high,
            unsigned=told["is_unsigned"],
        )
        axes = tuple(_axis(name, size, told["falling"]) for name, size in zip(told["axes"], shape, strict=True))
        self.description = Description("drawn", origins([path]), shape, axes, (field,), "none")

    def read(self, field: str, box: Box) -> Array:
        return np.asarray(self._values[box])


def _axis(name: str, size: int, falling: str | None) -> Axis:
    if name != falling:
        return Axis(name, size)
    return Axis(name, size, units="degrees_north", coordinates=tuple(range(size, 0, -1)))


def quiet() -> None:
    """Keep what OpenVisus prints away."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def built(world: World, directory: Path) -> Path | str:
    """Convert a world in this process, as the child of a conversion does; the ``.idx``, or why it was refused."""
    from dbproc.codes.conversion.building import convert
    from dbproc.codes.idx.reports import Reports

    idx = directory / "x.idx"
    job = {
        "inputs": [str(path) for path in write(world, directory)],
        "about": "drawn",
        "opener": OPENER,
        "options": options(world),
        "idx": str(idx),
        "slab": world.slab,
        "join": f"a{world.joint}" if world.joint is not None and len(world.parts) > 1 else "",
        "new_axis": NEW,
        "is_whole": False,
        "timesteps": world.timesteps,
        "ranges": [],
        "keep_rows": False,
        "suffixes": [".npy"],
        "companions": False,
        "codec": world.codec,
        "reuse": "",
    }
    try:
        convert(job, Reports(io.BytesIO(), 60))
    except Refusal as refusal:
        return str(refusal)
    return idx


def plain(idx: Path, steps: int | None) -> Array:
    """All values as OpenVisus alone reads them, timesteps first."""
    db = importlib.import_module("OpenVisus").LoadDataset(str(idx))
    if steps is None:
        return np.array(db.read(field="v"))
    return np.stack([np.array(db.read(field="v", time=step)) for step in range(steps)])
