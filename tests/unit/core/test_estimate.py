"""How long jobs take on some slots."""

from __future__ import annotations

import pytest

from dbproc.core.durations import rough_text
from dbproc.core.estimate import Work, seconds_of


def test_slots_share_the_work() -> None:
    assert seconds_of([Work(3.0)] * 4, 1) == 12.0
    assert seconds_of([Work(3.0)] * 4, 2) == 6.0
    assert seconds_of([], 2) == 0.0


def test_what_is_made_from_another_waits_for_it() -> None:
    assert seconds_of([Work(3.0), Work(1.0), Work(2.0, after=(0,))], 4) == 5.0


def test_a_job_of_several_cpus_takes_as_many_slots_and_one_of_too_many_takes_all() -> None:
    assert seconds_of([Work(3.0, cpu=2), Work(3.0)], 2) == 6.0
    assert seconds_of([Work(3.0, cpu=9), Work(3.0)], 2) == 6.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.04, "0.04 s"),
        (0.234, "0.2 s"),
        (1.0, "1 s"),
        (59.0, "59 s"),
        (119.0, "119 s"),
        (180.0, "3 min"),
        (5400.0, "90 min"),
        (3 * 3600.0, "3 h"),
        (200_000.0, "2 days"),
        (9 * 86_400.0, "9 days"),
    ],
)
def test_times_are_rough(seconds: float, text: str) -> None:
    assert rough_text(seconds) == text
