from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from dbproc.core.filenames import NameFacts, compile_format
from dbproc.products import Inspector, NotMine
from dbproc.products.facts import CheckedFacts, settle
from dbproc.products.image import ImageInspector
from dbproc.products.tiff import TiffInspector

PIXELS = np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8)


def inspected(inspector: Inspector, path: Path, text: str, **arguments: str) -> CheckedFacts:
    name: NameFacts | None = compile_format(text).match(path.name)
    assert name is not None
    return settle(inspector.inspect(str(path), name, **arguments), name)


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


def stack(path: Path, *, bigtiff: bool = False, **tags: Any) -> Path:
    tifffile.imwrite(path, np.zeros((5, 40, 30), np.uint16), photometric="minisblack", bigtiff=bigtiff, **tags)
    return path


@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_tiff_is_dated_by_its_name(tmp_path: Path, bigtiff: bool) -> None:
    path = stack(tmp_path / "s_20190102.tif", bigtiff=bigtiff, datetime="2024:05:06 07:08:09")
    assert inspected(TiffInspector(), path, "s_{Y}{m}{d}.tif").date == dt.date(2019, 1, 2)


def test_a_tiff_without_a_date_in_its_name_is_dated_by_a_tag(tmp_path: Path) -> None:
    path = stack(tmp_path / "s.tif", datetime="2024:05:06 07:08:09")
    assert inspected(TiffInspector(), path, "{s}.tif").start == dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)


def test_a_named_tag_is_compared_with_the_name(tmp_path: Path) -> None:
    path = stack(tmp_path / "s_20190102.tif", datetime="2024:05:06 07:08:09")
    with pytest.raises(NotMine, match=r"2024-05-06.*2019-01-02"):
        inspected(TiffInspector(), path, "s_{Y}{m}{d}.tif", time="DateTime")
    with pytest.raises(NotMine, match="no tag DateTimeOriginal"):
        inspected(TiffInspector(), path, "s_{Y}{m}{d}.tif", time="DateTimeOriginal")


def test_a_tag_that_does_not_exist_is_a_fault_of_the_definition(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none of the tags"):
        inspected(TiffInspector(), stack(tmp_path / "s_20190102.tif"), "s_{Y}{m}{d}.tif", time="Date")


@pytest.mark.parametrize("missing", [20, 100, 5_000, 12_000])
def test_a_tiff_that_was_cut_off_is_refused(tmp_path: Path, missing: int) -> None:
    path = stack(tmp_path / "s_20190102.tif")
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(NotMine, match=r"cut off|damaged|cannot be read"):
        inspected(TiffInspector(), path, "s_{Y}{m}{d}.tif")


@pytest.mark.parametrize("content", [b"", b"II*\x00\xff\xff\xff\x00", b"no tiff"])
def test_what_is_no_tiff_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s_20190102.tif"
    path.write_bytes(content)
    with pytest.raises(NotMine):
        inspected(TiffInspector(), path, "s_{Y}{m}{d}.tif")
