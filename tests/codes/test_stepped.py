"""One axis of a source as the timesteps of the IDX."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from dbproc.codes.conversion.stepped import arranged
from dbproc.codes.conversion.writing import Plan
from dbproc.codes.idx.description import Axis, Description, Field, Part
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import Box, plan, whole
from dbproc.codes.idx.values import Values
from tests.codes.conftest import same_bits


class Numbered:
    """A source whose values count, so that each of them is known by itself."""

    def __init__(self, names: str, *sizes: int, timesteps: str = "", components: int = 1) -> None:
        axes = tuple(Axis(name, size) for name, size in zip(names, sizes, strict=True))
        field = Field("n", "n", "int32", components)
        self.description = Description("test", (), sizes, axes, (field,), "", timesteps=timesteps)
        shape = (*sizes, components) if components > 1 else sizes
        self.values = np.arange(prod(shape), dtype=np.int32).reshape(shape)

    def read(self, field: str, box: Box) -> Values:
        return self.values[box]


def names(description: Description) -> str:
    return "".join(axis.name for axis in description.axes)


@pytest.mark.parametrize(("axis", "order"), [("t", "tzyx"), ("z", "ztyx"), ("x", "xtzy")])
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("budget", [1, 100, 10**6])
def test_any_axis_can_become_the_timesteps(axis: str, order: str, components: int, budget: int) -> None:
    source = Numbered("tzyx", 3, 4, 5, 6, components=components)
    found = arranged(source, axis, "here")
    assert names(found.description) == order
    assert found.description.timesteps == axis
    wanted = np.moveaxis(source.values, "tzyx".index(axis), 0)
    assert found.description.shape == wanted.shape[:4]
    read = np.empty_like(wanted, order="C")
    for box in plan(found.description.shape, 4 * components, budget):
        read[box] = found.read("n", box)
    assert same_bits(read, np.ascontiguousarray(wanted))


def test_each_timestep_gets_its_own_part_of_a_slab() -> None:
    found = arranged(Numbered("tyx", 4, 3, 2), "t", "here")
    layout = Plan(found.description, 10**6)
    assert (layout.shape, layout.steps) == ((3, 2), 4)
    box = (slice(1, 3), slice(0, 3), slice(0, 2))
    assert list(layout.stored(box)) == [(1, whole((3, 2))), (2, whole((3, 2)))]


def test_timesteps_that_are_done_are_not_read_again() -> None:
    found = arranged(Numbered("tyx", 6, 3, 2), "t", "here")
    layout = Plan(found.description, 10**6, done={0, 2, 3})
    steps = [step for box, _ in layout.boxes() for step, _ in layout.stored(box)]
    assert steps == [1, 4, 5]
    assert layout.bytes == 3 * 6 * 4


def test_a_series_of_numbers_has_one_number_to_a_timestep() -> None:
    layout = Plan(arranged(Numbered("t", 5), "t", "here").description, 10**6)
    assert (layout.shape, layout.steps) == ((1,), 5)


def test_what_the_source_says_holds_unless_told_otherwise() -> None:
    source = Numbered("zt", 2, 3, timesteps="t")
    assert names(arranged(source, "", "here").description) == "tz"
    assert names(arranged(source, "z", "here").description) == "zt"
    none = arranged(source, "none", "here")
    assert (names(none.description), none.description.timesteps) == ("zt", "")
    assert same_bits(none.read("n", whole((2, 3))), source.values)


def test_an_axis_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(Refusal, match=r"no axis 'w'.*t \(2\), y \(3\)"):
        arranged(Numbered("ty", 2, 3), "w", "here")


def test_axes_of_one_name_are_told_apart() -> None:
    found = arranged(Numbered("yyy", 2, 3, 4), "y_2", "here")
    assert [(axis.name, axis.size) for axis in found.description.axes] == [("y_2", 3), ("y", 2), ("y_3", 4)]


@pytest.mark.parametrize("budget", [1, 100, 10**6])
@pytest.mark.parametrize(
    ("timesteps", "order", "shape"),
    [("b,d", "bdacef", (12, 2, 3, 2, 3)), ("leading", "abcdef", (12, 4, 2, 3)), ("d,b", "dbacef", (12, 2, 3, 2, 3))],
)
def test_several_axes_can_become_the_timesteps(timesteps: str, order: str, shape: tuple[int, ...], budget: int) -> None:
    source = Numbered("abcdef", 2, 3, 3 if timesteps != "leading" else 2, 4, 2, 3)
    found = arranged(source, timesteps, "here")
    wanted = source.values.transpose(["abcdef".index(name) for name in order]).reshape(shape)
    assert found.description.shape == shape
    read = np.empty_like(wanted, order="C")
    for box in plan(shape, 4, budget):
        read[box] = found.read("n", box)
    assert same_bits(read, np.ascontiguousarray(wanted))
    steps = order[: 6 - len(shape) + 1]
    first = found.description.axes[0]
    assert (first.name, [each["name"] for each in first.attributes["axes"]]) == ("_".join(steps), list(steps))
    assert "the last of them quickest" in found.description.notes[-1]


def test_parts_are_counted_in_timesteps() -> None:
    source = Numbered("tlyx", 5, 3, 2, 2)
    source.description = replace(source.description, parts=(Part(0, 0, 2), Part(1, 2, 5)))
    assert arranged(source, "t,l", "here").description.parts == (Part(0, 0, 6), Part(1, 6, 15))
    assert arranged(source, "l,t", "here").description.parts == ()


def test_three_axes_are_left_where_all_that_lead_become_timesteps() -> None:
    for axes, timesteps in (("zyx", ""), ("tzyx", "t"), ("ctzyx", "c_t")):
        source = Numbered(axes, *range(2, 2 + len(axes)))
        assert arranged(source, "leading", "here").description.timesteps == timesteps
    assert arranged(Numbered("ztyx", 2, 3, 4, 5, timesteps="t"), "leading", "here").description.timesteps == "t"


def test_six_axes_need_timesteps() -> None:
    source = Numbered("abcdef", 1, 2, 1, 2, 1, 2)
    with pytest.raises(Refusal, match="--timesteps"):
        arranged(source, "", "here")
    assert arranged(source, "d", "here").description.shape == (2, 1, 2, 1, 1, 2)
    with pytest.raises(Refusal, match="5 can be stored"):
        arranged(replaced(source), "a", "here")


def replaced(source: Numbered) -> Numbered:
    """The same with a seventh axis."""
    axes = (*source.description.axes, Axis("g", 2))
    source.description = replace(source.description, axes=axes, shape=(*source.description.shape, 2))
    return source
