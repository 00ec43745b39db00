"""A dataset that grows: what is equal is shared by hard links, what was there before stays what it was."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbproc.codes.conversion import building, reuse
from dbproc.codes.conversion.idx_writer import Conversion, convert
from dbproc.codes.conversion.reuse import Earlier
from dbproc.codes.idx import manifest
from dbproc.codes.idx.description import Axis, Description, Field, Metadata, Origin, Part, Tally
from dbproc.codes.idx.idx_reader import read_field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.verification import verify
from dbproc.storage import permissions
from tests.codes.conftest import command, environment, wild

SHAPE = (3, 40, 50)
"""Of a day: three timesteps in one file."""
RAW = {"offset": 0, "order": "C", "components": 1, "axes": ["time", "y", "x"], "axis_units": None}
TOLD = {**RAW, "shape": SHAPE, "dtype": "float32", "name": "t", "units": "K", "fill": "0"}


def day(directory: Path, number: int, seed: int | None = None) -> Path:
    """The file of a day."""
    path = directory / f"day{number}.raw"
    wild("float32", SHAPE, number if seed is None else seed).tofile(path)
    return path


def month(output: Path, days: list[Path], pattern: str = "", **told: Any) -> str:
    """Convert days to one dataset."""
    options = {**TOLD, **told.pop("options", {})}
    settings = {"join": "time", "timesteps": "time", "reuse": pattern, **told}
    return convert(Conversion("dbproc.codes.raw_to_idx:open_source", days, output, options, **settings))


def digests(idx: Path) -> dict[str, tuple[str, int, int]]:
    """The content, the mode and the time of every file of a dataset."""
    files = [idx, *(path for path in idx.with_suffix("").rglob("*") if path.is_file())]
    found = {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat()) for path in files}
    return {name: (digest, status.st_mode, status.st_mtime_ns) for name, (digest, status) in found.items()}


def contents(idx: Path) -> dict[str, bytes]:
    """Every file of a dataset whose name is that of its parent directory's other dataset."""
    within = idx.with_suffix("")
    return {str(path.relative_to(within)): path.read_bytes() for path in within.rglob("*") if path.is_file()} | {
        ".idx": idx.read_bytes()
    }


def shared(old: Path, new: Path) -> dict[int, int]:
    """The timesteps of a dataset that are files of the older one: new numbers, and old ones."""
    inodes = {path.stat().st_ino: _step(path) for path in old.with_suffix("").glob("t*.bin")}
    found = {_step(path): path.stat().st_ino for path in new.with_suffix("").glob("t*.bin")}
    return {step: inodes[inode] for step, inode in sorted(found.items()) if inode in inodes}


def _step(path: Path) -> int:
    return int(path.name[1:7])


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Path, list[Path]]:
    """Two days in a dataset, in a directory of its own."""
    (tmp_path / "v1").mkdir()
    days = [day(tmp_path, 1), day(tmp_path, 3)]
    month(tmp_path / "v1" / "m.idx", days)
    return tmp_path / "v1" / "m.idx", days


def test_a_month_that_gains_days_shares_the_others_and_equals_one_made_from_scratch(
    grown: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    old, (first, third) = grown
    before = digests(old)
    changed = day(tmp_path, 30, seed=30)
    days = [first, day(tmp_path, 2), third, changed]
    for name in ("v2", "scratch"):
        (tmp_path / name).mkdir()
    new, scratch = tmp_path / "v2" / "m.idx", tmp_path / "scratch" / "m.idx"
    said = month(new, days, str(tmp_path / "v1" / "*.idx"))
    month(scratch, days)
    assert "6 of 12 timesteps shared with m.idx" in said
    assert shared(old, new) == {0: 0, 1: 1, 2: 2, 6: 3, 7: 4, 8: 5}
    assert digests(old) == before
    assert contents(new) == contents(scratch)
    assert manifest.verify(new)
    wanted = np.concatenate([np.fromfile(path, "float32").reshape(SHAPE) for path in days])
    assert read_field(new).tobytes() == wanted.tobytes()


def test_a_day_that_changed_is_converted_anew(grown: tuple[Path, list[Path]], tmp_path: Path) -> None:
    old, (first, third) = grown
    before = digests(old)
    day(tmp_path, 1, seed=99)
    month(tmp_path / "new.idx", [first, third], str(old))
    assert shared(old, tmp_path / "new.idx") == {3: 3, 4: 4, 5: 5}
    assert digests(old) == before
    wanted = np.concatenate([np.fromfile(path, "float32").reshape(SHAPE) for path in (first, third)])
    assert read_field(tmp_path / "new.idx").tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    "told",
    [{"codec": "raw"}, {"options": {"units": "degC"}}, {"options": {"fill": None}}],
    ids=["codec", "units", "fill"],
)
def test_under_other_options_nothing_is_shared(
    grown: tuple[Path, list[Path]], tmp_path: Path, told: dict[str, Any]
) -> None:
    old, days = grown
    said = month(tmp_path / "new.idx", days, str(old), **told)
    assert "; 0 of " in said
    assert shared(old, tmp_path / "new.idx") == {}


def test_nothing_is_taken_from_a_damaged_dataset(grown: tuple[Path, list[Path]], tmp_path: Path) -> None:
    old, days = grown
    bin_ = next(old.with_suffix("").glob("t000004.*.bin"))
    content = bytearray(bin_.read_bytes())
    content[-1] ^= 1
    bin_.write_bytes(content)
    said = month(tmp_path / "new.idx", days, str(old))
    assert "no timesteps were shared" in said
    assert "t000004.0000.bin: its bytes are not those that were written" in said
    assert shared(old, tmp_path / "new.idx") == {}
    assert verify(tmp_path / "new.idx").whole
    with pytest.raises(Refusal, match="stored with loss"):
        month(tmp_path / "lossy.idx", days, str(old), codec="zfp-accuracy=0.1")


def test_killed_in_the_middle_it_leaves_the_old_one_whole(grown: tuple[Path, list[Path]], tmp_path: Path) -> None:
    old, days = grown
    before = digests(old)
    for path in (4, 5, 6):
        days.append(day(tmp_path, path))
    told = "--shape 3,40,50 --dtype float32 --axes time,y,x --name t --units K --fill 0 --join time --timesteps time"
    started = command("raw_to_idx", *told.split(), "--reuse", old, *days, tmp_path / "new.idx")
    process = subprocess.Popen(started, env=environment(), cwd=tmp_path, stderr=subprocess.DEVNULL)
    while process.poll() is None and not any((tmp_path / ".new.idx.building").glob("new/t*")):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    _wait_for_its_child(tmp_path / ".new.idx.building")
    assert not (tmp_path / "new.idx").exists()
    assert digests(old) == before
    said = month(tmp_path / "new.idx", days, str(old), options={"shape": list(SHAPE)})
    assert "6 of 15 timesteps shared" in said
    assert digests(old) == before
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def _wait_for_its_child(staging: Path) -> None:
    """Until the child of a killed program has noticed and let go of the lock."""
    lock = os.open(staging, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.close(lock)


@contextmanager
def in_force(umask: int) -> Iterator[None]:
    token = permissions._in_force.set(permissions.Access(umask))
    try:
        yield
    finally:
        permissions._in_force.reset(token)


def test_a_missions_access_is_given_to_copies_not_through_a_shared_file(
    grown: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    old, days = grown
    month(tmp_path / "new.idx", days, str(old))
    before = digests(old)
    with in_force(0o027):
        assert not permissions.settled(str(tmp_path / "new"))  # a copy is to take its place
    assert digests(old) == before


def test_another_filesystem_is_copied_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def across(source: object, target: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    (tmp_path / "a").write_bytes(b"block")
    monkeypatch.setattr(os, "link", across)
    reuse._link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"block"
    assert (tmp_path / "b").stat().st_ino != (tmp_path / "a").stat().st_ino


def described(*digests: str, parts: tuple[Part, ...], **told: Any) -> Description:
    axes = (Axis("time", parts[-1].stop), Axis("x", 9))
    fields = (Field("v", "v", "int16"),)
    origins = tuple(Origin(f"f{i}", 1, digest) for i, digest in enumerate(digests))
    facts = {"code": "c", "shape": (parts[-1].stop, 9), "axes": axes, "fields": fields, "orientation": "", **told}
    return Description(origins=origins, parts=parts, timesteps="time", **facts)


def earlier(description: Description) -> Earlier:
    return Earlier(Path("old.idx"), Metadata(description, (9,), {}, {}, "recipe"))


def test_a_part_of_several_files_is_equal_when_all_of_them_are() -> None:
    """A file that refers to others, such as HDF5 with external links, does not change when they do."""
    parts = (Part(0, 0, 1), Part(2, 1, 2))
    old = earlier(described("master", "data 1", "master", "data 2", parts=parts))
    new = described("master", "data 1", "master", "data 3", parts=parts)
    assert old.steps_of(new, (9,), "recipe") == {0: 0}
    swapped = described("master", "data 2", "master", "data 1", parts=parts)
    assert old.steps_of(swapped, (9,), "recipe") == {0: 1, 1: 0}


@pytest.mark.parametrize(
    ("change", "recipe", "shape"),
    [
        ({}, "other", (9,)),
        ({}, "recipe", (8,)),
        ({"code": "d"}, "recipe", (9,)),
        ({"fields": (Field("v", "v", "int32"),)}, "recipe", (9,)),
        ({"fields": (Field("v", "v", "int16", fills=(1,)),)}, "recipe", (9,)),
        ({"fields": (Field("v", "w", "int16"),)}, "recipe", (9,)),
    ],
)
def test_what_is_made_otherwise_is_not_taken_over(change: dict[str, Any], recipe: str, shape: tuple[int, ...]) -> None:
    parts = (Part(0, 0, 1),)
    old = earlier(described("a", parts=parts))
    assert old.steps_of(described("a", parts=parts), (9,), "recipe") == {0: 0}
    assert old.steps_of(described("a", parts=parts, **change), shape, recipe) == {}


BINS = """(version)
6
(box)
0 7 0 7
(fields)
v uint8 default_layout() default_value(0) min(0) max(0)
(bits)
V010101
(bitsperblock)
4
(blocksperfile)
2
(time)
0 2 t%06d/
(filename_template)
./NAME/%04x.bin
"""


def test_every_file_of_a_timestep_is_taken_over(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.idx").write_text(BINS.replace("NAME", name))
    for step in (0, 1):
        for first in (0, 2):
            path = tmp_path / "old" / f"t{step:06}" / f"{first:04x}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes([step, first]))
    manifest.write(tmp_path / "old.idx")
    earlier = Earlier(tmp_path / "old.idx", Metadata(Description("", (), (), (), (), ""), (), {}))
    taken = reuse.take_over(earlier, tmp_path / "new.idx", {2: 1})
    known = manifest.load(tmp_path / "old.idx")
    assert taken == {f"new/t000002/{i}.bin": known[f"old/t000001/{i}.bin"] for i in ("0000", "0002")}
    assert (tmp_path / "new/t000002/0002.bin").samefile(tmp_path / "old/t000001/0002.bin")


def test_programs_of_another_number_have_another_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"opener": "o", "options": {}, "codec": "zip", "join": "", "timesteps": "", "ranges": [], "keep_rows": False}
    before = building.recipe(job)
    assert building.recipe({**job, "codec": "raw"}) != before
    monkeypatch.setattr(building, "RECIPE", building.RECIPE + 1)
    assert building.recipe(job) != before


def test_nothing_is_shared_with_a_dataset_of_a_version_that_had_no_number(
    grown: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    old, days = grown
    text, count = re.subn(r'"recipe":"[^"]+"', f'"recipe":"{"5f" * 32}"', old.read_text())
    assert count == 1
    old.write_text(text)
    manifest.write(old)
    said = month(tmp_path / "new.idx", days, str(old))
    assert "; 0 of 6 timesteps shared" in said
    assert verify(tmp_path / "new.idx").whole


def test_what_was_counted_of_a_part_comes_with_it() -> None:
    tallies = {"v": Tally(valid=9, minimum=1, maximum=2)}
    old = earlier(described("a", "b", parts=(Part(0, 0, 1), Part(1, 1, 2, tallies=tallies))))
    assert old.counted(Part(4, 7, 8), 1) == Part(4, 7, 8, tallies=tallies)
