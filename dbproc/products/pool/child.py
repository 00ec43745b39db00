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
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from dbproc.core.errors import InspectionError
from dbproc.engines.confined import environment
from dbproc.products.pool.protocol import READY, Reply, line
from dbproc.system import processes
from dbproc.system.encoding import this_python
from dbproc.system.signals import await_ours, is_deadly

_START_LIMIT = 60.0
_END_LIMIT = 1.0
_LONGEST_ANSWER = 4 << 20
_CHUNK = 1 << 16
_LONG = 1.0
_AHEAD_SECONDS, _MOST_AHEAD = 0.02, 64
_SMOOTHING = 8

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
    """How a worker failed at the first of its questions; `is_final` when a second try would be no use."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class Child:
    """A worker process and the two pipes to it.

    Parameters
    ----------
    setup
        The first line to it.
    limits
        What it may take.
    is_spare
        Whether it is to help others, which can do without it.

    Attributes
    ----------
    asked
        The questions that it was sent and has not answered, by their numbers; it works on the first.
    served
        How many it has answered.
    pace
        Seconds from answer to answer, smoothed; without the first, which takes as long as libraries take to load.
    is_tired
        Whether to end it.
    """

    def __init__(self, setup: bytes, limits: Limits, *, is_spare: bool = False) -> None:
        self.asked: deque[int] = deque()
        self.served = 0
        self.pace = 0.0
        self.is_tired = False
        self.is_spare = is_spare
        self._is_ready = False
        self._is_slow = False
        self._limits = limits
        self._keys: deque[int] = deque()
        self._progress = time.monotonic()
        self._out = bytearray(setup)
        self._received = bytearray()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  closed by end
        their_questions, self._questions = os.pipe()
        self._answers, their_answers = os.pipe()
        try:
            self._process = self._spawn(their_questions, their_answers)
            processes.OWN.add(self._process.pid)
        except OSError as error:
            self._close_files()
            raise InspectionError(f"the inspection worker cannot be started: {error}") from error
        finally:
            os.close(their_questions)
            os.close(their_answers)
        os.set_blocking(self._questions, False)
        os.set_blocking(self._answers, False)

    @property
    def has_room(self) -> bool:
        """Whether it takes one more question: those that wait in its pipe are few, or it is quick."""
        if self.is_tired or self._is_slow or not self._is_ready:
            return False
        ahead = min(_MOST_AHEAD, int(_AHEAD_SECONDS / self.pace)) if self.pace else 0
        return len(self.asked) <= ahead

    @property
    def is_long_at_it(self) -> bool:
        """Whether the question that it works on takes long."""
        return self._is_ready and bool(self.asked) and self._silence() >= _LONG

    def ask(self, number: int, question: Question) -> None:
        """Send a question."""
        if self._is_ready and not self.asked:
            self._progress = time.monotonic()
        key = random.getrandbits(48)  # what an inspector writes by itself is not taken for an answer
        self.asked.append(number)
        self._keys.append(key)
        self._out += line([key, *question])
        self._send()

    def take_back(self) -> list[int]:
        """The questions behind the first, for others to answer; they are in its pipe, so it does no more than that."""
        first, *rest = self.asked
        self.asked = deque([first])
        self._is_slow = True
        return rest

    def register(self, poller: select.poll) -> int:
        """Have a poller watch it; what is polled for answers is returned."""
        poller.register(self._answers, select.POLLIN)
        if self._out:
            poller.register(self._questions, select.POLLOUT)
        return self._answers

    def write(self) -> None:
        """Send what did not fit into the pipe."""
        if self._out:
            self._send()

    def read(self) -> Iterator[tuple[int, Answer]]:
        """Its answers, with the numbers of their questions; at most up to the one after which it must be ended.

        Raises
        ------
        Fault
            It failed at its first question.
        InspectionError
            It did not become ready.
        """
        data = os.read(self._answers, _CHUNK)
        if not data:
            raise self._death()
        self._received += data
        if b"\n" not in data:
            if len(self._received) > _LONGEST_ANSWER:
                raise Fault(f"its inspector answered with more than {_LONGEST_ANSWER >> 20} MiB")
            return
        *lines, self._received = self._received.split(b"\n")
        self._learn(self._silence(), len(lines))
        self._progress = time.monotonic()
        for each in lines:
            if not self._is_ready:
                self._welcome(each)
                continue
            yield self._understood(each)
            if self.is_tired:
                return

    def look(self) -> None:
        """See whether it hangs or is dead.

        Raises
        ------
        Fault
            It failed at its first question.
        InspectionError
            It did not become ready.
        """
        if self._process.poll() is not None and not self._has_words():
            raise self._death()
        silence = self._silence()
        if not self._is_ready and silence >= _START_LIMIT:
            raise self._start_error(f"is not ready after {_START_LIMIT:g} s")
        if self._is_ready and self.asked and silence >= self._limits.seconds:
            advice = "a larger inspector_seconds in the mission file gives it longer"
            raise Fault(f"its inspector hung for {self._limits.seconds:g} s and was ended; {advice}", is_final=True)

    def end(self) -> None:
        """End the process with its whole group, at once; it holds nothing."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # it waits for a disk
            self._process.wait(timeout=_END_LIMIT)
        processes.OWN.discard(self._process.pid)
        self._close_files()

    def _silence(self) -> float:
        """Seconds since it was started, became ready, answered, or was asked while it was idle."""
        return time.monotonic() - self._progress

    def _spawn(self, questions: int, answers: int) -> subprocess.Popen[bytes]:
        arguments = [questions, answers, self._limits.memory, os.getpid()]
        return subprocess.Popen(
            [*this_python(), "-P", "-m", "dbproc.products.pool.worker", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            pass_fds=(questions, answers),
            start_new_session=True,
            env=environment(),
        )

    def _close_files(self) -> None:
        os.close(self._questions)
        os.close(self._answers)
        self._complaints.close()

    def _send(self) -> None:
        try:
            while self._out:
                del self._out[: os.write(self._questions, self._out[:_CHUNK])]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._out.clear()  # it died; the end of its answers will say so

    def _has_words(self) -> bool:
        poller = select.poll()
        poller.register(self._answers, select.POLLIN)
        return bool(poller.poll(0))

    def _learn(self, seconds: float, answers: int) -> None:
        """Correct the pace by what so many answers took."""
        if self.served:
            weight = min(answers / _SMOOTHING, 1.0) if self.pace else 1.0
            self.pace += weight * (seconds / answers - self.pace)

    def _welcome(self, text: bytes | bytearray) -> None:
        with suppress(ValueError):
            self._is_ready = json.loads(text) == READY

    def _understood(self, text: bytes | bytearray) -> tuple[int, Answer]:
        try:
            key, reply, content, is_tired = json.loads(text)
            answer = Answer(Reply(reply), content)
        except (ValueError, TypeError, RecursionError):
            raise Fault("its inspector wrote into the worker's connection") from None
        if not self._keys or key != self._keys[0]:
            raise Fault("its inspector wrote into the worker's connection")
        if answer.reply is Reply.MEMORY:
            advice = "a larger inspector_memory in the mission file gives it more"
            raise Fault(f"its inspector needs more than the memory limit of {_shown(self._limits.memory)}; {advice}")
        self._keys.popleft()
        self.served += 1
        self.is_tired = is_tired is True or self._is_slow
        return self.asked.popleft(), answer

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
