"""What a run does for staging: requests whose time is over are ended, and those of which files wait are worked at."""

from __future__ import annotations

import datetime as dt
import time

from dbproc.changes.staging.answer import StageAnswer
from dbproc.changes.staging.work import due, work
from dbproc.core.errors import TransferError, UserError
from dbproc.core.events import Event, Report
from dbproc.core.states import StageState
from dbproc.core.text import size_words
from dbproc.database.store import Store

_SECONDS = 300.0
"""So long a run goes on with what was asked for; what is left goes on where it is, in the next one."""


def work_off(store: Store, run_id: int, report: Report) -> None:
    """End what is over, and place what waits; what is in the way is told, and tried again by the next run."""
    until = time.monotonic() + _SECONDS
    over, waiting = due(store, dt.datetime.now(dt.UTC))
    for stage_id in (*over, *waiting):
        if time.monotonic() >= until:
            return
        try:
            done = work(store, stage_id, run_id=run_id, until=until)
        except (TransferError, UserError) as error:
            report.add(Event.PROBLEM, f"request {stage_id}", f"{error}; the next run tries it again")
            continue
        _tell(report, done)


def _tell(report: Report, done: StageAnswer) -> None:
    name = f"request {done.stage_id}"
    if done.removed_time is not None:
        report.add(Event.NOTE, name, f"its time was over; taken out: {_files(done.count(StageState.REMOVED))}")
        return
    failed = [file for file in done.files if file.state is StageState.FAILED]
    if done.state is StageState.FAILED:
        more = f" and {len(failed) - 1:,} more" if len(failed) > 1 else ""
        report.add(Event.PROBLEM, name, f"{failed[0].target}{more} cannot be placed: {failed[0].reason}")
    elif done.state is StageState.PLACED:
        report.add(Event.NOTE, name, f"placed: {_files(len(done.files))}, {size_words(done.size)}")


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"
