"""What stands in the dataset is held against the source once more: a wrong place that reads back equal is found."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbproc.codes.conversion import spots
from dbproc.codes.conversion.idx_writer import Conversion, convert
from dbproc.codes.idx.description import Field
from dbproc.codes.idx.idx_reader import read_field
from dbproc.codes.idx.refusal import Refusal
from tests.codes.conftest import same_bits, wild

FAULTY = """
from dbproc.codes.conversion import writing
from dbproc.codes.idx import blocks
from dbproc.codes.raw_to_idx import open_source

logic, stored = blocks.Blocks._logic, writing.Plan.stored

def sound(inputs, options):
    return open_source(inputs, options)

def mirrored(inputs, options):
    def other(target, box):
        size = target.layout.shape[0]
        low, high = logic(target, box)
        return [*low[:-1], size - high[-1]], [*high[:-1], size - low[-1]]
    blocks.Blocks._logic = other
    return open_source(inputs, options)

def shifted(inputs, options):
    def other(plan, box):
        return ((plan.steps - 1 - step, inside) for step, inside in stored(plan, box))
    writing.Plan.stored = other
    return open_source(inputs, options)
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Convert raw values of a shape by a faulty program; what is there afterwards."""
    (tmp_path / "faulty.py").write_text(FAULTY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def made(fault: str, shape: tuple[int, ...], timesteps: str = "") -> np.ndarray[Any, Any]:
        values = wild("uint16", shape)
        (tmp_path / "in.raw").write_bytes(values.tobytes())
        told = {"shape": list(shape), "dtype": "uint16", "order": "C", "offset": 0, "components": 1, "axes": None}
        options = {**told, "axis_units": None, "name": "v", "units": "", "fill": None}
        inputs, output = [tmp_path / "in.raw"], tmp_path / "out.idx"
        convert(Conversion(f"faulty:{fault}", inputs, output, options, slab=prod(shape[1:]) * 4, timesteps=timesteps))
        assert same_bits(read_field(output), values)
        return values

    return made


@pytest.mark.parametrize(
    ("fault", "shape", "timesteps"),
    [("mirrored", (4, 16, 16), ""), ("shifted", (5, 6, 7), "z")],
)
def test_values_in_a_wrong_place_are_found(made: Any, fault: str, shape: tuple[int, ...], timesteps: str) -> None:
    with pytest.raises(Refusal, match=r"field 'v' has other values at .* than the source has there"):
        made(fault, shape, timesteps)
    made("sound", shape, timesteps)


@pytest.mark.parametrize("shape", [(1,), (1, 5, 6)])
def test_spots_are_found_whatever_the_shape(made: Any, shape: tuple[int, ...]) -> None:
    made("sound", shape)


@pytest.mark.parametrize("shape", [(100, 50, 3000), (1, 7), (2000,), (3, 4, 5, 6)])
def test_spots_lie_where_their_values_are(shape: tuple[int, ...]) -> None:
    values, corner = wild("uint16", shape), tuple(range(5, 5 + len(shape)))
    box = tuple(slice(at, at + size) for at, size in zip(corner, shape, strict=True))
    found = list(spots.taken(Field("v", "v", "uint16"), box, values))
    firsts = [each.box[0].start - 5 for each in found]
    assert firsts == sorted({i * (shape[0] - 1) // 3 for i in range(4)})
    for each in found:
        inside = tuple(slice(p.start - at, p.stop - at) for p, at in zip(each.box, corner, strict=True))
        assert same_bits(each.values, values[inside])
