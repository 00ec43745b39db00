"""Asks worker processes about files, and survives their crashes."""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Iterable, Sequence

from dbproc.core.errors import InspectionError
from dbproc.products.pool.child import Answer, Child, Fault, Limits, Question
from dbproc.products.pool.protocol import Reply
from dbproc.system.signals import keep_time

MOST_WORKERS = 4

_LOOK_AROUND = 0.5
_WORTH = 0.2


class Supervisor:
    """Worker processes that are started when there is work for them and replaced when an inspector has spoilt them.

    One worker does what is soon done. A further one is started when questions waited, or at the present pace will wait,
    for longer than it takes to start one. What waits behind a file that takes long is given to others.

    Parameters
    ----------
    setup
        The first line to each worker.
    limits
        What an inspector may take for one question.
    size
        How many workers there are at most; by default as many as there are CPUs to use, and no more than four.

    Notes
    -----
    The workers die with the thread that started them: ask from one thread.
    """

    def __init__(self, setup: bytes, limits: Limits = Limits(), size: int | None = None) -> None:  # noqa: B008
        self._setup = setup
        self._limits = limits
        self._size = size or min(MOST_WORKERS, _usable_cpus())
        self._children: list[Child] = []
        self._is_warm = False
        self._waited = 0.0

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer all questions, in their order.

        A question at which a worker dies, or runs out of memory, after it has answered others is asked once more in a
        fresh worker: an earlier inspector may have left what killed it. Questions that the worker had not come to are
        asked elsewhere.

        Raises
        ------
        InspectionError
            No worker can be started.
        """
        round_ = _Round(questions)
        try:
            while round_.is_open:
                self._hand_out(round_)
                self._listen(round_)
        except BaseException:
            self.close()
            raise
        return round_.answers()

    def close(self) -> None:
        """End the workers and all their children at once; they hold nothing."""
        for child in self._children:
            child.end()
        self._children = []

    def _hand_out(self, round_: _Round) -> None:
        """Give each worker what it has room for, and start workers for what remains."""
        while round_.retry:
            round_.give(self._start(), round_.retry.popleft())
        for child in self._children:
            while round_.waiting and child.has_room:
                round_.give(child, round_.waiting.popleft())
        if round_.waiting and not self._children:
            round_.give(self._start(), round_.waiting.popleft())
        elif round_.waiting and self._is_another_worth_it(len(round_.waiting)):
            self._start_spare()

    def _is_another_worth_it(self, waiting: int) -> bool:
        """Whether the workers that there are need help."""
        pace = max(child.pace for child in self._children)
        is_needed = self._waited + waiting * pace / len(self._children) > _WORTH
        return is_needed and len(self._children) < self._size

    def _start(self, *, is_spare: bool = False) -> Child:
        child = Child(self._setup, self._limits, is_spare=is_spare)
        self._children.append(child)
        return child

    def _start_spare(self) -> None:
        """Start a worker to help those that there are; it is asked once it is ready."""
        self._waited = 0.0
        try:
            self._start(is_spare=True)
        except InspectionError:
            self._size = len(self._children)

    def _listen(self, round_: _Round) -> None:
        """Wait for a worker to say something, and see to those that are silent."""
        keep_time()
        poller = select.poll()
        watched = [(child, child.register(poller)) for child in self._children]
        began = time.monotonic()
        events = dict(poller.poll(_LOOK_AROUND * 1000))
        if round_.waiting and (self._is_warm or all(child.is_long_at_it for child in self._children)):
            self._waited += time.monotonic() - began
        for child, answers in watched:
            child.write()
            self._attend(child, round_, has_words=answers in events)

    def _attend(self, child: Child, round_: _Round, *, has_words: bool) -> None:
        """Read a worker's answers, and end it when it is of no further use."""
        try:
            if has_words:
                for number, answer in child.read():
                    self._is_warm = True
                    round_.settle(number, answer)
            if not child.is_tired:
                child.look()
        except Fault as fault:
            self._is_warm = True
            self._dismiss(child)
            round_.fail(child, fault)
        except InspectionError:
            if not child.is_spare or len(self._children) == 1:
                raise
            self._dismiss(child)
            self._size = len(self._children)
        else:
            self._relieve(child, round_)

    def _relieve(self, child: Child, round_: _Round) -> None:
        """Move questions that wait behind a slow file, or in a worker that will be replaced."""
        if child.is_tired:
            self._dismiss(child)
            round_.put_back(child.asked)
        elif len(child.asked) > 1 and self._size > 1 and child.is_long_at_it:
            round_.put_back(child.take_back())

    def _dismiss(self, child: Child) -> None:
        self._children.remove(child)
        child.end()


class _Round:
    """The questions of one call, by their numbers.

    `waiting` are those that no worker has; `retry` those at which one died that may have been spoilt before.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        self.waiting = deque(range(len(questions)))
        self.retry: deque[int] = deque()
        self._questions = questions
        self._answers: dict[int, Answer] = {}

    @property
    def is_open(self) -> bool:
        """Whether a question has no answer yet."""
        return len(self._answers) < len(self._questions)

    def answers(self) -> list[Answer]:
        """The answers, in the order of the questions."""
        return [self._answers[number] for number in range(len(self._questions))]

    def give(self, child: Child, number: int) -> None:
        """Have a worker answer a question."""
        child.ask(number, self._questions[number])

    def settle(self, number: int, answer: Answer) -> None:
        """Take an answer."""
        self._answers[number] = answer

    def put_back(self, numbers: Iterable[int]) -> None:
        """Have others answer questions, before those that wait already."""
        self.waiting.extendleft(reversed(list(numbers)))

    def fail(self, child: Child, fault: Fault) -> None:
        """Lay a worker's failure at the door of the file that it worked on, unless another may have left the cause."""
        first, *rest = child.asked or [None]
        self.put_back(number for number in rest if number is not None)
        if first is None:
            return
        if fault.is_final or not child.served:
            self._answers[first] = Answer(Reply.FAILED, str(fault))
        else:
            self.retry.append(first)


def _usable_cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1
