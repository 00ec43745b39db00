"""The state of a mission: failures and what waits for them, what waits for its time, what is late."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dbproc.changes.edits import EditInWords, edits_in_words
from dbproc.changes.staging.usage import AreaUsage, usage_in
from dbproc.core.answers import INLINE, OPTIONAL, extended
from dbproc.core.candidates import descendants
from dbproc.core.errors import UserError
from dbproc.core.model import Definition, Slot
from dbproc.core.slot_text import (
    EVERY_SLOT,
    SlotChoice,
    SlotShown,
    fields_of_processes,
    fields_of_product,
    require_fields,
    slot_shown,
)
from dbproc.core.states import CampaignStatus, NoticeEvent
from dbproc.core.transfers import OPEN, TransferState
from dbproc.database import attempts, campaigns, lock, notices, quarantine, queue, remotefiles, root, summary, transfers
from dbproc.database.attempts import AttemptRow
from dbproc.database.campaigns import CampaignRow
from dbproc.database.definition.load import load_definition
from dbproc.database.quarantine import QuarantineRow
from dbproc.database.store import Store, Transaction
from dbproc.database.summary import ProductInNumbers, RunRow
from dbproc.explain.disk import DiskSpace, forecast
from dbproc.explain.expectations import LateProduct, WaitingSlot, late_products, waiting_slots
from dbproc.explain.lost import LostFile, gone
from dbproc.explain.never_due import never_due
from dbproc.ingest.incoming import scan_mission
from dbproc.run.copying import Shortage, shortages
from dbproc.run.failures import standing_failures
from dbproc.run.unknown_files import half_moved
from dbproc.system.machine import Judgement

_LATEST = 10
_MOST_FAILURES = 50
_NOT_OVER = (CampaignStatus.ACTIVE, CampaignStatus.PAUSED)
_OF_FAILURES = (NoticeEvent.FAILED, NoticeEvent.GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A product or process that waits for the output of a failed attempt."""

    waiting: str  #: a product, or a process without one
    slot: SlotShown = field(metadata=INLINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFailure(AttemptRow):
    """An attempt that failed or was refused, and was not made good since."""

    waiting: tuple[Waiting, ...]  #: what waits for its output, level by level


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingNow:
    """The content of the incoming directory, or the `problem` that makes it unreadable."""

    settled: int | None = field(default=None, metadata=OPTIONAL)  #: how many files the next run takes
    unsettled: int | None = field(default=None, metadata=OPTIONAL)  #: how many entries are left for a later run
    problem: str | None = field(default=None, metadata=OPTIONAL)  #: why it cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """A job that is at work."""

    process: str  #: the name of its process
    slot: SlotShown = field(metadata=INLINE)
    since: dt.datetime  #: when it was begun


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNow:
    """The run that is at work."""

    run: int  #: its number
    since: dt.datetime  #: when it began
    done: int  #: how many of its jobs have ended
    known: int  #: how many jobs it has, as far as it knows
    expected_end: dt.datetime | None  #: when all of them will have ended, at the pace so far; null: that is not known
    jobs: tuple[RunningJob, ...]  #: the jobs that are at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What a hook did not tell, or may not have told."""

    hook: str  #: its name
    event: str  #: what kind of event
    message: str  #: what happened
    problem: str  #: why it was not told, or what is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNow:
    """How a source stands."""

    source: str  #: its name
    active: bool  #: whether runs fetch from it
    looked: dt.datetime | None  #: when it was listed last; null: never
    next_look: dt.datetime | None  #: when a run lists it again; null: the next one does
    failures: int  #: how often it could not be listed, in a row
    problem: str | None  #: what is wrong with it; null: nothing
    waiting: int  #: how many of its files are asked for and did not come yet
    failed: int  #: how many failed for good


class Condition(StrEnum):
    """How a mission is."""

    FINE = "fine"
    FAILING = "failures or late"
    CRITICAL = "critical"

    @property
    def exit_status(self) -> int:
        """What ``dbproc status --check`` ends with."""
        return list(Condition).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a mission."""

    mission: str  #: its name
    root: str  #: its root directory
    condition: Condition  #: ``fine``, ``failures or late`` or ``critical``
    findings: tuple[str, ...]  #: why it is not fine, the worst first
    running: RunningNow | None  #: the run that is at work; null: there is none
    root_problem: str | None  #: why no run does anything
    lock: str | None  #: who holds the lock, and whether that lives; null: it is free
    queue: int  #: how many files are queued
    last_run: RunRow | None  #: the latest run
    products: tuple[ProductInNumbers, ...]  #: what there is of each product
    inactive_processes: tuple[str, ...]  #: the processes that have no code in use
    never_due: tuple[str, ...]  #: on processes whose inputs never fit together
    campaigns: tuple[CampaignRow, ...]  #: the campaigns that are not over
    failures: tuple[OpenFailure, ...]  #: what failed or was refused, the latest first
    waiting: tuple[WaitingSlot, ...]  #: what is to be made later, by process and date
    late: tuple[LateProduct, ...]  #: products of which files should have come
    lost: int  #: how many files are gone from disk
    lost_files: tuple[LostFile, ...]  #: the first of them
    lost_problem: str | None  #: on directories that lack all their files
    unknown_files: str | None  #: on files of made products that the catalogue has none of, while something is queued
    quarantine: int  #: how many files are in quarantine
    quarantine_gone: int  #: how many files are recorded there, and gone
    quarantined: tuple[QuarantineRow, ...]  #: the latest files in quarantine
    untold: tuple[Untold, ...]  #: what hooks did not tell, or may not have told, the latest first
    edited_codes: tuple[EditInWords, ...]  #: codes and inspectors that were edited on disk since the last run
    incoming: IncomingNow  #: what is in the incoming directory
    sources: tuple[SourceNow, ...]  #: where files are fetched from
    few_copies: tuple[Shortage, ...]  #: files with fewer verified copies in stores than the mission wants
    staged: tuple[AreaUsage, ...]  #: what users have in their areas
    disks: tuple[DiskSpace, ...]  #: the disks that the mission writes to, and when they will be full


def waiting_for(definition: Definition, attempt: AttemptRow) -> tuple[Waiting, ...]:
    """The products (or processes without one) and dates that wait for a failed attempt's output, by level."""
    if attempt.process_id not in definition.processes:
        return ()
    return tuple(
        Waiting(waiting=_made_by(definition, each), slot=slot_shown(definition.processes[each.process_id], each))
        for each in descendants(definition, attempt.place)
    )


def _made_by(definition: Definition, slot: Slot) -> str:
    process = definition.processes[slot.process_id]
    return process.name if process.output_product is None else definition.products[process.output_product].name


def mission_status(store: Store, choice: SlotChoice = EVERY_SLOT, *, dismissed: bool = False) -> Status:
    """The state of the mission: lock, queue, incoming, products, quarantine; and what failed, waits or is late, as far
    as it is chosen; with `dismissed` those of the failures that were.

    Raises
    ------
    NotFoundError
        No process and no product has a keyword of the chosen key.
    """
    holder, problem = lock.seen(store), root.problem(store)
    with store.begin() as connection:
        definition = load_definition(connection)
        require_fields(choice.key, _fields(definition), "the mission")
        standing = standing_failures(connection, definition, choice)
        shown = standing_failures(connection, definition, choice, dismissed=True) if dismissed else standing
        failures = attempts.attempts_numbered(connection, shown[:_MOST_FAILURES])
        recorded = quarantine.stored_names(connection)
        there = _in_quarantine(definition, recorded)
        late = tuple(late_products(connection, definition, choice, dt.datetime.now(dt.UTC)))
        incoming = _incoming(store, definition)
        lost = gone(store, definition, _LATEST)
        last = summary.last_run(connection)
        troubles = [problem, _lock_problem(holder), _run_problem(last), incoming.problem, lost.problem]
        critical = [*filter(None, troubles)]
        queued = queue.length(connection)
        unknown = half_moved(store, definition, only_made=True) if queued else None
        sources = tuple(_sources(connection, definition))
        few = tuple(shortages(connection, definition))
        failing = [
            *_failing_sources(sources),
            *_failing(len(standing), late, len(there), lost.count),
            *_scarce(few),
            *filter(None, [unknown]),
        ]
        return Status(
            condition=Condition.CRITICAL if critical else Condition.FAILING if failing else Condition.FINE,
            findings=(*critical, *failing),
            running=_running(connection, holder, last),
            inactive_processes=tuple(_inactive(definition)),
            never_due=tuple(never_due(connection, definition)),
            campaigns=tuple(row for row in campaigns.entries(connection) if row.status in _NOT_OVER),
            untold=tuple(_untold(connection, definition, standing)),
            mission=definition.mission.name,
            root=definition.mission.root,
            root_problem=problem,
            lock=None if holder is None else lock.describe(holder),
            queue=queued,
            last_run=last,
            products=tuple(_products(connection, definition)),
            failures=tuple(extended(OpenFailure, row, waiting=waiting_for(definition, row)) for row in failures),
            waiting=tuple(waiting_slots(connection, definition, choice)),
            late=late,
            lost=lost.count,
            lost_files=lost.files,
            lost_problem=lost.problem,
            unknown_files=unknown,
            quarantine=len(there),
            quarantine_gone=len(recorded) - len(there),
            quarantined=tuple(quarantine.entry(connection, number) for number in there[:_LATEST]),
            edited_codes=tuple(edits_in_words(definition)),
            incoming=incoming,
            sources=sources,
            few_copies=few,
            staged=tuple(usage_in(connection, definition.mission)),
            disks=forecast(connection, store),
        )


def _lock_problem(holder: lock.Holder | None) -> str | None:
    """Why the lock needs a person's eye, or None."""
    if holder is None or lock.judged(holder) is Judgement.LIVE:
        return None
    return f"the lock is held by {lock.describe(holder)}"


def _run_problem(run: RunRow | None) -> str | None:
    """What the last run died of, or None."""
    comment = None if run is None else run.comment
    if run is None or comment is None or comment.startswith(("done", "ended by SIG", "cleared")):
        return None
    return f"the last run, {run.logging_id}, did not end well: {comment}"


def _sources(connection: Transaction, definition: Definition) -> Iterator[SourceNow]:
    """How each source stands."""
    specified = definition.mission.sources
    looks = remotefiles.looks(connection) if specified else {}
    for source in specified:
        look = looks.get(source.name)
        counts = transfers.counts_of(connection, f"source {source.name}")
        yield SourceNow(
            source=source.name,
            active=source.active,
            looked=look.look_time if look else None,
            next_look=look.next_time if look else None,
            failures=look.failures if look else 0,
            problem=look.problem if look else None,
            waiting=sum(counts.get(state, 0) for state in OPEN),
            failed=counts.get(TransferState.FAILED, 0),
        )


def _scarce(few: Sequence[Shortage]) -> Iterator[str]:
    if few:
        yield f"{sum(each.files for each in few):,} with fewer copies in stores than are wanted"


def _failing_sources(sources: Sequence[SourceNow]) -> Iterator[str]:
    """What is wrong with sources that are in use."""
    for each in sources:
        if each.active and each.problem:
            yield f"source {each.source}: {each.problem}"
        if each.failed:
            yield f"{each.failed} of source {each.source} not fetched"


def _failing(failures: int, late: Sequence[LateProduct], refused: int, lost: int) -> Iterator[str]:
    """What failed, is late or was refused, in numbers."""
    if failures:
        yield f"{failures} failed"
    if late:
        count = sum(each.count for each in late)
        yield f"{count} late of {', '.join(each.product for each in late[:_LATEST])}"
    if refused:
        yield f"{refused} in quarantine"
    if lost:
        yield f"{lost} gone from disk"


def _running(connection: Transaction, holder: lock.Holder | None, last: RunRow | None) -> RunningNow | None:
    """What runs now; a dead holder does nothing."""
    if holder is None or last is None or last.logging_id != holder.run_id or lock.judged(holder) is Judgement.DEAD:
        return None
    done, known = last.jobs_done or 0, last.jobs_known or 0
    rows = attempts.running_of(connection, holder.run_id)
    jobs = tuple(RunningJob(process=row.process, slot=row.slot, since=row.created) for row in reversed(rows))
    first, now = attempts.first_of(connection, holder.run_id), dt.datetime.now(dt.UTC)
    end = None if first is None or not done else now + (now - first) / done * max(0, known - done)
    return RunningNow(run=holder.run_id, since=holder.since, done=done, known=known, expected_end=end, jobs=jobs)


def _inactive(definition: Definition) -> Iterator[str]:
    """The processes that no code is in use for."""
    for process in definition.processes.values():
        if not definition.codes.get(process.process_id):
            yield process.name


def _untold(connection: Transaction, definition: Definition, standing: Sequence[int]) -> Iterator[Untold]:
    """What hooks did not tell, and matters still: of failures those that are open."""
    found = notices.untold(connection, [hook.name for hook in definition.mission.notify])
    is_of_failures = any(notice.event in _OF_FAILURES for _, notice, _ in found)
    rows = attempts.attempts_numbered(connection, standing) if is_of_failures else ()
    still = tuple(f"{row.process} {row.slot}: " for row in rows)
    for hook, notice, problem in found:
        if notice.event not in _OF_FAILURES or notice.message.startswith(still):
            yield Untold(hook=hook, event=notice.event, message=notice.message, problem=problem)


def _fields(definition: Definition) -> frozenset[str]:
    """The names of the keywords by which a slot or a file of the mission can be named."""
    of_files = (fields_of_product(product) for product in definition.products.values())
    return fields_of_processes(definition, definition.processes).union(*of_files)


def _products(connection: Transaction, definition: Definition) -> list[ProductInNumbers]:
    """Counts for each product: those of the mission file, and retired ones with files left."""
    names = {product.name for product in definition.products.values()}
    rows = [replace(row, retired=row.product not in names) for row in summary.products_in_numbers(connection)]
    return [row for row in rows if row.files or row.withdrawn or not row.retired]


def _in_quarantine(definition: Definition, recorded: Mapping[int, str]) -> list[int]:
    """The entries of the quarantine whose files exist."""
    try:
        there = set(os.listdir(definition.mission.quarantine))
    except FileNotFoundError:
        there = set()
    except OSError:  # nobody can tell; check says why
        there = set(recorded.values())
    return [number for number, name in recorded.items() if name in there]


def _incoming(store: Store, definition: Definition) -> IncomingNow:
    try:
        found = scan_mission(store, definition)
    except UserError as error:
        return IncomingNow(problem=str(error))
    return IncomingNow(settled=len(found.settled), unsettled=found.unsettled)
