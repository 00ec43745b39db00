"""Processes of this machine as ``/proc`` shows them, those of jobs by their mark among them, and how they are ended.

A job's processes bear the name of its directory in their environment, :data:`JOB_MARK`, in every group and session.
Where there is no ``/proc`` of this machine's processes nothing is found but by psutil.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

JOB_MARK = "DBPROC_JOB"
"""Names a job's directory in its environment, so that what it started is known wherever it went."""

OWN: set[int] = set()
"""Children of the main thread that no job started and that are waited for elsewhere: the inspection workers."""

_MARK = f"\0{JOB_MARK}=".encode()
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05
_SET_CHILD_SUBREAPER, _GET_CHILD_SUBREAPER = 36, 37


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `start` in clock ticks since boot tells it from others that have had its number."""

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    start: str

    @property
    def is_dead(self) -> bool:
        """Whether it has ended and was only not waited for."""
        return self.state in ("Z", "X", "x")

    def __str__(self) -> str:
        return f"PID {self.pid} ({self.name})"


@lru_cache(maxsize=1)
def is_visible() -> bool:
    """Whether ``/proc`` shows the processes of this PID namespace."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def control(option: int, argument: object) -> bool:
    """Ask Linux for something about this process (``prctl``); False where that cannot be had."""
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        return bool(ctypes.CDLL(None).prctl(option, argument, 0, 0, 0) == 0)
    except (AttributeError, OSError):
        return False


def adopt(*, on: bool = True) -> bool:
    """Become the parent of all that leaves its parents below this process, or no longer; False where that cannot be."""
    return is_visible() and control(_SET_CHILD_SUBREAPER, int(on))


def is_adopting() -> bool:
    """Whether this process is the parent of all that leaves its parents below it."""
    import ctypes

    value = ctypes.c_int(0)
    return control(_GET_CHILD_SUBREAPER, ctypes.byref(value)) and value.value != 0


def look(pid: int) -> Process | None:
    """A process; None when there is none of this number."""
    text = _read(f"/proc/{pid}/stat")
    head, _, tail = text.rpartition(b")")
    fields = tail.split()
    if len(fields) < 20:
        return None
    name = head.partition(b"(")[2].decode(errors="replace")
    state, parent, group, session, start = (fields[place].decode() for place in (0, 1, 2, 3, 19))
    return Process(pid, name, state, int(parent), int(group), int(session), start)


def mark(pid: int) -> str | None:
    """The directory of the job that a process bears the mark of, nothing when it bears none.

    None when no environment is to be seen: there is none, it is another user's, or it is just being replaced, because
    the process becomes another program in this moment.
    """
    environment = _read(f"/proc/{pid}/environ")
    _, found, rest = (b"\0" + environment).partition(_MARK)
    return (os.fsdecode(rest.partition(b"\0")[0]) if found else "") if environment else None


def adopted() -> list[int] | None:
    """The children of the main thread: what it started, and what was adopted; None where that cannot be seen."""
    if not is_visible() or not _tells_children():
        return None
    before, found = None, _listed_children()
    while found != before:  # while one is waited for, the kernel's list may lack others
        before, found = found, _listed_children()
    return found


def _listed_children() -> list[int]:
    pid = os.getpid()
    return [int(word) for word in _read(f"/proc/{pid}/task/{pid}/children").split()]


@lru_cache(maxsize=1)
def _tells_children() -> bool:
    """Whether the kernel has a list of children: it is an option of its."""
    pid = os.getpid()
    return is_visible() and os.path.exists(f"/proc/{pid}/task/{pid}/children")


def descendants(pids: Iterable[int]) -> set[int]:
    """All that these processes started and that has not left its parents."""
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        new = set(_children(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def _children(pid: int) -> Iterator[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        yield from map(int, _read(f"/proc/{pid}/task/{thread}/children").split())


def marked(is_wanted: Callable[[str], bool]) -> list[Process]:
    """The processes of the machine that live and bear a mark that is wanted, but for this one."""
    if not is_visible():
        return list(_marked_without_proc(is_wanted))
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    wanted = [pid for pid in pids if pid != os.getpid() and (place := mark(pid)) and is_wanted(place)]
    return [process for pid in wanted if (process := look(pid)) is not None and not process.is_dead]


def _marked_without_proc(is_wanted: Callable[[str], bool]) -> Iterator[Process]:
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            place = process.environ().get(JOB_MARK, "")
            if process.pid != os.getpid() and place and is_wanted(place):
                group, session = os.getpgid(process.pid), os.getsid(process.pid)
                start = str(process.create_time())
                yield Process(process.pid, process.name(), "R", process.ppid(), group, session, start)


def kill(process: Process) -> None:
    """End a process at once, unless its number belongs to another one by now."""
    now = look(process.pid) if is_visible() else process
    if now is not None and now.start == process.start:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGKILL)


def kill_group(group: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal a process group, where there is one that is ours; who calls sees to it that the number is still its."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end_all(
    find: Callable[[], Sequence[Process]], seconds: float, end: Callable[[Process], None] = kill
) -> Sequence[Process]:
    """End what is found until nothing is, since what is being ended may start others; at most for so long.

    Gives what could not be ended: it waits for a disk, or belongs to another user.
    """
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while found := find():
        if time.monotonic() >= deadline:
            return found
        for process in found:
            end(process)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return ()


def _read(path: str) -> bytes:
    """What is in a file of ``/proc``; nothing when its process is gone, or is another user's."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))
    except OSError:
        return b""
    finally:
        os.close(descriptor)
