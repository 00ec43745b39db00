"""The transfers of a rule worked off: threads move bytes, one thread alone writes to the database.

What a thread has to say goes through a queue; the offsets that it tells were synced before, so that what is recorded is
never more than what is durable.
"""

from __future__ import annotations

import contextvars
import datetime as dt
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from dbproc.core.errors import PermanentError, RoomError, TakenError, TemporaryError, TransferError
from dbproc.core.model import LONGEST_DELAY, Mission
from dbproc.core.places import INCOMING, PlaceSpec
from dbproc.core.retry import retry_delay
from dbproc.core.transfers import Transfer, TransferState
from dbproc.database import transfers
from dbproc.database.store import Store, Transaction
from dbproc.storage import transfer as storage
from dbproc.storage.stores.base import Entry, Place
from dbproc.storage.transfer import MismatchError, Moved
from dbproc.transfers import endings, line, places
from dbproc.transfers.facts import entry_of, facts_of
from dbproc.transfers.limits import Bandwidth

MOST_THREADS = 16
_BATCH = 500
_FLUSH_SECONDS = 0.25
_PATIENCE = 5.0  # seconds that threads have to end when the work is to stop
_GONE = "the process that moved it ended"
_OVER = "its time was over; it goes on where it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How far a transfer is that moves now; bytes, and bytes per second over the last while."""

    transfer_id: int
    filename: str
    durable: int
    came: int
    total: int | None
    bytes_per_second: float | None


@dataclass(slots=True)
class Worked:
    """What came of working at a line: which transfers ended how; `is_busy`: another process works at it.

    `away` are the places that could not be reached, and why; `ended` the transfers as they ended or wait now.
    """

    is_busy: bool = False
    counts: Counter[TransferState] = field(default_factory=Counter)
    bytes: int = 0
    away: dict[str, str] = field(default_factory=dict)
    ended: list[Transfer] = field(default_factory=list)


class _Stopped(BaseException):
    """The work is to stop; or the transfer was cancelled."""


@dataclass(slots=True)
class _Job:
    """A transfer at work in a thread; `came` counts up, read by others."""

    transfer: Transfer
    came: int = 0
    durable: int = 0
    total: int | None = None
    is_cancelled: bool = False
    recorded: threading.Event = field(default_factory=threading.Event)
    seen: tuple[float, int] = (0.0, 0)
    bytes_per_second: float | None = None


_Note = Callable[["_Work"], None]


def work(
    store: Store,
    mission: Mission,
    rule: str,
    *,
    run_id: int | None = None,
    until: float | None = None,
    observe: Callable[[Sequence[Live], Worked], None] | None = None,
) -> Worked:
    """Work off the transfers of a rule whose time has come.

    Parameters
    ----------
    store, mission, rule
        Whose transfers.
    run_id
        The run that does it, None outside of runs.
    until
        When to stop, by ``time.monotonic()``; what is not finished goes on the next time. None: when all is done.
    observe
        Called several times a second with what moves now.

    Raises
    ------
    StorageError
        The file that keeps others out cannot be made.
    """
    with line.held(mission, rule) as is_ours:
        if not is_ours:
            return Worked(is_busy=True)
        with store.begin() as connection:
            transfers.revive(connection, rule, _GONE)
        return _Work(store, mission, rule, run_id, until, observe).run()


class _Work:
    """One process at work at one line."""

    def __init__(
        self,
        store: Store,
        mission: Mission,
        rule: str,
        run_id: int | None,
        until: float | None,
        observe: Callable[[Sequence[Live], Worked], None] | None,
    ) -> None:
        self._store = store
        self._mission = mission
        self._rule = rule
        self._run_id = run_id
        self._until = until
        self._observe = observe
        self._todo: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._said: queue.SimpleQueue[_Note] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._jobs: dict[int, _Job] = {}
        self._busy: Counter[str] = Counter()
        self._waiting: list[Transfer] = []
        self._last = 0
        self._worked = Worked()
        self._ends: list[tuple[_Job, Moved | Exception]] = []
        self._notes: dict[int, dict[str, object]] = {}
        self._bandwidths: dict[str, Bandwidth] = {}

    def run(self) -> Worked:
        """Until nothing is left that can be done now."""
        self._discard_given_up()
        try:
            while self._start() or self._jobs:
                self._listen()
                self._flush()
                if self._observe is not None:
                    self._observe([_live(job) for job in self._jobs.values()], self._worked)
                if self._is_over():
                    break
        finally:
            self._end_threads()
        return self._worked

    # --- starting ---

    def _discard_given_up(self) -> None:
        """Remove what transfers left that were cancelled while nobody moved them; what is away is left for later."""
        with self._store.begin() as connection:
            left = transfers.given_up(connection, self._rule)
        opened: dict[str, Place] = {}
        gone: list[int] = []
        for each in left:
            with suppress(TransferError):
                storage.discard(self._order(each, opened))
                gone.append(each.transfer_id)
        for place in opened.values():
            place.close()
        if gone:
            with self._store.begin() as connection:
                transfers.forget_partial(connection, gone)

    def _is_over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _start(self) -> bool:
        """Hand out what can be begun; whether anything waits for its turn."""
        if self._is_over():
            return False
        if not self._waiting:
            with self._store.begin() as connection:
                now = dt.datetime.now(dt.UTC)
                found = transfers.due(connection, self._rule, now, _BATCH, self._last, self._worked.away)
            self._waiting = found
            self._last = found[-1].transfer_id if found else self._last
        chosen = list(self._chosen())
        if chosen:
            with self._store.begin() as connection:
                begun = transfers.begin(connection, [each.transfer_id for each in chosen], self._run_id)
            for each in chosen:
                if each.transfer_id in begun:
                    self._hand_out(replace(each, tries=each.tries + 1, state=TransferState.MOVING))
                else:
                    self._leave(each)
        return bool(self._waiting)

    def _chosen(self) -> Iterator[Transfer]:
        """The transfers that can begin now: twice as many as there are threads for, so that none of these waits."""
        rest: list[Transfer] = []
        for each in self._waiting:
            ends = (each.order.origin.place, each.order.target.place)
            if any(place in self._worked.away for place in ends):
                continue
            if len(self._jobs) >= 2 * MOST_THREADS or not all(map(self._has_room, ends)):
                rest.append(each)
                continue
            self._busy.update(ends)
            self._jobs[each.transfer_id] = _Job(each, durable=each.durable)
            yield each
        self._waiting = rest

    def _has_room(self, place: str) -> bool:
        try:
            return self._busy[place] < 2 * places.connections(self._mission, place)
        except PermanentError:
            return True  # it is told when it is tried

    def _hand_out(self, transfer: Transfer) -> None:
        job = self._jobs[transfer.transfer_id]
        job.transfer = transfer
        wanted = min(len(self._jobs), self._most_threads(transfer))
        if len(self._threads) < wanted:
            context = contextvars.copy_context()  # the mission's umask and group
            thread = threading.Thread(target=context.run, args=(self._serve,), daemon=True)
            self._threads.append(thread)
            thread.start()
        self._todo.put(job)

    def _most_threads(self, transfer: Transfer) -> int:
        try:
            ends = (transfer.order.origin.place, transfer.order.target.place)
            return min(MOST_THREADS, *(places.connections(self._mission, each) for each in ends))
        except PermanentError:
            return 1

    def _leave(self, transfer: Transfer) -> None:
        """Forget a transfer that is not at work any more."""
        self._jobs.pop(transfer.transfer_id, None)
        self._busy.subtract((transfer.order.origin.place, transfer.order.target.place))

    # --- in a thread ---

    def _serve(self) -> None:
        opened: dict[str, Place] = {}
        try:
            while (job := self._todo.get()) is not None:
                self._move(job, opened)
        finally:
            for each in opened.values():
                with suppress(Exception):
                    each.close()

    def _move(self, job: _Job, opened: dict[str, Place]) -> None:
        try:
            if self._stop.is_set():
                raise _Stopped
            order = self._order(job.transfer, opened)
            result: Moved | Exception = storage.move(order, _Told(self, job))
        except _Stopped:
            result = TemporaryError(_OVER)
            if job.is_cancelled:
                storage.discard(order)
        except TransferError as error:
            result = error
        except Exception as error:  # a defect in one transfer must not end the others
            result = PermanentError(f"defect in dbproc: {type(error).__name__}: {error}")
        self._said.put(lambda work: work._ends.append((job, result)))

    def _order(self, transfer: Transfer, opened: dict[str, Place]) -> storage.Order:
        asked, mission = transfer.order, self._mission
        ends = []
        for name in (asked.origin.place, asked.target.place):
            if name not in opened:
                opened[name] = places.open_named(mission, name)
            ends.append(opened[name])
        return storage.Order(
            origin=ends[0],
            origin_path=asked.origin.path,
            target=ends[1],
            target_path=asked.target.path,
            name=f"{mission.identity[:8]}-{transfer.transfer_id}",
            algorithm=mission.digest,
            size=asked.size,
            expected=tuple(each for each in asked.expected if not each.endswith(":unknown")),
            offset=transfer.durable,
            token=transfer.token,
            known=entry_of(transfer.facts, asked.origin.path),
            digest=transfer.digest,
            reserve=places.reserve(mission, asked.origin.place, asked.target.place),
            timeout=self._timeout(asked.origin.place),
            read_twice=places.reads_twice(mission, asked.origin.place),
            origin_is_here=places.is_here(mission, asked.origin.place),
        )

    def _timeout(self, name: str) -> float:
        if places.is_here(self._mission, name):
            return 3600.0
        found = places.specified(self._mission, name)
        return found.timeout.total_seconds() if isinstance(found, PlaceSpec) else 3600.0

    def limits(self, transfer: Transfer) -> list[Bandwidth]:
        """The limits of bandwidth that hold for a transfer."""
        found = []
        for name in (transfer.order.origin.place, transfer.order.target.place):
            with suppress(PermanentError):
                limit = places.bandwidth(self._mission, name)
                if limit is not None:
                    found.append(self._bandwidths.setdefault(name, Bandwidth(limit)))
        return found

    # --- what is said, in the thread of the database ---

    def _listen(self) -> None:
        """Take in what was said for a moment."""
        deadline = time.monotonic() + _FLUSH_SECONDS
        while True:
            try:
                note = self._said.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                return
            note(self)
            if len(self._ends) >= MOST_THREADS or time.monotonic() >= deadline:
                return

    def _flush(self) -> None:
        """Write down what was said, in one transaction."""
        self._measure()
        if not (self._ends or self._notes):
            return
        ends, self._ends = self._ends, []
        notes, self._notes = self._notes, {}
        with self._store.begin() as connection:
            transfers.note(connection, [{"number": number, **values} for number, values in notes.items()])
            states = {each.transfer_id: each.state for each in transfers.numbered(connection, list(notes))}
            for job, result in ends:
                self._end(connection, job, result)
            self._count(transfers.numbered(connection, [job.transfer.transfer_id for job, _ in ends]))
        for number, state in states.items():
            if state is TransferState.CANCELLED and number in self._jobs:
                self._jobs[number].is_cancelled = True
        for job, _ in ends:
            self._leave(job.transfer)

    def _measure(self) -> None:
        """The rates of what moves; every two seconds it is told with what is durable."""
        now = time.monotonic()
        for job in self._jobs.values():
            then, came = job.seen
            if then == 0.0:
                job.seen = (now, job.came)
            elif now - then >= 2.0:
                job.bytes_per_second = (job.came - came) / (now - then)
                job.seen = (now, job.came)
                self._note(job)

    def _note(self, job: _Job) -> None:
        transfer = job.transfer
        self._notes[transfer.transfer_id] = {
            "durable_bytes": job.durable,
            "moved_bytes": transfer.moved + job.came,
            "bytes_per_second": job.bytes_per_second,
            "token": transfer.token,
            "origin_facts": transfer.facts,
            "reason": transfer.reason,
        }

    def began(self, job: _Job, entry: Entry, offset: int, note: str) -> None:
        """A transfer begins at an offset."""
        job.transfer = replace(
            job.transfer, facts=facts_of(entry), reason=note, token="" if note else job.transfer.token
        )
        job.durable, job.total = offset, entry.size
        if offset or (entry.size or 0) >= storage.CHECKPOINT_BYTES:
            self._note(job)

    def durable(self, job: _Job, count: int, token: str) -> None:
        """So many bytes are durable."""
        job.durable = count
        job.transfer = replace(job.transfer, token=token)
        self._note(job)

    def checking(self, job: _Job, digest: str) -> None:
        """All bytes are there."""
        number = job.transfer.transfer_id
        self._note(job)
        with self._store.begin() as connection:
            transfers.note(connection, [{"number": number, **self._notes.pop(number)}])
            if not transfers.check(connection, number, digest):
                job.is_cancelled = True
        job.transfer = replace(job.transfer, state=TransferState.CHECKING, digest=digest)
        job.recorded.set()

    # --- ends ---

    def _end(self, connection: Transaction, job: _Job, result: Moved | Exception) -> None:
        transfer = job.transfer
        facts = {
            "moved_bytes": transfer.moved + job.came,
            "origin_facts": transfer.facts,
            "token": transfer.token,
        }
        if isinstance(result, Moved):
            if endings.completed(connection, transfer, result, facts):
                self._worked.bytes += result.size
        elif not job.is_cancelled:
            durable = 0 if isinstance(result, MismatchError) else job.durable
            transfers.note(connection, [{"number": transfer.transfer_id, "durable_bytes": durable, **facts}])
            self._failed(connection, transfer, result)

    def _failed(self, connection: Transaction, transfer: Transfer, error: Exception) -> None:
        """What did not succeed waits for its next try, or failed for good."""
        mission, words = self._mission, str(error)
        away = error if isinstance(error, TemporaryError) and error.is_of_place else None
        is_over = words == _OVER
        failures = transfer.tries if away is None and not is_over else transfer.tries - 1
        mismatches = transfer.mismatches + 1 if isinstance(error, MismatchError) else 0
        waits = isinstance(error, TemporaryError) or (isinstance(error, MismatchError) and mismatches < 2)
        if isinstance(error, TakenError) and transfer.order.target.place == INCOMING:
            waits, words = True, f"{words}; it waits until a run has taken that"
            failures = 1
        if isinstance(error, RoomError):
            failures = min(failures, mission.retry_limit)  # it waits for room as long as it takes
        if not waits or failures > mission.retry_limit:
            suffix = f"; given up after {transfer.tries} tries" if waits else ""
            endings.failed(connection, transfer, words + suffix)
        else:
            delay = retry_delay(max(failures, 1), mission.retry_seconds, LONGEST_DELAY, random.random())
            if isinstance(error, TemporaryError) and error.retry_after is not None:
                delay = max(delay, dt.timedelta(seconds=min(error.retry_after, LONGEST_DELAY)))
            next_try = None if is_over else dt.datetime.now(dt.UTC) + delay
            values = {"mismatches": mismatches, "tries": failures}
            transfers.wait(connection, transfer.transfer_id, words, next_try, **values)
            if away is not None and next_try is not None:
                self._put_off(connection, transfer, away, next_try)

    def _put_off(
        self, connection: Transaction, transfer: Transfer, error: TemporaryError, next_try: dt.datetime
    ) -> None:
        """A place is away: all that waits for it does so until then, and nothing more is tried now."""
        place = transfer.order.target.place if error.of_target else transfer.order.origin.place
        self._worked.away[place] = str(error)
        transfers.put_off(connection, self._rule, place, str(error), next_try)

    def _count(self, ended: Sequence[Transfer]) -> None:
        for each in ended:
            self._worked.counts[each.state] += 1
        self._worked.ended += ended

    # --- stopping ---

    def _end_threads(self) -> None:
        """Have the threads end, and record what they leave; one that hangs is left alone, it ends with the process."""
        self._stop.set()
        for job in self._jobs.values():
            job.recorded.set()
        for _ in self._threads:
            self._todo.put(None)
        deadline = time.monotonic() + _PATIENCE
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < deadline:
            self._listen()
        while not self._said.empty():
            self._listen()
        self._flush()
        left = list(self._jobs)
        if left:
            with self._store.begin() as connection:
                for number in left:
                    transfers.wait(connection, number, _OVER, None)


class _Told:
    """What a thread hears of its transfer, handed on to the thread of the database."""

    def __init__(self, work: _Work, job: _Job) -> None:
        self._work = work
        self._job = job
        self._limits = work.limits(job.transfer)

    def began(self, entry: Entry, offset: int, note: str) -> None:
        """The moving begins."""
        self._say(lambda work: work.began(self._job, entry, offset, note))

    def came(self, count: int) -> None:
        """Bytes came."""
        self._job.came += count
        for limit in self._limits:
            limit.spend(count, self._work._stop)
        self._go_on()

    def durable(self, count: int, token: str) -> None:
        """Bytes are durable."""
        self._say(lambda work: work.durable(self._job, count, token))
        self._go_on()

    def checking(self, digest: str) -> None:
        """All bytes are there; of much it is recorded before it is published."""
        self._go_on()
        if self._job.came >= storage.CHECKPOINT_BYTES or self._job.durable:
            self._say(lambda work: work.checking(self._job, digest))
            self._job.recorded.wait()
            self._go_on()

    def _say(self, note: _Note) -> None:
        self._work._said.put(note)

    def _go_on(self) -> None:
        if self._work._stop.is_set() or self._job.is_cancelled:
            raise _Stopped


def _live(job: _Job) -> Live:
    transfer = job.transfer
    total = job.total if job.total is not None else transfer.order.size
    return Live(
        transfer_id=transfer.transfer_id,
        filename=transfer.filename,
        durable=job.durable,
        came=job.came,
        total=total,
        bytes_per_second=job.bytes_per_second,
    )
