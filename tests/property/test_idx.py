"""Whatever is converted is read back equal, bit for bit, and counted as numpy counts it: on drawn datasets."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from dbproc.codes.conversion.idx_writer import Conversion, convert
from dbproc.codes.idx import manifest
from dbproc.codes.idx.idx_reader import read_field, read_metadata
from dbproc.codes.idx.slabs import stored_shape
from tests.kit.examples import examples
from tests.property import datasets
from tests.property.datasets import NEW, World

DTYPES = [*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float16", "float32", "float64"]
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 61, 64, 65, 127, 128, 129, 251, 256, 257, 1021, 4096)
MOST = 300_000
"""Values of a dataset: several blocks of 65,536 samples."""
SLABS = 40
"""Slabs of a dataset, about."""
STEPS = 9
"""Timesteps, and files, at most: each takes a file."""


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    """One to five axes of every kind of size, together not too large."""
    left, shape = draw(st.sampled_from([40, 3000, MOST])), []
    for _ in range(draw(st.integers(1, 5))):
        shape.append(draw(st.sampled_from([size for size in SIZES if size <= left])))
        left //= shape[-1]
    return tuple(draw(st.permutations(shape)))


@st.composite
def cuts(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """``size`` cut into a few parts."""
    ends = draw(st.sets(st.integers(1, max(1, size - 1)), max_size=3)) if size > 1 else set()
    edges = [0, *sorted(ends), size]
    return tuple(b - a for a, b in pairwise(edges))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Datasets of every kind that can be stored."""
    dtype, shape = np.dtype(draw(st.sampled_from(DTYPES))), draw(shapes())
    components = draw(st.sampled_from([n for n in (1, 1, 1, 2, 3, 4) if n * dtype.itemsize <= 32]))
    joint = draw(st.none() | st.integers(0, len(shape) - 1))
    parts = draw(cuts(shape[joint])) if joint is not None else (1,) * draw(st.integers(1, 3))
    names = [f"a{i}" for i, size in enumerate(shape) if size <= STEPS]
    if joint is None and len(parts) > 1:
        names.append(NEW)
    timesteps = draw(st.sampled_from(["", "none", *names]))
    axes = len(shape) + (joint is None and len(parts) > 1) - (timesteps not in ("", "none"))
    if axes > 5:
        timesteps = NEW
    size = int(np.prod(shape)) * components * dtype.itemsize * (1 if joint is not None else len(parts))
    is_unsigned = dtype.kind == "i" and draw(st.booleans())
    values = _meaningful(dtype, is_unsigned)
    return World(
        dtype=dtype.name,
        shape=shape,
        components=components,
        parts=parts,
        joint=joint,
        timesteps=timesteps,
        slab=max(draw(st.sampled_from([1, 64, 5000, 1 << 16, 1 << 20])), size // SLABS),
        codec=draw(st.sampled_from(["raw", "zip", "zip", "zfp"])),
        fills=tuple(draw(st.lists(values, max_size=2))),
        valid=(draw(st.none() | values), draw(st.none() | values)),
        is_unsigned=is_unsigned,
        kind=draw(st.sampled_from(["wild", "few", "constant"])),
        seed=draw(st.integers(0, 1 << 20)),
        falling=draw(st.none() | st.integers(0, len(shape) - 1)),
    )


def _meaningful(dtype: np.dtype[Any], is_unsigned: bool) -> st.SearchStrategy[Any]:
    """Fills and limits: values that occur, and others of the type."""
    if dtype.kind == "f":
        return st.sampled_from([0.0, 3.0, 5.0, float(np.finfo(dtype).max)]) | st.floats(
            allow_nan=False,
            allow_infinity=False,
            width=8 * dtype.itemsize,  # type: ignore[arg-type]
        )
    limits = np.iinfo(f"u{dtype.itemsize}" if is_unsigned else dtype)
    return st.integers(0, 6) | st.integers(int(limits.min), int(limits.max))


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    """One process in which OpenVisus works for all examples."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), datasets.quiet) as pool:
        yield pool


def check(world: World, process: ProcessPoolExecutor) -> None:
    values, names = world.whole
    spatial = values.shape[world.time is not None : len(names)] or (1,)
    directory = Path(tempfile.mkdtemp(prefix="dbproc-drawn-"))
    try:
        idx = process.submit(datasets.built, world, directory).result()
        axes = len(stored_shape(spatial))
        why = world.refused(axes)
        if why:
            event(f"refused: {why}")
            assert isinstance(idx, str)
            assert why in idx
            return
        assert isinstance(idx, Path), idx
        event(f"{world.codec}, {len(world.parts)} files, {axes} axes, {'timesteps' if world.time else 'no timesteps'}")
        found = process.submit(datasets.plain, idx, len(values) if world.time else None).result()
        assert (found.dtype, found.size) == (values.dtype, values.size)
        upside_down = np.flip(values, tuple(names.index(name) for name in world.turned))
        assert found.tobytes() == upside_down.tobytes()
        metadata = read_metadata(idx)
        assert metadata is not None
        assert metadata.tallies == {"v": datasets.tally(values, world)}
        assert metadata.description.shape == values.shape[: len(names)]
        assert tuple(axis.name for axis in metadata.description.axes) == names
        assert metadata.description.reversed == world.turned
        assert manifest.verify(idx)
    finally:
        shutil.rmtree(directory)


MANY = settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(worlds())
@MANY
def test_what_is_drawn_is_read_back_equal(process: ProcessPoolExecutor, world: World) -> None:
    check(world, process)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@given(worlds())
@settings(MANY, max_examples=500)
def test_much_that_is_drawn_is_read_back_equal(process: ProcessPoolExecutor, world: World) -> None:
    check(world, process)


def through_programs(world: World, tmp: Path) -> None:
    """The same with a process for every conversion and every reading, as users have it."""
    directory = Path(tempfile.mkdtemp(dir=tmp))
    join = f"a{world.joint}" if world.joint is not None and len(world.parts) > 1 else ""
    values, names = world.whole
    axes = len(stored_shape(values.shape[world.time is not None : len(names)] or (1,)))
    assume(not world.refused(axes))
    convert(
        Conversion(
            opener=datasets.OPENER,
            inputs=datasets.write(world, directory),
            output=directory / "x.idx",
            options=datasets.options(world),
            slab=world.slab,
            join=join,
            new_axis=NEW,
            timesteps=world.timesteps,
            codec=world.codec,
        )
    )
    found = read_field(directory / "x.idx")
    assert (found.shape, found.dtype) == (values.shape, values.dtype)
    assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("examples", [3, pytest.param(100, marks=[pytest.mark.thorough, pytest.mark.timeout(1800)])])
def test_the_programs_read_back_what_they_wrote(
    examples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))

    @given(worlds())
    @settings(MANY, max_examples=examples)
    def test(world: World) -> None:
        through_programs(world, tmp_path)

    test()
