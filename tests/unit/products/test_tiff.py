"""The inspector of TIFF files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from dbproc.products import NotMine
from dbproc.products.tiff import TiffInspector
from tests.kit.inspection import inspected


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
