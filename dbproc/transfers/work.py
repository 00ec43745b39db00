"""The transfers of a rule worked off: threads move bytes, this one alone writes to the database.

The offsets that are recorded were synced before; so what is recorded is never more than what is durable.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dbproc.core.errors import TransferError
from dbproc.core.model import Mission
from dbproc.core.transfers import Transfer, TransferState
from dbproc.database import transfers
from dbproc.database.store import Store, Transaction
from dbproc.storage.durable import sync_directory
from dbproc.storage.transfer import EndlessError, MismatchError, Moved
from dbproc.transfers import endings, line, places
from dbproc.transfers.endings import Completed
from dbproc.transfers.pool import OVER, Checking, Ended, Job, Moving, Pool
from dbproc.transfers.verdict import verdict

_BATCH = 500
_IN_HAND = 256  # transfers that are begun at the same time, so that no thread waits for the database
_WRITTEN_AT_ONCE = 64
_FLUSH_SECONDS = 0.25
_MEASURED_SECONDS = 2.0
_PATIENCE = 5.0  # seconds that threads have to end when the work is to stop
_GONE = "the process that moved it ended"


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
    """What came of working at a line: how many transfers ended how, and these as they are now; the bytes that are where
    they were to go; the places that could not be reached, and why. `is_busy`: another process works at it."""

    is_busy: bool = False
    counts: Counter[TransferState] = field(default_factory=Counter)
    bytes: int = 0
    away: dict[str, str] = field(default_factory=dict)
    ended: list[Transfer] = field(default_factory=list)


Observer = Callable[[Sequence[Live], Worked], None]
"""Told several times a second what moves now, and what came of the rest."""


def work(
    store: Store,
    mission: Mission,
    rule: str,
    *,
    run_id: int | None = None,
    until: float | None = None,
    observe: Observer | None = None,
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
        Told what moves now.

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
        return _Work(store, mission, rule, run_id, until).run(observe)


class _Work:
    """One process at work at one line."""

    def __init__(self, store: Store, mission: Mission, rule: str, run_id: int | None, until: float | None) -> None:
        self._store = store
        self._mission = mission
        self._rule = rule
        self._run_id = run_id
        self._until = until
        self._pool = Pool(mission)
        self._worked = Worked()
        self._jobs: dict[int, Job] = {}
        self._waiting: list[Transfer] = []
        self._last = 0
        self._observed = 0.0
        self._ends: list[tuple[Job, Moved | Exception]] = []
        self._notes: dict[int, dict[str, object]] = {}

    def run(self, observe: Observer | None) -> Worked:
        """Until nothing is left that can be done now."""
        self._discard_given_up()
        try:
            while not self._is_over() and (self._start() or self._jobs):
                self._listen()
                self._flush()
                if observe is not None and time.monotonic() - self._observed >= _FLUSH_SECONDS:
                    observe([_live(job) for job in self._jobs.values()], self._worked)
                    self._observed = time.monotonic()
        finally:
            self._stop()
        return self._worked

    def _discard_given_up(self) -> None:
        """Remove what transfers left that were cancelled while nobody moved them; what is away is left for later."""
        with self._store.begin() as connection:
            left = transfers.given_up(connection, self._rule)
        gone = self._pool.discard(left) if left else []
        if gone:
            with self._store.begin() as connection:
                transfers.forget_partial(connection, gone)

    def _is_over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _start(self) -> bool:
        """Begin what can be begun; whether more waits for its turn."""
        if not self._waiting:
            self._waiting = self._due()
        room = _IN_HAND - len(self._jobs)
        chosen, self._waiting = self._waiting[:room], self._waiting[room:]
        chosen = [each for each in chosen if not self._is_away(each)]
        if chosen:
            with self._store.begin() as connection:
                begun = transfers.begin(connection, [each.transfer_id for each in chosen], self._run_id)
            for each in chosen:
                if each.transfer_id in begun:
                    job = Job(each, each.durable, each.facts, each.token)
                    self._jobs[each.transfer_id] = job
                    self._pool.put(job)
        return bool(self._waiting)

    def _due(self) -> list[Transfer]:
        with self._store.begin() as connection:
            now = dt.datetime.now(dt.UTC)
            found = transfers.due(connection, self._rule, now, _BATCH, self._last, self._worked.away)
        self._last = found[-1].transfer_id if found else self._last
        return found

    def _is_away(self, transfer: Transfer) -> bool:
        return not self._worked.away.keys().isdisjoint((transfer.order.origin.place, transfer.order.target.place))

    # --- what the threads say ---

    def _listen(self) -> None:
        """Take in what is said for a moment, or until there is what is to be written down."""
        self._pool.enough = min(_WRITTEN_AT_ONCE, len(self._jobs))
        for job, said in self._pool.hear(_FLUSH_SECONDS):
            self._heard(job, said)

    def _heard(self, job: Job, said: Moving | Checking | Ended) -> None:
        match said:
            case Moving():
                self._note(job)
            case Checking(digest):
                self._check(job, digest)
            case Ended(result):
                self._ends.append((job, result))

    def _note(self, job: Job) -> None:
        """Remember to write down how far a job is."""
        self._notes[job.transfer.transfer_id] = {
            "durable_bytes": job.durable,
            "bytes_per_second": job.bytes_per_second,
            "reason": job.note,
            **_facts(job),
        }

    def _check(self, job: Job, digest: str) -> None:
        """Write down that all bytes of a job are there, before its thread publishes them."""
        number = job.transfer.transfer_id
        self._note(job)
        with self._store.begin() as connection:
            transfers.note(connection, [{"number": number, **self._notes.pop(number)}])
            job.is_cancelled = not transfers.check(connection, number, digest)
        job.recorded.set()

    # --- what is written down ---

    def _flush(self) -> None:
        """Write down what was said, in one transaction."""
        self._measure()
        if not (self._ends or self._notes):
            return
        ends, self._ends = self._ends, []
        notes, self._notes = self._notes, {}
        whole = [(job, result) for job, result in ends if isinstance(result, Moved)]
        self._sync(job.transfer for job, _ in whole)
        with self._store.begin() as connection:
            transfers.note(connection, [{"number": number, **values} for number, values in notes.items()])
            self._notice_cancelled(connection, list(notes))
            ended = endings.completed(connection, [Completed(job.transfer, moved, _facts(job)) for job, moved in whole])
            for job, result in ends:
                if isinstance(result, Exception) and not job.is_cancelled:
                    self._end(connection, job, result)
            known = {each.transfer_id for each in ended}
            ended += transfers.numbered(connection, {job.transfer.transfer_id for job, _ in ends} - known)
        self._worked.ended += ended
        self._worked.counts.update(each.state for each in ended)
        self._worked.bytes += sum(result.size for _, result in ends if isinstance(result, Moved))
        for job, _ in ends:
            self._jobs.pop(job.transfer.transfer_id, None)

    def _measure(self) -> None:
        """The rates of what moves; they are written down with what is durable."""
        now = time.monotonic()
        for job in self._jobs.values():
            then, came = job.seen
            if then == 0.0:
                job.seen = (now, job.came)
            elif now - then >= _MEASURED_SECONDS:
                job.bytes_per_second = (job.came - came) / (now - then)
                job.seen = (now, job.came)
                self._note(job)

    def _notice_cancelled(self, connection: Transaction, numbers: Sequence[int]) -> None:
        for each in transfers.numbered(connection, numbers):
            if each.state is TransferState.CANCELLED and each.transfer_id in self._jobs:
                self._jobs[each.transfer_id].is_cancelled = True

    def _sync(self, ended: Iterable[Transfer]) -> None:
        """Have the names that files got outlive a power cut, before that is recorded."""
        for directory in {places.directory_of(self._mission, each.order.target) for each in ended} - {None}:
            sync_directory(str(directory))

    def _end(self, connection: Transaction, job: Job, error: Exception) -> None:
        """What did not succeed is recorded as far as it came, and what follows."""
        durable = 0 if isinstance(error, MismatchError | EndlessError) else job.durable
        number = job.transfer.transfer_id
        transfers.note(connection, [{"number": number, "durable_bytes": durable, **_facts(job)}])
        self._failed(connection, job.tried, error)

    def _failed(self, connection: Transaction, transfer: Transfer, error: Exception) -> None:
        """What did not succeed waits for its next try, or failed for good."""
        follows = verdict(transfer, error, self._mission, random.random())
        if not follows.waits:
            endings.failed(connection, transfer, follows.reason)
            return
        next_try = None if follows.delay is None else dt.datetime.now(dt.UTC) + follows.delay
        counted = {"mismatches": follows.mismatches, "tries": follows.tries}
        transfers.wait(connection, transfer.transfer_id, follows.reason, next_try, **counted)
        if follows.is_away and next_try is not None:
            self._put_off(connection, transfer, error, next_try)

    def _put_off(self, connection: Transaction, transfer: Transfer, error: Exception, next_try: dt.datetime) -> None:
        """A place is away: all that waits for it does so until then, and nothing more is tried now."""
        is_target = isinstance(error, TransferError) and error.of_target
        place = transfer.order.target.place if is_target else transfer.order.origin.place
        self._worked.away[place] = str(error)
        transfers.put_off(connection, self._rule, place, str(error), next_try)

    # --- the end ---

    def _stop(self) -> None:
        """Have the threads end, and record what they leave; one that hangs is left alone, it ends with the process."""
        self._pool.end()
        for job in self._jobs.values():
            job.recorded.set()
        deadline = time.monotonic() + _PATIENCE
        while self._jobs and self._pool.is_alive and time.monotonic() < deadline:
            self._listen()
            self._flush()
        for job, said in self._pool.hear(0):
            self._heard(job, said)
        self._flush()
        if self._jobs:
            with self._store.begin() as connection:
                for number in self._jobs:
                    transfers.wait(connection, number, OVER, None)


def _facts(job: Job) -> dict[str, object]:
    """What the row of a transfer says of its origin, and of how much was read of it."""
    return {
        "moved_bytes": job.transfer.moved + job.came,
        "origin_facts": job.facts,
        "token": job.token,
    }


def _live(job: Job) -> Live:
    transfer = job.transfer
    return Live(
        transfer_id=transfer.transfer_id,
        filename=transfer.filename,
        durable=job.durable,
        came=job.came,
        total=job.total if job.total is not None else transfer.order.size,
        bytes_per_second=job.bytes_per_second,
    )
