"""One job as an operating system's process: its own group, a fresh directory, a log, a time limit.

No shell is involved. When the command ends, however it ends, all that it started is ended, too. What goes wrong in
looking after a job is that job's outcome.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import select
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from dbproc.core.model import FIRST, LAST, Ending, Job, Outcome
from dbproc.core.redaction import masked
from dbproc.core.text import one_line
from dbproc.engines.environment import public_environment
from dbproc.engines.strays import Family, Strays
from dbproc.storage.removal import open_up
from dbproc.storage.workspace import INPUT_LIST
from dbproc.system.processes import JOB_MARK, Process, kill_group, look
from dbproc.system.signals import MOMENT, is_deadly, time_left

GRACE_SECONDS = 5.0
"""How long a group may take to end after SIGTERM, before SIGKILL."""

TOO_LONG = (
    'its command line is longer than the system takes: raise its version with inputs_by = "file" in its table of the '
    "mission file, and have it read its inputs from the list that it is then given"
)
"""What is said of a job with too many inputs."""

KILL_SECONDS = 30.0
"""How long what got SIGKILL may take to end: one that waits for a disk may never."""

_KILL_SECONDS_OF_RUN = 1.0  # when the run is to end
_LONGEST_POLL = 3600.0  # seconds; poll takes at most 24.8 days
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05


class StopSign:
    """Tells every running job to end: a file descriptor that becomes readable."""

    def __init__(self) -> None:
        self._is_open = False
        self._read, self._write = os.pipe()
        self._is_open = True
        self.is_set = False

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._read

    def set(self) -> None:
        """Tell them; once more changes nothing."""
        if not self.is_set and self._is_open:
            self.is_set = True
            os.write(self._write, b"x")

    def wait(self, seconds: float) -> bool:
        """Whether it is set within so many seconds."""
        poller = select.poll()
        poller.register(self._read, select.POLLIN)
        return self.is_set or bool(poller.poll(seconds * 1000))

    def close(self) -> None:
        """Give the descriptors back."""
        if self._is_open:
            self._is_open = False
            os.close(self._read)
            os.close(self._write)

    def __del__(self) -> None:
        """A run that ends by itself needs no sign."""
        self.close()


def execute(job: Job, stop: StopSign, strays: Strays) -> Outcome:
    """Run a job to its end. Never raises: failures of the job and of the system become the outcome."""
    started = dt.datetime.now(dt.UTC)
    try:
        process = _begin(job)
    except BaseException as error:
        return failed(job, _not_started(job, error), started)
    try:
        return _attend(job, process, stop, strays, started)
    except BaseException as error:
        _abandon(process)
        return failed(job, f"the run could not look after it: {in_words(error)}", started)


def failed(job: Job, message: str, started: dt.datetime | None = None) -> Outcome:
    """The outcome of a job of which nothing else is known."""
    now = dt.datetime.now(dt.UTC)
    return Outcome(job=job, ending=Ending.FAILED, message=message, exit_status=None, started=started or now, ended=now)


def in_words(error: BaseException) -> str:
    """What an exception says that nobody has foreseen."""
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    name = type(error).__name__
    return one_line(f"{name}: {text}" if text and not isinstance(error, OSError) else text or name)


def _begin(job: Job) -> subprocess.Popen[bytes]:
    os.mkdir(job.directory)  # and not what it is in: the root may be gone
    _write_list(job)
    with open(job.log, "wb", opener=_opened_log) as log:
        log.write(_header(job))
        log.flush()
        return subprocess.Popen(
            job.command,
            cwd=job.run_in or job.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**environment(job.path), JOB_MARK: job.directory},
        )


def _opened_log(path: str, flags: int) -> int:
    """Open a log to be written; no fifo or link that another job has put there holds it up or leads elsewhere."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def _write_list(job: Job) -> None:
    """Write the list of its inputs, for a job that is given one: a line each, the bytes of the names as they are."""
    if job.listed is not None:
        with open(os.path.join(job.directory, INPUT_LIST), "xb") as stream:
            stream.writelines(os.fsencode(path) + b"\n" for path in job.listed)


def environment(path: tuple[str, ...] = (FIRST,)) -> dict[str, str]:
    """The environment of a code: ours without the database's password. This Python's directory is in its path, because
    cron's has little: first, last, or last after directories that go first."""
    ours, own = public_environment(), os.path.dirname(sys.executable)
    users = ours.get("PATH", "/usr/bin:/bin")
    places = (own, users) if path == (FIRST,) else (*(() if path == (LAST,) else path), users, own)
    return {**ours, "PATH": os.pathsep.join(places)}


def _not_started(job: Job, error: BaseException) -> str:
    """Why a job could not be started."""
    begin = f"cannot start {job.command[0]}: "
    if isinstance(error, UnicodeEncodeError):
        what = error.object[error.start : error.end]
        return f"{begin}an argument holds {what!a}, which cannot be written in {error.encoding}; run it in UTF-8"
    if isinstance(error, ValueError) and any("\0" in word for word in job.command):
        return f"{begin}an argument holds a NUL byte, which no command line can"
    if isinstance(error, OSError):
        return f"{begin}{_refused_by_system(job, error)}"
    return f"{begin}{in_words(error)}"


def _refused_by_system(job: Job, error: OSError) -> str:
    """Why the system did not start a command, in words that name what is wrong."""
    if error.errno == errno.E2BIG:
        return TOO_LONG
    if error.errno == errno.ENOEXEC:
        return "it has no interpreter line (#!), and is not a binary of this system"
    if error.errno == errno.ENOENT and error.filename == job.command[0] and os.path.exists(job.command[0]):
        return "the interpreter that its first line names, or its loader, does not exist"
    if job.run_in and not os.path.isdir(job.run_in):
        return f"the directory in which it is to run, {job.run_in}, does not exist; make it, or correct run_in"
    place = "" if error.filename in (None, job.command[0]) else f" ({error.filename})"
    return f"{error.strerror or error}{place}"


@dataclass(frozen=True, slots=True)
class _End:
    """How a job's first process ended, and what could not be ended of what it started."""

    ending: Ending | None
    status: int | None
    usage: tuple[float | None, int | None] = (None, None)
    left: Sequence[Process] = ()


def _attend(
    job: Job, process: subprocess.Popen[bytes], stop: StopSign, strays: Strays, started: dt.datetime
) -> Outcome:
    """Wait for a job's end, or bring it about, end what it left, and say what came of it."""
    end = _wait(process, job, stop, strays)
    process.returncode = end.status  # None: subprocess waits for it whenever it starts another
    ending, message = _judged(job, end, stop)
    if end.left:
        names = ", ".join(map(str, end.left[:5]))
        message = f"{message or 'it ended'}; what it started cannot be ended: {names}"
        ending = Ending.FAILED if ending is Ending.SUCCEEDED else ending
    if end.status is not None:
        open_up(job.directory)
    seconds, memory = end.usage
    outcome = failed(job, message, started)
    return replace(outcome, ending=ending, exit_status=end.status, cpu_seconds=seconds, memory_bytes=memory)


def _judged(job: Job, end: _End, stop: StopSign) -> tuple[Ending, str]:
    """What an end means. Ended by a signal a moment before the run hears it, too, it was interrupted: that is how a
    machine is shut down."""
    interrupted = Ending.INTERRUPTED, "the run was ended"
    if end.ending is Ending.TIMED_OUT:
        return Ending.TIMED_OUT, f"ran longer than {job.time_limit:g} s"
    if end.ending is Ending.INTERRUPTED or end.status is None:
        return interrupted
    if end.status == 0:
        return Ending.SUCCEEDED, ""
    if stop.is_set or (is_deadly(end.status) and stop.wait(MOMENT)):
        return interrupted
    return Ending.FAILED, _words(end.status) + _last_words(job.log)


def _wait(process: subprocess.Popen[bytes], job: Job, stop: StopSign, strays: Strays) -> _End:
    """Wait for the end of the process; when it is to end early, end its group and say why. Then end what is left.

    It is not reaped before, so that its number cannot belong to another group.
    """
    family = Family(job.directory, process.pid)
    with _Watch(process.pid, stop) as watch:
        event = watch.wait(job.time_limit)
        if event is not _Event.ENDED:
            strays.note(family)
            kill_group(process.pid, signal.SIGTERM)
            watch.wait(GRACE_SECONDS, heeds_stop=False)
        found = strays.find(family)
        kill_group(process.pid)
        if watch.wait(_kill_seconds(stop), heeds_stop=False) is not _Event.ENDED:
            left = [*filter(None, [look(process.pid)]), *strays.end(family, _LONGEST_PAUSE)]
            return _End(_ENDINGS[event], None, left=left)
        left = [*strays.end(family, _kill_seconds(stop))] if found or event is not _Event.ENDED else []
    _, status, usage = os.wait4(process.pid, 0)
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    code = os.waitstatus_to_exitcode(status)
    return _End(_ENDINGS[event], code, (usage.ru_utime + usage.ru_stime, memory), left)


def _kill_seconds(stop: StopSign) -> float:
    return time_left(_KILL_SECONDS_OF_RUN if stop.is_set else KILL_SECONDS)


class _Event(Enum):
    """What came first."""

    ENDED = "ended"
    STOPPED = "stopped"
    LATE = "late"


_ENDINGS = {_Event.ENDED: None, _Event.STOPPED: Ending.INTERRUPTED, _Event.LATE: Ending.TIMED_OUT}


class _Watch:
    """Waits for the end of a process without reaping it: by a descriptor, or, where there is none, by asking."""

    def __init__(self, pid: int, stop: StopSign) -> None:
        self._pid = pid
        self._stop = stop
        try:
            self._descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):  # an old kernel, a container that forbids it, no descriptor left
            self._descriptor = -1

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def wait(self, seconds: float | None, *, heeds_stop: bool = True) -> _Event:
        """Wait for its end for so many seconds, None for ever; with `heeds_stop` also for the sign."""
        deadline = None if seconds is None else time.monotonic() + seconds
        pause = _LONGEST_POLL if self._descriptor >= 0 else _FIRST_PAUSE
        while True:
            left = _LONGEST_POLL if deadline is None else max(0.0, deadline - time.monotonic())
            ready = self._poll(min(left, pause), heeds_stop=heeds_stop)
            if self._descriptor in ready or (self._descriptor < 0 and self._has_ended()):
                return _Event.ENDED
            if ready:
                return _Event.STOPPED
            if deadline is not None and time.monotonic() >= deadline:
                return _Event.LATE
            pause = pause if self._descriptor >= 0 else min(2 * pause, _LONGEST_PAUSE)

    def _poll(self, seconds: float, *, heeds_stop: bool) -> set[int]:
        poller = select.poll()
        if self._descriptor >= 0:
            poller.register(self._descriptor, select.POLLIN)
        if heeds_stop:
            poller.register(self._stop.fileno(), select.POLLIN)
        return {descriptor for descriptor, _ in poller.poll(seconds * 1000)}

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """End a process that cannot be looked after."""
    kill_group(process.pid)
    with suppress(BaseException):  # there is an outcome already
        process.wait(timeout=_KILL_SECONDS_OF_RUN)


def _header(job: Job) -> bytes:
    line = f"{shlex.join(job.command)}\n\n{'-' * 80}\n\n"
    try:
        return line.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return line.encode(errors="backslashreplace")


def _last_words(log: str) -> str:
    """The last line that a failed job printed: often its error. Nothing in it moves a terminal's cursor."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a job may leave a fifo in its place
        with open(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return ""
            stream.seek(max(0, status.st_size - 2000))
            lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    last = next((line for line in reversed(lines) if line), "")
    return "" if not last or last == "-" * 80 else f": {masked(one_line(last[:200]))}"


def _words(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
