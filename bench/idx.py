"""Conversion to IDX in turn with others' ways to store the same: one volume, and many small images as a time series."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.places import Place
from bench.table import Row
from tests.big.footprint import Footprint, footprint

ROOT = Path(__file__).resolve().parent.parent
OURS, THEIRS, ZARR, HDF5 = "dbproc", "ScientistCloud's way", "zarr 3, blosc-zstd", "h5py, shuffle and gzip 1"
DTYPES = ("float32", "uint16", "uint8")
"""Types of values; of all but the first only time is told."""
IMAGE = 512
"""Rows and columns of a small image."""


@dataclass(frozen=True)
class Taken:
    """What a way took in one round, and how large its result is."""

    footprint: Footprint
    size: int


Of = Callable[[Taken], float]


def measure(place: Place, side: int, images: int, rounds: int) -> list[Row]:
    """The volume and the images, all ways in each round."""
    directory = place.directory / "idx"
    directory.mkdir(exist_ok=True)
    try:
        volumes = [row for dtype in DTYPES for row in _volume(directory, side, dtype, rounds)]
        return [*volumes, *(_images(directory, images, dtype, rounds) for dtype in DTYPES)]
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _volume(directory: Path, side: int, dtype: str, rounds: int) -> Iterator[Row]:
    source = directory / f"{dtype}.h5"
    _in_process("write_volume", source, side, dtype)
    code = ["-m", "dbproc.codes.hdf5_to_idx", str(source)]
    ways = {
        OURS: lambda target: [*code, str(target / "x.idx")],
        THEIRS: lambda target: _way("scientistcloud", source, target),
        ZARR: lambda target: _way("zarr3", source, target),
        HDF5: lambda target: _way("h5repacked", source, target),
    }
    taken = _in_turn(ways, directory, rounds)
    ours, theirs, zarr, hdf5 = (taken[name] for name in (OURS, THEIRS, ZARR, HDF5))
    source.unlink()
    what = f"{dtype} {side}³"

    def row(
        name: str, of: Callable[[Taken], float], unit: str, others: list[Taken], than: str, target: float | None
    ) -> Row:
        return Row(
            "idx", "", f"{what}: {name}", [*map(of, ours)], unit, [*map(of, others)], than, target, is_ratio=True
        )

    is_first = dtype == DTYPES[0]
    yield row("whole job", _wall, "s", theirs, THEIRS, 0.18 if is_first else None)
    yield row("processors", _cpu, "s", zarr, ZARR, 2 if is_first else None)
    if not is_first:
        return
    yield row("whole job", _wall, "s", hdf5, HDF5, None)
    yield row("processors", _cpu, "s", hdf5, HDF5, None)
    yield row("peak of memory", _memory, "MiB", theirs, THEIRS, 0.1)
    yield row("peak of memory", _memory, "MiB", zarr, ZARR, None)
    yield row("size", _size, "MB", theirs, THEIRS, 1.0)
    yield row("size", _size, "MB", zarr, ZARR, None)
    yield row("size", _size, "MB", hdf5, HDF5, None)


def _images(directory: Path, images: int, dtype: str, rounds: int) -> Row:
    source = directory / f"images_{dtype}"
    _in_process("write_images", source, images, dtype)
    told = ["-m", "dbproc.codes.tiff_to_idx", "--join", "time", "--timesteps", "time", str(source)]
    ways = {OURS: lambda target: [*told, str(target / "x.idx")], THEIRS: lambda target: _way("series", source, target)}
    taken = _in_turn(ways, directory, rounds)
    shutil.rmtree(source)
    rates = {name: [images / each.footprint.wall for each in found] for name, found in taken.items()}
    what, unit = f"{dtype}, {images} images of {IMAGE}²", "files/s"
    target = 4.0 if dtype == DTYPES[0] else None
    return Row("idx", "", what, rates[OURS], unit, rates[THEIRS], THEIRS, target, more_is_better=True, is_ratio=True)


def _in_turn(ways: dict[str, Callable[[Path], list[str]]], directory: Path, rounds: int) -> dict[str, list[Taken]]:
    found: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            target = directory / "target"
            target.mkdir()
            os.sync()
            took = footprint([sys.executable, *way(target)], _environment())
            if took.status:
                raise SystemExit(f"{name}: {took.said[-2000:]}")
            size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
            found[name].append(Taken(took, size))
            shutil.rmtree(target)
    return found


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _way(name: str, source: Path, target: Path) -> list[str]:
    return ["-m", "bench.idx", name, str(source), str(target)]


def _in_process(name: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "bench.idx", name, *map(str, arguments)], check=True, env=_environment())


def _wall(taken: Taken) -> float:
    return taken.footprint.wall


def _cpu(taken: Taken) -> float:
    return taken.footprint.cpu


def _memory(taken: Taken) -> float:
    return taken.footprint.memory / 2**20


def _size(taken: Taken) -> float:
    return taken.size / 1e6


def write_volume(path: str, side: str, dtype: str) -> None:
    """A smooth volume with some noise, as one contiguous dataset."""
    import h5py
    import numpy as np

    n, random = int(side), np.random.default_rng(0)
    y, x = np.meshgrid(*[np.linspace(0, 6, n, dtype="float32")] * 2, indexing="ij")
    with h5py.File(path, "w") as file:
        values = file.create_dataset("v", (n, n, n), dtype)
        for i, z in enumerate(np.linspace(0, 3, n, dtype="float32")):
            values[i] = _as(dtype, (np.sin(x) * np.cos(y) * z + random.normal(0, 1e-3, (n, n))) / 4)


def _as(dtype: str, values: Any) -> Any:
    """Numbers between -1 and 1 as such of a type, whole ones over most of what it holds."""
    import numpy as np

    limits = np.iinfo(dtype) if np.dtype(dtype).kind == "u" else None
    return values.astype(dtype) if limits is None else ((values + 1) / 2 * limits.max).round().astype(dtype)


def write_images(path: str, count: str, dtype: str) -> None:
    """Numbered images of one scene that moves."""
    import numpy as np
    import tifffile

    Path(path).mkdir()
    random = np.random.default_rng(0)
    y, x = np.meshgrid(*[np.linspace(0, 6, IMAGE, dtype="float32")] * 2, indexing="ij")
    for i in range(int(count)):
        values = (np.sin(x + i / 100) * np.cos(y) + random.normal(0, 1e-3, (IMAGE, IMAGE))) / 2
        tifffile.imwrite(Path(path) / f"image{i:05}.tif", _as(dtype, values))


def scientistcloud(source: str, target: str) -> None:
    """The whole array into memory, written at once, compressed in place by OpenVisus."""
    import h5py

    with h5py.File(source) as file:
        values = file["v"][...]
    ov = importlib.import_module("OpenVisus")
    fields = [ov.Field("v", values.dtype.name, "row_major")]
    db = ov.CreateIdx(url=f"{target}/x.idx", dims=list(reversed(values.shape)), fields=fields, arco="modvisus")
    db.write(values)
    db.compressDataset(["zip"])


def series(source: str, target: str) -> None:
    """The same for images, each of them a timestep."""
    import numpy as np
    import tifffile

    paths = sorted(Path(source).iterdir())
    values = np.stack([tifffile.imread(path) for path in paths])
    ov = importlib.import_module("OpenVisus")
    db = ov.CreateIdx(
        url=f"{target}/x.idx",
        dims=list(reversed(values.shape[1:])),
        fields=[ov.Field("v", values.dtype.name, "row_major")],
        time=[0, len(paths) - 1, "t%06d/"],
        arco="modvisus",
    )
    for step, image in enumerate(values):
        db.write(image, time=step)
    db.compressDataset(["zip"])


def zarr3(source: str, target: str) -> None:
    """Plane by plane of chunks into zarr, format 3, with its usual blosc-zstd."""
    import h5py
    import zarr
    from zarr.codecs import BloscCodec

    with h5py.File(source) as file:
        values = file["v"]
        array = zarr.create_array(
            f"{target}/x.zarr",
            shape=values.shape,
            dtype=values.dtype,
            chunks=(64, 64, 64),
            compressors=BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
        )
        for start in range(0, len(values), 64):
            array[start : start + 64] = values[start : start + 64]


def h5repacked(source: str, target: str) -> None:
    """As h5repack -f SHUF -f GZIP=1 does it."""
    import h5py

    with h5py.File(source) as file, h5py.File(f"{target}/x.h5", "w") as packed:
        values = file["v"]
        options: dict[str, Any] = {
            "chunks": (64, 64, 64),
            "shuffle": True,
            "compression": "gzip",
            "compression_opts": 1,
        }
        array = packed.create_dataset("v", values.shape, values.dtype, **options)
        for start in range(0, len(values), 64):
            array[start : start + 64] = values[start : start + 64]


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        globals()[sys.argv[1]](*sys.argv[2:])
    sys.stdout.flush()
    os._exit(0)  # OpenVisus may hang while it is taken down
