"""Old, new and difference side by side, of images and of datasets."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from dbproc.changes.canary import differences
from dbproc.codes.contact_sheet import draw, layers
from tests.codes.conftest import write_netcdf

Convert = Callable[..., "subprocess.CompletedProcess[str]"]


def png(path: Path, values: np.ndarray[Any, Any]) -> Path:
    Image.fromarray(values).save(path)
    return path


def panels(path: Path) -> list[np.ndarray[Any, Any]]:
    """The pixels of the three columns, without the colour bars to the right of each."""
    with Image.open(path) as image:
        columns = np.array_split(np.asarray(image.convert("RGB")), 3, axis=1)
    return [column[:, : column.shape[1] * 6 // 10] for column in columns]


def is_red(pixels: np.ndarray[Any, Any]) -> bool:
    wide = pixels.astype(int)
    return bool(((wide[..., 0] - wide[..., 1] > 60) & (wide[..., 0] - wide[..., 2] > 60)).any())


def test_what_is_brighter_is_red_in_the_difference_alone(tmp_path: Path) -> None:
    dark = np.zeros((20, 30), np.uint8)
    bright = dark.copy()
    bright[5:10, 5:10] = 200
    draw(png(tmp_path / "a.png", dark), png(tmp_path / "b.png", bright), tmp_path / "out.png")
    assert [is_red(panel) for panel in panels(tmp_path / "out.png")] == [False, False, True]


def test_images_that_do_not_differ_have_no_colour_in_the_difference(tmp_path: Path) -> None:
    same = png(tmp_path / "a.png", np.full((9, 9), 7, np.uint8))
    draw(same, same, tmp_path / "out.png")
    assert not is_red(panels(tmp_path / "out.png")[2])


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 3), (9, 8, 4)])
def test_images_of_other_shapes_and_kinds_are_shown_too(shape: tuple[int, ...], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, np.uint16))
    draw(tmp_path / "a.tif", png(tmp_path / "b.png", np.zeros((4, 4, 3), np.uint8)), tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 1000
    assert layers(tmp_path / "a.tif")["image"].shape == shape


@pytest.mark.parametrize("name", ["cut.png", "cut.jpg", "cut.tif", "empty.png", "text.tif"])
def test_what_is_no_whole_image_is_refused_in_one_line(tmp_path: Path, refused: Callable[..., str], name: str) -> None:
    path, values = tmp_path / name, np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    if path.suffix == ".tif":
        tifffile.imwrite(path, values, compression="lzw")
    else:
        png(path, values)
    content = {"cut": path.read_bytes()[:2000], "empty": b"", "text": b"II*\0 no more"}
    path.write_bytes(content[path.stem])
    assert f"{name}: it " in refused("contact_sheet", name, name, "out.png")


def test_datasets_are_drawn_field_by_field_within_the_limits_of_a_canary(tmp_path: Path, convert: Convert) -> None:
    for name, value in (("old", 1.0), ("new", 5.0)):
        (tmp_path / name).mkdir()
        values = np.ones((8, 8))
        values[2, 3] = value
        write_netcdf(tmp_path / name / "in.nc", {"y": 8, "x": 8}, {"v": (("y", "x"), values, {})})
        convert("netcdf_to_idx", f"{name}/in.nc", f"{name}/x.idx")
    old, new = (str(tmp_path / name / "x.idx") for name in ("old", "new"))
    found = differences._picture(old, new, str(tmp_path / "out.png"))
    assert found == {"picture": "out.png"}
    assert is_red(panels(tmp_path / "out.png")[2])


def test_what_cannot_be_drawn_is_said_and_nothing_is_broken(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG broken")
    found = differences._picture(str(tmp_path / "a.png"), str(tmp_path / "a.png"), str(tmp_path / "out.png"))
    assert set(found) == {"no_picture"}
    assert found["no_picture"]
