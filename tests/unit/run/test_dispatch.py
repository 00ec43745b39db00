"""What ended just before its run was ended, and was not recorded yet."""

from __future__ import annotations

import datetime as dt

import pytest

from dbproc.core.model import Ending, Job, Outcome
from dbproc.run.dispatch import unless_shut_down
from dbproc.system import signals

JOB = Job(attempt_id=1, command=("x",), directory="/x", log="/x.log", cpu=1, ram=0.0, time_limit=None)


@pytest.mark.parametrize(
    ("status", "seconds_before", "counts"),
    [
        (-15, 60, Ending.INTERRUPTED),  # the run was busy, and could not hear it
        (143, 60, Ending.INTERRUPTED),
        (-9, 60, Ending.INTERRUPTED),
        (1, 0.5, Ending.INTERRUPTED),  # a script whose own child was ended
        (1, 60, Ending.FAILED),
        (-11, 60, Ending.FAILED),
        (None, 0.5, Ending.FAILED),  # it was never started
    ],
)
def test_a_failure_that_comes_of_the_shutdown_is_none(
    monkeypatch: pytest.MonkeyPatch, status: int | None, seconds_before: float, counts: Ending
) -> None:
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=3 + seconds_before)
    outcome = Outcome(job=JOB, ending=Ending.FAILED, message="it", exit_status=status, started=ended, ended=ended)
    assert unless_shut_down(outcome) is outcome
    monkeypatch.setattr(signals, "seconds_since", lambda: 3.0)
    assert unless_shut_down(outcome).ending is counts
