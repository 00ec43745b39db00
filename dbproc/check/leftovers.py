"""What dead runs left: the lock, open attempts, moves half done, working directories, logs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence

from dbproc.check.faults import Fault, Kind, Recover, TakeLock
from dbproc.core.model import Mission
from dbproc.database import lock, root
from dbproc.database.audit import Records
from dbproc.database.lock import Holder
from dbproc.database.store import Store
from dbproc.storage import ownership
from dbproc.system.machine import Judgement, this_process

_BY_NEXT_RUN = "the next run does it by itself; so does dbproc check --repair"


def is_mine(holder: Holder | None) -> bool:
    """Whether this process holds the lock."""
    return holder is not None and holder.process == this_process()


def live_run(before: Holder | None, during: int | None, after: Holder | None) -> str | None:
    """The run of another process that is live, or was while we looked, or may be; `during` is a number of a run."""
    if is_mine(before):
        return None
    numbers = {holder.run_id if holder else None for holder in (before, after)} | {during}
    holder = after or before
    if holder is None:
        return None if during is None else f"run {during}, which has ended meanwhile"
    is_dead = len(numbers) == 1 and lock.judged(holder) is Judgement.DEAD
    return None if is_dead else str(holder)


def lock_faults(database: str, holder: Holder | None) -> Iterator[Fault]:
    """A lock whose holder is dead, or may be."""
    if holder is None or is_mine(holder):
        return
    judgement = lock.judged(holder)
    if judgement is Judgement.DEAD:
        yield Fault(
            kind=Kind.STALE_LOCK,
            place=f"run {holder.run_id}",
            text=f"{holder}; that process is dead",
            remedy=f"take the lock from it: {_BY_NEXT_RUN}",
            cure=TakeLock(),
        )
    elif judgement is Judgement.UNKNOWN:
        yield Fault(
            kind=Kind.FOREIGN_LOCK,
            place=f"run {holder.run_id}",
            text=f"{holder}; {judgement.value}",
            remedy=f"look there: {lock.untold(database, holder)}",
        )


def root_faults(store: Store, mission: Mission) -> Iterator[Fault]:
    """A root that is another database's, or that has lost its mark."""
    problem = root.problem(store)
    if problem is not None:
        yield Fault(
            kind=Kind.FOREIGN_ROOT,
            place=ownership.path_of(mission.root),
            text=problem,
            remedy="do what is said there first: until then no other fault is repaired, and no run does anything",
        )


def unremovable_faults(paths: Sequence[str]) -> Iterator[Fault]:
    """Directories of jobs that a run could not remove, and has named once."""
    for path in paths:
        yield Fault(
            kind=Kind.WORK_DIRECTORY,
            place=path,
            text="it could not be removed when its job had ended",
            remedy=f"remove it as a user who may: rm -r {shlex.quote(path)} (what is immutable: chattr -R -i, before)",
        )


def leftover_faults(records: Records, work: Sequence[str], logs: Sequence[str]) -> Iterator[Fault]:
    """What no live run explains; `work` are working directories, `logs` the paths of job logs."""
    for attempt_id, process, date in records.running:
        yield Fault(
            kind=Kind.OPEN_ATTEMPT,
            place=f"attempt {attempt_id}",
            text=f"{process} {date} counts as running",
            remedy=f"close it as interrupted: {_BY_NEXT_RUN}",
            cure=Recover(),
        )
    for move in records.moves:
        yield Fault(
            kind=Kind.OPEN_PLACEMENT,
            place=move.target,
            text=f"to be moved from {move.source} ({move.purpose})",
            remedy=f"undo the move: {_BY_NEXT_RUN}",
            cure=Recover(),
        )
    for path in work:
        yield Fault(
            kind=Kind.WORK_DIRECTORY,
            place=path,
            text="a job of a dead run worked here",
            remedy=f"remove it: {_BY_NEXT_RUN}",
            cure=Recover(),
        )
    named = {os.path.basename(path) for path in records.job_logs}
    for path in logs:
        if os.path.basename(path) not in named and os.path.lexists(path):
            yield Fault(
                kind=Kind.STRAY_LOG, place=path, text="no attempt names it", remedy="read it if you like; remove it"
            )
