"""Datasets that were made elsewhere: taken over whole, or refused by name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from dbproc.codes import idx_to_idx
from dbproc.codes.formats.plain_idx import PlainIdx
from dbproc.codes.idx import idx_file
from dbproc.codes.idx.idx_reader import open_idx
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.verification import verify
from tests.codes.conftest import environment, same_bits

Convert = Callable[..., "subprocess.CompletedProcess[str]"]
Refused = Callable[..., str]

ELSEWHERE = """
import OpenVisus as ov, numpy as np

def made(name, dims, fields):
    idx = ov.IdxFile()
    idx.logic_box = ov.BoxNi(ov.PointNi.zero(len(dims)), ov.PointNi(dims))
    for field in fields:
        idx.fields.push_back(ov.Field(*field, "row_major"))
    idx.filename_template = f"./{name}/%04x.bin"
    return idx

idx = made("a", [20, 12], [("v", "float32"), ("rgb", "uint8[3]")])
idx.timesteps, idx.time_template = ov.DatasetTimesteps(3, 5, 1), "t%02d/"
idx.axis, idx.bounds = "lon lat", ov.Position(ov.BoxNd(ov.PointNd([100, 0]), ov.PointNd([110, 12])))
idx.save("a.idx")
db = ov.LoadDataset("a.idx")
rng = np.random.default_rng(0)
for step in (3, 4, 5):
    for name, shape in (("v", (12, 20)), ("rgb", (12, 20, 3))):
        values = (rng.normal(size=shape) * 100).astype("f4" if name == "v" else "u1")
        db.write(values, field=name, time=step)
        np.save(f"{name}{step}.npy", values)
db.compressDataset(["zip"])
idx = made("b", [64, 64, 64], [("v", "uint16")])
idx.bitsperblock = 12
idx.save("b.idx")
ov.LoadDataset("b.idx").write(np.ones((8, 64, 64), "u2"), logic_box=([0, 0, 0], [64, 64, 8]))

for name, template, bits, files in (
    ("levels", "./levels/%02x/%04x.bin", 10, 16),
    ("short", "./short/%01x/%01x.bin", 6, 8),
    ("plain", "plain/%04x.bin", 10, 64),
):
    idx = made(name, [64, 64, 32], [("v", "int32")])
    idx.bitsperblock, idx.blocksperfile, idx.filename_template = bits, files, template
    idx.save(f"{name}.idx")
    ov.LoadDataset(f"{name}.idx").write(np.arange(1 << 17, dtype="i4").reshape(32, 64, 64))
for name, arco, order in (("arco", "64kb", ""), ("zipped", "64kb", ""), ("z", "modvisus", "hzorder")):
    field = ov.Field("v", "int32", order) if order else ov.Field("v", "int32")
    db = ov.CreateIdx(url=f"{name}.idx", dims=[64, 64, 32], fields=[field], arco=arco)
    db.write(np.arange(1 << 17, dtype="i4").reshape(32, 64, 64))
    if name == "zipped":
        db.compressDataset(["zip"])
fields = [ov.Field("v", "uint8"), ov.Field("w", "uint8")]
db = ov.CreateIdx(url="steps.idx", dims=[20, 12], fields=fields, time=[0, 4, "t%d/"], arco="modvisus")
for step in range(4):  # one less than is declared, and one field left out
    for name in ("v", "w")[: 1 if step in (1, 2) else 2]:
        db.write(np.full((12, 20), 1 + step, "u1"), field=name, time=step)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets of OpenVisus itself: a whole one, and one of which only a part was written."""
    place = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-c", ELSEWHERE]
    subprocess.run(command, cwd=place, env={**environment(), "VISUS_HOME": str(place)}, check=True, capture_output=True)
    return place


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_dataset_is_taken_over_with_all_it_has(here: Path, convert: Convert) -> None:
    convert("idx_to_idx", "a.idx", "out.idx")
    dataset = open_idx(here / "out.idx")
    assert verify(here / "out.idx").whole
    assert [axis.name for axis in dataset.description.axes] == ["timestep", "lat", "lon"]
    assert dataset.description.axes[0].coordinates == (3, 4, 5)
    assert dataset.description.axes[2].positions() == [100 + 0.5 * i for i in range(20)]
    for name in ("v", "rgb"):
        wanted = np.stack([np.load(here / f"{name}{step}.npy") for step in (3, 4, 5)])
        assert same_bits(dataset.read(name), wanted)
    assert "a/t03/0000.bin" in [origin.name for origin in dataset.description.origins]


def test_what_a_converter_made_stays_what_it_is(here: Path, convert: Convert) -> None:
    convert("idx_to_idx", "a.idx", "first.idx")
    convert("idx_to_idx", "first.idx", "second.idx")
    first, second = (open_idx(here / f"{name}.idx") for name in ("first", "second"))
    assert second.description.axes == first.description.axes
    assert second.description.notes == ("copied from first.idx",)
    assert same_bits(second.read("v"), first.read("v"))


def test_blocks_that_were_never_written_are_refused_or_noted(here: Path, convert: Convert, refused: Refused) -> None:
    assert "of its blocks are missing, first b/" in refused("idx_to_idx", "b.idx", "out.idx")
    convert("idx_to_idx", "--missing", "zero", "b.idx", "out.idx")
    dataset = open_idx(here / "out.idx")
    assert "were never written and are zeros" in dataset.description.notes[0]
    wanted = np.zeros((64, 64, 64), "u2")
    wanted[:8] = 1
    assert same_bits(dataset.read(), wanted)


@pytest.mark.parametrize("name", ["levels", "short", "plain"])
def test_every_way_to_name_files_of_blocks_is_understood(here: Path, convert: Convert, name: str) -> None:
    assert verify(here / f"{name}.idx").whole
    wanted = np.arange(1 << 17, dtype="i4").reshape(32, 64, 64)
    assert same_bits(open_idx(here / f"{name}.idx").read(), wanted)
    convert("idx_to_idx", f"{name}.idx", "out.idx")
    assert same_bits(open_idx(here / "out.idx").read(), wanted)
    file = max((here / name).rglob("*.bin"))
    file.unlink()
    assert file.relative_to(here).as_posix() in [each.file for each in verify(here / f"{name}.idx").damages]


def plain(path: Path, steps: Sequence[int] | None, flipped: Sequence[int]) -> PlainIdx:
    return PlainIdx(path, idx_file.read(path), steps, flipped)


def test_blocks_are_read_without_openvisus(here: Path) -> None:
    values = np.arange(1 << 17, dtype="i4").reshape(32, 64, 64)
    box = (slice(3, 20), slice(17, 64), slice(5, 6))
    for name in ("levels", "short", "plain", "arco", "zipped"):
        ((place, found),) = plain(here / f"{name}.idx", None, ()).read("v", box)
        assert place == box
        assert same_bits(found, values[box])
    ((_, found),) = plain(here / "levels.idx", None, (0, 2)).read("v", box)
    assert same_bits(found, values[::-1, :, ::-1][box])
    assert list(plain(here / "z.idx", None, ()).read("v", box)) == []
    box = (slice(1, 3), slice(2, 12), slice(0, 7))
    for name in ("v", "rgb"):
        parts = list(plain(here / "a.idx", (3, 4, 5), ()).read(name, box))
        wanted = np.stack([np.load(here / f"{name}{step}.npy") for step in (3, 4, 5)])
        assert [place[0] for place, _ in parts] == [slice(1, 2), slice(2, 3)]
        assert same_bits(np.concatenate([found for _, found in parts]), wanted[box])


def test_values_that_openvisus_reads_otherwise_are_refused(here: Path, refused: Refused) -> None:
    text = (here / "b.idx").read_text()
    (here / "b.idx").write_text(text.replace("default_value(0)", "default_value(7)"))
    assert "reads otherwise by" in refused("idx_to_idx", "--missing", "zero", "b.idx", "out.idx")


def test_what_is_declared_and_was_never_written_is_noted(here: Path, convert: Convert) -> None:
    told = (
        "timestep 4 is declared, but nothing of it is there",
        "field w was never written at timesteps 1 to 2: its values there are 0",
    )
    found = verify(here / "steps.idx")
    assert (found.whole, found.notes[1:]) == (True, told)
    convert("idx_to_idx", "steps.idx", "out.idx")
    steps = np.arange(1, 5, dtype="u1")[:, None, None] + np.zeros((1, 12, 20), "u1")
    for name in ("steps", "out"):
        dataset = open_idx(here / f"{name}.idx")
        assert dataset.description.notes == told
        assert same_bits(dataset.read("v"), steps)
        assert dataset.read("w")[:, 0, 0].tolist() == [1, 0, 0, 4]
    shutil.rmtree(here / "steps" / "t3")
    assert not verify(here / "steps.idx").whole


def test_a_damaged_block_is_refused_by_name(here: Path, refused: Refused) -> None:
    file = here / "a" / "t04" / "0000.bin"
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    assert "timestep 4 field rgb block 0" in refused("idx_to_idx", "--missing", "zero", "a.idx", "out.idx")


def test_blocks_elsewhere_than_beside_it_are_refused(here: Path, refused: Refused) -> None:
    text = (here / "b.idx").read_text()
    (here / "evil.idx").write_text(text.replace("./b/", "/etc/"))
    assert "its blocks lie in '/etc/" in refused("idx_to_idx", "evil.idx", "out.idx")


@pytest.mark.parametrize("place", ["./b/../../etc/", "/etc/", "$(CurrentFileDirectory)/b/../a/"])
def test_that_blocks_lie_elsewhere_is_told_by_the_text_alone(here: Path, place: str) -> None:
    text = (here / "b.idx").read_text()
    (here / "b.idx").write_text(text.replace("./b/", place))
    for look in (idx_file.read, verify):
        with pytest.raises(Refusal, match="its blocks lie in"):
            look(here / "b.idx")


def test_blocks_in_a_directory_of_another_name_are_looked_at_and_not_taken_for_own(here: Path) -> None:
    text = (here / "a.idx").read_text()
    (here / "a").rename(here / "blocks")
    (here / "a.idx").write_text(text.replace("./a/", "./blocks/"))
    assert verify(here / "a.idx").damages == ()
    with pytest.raises(Refusal, match="not in its companion directory"):
        idx_file.read(here / "a.idx")
    (file, *_) = (path for path in (here / "blocks").rglob("*.bin"))
    file.write_bytes(file.read_bytes()[:-1])
    assert not verify(here / "a.idx").whole


MIDX = "<dataset typename='IdxMultipleDataset'>{}</dataset>"


def part(path: Path, content: str, name: str | None) -> Path:
    path.write_text(content)
    return idx_to_idx._part(path, name)


def test_one_dataset_of_a_midx_file_is_meant(tmp_path: Path) -> None:
    one, two = "<dataset name='one' url='./a.idx' offset='0 0'/>", "<dataset name='two' url='sub/b.idx'/>"
    assert part(tmp_path / "x.midx", MIDX.format(one), None) == tmp_path / "a.idx"
    assert part(tmp_path / "x.midx", MIDX.format(one + two), "two") == tmp_path / "sub" / "b.idx"
    with pytest.raises(Refusal, match=r"several datasets could be meant\. Choose with --part: one, two"):
        part(tmp_path / "x.midx", MIDX.format(one + two), None)
    for place in ("file://./a.idx", "$(CurrentFileDirectory)/a.idx", "file://$(CurrentFileDirectory)/a.idx"):
        assert part(tmp_path / "x.midx", MIDX.format(f"<dataset url='{place}'/>"), None) == tmp_path / "a.idx"


def test_datasets_of_one_name_in_a_midx_file_are_told_apart(tmp_path: Path) -> None:
    one, two = "<dataset name='a' url='./a.idx'/>", "<dataset name='a' url='b.idx'/>"
    assert part(tmp_path / "x.midx", MIDX.format(one + two), "a") == tmp_path / "a.idx"
    assert part(tmp_path / "x.midx", MIDX.format(one + two), "a_2") == tmp_path / "b.idx"


def test_a_dataset_of_a_midx_file_elsewhere_is_in_nobodys_way(tmp_path: Path, here: Path) -> None:
    content = MIDX.format("<dataset name='far' url='http://example.org/a.idx'/><dataset name='near' url='a.idx'/>")
    assert part(tmp_path / "x.midx", content, "near") == tmp_path / "a.idx"
    with pytest.raises(Refusal, match=r"no \.idx beside or below it"):
        part(tmp_path / "x.midx", content, "far")
    (here / "x.midx").write_text(content)
    found = verify(here / "x.midx")
    assert found.whole
    assert "part far lies elsewhere and was not looked at" in found.notes


def test_the_datasets_of_a_midx_file_are_verified(here: Path) -> None:
    (here / "x.midx").write_text(MIDX.format("<dataset url='file://./a.idx'/><dataset url='b.idx'/>"))
    found = verify(here / "x.midx")
    assert {each.file for each in found.damages} == {"b/0000.bin"}
    assert any(note.startswith("a.idx: without a manifest") for note in found.notes)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (MIDX.format("<dataset url='http://example.org/a.idx'/>"), "no .idx beside or below it"),
        (MIDX.format("<dataset url='../a.idx'/>"), "no .idx beside or below it"),
        (MIDX.format("<dataset url='file:///etc/a.idx'/>"), "no .idx beside or below it"),
        (MIDX.format("<dataset url='/etc/passwd'/>"), "no .idx beside or below it"),
        (MIDX.format(""), "names 0 datasets"),
        ("<!DOCTYPE d [<!ENTITY a 'b'>]><dataset url='a.idx'/>", "declares entities"),
        ("<dataset", "no XML"),
    ],
)
def test_a_midx_file_that_leads_elsewhere_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(Refusal, match=complaint):
        part(tmp_path / "x.midx", content, None)
