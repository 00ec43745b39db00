"""TIFF to IDX: every page accounted for, exact, or refused by name."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from dbproc.codes.idx_reader import open_idx, read_field
from tests.unit.codes.conftest import same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]


def grey(path: Path, values: np.ndarray[Any, Any], **options: Any) -> Path:
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "metadata": None, **options})
    return path


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "float16", "float32", "float64"]
)
def test_every_dtype_comes_back_bit_for_bit(tmp_path: Path, convert: Convert, dtype: str) -> None:
    values = wild(dtype, (19, 23))
    grey(tmp_path / "in.tif", values)
    convert("tiff_to_idx", "in.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 32)},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "rowsperstrip": 3},
        {"compression": "packbits"},
        {"compression": "zstd"},
    ],
)
def test_every_layout_of_pixels_is_read(tmp_path: Path, convert: Convert, options: dict[str, Any]) -> None:
    values = wild("uint16", (5, 37, 41))
    grey(tmp_path / "in.tif", values, **options)
    convert("tiff_to_idx", "in.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_pages_become_a_stack_whatever_the_slabs(tmp_path: Path, convert: Convert) -> None:
    values = wild("float32", (7, 33, 29))
    grey(tmp_path / "in.tif", values)
    convert("tiff_to_idx", "--slab", 0.001, "in.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_files_become_a_stack_in_the_order_given(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint8", (3, 6, 5))
    names = [grey(tmp_path / f"{name}.tif", page).name for name, page in zip("zax", values, strict=True)]
    convert("tiff_to_idx", *names, "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)
    origins = open_idx(tmp_path / "out.idx").description.origins
    assert [origin.name for origin in origins] == ["z.tif", "a.tif", "x.tif"]


def test_a_directory_is_taken_in_natural_order(tmp_path: Path, convert: Convert) -> None:
    (tmp_path / "slices").mkdir()
    values = wild("uint16", (12, 6, 5))
    for i, page in enumerate(values):
        grey(tmp_path / "slices" / f"s{i}.tiff", page)
    (tmp_path / "slices" / ".hidden").touch()
    convert("tiff_to_idx", "slices", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_a_directory_of_one_slice_is_a_stack_of_one(tmp_path: Path, convert: Convert) -> None:
    grey(tmp_path / "s1.tif", wild("uint16", (6, 5)))
    convert("tiff_to_idx", "s1.tif", "out.idx")
    assert open_idx(tmp_path / "out.idx").shape == (6, 5)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(("dtype", "components"), [("uint8", 3), ("uint8", 4), ("uint16", 3), ("uint16", 4)])
def test_colours_stay_together(tmp_path: Path, convert: Convert, planar: str, dtype: str, components: int) -> None:
    values = wild(dtype, (11, 13, components))
    stored = values if planar == "contig" else np.moveaxis(values, -1, 0).copy()
    extra = ["unassalpha"] if components == 4 else None
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=extra)
    convert("tiff_to_idx", "in.tif", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    assert dataset.shape == (11, 13)
    assert dataset.field().components == components
    assert same_bits(dataset.read(), values)


def test_a_stack_of_colour_pages_comes_back(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint8", (4, 11, 13, 3))
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="rgb")
    convert("tiff_to_idx", "in.tif", "out.idx")
    assert same_bits(read_field(tmp_path / "out.idx"), values)


def test_truth_values_become_bytes_of_0_and_1(tmp_path: Path, convert: Convert) -> None:
    values = wild("uint8", (9, 17)) > 100
    grey(tmp_path / "in.tif", values)
    convert("tiff_to_idx", "in.tif", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    assert same_bits(dataset.read(), values.astype("uint8"))
    assert dataset.field().attributes["tiff_dtype"] == "bool"


def test_a_geotiff_keeps_its_place(tmp_path: Path, convert: Convert) -> None:
    keys = (1, 1, 0, 2, 1024, 0, 1, 2, 1025, 0, 1, 1)
    tags = [
        (33550, "d", 3, (0.5, 0.25, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, -10.0, 50.0, 0.0), True),
        (34735, "H", len(keys), keys, True),
    ]
    grey(tmp_path / "in.tif", wild("uint8", (3, 2)), extratags=tags)
    convert("tiff_to_idx", "in.tif", "out.idx")
    rows, columns = open_idx(tmp_path / "out.idx").description.axes
    assert (rows.name, rows.positions()) == ("latitude", [49.875, 49.625, 49.375])
    assert (columns.name, columns.positions()) == ("longitude", [-9.75, -9.25])


def test_slices_of_another_size_are_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    for name, shape in (("a", (6, 5)), ("b", (6, 5)), ("c", (7, 5))):
        grey(tmp_path / f"{name}.tif", wild("uint8", shape))
    said = refused("tiff_to_idx", "a.tif", "b.tif", "c.tif", "out.idx")
    assert "c.tif: it cannot be joined to a.tif: its axis 0 is y of size 7, not y of size 6" in said


def test_slices_of_another_type_are_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    grey(tmp_path / "a.tif", wild("uint8", (6, 5)))
    grey(tmp_path / "b.tif", wild("uint16", (6, 5)))
    said = refused("tiff_to_idx", "a.tif", "b.tif", "out.idx")
    assert "b.tif: it cannot be joined to a.tif: its field image is uint16, not uint8" in said


def test_pages_of_another_size_are_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        writer.write(wild("uint8", (6, 5)), photometric="minisblack")
        writer.write(wild("uint8", (3, 5)), photometric="minisblack")
    assert "in.tif page 2" in refused("tiff_to_idx", "in.tif", "out.idx")


def test_several_files_of_several_pages_are_refused(tmp_path: Path, refused: Refused) -> None:
    grey(tmp_path / "a.tif", wild("uint8", (6, 5)))
    grey(tmp_path / "b.tif", wild("uint8", (2, 6, 5)))
    said = refused("tiff_to_idx", "a.tif", "b.tif", "out.idx")
    assert "b.tif: it cannot be joined to a.tif: its number of axes is 3, not 2" in said


def test_more_than_three_axes_are_refused_by_name(tmp_path: Path, refused: Refused) -> None:
    tifffile.imwrite(tmp_path / "in.ome.tif", wild("uint8", (2, 3, 6, 5)), photometric="minisblack", ome=True)
    assert "more than three axes" in refused("tiff_to_idx", "in.ome.tif", "out.idx")


def test_an_imagej_stack_with_one_page_entry_is_not_taken_for_one_page(tmp_path: Path, refused: Refused) -> None:
    """ImageJ writes large stacks with a single page entry; the rest of the pixels follow without one."""
    tifffile.imwrite(tmp_path / "in.tif", wild("uint8", (4, 6, 5)), imagej=True)
    with tifffile.TiffFile(tmp_path / "in.tif") as tiff:
        second = tiff.pages[0].offset
        pages = len(tiff.pages)
    content = bytearray((tmp_path / "in.tif").read_bytes())
    if pages > 1:  # end the list of pages after the first
        order = "little" if content[:2] == b"II" else "big"
        entries = int.from_bytes(content[second : second + 2], order)
        content[second + 2 + 12 * entries : second + 6 + 12 * entries] = b"\0\0\0\0"
        (tmp_path / "in.tif").write_bytes(bytes(content))
    assert "in.tif" in refused("tiff_to_idx", "in.tif", "out.idx")


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd", "jpeg"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
def test_cut_pixels_are_refused(tmp_path: Path, refused: Refused, compression: str | None, keep: float) -> None:
    grey(tmp_path / "in.tif", wild("uint8", (64, 64)), compression=compression)
    whole = (tmp_path / "in.tif").read_bytes()
    (tmp_path / "in.tif").write_bytes(whole[: int(len(whole) * keep)])
    assert "in.tif" in refused("tiff_to_idx", "in.tif", "out.idx")


def test_a_broken_chain_of_pages_is_refused(tmp_path: Path, refused: Refused) -> None:
    """The library stops at a page offset that leads nowhere and goes on with the pages before it."""
    grey(tmp_path / "in.tif", wild("uint8", (4, 6, 5)))
    with tifffile.TiffFile(tmp_path / "in.tif") as tiff:
        place = tiff.pages[1].offset
    content = bytearray((tmp_path / "in.tif").read_bytes())
    entries = int.from_bytes(content[place : place + 2], "little")
    content[place + 2 + 12 * entries : place + 6 + 12 * entries] = b"\xf0\xff\xff\x7f"
    (tmp_path / "in.tif").write_bytes(bytes(content))
    assert "in.tif" in refused("tiff_to_idx", "in.tif", "out.idx")


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff", b"no image"])
def test_what_is_no_tiff_is_refused(tmp_path: Path, refused: Refused, content: bytes) -> None:
    (tmp_path / "in.tif").write_bytes(content)
    assert "in.tif" in refused("tiff_to_idx", "in.tif", "out.idx")


def test_complex_pixels_are_refused(tmp_path: Path, refused: Refused) -> None:
    grey(tmp_path / "in.tif", np.ones((3, 4), dtype="complex64"))
    assert "complex64" in refused("tiff_to_idx", "in.tif", "out.idx")


def test_a_directory_with_other_things_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "slices").mkdir()
    assert "holds no files that end in .tif, .tiff" in refused("tiff_to_idx", "slices", "out.idx")
    grey(tmp_path / "slices" / "a.tif", wild("uint8", (6, 5)))
    (tmp_path / "slices" / "notes.txt").touch()
    assert "notes.txt" in refused("tiff_to_idx", "slices", "out.idx")
