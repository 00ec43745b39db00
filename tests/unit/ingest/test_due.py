"""When a source is looked at again."""

from __future__ import annotations

import datetime as dt

from dbproc.core.places import SourceSpec
from dbproc.database.remotefiles import Look
from dbproc.ingest.due import is_due

NOW = dt.datetime(2024, 5, 6, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
SOURCE = SourceSpec(name="x", url="file:///x", every=HOUR)


def due(looked: dt.timedelta, following: dt.timedelta | None, failures: int = 0) -> bool:
    """Whether it is due now: when it was looked at and is looked at next, from now on."""
    following_time = None if following is None else NOW + following
    return is_due(
        SOURCE, Look(source="x", look_time=NOW + looked, next_time=following_time, failures=failures, problem=None), NOW
    )


def test_it_is_due_when_nobody_looked_and_when_its_time_has_come() -> None:
    assert is_due(SOURCE, None, NOW)
    assert due(-2 * HOUR, dt.timedelta(0))
    assert due(-HOUR / 2, None)
    assert not due(-HOUR / 2, HOUR / 2)


def test_a_shorter_every_in_the_mission_file_counts_at_once() -> None:
    assert due(-HOUR, 9 * HOUR)


def test_one_that_could_not_be_listed_waits_as_long_as_was_said() -> None:
    assert not due(-2 * HOUR, HOUR / 2, failures=3)
    assert due(-2 * HOUR, dt.timedelta(0), failures=3)


def test_what_a_clock_said_that_was_ahead_does_not_count() -> None:
    assert due(dt.timedelta(days=9), dt.timedelta(days=9) + HOUR)


def test_an_every_without_end_is_never_over() -> None:
    forever = SourceSpec(name="x", url="file:///x", every=dt.timedelta.max)
    assert not is_due(forever, Look(source="x", look_time=NOW, next_time=NOW + HOUR, failures=0, problem=None), NOW)
