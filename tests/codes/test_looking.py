"""Finished datasets are looked at: facts, slices and comparisons are those of the values that were converted."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dbproc.cli import main
from dbproc.codes.drawing.view import Window, view
from dbproc.codes.idx.comparing import Difference, _added
from dbproc.codes.idx.description import Axis, Description, Field, Metadata
from dbproc.codes.idx.idx_reader import IdxDataset, open_idx
from tests.codes.conftest import converted, copied, same_bits, wild, write_netcdf

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Capture = pytest.CaptureFixture[str]
FIELD = Field("v", "v", "float32")


@pytest.fixture(scope="module")
def values() -> np.ndarray[Any, Any]:
    return wild("float32", (4, 5, 6))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray[Any, Any]) -> Path:
    directory = tmp_path_factory.mktemp("made")
    axes = {"z": 4, "y": 5, "x": 6}
    variables = {
        "v": (tuple(axes), values, {"units": "K", "_FillValue": np.float32(7)}),
        "y": (("y",), np.arange(5.0), {"units": "m"}),
    }
    write_netcdf(directory / "in.nc", axes, variables)
    converted(directory, "netcdf_to_idx", "--variable", "v", "in.nc", "x.idx")
    return directory / "x.idx"


@pytest.fixture
def idx(tmp_path: Path, made: Path) -> Path:
    return copied(made, tmp_path)


def test_a_window_is_a_part_of_a_slice_or_every_so_many_values(made: Path, values: np.ndarray[Any, Any]) -> None:
    dataset = open_idx(made)
    for window, wanted in (
        (Window(side=3), values[1, ::2, ::2]),
        (Window(zoom=2, centre={1: 4}), values[1, 2:, 2:5]),
        (Window(zoom=2, centre={1: 0, 2: 5}, side=2), values[1, :3:2, 3::2]),
    ):
        seen = view(dataset, dataset.field("v"), [("z", 1)], window)
        assert same_bits(np.ascontiguousarray(np.ma.getdata(seen.values)), np.ascontiguousarray(wanted))


def test_what_a_dataset_is_is_told_as_text_and_as_json(idx: Path, capsys: Capture) -> None:
    assert main(["idx", "info", str(idx)]) == 0
    said = capsys.readouterr().out
    assert "shape 4x5x6" in said
    assert "axis y: 5, 0.0 to 4.0 m by 1" in said
    assert main(["idx", "info", "--json", str(idx)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["fields"][0]["units"] == "K"
    assert sum(told["fields"][0]["counts"].values()) == 120
    assert told["origins"][0]["name"] == "in.nc"
    assert sum(told["codecs"].values()) == 1
    assert told["values_bytes"] == 480


def test_a_slice_holds_the_stored_values(idx: Path, values: np.ndarray[Any, Any], capsys: Capture) -> None:
    assert main(["idx", "slice", str(idx), str(idx.parent / "s.npy"), "--at", "y=-1"]) == 0
    assert same_bits(np.load(idx.parent / "s.npy"), values[:, 4])
    assert main(["idx", "slice", str(idx), str(idx.parent / "s.csv"), "--at", "z=2", "--at", "1=3"]) == 0
    with (idx.parent / "s.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["z", "y (m)", "x", "v"]
    assert [row[:3] for row in rows[1:]] == [["2", "3.0", str(i)] for i in range(6)]
    assert same_bits(np.array([row[3] for row in rows[1:]], "float32"), values[2, 3])
    assert main(["idx", "slice", str(idx), str(idx.parent / "s.npy"), "--at", "y=0"]) == 1
    assert "exists already" in capsys.readouterr().err


def test_datasets_are_compared_value_by_value(
    idx: Path, convert: Convert, values: np.ndarray[Any, Any], capsys: Capture
) -> None:
    changed = values.copy()
    changed[1, 2, 3], changed[3, 0, 0] = 5.0, np.nan
    write_netcdf(idx.parent / "b.nc", {"z": 4, "y": 5, "x": 6}, {"v": (("z", "y", "x"), changed, {"units": "m"})})
    convert("netcdf_to_idx", "b.nc", "b.idx")
    assert main(["idx", "compare", str(idx), str(idx)]) == 0
    assert "all 120 values are the same" in capsys.readouterr().out
    assert main(["idx", "compare", "--json", str(idx), str(idx.parent / "b.idx")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["fields"][0]["differing"] == 2
    assert told["fields"][0]["first"] == [1, 2, 3]
    assert told["metadata"]["field v units"] == ["K", "m"]


def test_differences_are_counted_by_bits() -> None:
    old, new = np.array([0.0, np.nan, 1.0]), np.array([-0.0, np.nan, 4.0])
    found = _added(Difference("v"), old, new, (10,))
    assert (found.differing, found.largest, found.first) == (2, 3.0, (10,))


def test_a_line_is_drawn_for_one_axis(idx: Path) -> None:
    picture = idx.parent / "line.png"
    assert main(["idx", "picture", str(idx), str(picture), "--at", "z=0", "--at", "y=0"]) == 0
    with Image.open(picture) as image:
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 20


class Still(IdxDataset):
    """A dataset whose values are in memory."""

    def read(self, name: str | None = None, box: Any = None) -> np.ndarray[Any, Any]:
        """The values inside a box."""
        found: np.ndarray[Any, Any] = np.arange(np.prod(self.shape), dtype="float32").reshape(self.shape)[box]
        return found


def test_of_many_axes_all_but_two_are_cut_where_it_is_said_or_in_the_middle() -> None:
    shape = (3, 4, 5, 6, 7)
    axes = tuple(Axis(name, size) for name, size in zip("tcpqr", shape, strict=True))
    dataset = Still(Path("x.idx"), Metadata(Description("", (), shape, axes, (FIELD,), "none"), shape, {}))
    all_of_it = dataset.read(box=tuple(slice(0, size) for size in shape))
    assert (view(dataset, FIELD).values == all_of_it[1, 2, 2]).all()
    seen = view(dataset, FIELD, [("r", 3), ("t", 0)])
    assert (seen.values == all_of_it[0, 2, :, :, 3]).all()
    assert seen.slice == ", c=2, r=3, t=0"
