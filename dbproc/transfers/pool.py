"""Threads that move files, for each pair of places their own; what they have to say goes through one queue."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace

from dbproc.core.errors import PermanentError, TransferError
from dbproc.core.model import Mission
from dbproc.core.transfers import Transfer
from dbproc.storage import transfer as storage
from dbproc.storage.stores.base import Entry, Place
from dbproc.storage.transfer import Moved
from dbproc.transfers import places
from dbproc.transfers.facts import entry_of
from dbproc.transfers.limits import Bandwidth
from dbproc.transfers.verdict import OverError, verdict

OVER = "its time was over; it goes on where it is"
_UNKNOWN = ":unknown"
_AGAIN_BYTES = 2 << 20  # what was interrupted once may be again: it is made durable more often


@dataclass(slots=True)
class Job:
    """A transfer at work in a thread, and how far it is: bytes that came, that are durable, and that there are."""

    transfer: Transfer
    came: int = 0
    durable: int = 0
    total: int | None = None
    is_cancelled: bool = False
    recorded: threading.Event = field(default_factory=threading.Event)
    seen: tuple[float, int] = (0.0, 0)
    bytes_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Began:
    """A job began at an offset; `note` says why not where an earlier try ended."""

    entry: Entry
    offset: int
    note: str


@dataclass(frozen=True, slots=True)
class Durable:
    """So many bytes of a job outlive a crash."""

    count: int
    token: str


@dataclass(frozen=True, slots=True)
class Checking:
    """All bytes of a job are there; its thread waits until that is recorded."""

    digest: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A job is at its end."""

    result: Moved | Exception


Said = tuple[Job, Began | Durable | Checking | Ended]


class _Stopped(BaseException):
    """The work is to stop, or the transfer was cancelled."""


class Pool:
    """The threads of a line. `said` is what they have to say."""

    def __init__(self, mission: Mission) -> None:
        self.said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self.stop = threading.Event()
        self._mission = mission
        self._todo: dict[tuple[str, str], queue.SimpleQueue[Job | None]] = {}
        self._threads: dict[tuple[str, str], list[threading.Thread]] = {}
        self._doors: dict[str, threading.Semaphore] = {}
        self._bandwidths: dict[str, Bandwidth] = {}

    def put(self, job: Job) -> None:
        """Have a job done; there are as many threads as its places allow connections."""
        pair = _places_of(job.transfer)
        todo = self._todo.setdefault(pair, queue.SimpleQueue())
        threads = self._threads.setdefault(pair, [])
        if len(threads) < self._most(pair):
            context = contextvars.copy_context()  # the mission's umask and group
            threads.append(threading.Thread(target=context.run, args=(self._serve, todo), daemon=True))
            threads[-1].start()
        todo.put(job)

    def end(self) -> None:
        """Have all threads end as soon as they can."""
        self.stop.set()
        for pair, threads in self._threads.items():
            for _ in threads:
                self._todo[pair].put(None)

    def discard(self, given_up: Sequence[Transfer]) -> list[int]:
        """Remove, in this thread, what cancelled transfers wrote; the numbers of those of which nothing is left."""
        opened: dict[str, Place] = {}
        gone: list[int] = []
        for each in given_up:
            with suppress(TransferError):
                order = self._order(each, opened)
                order.target.upload(order.target_path, order.name, order.offset, order.token, order.size).discard()
                gone.append(each.transfer_id)
        for place in opened.values():
            place.close()
        return gone

    @property
    def is_alive(self) -> bool:
        """Whether a thread is still at work."""
        return any(thread.is_alive() for threads in self._threads.values() for thread in threads)

    def _most(self, pair: tuple[str, str]) -> int:
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
        opened: dict[str, Place] = {}
        try:
            while (job := todo.get()) is not None:
                with ExitStack() as stack:
                    for name in sorted(set(_places_of(job.transfer)) & set(self._doors)):
                        stack.enter_context(self._doors[name])
                    result = self._moved(job, opened)
                self.said.put((job, Ended(result)))
        finally:
            for each in opened.values():
                with suppress(Exception):
                    each.close()

    def _moved(self, job: Job, opened: dict[str, Place]) -> Moved | Exception:
        """Move one file; what it wrote is removed where no later try goes on with it."""
        order: storage.Order | None = None
        result: Exception
        try:
            if self.stop.is_set():
                return OverError(OVER)
            order = self._order(job.transfer, opened)
            return storage.move(order, _Told(self, job))
        except _Stopped:
            result = OverError(OVER)
        except TransferError as error:
            result = error
        except Exception as error:  # a defect in one transfer must not end the others
            result = PermanentError(f"defect in dbproc: {type(error).__name__}: {error}")
        if order is not None and (job.is_cancelled or not verdict(job.transfer, result, self._mission, 0).waits):
            storage.discard(replace(order, offset=job.durable, token=job.transfer.token))
        return result

    def _order(self, transfer: Transfer, opened: dict[str, Place]) -> storage.Order:
        asked, mission = transfer.order, self._mission
        origin, target = _places_of(transfer)
        for name in (origin, target):
            if name not in opened:
                opened[name] = places.open_named(mission, name)
        return storage.Order(
            origin=opened[origin],
            origin_path=asked.origin.path,
            target=opened[target],
            target_path=asked.target.path,
            name=f"{mission.identity[:8]}-{transfer.transfer_id}",
            algorithm=mission.digest,
            size=asked.size,
            expected=tuple(each for each in asked.expected if not each.endswith(_UNKNOWN)),
            offset=transfer.durable,
            token=transfer.token,
            known=entry_of(transfer.facts, asked.origin.path),
            digest=transfer.digest,
            reserve=places.reserve(mission, origin, target),
            timeout=places.timeout(mission, origin),
            read_twice=places.reads_twice(mission, origin),
            origin_is_here=places.is_here(mission, origin),
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
        """The moving begins."""
        self._job.total = entry.size
        self._pool.said.put((self._job, Began(entry, offset, note)))

    def came(self, count: int) -> None:
        """Bytes came."""
        self._job.came += count
        for limit in self._limits:
            limit.spend(count, self._pool.stop)
        self._go_on()

    def durable(self, count: int, token: str) -> None:
        """Bytes are durable."""
        self._pool.said.put((self._job, Durable(count, token)))
        self._go_on()

    def checking(self, digest: str) -> None:
        """All bytes are there; of many it is recorded before they are published."""
        self._go_on()
        if self._job.came >= storage.CHECKPOINT_BYTES or self._job.durable:
            self._pool.said.put((self._job, Checking(digest)))
            self._job.recorded.wait()
            self._go_on()

    def _go_on(self) -> None:
        if self._pool.stop.is_set() or self._job.is_cancelled:
            raise _Stopped


def _places_of(transfer: Transfer) -> tuple[str, str]:
    return transfer.order.origin.place, transfer.order.target.place
