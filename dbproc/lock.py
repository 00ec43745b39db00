"""One live run per mission: the lock is the open row of the ``logging`` table.

A partial unique index admits one open row. Whether its holder still lives is judged by host, boot, PID and the start
time of the process with that PID, counted from boot, so that neither a reused PID nor a changed clock deceives.
"""

from __future__ import annotations

import datetime as dt
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from dbproc import schema
from dbproc.errors import NO_MISSION, BusyError, ConflictError, LockError, NotFoundError
from dbproc.store import Store


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a machine: who may hold the lock."""

    hostname: str
    boot_id: str
    pid: int
    start_time: str
    user: str


@dataclass(frozen=True, slots=True)
class Holder:
    """The open run."""

    run_id: int
    process: Process
    since: dt.datetime

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


class Judgement(Enum):
    """What is known of a holder."""

    LIVE = "live"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"  #: on another host, where this one cannot look


def judge(holder: Process, hostname: str, boot_id: str, start_time: str | None) -> Judgement:
    """Judge a holder from this host's name, its boot, and the start time of what has the holder's PID now."""
    if holder.hostname != hostname:
        return Judgement.ELSEWHERE
    if holder.boot_id != boot_id or start_time is None:
        return Judgement.DEAD
    return Judgement.LIVE if start_time == holder.start_time else Judgement.DEAD


def acquire(store: Store, purpose: str = "run") -> Acquired:
    """Take the lock; a dead holder on this host is closed as crashed.

    Raises
    ------
    BusyError
        The holder is alive.
    LockError
        The holder is on another host.
    NotFoundError
        The database holds no mission.
    """
    me = this_process()
    crashed: Holder | None = None
    for _ in range(5):
        try:
            with store.begin() as connection:
                if crashed is not None:
                    _close(connection, crashed.run_id, "crashed: found dead by the next run")
                return Acquired(_open(connection, me, purpose), crashed)
        except ConflictError:
            crashed = _dead_holder(store, me)
    raise BusyError("other runs take the lock again and again; try later")


@contextmanager
def holding(store: Store, purpose: str) -> Iterator[None]:
    """Keep every run away while the mission's definition is changed; nothing to keep away before there is a mission.

    Raises
    ------
    BusyError, LockError
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
        release(store, acquired.run_id, "done")


def release(store: Store, run_id: int, comment: str) -> None:
    """Close the run; nothing happens when somebody has cleared the lock meanwhile."""
    with store.begin() as connection:
        _close(connection, run_id, comment)


def clear(store: Store, comment: str) -> Holder | None:
    """Close the open run by a person's order; returns it, None when there is none.

    Raises
    ------
    BusyError
        The holder is alive on this host.
    """
    holder = current(store)
    if holder is None:
        return None
    if judged(holder, this_process()) is Judgement.LIVE:
        raise BusyError(f"{holder} is alive; end it first: kill {holder.process.pid}")
    with store.begin() as connection:
        _close(connection, holder.run_id, comment)
    return holder


def current(store: Store) -> Holder | None:
    """The open run, alive or dead."""
    with store.begin() as connection:
        row = connection.execute(select(schema.logging).where(schema.logging.c.currently_processing)).mappings().first()
    if row is None:
        return None
    process = Process(row["hostname"], row["boot_id"], row["pid"], row["pid_start_time"], row["user"])
    return Holder(row["logging_id"], process, row["processing_start_time"])


def describe(holder: Holder) -> str:
    """The holder, and whether it is alive."""
    return f"{holder} ({judged(holder, this_process()).value})"


def this_process() -> Process:
    """This process as a holder of the lock."""
    pid = os.getpid()
    return Process(socket.gethostname(), _boot_id(), pid, _start_time(pid) or "", _user())


def _dead_holder(store: Store, me: Process) -> Holder | None:
    holder = current(store)
    if holder is None:
        return None
    judgement = judged(holder, me)
    if judgement is Judgement.LIVE:
        raise BusyError(f"another run is live ({holder}); this one does nothing")
    if judgement is Judgement.ELSEWHERE:
        raise LockError(
            f"the lock is held by {holder}; whether it lives cannot be seen from {me.hostname}. If it is dead: "
            f'clearProcessingFlag.py {store.name} "why"'
        )
    return holder


def judged(holder: Holder, me: Process) -> Judgement:
    """What this process, `me`, knows of a holder."""
    return judge(holder.process, me.hostname, me.boot_id, _start_time(holder.process.pid))


def _open(connection: Connection, me: Process, purpose: str) -> int:
    mission_id = connection.scalar(select(schema.mission.c.mission_id))
    if mission_id is None:
        raise NotFoundError(NO_MISSION)
    values = {
        "currently_processing": True,
        "pid": me.pid,
        "pid_start_time": me.start_time,
        "boot_id": me.boot_id,
        "processing_start_time": dt.datetime.now(dt.UTC),
        "mission_id": mission_id,
        "purpose": purpose,
        "user": me.user,
        "hostname": me.hostname,
    }
    opening = insert(schema.logging).values(values).returning(schema.logging.c.logging_id)
    run_id: int = connection.execute(opening).scalar_one()
    return run_id


def _close(connection: Connection, run_id: int, comment: str) -> bool:
    closing = (
        update(schema.logging)
        .where(schema.logging.c.logging_id == run_id, schema.logging.c.currently_processing)
        .values(currently_processing=False, processing_end_time=dt.datetime.now(dt.UTC), comment=comment)
    )
    return connection.execute(closing).rowcount == 1


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def _start_time(pid: int) -> str | None:
    """When the process began, in clock ticks since boot; None when there is none, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return _start_time_without_proc(pid) if not Path("/proc/self/stat").exists() else None
    return None if fields[0] in "ZX" else fields[19]


def _start_time_without_proc(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None
