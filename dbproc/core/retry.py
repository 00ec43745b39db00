"""When a failed job is tried again. Pure."""

from __future__ import annotations

import datetime as dt

_PAST = dt.timedelta(hours=1)


def meant_try(next_try: dt.datetime | None, made: dt.datetime, longest: float, now: dt.datetime) -> dt.datetime | None:
    """When a job that failed is tried again: by now, where the clock that said when was ahead of the present one.

    Parameters
    ----------
    next_try
        What was said; None: it is given up.
    made
        When the attempt was made, or ended, by that clock.
    longest
        The longest delay, seconds.
    now
        The present time.
    """
    if next_try is None or (made <= now and (next_try - now).total_seconds() <= longest):
        return next_try
    return now - _PAST


_LONGEST_DELAY = 366 * 24 * 3600.0


_JITTER = 0.25
"""What a delay may be longer by, as a part of it: jobs that failed together are not all tried again together."""


def retry_delay(failures: int, first: float, longest: float, chance: float) -> dt.timedelta:
    """How long a job waits that failed so many times in a row.

    Parameters
    ----------
    failures
        How many times, 1 or more.
    first, longest
        Seconds to wait after the first failure, doubled with each further one, and at most.
    chance
        From 0 to 1: how much of the jitter is added, a quarter of the delay in whole; `longest` is still not exceeded.
    """
    doublings = min(failures - 1, 64)
    delay: float = min(first * 2**doublings * (1 + _JITTER * chance), longest, _LONGEST_DELAY)
    return dt.timedelta(seconds=delay)
