"""Cutting arrays into boxes."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dbproc.codes.idx import slabs

SHAPES = st.lists(st.integers(1, 17), min_size=1, max_size=4).map(tuple)


@given(SHAPES, st.integers(1, 16), st.integers(1, 4000))
def test_boxes_cover_every_value_once(shape: tuple[int, ...], sample: int, budget: int) -> None:
    seen = np.zeros(shape, dtype=int)
    for box in slabs.plan(shape, sample, budget):
        seen[box] += 1
    assert (seen == 1).all()


@given(SHAPES, st.integers(1, 16), st.integers(1, 4000))
def test_a_box_keeps_within_the_budget_unless_one_value_does_not(
    shape: tuple[int, ...], sample: int, budget: int
) -> None:
    for box in slabs.plan(shape, sample, budget):
        assert prod(slabs.shape_of(box)) * sample <= max(budget, sample)


def test_cuts_lie_on_multiples_of_a_power_of_two() -> None:
    starts = [box[0].start for box in slabs.plan((100, 10), 1, 170)]
    assert starts == list(range(0, 100, 16))


def test_leading_axes_of_size_one_are_not_stored() -> None:
    assert slabs.stored_shape((1, 1, 5, 1)) == (5, 1)
    assert slabs.stored_shape((1, 1)) == (1,)
    assert slabs.stored_shape((3, 1)) == (3, 1)


def test_a_padded_size_rounds_every_axis_up() -> None:
    assert slabs.padded_size((5400, 252)) == 8192 * 256
    assert slabs.padded_size((1, 4)) == 4
