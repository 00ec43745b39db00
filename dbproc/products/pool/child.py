"""One worker process, as the process that started it has it: asked, heard, and ended."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, cast

from dbproc.core.errors import InspectionError
from dbproc.engines import confined
from dbproc.products.pool.protocol import READY, Reply, line
from dbproc.system import processes
from dbproc.system.signals import await_ours, is_deadly

_START_LIMIT = 60.0
_END_LIMIT = 1.0
_LONGEST_ANSWER = 4 << 20
_CHUNK = 1 << 16
_LONG = 1.0

Question = tuple[str, object] | tuple[str, object, object]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an inspector may take for one file: seconds, and bytes of address space, 0 for any number."""

    seconds: float = 60.0
    memory: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question."""

    reply: Reply
    content: object


class Fault(Exception):
    """How a worker failed at its question; `is_final` when a second try would be no use."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class Child:
    """A worker process that answers one question at a time.

    `number` is that of the question that it works on, `served` how many it has answered, and `is_tired` whether to
    end it. The first line to it is `setup`.
    """

    def __init__(self, setup: bytes, limits: Limits) -> None:
        self.number: int | None = None
        self.served = 0
        self.is_tired = False
        self._is_ready = False
        self._limits = limits
        self._key = -1
        self._progress = time.monotonic()
        self._out = bytearray(setup)
        self._received = bytearray()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  closed by end
        try:
            self._process = self._spawn()
        except OSError as error:
            self._complaints.close()
            raise InspectionError(f"the inspection worker cannot be started: {error}") from error
        processes.OWN.add(self._process.pid)
        self._questions, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        os.set_blocking(self._questions.fileno(), False)
        os.set_blocking(self._answers.fileno(), False)

    @property
    def is_free(self) -> bool:
        """Whether it can be asked."""
        return self._is_ready and self.number is None

    @property
    def is_long_at_it(self) -> bool:
        """Whether the question that it works on takes long."""
        return self._is_ready and self.number is not None and self._silence() >= _LONG

    def ask(self, number: int, question: Question) -> None:
        """Send a question."""
        self._progress = time.monotonic() if self._is_ready else self._progress
        self._key = random.getrandbits(48)  # what an inspector writes by itself is not taken for an answer
        self.number = number
        self._out += line([self._key, *question])
        self.write()

    def register(self, poller: select.poll) -> int:
        """Have a poller watch it; what is polled for answers is returned."""
        poller.register(self._answers, select.POLLIN)
        if self._out:
            poller.register(self._questions, select.POLLOUT)
        return self._answers.fileno()

    def write(self) -> None:
        """Send what its pipe takes of what it was not sent yet."""
        try:
            while self._out:
                del self._out[: os.write(self._questions.fileno(), self._out[:_CHUNK])]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._out.clear()  # it died; the end of its answers will say so

    def read(self) -> Iterator[tuple[int, Answer]]:
        """Its answer and the question's number; Fault when it failed at that, InspectionError when it did not start."""
        data = os.read(self._answers.fileno(), _CHUNK)
        if not data:
            raise self._death()
        *lines, self._received = (self._received + data).split(b"\n")
        if not lines and len(self._received) > _LONGEST_ANSWER:
            raise Fault(f"its inspector answered with more than {_LONGEST_ANSWER >> 20} MiB")
        for each in lines:
            if self._is_ready:
                yield self._understood(each)
            else:
                self._is_ready, self._progress = each == READY, time.monotonic()

    def look(self) -> None:
        """See whether it hangs or is dead; raises as :meth:`read` does."""
        if self._process.poll() is not None and not self._has_words():
            raise self._death()
        silence = self._silence()
        if not self._is_ready and silence >= _START_LIMIT:
            raise self._start_error(f"is not ready after {_START_LIMIT:g} s")
        if self._is_ready and self.number is not None and silence >= self._limits.seconds:
            advice = "a larger inspector_seconds in the mission file gives it longer"
            raise Fault(f"its inspector hung for {self._limits.seconds:g} s and was ended; {advice}", is_final=True)

    def end(self) -> None:
        """End the process with its whole group, at once; it holds nothing."""
        processes.kill_group(self._process.pid)
        with suppress(subprocess.TimeoutExpired):  # it waits for a disk
            self._process.wait(timeout=_END_LIMIT)
        processes.OWN.discard(self._process.pid)
        for each in (self._questions, self._answers, self._complaints):
            each.close()

    def _silence(self) -> float:
        """Seconds since it was started, became ready, or was asked."""
        return time.monotonic() - self._progress

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            confined.command("dbproc.products.pool.worker", [], self._limits.memory),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
            env=confined.environment(),
        )

    def _has_words(self) -> bool:
        poller = select.poll()
        poller.register(self._answers, select.POLLIN)
        return bool(poller.poll(0))

    def _understood(self, text: bytes | bytearray) -> tuple[int, Answer]:
        try:
            key, reply, content, is_tired = json.loads(text)
            answer = Answer(Reply(reply), content)
        except (ValueError, TypeError, RecursionError):
            key = None
        if self.number is None or key != self._key:
            raise Fault("its inspector wrote into the worker's connection")
        if answer.reply is Reply.MEMORY:
            advice = "a larger inspector_memory in the mission file gives it more"
            raise Fault(f"its inspector needs more than the memory limit of {_shown(self._limits.memory)}; {advice}")
        self.served += 1
        self.is_tired = is_tired is True
        number, self.number = self.number, None
        return number, answer

    def _death(self) -> Fault:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return Fault("its inspector closed the worker's connection")
        if is_deadly(status) and status != -signal.SIGKILL:
            await_ours()
        how = _signal_name(-status) if status < 0 else f"with exit status {status}"
        if not self._is_ready:
            raise self._start_error(f"ended {how}")
        return Fault(f"its inspector died {how}" if status < 0 else f"its inspector ended its process {how}")

    def _start_error(self, how: str) -> InspectionError:
        self._complaints.seek(0)
        words = self._complaints.read()[-2_000:].decode("utf-8", "replace").strip().splitlines()
        limit = f"inspector_memory allows {_shown(self._limits.memory)}" if self._limits.memory else "no memory limit"
        return InspectionError(f"the inspection worker {how} ({limit}): {words[-1] if words else ''}")


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return f"by signal {signal.Signals(number).name}"
    return f"by signal {number}"


def _shown(size: int) -> str:
    return f"{size / (1 << 30):g} GiB" if size >= 1 << 30 else f"{size / (1 << 20):g} MiB"
