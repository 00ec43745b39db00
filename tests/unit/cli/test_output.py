"""What is printed where nobody reads it any more: it is let go, and why is remembered."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dbproc.cli.output import Outlet

LINE = b"built clean_20200101_v1.0.0.txt\n"
MUCH = b"0123456789abcdef" * 65_536


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):  # the test has closed it
            os.close(end)


def filled(writer: int) -> None:
    """Leave no room in a pipe."""
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)


def read_all(reader: int, into: bytearray) -> None:
    while data := os.read(reader, 1000):
        into.extend(data)


def test_everything_is_written(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as file:
        outlet = Outlet(file.fileno())
        assert outlet.write(MUCH) == len(MUCH)
    assert outlet.failure is None
    assert (tmp_path / "out").read_bytes() == MUCH


def test_a_full_disk_is_remembered_and_what_follows_is_let_go() -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        outlet = Outlet(full.fileno())
        assert [outlet.write(LINE), outlet.write(LINE)] == [len(LINE)] * 2
    assert outlet.failure is not None
    assert outlet.failure.errno == errno.ENOSPC


def test_a_reader_that_is_gone_is_remembered(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    outlet = Outlet(writer)
    outlet.write(LINE)
    os.close(reader)
    assert outlet.failure is None
    outlet.write(LINE)
    assert isinstance(outlet.failure, BrokenPipeError)


def test_a_reader_that_does_not_read_is_waited_for_no_longer_than_patience_lasts(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    filled(writer)
    outlet = Outlet(writer)
    outlet.patience = 0.05
    outlet.write(LINE)
    assert isinstance(outlet.failure, TimeoutError)
    os.read(reader, 65_536)
    outlet.write(LINE)  # it could be written now, and would come after what is missing
    os.set_blocking(reader, False)
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)


@pytest.mark.parametrize("is_blocking", [True, False])
def test_a_slow_reader_gets_everything(pipe: tuple[int, int], is_blocking: bool) -> None:
    reader, writer = pipe
    os.set_blocking(writer, is_blocking)
    got = bytearray()
    thread = threading.Thread(target=read_all, args=(reader, got))
    thread.start()
    outlet = Outlet(writer)
    outlet.patience = 60.0
    stream = io.TextIOWrapper(io.BufferedWriter(outlet), "utf-8", write_through=True)
    stream.write(MUCH.decode())
    stream.flush()
    os.close(writer)
    thread.join()
    assert outlet.failure is None
    assert bytes(got) == MUCH
