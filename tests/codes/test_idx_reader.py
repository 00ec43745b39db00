"""A dataset is read whole or not at all, wherever it was moved to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbproc.codes.idx.idx_reader import open_idx, read_field, read_metadata
from dbproc.codes.idx.refusal import Refusal
from tests.codes.conftest import converted, copied, same_bits, wild, write_netcdf

SHAPE = (40, 50, 60)


@pytest.fixture(scope="module")
def values() -> np.ndarray[Any, Any]:
    return wild("float32", SHAPE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray[Any, Any]) -> Path:
    directory, sizes = tmp_path_factory.mktemp("made"), dict(zip("abc", SHAPE, strict=True))
    write_netcdf(directory / "in.nc", sizes, {"v": (("a", "b", "c"), values, {"units": "K"})})
    converted(directory, "netcdf_to_idx", "in.nc", "out.idx")
    return directory / "out.idx"


@pytest.fixture
def idx(tmp_path: Path, made: Path) -> Path:
    return copied(made, tmp_path)


def test_a_pair_that_was_moved_reads_as_before(tmp_path: Path, idx: Path, values: np.ndarray[Any, Any]) -> None:
    elsewhere = tmp_path / "else where" / "2019"
    elsewhere.mkdir(parents=True)
    shutil.move(idx, elsewhere / "out.idx")
    shutil.move(idx.with_suffix(""), elsewhere / "out")
    assert same_bits(read_field(elsewhere / "out.idx"), values)


def test_a_box_is_read_alone(idx: Path, values: np.ndarray[Any, Any]) -> None:
    box = (slice(7, 9), slice(0, 50), slice(59, 60))
    assert same_bits(open_idx(idx).read("v", box), values[box])


def test_a_box_outside_is_refused(idx: Path) -> None:
    with pytest.raises(Refusal, match="not within"):
        open_idx(idx).read("v", (slice(0, 41), slice(0, 1), slice(0, 1)))


def test_an_unknown_field_is_answered_with_the_fields(idx: Path) -> None:
    with pytest.raises(Refusal, match="Choose one of: v"):
        open_idx(idx).read("w")


def test_metadata_are_read_without_the_blocks(idx: Path) -> None:
    shutil.rmtree(idx.with_suffix(""))
    metadata = read_metadata(idx)
    assert metadata is not None
    assert metadata.description.fields[0].units == "K"
    assert metadata.description.origins[0].name == "in.nc"


def delete(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [delete, cut, empty, flip])
@pytest.mark.parametrize("name", ["out/0000.bin", "out.idx", "out/manifest.json"])
def test_damage_to_any_file_is_refused(idx: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(idx.parent / name)
    with pytest.raises(Refusal) as refusal:
        open_idx(idx)
    assert Path(name).name in str(refusal.value)


@pytest.fixture
def foreign(idx: Path) -> Path:
    """A dataset as other programs make them: no manifest, no metadata of ours."""
    (idx.with_suffix("") / "manifest.json").unlink()
    text = idx.read_text()
    idx.write_text(text[: text.index("(metadata)")])
    return idx


def test_a_dataset_from_elsewhere_is_read_as_its_idx_tells(foreign: Path, values: np.ndarray[Any, Any]) -> None:
    dataset = open_idx(foreign)
    assert dataset.shape == SHAPE
    assert same_bits(dataset.read("v"), values)


@pytest.mark.parametrize("place", ["DIR/other/", "./out/../other/", "./other/", "other/", ""])
def test_blocks_that_lie_elsewhere_are_not_read(tmp_path: Path, foreign: Path, place: str) -> None:
    shutil.copytree(foreign.with_suffix(""), tmp_path / "other")
    text = foreign.read_text()
    assert "./out/%04x.bin" in text
    foreign.write_text(text.replace("./out/", place.replace("DIR", str(tmp_path))))
    with pytest.raises(Refusal, match="its blocks lie in"):
        open_idx(foreign)


@pytest.mark.parametrize("damage", [delete, empty])
def test_missing_blocks_are_found_without_a_manifest_too(foreign: Path, damage: Callable[[Path], None]) -> None:
    damage(foreign.with_suffix("") / "0000.bin")
    with pytest.raises(Refusal, match="blocks are missing"):
        open_idx(foreign)


def test_a_cut_block_is_found_without_a_manifest_too(foreign: Path) -> None:
    blocks = foreign.with_suffix("") / "0000.bin"
    blocks.write_bytes(blocks.read_bytes()[:-100_000])
    with pytest.raises(Refusal, match="blocks are missing"):
        open_idx(foreign)


@pytest.mark.parametrize("content", ["", "(version)\n6\n", "nonsense"])
def test_what_is_no_idx_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.idx").write_text(content)
    with pytest.raises(Refusal, match=r"x\.idx"):
        open_idx(tmp_path / "x.idx")
