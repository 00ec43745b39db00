"""Servers from packages, started for the tests: where they listen is read from what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LISTENS = r"http://127\.0\.0\.1:[1-9]\d*"


def of_package(program: str) -> str:
    """The path of a program that a package brought along."""
    return str(Path(sys.executable).parent / program)


@contextmanager
def running(command: Sequence[str], listens: str = LISTENS, **how: Any) -> Iterator[str]:
    """A server, and what it says where it listens; `how` is of the process."""
    with tempfile.TemporaryFile() as output:
        environment = {**os.environ, "HOME": "/nowhere"}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, **how)
        try:
            yield _said(process, output, listens)
        finally:
            process.kill()
            process.wait()


def _said(process: subprocess.Popen[bytes], output: Any, listens: str) -> str:
    """What a server's output says; its end is waited for in small steps, for nothing tells when there is more."""
    said = ""
    for _ in range(600):
        said = os.pread(output.fileno(), 1 << 20, 0).decode(errors="replace")
        if found := re.search(listens, said):
            return found[0]
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(f"{process.args!r} did not start: {said}")
