"""One at a time works on a mission: the lock is the open row of the ``logging`` table, and the locked file of the root.

A partial unique index admits one open row. Its holder keeps ``.dbproc/lock`` of the root locked as long as it lives
(:mod:`dbproc.storage.lockfile`), so that a dead holder is known by that wherever the file is the same; else it is
looked for (:mod:`dbproc.system.machine`), and where nobody can tell, the lock is not taken. First the file is locked,
then the row is written, and nothing is locked in a root that belongs to another database
(:mod:`dbproc.storage.ownership`).
"""

from __future__ import annotations

import datetime as dt
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection, select, update

from dbproc.core.errors import BusyError, ConflictError, LockError, NotFoundError
from dbproc.core.model import Mission
from dbproc.core.spec import MissionSpec
from dbproc.core.states import NoticeEvent
from dbproc.database import notices, root, schema
from dbproc.database._queries import insert_row
from dbproc.database.definition.load import load_mission
from dbproc.database.identity import set_marked
from dbproc.database.moved import rename_root
from dbproc.database.store import Store
from dbproc.storage import lockfile, ownership, permissions
from dbproc.storage.lockfile import Grip, Making
from dbproc.system import machine
from dbproc.system.machine import Evidence, Judgement, Process, this_process

_TRIES = 5
_PATIENCE = 2.0  # seconds that who holds the file may take until his row is there


@dataclass(frozen=True, slots=True)
class Holder:
    """The open run; `root` is that of its mission, and `marks` are those of the files that it keeps locked.

    `judgement` is what was known when it was looked at: a run that ends after that was alive for who looked.
    """

    run_id: int
    process: Process
    since: dt.datetime
    root: str
    marks: str | None
    judgement: Judgement | None = None

    def __str__(self) -> str:
        return (
            f"run {self.run_id}: PID {self.process.pid} of {self.process.user} on {self.process.hostname}, "
            f"since {self.since:%Y-%m-%d %H:%M:%S}Z"
        )


@dataclass(frozen=True, slots=True)
class Acquired:
    """The lock was taken; `crashed` is the dead holder that it was taken from."""

    run_id: int
    crashed: Holder | None
    grips: tuple[Grip, ...]


def acquire(store: Store, purpose: str = "run") -> Acquired:
    """Take the lock; a dead holder is closed as crashed.

    Raises
    ------
    BusyError
        The holder is alive.
    LockError
        Nobody can tell here whether the holder is alive.
    RootError
        The root is gone, or belongs to another database; nothing was made there.
    NotFoundError
        The database holds no mission.
    """
    for _ in range(_TRIES):
        mission, owner, was_marked = root.site(store)
        ownership.standing(mission.root, owner, was_marked=was_marked)
        grip = _gripped(store, mission.root, partial(permissions.in_force, mission))
        try:
            root.mark(mission, owner, was_marked=was_marked)
            acquired = _entered(store, purpose, mission, (grip,), is_marked=True)
        except BaseException:
            grip.close()
            raise
        if acquired is not None:
            return acquired
        grip.close()
    raise BusyError("other runs take the lock again and again; try later")


@contextmanager
def holding(store: Store, purpose: str) -> Iterator[None]:
    """Keep every run away while the mission is changed; nothing to keep away before there is a mission.

    Raises
    ------
    BusyError, LockError, RootError
        As :func:`acquire` does.
    """
    try:
        acquired = acquire(store, purpose)
    except NotFoundError:
        yield
        return
    try:
        yield
    finally:
        release(store, acquired, "done")


@contextmanager
def applying(store: Store, wanted: MissionSpec, *, adopt: bool) -> Iterator[int | None]:
    """:func:`holding` for what may change the root, or define the mission: the root is the database's own afterwards.

    Gives the number of the run that holds the lock, None where there is no mission yet.

    Parameters
    ----------
    store
        The mission's database.
    wanted
        The mission as it is going to be.
    adopt
        Whether the root is taken over from the database that it belonged to, or has lost its mark.

    Raises
    ------
    BusyError, LockError, RootError
        As :func:`acquire` does, for the root that there was, and for the one that is wanted.
    """
    making = partial(permissions.as_given, int(wanted.umask, 8), wanted.group or None)
    mission, owner = root.site_for(store, wanted, adopt=adopt)
    former = None if mission is None else root.former(mission, owner, wanted.root)
    with ExitStack() as stack:
        grips = [_kept(stack, _gripped(store, former, None))] if former else []
        grips.append(_kept(stack, _gripped(store, wanted.root, making)))
        if not adopt:  # who has marked it meanwhile has let its file go by now
            ownership.standing(wanted.root, owner, was_marked=False)
        run_id = None
        if mission is not None:
            run_id = _enter_for_apply(stack, store, mission, grips)
            if former is None and not root.leads_to(wanted.root, mission):
                _rename_root(store, mission.root, wanted.root)
        yield run_id
        root.settle(store, making)
        if former is not None:
            ownership.unmark(former, owner)


def note(connection: Connection, purpose: str, comment: str) -> int:
    """Record what a person did who needed no lock for that; it is as a run that began and ended in this moment, and has
    this number."""
    number = _open(connection, load_mission(connection), purpose, (), is_open=False)
    ended = schema.logging.c.processing_start_time
    row = update(schema.logging).where(schema.logging.c.logging_id == number)
    connection.execute(row.values(processing_end_time=ended, comment=comment))
    return number


def release(
    store: Store, acquired: Acquired, comment: str, *, has_crashed: bool = False, exit_status: int | None = None
) -> None:
    """Close the run, and let the files go; of the row nothing changes when somebody has cleared the lock meanwhile."""
    try:
        with store.begin() as connection:
            if (
                _close(connection, acquired.run_id, comment, exit_status)
                and has_crashed
                and not _ended_so(connection, acquired, comment)
            ):
                happened = [(f"run {acquired.run_id}", f"run {acquired.run_id}: {comment}")]
                notices.enter(connection, NoticeEvent.CRASHED, happened)
    finally:
        for grip in acquired.grips:
            grip.close()


def clear(store: Store, comment: str) -> Holder | None:
    """Close the open run by a person's order; returns it, None when there is none.

    Raises
    ------
    BusyError
        The holder is alive.
    """
    holder = current(store)
    if holder is None:
        return None
    grip = lockfile.take(holder.root, None)
    if grip is None:
        raise BusyError(f"{holder} is alive: {lockfile.path_of(holder.root)} is locked; {_end(holder)}")
    try:
        if _judged(holder, grip.evidence(holder.marks)) is Judgement.LIVE:
            raise BusyError(f"{holder} is alive; {_end(holder)}")
        _leave(store, holder.run_id, comment)
    finally:
        grip.close()
    return holder


def current(store: Store) -> Holder | None:
    """The open run, alive or dead."""
    with store.begin() as connection:
        row = connection.execute(select(schema.logging).where(schema.logging.c.currently_processing)).mappings().first()
        if row is None:
            return None
        place = load_mission(connection).root
    same = {name: row[name] for name in ("hostname", "boot_id", "pid", "user", "machine_id", "pid_namespace")}
    process = Process(**same, start_time=row["pid_start_time"])
    return Holder(row["logging_id"], process, row["processing_start_time"], place, row["lock_mark"])


def seen(store: Store) -> Holder | None:
    """The open run, for those who only look: one that ends in this moment has let its file go, and is not dead."""
    holder = current(store)
    if holder is None:
        return None
    holder = replace(holder, judgement=judged(holder))
    if holder.judgement is not Judgement.DEAD:
        return holder
    now = current(store)
    return holder if now is not None and now.run_id == holder.run_id else now


def describe(holder: Holder) -> str:
    """The holder, and whether it is alive."""
    return f"{holder} ({judged(holder).value})"


def judged(holder: Holder) -> Judgement:
    """What is known of a holder, from its file and from what is seen of it; nothing is made or kept locked."""
    return holder.judgement or _judged(holder, lockfile.probe(holder.root, holder.marks))


def untold(database: str, holder: Holder) -> str:
    """Why nobody can tell here whether a holder lives, and what a person does about it."""
    why = machine.obstacle(holder.process, this_process())
    return f'{why}. If it is dead: dbproc unlock --reason "why" -m {shlex.quote(database)}'


# --- another root ---


def _enter_for_apply(stack: ExitStack, store: Store, mission: Mission, grips: Sequence[Grip]) -> int:
    acquired = _entered(store, "apply", mission, grips, is_marked=mission.root_marked)
    if acquired is None:
        raise BusyError("the mission was given another root in this moment; try again")
    stack.callback(_leave, store, acquired.run_id, "done")
    return acquired.run_id


def _rename_root(store: Store, old: str, new: str) -> None:
    """Let nothing that is recorded name the former root: it was moved away, or is another database's."""
    with store.begin() as connection:
        rename_root(connection, old, new)


# --- the file ---


def _kept(stack: ExitStack, grip: Grip) -> Grip:
    stack.callback(grip.close)
    return grip


def _busy(why: str) -> BusyError:
    """That nothing was done, as another one is at work."""
    return BusyError(f"{why}; nothing was done: try again when it has ended")


def _gripped(store: Store, place: str, making: Making | None) -> Grip:
    """The root's file, locked. Who has it is told by his row, which he writes a moment later."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        grip = lockfile.take(place, making)
        if grip is not None:
            return grip
        holder = current(store)
        if holder is not None and _judged(holder, Evidence.NONE) is not Judgement.DEAD:
            raise _busy(f"another run is live ({holder})")
        if time.monotonic() > deadline:
            path = lockfile.path_of(place)
            raise _busy(f"another run is live: somebody keeps {path} locked")


# --- the row ---


def _entered(
    store: Store, purpose: str, mission: Mission, grips: Sequence[Grip], *, is_marked: bool
) -> Acquired | None:
    """Write the row; None when the mission has another root by now."""
    crashed: Holder | None = None
    for _ in range(_TRIES):
        try:
            with store.begin() as connection:
                if load_mission(connection).root != mission.root:
                    return None
                if crashed is not None:
                    _close(connection, crashed.run_id, "crashed: found dead by the next run")
                    told = f"{crashed}: found dead"
                    notices.enter(connection, NoticeEvent.CRASHED, [(f"run {crashed.run_id}", told)])
                if is_marked and not mission.root_marked:
                    set_marked(connection)
                run_id = _open(connection, mission, purpose, grips)
            return Acquired(run_id, crashed, tuple(grips))
        except ConflictError:
            crashed = _dead_holder(store, grips)
    raise BusyError("other runs take the lock again and again; try later")


def _dead_holder(store: Store, grips: Sequence[Grip]) -> Holder | None:
    holder = current(store)
    if holder is None:
        return None
    released = any(grip.evidence(holder.marks) is Evidence.RELEASED for grip in grips)
    judgement = _judged(holder, Evidence.RELEASED if released else Evidence.NONE)
    if judgement is Judgement.LIVE:
        raise _busy(f"another run is live ({holder})")
    if judgement is Judgement.UNKNOWN:
        why = untold(store.name, holder)
        raise LockError(f"the lock is held by {holder}, and whether it lives cannot be told: {why}")
    return holder


def _judged(holder: Holder, evidence: Evidence) -> Judgement:
    return machine.judge(holder.process, this_process(), evidence, machine.seen)


def _end(holder: Holder) -> str:
    place = "" if holder.process.hostname == this_process().hostname else f" on {holder.process.hostname}"
    return f"end it first: kill {holder.process.pid}{place}"


def _open(
    connection: Connection, mission: Mission, purpose: str, grips: Sequence[Grip], *, is_open: bool = True
) -> int:
    me = this_process()
    values = {
        "currently_processing": is_open,
        "pid": me.pid,
        "pid_start_time": me.start_time,
        "boot_id": me.boot_id,
        "processing_start_time": dt.datetime.now(dt.UTC),
        "mission_id": mission.mission_id,
        "purpose": purpose,
        "user": me.user,
        "hostname": me.hostname,
        "machine_id": me.machine_id,
        "pid_namespace": me.pid_namespace,
        "lock_mark": " ".join(grip.mark for grip in grips if grip.mark) or None,
    }
    return insert_row(connection, schema.logging, values)


def _leave(store: Store, run_id: int, comment: str) -> None:
    with store.begin() as connection:
        _close(connection, run_id, comment)


def _ended_so(connection: Connection, acquired: Acquired, comment: str) -> bool:
    """Whether the run before ended in the same way: who was told of that is not told of each that follows."""
    run = schema.logging.c
    purpose = select(run.purpose).where(run.logging_id == acquired.run_id).scalar_subquery()
    is_before = (run.logging_id < acquired.run_id, run.purpose == purpose)
    before = select(run.comment).where(*is_before).order_by(run.logging_id.desc()).limit(1)
    return bool(connection.scalar(before) == comment)


def _close(connection: Connection, run_id: int, comment: str, exit_status: int | None = None) -> bool:
    closing = (
        update(schema.logging)
        .where(schema.logging.c.logging_id == run_id, schema.logging.c.currently_processing)
        .values(
            currently_processing=False,
            processing_end_time=dt.datetime.now(dt.UTC),
            comment=comment,
            exit_status=exit_status,
        )
    )
    return connection.execute(closing).rowcount == 1
