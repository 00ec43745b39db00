"""Sources: looked at when they are due; what is new there is fetched into incoming.

One process at a time is at a source, by the lock of its line. Whatever is wrong with a source is its problem: it is
told when it begins, changes or ends, and stops nothing else.
"""

from __future__ import annotations

import datetime as dt
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dbproc.core.errors import NotFoundError, StorageError, TemporaryError, UserError
from dbproc.core.events import Event, Report
from dbproc.core.likeness import no_such
from dbproc.core.model import Mission
from dbproc.core.places import SourceSpec
from dbproc.core.retry import retry_delay
from dbproc.core.states import NoticeEvent
from dbproc.core.text import one_line, size_words
from dbproc.core.transfers import Transfer, TransferState
from dbproc.database import notices, remotefiles, transfers
from dbproc.database.remotefiles import Look
from dbproc.database.store import Store, Transaction
from dbproc.ingest.look import FileAtSource, Found, ask, look
from dbproc.transfers import line
from dbproc.transfers.endings import link_taken
from dbproc.transfers.places import SOURCE
from dbproc.transfers.work import Live, Worked, work

_FIRST_DELAY = 60.0  # seconds after which a source that could not be listed is looked at again
_LEFT = "the process that moved it ended"
_DIGITS = re.compile(r"\d+")

Observe = Callable[[Sequence[Live], Worked], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFetched:
    """What came of a source."""

    source: str  #: its name
    is_busy: bool = False  #: whether another process fetches from it, and nothing was done
    listed: int | None = None  #: how many files it has that are meant; null: it was not listed
    files: tuple[FileAtSource, ...] = ()  #: what is new there or has changed, and is fetched
    left: int = 0  #: how many more are new, and are left for a later look
    verified: int = 0  #: how many were fetched, with the digest that the source tells
    unverified: int = 0  #: how many were fetched of which it tells none
    failed: int = 0  #: how many failed for good
    waiting: int = 0  #: how many wait for their next try
    bytes: int = 0  #: how much was fetched
    problem: str | None = None  #: what is wrong with it; null: nothing


def sources_named(mission: Mission, names: Sequence[str]) -> list[SourceSpec]:
    """The sources of these names; those that are in use where none is named.

    Raises
    ------
    NotFoundError, UserError
        There is none of a name, or it is not in use.
    """
    by_name = {source.name: source for source in mission.sources}
    for name in names:
        if name not in by_name:
            raise NotFoundError(no_such("source", name, by_name))
        if not by_name[name].active:
            raise UserError(f"the source {name} is not in use: the mission file says active = false")
    return [source for source in mission.sources if (source.name in names if names else source.active)]


def fetch_from(
    due: Sequence[tuple[SourceSpec, bool]], store: Store, mission: Mission, report: Report, run_id: int
) -> None:
    """Look at the sources that are due, and fetch what waits, each within its time; what is wrong with them is told."""
    for source, looks in due:
        until = time.monotonic() + source.budget.total_seconds()
        Fetch(store, mission, source, report, run_id=run_id, until=until).fetch(looks=looks)


def preview(store: Store, mission: Mission, source: SourceSpec) -> SourceFetched:
    """What would be fetched; nothing is recorded."""
    found = look(store, mission, source)
    return _of_look(source, found)


class Fetch:
    """One source at which this process works.

    `is_for_person`: what is wrong is said even if it was before. `until`: when to stop, by ``time.monotonic()``.
    """

    def __init__(
        self,
        store: Store,
        mission: Mission,
        source: SourceSpec,
        report: Report,
        *,
        run_id: int | None = None,
        until: float | None = None,
        observe: Observe | None = None,
        is_for_person: bool = False,
    ) -> None:
        self._store = store
        self._mission = mission
        self._source = source
        self._rule = SOURCE + source.name
        self._report = report
        self._run_id = run_id
        self._until = until
        self._observe = observe
        self._is_for_person = is_for_person

    def fetch(self, *, looks: bool = True) -> SourceFetched:
        """Look at it, and fetch what is new and what waits; without `looks` only what waits."""
        try:
            return self._fetch(looks=looks)
        except (StorageError, OSError) as error:
            self._report.add(Event.PROBLEM, self._rule, f"nothing is fetched: {error}")
            return SourceFetched(source=self._source.name, problem=str(error))

    def _fetch(self, *, looks: bool) -> SourceFetched:
        with self._store.begin() as connection:
            before = remotefiles.looks(connection).get(self._source.name)
        found = self._looked() if looks else Found()
        if found is None:
            return SourceFetched(source=self._source.name, is_busy=True)
        worked = Worked()
        if not (isinstance(found.failure, TemporaryError) and found.failure.is_of_place):
            worked = work(
                self._store,
                self._mission,
                self._rule,
                run_id=self._run_id,
                until=self._until,
                observe=self._observe,
            )
            if worked.is_busy and not looks:
                return SourceFetched(source=self._source.name, is_busy=True)
        problem = self._settle(before, found if looks else None, worked)
        return self._answer(found, worked, problem)

    def _looked(self) -> Found | None:
        """A look, with what is new asked for; None where another process is at this source."""
        with line.held(self._mission, self._rule) as is_ours:
            if not is_ours:
                return None
            with self._store.begin() as connection:
                transfers.revive(connection, self._rule, _LEFT)
            found = look(self._store, self._mission, self._source)
            ask(self._store, self._mission, self._source, found)
        return found

    def _tell(self, transfer: Transfer) -> None:
        """Say how a transfer ended."""
        name, path = transfer.filename, transfer.order.origin.path
        if transfer.state.is_complete:
            doubt = f"unverified: {transfer.reason}" if transfer.reason else "verified"
            text = f"{size_words(transfer.order.size)} from {self._rule}, {doubt}"
            self._report.add(Event.FETCHED, name, text, source=self._source.name, path=path)
        elif transfer.state is TransferState.FAILED:
            text = f"{transfer.reason}; from {transfer.order.origin.url}; to try it again: dbproc transfers retry"
            self._report.add(Event.FAILED, name, f"{text} {transfer.transfer_id}", source=self._source.name, path=path)

    def _settle(self, before: Look | None, found: Found | None, worked: Worked) -> str | None:
        """Record how it went, and tell what came, and what is wrong where that is new; what is wrong now."""
        self._settle_ended(worked.ended)
        if found is None and not worked.away:
            return None if before is None else before.problem
        with self._store.begin() as connection:
            problem = None if found is None else found.problem
            for why in map(one_line, (*worked.away.values(), *self._still_away(connection, before))):
                if why not in (problem or ""):
                    problem = why if problem is None else f"{problem}; {why}"
            remotefiles.record_look(connection, self._record(before, found, problem))
            is_news = _is_another(None if before is None else before.problem, problem)
            if problem is not None and is_news:
                now = dt.datetime.now(dt.UTC)
                happened = [(f"{self._rule} {now.isoformat()}", f"{self._rule}: {problem}")]
                notices.enter(connection, NoticeEvent.SOURCE, happened)
        if problem is None and before is not None and before.problem is not None:
            self._report.add(Event.NOTE, self._rule, f"is well again; it was: {before.problem}")
        elif problem is not None and (is_news or self._is_for_person):
            self._report.add(Event.PROBLEM, self._rule, problem)
        return problem

    def _settle_ended(self, ended: Sequence[Transfer]) -> None:
        """Tell how transfers ended."""
        for each in ended:
            self._tell(each)
        link_taken(self._store, self._mission, [each for each in ended if each.state.is_complete])
        failed = [each for each in ended if each.state is TransferState.FAILED]
        happened = [
            (f"transfer {each.transfer_id} {each.ended}", f"{each.filename} of {self._rule}: {each.reason}")
            for each in failed
        ]
        if happened:
            with self._store.begin() as connection:
                notices.enter(connection, NoticeEvent.SOURCE, happened)

    def _still_away(self, connection: Transaction, before: Look | None) -> list[str]:
        """Why files wait that were not tried this time, as far as it was said before: that is not over."""
        said = "" if before is None else before.problem or ""
        reasons = transfers.reasons_put_off(connection, self._rule, dt.datetime.now(dt.UTC)) if said else []
        return [reason for reason in reasons if one_line(reason) in said]

    def _record(self, before: Look | None, found: Found | None, problem: str | None) -> Look:
        """The row of the look; one that failed does not count as one, and is soon made again."""
        now, every = dt.datetime.now(dt.UTC), self._source.every
        last = now if before is None else before.look_time
        if found is None:
            next_time, failures = (now, 0) if before is None else (before.next_time, before.failures)
        elif found.failure is None:
            last, next_time, failures = now, _later(now, every), 0
        else:
            failures = 1 + (0 if before is None else before.failures)
            asked = getattr(found.failure, "retry_after", None) or 0.0
            delay = retry_delay(failures, _FIRST_DELAY, every.total_seconds(), random.random())
            next_time = _later(now, max(delay, dt.timedelta(seconds=min(asked, 86400.0))))
        return Look(source=self._source.name, look_time=last, next_time=next_time, failures=failures, problem=problem)

    def _answer(self, found: Found, worked: Worked, problem: str | None) -> SourceFetched:
        counts = worked.counts
        return replace(
            _of_look(self._source, found),
            is_busy=worked.is_busy,
            verified=counts[TransferState.VERIFIED],
            unverified=counts[TransferState.UNVERIFIED],
            failed=counts[TransferState.FAILED],
            waiting=self._waiting(),
            bytes=worked.bytes,
            problem=problem,
        )

    def _waiting(self) -> int:
        with self._store.begin() as connection:
            return transfers.count_open(connection, self._rule)


def _of_look(source: SourceSpec, found: Found) -> SourceFetched:
    return SourceFetched(
        source=source.name,
        listed=len(found.listing.seen) if found.listing.listed else None,
        files=tuple(found.files),
        left=len(found.left),
        problem=found.problem,
    )


def _later(now: dt.datetime, delay: dt.timedelta) -> dt.datetime | None:
    try:
        return now + delay
    except OverflowError:
        return None


def _is_another(before: str | None, now: str | None) -> bool:
    """Whether a problem is another one than before; numbers alone are nothing new."""
    return _DIGITS.sub("0", before or "") != _DIGITS.sub("0", now or "")
