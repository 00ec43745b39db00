"""One job as an operating system's process: its own group, a fresh directory, a log, a time limit.

No shell is involved. When the command ends, however it ends, what is left of its process group is killed.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from typing import BinaryIO

from dbproc.model import Ending, Job, Outcome
from dbproc.report import one_line
from dbproc.secrecy import masked, public_environment
from dbproc.workspace import INPUT_LIST, JOB_MARK

GRACE_SECONDS = 5.0
"""How long a group may take to end after SIGTERM, before SIGKILL."""

TOO_LONG = (
    'its command line is longer than the system takes: raise its version with inputs_by = "file" in its table of the '
    "mission file, and have it read its inputs from the list that it is then given"
)
"""What is said of a job with too many inputs."""


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
        """Tell them."""
        self.is_set = True
        os.write(self._write, b"x")

    def close(self) -> None:
        """Give the descriptors back."""
        if self._is_open:
            self._is_open = False
            os.close(self._read)
            os.close(self._write)

    def __del__(self) -> None:
        """A run that ends by itself needs no sign."""
        self.close()


def execute(job: Job, stop: StopSign) -> Outcome:
    """Run a job to its end; never raises for what the job does."""
    started = dt.datetime.now(dt.UTC)
    try:
        os.makedirs(job.directory)
        _write_list(job)
        with open(job.log, "wb") as log:
            log.write(_header(job))
            log.flush()
            process = _start(job, log)
    except OSError as error:
        message = f"cannot start {job.command[0]}: {_not_started(job, error)}"
        return _outcome(job, Ending.FAILED, message, None, started)
    ending = _wait(process.pid, job.time_limit, stop)
    _kill_group(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if ending is None:
        ending, message = (Ending.SUCCEEDED, "") if code == 0 else (Ending.FAILED, _words(code) + _last_words(job.log))
    else:
        message = f"ran longer than {job.time_limit:g} s" if ending is Ending.TIMED_OUT else "the run was ended"
    return _outcome(
        job,
        ending,
        message,
        code,
        started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        memory_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    )


def _write_list(job: Job) -> None:
    """Write the list of its inputs, for a job that is given one: a line each, the bytes of the names as they are."""
    if job.listed is not None:
        with open(os.path.join(job.directory, INPUT_LIST), "xb") as stream:
            stream.writelines(os.fsencode(path) + b"\n" for path in job.listed)


def _not_started(job: Job, error: OSError) -> str:
    """Why the system did not start a command, in words that name what is wrong."""
    if error.errno == errno.E2BIG:
        return TOO_LONG
    if error.errno == errno.ENOEXEC:
        return "it has no interpreter line (#!), and is not a binary of this system"
    if error.errno == errno.ENOENT and error.filename == job.command[0] and os.path.exists(job.command[0]):
        return "the interpreter that its first line names, or its loader, does not exist"
    place = "" if error.filename in (None, job.command[0]) else f" ({error.filename})"
    return f"{error.strerror or error}{place}"


def _start(job: Job, log: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        job.command,
        cwd=job.directory,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**environment(), JOB_MARK: job.directory},
    )


def environment() -> dict[str, str]:
    """The environment of a code: ours without the database's password, with this Python's directory first in the path,
    because cron's has little."""
    ours = public_environment()
    path = ours.get("PATH", "/usr/bin:/bin")
    return {**ours, "PATH": os.pathsep.join((os.path.dirname(sys.executable), path))}


def _wait(pid: int, time_limit: float | None, stop: StopSign) -> Ending | None:
    """Wait for the end of the process without reaping it; when it is to end early, end its group and say why."""
    deadline = None if time_limit is None else time.monotonic() + time_limit
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(stop.fileno(), select.POLLIN)
        ready = {fd for fd, _ in poll.poll(_milliseconds(deadline))}
        if descriptor in ready:
            return None
        poll.unregister(stop.fileno())
        _kill_group(pid, signal.SIGTERM)
        poll.poll(GRACE_SECONDS * 1000)
        return Ending.INTERRUPTED if ready else Ending.TIMED_OUT
    finally:
        os.close(descriptor)


def _milliseconds(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000


def _kill_group(pid: int, number: signal.Signals) -> None:
    """Signal the group; its leader is not reaped yet, so the number cannot belong to another group."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _header(job: Job) -> bytes:
    line = f"{shlex.join(job.command)}\n\n{'-' * 80}\n\n"
    return line.encode(errors="surrogateescape")


def _last_words(log: str) -> str:
    """The last line that a failed job printed: often its error. Nothing in it moves a terminal's cursor."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, os.path.getsize(log) - 2000))
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


def _outcome(
    job: Job,
    ending: Ending,
    message: str,
    code: int | None,
    started: dt.datetime,
    *,
    cpu_seconds: float | None = None,
    memory_bytes: int | None = None,
) -> Outcome:
    return Outcome(
        job=job,
        ending=ending,
        message=message,
        exit_status=code,
        started=started,
        ended=dt.datetime.now(dt.UTC),
        cpu_seconds=cpu_seconds,
        memory_bytes=memory_bytes,
    )
