"""What people do by way of the service: each is foreseen by the same call, and entered in the audit trail.

The page and ``/api/v1/actions`` both call these. With `only_look` nothing is changed, and the answer says what would
be. A change of one transaction has its entry in that one; one that moves files has an entry before, and one after it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from dbproc.changes import transfers
from dbproc.changes.dismiss import Dismissals
from dbproc.changes.dismiss import dismiss as dismiss_failures
from dbproc.changes.restore import Restored
from dbproc.changes.restore import restore as restore_files
from dbproc.changes.retry import Armed
from dbproc.changes.retry import retry as retry_jobs
from dbproc.changes.transfers import TransfersChanged
from dbproc.changes.withdraw import Withdrawn
from dbproc.changes.withdraw import withdraw as withdraw_files
from dbproc.core.access import Principal
from dbproc.core.errors import DbprocError, UserError
from dbproc.core.slot_text import EVERY_SLOT, SlotChoice, period_words
from dbproc.core.states import CampaignStatus
from dbproc.database import campaigns, lock, trail
from dbproc.database.campaigns import CampaignRow
from dbproc.database.files import FileRow
from dbproc.database.selection import Selection, selected
from dbproc.database.store import Transaction
from dbproc.explain.plan import plan
from dbproc.ingest import quarantine
from dbproc.ingest.quarantine import Settled
from dbproc.run.selection import Options
from dbproc.service.context import Context, nothing
from dbproc.service.problems import Problem
from dbproc.storage import permissions
from dbproc.system.machine import acting_as

_alone = threading.Lock()
"""Who moves files has the umask of the mission, which is one for all threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsked:
    """A run that is asked for."""

    running: str | None  #: the run that is at work; null: none is
    jobs: int | None  #: how many jobs it would have, as far as is known; null: it was not looked at
    is_done: bool  #: whether it was asked for, not only foreseen


def retry(
    here: Context,
    who: Principal,
    only: tuple[str, ...] | None = None,
    choice: SlotChoice = EVERY_SLOT,
    *,
    dismissed: bool = False,
    only_look: bool = False,
) -> Armed:
    """Have the next run try failed jobs again; see :func:`dbproc.changes.retry.retry`."""
    if only_look:
        with here.reading.begin() as connection:
            return retry_jobs(connection, only, choice, dismissed=dismissed, only_look=True)
    with _acting(here, who) as connection:
        done = retry_jobs(connection, only, choice, dismissed=dismissed)
        asked = {"only": only, "slots": _slots(choice), "dismissed": dismissed, "jobs": done.jobs}
        trail.add(connection, who=who, action="job retry", object=_some(only), detail=asked)
    here.wake()
    return done


def dismiss(
    here: Context,
    who: Principal,
    only: tuple[str, ...] | None = None,
    choice: SlotChoice = EVERY_SLOT,
    *,
    reason: str,
    only_look: bool = False,
) -> Dismissals:
    """Say of failures that nobody will mend them; see :func:`dbproc.changes.dismiss.dismiss`.

    Raises
    ------
    UserError
        Nothing is given that tells some failures from others, or no reason.
    """
    if only is None and choice.is_empty:
        raise UserError("say which failures: a process, start, end or key")
    if not reason.strip():
        raise UserError("give the reason, for those who ask later")
    if only_look:
        with here.reading.begin() as connection:
            return dismiss_failures(connection, only, choice, reason=reason, only_look=True)
    with _acting(here, who) as connection:
        done = dismiss_failures(connection, only, choice, reason=reason)
        asked = {"slots": _slots(choice), "reason": reason, "attempts": [each.attempt_id for each in done.failures]}
        trail.add(connection, who=who, action="job dismiss", object=_some(only), detail=asked)
    return done


def retry_transfers(
    here: Context, who: Principal, numbers: Sequence[int], *, only_look: bool = False
) -> TransfersChanged:
    """Have transfers be tried at once; see :func:`dbproc.changes.transfers.retry`."""
    if only_look:
        with here.reading.begin() as connection:
            return transfers.retry(connection, numbers, only_look=True)
    with _acting(here, who) as connection:
        done = transfers.retry(connection, numbers)
        trail.add(connection, who=who, action="transfer retry", object=_numbers(done.changed))
    here.wake()
    return done


def cancel_transfers(
    here: Context, who: Principal, numbers: Sequence[int], reason: str = "", *, only_look: bool = False
) -> TransfersChanged:
    """Give transfers up; see :func:`dbproc.changes.transfers.cancel`."""
    if only_look:
        with here.reading.begin() as connection:
            return transfers.cancel(connection, numbers, "", only_look=True)
    words = f"cancelled by {who.name}{f': {reason}' if reason else ''}"
    with _acting(here, who) as connection:
        done = transfers.cancel(connection, numbers, words)
        trail.add(
            connection,
            who=who,
            action="transfer cancel",
            object=_numbers(done.changed),
            detail={"reason": reason},
        )
    return done


def change_campaign(
    here: Context, who: Principal, name: str, status: CampaignStatus, *, only_look: bool = False
) -> CampaignRow:
    """Pause a campaign, go on with it (``active``), or give it up.

    Raises
    ------
    NotFoundError
        There is no such campaign.
    UserError
        It is not at what it would have to be at.
    """
    if only_look:
        with here.reading.begin() as connection:
            row = campaigns.entry(connection, name)
        campaigns.require_before(row, status)
        return replace(row, status=status)
    with _acting(here, who) as connection:
        before = campaigns.entry(connection, name).status
        campaigns.set_status(connection, name, status)
        row = campaigns.entry(connection, name)
        trail.add(
            connection,
            who=who,
            action=f"campaign {_VERBS[status]}",
            object=name,
            detail={"before": before, "after": row.status},
        )
    here.wake()
    return row


_VERBS = {CampaignStatus.PAUSED: "pause", CampaignStatus.ACTIVE: "resume", CampaignStatus.CANCELLED: "cancel"}


def release(
    here: Context, who: Principal, numbers: Sequence[int], reason: str = "", *, only_look: bool = False
) -> tuple[Settled, ...]:
    """Put files out of quarantine back into incoming, one after the other.

    Raises
    ------
    NotFoundError
        There is no entry of a number.
    UserError
        One has left the quarantine, is missing, or incoming has a file of its name; those before it are back.
    BusyError, LockError
        A run is live.
    """
    for number in numbers:
        quarantine.require_releasable(here.reading, number)
    if only_look:
        return tuple(Settled(number, None) for number in numbers)
    with _moving(here, who, "quarantine release", _numbers(numbers), {"reason": reason}):
        done = tuple(Settled(number, quarantine.release(here.writing, number, reason)) for number in numbers)
    here.wake()
    return done


def withdraw(
    here: Context,
    who: Principal,
    files: Selection,
    reason: str,
    *,
    whole_slot: bool = False,
    only_look: bool = False,
) -> Withdrawn:
    """Take files back; see :func:`dbproc.changes.withdraw.withdraw`.

    Raises
    ------
    UserError
        As there; or nothing is given that tells some files from others.
    """
    choice = _Chosen(files, "withdraw")
    if only_look:
        return withdraw_files(here.reading, choice, reason, whole_slot=whole_slot, only_look=True)
    with _moving(here, who, "file withdraw", _files(files), {"reason": reason, "whole_slot": whole_slot}):
        done = withdraw_files(here.writing, choice, reason, whole_slot=whole_slot)
    here.wake()
    return done


def restore(here: Context, who: Principal, files: Selection, *, only_look: bool = False) -> Restored:
    """Undo the last correction of files; see :func:`dbproc.changes.restore.restore`.

    Raises
    ------
    UserError
        As there; or nothing is given that tells some files from others.
    """
    choice, is_named = _Chosen(files, "restore"), bool(files.names)
    if only_look:
        return restore_files(here.reading, choice, is_named=is_named, only_look=True)
    with _moving(here, who, "file restore", _files(files)):
        done = restore_files(here.writing, choice, is_named=is_named)
    here.wake()
    return done


def start_run(here: Context, who: Principal, *, only_look: bool = False) -> RunAsked:
    """Have a run be started now.

    Raises
    ------
    Problem
        The service starts no runs.
    """
    if here.wake is nothing:
        raise Problem(409, "runs are not started here but elsewhere, as by cron: dbproc serve --no-run")
    holder = lock.seen(here.reading)
    running = None if holder is None else lock.describe(holder)
    if only_look:
        totals = plan(here.reading, Options()).totals
        return RunAsked(running=running, jobs=0 if totals is None else totals.jobs, is_done=False)
    with _acting(here, who) as connection:
        trail.add(connection, who=who, action="run start")
    here.wake()
    return RunAsked(running=running, jobs=None, is_done=True)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Finds the files that are meant."""

    files: Selection
    what: str

    def __post_init__(self) -> None:
        if self.files.is_empty:
            raise UserError(f"say what to {self.what}: names of files, or a product, start, end, key …")

    def __call__(self, connection: Transaction) -> list[FileRow]:
        return list(selected(connection, self.files))


@contextmanager
def _acting(here: Context, who: Principal) -> Iterator[Transaction]:
    """A transaction in which somebody changes something."""
    with acting_as(who.name), here.writing.begin() as connection:
        yield connection


@contextmanager
def _moving(
    here: Context, who: Principal, action: str, object: str, detail: Mapping[str, object] | None = None
) -> Iterator[None]:
    """Have files be moved for somebody, and enter it in the audit trail: before it is begun, and how it ended."""

    def enter(result: str) -> None:
        with here.writing.begin() as connection:
            trail.add(connection, who=who, action=action, object=object, detail=detail, result=result)

    enter("begun")
    try:
        with _alone, acting_as(who.name), permissions.in_force(here.mission()):
            yield
    except DbprocError as error:
        enter(f"refused: {error}")
        raise
    enter("done")


def _some(names: Sequence[str] | None) -> str:
    return "" if names is None else ", ".join(names)


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _slots(choice: SlotChoice) -> str:
    return "" if choice.is_empty else f"{period_words(choice.span)} {choice.key}".rstrip()


def _files(files: Selection) -> str:
    return ", ".join((*files.names, *files.products)) or _slots(files.slots)
