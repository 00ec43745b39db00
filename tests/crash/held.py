"""A mission whose jobs wait, having begun, as long as they are held: what happens to a run happens meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from dbproc.system.processes import JOB_MARK
from tests.crash.picture import Picture, picture
from tests.kit.mission import LONGEST_SECONDS, PROCESS_QUEUE, REPOSITORY, Mission, chain, name_of, wait_for

DAYS = (1, 2, 3)
RAW = [name_of("raw", day) for day in DAYS]
ALL = sorted(name_of(product, day) for product in ("raw", "clean", "smooth") for day in DAYS)
DELIVERED = 1_577_836_800

CLEAN = """#!/bin/sh
home="${0%/*}/../.."
if [ -e "$home/held" ]; then
    . "$home/prepared"
    : > "$home/began"
    while [ -e "$home/held" ]; do sleep 0.05; done
fi
printf 'clean(%s)' "$(cat "$1")" > "$2"
"""
"""Waits in a loop of processes of its own. It finds its mission by its own name: its bytes are the same anywhere."""


class Held(Mission):
    """Raw data of three days, cleaned by jobs that can be held, and smoothed.

    A run to which something happens is a process of its own; those before and after it are in this one.

    `undisturbed`: what an undisturbed run makes of it, when it is asked for.
    """

    def __init__(self, root: Path, database: str, undisturbed: Callable[[], Picture]) -> None:
        super().__init__(root, database)
        self._undisturbed = undisturbed

    def set_up(self, retry_seconds: float = 0) -> Held:
        """Define the mission, and deliver; what fails is tried again by the next run, or after so many seconds."""
        self.code("to_clean.sh", CLEAN)
        self.create(*chain(), retry_seconds=retry_seconds)
        self.deliver(*RAW)
        return self

    def deliver(self, *names: str, content: str | None = None) -> None:
        super().deliver(*names, content=content)
        for name in names:
            os.utime(self.incoming / name, (DELIVERED, DELIVERED))

    # --- jobs ---

    @property
    def _mark(self) -> Path:
        return self.root.parent / "held"

    def hold(self, prepared: str = ":") -> None:
        """From now on jobs wait; `prepared`: shell that each executes when it begins."""
        (self.root.parent / "prepared").write_text(prepared)
        (self.root.parent / "began").unlink(missing_ok=True)
        self._mark.touch()

    def let_go(self) -> None:
        self._mark.unlink(missing_ok=True)

    def start_held(self, *arguments: str, prepared: str = ":") -> subprocess.Popen[str]:
        """A run, one of whose jobs has begun and waits."""
        self.hold(prepared)
        run = self.start(*arguments)
        wait_for(lambda: (self.root.parent / "began").exists() or run.poll() is not None, "a job to begin")
        assert run.poll() is None, run.communicate()
        return run

    def jobs(self) -> list[psutil.Process]:
        """Everything that was started by a job, whatever its group, and still lives."""
        found = []
        for process in psutil.process_iter():
            try:
                place = process.environ().get(JOB_MARK, "")
                if place.startswith(f"{self.root}/") and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def end_one_of_two_jobs(self, run: subprocess.Popen[str]) -> None:
        """Have a job of a run die, of two that wait."""
        wait_for(lambda: len(self._jobs_of(run)) == 2, "two jobs")
        self._jobs_of(run)[0].kill()

    def _jobs_of(self, run: subprocess.Popen[str]) -> list[psutil.Process]:
        jobs = self.jobs()
        return [process for process in psutil.Process(run.pid).children() if process in jobs]

    def end_jobs(self) -> None:
        """Leave nothing behind, however a test went."""
        self.let_go()
        for process in self.jobs():
            process.kill()

    # --- running with less ---

    def run_restricted(
        self, *limits: str, program: Sequence[str] = (PROCESS_QUEUE,)
    ) -> subprocess.CompletedProcess[str]:
        """A run, or another program, of less means than usual, see :mod:`tests.crash.restricted`."""
        done = self._by("tests.crash.restricted", *limits, "--", *program, "-m", self.database)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def die_on(self, point: str) -> None:
        """A run that is killed at the first point of a kind, see :mod:`tests.crash.killer`."""
        done = self._by("tests.crash.killer", "--on", point, "--", "-m", self.database)
        assert done.returncode == -signal.SIGKILL, done

    def _by(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )

    # --- looking ---

    def open_runs(self) -> int:
        return int(self.one("SELECT count(*) FROM logging WHERE currently_processing"))

    def picture(self) -> Picture:
        """What the mission is, wherever it is, but for attempts that failed: a want that is over has left them."""
        seen = picture(self)
        lines = [line for line in seen.lines if not (line.startswith("attempt") and "failed" in line)]
        return Picture(tuple(sorted(line.replace(str(self.root.parent), "HOME") for line in lines)))

    def check_is_like_undisturbed(self) -> None:
        """The mission is what an undisturbed run makes of it, and a further run changes nothing."""
        assert sorted(self.files()) == ALL
        difference = self.picture().difference(self._undisturbed())
        assert not difference, "\n".join(difference)
        before = self.state()
        self.run()
        assert self.state() == before
