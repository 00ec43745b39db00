"""Many runs that begin at the same moment: a process that has imported everything forks itself for each of them.

    python -m tests.crash.concurrent_runs 32 DIRECTORY -m mission.sqlite

The runs wait for one another before they begin. What each prints is in DIRECTORY under its PID; ``DIRECTORY/ended`` has
a line with the PID and the exit status of every run that is over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.fork_server import REPOSITORY, import_everything
from tests.crash.killer import main_of
from tests.kit.mission import Mission


@dataclass(frozen=True)
class ConcurrentRuns:
    """Runs that began together, as the one who started them sees them."""

    directory: Path

    def ended(self) -> dict[int, int]:
        """The exit statuses of the runs that are over, by PID."""
        lines = (self.directory / "ended").read_text().splitlines()
        return {int(pid): int(status) for pid, status in map(str.split, lines)}

    def said(self, pid: int) -> tuple[str, str]:
        """What a run wrote to stdout and to stderr."""
        return (self.directory / f"{pid}.out").read_text(), (self.directory / f"{pid}.err").read_text()


@contextmanager
def concurrent_runs(mission: Mission, count: int, directory: Path) -> Iterator[ConcurrentRuns]:
    """So many runs of a mission at once; at the end none of them is left."""
    directory.mkdir()
    (directory / "ended").touch()
    words = [sys.executable, "-m", "tests.crash.concurrent_runs", str(count), str(directory), "-m", mission.database]
    process = subprocess.Popen(words, cwd=REPOSITORY, env=mission.environment, start_new_session=True)
    try:
        yield ConcurrentRuns(directory)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> None:
    count, directory, arguments = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    import_everything()
    gate, opener = os.pipe()
    for _ in range(count):
        if os.fork() == 0:
            os.close(opener)
            os._exit(_perform(gate, directory, arguments))
    os.close(opener)  # the gate is open
    with (directory / "ended").open("w", buffering=1) as ended:
        for _ in range(count):
            pid, status = os.wait()
            print(pid, os.waitstatus_to_exitcode(status), file=ended)


def _perform(gate: int, directory: Path, arguments: Sequence[str]) -> int:
    """What a forked process does."""
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(directory / f"{os.getpid()}.{name}", os.O_WRONLY | os.O_CREAT), stream)
    os.read(gate, 1)
    try:
        return main_of("ProcessQueue.py")(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main()
