"""Threads that move files, for each pair of places their own, and others that end what is small for all of them; what
they have to say is heard together."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from dbproc.core.errors import PermanentError, TransferError
from dbproc.core.model import Mission
from dbproc.core.transfers import Transfer
from dbproc.storage import transfer as storage
from dbproc.storage.stores.base import Entry, Place
from dbproc.storage.transfer import Arrived, Moved
from dbproc.transfers import places
from dbproc.transfers.facts import entry_of, facts_of
from dbproc.transfers.limits import Bandwidth
from dbproc.transfers.verdict import OverError, verdict

OVER = "its time was over; it goes on where it is"
_UNKNOWN = ":unknown"
_ENDING = 8  # threads: a disk does several flushes for little more than the price of one
_ENDED_AT_ONCE = 32
Outcome = TypeVar("Outcome")
_AGAIN_BYTES = 2 << 20  # what was interrupted once may be again: it is made durable more often


@dataclass(slots=True)
class Job:
    """A transfer at work in a thread, and how far it is: bytes that came, that are durable, and that there are; what is
    kept of its origin's file and needed by its target to go on, and why it was begun anew."""

    transfer: Transfer
    durable: int
    facts: str
    token: str
    note: str = ""
    came: int = 0
    total: int | None = None
    is_cancelled: bool = False
    recorded: threading.Event = field(default_factory=threading.Event)
    seen: tuple[float, int] = (0.0, 0)
    bytes_per_second: float | None = None

    @property
    def tried(self) -> Transfer:
        """The transfer with this try counted."""
        return replace(self.transfer, tries=self.transfer.tries + 1)


@dataclass(frozen=True, slots=True)
class Moving:
    """How far a job is, is to be written down."""


@dataclass(frozen=True, slots=True)
class Checking:
    """All bytes of a job are there; its thread waits until that is recorded."""

    digest: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A job is at its end."""

    result: Moved | Exception


Said = tuple[Job, Moving | Checking | Ended]


class _Stopped(BaseException):
    """The work is to stop, or the transfer was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A pair of places, opened, and what holds between them."""

    origin: Place
    target: Place
    reserve: int
    timeout: float
    read_twice: bool
    origin_is_here: bool

    def close(self) -> None:
        """End every connection."""
        for place in (self.origin, self.target):
            with suppress(Exception):
                place.close()


_Ways = dict[tuple[str, str], _Way]


class Pool:
    """The threads of a line. `enough`: so many ends of jobs are heard of together."""

    def __init__(self, mission: Mission) -> None:
        self.enough = 1
        self.stop = threading.Event()
        self._said: deque[Said] = deque()
        self._is_news = threading.Event()
        self._arrived: queue.SimpleQueue[tuple[Job, Arrived] | None] = queue.SimpleQueue()
        self._ending: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._mission = mission
        self._todo: dict[tuple[str, str], queue.SimpleQueue[Job | None]] = {}
        self._threads: dict[tuple[str, str], list[threading.Thread]] = {}
        self._most: dict[tuple[str, str], int] = {}
        self._doors: dict[str, threading.Semaphore] = {}
        self._bandwidths: dict[str, Bandwidth] = {}

    def put(self, job: Job) -> None:
        """Have a job done; there are as many threads as its places allow connections."""
        pair = _places_of(job.transfer)
        todo = self._todo.setdefault(pair, queue.SimpleQueue())
        threads = self._threads.setdefault(pair, [])
        if pair not in self._most:
            self._most[pair] = self._limited(pair)
        if len(threads) < self._most[pair]:
            context = contextvars.copy_context()  # the mission's umask and group
            threads.append(threading.Thread(target=context.run, args=(self._serve, todo), daemon=True))
            threads[-1].start()
        todo.put(job)

    def say(self, job: Job, what: Moving | Checking | Ended) -> None:
        """Have something of a job be heard; its end together with that of others."""
        self._said.append((job, what))
        if len(self._said) >= self.enough or not isinstance(what, Ended):
            self._is_news.set()

    def hear(self, seconds: float) -> Iterator[Said]:
        """What the threads have to say, once it is enough, or after so long."""
        self._is_news.wait(seconds)
        self._is_news.clear()
        while self._said:
            yield self._said.popleft()

    def end(self) -> None:
        """Have all threads end as soon as they can."""
        self.stop.set()
        for pair, threads in self._threads.items():
            for _ in threads:
                self._todo[pair].put(None)
        for _ in range(_ENDING):
            self._arrived.put(None)

    def discard(self, given_up: Sequence[Transfer]) -> list[int]:
        """Remove, in this thread, what cancelled transfers wrote; the numbers of those of which nothing is left."""
        ways: _Ways = {}
        gone: list[int] = []
        for each in given_up:
            with suppress(TransferError):
                order = self._order(each, ways)
                order.target.upload(order.target_path, order.name, order.offset, order.token, order.size).discard()
                gone.append(each.transfer_id)
        for way in ways.values():
            way.close()
        return gone

    @property
    def is_alive(self) -> bool:
        """Whether a thread is still at work."""
        return any(thread.is_alive() for threads in (*self._threads.values(), self._ending) for thread in threads)

    def _limited(self, pair: tuple[str, str]) -> int:
        """How many connections there may be between two places; their limits are kept from now on."""
        limits = []
        for name in pair:
            with suppress(PermanentError):  # it is told when it is tried
                limits.append(places.connections(self._mission, name))
                self._doors.setdefault(name, threading.Semaphore(limits[-1]))
                limit = places.bandwidth(self._mission, name)
                if limit is not None:
                    self._bandwidths.setdefault(name, Bandwidth(limit))
        return min(limits, default=1)

    # --- in a thread ---

    def _serve(self, todo: queue.SimpleQueue[Job | None]) -> None:
        ways: _Ways = {}
        try:
            while (job := todo.get()) is not None:
                with ExitStack() as stack:
                    for name in sorted(set(_places_of(job.transfer)) & set(self._doors)):
                        stack.enter_context(self._doors[name])
                    result = self._moved(job, ways)
                if isinstance(result, Arrived):
                    self._end_later(job, result)
                else:
                    self.say(job, Ended(result))
        finally:
            for way in ways.values():
                way.close()

    def _end_later(self, job: Job, arrived: Arrived) -> None:
        """Have a small file be ended by the threads that do so for all."""
        self._arrived.put((job, arrived))
        with self._lock:
            if len(self._ending) < _ENDING and not self._arrived.empty():
                context = contextvars.copy_context()
                self._ending.append(threading.Thread(target=context.run, args=(self._serve_ends,), daemon=True))
                self._ending[-1].start()

    def _serve_ends(self) -> None:
        while (found := self._arrived.get()) is not None:
            some = [found]
            with suppress(queue.Empty):
                while len(some) < _ENDED_AT_ONCE:
                    more = self._arrived.get_nowait()
                    if more is None:
                        self._arrived.put(None)
                        break
                    some.append(more)
            self._end_together(some)

    def _end_together(self, some: Sequence[tuple[Job, Arrived]]) -> None:
        """Make files durable, and then read back and publish each: the disk does all of the one, and of the other."""
        durable = []
        for job, arrived in some:
            failed = self._outcome(job, arrived.order, arrived.finish)
            if failed is None:
                durable.append((job, arrived))
            else:
                self.say(job, Ended(failed))
        for job, arrived in durable:
            self.say(job, Ended(self._outcome(job, arrived.order, arrived.publish)))

    def _moved(self, job: Job, ways: _Ways) -> Arrived | Moved | Exception:
        """Move one file, a small one until it is there."""
        if self.stop.is_set():
            return OverError(OVER)
        try:
            order = self._order(job.transfer, ways)
        except Exception as error:
            return _told(error)

        def moved() -> Arrived | Moved:
            arrived = storage.arrive(order, _Told(self, job))
            if isinstance(arrived, Moved) or arrived.can_wait:
                return arrived
            arrived.finish()
            return arrived.publish()

        return self._outcome(job, order, moved)

    def _outcome(self, job: Job, order: storage.Order, do: Callable[[], Outcome]) -> Outcome | Exception:
        """What came of it, or what went wrong; what was written is removed where no later try goes on with it."""
        result: Exception
        try:
            return do()
        except _Stopped:
            result = OverError(OVER)
        except Exception as error:
            result = _told(error)
        if job.is_cancelled or not verdict(job.tried, result, self._mission, 0).waits:
            storage.discard(replace(order, offset=job.durable, token=job.token))
        return result

    def _way(self, pair: tuple[str, str]) -> _Way:
        origin, target = pair
        return _Way(
            origin=places.open_named(self._mission, origin),
            target=places.open_named(self._mission, target),
            reserve=places.reserve(self._mission, origin, target),
            timeout=places.timeout(self._mission, origin),
            read_twice=places.reads_twice(self._mission, origin),
            origin_is_here=places.is_here(self._mission, origin),
        )

    def _order(self, transfer: Transfer, ways: _Ways) -> storage.Order:
        asked, mission, pair = transfer.order, self._mission, _places_of(transfer)
        if pair not in ways:
            ways[pair] = self._way(pair)
        way = ways[pair]
        return storage.Order(
            origin=way.origin,
            origin_path=asked.origin.path,
            target=way.target,
            target_path=asked.target.path,
            name=f"{mission.identity[:8]}-{transfer.transfer_id}",
            algorithm=mission.digest,
            size=asked.size,
            expected=tuple(each for each in asked.expected if not each.endswith(_UNKNOWN)),
            offset=transfer.durable,
            token=transfer.token,
            known=entry_of(transfer.facts, asked.origin.path),
            digest=transfer.digest,
            reserve=way.reserve,
            timeout=way.timeout,
            read_twice=way.read_twice,
            origin_is_here=way.origin_is_here,
            checkpoint=0 if transfer.started is None else min(_AGAIN_BYTES, storage.CHECKPOINT_BYTES),
        )

    def limits(self, transfer: Transfer) -> list[Bandwidth]:
        """The limits of bandwidth that hold for a transfer."""
        return [self._bandwidths[name] for name in _places_of(transfer) if name in self._bandwidths]


class _Told:
    """What a thread hears of its transfer, handed on to the thread of the database."""

    def __init__(self, pool: Pool, job: Job) -> None:
        self._pool = pool
        self._job = job
        self._limits = pool.limits(job.transfer)

    def began(self, entry: Entry, offset: int, note: str) -> None:
        """The moving begins; of what is small, and goes on nowhere, that is not written down."""
        job = self._job
        job.total, job.facts, job.note = entry.size, facts_of(entry), note
        job.durable = offset
        if note:
            job.token = ""
        if offset or note or (entry.size or 0) >= storage.CHECKPOINT_BYTES:
            self._pool.say(job, Moving())

    def came(self, count: int) -> None:
        """Bytes came."""
        self._job.came += count
        for limit in self._limits:
            limit.spend(count, self._pool.stop)
        self._go_on()

    def durable(self, count: int, token: str) -> None:
        """Bytes are durable."""
        self._job.token, self._job.durable = token, count
        self._pool.say(self._job, Moving())
        self._go_on()

    def checking(self, digest: str) -> None:
        """All bytes are there; of many it is recorded before they are published."""
        self._go_on()
        if self._job.came >= storage.CHECKPOINT_BYTES or self._job.durable:
            self._pool.say(self._job, Checking(digest))
            self._job.recorded.wait()
            self._go_on()

    def _go_on(self) -> None:
        if self._pool.stop.is_set() or self._job.is_cancelled:
            raise _Stopped


def _told(error: Exception) -> Exception:
    """What went wrong; a defect in one transfer must not end the others."""
    if isinstance(error, TransferError):
        return error
    return PermanentError(f"defect in dbproc: {type(error).__name__}: {error}")


def _places_of(transfer: Transfer) -> tuple[str, str]:
    return transfer.order.origin.place, transfer.order.target.place
