"""Runs in processes of their own that can be told to die at a certain step."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from dbproc import cycle
from dbproc.core.events import Report
from dbproc.database.store import Store
from dbproc.run.selection import Options

STEPS = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "subprocess.Popen"})

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def run(database: str, options: Options, last_step: int | None = None) -> bool:
    """One run; True when it came to its end.

    With `last_step` it is a process that is killed, as by ``kill -9``, before that step: a commit, or a change of the
    file system.
    """
    if last_step is None:
        return run_here(database, options)
    process = _PROCESSES.Process(target=_run, args=(database, options, last_step))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"the run ended with {process.exitcode}"
    return process.exitcode == 0


def run_here(database: str, options: Options) -> bool:
    report = Report()
    with Store(database) as store:
        cycle.run(store, options, report)
    assert report.exit_status == 0, report.events
    return True


def _run(database: str, options: Options, last_step: int) -> None:
    report = Report()
    with Store(database) as store:
        _die_at(store, last_step)
        cycle.run(store, options, report)
    sys.exit(report.exit_status)


def _die_at(store: Store, last_step: int) -> None:
    steps = 0

    def step(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps >= last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, _: object) -> None:
        if name in STEPS:
            step()

    event.listen(store.engine, "commit", step)
    sys.addaudithook(audit)
