"""Raw binary to IDX: its size must agree, its order and type are as declared."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbproc.codes import raw_to_idx
from dbproc.codes.formats import array_file
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.slabs import plan, whole
from dbproc.codes.idx.values import native
from dbproc.codes.raw_to_idx import open_source
from tests.codes.conftest import same_bits, wild

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]

PLAIN: dict[str, Any] = {
    **{"order": "C", "offset": 0, "components": 1, "axes": None, "axis_units": None},
    **{"name": "data", "units": "", "fill": None},
}


def told(shape: tuple[int, ...], dtype: str, **options: Any) -> dict[str, Any]:
    return {**PLAIN, "shape": list(shape), "dtype": dtype, **options}


def refusal(path: Path, options: dict[str, Any]) -> str:
    with pytest.raises(Refusal) as caught, open_source([path], options):
        pass
    return str(caught.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("window", [64 << 20, 999])
@pytest.mark.parametrize("copied", [1 << 30, 100])
def test_boxes_are_right_whatever_the_order_the_windows_and_the_slabs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Any, window: int, copied: int
) -> None:
    monkeypatch.setattr(array_file, "WINDOW", window)
    monkeypatch.setattr(raw_to_idx, "COPIED", copied)
    values = wild(">u2", (11, 17, 23))
    (tmp_path / "in.raw").write_bytes(b"header." + values.tobytes(order))
    with open_source([tmp_path / "in.raw"], told(values.shape, ">u2", order=order, offset=7)) as source:
        for budget in (10**9, 3000, 40):
            for box in plan(values.shape, 2, budget):
                assert same_bits(native(source.read("data", box)), native(values[box]))


@pytest.mark.parametrize("order", ["C", "F"])
def test_components_lie_together_whatever_the_order(tmp_path: Path, order: str) -> None:
    values = wild("float32", (4, 5, 6, 3))
    stored = values if order == "C" else values.transpose(2, 1, 0, 3)
    (tmp_path / "in.raw").write_bytes(np.ascontiguousarray(stored).tobytes())
    with open_source([tmp_path / "in.raw"], told((4, 5, 6), "<f4", components=3, order=order)) as source:
        assert same_bits(source.read("data", whole((4, 5, 6))), values)
        assert source.description.fields[0].components == 3


def test_a_declared_file_becomes_a_dataset(tmp_path: Path, convert: Convert) -> None:
    values = wild(">i4", (6, 7, 8))
    (tmp_path / "in.raw").write_bytes(b"head" + values.tobytes("F"))
    options = ["--shape=6,7,8", "--dtype=>i4", "--order=F", "--offset=4", "--axes=t,row,col", "--axis-units=s,um,um"]
    convert("raw_to_idx", *options, "--name=counts", "--units=1", "--fill=-1", "in.raw", "out.idx")
    dataset = open_idx(tmp_path / "out.idx")
    assert same_bits(dataset.read(), native(values))
    assert [(axis.name, axis.units) for axis in dataset.description.axes] == [("t", "s"), ("row", "um"), ("col", "um")]
    assert (dataset.field().name, dataset.field().units, dataset.field().fills) == ("counts", "1", (-1,))
    assert dataset.description.attributes["header_sha256"] == hashlib.sha256(b"head").hexdigest()


def test_a_size_that_does_not_agree_is_refused_with_what_would(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "in.raw").write_bytes(bytes(600))
    said = refused("raw_to_idx", "--shape=5,10,5", "--dtype=uint16", "in.raw", "out.idx")
    assert "600 bytes" in said
    assert "make 500" in said
    assert "--offset 100, --shape 6,10,5" in said
    assert "--shape 5,10,6" in refusal(tmp_path / "in.raw", told((5, 10, 5), "u2", order="F"))
    assert "a --dtype of 4 bytes" in refusal(tmp_path / "in.raw", told((5, 10, 3), "u8"))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (told((4,), "complex64"), "--dtype float32 --components 2"),
        (told((4,), "S4"), "not supported"),
        (told((4,), "float128"), "not supported"),
        (told((4,), "nonsense"), "is no type"),
        (told((4,), "u1", fill="300"), "--fill 300 is no uint8"),
        (told((4,), "f4", fill="1e99"), "--fill 1e99 is no float32"),
        (told((4,), "u1", axes=["a", "b"]), "--axes tells 2 where --shape has 1"),
        (told((2, 2), "u1", axes=["a", "a"]), "twice"),
        (told((1, 1, 1, 1, 2, 2, 1), "u1"), "7 axes"),
        (told((4,), "f8", components=5), "not a sample"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_what_cannot_be_meant_is_refused_by_name(tmp_path: Path, options: dict[str, Any], complaint: str) -> None:
    size = {"u1": 4, "f4": 16, "f8": 160}.get(options["dtype"], 16)
    (tmp_path / "in.raw").write_bytes(bytes(size))
    assert complaint in refusal(tmp_path / "in.raw", options)


def test_a_copy_without_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(array_file.os, "posix_fallocate", full)
    with pytest.raises(Refusal, match="has no room"):
        array_file.Copy("x", (4, 4), np.dtype("u1"), [], lambda box: np.zeros(0))


@pytest.mark.parametrize("shape", [(3000, 2000), (5, 3000, 7, 2000), (7,), (1, 1), (2000, 3, 5)])
def test_tiles_cover_the_array_once_within_a_window(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_file, "WINDOW", 1 << 20)
    steps = array_file.transposing_steps(shape, 2)
    assert 2 * int(np.prod(steps)) <= array_file.WINDOW
    seen = np.zeros(shape, dtype=np.uint8)
    for box in array_file.tiles(shape, steps):
        seen[box] += 1
    assert seen.min() == seen.max() == 1
