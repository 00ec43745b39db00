"""The writer under sources and processes that misbehave: a whole dataset or nothing, and a clear word."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbproc.codes.conversion.idx_writer import Conversion, convert
from dbproc.codes.conversion.staging import staging
from dbproc.codes.idx.idx_reader import read_field
from dbproc.codes.idx.refusal import Refusal
from dbproc.codes.idx.supervision import PATIENCE
from tests.codes.conftest import command, environment, same_bits, wild, write_netcdf

SOURCE = """
import os, sys, time
from contextlib import contextmanager
import numpy as np
from dbproc.codes.idx.description import Axis, Description, Field

class Source:
    def __init__(self, shape, dtype):
        axes = tuple(Axis(f"a{i}", size) for i, size in enumerate(shape))
        self.description = Description("test", (), shape, axes, (Field("v", "v", dtype),), "none")

    def read(self, field, box):
        return np.zeros([part.stop - part.start for part in box], self.description.fields[0].dtype)

@contextmanager
def steady(inputs, options):
    print("noise on stdout", flush=True)
    print("noise on stderr", file=sys.stderr, flush=True)
    os.write(1, b"raw noise")
    yield Source((16, 8), "float32")

@contextmanager
def opening(inputs, options):
    exec(options["do"])
    yield Source((16, 8), "float32")

@contextmanager
def reading(inputs, options):
    source = Source((16, 8), "float32")
    def read(field, box, plain=source.read):
        exec(options["do"], {**globals(), "inputs": inputs})
        return plain(field, box)
    source.read = read
    yield source

@contextmanager
def wrong(inputs, options):
    source = Source((16, 8), "float32")
    source.read = lambda field, box: np.zeros(options["shape"], options["dtype"])
    yield source

@contextmanager
def huge(inputs, options):
    yield Source((1 << 20, 1 << 20), "float64")
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an input, whose child processes know the sources above."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sources.py").write_text(SOURCE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "in").write_text("input")
    return tmp_path / "work"


def make(
    place: Path, source: str, *, suffixes: Sequence[str] = (), patience: float = PATIENCE, **options: object
) -> str:
    inputs, output = [place / "in"], place / "x.idx"
    told = Conversion(f"sources:{source}", inputs, output, options, slab=128, patience=patience, suffixes=suffixes)
    return convert(told)


def refusal(place: Path, source: str, **options: Any) -> str:
    """What the conversion says; nothing of it may be left."""
    with pytest.raises(Refusal) as refused:
        make(place, source, **options)
    assert [path.name for path in place.iterdir()] == ["in"]
    return str(refused.value)


def test_what_libraries_print_is_not_shown(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make(place, "steady")
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in place.iterdir()) == ["in", "x", "x.idx"]


@pytest.mark.parametrize("source", ["opening", "reading"])
def test_an_aborting_library_is_told_by_its_signal(place: Path, source: str) -> None:
    assert "killed by signal 6 (SIGABRT)" in refusal(place, source, do="os.abort()")


@pytest.mark.parametrize("source", ["opening", "reading"])
@pytest.mark.parametrize("do", ["time.sleep(1000)", "while True: pass"])
def test_a_hanging_library_is_ended(place: Path, source: str, do: str) -> None:
    assert "the work on it hung" in refusal(place, source, patience=3, do=do)


@pytest.mark.parametrize("source", ["opening", "reading"])
def test_a_library_that_wants_too_much_memory_is_refused_it(place: Path, source: str) -> None:
    assert "more memory" in refusal(place, source, do="np.ones(1 << 36)")


@pytest.mark.parametrize("source", ["opening", "reading"])
def test_an_error_in_a_library_is_the_inputs_fault(place: Path, source: str) -> None:
    said = refusal(place, source, do="raise OSError('bad\\nheader')")
    assert f"{place / 'in'}: it cannot be read: OSError: bad header" in said


def test_a_child_that_leaves_early_is_noticed(place: Path) -> None:
    assert "ended with status 0" in refusal(place, "reading", do="os._exit(0)")


def test_an_input_that_changes_meanwhile_is_refused(place: Path) -> None:
    assert "it changed while it was converted" in refusal(place, "reading", do="inputs[0].write_text('other')")


def test_a_file_of_a_directory_that_changes_meanwhile_is_refused(place: Path) -> None:
    (place / "in").unlink()
    (place / "in").mkdir()
    (place / "in" / "a.txt").write_text("input")
    with pytest.raises(Refusal, match="it changed while it was converted"):
        make(place, "reading", suffixes=[".txt"], do="inputs[0].write_text('other')")


@pytest.mark.parametrize(("shape", "dtype"), [((1, 3), "float32"), ((4, 8), "float64"), ((4, 8), "int32")])
def test_a_source_that_breaks_its_word_writes_nothing(place: Path, shape: tuple[int, ...], dtype: str) -> None:
    assert "report it" in refusal(place, "wrong", shape=shape, dtype=dtype)


def test_too_little_space_is_said_beforehand(place: Path) -> None:
    assert "of free space are needed" in refusal(place, "huge")


def test_a_target_that_somebody_is_making_is_refused(place: Path) -> None:
    with staging(place / "x.idx"), pytest.raises(Refusal, match="another process is making it"):
        make(place, "steady")
    make(place, "steady")


def test_what_a_killed_publication_left_is_swept(place: Path) -> None:
    """Killed between the two renames: the companion is there, the .idx still staged."""
    (place / "x").mkdir()
    (place / "x" / "0000.bin").write_text("old")
    (place / ".x.idx.building").mkdir()
    (place / ".x.idx.building" / "x.idx").write_text("old")
    make(place, "steady")
    assert read_field(place / "x.idx").shape == (16, 8)


def test_a_foreign_companion_directory_is_left_alone(place: Path) -> None:
    (place / "x").mkdir()
    (place / "x" / "precious").write_text("mine")
    with pytest.raises(Refusal, match="exists already"):
        make(place, "steady")
    assert (place / "x" / "precious").read_text() == "mine"


@pytest.fixture
def working(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A conversion that has begun to write blocks."""
    write_netcdf(tmp_path / "in.nc", {"a": 512, "b": 4096}, {"v": (("a", "b"), wild("float32", (512, 4096)), {})})
    arguments = ("--slab", "0.02", "in.nc", "out.idx")
    started = command("netcdf_to_idx", *arguments)
    process = subprocess.Popen(
        started, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    blocks = tmp_path / ".out.idx.building" / "out" / "0000.bin"
    while not blocks.exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
    yield process
    process.kill()
    process.communicate()


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return found


def test_a_killed_conversion_leaves_no_target_and_the_next_starts_clean(
    tmp_path: Path, working: subprocess.Popen[str], run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    worker = children(working)
    working.send_signal(signal.SIGKILL)
    working.wait()
    psutil.wait_procs(worker)
    assert not (tmp_path / "out.idx").exists()
    assert not (tmp_path / "out").exists()
    result = run("netcdf_to_idx", "in.nc", "out.idx")
    assert result.returncode == 0, result.stderr
    assert same_bits(read_field(tmp_path / "out.idx"), wild("float32", (512, 4096)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.nc", "out", "out.idx"]


def test_the_worker_does_not_outlive_the_program(working: subprocess.Popen[str]) -> None:
    worker = children(working)
    assert worker
    working.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(worker)
    assert not alive
    assert gone


def test_a_killed_worker_is_told_and_cleaned_up_after(tmp_path: Path, working: subprocess.Popen[str]) -> None:
    (worker,) = children(working)
    os.kill(worker.pid, signal.SIGKILL)
    _, said = working.communicate()
    assert working.returncode == 1
    assert "killed by signal 9 (SIGKILL)" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.nc"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_ended_conversion_cleans_up(
    tmp_path: Path, working: subprocess.Popen[str], number: signal.Signals, status: int
) -> None:
    working.send_signal(number)
    _, said = working.communicate()
    assert working.returncode == status
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.nc"]
