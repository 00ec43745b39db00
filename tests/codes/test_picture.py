"""Pictures of datasets: the right way up, the right thing in them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from matplotlib.dates import date2num
from PIL import Image

from dbproc.codes.drawing import sides
from dbproc.codes.drawing.view import colour_range, view
from dbproc.codes.idx.description import Axis
from dbproc.codes.idx.idx_reader import open_idx
from tests.codes.conftest import converted, copied, wild, write_netcdf

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]
Draw = Callable[..., "np.ndarray[Any, Any]"]


@pytest.fixture
def draw(tmp_path: Path, convert: Convert) -> Draw:
    """Draw ``x.idx`` and give the pixels."""

    def draw(*arguments: object) -> np.ndarray[Any, Any]:
        convert("picture", *arguments, "x.idx", "x.png")
        with Image.open(tmp_path / "x.png") as image:
            assert image.format == "PNG"
            return np.asarray(image.convert("RGB"))

    return draw


def made(
    directory: Path,
    values: np.ndarray[Any, Any],
    axes: Mapping[str, tuple[np.ndarray[Any, Any], Mapping[str, Any]]],
    **attributes: Any,
) -> Path:
    """Make ``x.idx`` from a variable ``v`` over axes with coordinates and attributes."""
    coordinates = {name: ((name,), positions, extra) for name, (positions, extra) in axes.items()}
    sizes = {name: len(positions) for name, (positions, _) in axes.items()}
    write_netcdf(directory / "in.nc", sizes, {**coordinates, "v": (tuple(axes), values, attributes)})
    converted(directory, "netcdf_to_idx", "in.nc", "x.idx")
    return directory / "x.idx"


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Make ``x.idx`` in the test's directory."""
    return partial(made, tmp_path)


@pytest.fixture(scope="module")
def small_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    axes = {"y": (np.arange(5.0), {}), "x": (np.arange(6.0), {})}
    return made(tmp_path_factory.mktemp("small"), wild("int8", (5, 6)), axes)


@pytest.fixture
def small(tmp_path: Path, small_one: Path) -> Path:
    """A dataset of five rows and six columns: ``x.idx`` in the test's directory."""
    return copied(small_one, tmp_path)


LATITUDE = {"units": "degrees_north", "standard_name": "latitude"}
LONGITUDE = {"units": "degrees_east", "standard_name": "longitude"}


def halves(picture: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The brightness left of the middle, above and below it."""
    height, width, _ = picture.shape
    column = picture[:, width * 3 // 10 : width * 4 // 10].astype(float).mean(axis=(1, 2))
    return float(column[height * 3 // 10 : height * 4 // 10].mean()), float(
        column[height * 6 // 10 : height * 7 // 10].mean()
    )


@pytest.mark.parametrize("descending", [True, False])
def test_north_is_up(dataset: Callable[..., Path], draw: Draw, descending: bool) -> None:
    latitude = np.linspace(-45, 45, 30)[:: -1 if descending else 1]
    values = np.repeat((latitude > 0)[:, None], 40, axis=1).astype("float32")
    dataset(values, {"lat": (latitude, LATITUDE), "lon": (np.linspace(0, 100, 40), LONGITUDE)})
    above, below = halves(draw("--cmap", "gray"))
    assert above > 200 > 50 > below


def test_the_first_row_of_an_image_is_up(tmp_path: Path, convert: Convert, draw: Draw) -> None:
    values = np.zeros((30, 40), dtype="uint8")
    values[:15] = 255
    tifffile.imwrite(tmp_path / "in.tif", values)
    convert("tiff_to_idx", "in.tif", "x.idx")
    above, below = halves(draw("--cmap", "gray"))
    assert above > 200 > 50 > below


def test_time_lies_along_the_bottom(tmp_path: Path, dataset: Callable[..., Path], draw: Draw) -> None:
    values = wild("int16", (50, 20))
    time = {"units": "seconds since 2019-01-01 00:00:00 0:00", "standard_name": "time"}
    dataset(values, {"time": (np.arange(50.0), time), "range": (np.arange(20.0), {"units": "m"})})
    opened = open_idx(tmp_path / "x.idx")
    seen = view(opened, opened.field())
    assert (seen.vertical.name, seen.horizontal.name) == ("range", "time")
    assert (seen.values == values.T).all()
    draw()


def test_missing_values_are_left_blank(dataset: Callable[..., Path], draw: Draw) -> None:
    values = np.full((30, 40), 5.0, dtype="float32")
    values[:15], values[0, 0] = -99, 4
    axes = {"y": (np.arange(30.0), {}), "x": (np.arange(40.0), {})}
    dataset(values, axes, _FillValue=np.float32(-99))
    picture = draw("--cmap", "gray", "--range", "0", "1")
    height, width, _ = picture.shape
    assert picture[height * 3 // 4, width // 3].tolist() == [217, 217, 217]
    assert picture[height // 4, width // 3].tolist() == [255, 255, 255]


def test_a_slice_of_a_volume_is_that_slice(tmp_path: Path, dataset: Callable[..., Path], draw: Draw) -> None:
    values = wild("int8", (4, 5, 6))
    dataset(values, {"z": (np.arange(4.0), {}), "y": (np.arange(5.0), {}), "x": (np.arange(6.0), {})})
    opened = open_idx(tmp_path / "x.idx")
    assert (view(opened, opened.field(), [("y", -2)]).values == values[:, 3]).all()
    assert (view(opened, opened.field(), [("2", 0)]).values == values[:, :, 0]).all()
    assert (view(opened, opened.field()).values == values[2]).all()
    picture = draw("--slice", "y=1", "--title", "a slice")
    assert picture.shape[0] > 400
    assert picture.shape[1] > 800
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


@pytest.mark.thorough
def test_uneven_coordinates_are_drawn_too(dataset: Callable[..., Path], draw: Draw) -> None:
    time = {"units": "days since 2001-01-01", "calendar": "360_day"}
    axes = {"time": (np.array([0, 1, 5, 30.0]), time), "plev": (np.array([1000, 500, 10.0]), {"units": "hPa"})}
    dataset(wild("int16", (4, 3)), axes)
    assert len(np.unique(draw().reshape(-1, 3), axis=0)) > 10


def test_colours_are_drawn_as_they_are(tmp_path: Path, convert: Convert, draw: Draw) -> None:
    values = np.zeros((20, 20, 3), dtype="uint8")
    values[..., 0], values[..., 2] = 200, 30
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="rgb")
    convert("tiff_to_idx", "in.tif", "x.idx")
    picture = draw()
    height, width, _ = picture.shape
    assert picture[height // 2, width // 2].tolist() == [200, 0, 30]


@pytest.mark.thorough
@pytest.mark.usefixtures("small")
def test_the_same_dataset_gives_the_same_picture(tmp_path: Path, convert: Convert) -> None:
    for name in ("a.png", "b.png"):
        convert("picture", "x.idx", name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_few_extremes_do_not_wash_out_the_rest() -> None:
    values = np.random.default_rng(1).normal(size=10_000)
    assert colour_range(values) == (values.min(), values.max())
    values[0] = 1e6
    low, high = colour_range(values)
    assert -3 < low < high < 3


def test_a_range_of_mostly_zeros_spans_the_others() -> None:
    values = np.zeros(10_000)
    values[:100] = np.linspace(1, 2, 100)
    assert colour_range(values)[1] > 1.5


@pytest.mark.parametrize(
    ("units", "calendar"), [("hours since 2020-02-28 22:00", ""), ("days since 2019-12-31", "proleptic_gregorian")]
)
def test_times_lie_where_each_as_a_date_would(units: str, calendar: str) -> None:
    axis = Axis("time", 400, units=units, calendar=calendar, coordinates=tuple(i**1.5 for i in range(400)))
    each = date2num(sides.dates(axis, axis.positions() or []))
    assert np.allclose(sides.positions(axis), each, rtol=0, atol=1e-10)
    (only,) = sides.positions(replace(axis, size=1, coordinates=(24.0,)))
    assert only == date2num(sides.dates(axis, [24.0]))[0]


def test_a_constant_or_missing_field_has_a_range() -> None:
    assert colour_range(np.ones(3)) == (0.5, 1.5)
    assert colour_range(np.ma.masked_all(3)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--slice", "w=0"), "no axis 'w'. Its axes are: y, x"),
        (("--slice", "y=0", "--slice", "1=0"), "leaves no picture"),
        (("--slice", "y=0", "--slice", "0=1"), "cut twice"),
        (("--field", "w"), "no field 'w'. Choose one of: v"),
        (("--cmap", "none"), "no such colour map"),
    ],
)
@pytest.mark.usefixtures("small")
def test_what_cannot_be_drawn_is_refused(refused: Refused, arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in refused("picture", *arguments, "x.idx", "x.png")


def test_an_existing_picture_is_left_alone(small: Path, refused: Refused) -> None:
    small.with_suffix(".png").write_text("mine")
    assert "exists already" in refused("picture", "x.idx", "x.png")


def test_a_damaged_dataset_is_not_drawn(small: Path, refused: Refused) -> None:
    (small.with_suffix("") / "0000.bin").unlink()
    assert "0000.bin: this file of the dataset is missing" in refused("picture", "x.idx", "x.png")
