"""A part of a source is converted, with the coordinates of that part."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbproc.codes.conversion.ranged import parsed, ranged
from dbproc.codes.idx.description import UTC, UTC_ENDS, Axis, Part, Regular
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from tests.codes.conftest import same_bits, wild, write_netcdf
from tests.codes.test_stepped import Numbered

Convert = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_part_is_converted_and_read_back(tmp_path: Path, convert: Convert) -> None:
    values, time = wild("float32", (9, 4)), np.arange(9.0) / 2
    write_netcdf(
        tmp_path / "in.nc",
        {"time": 9, "x": 4},
        {"time": (("time",), time, {"units": "s"}), "v": (("time", "x"), values, {})},
    )
    said = convert("netcdf_to_idx", "--range", "time=2:7", "--range=x=1:", "in.nc", "out.idx").stdout
    dataset = open_idx(tmp_path / "out.idx")
    assert same_bits(dataset.read(), values[2:7, 1:])
    assert dataset.description.axes[0].coordinates == tuple(time[2:7].tolist())
    assert dataset.description.attributes["ranges"]["x"] == {"start": 1, "stop": 4, "size": 4}
    assert "a part is converted: time 2 to 7 of 9; x 1 to 4 of 4" in said


def test_what_lies_along_an_axis_is_cut_with_it() -> None:
    source = Numbered("tx", 5, 3)
    attributes = {"labels": list("abcde"), "edges": (0, 1, 2, 3, 4, 5), UTC: list("vwxyz"), UTC_ENDS: ["v", "z"]}
    first = Axis("t", 5, regular=Regular(10, 2), attributes=attributes)
    axes = (first, source.description.axes[1])
    source.description = replace(source.description, axes=axes, parts=(Part(0, 0, 5),))
    part = ranged(source, [("t", 1, 4)], "in").description
    assert (part.axes[0].size, part.axes[0].positions(), part.shape) == (3, [12, 14, 16], (3, 3))
    assert part.axes[0].attributes == {"labels": list("bcd"), "edges": (1, 2, 3, 4), UTC: list("wxy")}
    assert part.parts == ()
    assert ranged(source, [("x", 0, 2)], "in").description.parts == (Part(0, 0, 5),)
    assert ranged(source, [], "in") is source


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("y=0:1", "no axis 'y'.*Its axes are t \\(5\\), x \\(3\\)"),
        ("t=0:6", "axis t has the indices 0 to 5, not 0 to 6"),
        ("t=3:3", "not 3 to 3"),
        ("x=5:", "not 5 to 3"),
    ],
)
def test_a_range_that_is_not_there_is_refused(told: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        ranged(Numbered("tx", 5, 3), [parsed(told)], "in")


def test_ranges_are_told_by_name_and_ends() -> None:
    assert parsed("a=b=1:2") == ("a=b", 1, 2)
    assert parsed("x=:3") == ("x", None, 3)
    for told in ("x", "x=1", "=1:2", "x=-1:2", "x=1:2:3", "x=a:b"):
        with pytest.raises(ValueError, match="is no AXIS=START:STOP"):
            parsed(told)
