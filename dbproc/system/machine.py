"""Processes of this machine and of others: what is recorded of one, and whether it lives.

What is seen of a process is only believed where its PID means the same: in the same boot of the kernel, and in the same
PID namespace. A container has a namespace of its own, often under the hostname of another one.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dbproc.system import processes

_MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_SHORTEST_ID = 32  # "uninitialized" stands there while a system is installed


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a machine: who may hold the lock. What cannot be known is empty, or None."""

    hostname: str
    boot_id: str
    pid: int
    start_time: str  #: clock ticks since boot
    user: str
    machine_id: str | None = None
    pid_namespace: str | None = None


class Judgement(Enum):
    """What is known of a process."""

    LIVE = "live"
    DEAD = "dead"
    UNKNOWN = "whether it lives cannot be told from here"


class Evidence(Enum):
    """What the file that a process keeps locked as long as it lives says of it."""

    HELD = "held"  #: somebody holds the file
    RELEASED = "released"  #: nobody holds it, and it is the file that the process held
    NONE = "none"  #: it is another file, or there is none, or files cannot be locked there


def judge(process: Process, me: Process, evidence: Evidence, seen: Callable[[Process], Judgement]) -> Judgement:
    """Judge a process, as it was recorded, from what this one, `me`, knows of itself.

    The evidence is what the file says that the process keeps locked; it decides where it can: on one kernel, or after
    this machine was started anew. Else it is looked for with `seen` where its PID means here what it meant there.
    """
    if evidence is Evidence.HELD:
        return Judgement.LIVE
    if evidence is Evidence.RELEASED and (_is_of_this_boot(process, me) or _is_of_this_machine(process, me)):
        return Judgement.DEAD
    if not _is_of_this_boot(process, me) or not _has_the_same_pids(process, me):
        return Judgement.UNKNOWN
    judgement = seen(process)
    return Judgement.UNKNOWN if judgement is Judgement.DEAD and process.hostname != me.hostname else judgement


def obstacle(process: Process, me: Process) -> str:
    """Why nobody can tell here whether a process lives."""
    if process.hostname != me.hostname:
        return f"it ran on {process.hostname}, and this is {me.hostname}"
    if not _is_of_this_boot(process, me):
        return f"{me.hostname} was started anew since, or another machine has its name"
    return f"it ran in another container on {me.hostname}, or {me.hostname} does not show its processes"


def seen(process: Process) -> Judgement:
    """Look for a process by its PID, and by the time at which it began where that may be read."""
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return Judgement.DEAD
    except PermissionError:
        pass  # it is there, and somebody else's
    found = processes.look(process.pid) if processes.is_visible() else None
    if found is None or not process.start_time:
        return Judgement.LIVE  # a hidden /proc is not a dead process
    return Judgement.DEAD if found.is_dead or found.start != process.start_time else Judgement.LIVE


def this_process() -> Process:
    """This process."""
    stat = (_text("/proc/self/stat") or "").rpartition(")")[2].split()
    return Process(
        hostname=socket.gethostname(),
        boot_id=_text("/proc/sys/kernel/random/boot_id") or "",
        pid=os.getpid(),
        start_time=stat[19] if stat else "",
        user=user_name(),
        machine_id=next(filter(None, map(_machine_id, _MACHINE_IDS)), None),
        pid_namespace=_pid_namespace(),
    )


def _is_of_this_boot(process: Process, me: Process) -> bool:
    return process.boot_id != "" and process.boot_id == me.boot_id


def _is_of_this_machine(process: Process, me: Process) -> bool:
    is_known = process.machine_id is not None and process.machine_id == me.machine_id
    return is_known and process.hostname == me.hostname


def _has_the_same_pids(process: Process, me: Process) -> bool:
    """Whether a PID means the same to both; an earlier dbproc did not record its namespace."""
    if process.pid_namespace is None:
        return process.hostname == me.hostname
    return process.pid_namespace == me.pid_namespace


def _machine_id(path: str) -> str | None:
    text = _text(path) or ""
    return text if len(text) >= _SHORTEST_ID else None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None


def _pid_namespace() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


_acting: ContextVar[str] = ContextVar("acting", default="")


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """What is done meanwhile is done for a person who is known by a name, whoever runs this."""
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


def user_name() -> str:
    """Who acts: for whom this is done, or who runs this; a number where the system has no name for it."""
    if name := _acting.get():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
