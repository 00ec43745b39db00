"""When a job that failed is tried again."""

from __future__ import annotations

import datetime as dt

from dbproc.core.retry import retry_delay


def test_a_delay_doubles_from_failure_to_failure_up_to_the_longest() -> None:
    delays = [retry_delay(failures, 300, 3600, 0).total_seconds() for failures in range(1, 7)]
    assert delays == [300, 600, 1200, 2400, 3600, 3600]
    assert retry_delay(10_000, 300, 86400, 0) == dt.timedelta(days=1)


def test_chance_makes_a_delay_longer_by_a_quarter_at_most_and_never_longer_than_the_longest() -> None:
    assert retry_delay(1, 400, 3600, 0.5) == dt.timedelta(seconds=450)
    assert retry_delay(1, 400, 3600, 1) == dt.timedelta(seconds=500)
    assert retry_delay(4, 400, 3600, 1) == dt.timedelta(hours=1)


def test_what_may_be_tried_at_once_is() -> None:
    assert retry_delay(3, 0, 3600, 1) == dt.timedelta(0)
