"""Asks worker processes about files, and survives their crashes."""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Sequence

from dbproc.core.errors import InspectionError
from dbproc.products.pool.child import Answer, Child, Fault, Limits, Question
from dbproc.products.pool.protocol import Reply
from dbproc.system.signals import keep_time

MOST_WORKERS = 4

_LOOK_AROUND = 0.5
_WORTH = 0.2


class Supervisor:
    """Worker processes that are started when there is work for them and replaced when an inspector has spoilt them.

    One worker does what is soon done. A further one is started when questions have waited for longer than it takes to
    start one, or wait for a file that takes long; at most `size`, by default as many as there are CPUs to use, and no
    more than four. They die with the thread that started them: ask from one thread.
    """

    def __init__(self, setup: bytes, limits: Limits = Limits(), size: int | None = None) -> None:  # noqa: B008
        self._setup = setup
        self._limits = limits
        self._size = size or min(MOST_WORKERS, _usable_cpus())
        self._children: list[Child] = []
        self._began = 0.0  # when they were asked, or the latest worker had answered for the first time
        self._questions: Sequence[Question] = ()
        self._waiting: deque[int] = deque()  # the numbers of questions that no worker has
        self._answers: dict[int, Answer] = {}

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer all questions, in their order; InspectionError when no worker can be started.

        A question at which a worker dies, or runs out of memory, after it has answered others is asked once more in a
        fresh worker: an earlier inspector may have left what killed it.
        """
        self._questions, self._waiting, self._answers = questions, deque(range(len(questions))), {}
        self._began = time.monotonic()
        try:
            while len(self._answers) < len(questions):
                self._hand_out()
                self._listen()
        except BaseException:
            self.close()
            raise
        return [self._answers[number] for number in range(len(questions))]

    def close(self) -> None:
        """End the workers and all their children at once; they hold nothing."""
        for child in self._children:
            child.end()
        self._children = []

    def _hand_out(self) -> None:
        """Give each worker that is free a question, and start a worker where that is worth it."""
        if self._waiting and not self._children:
            self._start(self._waiting.popleft())
        for child in self._children:
            if self._waiting and child.is_free:
                self._give(child, self._waiting.popleft())
        if self._waiting and len(self._children) < self._size and self._is_another_worth_it():
            try:
                self._start()
            except InspectionError:
                self._size = len(self._children)

    def _is_another_worth_it(self) -> bool:
        """Whether the workers that there are need help; the first file of each takes as long as libraries to load."""
        are_at_work = all(child.served or child.is_long_at_it for child in self._children)
        return are_at_work and time.monotonic() - self._began > _WORTH

    def _start(self, number: int | None = None) -> None:
        """Start a worker; one that is given no question now is to help others, which can do without it."""
        self._children.append(Child(self._setup, self._limits))
        if number is not None:
            self._give(self._children[-1], number)

    def _give(self, child: Child, number: int) -> None:
        child.ask(number, self._questions[number])

    def _listen(self) -> None:
        """Wait for a worker to say something, and see to those that are silent."""
        keep_time()
        poller = select.poll()
        watched = [(child, child.register(poller)) for child in self._children]
        events = dict(poller.poll(_LOOK_AROUND * 1000))
        for child, answers in watched:
            child.write()
            self._attend(child, has_words=answers in events)

    def _attend(self, child: Child, *, has_words: bool) -> None:
        """Read a worker's answers, and end it when it is of no further use."""
        try:
            if has_words:
                self._answers.update(child.read())
                self._began = time.monotonic() if child.served == 1 else self._began
            if not child.is_tired:
                child.look()
        except Fault as fault:
            self._dismiss(child)
            self._blame(child, fault)
        except InspectionError:
            if child.number is not None or len(self._children) == 1:
                raise
            self._dismiss(child)
            self._size = len(self._children)
        else:
            if child.is_tired:
                self._dismiss(child)

    def _blame(self, child: Child, fault: Fault) -> None:
        """Lay a worker's failure at the door of the file that it worked on, unless another may have left the cause."""
        if child.number is None:
            return
        if fault.is_final or not child.served:
            self._answers[child.number] = Answer(Reply.FAILED, str(fault))
        else:
            self._start(child.number)

    def _dismiss(self, child: Child) -> None:
        self._children.remove(child)
        child.end()


def _usable_cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1
