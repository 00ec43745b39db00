"""What is missing, what is counted, what a range is."""

from __future__ import annotations

import numpy as np
import pytest

from dbproc.codes.idx.description import Field, Tally
from dbproc.codes.idx.values import measure, missing, native, regular, total, unpacked


def field(dtype: str, **more: object) -> Field:
    return Field("f", "f", dtype, **more)  # type: ignore[arg-type]


def test_every_value_is_counted_once() -> None:
    values = np.array([np.nan, -9, 1, 5, 100, np.inf, -np.inf, 2], dtype="float32")
    tally = measure(values, field("float32", fills=(-9,), valid_min=0, valid_max=float("inf")))
    assert tally == Tally(valid=4, nan=1, fill=1, out_of_range=1, infinite=1, minimum=1.0, maximum=100.0)


def test_a_range_of_large_whole_numbers_is_exact() -> None:
    values = np.array([2**62 + 1, 2**62 + 3, -(2**63)], dtype="int64")
    tally = measure(values, field("int64", fills=(-(2**63),)))
    assert (tally.fill, tally.minimum, tally.maximum) == (1, 2**62 + 1, 2**62 + 3)


def test_nothing_valid_has_no_range() -> None:
    tally = measure(np.full(3, np.nan), field("float64", fills=("NaN",)))
    assert tally == Tally(nan=3)


def test_a_fill_value_that_the_type_cannot_hold_marks_nothing() -> None:
    values = np.array([-1, 0, 127], dtype="int8")
    assert not missing(values, field("int8", fills=(-9999, 0.5))).any()


def test_a_float_fill_is_compared_in_the_type_of_the_values() -> None:
    values = np.array([np.float32(1e36), 0], dtype="float32")
    assert missing(values, field("float32", fills=(1e36,))).tolist() == [True, False]


def test_unsigned_bytes_stored_as_signed_are_read_as_unsigned() -> None:
    values = np.array([-1, -56, 100], dtype="int8")
    stored = field("int8", unsigned=True, fills=(-1,), valid_max=210)
    assert measure(values, stored) == Tally(valid=2, fill=1, minimum=100, maximum=200)
    assert unpacked(values, stored).tolist() == [255, 200, 100]


def test_packed_values_are_scaled() -> None:
    values = np.array([10, 20], dtype="int16")
    assert unpacked(values, field("int16", scale_factor=0.5, add_offset=1)).tolist() == [6.0, 11.0]


def test_tallies_of_slabs_add_up_to_that_of_all() -> None:
    values = np.random.default_rng(1).normal(size=100)
    values[::7], values[3] = np.nan, np.inf
    one = field("float64")
    assert total(measure(part, one) for part in np.split(values, 10)) == measure(values, one)


def test_big_endian_values_keep_their_numbers() -> None:
    values = np.arange(6, dtype=">i4").reshape(2, 3)[:, ::-1]
    turned = native(values)
    assert turned.dtype == np.dtype("int32")
    assert turned.flags.c_contiguous
    assert (turned == values).all()


@pytest.mark.parametrize(
    ("points", "step"),
    [([0, 1, 2], 1.0), ([90, 87.5, 85], -2.5), ([0, 1, 3], None), ([5], None), ([1, 1], None), ([0, np.nan], None)],
)
def test_a_regular_axis_is_told_from_others(points: list[float], step: float | None) -> None:
    found = regular(np.array(points))
    assert (found and found.step) == step
