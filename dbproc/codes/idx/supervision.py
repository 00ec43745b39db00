"""Running a job in a child process, within a time and with its noise kept from the user."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dbproc.codes.idx.refusal import Refusal

PATIENCE = 60.0
"""Seconds that any step of a child may take, whatever its size."""

WORKER = Path(__file__).with_name("worker.py")


class Child:
    """A running child, as its parent hears it.

    Parameters
    ----------
    process
        The child; its standard input is what keeps it alive.
    pipe
        The reading end of the pipe for its reports.
    about
        What it works on, for messages.
    seconds
        How long it may be silent until it announces its next step.
    """

    def __init__(self, process: subprocess.Popen[bytes], pipe: int, about: str, seconds: float) -> None:
        self._process, self._pipe, self._about, self._seconds = process, pipe, about, seconds
        self._pending = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(pipe, selectors.EVENT_READ)

    def reports(self) -> Iterator[dict[str, Any]]:
        """The child's reports until it is done; raises Refusal when it refuses, dies or hangs."""
        while True:
            report = json.loads(self._line())
            if "refusal" in report:
                raise Refusal(*report["refusal"])
            if "done" in report:
                return
            if "seconds" in report:
                self._seconds = report["seconds"]
            else:
                yield report

    def read_into(self, target: memoryview) -> None:
        """Fill ``target`` with the raw bytes that follow the last report."""
        taken = min(len(target), len(self._pending))
        target[:taken] = self._pending[:taken]
        del self._pending[:taken]
        while taken < len(target):
            chunk = self._chunk()
            keep = min(len(chunk), len(target) - taken)
            target[taken : taken + keep] = chunk[:keep]
            self._pending += chunk[keep:]
            taken += keep

    def _line(self) -> bytes:
        while (end := self._pending.find(b"\n")) < 0:
            self._pending += self._chunk()
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line

    def _chunk(self) -> bytes:
        if not self._selector.select(self._seconds):
            what = f"the work on it hung: no progress for {self._seconds:.0f} seconds; it was ended"
            raise Refusal(self._about, what, "It may be damaged; on a slow machine give more --patience")
        return os.read(self._pipe, 1 << 20) or self._died()

    def _died(self) -> bytes:
        status = self._process.wait()
        if status < 0:
            what = f"the process that worked on it was killed by {_signal(-status)}"
            raise Refusal(self._about, what, "It may be damaged, or memory was short; nothing was kept")
        raise Refusal(self._about, f"the process that worked on it ended with status {status}", "Please report it")


@contextmanager
def child(
    work: str, about: object, job: Mapping[str, Any], keep: Sequence[int] = (), home: Path | None = None
) -> Iterator[Child]:
    """Start a job of :mod:`dbproc.codes.idx.worker` and end it, whatever happens.

    Parameters
    ----------
    work
        ``module:function`` that does the job; it is given the job and :class:`dbproc.codes.idx.reports.Reports`.
    about
        What the job works on, for messages.
    job
        What the function asks for; ``patience`` (seconds) and ``slab`` (bytes) always.
    keep
        File descriptors that the child holds open as long as it lives.
    home
        The directory in which its temporary files are made; by default the system's.
    """
    with tempfile.TemporaryDirectory(prefix="dbproc-visus-", dir=home) as temporary:
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-X", f"utf8={sys.flags.utf8_mode}", str(WORKER), str(writer)],  # names as we read them
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr if os.environ.get("DBPROC_CODES_DEBUG") else subprocess.DEVNULL,
            pass_fds=(writer, *keep),
            env={
                **os.environ,
                "VISUS_HOME": temporary,
                "TMPDIR": temporary,
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
            },
        )
        os.close(writer)
        try:
            _tell(process, {"work": work, "about": str(about), **job})
            yield Child(process, reader, str(about), _first_step(job))
        finally:
            _end(process)
            os.close(reader)


def _tell(process: subprocess.Popen[bytes], job: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # a child that is dead already is heard of when its reports are read
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()


def _first_step(job: Mapping[str, Any]) -> float:
    """Time to read headers and digest the inputs."""
    sizes = (os.stat(name).st_size for name in job.get("inputs", ()))
    return float(job["patience"]) + sum(sizes) / (4 << 20)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()


def _signal(number: int) -> str:
    return f"signal {number} ({signal.Signals(number).name})"
