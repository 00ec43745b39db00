"""The inspector of pictures."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbproc.products import NotMine
from dbproc.products.image import ImageInspector
from tests.kit.inspection import inspected

PIXELS = np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8)


def photograph(path: Path, taken: str = "", offset: str = "") -> Path:
    exif = Image.Exif()
    exif[0x8769] = {tag: text for tag, text in ((0x9003, taken), (0x9011, offset)) if text}
    Image.fromarray(PIXELS).save(path, exif=exif)
    return path


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_picture_is_dated_by_exif(tmp_path: Path, ending: str) -> None:
    path = photograph(tmp_path / f"cam.{ending}", "2019:01:02 03:04:05")
    settled = inspected(ImageInspector(), path, "{camera}.{ending}")
    assert settled.start == settled.stop == dt.datetime(2019, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def test_the_cameras_zone_is_heeded(tmp_path: Path) -> None:
    path = photograph(tmp_path / "cam.jpg", "2019:01:02 03:04:05", "+02:00")
    assert inspected(ImageInspector(), path, "{camera}.jpg").start.hour == 1


@pytest.mark.parametrize("taken", ["", "0000:00:00 00:00:00", "    :  :     :  :  "])
def test_without_a_date_in_exif_the_name_has_it(tmp_path: Path, taken: str) -> None:
    path = photograph(tmp_path / "cam_20190102.jpg", taken)
    assert inspected(ImageInspector(), path, "cam_{Y}{m}{d}.jpg").date == dt.date(2019, 1, 2)


def test_a_picture_of_another_day_than_its_name_is_refused(tmp_path: Path) -> None:
    path = photograph(tmp_path / "cam_20190109.jpg", "2019:01:02 03:04:05")
    with pytest.raises(NotMine, match="of 2019-01-02, but its name says 2019-01-09"):
        inspected(ImageInspector(), path, "cam_{Y}{m}{d}.jpg")


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_picture_that_was_cut_off_is_refused(tmp_path: Path, ending: str, share: float) -> None:
    path = photograph(tmp_path / f"cam_20190102.{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(NotMine, match="cannot be read as JPEG or PNG"):
        inspected(ImageInspector(), path, f"cam_{{Y}}{{m}}{{d}}.{ending}")


@pytest.mark.parametrize(
    ("taken", "offset", "hour"),
    [("2019:01:02 03:04:05", "+99:99", 3), ("0001:01:01 00:00:00", "+14:00", 0), ("yesterday", "now", 0)],
)
def test_exif_that_says_nonsense_does_no_harm(tmp_path: Path, taken: str, offset: str, hour: int) -> None:
    path = photograph(tmp_path / "cam_20190102.jpg", taken, offset)
    assert inspected(ImageInspector(), path, "cam_{Y}{m}{d}.jpg").start.hour == hour


def test_other_pictures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cam_20190102.jpg"
    Image.fromarray(PIXELS).save(path, format="GIF")
    with pytest.raises(NotMine, match="cannot be read"):
        inspected(ImageInspector(), path, "cam_{Y}{m}{d}.jpg")
