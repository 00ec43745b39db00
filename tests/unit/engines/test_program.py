"""Whether the system can start a program, and what is said when it cannot: before it is tried."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbproc.engines import program


def written(folder: Path, content: bytes, name: str = "go") -> str:
    path = folder / name
    path.write_bytes(content)
    path.chmod(0o755)
    return str(path)


def starts(path: str) -> bool:
    """Whether the system starts it: what is foreseen is held against that."""
    try:
        return subprocess.run([path], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize(
    "content",
    [
        b"#!/bin/sh\n",
        b"#!/bin/sh",
        b"#! \t/bin/sh -e\n",
        b"#!/usr/bin/env python3\n",
        b"#!/usr/bin/env -S python3 -u\n",
        b"#!/usr/bin/env -S A=1 python3\n",
        b"#!/bin/sh\n# Windows\r\n",
        b"#!/bin/sh " + b" " * 240 + b"\n",
    ],
)
def test_what_the_system_starts_has_no_fault(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    assert starts(path)
    assert program.fault(path) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"echo\n", "it has no interpreter line"),
        (b"\n#!/bin/sh\n", "blanks before its interpreter line"),
        (b"#!/bin/sh\r\ntrue\r\n", "its first line ends in CR, as on Windows"),
        (b"#!/usr/bin/env python3\r\n", "its first line ends in CR, as on Windows"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "begins with a byte order mark"),
        ("#!/bin/sh\n".encode("utf-16"), "text in UTF-16"),
        (b"#!\n", "names no interpreter"),
        (b"#!/no/such/interpreter -x\n", "the interpreter /no/such/interpreter, which does not exist"),
        (b"#!/tmp\n", "the interpreter /tmp, which is not a program"),
        (b"#!/etc/passwd\n", "the interpreter /etc/passwd, which is not executable"),
        (b"#!sh\n", "the interpreter 'sh' without its path"),
        (b"#!/usr/bin/env no-such-program\n", "'no-such-program' for env to start, and it is not in the directories"),
        (b"#!/usr/bin/env python3 -u\n", "write env -S python3 -u"),
        (b"#!/usr/bin/env -S no-such-program -u\n", "'no-such-program' for env"),
        (b"#!/bin/sh " + b"x" * 250 + b"\n", "longer than the 255 bytes"),
        (b"MZ\x90\x00", "not a binary of this system"),
    ],
)
def test_what_the_system_does_not_start_is_told_with_its_cause(tmp_path: Path, content: bytes, words: str) -> None:
    path = written(tmp_path, content)
    assert not starts(path)
    assert words in (program.fault(path) or "")


def test_a_variable_before_the_program_of_env_is_told(tmp_path: Path) -> None:
    """It is not tried: env takes all of it for the variable's value, and starts the script anew for ever."""
    path = written(tmp_path, b"#!/usr/bin/env VAR=1 python3\n")
    assert "write env -S VAR=1 python3" in (program.fault(path) or "")


def test_an_interpreter_that_cannot_be_started_is_told_through_the_script(tmp_path: Path) -> None:
    broken = written(tmp_path, b"#!/bin/sh\r\n", "broken")
    path = written(tmp_path, f"#!{broken}\n".encode())
    assert program.fault(path) == f"its first line names {broken}, which cannot be started: {program.fault(broken)}"


def test_scripts_that_are_each_others_interpreters_come_to_an_end(tmp_path: Path) -> None:
    written(tmp_path, f"#!{tmp_path}/b\n".encode(), "a")
    written(tmp_path, f"#!{tmp_path}/a\n".encode(), "b")
    assert "too many interpreters" in (program.fault(f"{tmp_path}/a") or "")


def test_a_binary_is_started_and_one_whose_loader_is_missing_is_told(tmp_path: Path) -> None:
    true = Path(shutil.which("true") or "").read_bytes()
    assert program.fault(written(tmp_path, true)) is None
    loader = program._loader(true[:4096])
    assert loader is not None
    assert Path(loader).exists()
    assert program.fault(sys.executable) is None
    foreign = written(tmp_path, true.replace(loader.encode(), loader[:-1].encode() + b"?"))
    assert not starts(foreign)
    assert f"it needs the loader {loader[:-1]}?, which does not exist" in (program.fault(foreign) or "")


@pytest.fixture
def small_stack() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_STACK, before)


@pytest.mark.usefixtures("small_stack")
def test_a_command_line_that_is_too_long_is_known_before_it_is_tried() -> None:
    words = ["/bin/true", *["x" * 100] * 600]
    assert not program.too_long(words)
    assert subprocess.run(words, check=False).returncode == 0
    words += ["x" * 100] * 800
    assert program.too_long(words)
    with pytest.raises(OSError, match="too long"):
        subprocess.run(words, check=False)


def test_one_word_that_is_too_long_is_known_before_it_is_tried() -> None:
    assert not program.too_long(["/bin/true", "x" * 131_071])
    assert program.too_long(["/bin/true", "x" * 131_072])
