"""What OpenVisus and its clients show of results: upright, with coordinates and ranges; in dbproc nothing is turned."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from dbproc.codes import picture, tiff_to_idx
from dbproc.codes.conversion.rows import upright
from dbproc.codes.drawing.figure import Options
from dbproc.codes.idx.blocks import edges
from dbproc.codes.idx.description import Axis, Description, Regular
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.slicing import extract
from dbproc.codes.idx.values import regular
from tests.codes.conftest import converted, environment, same_bits, write_netcdf

pytestmark = pytest.mark.xdist_group("viewers")

SEEN = """
import json, sys, numpy as np, OpenVisus as ov
for path in sys.argv[1:]:
    db = ov.LoadDataset(path)
    field, steps = db.getField(), db.getTimesteps()
    np.save(path + ".npy", np.stack([db.read(time=step) for step in steps]) if len(steps) > 1 else db.read())
    box, ends = db.db.idxfile.bounds.toAxisAlignedBox().toString().split(), field.getDTypeRange()
    print(json.dumps([db.db.idxfile.axis.split(), [float(each) for each in box], [ends.From, ends.To]]))
"""
SHOWN = """
import json, sys, time, numpy as np
from openvisuspy import Slice
for path in sys.argv[1:]:
    shown = Slice()
    shown.load(path)
    shown.view_dependent.value, shown.resolution.value, shown.num_refinements.value = False, shown.resolution.end, 1
    shown.start()
    while not shown.canvas.last_renderer:
        shown.onIdle()
        time.sleep(0.01)
    shown.stop()
    seen = shown.canvas.last_renderer["source"].data
    sides = [float(seen[key][0]) for key in ("X", "Y", "dw", "dh")]
    steps, offset, image = shown.db.getTimesteps(), shown.offset.value, np.asarray(seen["image"][0])
    print(json.dumps([image.tolist(), sides, shown.direction.options, len(steps), offset, shown.metadata_range]))
"""
PIXELS = np.arange(20 * 30 * 3, dtype=np.uint16).astype(np.uint8).reshape(20, 30, 3)
PLANES = np.arange(2 * 900 * 700, dtype="u4").reshape(2, 900, 700)
MAP = np.arange(3 * 4 * 5, dtype="f4").reshape(3, 4, 5)
SERIES = np.array([[np.nan, 5], [-2e-3, np.inf]], dtype="f4")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of several programs, some of them with rows as the source has them."""
    place = tmp_path_factory.mktemp("viewers")
    Image.fromarray(PIXELS).save(place / "rgb.png")
    for i in (0, 1):
        tifffile.imwrite(place / f"p{i}.tif", PLANES[i])
    variables = {
        "time": (("time",), np.arange(3.0), {"units": "hours since 2020-01-01"}),
        "lat": (("lat",), np.array([60.0, 40, 20, 0]), {"units": "degrees_north"}),
        "lon": (("lon",), np.arange(5.0) * 30, {"units": "degrees_east"}),
        "v": (("time", "lat", "lon"), MAP, {}),
    }
    write_netcdf(place / "map.nc", {"time": 3, "lat": 4, "lon": 5}, variables)
    variables = {
        "t": (("t",), 1_717_200_000.0 + np.arange(2), {"units": "seconds since 1970-01-01"}),
        "v": (("t", "t"), SERIES, {"_FillValue": np.float32(5)}),
    }
    write_netcdf(place / "series.nc", {"t": 2}, variables)
    np.arange(4 * 3 * 6 * 20 * 30, dtype="i4").tofile(place / "five.raw")
    for name, options in (("", []), ("_kept", ["--keep-rows"])):
        converted(place, "image_to_idx", *options, "rgb.png", f"rgb{name}.idx", f"seen{name}.png")
        converted(place, "netcdf_to_idx", "--timesteps", "time", *options, "map.nc", f"map{name}.idx")
    converted(place, "tiff_to_idx", "--join", "z", "--slab", "1", "p0.tif", "p1.tif", "stack.idx")
    converted(place, "idx_to_idx", "stack.idx", "copy.idx")
    converted(place, "idx_to_idx", "--keep-rows", "copy.idx", "copy_kept.idx")
    converted(place, "idx_publish", "map.idx", "arco.idx")
    converted(place, "netcdf_to_idx", "series.nc", "series.idx")
    told = ["--dtype", "int32", "--timesteps", "leading"]
    converted(place, "raw_to_idx", *told, "--shape", "4,3,6,20,30", "five.raw", "five.idx")
    converted(place, "raw_to_idx", *told, "--shape", "72,20,30", "five.raw", "three.idx")
    return place


@pytest.fixture(scope="module")
def seen(made: Path) -> dict[str, tuple[Any, ...]]:
    """Each as OpenVisus sees it: values; names of the axes, quickest first; the box; the range of the field."""
    paths = sorted(made.glob("*.idx"))
    lines = _told(SEEN, paths)
    return {path.stem: (np.load(f"{path}.npy"), *json.loads(line)) for path, line in zip(paths, lines, strict=True)}


def _told(script: str, paths: list[Path]) -> list[str]:
    command = [sys.executable, "-c", script, *map(str, paths)]
    done = subprocess.run(command, env=environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("[")]


@pytest.mark.parametrize(
    ("name", "kept", "turned", "note"),
    [
        ("rgb", "rgb_kept", PIXELS[::-1], "stored bottom row first, as viewers draw it"),
        ("map", "map_kept", MAP[:, ::-1], "stored with lat rising, as viewers draw it"),
        ("stack", "copy_kept", PLANES[:, ::-1], "stored bottom row first, as viewers draw it"),
    ],
)
def test_what_viewers_draw_upwards_is_stored_so(
    made: Path, seen: dict[str, Any], name: str, kept: str, turned: np.ndarray[Any, Any], note: str
) -> None:
    assert same_bits(seen[name][0], np.ascontiguousarray(turned))
    source = np.ascontiguousarray(turned[::-1] if name == "rgb" else turned[:, ::-1])
    assert same_bits(seen[kept][0], source)
    dataset, other = open_idx(made / f"{name}.idx"), open_idx(made / f"{kept}.idx")
    assert same_bits(dataset.read(), source)
    assert same_bits(other.read(), source)
    assert dataset.description.axes == other.description.axes
    assert note in dataset.description.notes
    assert f"; in the IDX {dataset.description.reversed[0]} runs from the last to the first" in (
        dataset.description.orientation
    )
    assert (other.description.reversed, [each for each in other.description.notes if "viewers" in each]) == ((), [])


def test_copies_are_stored_like_what_they_are_copies_of(made: Path, seen: dict[str, Any]) -> None:
    assert same_bits(seen["copy"][0], seen["stack"][0])
    assert same_bits(seen["arco"][0], seen["map"][0])
    part = (slice(1, 2), slice(3, 700), slice(5, 6))
    assert same_bits(open_idx(made / "copy.idx").read(box=part), PLANES[part])


def test_pictures_and_slices_look_as_before(made: Path, tmp_path: Path) -> None:
    assert (made / "seen.png").read_bytes() == (made / "seen_kept.png").read_bytes()
    for name in ("map", "map_kept"):
        picture.draw(made / f"{name}.idx", tmp_path / f"{name}.png", Options("v"))
        extract(made / f"{name}.idx", tmp_path / f"{name}.npy", [("lat", 1)])
        extract(made / f"{name}.idx", tmp_path / f"{name}.csv", [("time", 2)])
    for ending in ("png", "npy", "csv"):
        assert (tmp_path / f"map.{ending}").read_bytes() == (tmp_path / f"map_kept.{ending}").read_bytes()
    assert same_bits(np.load(tmp_path / "map.npy"), MAP[:, 1])


def test_viewers_get_a_box_ranges_and_names_that_they_can_use(made: Path, seen: dict[str, Any]) -> None:
    assert seen["map"][1:] == (["lon", "lat"], [0, 150, 0, 80], [0, 59])
    assert seen["series"][1:] == (["t_2", "t"], [0, 2, 0, 2], [-0.002, -0.002])
    axes = open_idx(made / "series.idx").description.axes
    assert [axis.name for axis in axes] == ["t", "t_2"]
    assert axes[0].positions() == [1_717_200_000, 1_717_200_001]
    assert seen["rgb"][1:] == (["x", "y"], [0, 30, 0, 20], [0, 255])


def test_openvisuspy_shows_results_of_two_and_three_axes_and_of_more_by_timesteps(made: Path) -> None:
    """Its rows go upwards; of three axes it shows the middle of the slowest, of timesteps the first."""
    names = ("rgb", "map", "arco", "three", "five", "series", "stack")
    lines = _told(SHOWN, [made / f"{name}.idx" for name in names])
    shown = {name: json.loads(line) for name, line in zip(names, lines, strict=True)}
    plane, whole = np.arange(600).reshape(20, 30), [0, 0, 30, 20]
    colours = np.array(shown["rgb"][0], "<u4").view(np.uint8).reshape(20, 30, 4)[..., :3]
    assert same_bits(colours.copy(), PIXELS[::-1].copy())
    assert shown["rgb"][1:] == [whole, {"x": 0, "y": 1}, 1, 0, [0, 255]]
    assert shown["map"] == [MAP[0, ::-1].tolist(), [0, 0, 150, 80], {"lon": 0, "lat": 1}, 3, 0, [0, 59]]
    assert shown["arco"] == shown["map"]
    assert shown["three"] == [(36 * 600 + plane).tolist(), whole, {"x": 0, "y": 1, "z": 2}, 1, 36, [0, 43199]]
    assert shown["five"] == [(3 * 600 + plane).tolist(), whole, {"x": 0, "y": 1, "z": 2}, 12, 3, [0, 43199]]
    assert shown["series"][2] == {"t_2": 0, "t": 1}
    assert shown["stack"][0] == PLANES[1, ::-1].astype("f4").tolist()


@pytest.mark.parametrize(
    ("axis", "turned"),
    [
        (Axis("lat", 3, units="degrees_north", regular=Regular(60, -20)), True),
        (Axis("lat", 3, coordinates=(60, 41, 20)), True),
        (Axis("lat", 3, coordinates=(600, 410, 200)), False),
        (Axis("y", 3, standard_name="projection_y_coordinate", regular=Regular(4e6, -30)), True),
        (Axis("lat", 3, units="degrees_north", coordinates=(0, 1, 4)), False),
        (Axis("lat", 3, units="degrees_north", regular=Regular(0, 20)), False),
        (Axis("p", 3, units="hPa", coordinates=(1000, 500, 100)), False),
        (Axis("lat", 1, units="degrees_north", coordinates=(4,)), False),
    ],
)
def test_what_falls_southwards_is_turned(axis: Axis, turned: bool) -> None:
    found = upright(Description("", (), (axis.size, 2), (axis, Axis("x", 2)), (), "as it is"))
    assert (found.reversed, len(found.notes)) == (((axis.name,), 1) if turned else ((), 0))
    assert upright(replace(found, reversed=(), notes=()), [axis.name]).notes == ()


@pytest.mark.parametrize(
    ("tags", "turned"),
    [
        ([], True),
        ([(274, "H", 1, 4, True)], False),  # the first row is the bottom
        ([(34264, "d", 16, (10.0, 0, 0, 1000, 0, -10.0, 0, 5000, 0, 0, 0, 0, 0, 0, 0, 1), True)], True),
        ([(34264, "d", 16, (10.0, 0, 0, 1000, 0, 10.0, 0, 5000, 0, 0, 0, 0, 0, 0, 0, 1), True)], False),
    ],
)
def test_the_first_row_of_a_tiff_is_the_top_unless_it_says_otherwise(tmp_path: Path, tags: Any, turned: bool) -> None:
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((6, 4), "u2"), extratags=tags)
    with tiff_to_idx.open_source([tmp_path / "in.tif"], {}) as source:
        assert upright(source.description).reversed == (("y",) if turned else ())


@pytest.mark.parametrize(
    ("start", "step", "units", "box"),
    [
        (0.0, 0.25, "s", [(0, 5), (7, 37)]),
        (1_717_200_000.0, 1.0, "s", [(0, 20), (7, 37)]),
        (431_234.56, 0.1, "m", [(0, 20), (0, 30)]),  # both axes, so that squares stay squares
        (431_200.0, 100.0, "m", [(431_200, 433_200), (7, 37)]),
        ((1 << 60) + 1, 1, "ns", [(0, 20), (7, 37)]),
        (5.0, -1.0, "Pa", [(0, 20), (7, 37)]),
    ],
)
def test_a_box_keeps_start_and_step_or_counts(start: Any, step: Any, units: str, box: list[Any]) -> None:
    line = regular(np.array([start + step * i for i in range(20)]))
    assert line is not None
    assert (line.start, type(line.start)) == (start, type(start))
    assert line.step == pytest.approx(step)
    assert edges([Axis("y", 20, units=units, regular=line), Axis("x", 30, units="m", regular=Regular(7, 1))]) == box


@pytest.mark.parametrize("start", [1 << 53, -(1 << 63) + 9, (1 << 63) - 20, (1 << 64) - 18, 1 << 90])
@pytest.mark.parametrize("step", [1, 3, -1])
def test_regular_whole_numbers_are_computed_in_whole_numbers(start: int, step: int) -> None:
    points = [start + i * step for i in range(5)]
    found = regular(np.array(points))
    assert found == Regular(start, step)
    assert isinstance(found.start, int)
    assert regular(np.array([*points, points[-1] + 2 * step])) is None


def test_ends_of_all_whole_numbers_are_not_mistaken() -> None:
    low, high = -(1 << 63), (1 << 63) - 1
    assert regular(np.array([low, high])) == Regular(low, high - low)
    assert regular(np.array([low, -1, high], dtype="i8")) == Regular(low, (1 << 64) / 2)
