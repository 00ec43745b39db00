"""Asks a worker process about files, and outlives whatever an inspector does to that process."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dbproc.errors import InspectionError
from dbproc.products.confined import environment
from dbproc.products.wire import READY, Reply, line

DEFAULT_TIME_LIMIT = 60.0
DEFAULT_MEMORY_LIMIT = 2 << 30

_START_LIMIT = 60.0
_LOOK_AROUND = 0.5
_LONGEST_ANSWER = 4 << 20
_CHUNK = 1 << 16

Question = tuple[str, object] | tuple[str, object, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question."""

    reply: Reply
    content: object


@dataclass(frozen=True, slots=True)
class _Fault:
    """How a worker failed at a question; `is_final` when a second try would be no use."""

    message: str
    is_final: bool = False


class Supervisor:
    """One worker process that is started when needed and replaced when an inspector has spoilt it.

    Parameters
    ----------
    greeting
        The first line to each worker.
    time_limit
        Seconds for one question.
    memory_limit
        Bytes of address space of the worker; 0 for no limit.
    """

    def __init__(
        self, greeting: bytes, time_limit: float = DEFAULT_TIME_LIMIT, memory_limit: int = DEFAULT_MEMORY_LIMIT
    ) -> None:
        self._greeting = greeting
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._worker: _Worker | None = None

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer all questions, in their order.

        A question at which the worker dies, or runs out of memory, after it has answered others is asked once more in a
        fresh worker: an earlier inspector may have left what killed it.

        Raises
        ------
        InspectionError
            No worker can be started.
        """
        answers: list[Answer] = []
        while len(answers) < len(questions):
            worker = self._worker = self._worker or self._started()
            try:
                fault = worker.converse(questions, answers, self._time_limit)
            except BaseException:
                self.close()
                raise
            if worker.is_tired or fault is not None:
                self.close()
            if fault is not None and (fault.is_final or not worker.served):
                answers.append(Answer(Reply.FAILED, fault.message))
        return answers

    def close(self) -> None:
        """End the worker and all its children at once; it holds nothing."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _started(self) -> _Worker:
        return _Worker(self._greeting, self._memory_limit)


class _Worker:
    """A running worker process and the two pipes to it."""

    def __init__(self, greeting: bytes, memory_limit: int) -> None:
        self.served = 0
        self.is_tired = False
        self._is_ready = False
        self._memory_limit = memory_limit
        self._out = memoryview(greeting)
        self._received = bytearray()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  closed by kill
        their_questions, self._questions = os.pipe()
        self._answers, their_answers = os.pipe()
        try:
            self._process = self._spawn(their_questions, their_answers)
        except OSError as error:
            self._close_files()
            raise InspectionError(f"the inspection worker cannot be started: {error}") from error
        finally:
            os.close(their_questions)
            os.close(their_answers)
        os.set_blocking(self._questions, False)
        os.set_blocking(self._answers, False)

    def converse(self, questions: Sequence[Question], answers: list[Answer], time_limit: float) -> _Fault | None:
        """Ask the questions from the first without an answer on, until all are answered or the worker fails."""
        first = len(answers)
        numbered = (line([number, *questions[number]]) for number in range(first, len(questions)))
        self._out = memoryview(bytes(self._out) + b"".join(numbered))
        poller = select.poll()
        poller.register(self._answers, select.POLLIN)
        poller.register(self._questions, select.POLLOUT)
        deadline = time.monotonic() + (time_limit if self._is_ready else _START_LIMIT)
        while len(answers) < len(questions) and not self.is_tired:
            left = max(deadline - time.monotonic(), 0.0)
            events = dict(poller.poll(min(left, _LOOK_AROUND) * 1000))
            if events.pop(self._questions, None):
                self._send(poller)
            if events:
                before = (len(answers), self._is_ready)
                fault = self._receive(answers)
                if fault is not None:
                    return fault
                if before != (len(answers), self._is_ready):
                    deadline = time.monotonic() + time_limit
            elif time.monotonic() >= deadline:
                return self._hung(time_limit)
            elif self._process.poll() is not None and not poller.poll(0):
                return self._died()
        return None

    def kill(self) -> None:
        """End the process with its whole group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close_files()

    def _spawn(self, questions: int, answers: int) -> subprocess.Popen[bytes]:
        arguments = [questions, answers, self._memory_limit, os.getpid()]
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "dbproc.products.worker", *map(str, arguments)],
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

    def _send(self, poller: select.poll) -> None:
        try:
            while self._out:
                self._out = self._out[os.write(self._questions, self._out[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._out = memoryview(b"")  # it died; the end of its answers will say so
        poller.unregister(self._questions)

    def _receive(self, answers: list[Answer]) -> _Fault | None:
        data = os.read(self._answers, _CHUNK)
        if not data:
            return self._died()
        self._received += data
        *lines, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        if len(rest) > _LONGEST_ANSWER:
            return _Fault(f"its inspector answered with more than {_LONGEST_ANSWER >> 20} MiB", is_final=True)
        for each in lines:
            fault = self._understand(each, answers)
            if fault is not None:
                return fault
        return None

    def _understand(self, text: bytes | bytearray, answers: list[Answer]) -> _Fault | None:
        try:
            content = json.loads(text)
            if not self._is_ready:
                self._is_ready = content == READY
                return None
            number, reply, found, is_tired = content
            answer = Answer(Reply(reply), found)
        except (ValueError, TypeError):
            return _Fault("its inspector wrote into the worker's connection")
        if number != len(answers):
            return _Fault("its inspector wrote into the worker's connection")
        if answer.reply is Reply.MEMORY:
            return _Fault(f"its inspector needs more than the memory limit of {_mebibytes(self._memory_limit)}")
        answers.append(answer)
        self.served += 1
        self.is_tired = is_tired is True
        return None

    def _hung(self, time_limit: float) -> _Fault:
        if not self._is_ready:
            raise self._start_error(f"is not ready after {_START_LIMIT:g} s")
        return _Fault(f"its inspector hung for {time_limit:g} s and was ended", is_final=True)

    def _died(self) -> _Fault:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return _Fault("its inspector closed the worker's connection")
        how = _signal_name(-status) if status < 0 else f"with exit status {status}"
        if not self._is_ready:
            raise self._start_error(f"ended {how}")
        return _Fault(f"its inspector died {how}" if status < 0 else f"its inspector ended its process {how}")

    def _start_error(self, how: str) -> InspectionError:
        self._complaints.seek(0)
        words = self._complaints.read()[-2_000:].decode("utf-8", "replace").strip().splitlines()
        limit = _mebibytes(self._memory_limit)
        return InspectionError(f"the inspection worker {how} (memory limit {limit}): {words[-1] if words else ''}")


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return f"by signal {signal.Signals(number).name}"
    return f"by signal {number}"


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):g} MiB"
