"""Real inputs, and the programs run as a mission runs them: in a process of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def command(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"dbproc.codes.{code}", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def ran(directory: Path, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a shipped code with arguments; what it says and how it ended."""
    started = command(code, *arguments)
    return subprocess.run(started, cwd=directory, env=environment(), text=True, capture_output=True, check=False)


def converted(directory: Path, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a code that must succeed."""
    result = ran(directory, code, *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result


def copied(idx: Path, directory: Path) -> Path:
    """A copy of a dataset, for a test that may do with it what it likes."""
    shutil.copytree(idx.with_suffix(""), directory / idx.stem)
    return Path(shutil.copy2(idx, directory))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a code in the test's directory."""
    return partial(ran, tmp_path)


@pytest.fixture
def convert(tmp_path: Path) -> Run:
    """Run a code that must succeed, in the test's directory."""
    return partial(converted, tmp_path)


@pytest.fixture
def refused(run: Run, tmp_path: Path) -> Callable[..., str]:
    """Run a code that must refuse, in one line, and leave the directory as it was; returns what it said."""

    def refused(code: str, *arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        result = run(code, *arguments)
        assert result.returncode == 1, result.stdout
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return result.stderr

    return refused


def write_netcdf(
    path: Path,
    dimensions: Mapping[str, int],
    variables: Mapping[str, tuple[tuple[str, ...], np.ndarray[Any, Any], Mapping[str, Any]]],
    layout: str = "NETCDF4",
) -> Path:
    """Write a NetCDF file; ``_FillValue`` and ``endian`` among a variable's attributes are how it is created."""
    with netCDF4.Dataset(path, "w", format=layout) as dataset:
        for name, size in dimensions.items():
            dataset.createDimension(name, size)
        for name, (axes, values, attributes) in variables.items():
            fill, endian = attributes.get("_FillValue"), attributes.get("endian", "native")
            kind = values.dtype.newbyteorder({"big": ">", "little": "<"}.get(endian, "="))
            variable = dataset.createVariable(name, kind, axes, fill_value=fill, endian=endian)
            variable.set_auto_maskandscale(False)
            variable.setncatts({k: v for k, v in attributes.items() if k not in ("_FillValue", "endian")})
            variable[...] = values
    return path


def same_bits(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays are equal in shape, type and every bit."""
    return found.shape == wanted.shape and found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes()


def wild(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray[Any, Any]:
    """Values of all bit patterns; floats with NaN, infinities and -0 among them."""
    kind = np.dtype(dtype)
    bits = np.random.default_rng(seed).integers(0, 256, (int(np.prod(shape)), kind.itemsize), dtype=np.uint8)
    values = bits.reshape(-1).view(kind).copy()
    if kind.kind == "f":
        special = np.array([np.nan, np.inf, -np.inf, -0.0], dtype=kind)[: values.size]
        values[: special.size] = special
    return values.reshape(shape)


def require_plain(source: Any, name: str, box: tuple[slice, ...], values: np.ndarray[Any, Any]) -> None:
    """What a source reads by another way is what it reads, on every plane of a box and nowhere outside of it."""
    seen = np.zeros(tuple(part.stop for part in box), bool)
    for inside, found in source.plain(name, box):
        assert all(whole.start <= part.start < part.stop <= whole.stop for whole, part in zip(box, inside, strict=True))
        wanted = values[inside]
        assert found.shape == wanted.shape
        assert found.dtype.newbyteorder("=") == wanted.dtype.newbyteorder("=")
        assert np.ascontiguousarray(found).astype(wanted.dtype).tobytes() == np.ascontiguousarray(wanted).tobytes()
        seen[inside] = True
    assert seen[box].reshape(-1, seen[box].shape[-2] * seen[box].shape[-1]).any(axis=1).all()
